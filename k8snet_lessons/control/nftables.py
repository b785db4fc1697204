"""Services as nftables maps and chains, the way kube-proxy writes them.

Source: ``setupNFTables`` and ``syncProxyRules`` in ``pkg/proxy/nftables/proxier.go``,
Kubernetes v1.37. One lookup in ``service-ips`` or ``service-nodeports`` finds a Service's
chain; one ``dnat … numgen random`` rule picks the endpoint. A single endpoint needs no such map:
since v1.37 (pull requests 140723 and 140960) it is a plain ``dnat to``, as each map in a table
makes adding rules to it slower. Endpoints have chains of their own only under session affinity,
and hairpin traffic is found in a set, after translation.
"""

from dataclasses import dataclass
from ipaddress import ip_address
from typing import Literal

from k8snet_lessons.control.decision import Decision, Flow
from k8snet_lessons.control.names import nft_name
from k8snet_lessons.control.nft_frame import (
    CONTAINERS,
    DROP,
    base_chains,
    named_sets,
    top_level_chains,
)
from k8snet_lessons.control.nft_rules import (
    Compare,
    DnatTo,
    Element,
    FibLocal,
    Layer4,
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
)
from k8snet_lessons.control.nodeports import node_in_ranges, nodeport_addresses
from k8snet_lessons.control.options import ProxyOptions
from k8snet_lessons.control.service_port import Endpoint, ServicePort
from k8snet_lessons.control.services import NodeView

TABLE = "kube-proxy"
REJECT = To("goto", "reject-chain")


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
        self.elements: dict[str, dict[tuple[str, ...], Element]] = {name: {} for name in CONTAINERS}

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
            target: Part = DnatTo(endpoints[0].address)
            if len(endpoints) > 1:
                target = RandomDnat(tuple((e.ip, e.port) for e in endpoints))
            self.chains[chain] = [NftRule((Layer4(port.protocol), target))]
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
        # By default nftables mode serves node ports on the node's own address only.
        own = self.view.addresses[:1]
        chosen = nodeport_addresses(self.view) if self.options.nodeport_addresses else own
        for ip in chosen or ():
            if not ip_address(ip).is_loopback:
                self._put("nodeport-ips", (ip,))
        by_address = chosen is not None
        frame = [*base_chains(), *top_level_chains(self.view, by_address)]
        chains = {chain.name: chain for chain in frame}
        chains |= {name: NftChain(name, tuple(rules)) for name, rules in self.chains.items()}
        family = self.options.family
        return NftablesRuleset(
            chains=chains,
            sets=named_sets(family, self.elements, self.affinity, by_address),
            family=6 if family == 6 else 4,
            local_addresses=self.view.local_addresses,
        )


def _refusal(port: ServicePort) -> Simple | To:
    return DROP if port.has_endpoints else REJECT
