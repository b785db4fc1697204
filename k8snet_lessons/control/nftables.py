"""Services as nftables maps and chains, the way kube-proxy writes them.

Source: ``setupNFTables`` and ``syncProxyRules`` in ``pkg/proxy/nftables/proxier.go``,
Kubernetes v1.37. One lookup in ``service-ips`` or ``service-nodeports`` finds a Service's
chain; one ``dnat … numgen random`` rule picks the endpoint. Endpoints have chains of their own
only under session affinity, and hairpin traffic is found in a set, after translation.
"""

from dataclasses import dataclass
from typing import Literal

from k8snet_lessons.control.decision import Decision, Flow
from k8snet_lessons.control.names import nft_name
from k8snet_lessons.control.nft_rules import (
    Compare,
    CtStateNew,
    CtStatusDnat,
    DnatTo,
    Element,
    FibLocal,
    Layer4,
    MarkHas,
    MarkSet,
    Member,
    NftChain,
    NftRule,
    NftSet,
    Part,
    RandomDnat,
    RandomGoto,
    Remember,
    Simple,
    To,
    VerdictMap,
)
from k8snet_lessons.control.nodeports import node_in_ranges, nodeport_addresses
from k8snet_lessons.control.options import ProxyOptions
from k8snet_lessons.control.services import Endpoint, NodeView, ServicePort

TABLE = "kube-proxy"
REJECT, DROP = To("goto", "reject-chain"), Simple("drop")

_NEW = CtStateNew()
_MASQUERADE = Simple("masquerade fully-random")
# Base chains: name, type, hook, priority (dstnat is -100, srcnat is 100, filter is 0).
_BASE: tuple[tuple[str, Literal["filter", "nat"], str, int], ...] = (
    ("filter-prerouting-pre-dnat", "filter", "prerouting", -110),
    ("filter-output-pre-dnat", "filter", "output", -110),
    ("filter-input", "filter", "input", 0),
    ("filter-forward", "filter", "forward", 0),
    ("filter-output", "filter", "output", 0),
    ("nat-prerouting", "nat", "prerouting", -100),
    ("nat-output", "nat", "output", -100),
    ("nat-postrouting", "nat", "postrouting", 100),
)
_JUMPS: tuple[tuple[str, str, bool], ...] = (
    ("filter-input", "nodeport-endpoints-check", True),
    ("filter-input", "service-endpoints-check", True),
    ("filter-forward", "service-endpoints-check", True),
    ("filter-output", "service-endpoints-check", True),
    ("filter-prerouting-pre-dnat", "firewall-check", True),
    ("filter-output-pre-dnat", "firewall-check", True),
    ("nat-output", "services", False),
    ("nat-prerouting", "services", False),
    ("nat-postrouting", "masquerading", False),
    ("filter-forward", "cluster-ips-check", True),
    ("filter-output", "cluster-ips-check", True),
)
_ADDRESS_KEY: tuple[Literal["daddr"], Literal["proto"], Literal["dport"]] = (
    "daddr",
    "proto",
    "dport",
)
_PORT_KEY: tuple[Literal["proto"], Literal["dport"]] = ("proto", "dport")


@dataclass(frozen=True, slots=True)
class NftablesRuleset:
    """kube-proxy's table for one address family.

    Attributes
    ----------
    chains : dict of str to NftChain
    sets : dict of str to NftSet
        Named sets and verdict maps.
    family : {4, 6}
    local_addresses : frozenset of str
        What ``fib … type local`` knows.
    """

    chains: dict[str, NftChain]
    sets: dict[str, NftSet]
    family: Literal[4, 6]
    local_addresses: frozenset[str]
    mode: Literal["nftables"] = "nftables"

    @property
    def word(self) -> str:
        """How nft calls the family."""
        return "ip" if self.family == 4 else "ip6"

    @property
    def rule_count(self) -> int:
        """Rules in all chains."""
        return sum(len(chain.rules) for chain in self.chains.values())

    @property
    def element_count(self) -> int:
        """Elements in all named sets and maps."""
        return sum(len(item.elements) for item in self.sets.values())

    def to_text(self) -> str:
        """Write commands for ``nft -f``, the way kube-proxy sends them.

        Returns
        -------
        str
        """
        where = f"{self.word} {TABLE}"
        lines = [f'add table {where} {{ comment "rules for kube-proxy" ; }}']
        for chain in self.chains.values():
            about = ""
            if chain.hook:
                about = f"type {chain.kind} hook {chain.hook} priority {chain.priority} ; "
            if chain.comment:
                about += f'comment "{chain.comment}" ; '
            lines.append(f"add chain {where} {chain.name}" + (f" {{ {about}}}" if about else ""))
        for item in self.sets.values():
            kind = "map" if item.is_map else "set"
            lines.append(f"add {kind} {where} {item.name} {{ {item.declaration()} }}")
        word = self.word
        for chain in self.chains.values():
            start = f"add rule {where} {chain.name} "
            lines += [start + rule.text(word) for rule in chain.rules]
        for item in self.sets.values():
            start = f"add element {where} {item.name} {{ "
            lines += [f"{start}{element.text()} }}" for element in item.elements.values()]
        lines.append("")
        return "\n".join(lines)

    def lookup(self, flow: Flow) -> Decision:
        """Say where a new connection goes, by walking the table's hooks.

        Parameters
        ----------
        flow : Flow

        Returns
        -------
        Decision
        """
        from k8snet_lessons.control.nft_walk import walk

        return walk(self, flow)


def program_nftables(view: NodeView) -> NftablesRuleset:
    """Write one node's Services as nftables maps and chains.

    Parameters
    ----------
    view : NodeView

    Returns
    -------
    NftablesRuleset
        The table as it is after a first full sync.
    """
    program = _Program(view)
    for port in view.services:
        program.add(port)
    return program.finish()


class _Program:
    """Gathers chains and elements of one node."""

    def __init__(self, view: NodeView) -> None:
        self.view = view
        self.options: ProxyOptions = view.options
        self.mark = MarkSet("or", self.options.mark)
        self.chains: dict[str, list[NftRule]] = {}
        self.affinity: dict[str, int] = {}
        self.elements: dict[str, dict[tuple[str, ...], Element]] = {
            name: {} for name in (*_SETS, *_MAPS)
        }

    def add(self, port: ServicePort) -> None:
        """Add the chains and elements of one Service port."""
        base = nft_name(f"{port.namespace}/{port.service}/{port.protocol}/{port.port_name}")
        cluster, local = f"service-{base}", f"local-{base}"
        external, firewall = f"external-{base}", f"firewall-{base}"
        chains = self._note_endpoints(port)
        internal = local if port.internal_local else cluster
        self._put("cluster-ips", (port.cluster_ip,))
        self._capture(port, port.cluster_ip, internal, port.has_internal, port.has_internal)
        for ip in (*port.external_ips, *port.balancer_ips):
            self._capture(port, ip, external, port.has_endpoints, port.has_external)
        if port.uses_firewall:
            for ip in port.balancer_ips:
                key = (ip, port.protocol, str(port.port))
                self._put("firewall-ips", key, To("goto", firewall))
            self._firewall_chain(port, firewall)
        if port.node_port:
            at_node = (port.protocol, str(port.node_port))
            if port.has_endpoints:
                self._put("service-nodeports", at_node, To("goto", external))
            if not port.has_external:
                self._put("no-endpoint-nodeports", at_node, _refusal(port), port.name)
        if port.has_endpoints and port.externally_accessible:
            policy = local if port.external_local else cluster
            self._external_chain(port, external, cluster, policy)
        if port.cluster_endpoints and port.uses_cluster_endpoints:
            self._balance(port, cluster, port.cluster_endpoints, chains)
        if port.local_endpoints and port.uses_local_endpoints:
            self._balance(port, local, port.local_endpoints, chains)

    def _put(
        self,
        name: str,
        key: tuple[str, ...],
        verdict: Simple | To | None = None,
        comment: str = "",
    ) -> None:
        self.elements[name][key] = Element(key, verdict, comment)

    def _capture(self, port: ServicePort, ip: str, chain: str, reach: bool, served: bool) -> None:
        key = (ip, port.protocol, str(port.port))
        if reach:
            self._put("service-ips", key, To("goto", chain))
        if not served:
            self._put("no-endpoint-services", key, _refusal(port), port.name)

    def _note_endpoints(self, port: ServicePort) -> dict[Endpoint, str]:
        """Put local endpoints into the hairpin set; name the chains affinity needs."""
        names: dict[Endpoint, str] = {}
        for endpoint in port.reachable:
            if endpoint.local:
                ip = endpoint.ip
                self._put("hairpin-connections", (ip, ip, port.protocol, str(endpoint.port)))
            if port.affinity_s:
                ip = endpoint.ip.replace(":", ".")
                base = nft_name(
                    f"{port.namespace}/{port.service}/{port.protocol}/{port.port_name}"
                    f"__{ip}/{endpoint.port}"
                )
                names[endpoint] = base
                self.affinity[f"affinity-{base}"] = port.affinity_s
                self.chains[f"endpoint-{base}"] = [
                    NftRule((Remember(f"affinity-{base}"),)),
                    NftRule((Layer4(port.protocol), DnatTo(endpoint.address))),
                ]
        return names

    def _external_chain(self, port: ServicePort, chain: str, cluster: str, policy: str) -> None:
        rules: list[NftRule] = []
        if not port.external_local:
            rules.append(NftRule((self.mark,), "masquerade"))
        else:
            cidr = self.options.local_cidr
            if cidr:
                parts = (Compare("saddr", (cidr,)), To("goto", cluster))
                rules.append(NftRule(parts, "short-circuit pod traffic"))
            local = FibLocal("saddr")
            rules.append(NftRule((local, self.mark), "masquerade local traffic"))
            rules.append(NftRule((local, To("goto", cluster)), "short-circuit local traffic"))
        if port.has_external:
            rules.append(NftRule((To("goto", policy),)))
        self.chains[chain] = rules

    def _firewall_chain(self, port: ServicePort, chain: str) -> None:
        sources = port.source_ranges
        if node_in_ranges(self.view, port):
            sources += port.balancer_ips
        outside = Compare("saddr", sources, negated=True, braces=True)
        self.chains[chain] = [NftRule((outside, DROP))]

    def _balance(
        self,
        port: ServicePort,
        chain: str,
        endpoints: tuple[Endpoint, ...],
        names: dict[Endpoint, str],
    ) -> None:
        if not port.affinity_s:
            targets = RandomDnat(tuple((e.ip, e.port) for e in endpoints))
            self.chains[chain] = [NftRule((Layer4(port.protocol), targets))]
            return
        rules = [
            NftRule(
                (
                    Member(("saddr",), f"affinity-{names[endpoint]}"),
                    To("goto", f"endpoint-{names[endpoint]}"),
                )
            )
            for endpoint in endpoints
        ]
        choices = RandomGoto(tuple(f"endpoint-{names[endpoint]}" for endpoint in endpoints))
        self.chains[chain] = [*rules, NftRule((choices,))]

    def finish(self) -> NftablesRuleset:
        """Add what does not depend on Services, and freeze."""
        chains = {
            name: NftChain(name, _jumps(name), kind, hook, priority)
            for name, kind, hook, priority in _BASE
        }
        chosen = (
            nodeport_addresses(self.view)
            if self.options.nodeport_addresses
            else (self.view.addresses[:1])
        )
        loopback = "127.0.0.0/8" if self.options.family == 4 else "::1"
        not_loopback = Compare("daddr", (loopback,), negated=True)
        at_node: tuple[Part, ...]
        if chosen is None:
            at_node = (FibLocal("daddr"), not_loopback)
            check: tuple[Part, ...] = (not_loopback,)
        else:
            for ip in chosen:
                if ip not in ("127.0.0.1", "::1"):
                    self._put("nodeport-ips", (ip,))
            at_node = check = (Member(("daddr",), "nodeport-ips"),)
        for chain in self._top_level(at_node, check):
            chains[chain.name] = chain
        for name, rules in self.chains.items():
            chains[name] = NftChain(name, tuple(rules))
        return NftablesRuleset(
            chains=chains,
            sets=self._named_sets(chosen is not None),
            family=6 if self.options.family == 6 else 4,
            local_addresses=self.view.local_addresses,
        )

    def _top_level(self, at_node: tuple[Part, ...], check: tuple[Part, ...]) -> list[NftChain]:
        mark = self.options.mark
        cluster_ips = Member(("daddr",), "cluster-ips")
        hairpin = Member(("saddr", "daddr", "proto", "dport"), "hairpin-connections")
        invalid = [
            NftRule(
                (cluster_ips, Simple("reject")), "Reject traffic to invalid ports of ClusterIPs"
            )
        ]
        if self.view.service_cidrs:
            blocks = Compare("daddr", self.view.service_cidrs, braces=True)
            invalid.append(NftRule((blocks, DROP), "Drop traffic to unallocated ClusterIPs"))
        services = []
        if self.options.masquerade_all:
            services.append(NftRule((cluster_ips, self.mark), "masquerade all clusterIP traffic"))
        elif self.options.local_cidr:
            outside = Compare("saddr", (self.options.local_cidr,), negated=True)
            words = "masquerade clusterIP traffic from outside cluster"
            services.append(NftRule((cluster_ips, outside, self.mark), words))
        services += [
            NftRule((VerdictMap(_ADDRESS_KEY, "service-ips"),)),
            NftRule((*at_node, VerdictMap(_PORT_KEY, "service-nodeports"))),
        ]
        no_endpoints = VerdictMap(_ADDRESS_KEY, "no-endpoint-services")
        no_node_ports = VerdictMap(_PORT_KEY, "no-endpoint-nodeports")
        return [
            NftChain("nodeport-endpoints-check", (NftRule((*check, no_node_ports)),)),
            NftChain("service-endpoints-check", (NftRule((no_endpoints,)),)),
            NftChain("firewall-check", (NftRule((VerdictMap(_ADDRESS_KEY, "firewall-ips"),)),)),
            NftChain("services", tuple(services)),
            NftChain(
                "masquerading",
                (
                    NftRule((MarkHas(mark), MarkSet("xor", mark), _MASQUERADE)),
                    NftRule((CtStatusDnat(), hairpin, _MASQUERADE)),
                ),
            ),
            NftChain("cluster-ips-check", tuple(invalid)),
            NftChain(
                "reject-chain",
                (NftRule((Simple("reject"),)),),
                comment="helper for @no-endpoint-services / @no-endpoint-nodeports",
            ),
        ]

    def _named_sets(self, with_node_ips: bool) -> dict[str, NftSet]:
        address = "ipv4_addr" if self.options.family == 4 else "ipv6_addr"
        sets: dict[str, NftSet] = {}
        for name, (key, comment) in _SETS.items():
            if name == "nodeport-ips" and not with_node_ips:
                continue
            kind = key.replace("ADDR", address)
            sets[name] = NftSet(name, kind, self.elements[name], comment=comment)
        for name, (key, comment) in _MAPS.items():
            kind = key.replace("ADDR", address)
            sets[name] = NftSet(name, kind, self.elements[name], True, comment)
        for name, seconds in self.affinity.items():
            sets[name] = NftSet(name, address, {}, timeout_s=seconds)
        return sets


_SETS = {
    "cluster-ips": ("ADDR", "Active ClusterIPs"),
    "hairpin-connections": (
        "ADDR . ADDR . inet_proto . inet_service",
        "service hairpin connections",
    ),
    "nodeport-ips": ("ADDR", "IPs that accept NodePort traffic"),
}
_MAPS = {
    "no-endpoint-services": (
        "ADDR . inet_proto . inet_service",
        "vmap to drop or reject packets to services with no endpoints",
    ),
    "no-endpoint-nodeports": (
        "inet_proto . inet_service",
        "vmap to drop or reject packets to service nodeports with no endpoints",
    ),
    "firewall-ips": (
        "ADDR . inet_proto . inet_service",
        "destinations that are subject to LoadBalancerSourceRanges",
    ),
    "service-ips": (
        "ADDR . inet_proto . inet_service",
        "ClusterIP, ExternalIP and LoadBalancer IP traffic",
    ),
    "service-nodeports": ("inet_proto . inet_service", "NodePort traffic"),
}


def _jumps(chain: str) -> tuple[NftRule, ...]:
    return tuple(
        NftRule((*((_NEW,) if new else ()), To("jump", target)))
        for source, target, new in _JUMPS
        if source == chain
    )


def _refusal(port: ServicePort) -> Simple | To:
    return DROP if port.has_endpoints else REJECT
