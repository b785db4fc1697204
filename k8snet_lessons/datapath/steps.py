"""What happened to a packet, step by step: one small class for each kind of step."""

from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
from typing import NamedTuple, overload

from k8snet_lessons.control.rules import Rule
from k8snet_lessons.datapath.packet import Packet


@dataclass(frozen=True, slots=True)
class Step:
    """One thing that happened.

    Attributes
    ----------
    hook : str
        ``"PREROUTING"``, ``"INPUT"``, ``"FORWARD"``, ``"OUTPUT"`` or ``"POSTROUTING"``.
    table, chain : str
        Where the rule stands; empty for steps between tables.
    line : int
        The rule's line in the dump; 0 if there is none.
    rule : Rule or None
    """

    hook: str
    table: str = ""
    chain: str = ""
    line: int = 0
    rule: Rule | None = None

    @property
    def what(self) -> str:
        """What happened, in words."""
        return ""


@dataclass(frozen=True, slots=True)
class Jumped(Step):
    """A rule matched and sent the packet into another chain."""

    to: str = ""
    goto: bool = False

    @property
    def what(self) -> str:
        return f"goes to {self.to}" if self.goto else f"jumps to {self.to}"


@dataclass(frozen=True, slots=True)
class Returned(Step):
    """RETURN: the walk goes on behind the rule that jumped here."""

    @property
    def what(self) -> str:
        return "returns"


@dataclass(frozen=True, slots=True)
class Tossed(Step):
    """A ``statistic`` rule threw its dice, and the packet passed it by."""

    probability: Fraction = Fraction(0)

    @property
    def what(self) -> str:
        return f"passed by, with probability {1 - self.probability}"


@dataclass(frozen=True, slots=True)
class Marked(Step):
    """The packet's mark changed, or its connection's."""

    before: int = 0
    after: int = 0
    connection: bool = False

    @property
    def what(self) -> str:
        whose = "connection mark" if self.connection else "mark"
        return f"{whose} {self.before:#x} becomes {self.after:#x}"


@dataclass(frozen=True, slots=True)
class Translated(Step):
    """An address was rewritten: DNAT, SNAT, MASQUERADE, REDIRECT or NETMAP."""

    kind: str = ""
    before: Packet | None = None
    after: Packet | None = None
    note: str = ""

    @property
    def what(self) -> str:
        note = f" ({self.note})" if self.note else ""
        return f"{self.kind}: {self.before} becomes {self.after}{note}"


@dataclass(frozen=True, slots=True)
class Decided(Step):
    """A rule or a chain's policy decided the packet's fate in this table."""

    verdict: str = ""
    policy: bool = False

    @property
    def what(self) -> str:
        return f"policy {self.verdict}" if self.policy else self.verdict


@dataclass(frozen=True, slots=True)
class Routed(Step):
    """The routing decision: to a process on this node, or on through it."""

    to: str = ""
    why: str = ""

    @property
    def what(self) -> str:
        return f"routed to {self.to}: {self.why}"


@dataclass(frozen=True, slots=True)
class Tracked(Step):
    """Conntrack looked the packet up."""

    found: str = ""

    @property
    def what(self) -> str:
        return self.found


@dataclass(frozen=True, slots=True)
class Remarked(Step):
    """Something that does not change the walk: a log line, an unknown clause, a counter."""

    text: str = ""

    @property
    def what(self) -> str:
        return self.text


class Trail(NamedTuple):
    """Steps so far, newest first: paths that part share what they had in common."""

    step: Step
    before: "Trail | None"


class Steps(Sequence[Step]):
    """The steps of one path, oldest first; unrolled when they are first looked at.

    A Service with a thousand backends has a thousand paths, each one throw longer than
    the one before. Most are never read.
    """

    __slots__ = ("_steps", "_trail")

    def __init__(self, trail: Trail | None = None) -> None:
        self._trail = trail
        self._steps: tuple[Step, ...] | None = None

    def _all(self) -> tuple[Step, ...]:
        if self._steps is None:
            steps: list[Step] = []
            trail = self._trail
            while trail is not None:
                steps.append(trail.step)
                trail = trail.before
            self._steps = tuple(reversed(steps))
            self._trail = None
        return self._steps

    def __len__(self) -> int:
        return len(self._all())

    @overload
    def __getitem__(self, index: int) -> Step: ...
    @overload
    def __getitem__(self, index: slice) -> tuple[Step, ...]: ...
    def __getitem__(self, index: int | slice) -> Step | tuple[Step, ...]:
        return self._all()[index]

    def __eq__(self, other: object) -> bool:
        if isinstance(other, Steps):
            return self._all() == other._all()
        return self._all() == other

    __hash__ = None  # type: ignore[assignment]

    def __repr__(self) -> str:
        return f"Steps({len(self)} steps)"


class Unknown(NamedTuple):
    """A clause that could not be decided, and what was taken in its place.

    Attributes
    ----------
    clause : str
        As the dump writes it, for instance ``-m u32 --u32 ...``. The key for ``assume``.
    taken : bool
        Whether it was taken to hold.
    where : str
        Table, chain and line.
    why : str
        What would have to be known.
    """

    clause: str
    taken: bool
    where: str
    why: str

    def __str__(self) -> str:
        held = "to hold" if self.taken else "not to hold"
        return f"{self.clause} in {self.where}: taken {held} ({self.why})"
