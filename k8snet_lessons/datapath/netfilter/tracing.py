"""A packet walked through iptables rules, with all that the walk may be told."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from ipaddress import ip_address, ip_network
from typing import Any

from k8snet_lessons.control.rules import Dnat, IptablesRuleset, Recent
from k8snet_lessons.datapath.conntrack import Conntrack
from k8snet_lessons.datapath.netfilter.hooks import with_usual_hooks
from k8snet_lessons.datapath.netfilter.journey import Journey
from k8snet_lessons.datapath.netfilter.node import Node
from k8snet_lessons.datapath.netfilter.walk import Path, Toss
from k8snet_lessons.datapath.outcome import Trace
from k8snet_lessons.datapath.packet import Origin, Packet
from k8snet_lessons.datapath.recent import RecentLists
from k8snet_lessons.errors import InputError

_STATES = ("NEW", "ESTABLISHED", "RELATED", "INVALID")


@dataclass(frozen=True, slots=True)
class Circumstances:
    """All that a trace may be told besides rules and packet; see `trace`."""

    local_addresses: Collection[str] | None = None
    conntrack: Conntrack = field(default_factory=Conntrack)
    recent: RecentLists = field(default_factory=RecentLists)
    now_s: float = 0.0
    state: str = "NEW"
    toss: Toss | None = None
    routes: Mapping[str, str] = field(default_factory=dict)
    sets: Mapping[str, Collection[str]] = field(default_factory=dict)
    assume: Mapping[str, bool] = field(default_factory=dict)
    affinity: str = ""


def trace_rules(
    ruleset: IptablesRuleset, packet: Packet, origin: Origin, told: Circumstances
) -> Trace:
    """Walk a packet through iptables rules; see `k8snet_lessons.datapath.trace`."""
    if told.state not in _STATES:
        raise InputError("state", told.state, ", ".join(_STATES))
    whole, added = with_usual_hooks(ruleset)
    given = ruleset.local_addresses if told.local_addresses is None else told.local_addresses
    node = Node(frozenset(_address(a) for a in given), whole, packet, origin)
    journey = Journey(
        ruleset=whole,
        node=node,
        origin=origin,
        conntrack=told.conntrack,
        routes={_network(net): name for net, name in told.routes.items()},
        sets=told.sets,
        assume=told.assume,
        now_s=told.now_s,
        toss=told.toss,
    )
    recent = told.recent
    if told.affinity:
        recent = _remembering(whole, packet.src, told.affinity, told.now_s, recent)
    start = Path(
        packet=packet,
        state=told.state,
        came_in="" if origin == "host" else packet.in_interface,
        recent=recent,
    )
    outcomes = journey.run(start)
    return Trace(packet, origin, outcomes, (*added, *node.assumptions))


def _remembering(
    ruleset: IptablesRuleset, client: str, backend: str, now_s: float, recent: RecentLists
) -> RecentLists:
    """The lists as if the client had been sent to the backend just now."""
    for table in ruleset.tables.values():
        for chain in table:
            for rule in chain.rules:
                if type(rule.target) is Dnat and rule.target.to == backend:
                    for match in rule.matches:
                        if type(match) is Recent and match.action == "set":
                            _, recent = recent.apply(match, client, now_s)
    return recent


def _address(text: Any) -> str:
    try:
        if not isinstance(text, str):
            raise ValueError(text)
        return str(ip_address(text))
    except ValueError:
        raise InputError("local_addresses", text, "IP addresses, without a prefix") from None


def _network(net: str) -> str:
    try:
        made = ip_network(net, strict=False)
    except ValueError:
        raise InputError("routes", net, "networks such as 10.244.0.0/16") from None
    return str(made)
