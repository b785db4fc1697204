"""``trace``: what becomes of a packet on a node, whatever the node is programmed with."""

from collections.abc import Collection, Mapping
from fractions import Fraction
from typing import TYPE_CHECKING

from k8snet_lessons.control.rules import IptablesRuleset
from k8snet_lessons.datapath.conntrack import Conntrack
from k8snet_lessons.datapath.lookups import trace_lookup
from k8snet_lessons.datapath.netfilter import Circumstances, trace_rules
from k8snet_lessons.datapath.netfilter.walk import Toss
from k8snet_lessons.datapath.outcome import Trace
from k8snet_lessons.datapath.packet import ORIGINS, Origin, Packet, family
from k8snet_lessons.datapath.recent import RecentLists
from k8snet_lessons.errors import InputError

if TYPE_CHECKING:
    from k8snet_lessons.control.ebpf import EbpfRuleset
    from k8snet_lessons.control.ipvs import IpvsRuleset
    from k8snet_lessons.control.nftables import NftablesRuleset

    Ruleset = IptablesRuleset | NftablesRuleset | IpvsRuleset | EbpfRuleset


def trace(
    ruleset: "Ruleset",
    packet: Packet,
    origin: Origin = "pod",
    *,
    local_addresses: Collection[str] | None = None,
    conntrack: Conntrack | None = None,
    affinity: str = "",
    recent: RecentLists | None = None,
    now_s: float = 0.0,
    state: str = "NEW",
    sample: int | None = None,
    routes: Mapping[str, str] | None = None,
    sets: Mapping[str, Collection[str]] | None = None,
    assume: Mapping[str, bool] | None = None,
) -> Trace:
    """Find every end that a packet may come to on a node, and how likely each is.

    Parameters
    ----------
    ruleset : IptablesRuleset, NftablesRuleset, IpvsRuleset or EbpfRuleset
        From `parse_iptables_save`, or programmed from a cluster. iptables rules are walked
        one by one, hook by hook; the others are looked up in their maps.
    packet : Packet
    origin : {"pod", "host", "external"}
        ``"pod"`` and ``"external"`` packets come in over an interface and meet
        PREROUTING; ``"host"`` is a process in the node's own network namespace, whose
        packets meet OUTPUT.
    local_addresses : collection of str, optional
        The node's own addresses. A programmed ruleset knows them; a dump does not, and
        what is then assumed is listed in the trace. iptables only, as are all below but
        `conntrack`, `affinity` and `sample`.
    conntrack : Conntrack, optional
        Connections known before. A packet of one of them follows its entry and meets no
        rule of the nat table.
    affinity : str, optional
        The backend, ``"address:port"``, that the node remembers for this client.
    recent : RecentLists, optional
        What ``-m recent`` remembers: session affinity as iptables keeps it.
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
    _check(ruleset, packet, origin)
    table = conntrack if conntrack is not None else Conntrack()
    toss = None if sample is None else _dice(sample)
    if isinstance(ruleset, IptablesRuleset):
        told = Circumstances(
            local_addresses=local_addresses,
            conntrack=table,
            recent=recent if recent is not None else RecentLists(),
            now_s=now_s,
            state=state,
            toss=toss,
            routes=routes or {},
            sets=sets or {},
            assume=assume or {},
            affinity=affinity,
        )
        return trace_rules(ruleset, packet, origin, told)
    for name, given in (
        ("local_addresses", local_addresses),
        ("recent", recent),
        ("routes", routes),
        ("sets", sets),
        ("assume", assume),
        ("state", None if state == "NEW" else state),
    ):
        if given is not None:
            raise InputError(name, given, f"nothing in {ruleset.mode} mode: iptables rules ask it")
    return trace_lookup(ruleset, packet, origin, table, affinity, toss)


def _check(ruleset: object, packet: object, origin: object) -> None:
    if not hasattr(ruleset, "lookup") and not isinstance(ruleset, IptablesRuleset):
        raise InputError("ruleset", ruleset, "what parse_iptables_save or program returns")
    if not isinstance(packet, Packet):
        raise InputError("packet", packet, "a Packet")
    if origin not in ORIGINS:
        raise InputError("origin", origin, " or ".join(f'"{o}"' for o in ORIGINS))
    if origin == "host" and packet.in_interface is not None:
        raise InputError("in_interface", packet.in_interface, "nothing for a packet of the host")
    wanted = getattr(ruleset, "family", 4)
    if family(packet.src) != wanted:
        raise InputError("packet", str(packet), f"IPv{wanted} addresses, as the rules have")


def _dice(seed: int) -> Toss:
    """Throws with exactly the given probability: whole numbers, no rounding."""
    from numpy.random import default_rng

    rng = default_rng(seed)

    def toss(chance: Fraction) -> bool:
        return int(rng.integers(chance.denominator)) < chance.numerator

    return toss
