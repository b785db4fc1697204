"""The part of kube-proxy's nftables table that stands whatever the Services.

Source: ``nftablesBaseChains``, ``nftablesJumpChains`` and ``setupNFTables`` in
``pkg/proxy/nftables/proxier.go``, Kubernetes v1.37.
"""

from collections.abc import Iterable, Mapping
from typing import Literal

from k8snet_lessons.control.nft_rules import (
    Compare,
    CtStateNew,
    CtStatusDnat,
    Element,
    FibLocal,
    MarkHas,
    MarkSet,
    Member,
    NftChain,
    NftRule,
    NftSet,
    Part,
    Simple,
    To,
    VerdictMap,
)
from k8snet_lessons.control.services import NodeView

DROP = Simple("drop")

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
CONTAINERS = (*_SETS, *_MAPS)


def base_chains() -> Iterable[NftChain]:
    """Write the chains that hang on netfilter's hooks, with their jumps."""
    for name, kind, hook, priority in _BASE:
        yield NftChain(name, _jumps(name), kind, hook, priority)


def _jumps(chain: str) -> tuple[NftRule, ...]:
    return tuple(
        NftRule((*((_NEW,) if new else ()), To("jump", target)))
        for source, target, new in _JUMPS
        if source == chain
    )


def top_level_chains(view: NodeView, by_address: bool) -> list[NftChain]:
    """Write the chains that the base chains jump to.

    ``by_address`` is whether node ports answer on the addresses of the ``nodeport-ips`` set,
    and not on all local ones.
    """
    options = view.options
    loopback = "127.0.0.0/8" if options.family == 4 else "::1"
    not_loopback = Compare("daddr", (loopback,), negated=True)
    at_node: tuple[Part, ...] = (FibLocal("daddr"), not_loopback)
    check: tuple[Part, ...] = (not_loopback,)
    if by_address:
        at_node = check = (Member(("daddr",), "nodeport-ips"),)
    set_mark = MarkSet("or", options.mark)
    mark = options.mark
    cluster_ips = Member(("daddr",), "cluster-ips")
    hairpin = Member(("saddr", "daddr", "proto", "dport"), "hairpin-connections")
    invalid = [
        NftRule((cluster_ips, Simple("reject")), "Reject traffic to invalid ports of ClusterIPs")
    ]
    if view.service_cidrs:
        blocks = Compare("daddr", view.service_cidrs, braces=True)
        invalid.append(NftRule((blocks, DROP), "Drop traffic to unallocated ClusterIPs"))
    services = []
    if options.masquerade_all:
        services.append(NftRule((cluster_ips, set_mark), "masquerade all clusterIP traffic"))
    elif options.local_cidr:
        outside = Compare("saddr", (options.local_cidr,), negated=True)
        words = "masquerade clusterIP traffic from outside cluster"
        services.append(NftRule((cluster_ips, outside, set_mark), words))
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


def named_sets(
    family: int,
    elements: Mapping[str, dict[tuple[str, ...], Element]],
    affinity: Mapping[str, int],
    by_address: bool,
) -> dict[str, NftSet]:
    """Declare the named sets and maps with their elements."""
    address = "ipv4_addr" if family == 4 else "ipv6_addr"
    sets: dict[str, NftSet] = {}
    for name, (key, comment) in _SETS.items():
        if name == "nodeport-ips" and not by_address:
            continue
        kind = key.replace("ADDR", address)
        sets[name] = NftSet(name, kind, elements[name], comment=comment)
    for name, (key, comment) in _MAPS.items():
        kind = key.replace("ADDR", address)
        sets[name] = NftSet(name, kind, elements[name], True, comment)
    for name, seconds in affinity.items():
        sets[name] = NftSet(name, address, {}, timeout_s=seconds)
    return sets
