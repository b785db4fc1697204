"""Services as IPVS virtual servers, with the ipsets and iptables rules that go with them.

Source: ``syncProxyRules`` and ``syncEndpoint`` in ``pkg/proxy/ipvs/proxier.go``, Kubernetes
v1.37 (where IPVS mode is deprecated and behind a feature gate). IPVS balances; iptables only
marks what must be masqueraded, by looking addresses up in ipsets.

IPVS mode differs from the others where a virtual server cannot: it has one list of real
servers, whoever asks. So under ``externalTrafficPolicy: Local`` pods get only local endpoints
too; without any, the list holds remote ones, for pods, and replies to outsiders are lost.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from fractions import Fraction
from ipaddress import ip_address, ip_network
from typing import Literal, NamedTuple

from k8snet_lessons.control.decision import Decision, Flow
from k8snet_lessons.control.ipvs_rules import accompanying_rules
from k8snet_lessons.control.nodeports import node_in_ranges, node_port_frontends
from k8snet_lessons.control.options import ProxyOptions
from k8snet_lessons.control.rules import IptablesRuleset
from k8snet_lessons.control.service_port import Endpoint, ServicePort, ip_and_port
from k8snet_lessons.control.services import NodeView

_FLAGS = {"tcp": "-t", "udp": "-u", "sctp": "--sctp-service"}

# Set name: type, in the order in which kube-proxy makes them.
SET_TYPES: Mapping[str, str] = {
    "KUBE-LOOP-BACK": "hash:ip,port,ip",
    "KUBE-CLUSTER-IP": "hash:ip,port",
    "KUBE-EXTERNAL-IP": "hash:ip,port",
    "KUBE-EXTERNAL-IP-LOCAL": "hash:ip,port",
    "KUBE-LOAD-BALANCER": "hash:ip,port",
    "KUBE-LOAD-BALANCER-FW": "hash:ip,port",
    "KUBE-LOAD-BALANCER-LOCAL": "hash:ip,port",
    "KUBE-LOAD-BALANCER-SOURCE-IP": "hash:ip,port,ip",
    "KUBE-LOAD-BALANCER-SOURCE-CIDR": "hash:ip,port,net",
    "KUBE-NODE-PORT-TCP": "bitmap:port",
    "KUBE-NODE-PORT-LOCAL-TCP": "bitmap:port",
    "KUBE-NODE-PORT-UDP": "bitmap:port",
    "KUBE-NODE-PORT-LOCAL-UDP": "bitmap:port",
    "KUBE-NODE-PORT-SCTP-HASH": "hash:ip,port",
    "KUBE-NODE-PORT-LOCAL-SCTP-HASH": "hash:ip,port",
    "KUBE-HEALTH-CHECK-NODE-PORT": "bitmap:port",
    "KUBE-IPVS-IPS": "hash:ip",
}


class RealServer(NamedTuple):
    """An endpoint behind a virtual server.

    ``local`` is whether it is on this node; the kernel's table does not say.
    """

    address: str
    weight: int = 1
    local: bool = False


@dataclass(frozen=True, slots=True)
class VirtualServer:
    """An address, port and protocol that IPVS answers for.

    ``persistent_s`` is how long a client stays with its real server, seconds; 0 is not at all.
    """

    ip: str
    port: int
    protocol: str
    scheduler: str
    real_servers: tuple[RealServer, ...] = ()
    persistent_s: int = 0

    @property
    def address(self) -> str:
        """``"ip:port"``, or ``"[ip]:port"`` for IPv6."""
        return ip_and_port(self.ip, self.port)


@dataclass(frozen=True, slots=True)
class IpvsRuleset:
    """What IPVS mode programs for one address family.

    Attributes
    ----------
    servers : dict
        Virtual servers by ``(ip, port, protocol)``.
    sets : dict of str to tuple of str
        Entries of each ipset, as ``ipset add`` takes them.
    bound : tuple of str
        Addresses on the dummy interface ``kube-ipvs0``, which make the kernel take packets
        for them in.
    rules : IptablesRuleset
        The iptables rules, a fixed number whatever the number of Services.
    """

    servers: dict[tuple[str, int, str], VirtualServer]
    sets: dict[str, tuple[str, ...]]
    bound: tuple[str, ...]
    rules: IptablesRuleset
    family: Literal[4, 6]
    local_addresses: frozenset[str]
    options: ProxyOptions
    mode: Literal["ipvs"] = field(default="ipvs", init=False)

    def to_text(self) -> str:
        """Write virtual and real servers as ``ipvsadm-save -n`` does.

        Returns
        -------
        str
            Input for ``ipvsadm --restore``.
        """
        lines = []
        for server in self.servers.values():
            flag = _FLAGS[server.protocol]
            persistent = f" -p {server.persistent_s}" if server.persistent_s else ""
            # For "mh" (Maglev) kube-proxy sets the flag that makes it hash the port too.
            hashed = " -b mh-port" if server.scheduler == "mh" else ""
            lines.append(f"-A {flag} {server.address} -s {server.scheduler}{persistent}{hashed}")
            lines += [
                f"-a {flag} {server.address} -r {real.address} -m -w {real.weight}"
                for real in server.real_servers
            ]
        lines.append("")
        return "\n".join(lines)

    def ipset_text(self) -> str:
        """Write the sets as ``ipset save`` does.

        Returns
        -------
        str
            Input for ``ipset restore``.
        """
        family = "inet" if self.family == 4 else "inet6"
        lines = []
        for name, kind in SET_TYPES.items():
            size = (
                "range 0-65535"
                if kind == "bitmap:port"
                else (f"family {family} hashsize 1024 maxelem 65536")
            )
            own = name if self.family == 4 else name.replace("KUBE-", "KUBE-6-", 1)
            lines.append(f"create {own} {kind} {size}")
            lines += [f"add {own} {entry}" for entry in self.sets.get(name, ())]
        lines.append("")
        return "\n".join(lines)

    def lookup(self, flow: Flow) -> Decision:
        """Say where a new connection goes: one hash lookup, then the scheduler.

        Round robin is told as what it comes to over many connections: equal shares.

        Parameters
        ----------
        flow : Flow

        Returns
        -------
        Decision
        """
        server = self.servers.get((flow.destination, flow.port, flow.protocol))
        key = f"{flow.destination}:{flow.port}/{flow.protocol}"
        step = f"virtual server {key}: {'yes' if server else 'no'}"
        if server is None:
            # A bound address takes packets in, and KUBE-IPVS-FILTER refuses strange ports.
            if flow.destination in self.bound:
                return Decision("reject", steps=(step, "reject: in KUBE-IPVS-IPS"))
            return Decision("accept", steps=(step,))
        if self._filtered(flow):
            return Decision("drop", steps=(step, "drop: outside loadBalancerSourceRanges"))
        if not server.real_servers:
            return Decision("reject", steps=(step, "reject: no real server"))
        chosen = [real for real in server.real_servers if real.address == flow.affinity]
        reals = chosen if chosen and server.persistent_s else list(server.real_servers)
        total = sum(real.weight for real in reals)
        masquerade = self._marked(flow)
        steps = (step, f"scheduler {server.scheduler}: one of {len(reals)}")
        if flow.origin == "external" and not masquerade:
            # A pod on another node answers with its own address, which the client drops.
            if not any(real.local for real in reals):
                return Decision("drop", steps=(*steps, "the answer of a remote pod is lost"))
            reals = [real for real in reals if real.local]
            total = sum(real.weight for real in reals)
        return Decision(
            "accept",
            {real.address: Fraction(real.weight, total) for real in reals},
            frozenset(real.address for real in reals if masquerade or self._loops_back(flow, real)),
            steps,
        )

    def _filtered(self, flow: Flow) -> bool:
        entry = f"{flow.destination},{flow.protocol}:{flow.port}"
        if entry not in self.sets["KUBE-LOAD-BALANCER-FW"]:
            return False
        if f"{entry},{flow.source}" in self.sets["KUBE-LOAD-BALANCER-SOURCE-IP"]:
            return False
        source = ip_address(flow.source)
        ranges = (
            text.removeprefix(f"{entry},")
            for text in self.sets["KUBE-LOAD-BALANCER-SOURCE-CIDR"]
            if text.startswith(f"{entry},")
        )
        return not any(source in ip_network(text) for text in ranges)

    def _marked(self, flow: Flow) -> bool:
        """Whether KUBE-SERVICES marks the packet for masquerading."""
        entry = f"{flow.destination},{flow.protocol}:{flow.port}"
        if ip_address(flow.source).is_loopback:
            return False
        if entry in self.sets["KUBE-LOAD-BALANCER"]:
            return entry not in self.sets["KUBE-LOAD-BALANCER-LOCAL"]
        if entry in self.sets["KUBE-EXTERNAL-IP"]:
            return True
        if entry in self.sets["KUBE-CLUSTER-IP"]:
            if self.options.masquerade_all:
                return True
            cidr = self.options.local_cidr
            if cidr:
                return ip_address(flow.source) not in ip_network(cidr, strict=False)
            return f"{flow.source},{flow.protocol}:{flow.port}" == entry
        if flow.destination in self.local_addresses:
            kind = flow.protocol.upper()
            listed = f"KUBE-NODE-PORT-{kind}" + ("-HASH" if kind == "SCTP" else "")
            local = f"KUBE-NODE-PORT-LOCAL-{kind}" + ("-HASH" if kind == "SCTP" else "")
            port = entry if kind == "SCTP" else str(flow.port)
            return port in self.sets[listed] and port not in self.sets[local]
        return False

    def _loops_back(self, flow: Flow, real: RealServer) -> bool:
        ip, _, port = real.address.rpartition(":")
        ip = ip.strip("[]")
        return (
            flow.source == ip
            and f"{ip},{flow.protocol}:{port},{ip}" in (self.sets["KUBE-LOOP-BACK"])
        )


def program_ipvs(view: NodeView) -> IpvsRuleset:
    """Write one node's Services as virtual servers.

    Parameters
    ----------
    view : NodeView

    Returns
    -------
    IpvsRuleset
    """
    program = _Program(view)
    for port in view.services:
        program.add(port)
    return program.finish()


class _Program:
    """Gathers servers and set entries of one node."""

    def __init__(self, view: NodeView) -> None:
        self.view = view
        self.options = view.options
        self.servers: dict[tuple[str, int, str], VirtualServer] = {}
        self.sets: dict[str, dict[str, None]] = {name: {} for name in SET_TYPES}
        self.node_ips = node_port_frontends(view)
        self.no_node_access: list[tuple[str, str, int]] = []

    def add(self, port: ServicePort) -> None:
        """Add the virtual servers and set entries of one Service port."""
        for endpoint in port.endpoints:
            if endpoint.local:
                ip, number = endpoint.ip, endpoint.port
                self._put("KUBE-LOOP-BACK", f"{ip},{port.protocol}:{number},{ip}")
        self._put("KUBE-CLUSTER-IP", _entry(port, port.cluster_ip))
        self._serve(port, port.cluster_ip, port.port, port.internal_local)
        for ip in port.external_ips:
            kind = "KUBE-EXTERNAL-IP-LOCAL" if port.external_local else "KUBE-EXTERNAL-IP"
            self._put(kind, _entry(port, ip))
            self._serve(port, ip, port.port, port.external_local)
        for ip in port.balancer_ips:
            self._balancer(port, ip)
        if port.node_port:
            self._node_port(port)
        if port.health_check_node_port:
            self._put("KUBE-HEALTH-CHECK-NODE-PORT", str(port.health_check_node_port))

    def _put(self, name: str, entry: str) -> None:
        self.sets[name][entry] = None

    def _balancer(self, port: ServicePort, ip: str) -> None:
        entry = _entry(port, ip)
        self._put("KUBE-LOAD-BALANCER", entry)
        if port.external_local:
            self._put("KUBE-LOAD-BALANCER-LOCAL", entry)
        if port.source_ranges:
            self._put("KUBE-LOAD-BALANCER-FW", entry)
            for cidr in port.source_ranges:
                self._put("KUBE-LOAD-BALANCER-SOURCE-CIDR", f"{entry},{cidr}")
            if node_in_ranges(self.view, port):
                self._put("KUBE-LOAD-BALANCER-SOURCE-IP", f"{entry},{ip}")
            else:
                self.no_node_access.append((ip, port.protocol, port.port))
        self._serve(port, ip, port.port, port.external_local)

    def _node_port(self, port: ServicePort) -> None:
        kind = port.protocol.upper()
        suffix = f"{kind}-HASH" if kind == "SCTP" else kind
        entries = [str(port.node_port)]
        if kind == "SCTP":
            entries = [f"{ip},sctp:{port.node_port}" for ip in self.node_ips]
        for entry in entries:
            self._put(f"KUBE-NODE-PORT-{suffix}", entry)
            if port.external_local:
                self._put(f"KUBE-NODE-PORT-LOCAL-{suffix}", entry)
        for ip in self.node_ips:
            self._serve(port, ip, port.node_port, port.external_local)

    def _serve(self, port: ServicePort, ip: str, number: int, local_only: bool) -> None:
        endpoints: tuple[Endpoint, ...] = port.cluster_endpoints
        if local_only and port.local_endpoints:
            endpoints = port.local_endpoints
        self.servers[ip, number, port.protocol] = VirtualServer(
            ip=ip,
            port=number,
            protocol=port.protocol,
            scheduler=self.options.scheduler,
            real_servers=tuple(RealServer(e.address, 1, e.local) for e in endpoints),
            persistent_s=port.affinity_s,
        )

    def finish(self) -> IpvsRuleset:
        """Bind addresses, write the iptables rules, and freeze."""
        bound = dict.fromkeys(
            ip
            for port in self.view.services
            for ip in (port.cluster_ip, *port.external_ips, *port.balancer_ips)
            if ip not in self.view.local_addresses
        )
        self.sets["KUBE-IPVS-IPS"] = bound
        sets = {name: tuple(entries) for name, entries in self.sets.items()}
        return IpvsRuleset(
            servers=self.servers,
            sets=sets,
            bound=tuple(bound),
            rules=accompanying_rules(self.view, sets, self.no_node_access),
            family=6 if self.options.family == 6 else 4,
            local_addresses=self.view.local_addresses,
            options=self.options,
        )


def _entry(port: ServicePort, ip: str) -> str:
    return f"{ip},{port.protocol}:{port.port}"
