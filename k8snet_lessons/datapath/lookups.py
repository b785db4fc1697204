"""The same question to nftables, IPVS and eBPF: maps are looked up, not rules walked."""

from collections.abc import Callable
from fractions import Fraction
from typing import Protocol

from k8snet_lessons.control.decision import Decision, Flow
from k8snet_lessons.datapath.conntrack import Conntrack, Entry, Tuple, seen_reply
from k8snet_lessons.datapath.outcome import Outcome, Trace
from k8snet_lessons.datapath.packet import Origin, Packet
from k8snet_lessons.datapath.steps import Remarked, Step, Steps, Tracked, Trail, Translated


class Lookup(Protocol):
    """A ruleset that answers at once where a new connection goes."""

    @property
    def mode(self) -> str:
        """``"nftables"``, ``"ipvs"`` or ``"ebpf"``."""

    @property
    def local_addresses(self) -> frozenset[str]:
        """The node's own addresses."""

    def lookup(self, flow: Flow) -> Decision:
        """Where a flow goes."""


def trace_lookup(
    ruleset: Lookup,
    packet: Packet,
    origin: Origin,
    conntrack: Conntrack,
    affinity: str,
    toss: Callable[[Fraction], bool] | None,
) -> Trace:
    """Ask a ruleset about a packet; see `k8snet_lessons.datapath.trace`.

    A packet of a connection that `conntrack` holds follows its entry. In eBPF mode that
    table is the datapath's own, and connections that start on the node need none.
    """
    mode = ruleset.mode
    known = conntrack.find(packet)
    if known is not None:
        return Trace(packet, origin, (_followed(packet, *known),), mode=mode)
    if packet.dport is None:
        here = Outcome(Fraction(1), "accept", packet, False, Steps(), {mode: 0})
        return Trace(packet, origin, (here,), mode=mode)
    flow = Flow(packet.src, packet.dst, packet.dport, packet.protocol, origin, affinity)
    decision = ruleset.lookup(flow)
    outcomes = [
        _arrival(ruleset, packet, origin, decision, backend, probability)
        for backend, probability in decision.backends.items()
    ]
    left = 1 - sum(decision.backends.values(), Fraction(0))
    if left:
        entry = None
        if decision.verdict == "accept":
            entry = Entry(Tuple.of(packet), Tuple.of(packet).inverse())
        outcomes.append(
            Outcome(
                probability=left,
                verdict=decision.verdict,
                packet=packet,
                masqueraded=False,
                steps=Steps(_trail(decision, origin)),
                rules_by_table={mode: decision.lookups},
                entry=entry,
            )
        )
    if toss is not None:
        outcomes = [_one(outcomes, toss)]
    return Trace(packet, origin, tuple(outcomes), mode=mode)


def _arrival(
    ruleset: Lookup,
    packet: Packet,
    origin: Origin,
    decision: Decision,
    backend: str,
    probability: Fraction,
) -> Outcome:
    address, _, port = backend.rpartition(":")
    hook = "OUTPUT" if origin == "host" else "PREROUTING"
    after = packet.with_destination(address.strip("[]"), int(port))
    trail = Trail(
        Translated(hook, kind="DNAT", before=packet, after=after), _trail(decision, origin)
    )
    masqueraded = backend in decision.masqueraded
    if masqueraded:
        mine = sorted(a for a in ruleset.local_addresses if (":" in a) == (":" in packet.src))
        source = (
            packet.src if origin == "host" and packet.src in mine else (mine or [packet.src])[0]
        )
        before, after = after, after.with_source(source)
        step = Translated("POSTROUTING", kind="MASQUERADE", before=before, after=after)
        trail = Trail(step, trail)
    return Outcome(
        probability=probability,
        verdict="accept",
        packet=after,
        masqueraded=masqueraded,
        steps=Steps(trail),
        rules_by_table={ruleset.mode: decision.lookups},
        ended_at="POSTROUTING",
        entry=Entry(Tuple.of(packet), Tuple.of(after).inverse()),
    )


def _trail(decision: Decision, origin: Origin) -> Trail | None:
    hook = "OUTPUT" if origin == "host" else "PREROUTING"
    trail: Trail | None = None
    for text in decision.steps:
        step: Step = Remarked(hook, text=text)
        trail = Trail(step, trail)
    return trail


def _followed(packet: Packet, entry: Entry, direction: str) -> Outcome:
    """A later packet, or an answer: rewritten as its entry says, nothing looked up."""
    there = direction == "original"
    wanted = entry.reply.inverse() if there else seen_reply(entry).original.inverse()
    after = Packet(
        wanted.src, wanted.dst, wanted.dport, packet.protocol, wanted.sport, mark=packet.mark
    )
    way = "belongs to" if there else "the way back of"
    trail = Trail(Tracked("PREROUTING", found=f"{way} a known connection: {entry}"), None)
    if after != packet:
        step = Translated("PREROUTING", kind="conntrack", before=packet, after=after)
        trail = Trail(step, trail)
    return Outcome(
        probability=Fraction(1),
        verdict="accept",
        packet=after,
        masqueraded=there and entry.source_translated,
        steps=Steps(trail),
        rules_by_table={},
        ended_at="POSTROUTING",
        entry=entry if there else seen_reply(entry),
    )


def _one(outcomes: list[Outcome], toss: Callable[[Fraction], bool]) -> Outcome:
    """One outcome by chance: each in turn, out of what is left."""
    left = Fraction(1)
    for outcome in outcomes[:-1]:
        if toss(outcome.probability / left):
            return outcome
        left -= outcome.probability
    return outcomes[-1]
