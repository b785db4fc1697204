"""The iptables rules that stand whatever the Services: how packets come to them and leave.

Source: ``iptablesJumpChains`` and ``syncProxyRules`` in ``pkg/proxy/iptables/proxier.go``,
Kubernetes v1.37.
"""

from collections.abc import Iterable

from k8snet_lessons.cluster._syntax import parse_address
from k8snet_lessons.control.nodeports import nodeport_addresses
from k8snet_lessons.control.options import ProxyOptions
from k8snet_lessons.control.rules import (
    Accounting,
    Address,
    AddrType,
    Chain,
    Comment,
    ConnState,
    Jump,
    Mark,
    Masquerade,
    Match,
    Rule,
    SetMark,
    Verdict,
)
from k8snet_lessons.control.services import NodeView

_ACCEPT, _DROP, _RETURN = Verdict("ACCEPT"), Verdict("DROP"), Verdict("RETURN")
_NEW = ConnState(("NEW",))
_DST_LOCAL = AddrType("dst", "LOCAL")
_LAST_RULE = "kubernetes service nodeports; NOTE: this must be the last rule in this chain"
_INVALID_COUNTER = "ct_state_invalid_dropped_pkts"

# Packets from outside must not reach loopback addresses through route_localnet.
LOCALNET = (
    Rule(
        (
            Comment("block incoming localnet connections"),
            Address("dst", "127.0.0.0/8"),
            Address("src", "127.0.0.0/8", True),
            ConnState(("RELATED", "ESTABLISHED", "DNAT"), True),
        ),
        _DROP,
    ),
)


def built_in_filter() -> Iterable[Chain]:
    """The built-in chains of the filter table."""
    # kube-proxy puts each jump first as it makes it, so the last one made stands on top.
    balancer = Rule(
        (_NEW, Comment("kubernetes load balancer firewall")), Jump("KUBE-PROXY-FIREWALL")
    )
    visible = Rule(
        (_NEW, Comment("kubernetes externally-visible service portals")),
        Jump("KUBE-EXTERNAL-SERVICES"),
    )
    portals = Rule((_NEW, Comment("kubernetes service portals")), Jump("KUBE-SERVICES"))
    health = Rule((Comment("kubernetes health check service ports"),), Jump("KUBE-NODEPORTS"))
    forward = Rule((Comment("kubernetes forwarding rules"),), Jump("KUBE-FORWARD"))
    local = Rule((), Jump("KUBE-FIREWALL"))
    yield Chain("INPUT", (local, balancer, health, visible), "ACCEPT")
    yield Chain("FORWARD", (balancer, forward, portals, visible), "ACCEPT")
    yield Chain("OUTPUT", (local, balancer, portals), "ACCEPT")


def built_in_nat() -> Iterable[Chain]:
    """The built-in chains of the nat table."""
    portals = Rule((Comment("kubernetes service portals"),), Jump("KUBE-SERVICES"))
    leaving = Rule((Comment("kubernetes postrouting rules"),), Jump("KUBE-POSTROUTING"))
    yield Chain("PREROUTING", (portals,), "ACCEPT")
    yield Chain("INPUT", (), "ACCEPT")
    yield Chain("OUTPUT", (portals,), "ACCEPT")
    yield Chain("POSTROUTING", (leaving,), "ACCEPT")


def forward(options: ProxyOptions) -> Iterable[Rule]:
    """KUBE-FORWARD: refuse the invalid, let Service traffic through."""
    invalid = ConnState(("INVALID",))
    counted = (Accounting(_INVALID_COUNTER),) if options.nfacct else ()
    yield Rule((invalid, *counted), _DROP)
    marked = Mark(options.mark, options.mark)
    yield Rule((Comment("kubernetes forwarding rules"), marked), _ACCEPT)
    known = ConnState(("RELATED", "ESTABLISHED"))
    yield Rule((Comment("kubernetes forwarding conntrack rule"), known), _ACCEPT)


def postrouting(mark: int) -> tuple[Rule, ...]:
    """KUBE-POSTROUTING: masquerade what is marked."""
    comment = Comment("kubernetes service traffic requiring SNAT")
    return (
        Rule((Mark(mark, mark, negated=True),), _RETURN),
        # The mark is cleared, lest the packet be masqueraded again on another way through.
        Rule((), SetMark(mark, 0)),
        Rule((comment,), Masquerade(random_fully=True)),
    )


def to_node_ports(view: NodeView, localhost: bool) -> Iterable[Rule]:
    """The last rules of KUBE-SERVICES, which lead to node ports."""
    chosen = nodeport_addresses(view)
    words, target = Comment(_LAST_RULE), Jump("KUBE-NODEPORTS")
    if chosen is None:
        matches: tuple[Match, ...] = (words, _DST_LOCAL)
        if view.options.family == 6:
            matches += (Address("dst", "::1/128", True),)
        elif not localhost:
            matches += (Address("dst", "127.0.0.0/8", True),)
        yield Rule(matches, target)
        return
    for text in chosen:
        ip = parse_address(text)
        if ip is not None and ip.is_loopback and not localhost:
            continue
        yield Rule((words, Address("dst", text)), target)
