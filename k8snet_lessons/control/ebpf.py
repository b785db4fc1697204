"""Services as eBPF maps, in the shape of Cilium's.

A service map holds frontends; slot 0 of a frontend has its flags and number of backends, the
slots after it name backends by id; a backend map holds their addresses. Connections that
start on the node (pods and host processes) are translated at ``connect()``, before there is a
packet: no rewriting, no masquerading, no conntrack entry of netfilter's. What comes from
outside is translated packet by packet at the device, and masqueraded only if its backend is on
another node.

Sources: ``pkg/loadbalancer`` and ``bpf/lib/lb.h`` of Cilium; its documentation on kube-proxy
replacement. Where this is a choice of configuration: without netkit or XDP, mode SNAT,
``bpf.lbExternalClusterIP`` on (Cilium's default is off, and cluster IPs are then not served to
outsiders) so that the four modes can be compared.
"""

from dataclasses import dataclass, field
from fractions import Fraction
from ipaddress import ip_address, ip_network
from typing import Literal, NamedTuple

from k8snet_lessons.control.decision import Decision, Flow
from k8snet_lessons.control.maglev import lookup_table
from k8snet_lessons.control.nodeports import node_port_frontends, nodeport_addresses
from k8snet_lessons.control.options import ProxyOptions
from k8snet_lessons.control.service_port import Endpoint, ServicePort, ip_and_port
from k8snet_lessons.control.services import NodeView

Kind = Literal["ClusterIP", "NodePort", "ExternalIPs", "LoadBalancer"]
Scope = Literal["external", "internal"]


class Frontend(NamedTuple):
    """A key of the service map, without its slot.

    A frontend has an ``internal`` twin only where traffic that starts inside the cluster must
    find other backends than traffic from outside.
    """

    ip: str
    port: int
    protocol: str
    scope: Scope = "external"

    def text(self) -> str:
        """The way ``cilium-dbg`` shows it: ``10.96.0.1:443/TCP`` or ``…/TCP/i``."""
        suffix = "/i" if self.scope == "internal" else ""
        return f"{ip_and_port(self.ip, self.port)}/{self.protocol.upper()}{suffix}"


@dataclass(frozen=True, slots=True)
class ServiceEntry:
    """The value of slot 0, and the backends of the slots after it.

    Attributes
    ----------
    kind : str
    rev_nat_id : int
        Index into the reverse NAT map, which restores the frontend's address in answers.
    backend_ids : tuple of int
    affinity_s : int
    flags : tuple of str
        As ``cilium-dbg bpf lb list`` prints them, after the kind.
    source_ranges : tuple of str
        Checked for traffic from outside only.
    """

    kind: Kind
    rev_nat_id: int
    backend_ids: tuple[int, ...]
    affinity_s: int = 0
    flags: tuple[str, ...] = ()
    source_ranges: tuple[str, ...] = ()


class Backend(NamedTuple):
    """A value of the backend map; ``local`` is whether the pod is on this node."""

    ip: str
    port: int
    protocol: str
    local: bool

    @property
    def address(self) -> str:
        """``"ip:port"``, or ``"[ip]:port"`` for IPv6."""
        return ip_and_port(self.ip, self.port)


@dataclass(frozen=True, slots=True)
class EbpfRuleset:
    """The maps of one address family on one node.

    Attributes
    ----------
    services : dict of Frontend to ServiceEntry
    backends : dict of int to Backend
        By id, counted from 1; Services share a backend that has the same address and port.
    """

    services: dict[Frontend, ServiceEntry]
    backends: dict[int, Backend]
    family: Literal[4, 6]
    local_addresses: frozenset[str]
    options: ProxyOptions
    mode: Literal["ebpf"] = field(default="ebpf", init=False)

    @property
    def entry_count(self) -> int:
        """Entries of the service map (all slots), the backend map and the reverse NAT map."""
        slots = sum(1 + len(entry.backend_ids) for entry in self.services.values())
        return slots + len(self.backends) + len(self.services)

    def to_text(self) -> str:
        """Write the service map the way ``cilium-dbg bpf lb list`` prints it.

        Returns
        -------
        str
        """
        rows: list[tuple[str, str]] = []
        empty = "0.0.0.0:0" if self.family == 4 else "[::]:0"
        for frontend, entry in self.services.items():
            name = frontend.text()
            words = ", ".join((entry.kind, *entry.flags))
            rows.append((f"{name} (0)", f"{empty} ({entry.rev_nat_id}) (0) [{words}]"))
            for slot, identity in enumerate(entry.backend_ids, 1):
                backend = self.backends[identity]
                where = f"{backend.address}/{backend.protocol.upper()}"
                rows.append((f"{name} ({slot})", f"{where} ({entry.rev_nat_id}) ({slot})"))
        title = ("SERVICE ADDRESS", "BACKEND ADDRESS (REVNAT_ID) (SLOT)")
        width = max(len(left) for left, _ in (title, *rows)) + 3
        lines = [f"{left:<{width}}{right}" for left, right in (title, *rows)]
        return "\n".join([*lines, ""])

    def maglev_table(self, frontend: Frontend) -> tuple[str, ...]:
        """Compute a frontend's Maglev table.

        Parameters
        ----------
        frontend : Frontend

        Returns
        -------
        tuple of str
            The backend's address for each slot; empty without backends.
        """
        entry = self.services[frontend]
        backends = [self.backends[identity] for identity in entry.backend_ids]
        names = [f"{b.address}/{b.protocol.upper()}" for b in backends]
        table = lookup_table(names, self.options.maglev_table_size)
        return tuple(backends[index].address for index in table.tolist())

    def lookup(self, flow: Flow) -> Decision:
        """Say where a new connection goes: one map lookup, one choice among backends.

        Parameters
        ----------
        flow : Flow

        Returns
        -------
        Decision
        """
        inside = flow.origin != "external"
        frontend = self._frontend(flow, inside)
        place = "at connect()" if inside else "at the device"
        key = f"{flow.destination}:{flow.port}/{flow.protocol.upper()}"
        if frontend is None:
            return Decision("accept", steps=(f"{place}: {key} in the service map: no",))
        entry = self.services[frontend]
        steps: tuple[str, ...] = (f"{place}: {frontend.text()} in the service map: yes",)
        if not inside and entry.source_ranges and not self._in_range(flow, entry):
            return Decision("drop", steps=(*steps, "drop: outside loadBalancerSourceRanges"))
        if not entry.backend_ids:
            return Decision("reject", steps=(*steps, "reject: no backend"))
        shares = self._shares(frontend, entry, flow, inside)
        behind = (self.backends[identity] for identity in entry.backend_ids)
        remote = {backend.address for backend in behind if not backend.local}
        local_only = "Local" in entry.flags
        masqueraded = set() if inside or local_only else remote & shares.keys()
        how = (
            "affinity map"
            if len(shares) < len(entry.backend_ids)
            else ("random slot" if inside or self.options.algorithm == "random" else "Maglev table")
        )
        steps += (f"{how}: one of {len(shares)}",)
        return Decision("accept", shares, frozenset(masqueraded), steps)

    def _frontend(self, flow: Flow, inside: bool) -> Frontend | None:
        scopes: tuple[Scope, ...] = ("internal", "external") if inside else ("external",)
        address = flow.destination
        if inside and ip_address(address).is_loopback:
            # Node ports answer on loopback too, through the surrogate entry.
            address = "0.0.0.0" if self.family == 4 else "::"
        for scope in scopes:
            frontend = Frontend(address, flow.port, flow.protocol, scope)
            if frontend in self.services:
                return frontend
        return None

    def _in_range(self, flow: Flow, entry: ServiceEntry) -> bool:
        source = ip_address(flow.source)
        return any(source in ip_network(text) for text in entry.source_ranges)

    def _shares(
        self, frontend: Frontend, entry: ServiceEntry, flow: Flow, inside: bool
    ) -> dict[str, Fraction]:
        addresses = [self.backends[identity].address for identity in entry.backend_ids]
        if entry.affinity_s and flow.affinity in addresses:
            return {flow.affinity: Fraction(1)}
        if inside or self.options.algorithm == "random":
            return {address: Fraction(1, len(addresses)) for address in addresses}
        table = self.maglev_table(frontend)
        counts: dict[str, int] = {}
        for address in table:
            counts[address] = counts.get(address, 0) + 1
        return {address: Fraction(count, len(table)) for address, count in counts.items()}


def program_ebpf(view: NodeView) -> EbpfRuleset:
    """Write one node's Services as eBPF maps.

    Parameters
    ----------
    view : NodeView

    Returns
    -------
    EbpfRuleset
    """
    program = _Program(view)
    for port in view.services:
        program.add(port)
    return EbpfRuleset(
        services=program.services,
        backends=program.backends,
        family=6 if view.options.family == 6 else 4,
        local_addresses=view.local_addresses,
        options=view.options,
    )


class _Program:
    """Gathers map entries of one node."""

    def __init__(self, view: NodeView) -> None:
        self.services: dict[Frontend, ServiceEntry] = {}
        self.backends: dict[int, Backend] = {}
        self.ids: dict[tuple[str, int, str], int] = {}
        surrogate = "0.0.0.0" if view.options.family == 4 else "::"
        everywhere = nodeport_addresses(view) is None
        self.node_ips = (*node_port_frontends(view), *((surrogate,) if everywhere else ()))

    def add(self, port: ServicePort) -> None:
        """Add the frontends and backends of one Service port."""
        internal = port.local_endpoints if port.internal_local else port.cluster_endpoints
        self._put(port, port.cluster_ip, port.port, "ClusterIP", internal)
        for ip in port.external_ips:
            self._put_external(port, ip, port.port, "ExternalIPs")
        for ip in port.balancer_ips:
            self._put_external(port, ip, port.port, "LoadBalancer")
        if port.node_port:
            for ip in self.node_ips:
                self._put_external(port, ip, port.node_port, "NodePort")

    def _put_external(self, port: ServicePort, ip: str, number: int, kind: Kind) -> None:
        if port.external_local:
            self._put(port, ip, number, kind, port.local_endpoints)
            self._put(port, ip, number, kind, port.cluster_endpoints, "internal")
        else:
            self._put(port, ip, number, kind, port.cluster_endpoints)

    def _put(
        self,
        port: ServicePort,
        ip: str,
        number: int,
        kind: Kind,
        endpoints: tuple[Endpoint, ...],
        scope: Scope = "external",
    ) -> None:
        outside = kind != "ClusterIP"
        flags = []
        if outside and port.external_local:
            flags += ["Local"] if scope == "external" else []
            flags += ["two-scopes"]
        if not outside and port.internal_local:
            flags.append("InternalLocal")
        if port.affinity_s:
            flags.append("sessionAffinity")
        if ip in ("0.0.0.0", "::"):
            flags.append("non-routable")
        ranges = port.source_ranges if kind == "LoadBalancer" and scope == "external" else ()
        if ranges:
            flags.append("check source-range")
        self.services[Frontend(ip, number, port.protocol, scope)] = ServiceEntry(
            kind=kind,
            rev_nat_id=len(self.services) + 1,
            backend_ids=tuple(self._backend(port.protocol, endpoint) for endpoint in endpoints),
            affinity_s=port.affinity_s,
            flags=tuple(flags),
            source_ranges=ranges,
        )

    def _backend(self, protocol: str, endpoint: Endpoint) -> int:
        key = (endpoint.ip, endpoint.port, protocol)
        if key not in self.ids:
            identity = self.ids[key] = len(self.ids) + 1
            self.backends[identity] = Backend(*key, endpoint.local)
        return self.ids[key]
