"""Services as iptables rules, the way kube-proxy writes them.

Source: ``syncProxyRules`` in ``pkg/proxy/iptables/proxier.go``, Kubernetes v1.37. kube-proxy
goes through its Services in no fixed order; here it is the order of the manifests, and rules
stand chain by chain.
"""

from fractions import Fraction
from functools import cache

from k8snet_lessons.control.iptables_frame import (
    LOCALNET,
    built_in_filter,
    built_in_nat,
    forward,
    postrouting,
    to_node_ports,
)
from k8snet_lessons.control.names import iptables_hash
from k8snet_lessons.control.nodeports import covers_loopback, node_in_ranges
from k8snet_lessons.control.rules import (
    Accounting,
    Address,
    AddrType,
    Chain,
    Comment,
    Dnat,
    IptablesRuleset,
    Jump,
    Match,
    Ports,
    Protocol,
    Recent,
    Reject,
    Rule,
    SetMark,
    Statistic,
    Table,
    Target,
    Verdict,
)
from k8snet_lessons.control.service_port import Endpoint, ServicePort
from k8snet_lessons.control.services import NodeView

# Past this many endpoints kube-proxy leaves comments out of per-endpoint rules.
LARGE_CLUSTER_ENDPOINTS = 1000

_ACCEPT, _DROP = Verdict("ACCEPT"), Verdict("DROP")
_MARK_MASQ = Jump("KUBE-MARK-MASQ")
_DST_LOCAL = AddrType("dst", "LOCAL")
_SRC_LOCAL = AddrType("src", "LOCAL")
_LOCALHOST_COUNTER = "localhost_nps_accepted_pkts"


def program_iptables(view: NodeView) -> IptablesRuleset:
    """Write one node's Services as iptables rules.

    Parameters
    ----------
    view : NodeView

    Returns
    -------
    IptablesRuleset
        Tables mangle (empty but for kube-proxy's canary), filter and nat, as they are after a
        first full sync on a node where nothing else has rules.
    """
    program = _Program(view)
    for port in view.services:
        program.add(port)
    return program.finish()


@cache
def _probability(n: int) -> Statistic:
    return Statistic(Fraction(1, n))


@cache
def _protocol(name: str) -> Protocol:
    return Protocol(name)


class _Program:
    """Gathers the chains of one node; a chain is a list of rules until `finish`."""

    def __init__(self, view: NodeView) -> None:
        self.view = view
        self.options = options = view.options
        self.large = view.endpoint_count > LARGE_CLUSTER_ENDPOINTS
        self.services: list[Rule] = []
        self.node_ports: list[Rule] = []
        self.service_filter: list[Rule] = []
        self.external_filter: list[Rule] = []
        self.firewall_filter: list[Rule] = []
        self.health_filter: list[Rule] = []
        self.nat: dict[str, list[Rule]] = {}
        self.localhost = (
            options.family == 4
            and options.localhost_nodeports
            and covers_loopback(options.nodeport_addresses)
        )
        cidr = options.local_cidr
        self.if_local: tuple[Match, ...] = (Address("src", cidr),) if cidr else ()
        self.if_not_local: tuple[Match, ...] = (Address("src", cidr, True),) if cidr else ()

    def add(self, port: ServicePort) -> None:
        """Add the rules of one Service port."""
        hashed = iptables_hash(port.name, port.protocol)
        cluster_chain, local_chain = f"KUBE-SVC-{hashed}", f"KUBE-SVL-{hashed}"
        internal = local_chain if port.internal_local else cluster_chain
        external = f"KUBE-EXT-{hashed}"
        firewall = f"KUBE-FW-{hashed}" if port.has_endpoints and port.uses_firewall else ""
        self._capture_cluster_ip(port, internal)
        self._capture_external(port, external, firewall)
        self._capture_node_port(port, external)
        if port.health_check_node_port:
            self.health_filter.append(
                Rule(
                    (
                        Comment(f"{port.name} health check node port"),
                        _protocol("tcp"),
                        _dport(port.health_check_node_port, "tcp"),
                    ),
                    _ACCEPT,
                )
            )
        if port.has_internal:
            self._mark_internal(port, internal)
        if port.has_endpoints and port.externally_accessible:
            policy = local_chain if port.external_local else cluster_chain
            self._external_chain(port, external, cluster_chain, policy)
        if firewall:
            self._firewall_chain(port, firewall, external)
        chains = self._endpoint_chains(port)
        if port.cluster_endpoints and port.uses_cluster_endpoints:
            self._balance(port, cluster_chain, port.cluster_endpoints, chains)
        if port.local_endpoints and port.uses_local_endpoints:
            self._balance(port, local_chain, port.local_endpoints, chains)
        for endpoint in port.reachable:
            self._endpoint_chain(port, endpoint, chains[endpoint])

    def _capture_cluster_ip(self, port: ServicePort, internal: str) -> None:
        if port.has_internal:
            comment = f"{port.name} cluster IP"
            self.services.append(_to(port, port.cluster_ip, comment, Jump(internal)))
        else:
            comment, target = _refusal(port)
            self.service_filter.append(_to(port, port.cluster_ip, comment, target))

    def _capture_external(self, port: ServicePort, external: str, firewall: str) -> None:
        comment, target = _refusal(port)
        for ip in port.external_ips:
            if port.has_endpoints:
                self.services.append(_to(port, ip, f"{port.name} external IP", Jump(external)))
            if not port.has_external:
                self.external_filter.append(_to(port, ip, comment, target))
        for ip in port.balancer_ips:
            if port.has_endpoints:
                into = Jump(firewall or external)
                self.services.append(_to(port, ip, f"{port.name} loadbalancer IP", into))
            if firewall:
                words = f"{port.name} traffic not accepted by {firewall}"
                self.firewall_filter.append(_to(port, ip, words, _DROP))
            if not port.has_external:
                self.external_filter.append(_to(port, ip, comment, target))

    def _capture_node_port(self, port: ServicePort, external: str) -> None:
        if not port.node_port:
            return
        to_port = _dport(port.node_port, port.protocol)
        protocol = _protocol(port.protocol)
        if port.has_endpoints:
            name = Comment(port.name)
            if self.localhost and self.options.nfacct:
                loopback = Address("dst", "127.0.0.0/8")
                counter = Accounting(_LOCALHOST_COUNTER)
                self.node_ports.append(
                    Rule((name, protocol, loopback, to_port, counter), Jump(external))
                )
            self.node_ports.append(Rule((name, protocol, to_port), Jump(external)))
        if not port.has_external:
            comment, target = _refusal(port)
            self.external_filter.append(
                Rule((Comment(comment), _DST_LOCAL, protocol, to_port), target)
            )

    def _mark_internal(self, port: ServicePort, chain: str) -> None:
        rule = _to(port, port.cluster_ip, f"{port.name} cluster IP", _MARK_MASQ)
        if self.options.masquerade_all:
            self._chain(chain).append(rule)
        elif self.if_not_local:
            # Traffic from outside may have come by another node: the answer must go back
            # through this one.
            self._chain(chain).append(Rule(rule.matches + self.if_not_local, _MARK_MASQ))

    def _external_chain(self, port: ServicePort, chain: str, cluster: str, policy: str) -> None:
        rules = self._chain(chain)
        suffix = f"{port.name} external destinations"
        if not port.external_local:
            rules.append(Rule((Comment(f"masquerade traffic for {suffix}"),), _MARK_MASQ))
        else:
            if self.if_local:
                words = Comment(f"pod traffic for {suffix}")
                rules.append(Rule((words, *self.if_local), Jump(cluster)))
            words = Comment(f"masquerade LOCAL traffic for {suffix}")
            rules.append(Rule((words, _SRC_LOCAL), _MARK_MASQ))
            words = Comment(f"route LOCAL traffic for {suffix}")
            rules.append(Rule((words, _SRC_LOCAL), Jump(cluster)))
        if port.has_external:
            rules.append(Rule((), Jump(policy)))

    def _firewall_chain(self, port: ServicePort, chain: str, external: str) -> None:
        rules = self._chain(chain)
        words = Comment(f"{port.name} loadbalancer IP")
        for cidr in port.source_ranges:
            rules.append(Rule((words, Address("src", cidr)), Jump(external)))
        if node_in_ranges(self.view, port):
            for ip in port.balancer_ips:
                rules.append(Rule((words, Address("src", ip)), Jump(external)))
        rest = f"other traffic to {port.name} will be dropped by KUBE-PROXY-FIREWALL"
        rules.append(Rule((Comment(rest),), None))

    def _endpoint_chains(self, port: ServicePort) -> dict[Endpoint, str]:
        return {
            endpoint: "KUBE-SEP-" + iptables_hash(port.name, port.protocol, endpoint.address)
            for endpoint in port.reachable
        }

    def _balance(
        self,
        port: ServicePort,
        chain: str,
        endpoints: tuple[Endpoint, ...],
        chains: dict[Endpoint, str],
    ) -> None:
        rules = self._chain(chain)
        words: list[tuple[Match, ...]] = [
            () if self.large else (Comment(f"{port.name} -> {endpoint.address}"),)
            for endpoint in endpoints
        ]
        if port.affinity_s:
            for endpoint, comment in zip(endpoints, words, strict=True):
                known = Recent("rcheck", chains[endpoint], port.affinity_s, reap=True)
                rules.append(Rule((*comment, known), Jump(chains[endpoint])))
        left = len(endpoints)
        for endpoint, comment in zip(endpoints, words, strict=True):
            dice = (_probability(left),) if left > 1 else ()
            rules.append(Rule((*comment, *dice), Jump(chains[endpoint])))
            left -= 1

    def _endpoint_chain(self, port: ServicePort, endpoint: Endpoint, chain: str) -> None:
        comment: tuple[Match, ...] = () if self.large else (Comment(port.name),)
        affinity: tuple[Match, ...] = (Recent("set", chain),) if port.affinity_s else ()
        self.nat[chain] = [
            # A pod that reaches itself through the Service must be masqueraded, or it
            # would answer itself directly.
            Rule((*comment, Address("src", endpoint.ip)), _MARK_MASQ),
            Rule((*comment, *affinity, _protocol(port.protocol)), Dnat(endpoint.address)),
        ]

    def _chain(self, name: str) -> list[Rule]:
        return self.nat.setdefault(name, [])

    def finish(self) -> IptablesRuleset:
        """Add what does not depend on Services, and freeze."""
        view = self.view
        mangle = [Chain(n, policy="ACCEPT") for n in _MANGLE] + [Chain("KUBE-PROXY-CANARY")]
        filtering = [
            *built_in_filter(),
            Chain("KUBE-PROXY-CANARY"),
            Chain("KUBE-SERVICES", tuple(self.service_filter)),
            Chain("KUBE-EXTERNAL-SERVICES", tuple(self.external_filter)),
            Chain("KUBE-FORWARD", tuple(forward(self.options))),
            Chain("KUBE-NODEPORTS", tuple(self.health_filter)),
            Chain("KUBE-PROXY-FIREWALL", tuple(self.firewall_filter)),
            Chain("KUBE-FIREWALL", LOCALNET if self.localhost else ()),
        ]
        tail = tuple(to_node_ports(view, self.localhost))
        mark = self.options.mark
        nat = [
            *built_in_nat(),
            Chain("KUBE-PROXY-CANARY"),
            Chain("KUBE-SERVICES", (*self.services, *tail)),
            Chain("KUBE-NODEPORTS", tuple(self.node_ports)),
            Chain("KUBE-POSTROUTING", postrouting(mark)),
            Chain("KUBE-MARK-MASQ", (Rule((), SetMark(mark, mark)),)),
            *(Chain(name, tuple(rules)) for name, rules in self.nat.items()),
        ]
        tables = {"mangle": mangle, "filter": filtering, "nat": nat}
        family = self.options.family
        return IptablesRuleset(
            tables={
                name: Table(name, {chain.name: chain for chain in chains})
                for name, chains in tables.items()
            },
            family=6 if family == 6 else 4,
            local_addresses=view.local_addresses,
            pod_cidrs=(self.options.cluster_cidr,) if self.options.cluster_cidr else (),
        )


_MANGLE = ("PREROUTING", "INPUT", "FORWARD", "OUTPUT", "POSTROUTING")


def _to(port: ServicePort, ip: str, comment: str, target: Target) -> Rule:
    matches = (
        Comment(comment),
        _protocol(port.protocol),
        Address("dst", ip),
        _dport(port.port, port.protocol),
    )
    return Rule(matches, target)


def _dport(number: int, protocol: str) -> Ports:
    return Ports("dst", number, number, protocol)


def _refusal(port: ServicePort) -> tuple[str, Target]:
    """How a packet is refused that finds no endpoint, and in which words."""
    if not port.has_endpoints:
        return f"{port.name} has no endpoints", Reject()
    return f"{port.name} has no local endpoints", _DROP
