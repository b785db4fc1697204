"""``trace``: what becomes of a packet on a node."""

from collections.abc import Collection, Mapping
from fractions import Fraction
from ipaddress import ip_address, ip_network
from typing import Any

from k8snet_lessons.control.rules import IptablesRuleset
from k8snet_lessons.datapath.conntrack import Conntrack
from k8snet_lessons.datapath.netfilter.hooks import with_usual_hooks
from k8snet_lessons.datapath.netfilter.journey import Journey
from k8snet_lessons.datapath.netfilter.node import Node, hints_of
from k8snet_lessons.datapath.netfilter.walk import Path, Toss
from k8snet_lessons.datapath.outcome import Trace
from k8snet_lessons.datapath.packet import ORIGINS, Origin, Packet, family
from k8snet_lessons.datapath.recent import RecentLists
from k8snet_lessons.errors import InputError

_STATES = ("NEW", "ESTABLISHED", "RELATED", "INVALID")


def trace(
    ruleset: IptablesRuleset,
    packet: Packet,
    origin: Origin = "pod",
    *,
    local_addresses: Collection[str] | None = None,
    conntrack: Conntrack | None = None,
    recent: RecentLists | None = None,
    now_s: float = 0.0,
    state: str = "NEW",
    sample: int | None = None,
    routes: Mapping[str, str] | None = None,
    sets: Mapping[str, Collection[str]] | None = None,
    assume: Mapping[str, bool] | None = None,
) -> Trace:
    """Walk a packet through a node's rules.

    Parameters
    ----------
    ruleset : IptablesRuleset
        From `parse_iptables_save`, or programmed from a cluster.
    packet : Packet
    origin : {"pod", "host", "external"}
        ``"pod"`` and ``"external"`` packets come in over an interface and meet
        PREROUTING; ``"host"`` is a process in the node's own network namespace, whose
        packets meet OUTPUT.
    local_addresses : collection of str, optional
        The node's own addresses. A programmed ruleset knows them; a dump does not, and
        what is then assumed is listed in the trace.
    conntrack : Conntrack, optional
        Connections known before. A packet of one of them follows its entry and meets no
        rule of the nat table.
    recent : RecentLists, optional
        What ``-m recent`` remembers: session affinity.
    now_s : float
        The time, for ``recent --seconds``.
    state : {"NEW", "ESTABLISHED", "RELATED", "INVALID"}
        What conntrack makes of a packet it has no entry for. Only NEW is translated.
    sample : int, optional
        A seed: throw the dice, and follow one path only.
    routes : mapping of str to str, optional
        Network to outgoing interface, for rules with ``-o``.
    sets : mapping of str to collection of str, optional
        Members of ipsets, by name, as ``ipset list`` prints them.
    assume : mapping of str to bool, optional
        Answers to clauses that cannot be decided, by their text as the trace reports it.
        Such a clause is otherwise taken not to hold, and every outcome that rests on it
        says so.

    Returns
    -------
    Trace

    Raises
    ------
    InputError
        If a value is not allowed, packet and rules are not of one address family, or the
        rules fork so often that there is no end to the paths.

    Notes
    -----
    Probabilities are exact. ``--probability 0.33333333349`` is what the kernel prints for
    kube-proxy's 1/3, which it keeps as 715827883 / 2**31: the trace says 1/3, and so is
    off the kernel by less than 2**-31.

    ``statistic --mode nth`` counts packets; seen from outside, a packet meets it with the
    long-run share 1/every.

    Not modelled: the sockets that listen or do not, reverse-path filtering, martian
    addresses, bridging, and routes by mark.
    """
    _check(ruleset, packet, origin, state)
    whole, added = with_usual_hooks(ruleset)
    addresses = frozenset(
        _address(a)
        for a in (ruleset.local_addresses if local_addresses is None else local_addresses)
    )
    hints = whole.memo.get("hints")
    if hints is None:
        hints = whole.memo["hints"] = hints_of(whole)
    node = Node(addresses, hints, packet, origin)
    journey = Journey(
        ruleset=whole,
        node=node,
        origin=origin,
        conntrack=conntrack if conntrack is not None else Conntrack(),
        routes={_network(net): name for net, name in (routes or {}).items()},
        sets=sets or {},
        assume=assume or {},
        now_s=now_s,
        toss=None if sample is None else _dice(sample),
    )
    start = Path(
        packet=packet,
        state=state,
        came_in="" if origin == "host" else packet.in_interface,
        recent=recent if recent is not None else RecentLists(),
    )
    outcomes = journey.run(start)
    return Trace(packet, origin, outcomes, (*added, *node.assumptions))


def _check(ruleset: object, packet: object, origin: object, state: object) -> None:
    if not isinstance(ruleset, IptablesRuleset):
        raise InputError("ruleset", ruleset, "what parse_iptables_save or program returns")
    if not isinstance(packet, Packet):
        raise InputError("packet", packet, "a Packet")
    if origin not in ORIGINS:
        raise InputError("origin", origin, " or ".join(f'"{o}"' for o in ORIGINS))
    if state not in _STATES:
        raise InputError("state", state, ", ".join(_STATES))
    if origin == "host" and packet.in_interface is not None:
        raise InputError("in_interface", packet.in_interface, "nothing for a packet of the host")
    if family(packet.src) != ruleset.family:
        raise InputError("packet", str(packet), f"IPv{ruleset.family} addresses, as the rules have")


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


def _dice(seed: int) -> Toss:
    """Throws with exactly the given probability: whole numbers, no rounding."""
    from numpy.random import default_rng

    rng = default_rng(seed)

    def toss(chance: Fraction) -> bool:
        return int(rng.integers(chance.denominator)) < chance.numerator

    return toss
