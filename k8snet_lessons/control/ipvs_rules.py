"""The iptables rules of IPVS mode: few, and the same however many Services there are.

Source: ``writeIptablesRules`` in ``pkg/proxy/ipvs/proxier.go``, Kubernetes v1.37.
"""

from collections.abc import Iterable, Mapping

from k8snet_lessons.control.rules import (
    Address,
    AddrType,
    Chain,
    Comment,
    ConnState,
    IptablesRuleset,
    Jump,
    Mark,
    Masquerade,
    Match,
    OtherMatch,
    Protocol,
    Reject,
    Rule,
    SetMark,
    SetMatch,
    Table,
    Target,
    Verdict,
)
from k8snet_lessons.control.services import NodeView

_ACCEPT, _DROP, _RETURN = Verdict("ACCEPT"), Verdict("DROP"), Verdict("RETURN")
_MARK_MASQ = Jump("KUBE-MARK-MASQ")
_BOTH = ("dst", "dst")
_COMMENTS: Mapping[str, str] = {
    "KUBE-LOOP-BACK": "Kubernetes endpoints dst ip:port, source ip for solving hairpin purpose",
    "KUBE-CLUSTER-IP": "Kubernetes service cluster ip + port for masquerade purpose",
    "KUBE-EXTERNAL-IP": "Kubernetes service external ip + port for masquerade and filter purpose",
    "KUBE-EXTERNAL-IP-LOCAL": (
        "Kubernetes service external ip + port with externalTrafficPolicy=local"
    ),
    "KUBE-LOAD-BALANCER": "Kubernetes service lb portal",
    "KUBE-LOAD-BALANCER-FW": (
        "Kubernetes service load balancer ip + port for load balancer with sourceRange"
    ),
    "KUBE-LOAD-BALANCER-LOCAL": (
        "Kubernetes service load balancer ip + port with externalTrafficPolicy=local"
    ),
    "KUBE-LOAD-BALANCER-SOURCE-IP": (
        "Kubernetes service load balancer ip + port + source IP for packet filter purpose"
    ),
    "KUBE-LOAD-BALANCER-SOURCE-CIDR": (
        "Kubernetes service load balancer ip + port + source cidr for packet filter purpose"
    ),
    "KUBE-NODE-PORT-TCP": "Kubernetes nodeport TCP port for masquerade purpose",
    "KUBE-NODE-PORT-LOCAL-TCP": "Kubernetes nodeport TCP port with externalTrafficPolicy=local",
    "KUBE-NODE-PORT-UDP": "Kubernetes nodeport UDP port for masquerade purpose",
    "KUBE-NODE-PORT-LOCAL-UDP": "Kubernetes nodeport UDP port with externalTrafficPolicy=local",
    "KUBE-NODE-PORT-SCTP-HASH": "Kubernetes nodeport SCTP port for masquerade purpose with type "
    "'hash ip:port'",
    "KUBE-NODE-PORT-LOCAL-SCTP-HASH": "Kubernetes nodeport SCTP port with "
    "externalTrafficPolicy=local with type 'hash ip:port'",
    "KUBE-HEALTH-CHECK-NODE-PORT": "Kubernetes health check node port",
}
# Set, chain, target, which addresses and ports are compared, and for which protocol.
_SET_RULES: tuple[tuple[str, str, Target, tuple[str, ...], str], ...] = (
    ("KUBE-LOOP-BACK", "KUBE-POSTROUTING", Masquerade(), ("dst", "dst", "src"), ""),
    ("KUBE-LOAD-BALANCER", "KUBE-SERVICES", Jump("KUBE-LOAD-BALANCER"), _BOTH, ""),
    ("KUBE-LOAD-BALANCER-LOCAL", "KUBE-LOAD-BALANCER", _RETURN, _BOTH, ""),
    ("KUBE-NODE-PORT-LOCAL-TCP", "KUBE-NODE-PORT", _RETURN, ("dst",), "tcp"),
    ("KUBE-NODE-PORT-TCP", "KUBE-NODE-PORT", _MARK_MASQ, ("dst",), "tcp"),
    ("KUBE-NODE-PORT-LOCAL-UDP", "KUBE-NODE-PORT", _RETURN, ("dst",), "udp"),
    ("KUBE-NODE-PORT-UDP", "KUBE-NODE-PORT", _MARK_MASQ, ("dst",), "udp"),
    ("KUBE-NODE-PORT-LOCAL-SCTP-HASH", "KUBE-NODE-PORT", _RETURN, _BOTH, "sctp"),
    ("KUBE-NODE-PORT-SCTP-HASH", "KUBE-NODE-PORT", _MARK_MASQ, _BOTH, "sctp"),
)
_FIREWALL_RULES: tuple[tuple[str, str, Target, tuple[str, ...]], ...] = (
    ("KUBE-LOAD-BALANCER-FW", "KUBE-PROXY-FIREWALL", Jump("KUBE-SOURCE-RANGES-FIREWALL"), _BOTH),
    (
        "KUBE-LOAD-BALANCER-SOURCE-CIDR",
        "KUBE-SOURCE-RANGES-FIREWALL",
        _RETURN,
        ("dst", "dst", "src"),
    ),
    (
        "KUBE-LOAD-BALANCER-SOURCE-IP",
        "KUBE-SOURCE-RANGES-FIREWALL",
        _RETURN,
        ("dst", "dst", "src"),
    ),
)


def accompanying_rules(
    view: NodeView,
    sets: Mapping[str, tuple[str, ...]],
    no_node_access: Iterable[tuple[str, str, int]],
) -> IptablesRuleset:
    """Write the iptables rules that go with the sets.

    Parameters
    ----------
    view : NodeView
    sets : mapping of str to tuple of str
        Rules for empty sets are left out, as kube-proxy does.
    no_node_access : iterable of (str, str, int)
        Load-balancer address, protocol and port that the node itself may not use.

    Returns
    -------
    IptablesRuleset
    """
    options = view.options
    six = options.family == 6

    def named(name: str) -> str:
        return name.replace("KUBE-", "KUBE-6-", 1) if six else name

    def member(name: str, flags: tuple[str, ...]) -> SetMatch:
        return SetMatch(named(name), flags)

    nat: dict[str, list[Rule]] = {name: [] for name in _NAT_CHAINS}
    filtering: dict[str, list[Rule]] = {name: [] for name in _FILTER_CHAINS}
    nat["KUBE-SERVICES"].append(Rule((Address("src", "::1" if six else "127.0.0.0/8"),), _RETURN))
    for name, chain, target, flags, protocol in _SET_RULES:
        if sets[name]:
            first: tuple[Match, ...] = (Protocol(protocol),) if protocol else ()
            matches = (*first, Comment(_COMMENTS[name]), member(name, flags))
            nat[chain].append(Rule(matches, target))
    for name, chain, target, flags in _FIREWALL_RULES:
        if sets[name]:
            matches = (Comment(_COMMENTS[name]), member(name, flags))
            filtering[chain].append(Rule(matches, target))
    _cluster_ip_rule(nat["KUBE-SERVICES"], view, sets, named("KUBE-CLUSTER-IP"))
    for name in ("KUBE-EXTERNAL-IP", "KUBE-EXTERNAL-IP-LOCAL"):
        if sets[name]:
            matches = (Comment(_COMMENTS[name]), member(name, _BOTH))
            if name == "KUBE-EXTERNAL-IP":
                nat["KUBE-SERVICES"].append(Rule(matches, _MARK_MASQ))
            not_bridged = OtherMatch("physdev", ("!", "--physdev-is-in"))
            outside = (*matches, not_bridged, AddrType("src", "LOCAL", True))
            nat["KUBE-SERVICES"].append(Rule(outside, _ACCEPT))
            nat["KUBE-SERVICES"].append(Rule((*matches, AddrType("dst", "LOCAL")), _ACCEPT))
    nat["KUBE-SERVICES"].append(Rule((AddrType("dst", "LOCAL"),), Jump("KUBE-NODE-PORT")))
    nat["KUBE-LOAD-BALANCER"].append(Rule((), _MARK_MASQ))
    for name in ("KUBE-CLUSTER-IP", "KUBE-LOAD-BALANCER"):
        if sets[name]:
            nat["KUBE-SERVICES"].append(Rule((member(name, _BOTH),), _ACCEPT))
    mark = options.mark
    nat["KUBE-POSTROUTING"] += [
        Rule((Mark(mark, mark, negated=True),), _RETURN),
        Rule((), SetMark(mark, 0)),
        Rule((Comment("kubernetes service traffic requiring SNAT"),), Masquerade(True)),
    ]
    nat["KUBE-MARK-MASQ"].append(Rule((), SetMark(mark, mark)))
    filtering["KUBE-SOURCE-RANGES-FIREWALL"].append(Rule((), _DROP))
    for ip, protocol, port in no_node_access:
        words = ("--vaddr", ip, "--vproto", protocol, "--vport", str(port))
        rule = Rule((Address("src", ip), OtherMatch("ipvs", words)), _DROP)
        filtering["KUBE-IPVS-OUT-FILTER"].append(rule)
    marked = Mark(mark, mark)
    known = ConnState(("RELATED", "ESTABLISHED"))
    filtering["KUBE-FORWARD"] += [
        Rule((Comment("kubernetes forwarding rules"), marked), _ACCEPT),
        Rule((Comment("kubernetes forwarding conntrack rule"), known), _ACCEPT),
    ]
    health = member("KUBE-HEALTH-CHECK-NODE-PORT", ("dst",))
    words_ = Comment(_COMMENTS["KUBE-HEALTH-CHECK-NODE-PORT"])
    filtering["KUBE-NODE-PORT"].append(Rule((words_, health), _ACCEPT))
    for name in (
        "KUBE-LOAD-BALANCER",
        "KUBE-CLUSTER-IP",
        "KUBE-EXTERNAL-IP",
        "KUBE-EXTERNAL-IP-LOCAL",
    ):
        filtering["KUBE-IPVS-FILTER"].append(Rule((member(name, _BOTH),), _RETURN))
    filtering["KUBE-IPVS-FILTER"] += [
        Rule((health,), _RETURN),
        Rule((ConnState(("NEW",)), member("KUBE-IPVS-IPS", ("dst",))), Reject()),
    ]
    return _ruleset(view, nat, filtering)


_NAT_CHAINS = (
    "KUBE-SERVICES",
    "KUBE-POSTROUTING",
    "KUBE-NODE-PORT",
    "KUBE-LOAD-BALANCER",
    "KUBE-MARK-MASQ",
)
_FILTER_CHAINS = (
    "KUBE-FORWARD",
    "KUBE-NODE-PORT",
    "KUBE-PROXY-FIREWALL",
    "KUBE-SOURCE-RANGES-FIREWALL",
    "KUBE-IPVS-FILTER",
    "KUBE-IPVS-OUT-FILTER",
)


def _cluster_ip_rule(
    rules: list[Rule], view: NodeView, sets: Mapping[str, tuple[str, ...]], name: str
) -> None:
    if not sets["KUBE-CLUSTER-IP"]:
        return
    words = Comment(_COMMENTS["KUBE-CLUSTER-IP"])
    options = view.options
    if options.masquerade_all:
        rules.append(Rule((words, SetMatch(name, _BOTH)), _MARK_MASQ))
    elif options.local_cidr:
        outside = Address("src", options.local_cidr, True)
        rules.append(Rule((words, SetMatch(name, _BOTH), outside), _MARK_MASQ))
    else:
        # Packets that the node sends to a bound address carry that address as their source.
        rules.append(Rule((words, SetMatch(name, ("src", "dst"))), _MARK_MASQ))


def _ruleset(
    view: NodeView, nat: Mapping[str, list[Rule]], filtering: Mapping[str, list[Rule]]
) -> IptablesRuleset:
    def jump(comment: str, chain: str) -> Rule:
        return Rule((Comment(comment),), Jump(chain))

    portals = jump("kubernetes service portals", "KUBE-SERVICES")
    access = "kubernetes ipvs access filter"
    firewall = jump("kube-proxy firewall rules", "KUBE-PROXY-FIREWALL")
    health = jump("kubernetes health check rules", "KUBE-NODE-PORT")
    forward = jump("kubernetes forwarding rules", "KUBE-FORWARD")
    chains = {
        "filter": [
            Chain("INPUT", (jump(access, "KUBE-IPVS-FILTER"), firewall, health), "ACCEPT"),
            Chain("FORWARD", (firewall, forward), "ACCEPT"),
            Chain("OUTPUT", (jump(access, "KUBE-IPVS-OUT-FILTER"),), "ACCEPT"),
            *(Chain(name, tuple(rules)) for name, rules in filtering.items()),
        ],
        "nat": [
            Chain("PREROUTING", (portals,), "ACCEPT"),
            Chain("INPUT", (), "ACCEPT"),
            Chain("OUTPUT", (portals,), "ACCEPT"),
            Chain(
                "POSTROUTING", (jump("kubernetes postrouting rules", "KUBE-POSTROUTING"),), "ACCEPT"
            ),
            *(Chain(name, tuple(rules)) for name, rules in nat.items()),
        ],
    }
    return IptablesRuleset(
        tables={name: Table(name, {c.name: c for c in items}) for name, items in chains.items()},
        family=6 if view.options.family == 6 else 4,
        local_addresses=view.local_addresses,
        pod_cidrs=(view.options.cluster_cidr,) if view.options.cluster_cidr else (),
    )
