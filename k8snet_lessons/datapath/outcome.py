"""What a trace finds: every end a packet may come to, and how likely each is."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from fractions import Fraction
from typing import Literal

from k8snet_lessons.datapath.conntrack import Entry
from k8snet_lessons.datapath.packet import Origin, Packet
from k8snet_lessons.datapath.recent import RecentLists
from k8snet_lessons.datapath.steps import Step, Unknown

Ending = Literal["accept", "drop", "reject"]


@dataclass(frozen=True, slots=True)
class Outcome:
    """One end that a packet may come to.

    Attributes
    ----------
    probability : Fraction
        Exact. Over all outcomes of a trace they add up to 1.
    verdict : {"accept", "drop", "reject"}
    packet : Packet
        After all translations.
    masqueraded : bool
        Whether the source was rewritten, so that the backend does not see the client.
    steps : sequence of Step
        What happened, in order.
    rules_by_table : mapping of str to int
        Rules the kernel tries for this packet, by table.
    ended_at : str
        The last hook: ``INPUT`` for a process on the node, ``POSTROUTING`` for a packet
        that leaves it (to a pod or to another host), else where it was stopped.
    reject_with : str
        The ICMP message of a reject; empty for the default, port unreachable.
    unknowns : tuple of Unknown
        Clauses that could not be decided and that this outcome rests on.
    entry : Entry or None
        The connection's entry, to be put into a ``Conntrack``; None if it is not tracked
        or never got through.
    recent : RecentLists
        The lists of ``-m recent`` after this packet.
    """

    probability: Fraction
    verdict: Ending
    packet: Packet
    masqueraded: bool
    steps: Sequence[Step]
    rules_by_table: Mapping[str, int]
    ended_at: str = ""
    reject_with: str = ""
    unknowns: tuple[Unknown, ...] = ()
    entry: Entry | None = None
    recent: RecentLists = field(default_factory=RecentLists)

    @property
    def rules_evaluated(self) -> int:
        """Rules the kernel tries for this packet, in all tables."""
        return sum(self.rules_by_table.values())

    @property
    def certain(self) -> bool:
        """Whether every clause on the way could be decided."""
        return not self.unknowns

    @property
    def backend(self) -> str:
        """``"address:port"`` where the packet arrives; the verdict if it does not."""
        return self.packet.destination if self.verdict == "accept" else self.verdict


@dataclass(frozen=True, slots=True)
class Trace:
    """A packet, and everything that may become of it.

    Attributes
    ----------
    packet : Packet
        As it came.
    origin : {"pod", "host", "external"}
    outcomes : tuple of Outcome
        In the order in which the rules stand. One, if a trace was sampled.
    assumptions : tuple of str
        What the rules did not say and was taken for granted.
    mode : str
        ``"iptables"``, ``"nftables"``, ``"ipvs"`` or ``"ebpf"``.
    """

    packet: Packet
    origin: Origin
    outcomes: tuple[Outcome, ...]
    assumptions: tuple[str, ...] = ()
    mode: str = "iptables"

    @property
    def unknowns(self) -> tuple[Unknown, ...]:
        """Clauses that could not be decided, over all outcomes."""
        return tuple(dict.fromkeys(u for outcome in self.outcomes for u in outcome.unknowns))

    @property
    def certain(self) -> bool:
        """Whether every clause on the way of every outcome could be decided."""
        return not self.unknowns

    def backends(self) -> dict[str, Fraction]:
        """Where the packet arrives, with the probability of each.

        Returns
        -------
        dict of str to Fraction
            ``"address:port"``; ``"drop"`` or ``"reject"`` for what does not arrive.
        """
        found: dict[str, Fraction] = {}
        for outcome in self.outcomes:
            found[outcome.backend] = found.get(outcome.backend, Fraction(0)) + outcome.probability
        return found

    def __str__(self) -> str:
        from k8snet_lessons.datapath.render import trace_text

        return trace_text(self)

    def _repr_html_(self) -> str:
        from k8snet_lessons.datapath.render import trace_html

        return trace_html(self)
