"""One table at one hook: rules tried in order, with a path for each throw of the dice."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from fractions import Fraction
from typing import Any, NamedTuple

from k8snet_lessons.control import rules as r
from k8snet_lessons.datapath.conntrack import Direction, Entry
from k8snet_lessons.datapath.netfilter.chains import candidates
from k8snet_lessons.datapath.netfilter.matching import Untold, View, decide
from k8snet_lessons.datapath.netfilter.targets import effect_of
from k8snet_lessons.datapath.netfilter.wording import clause_text, target_text
from k8snet_lessons.datapath.packet import Packet
from k8snet_lessons.datapath.recent import RecentLists
from k8snet_lessons.datapath.steps import (
    Decided,
    Jumped,
    Marked,
    Remarked,
    Returned,
    Step,
    Tossed,
    Trail,
    Unknown,
)
from k8snet_lessons.errors import InputError

ONE = Fraction(1)
_HEADER = (r.Address, r.Protocol, r.Interface)


class Path(NamedTuple):
    """A packet on its way, and how it came here.

    Attributes
    ----------
    packet : Packet
        As it is now.
    probability : Fraction
        Of all throws so far.
    trail : Trail or None
    evaluated : tuple of (str, int)
        Rules tried so far, by table.
    connection_mark : int
    tracked : bool
        False after NOTRACK.
    state : str
        The connection's state as ``ctstate`` names it.
    direction : {"original", "reply"}
    entry : Entry or None
        The connection, with the translations made so far.
    masqueraded : bool
        Whether the source was rewritten.
    redirected : bool
        Whether REDIRECT turned it to the node itself, whose address may not be known.
    came_in : str or None
        Interface; empty for a packet of the host itself, None if not known.
    recent : RecentLists
    unknowns : tuple of Unknown
    """

    packet: Packet
    probability: Fraction = ONE
    trail: Trail | None = None
    evaluated: tuple[tuple[str, int], ...] = ()
    connection_mark: int = 0
    tracked: bool = True
    state: str = "NEW"
    direction: Direction = "original"
    entry: Entry | None = None
    masqueraded: bool = False
    redirected: bool = False
    came_in: str | None = None
    recent: RecentLists = RecentLists()
    unknowns: tuple[Unknown, ...] = ()

    def then(self, step: Step) -> "Path":
        """The path with one more step."""
        return self._replace(trail=Trail(step, self.trail))

    def counting(self, table: str, rules: int) -> "Path":
        """The path with more rules tried."""
        if not rules:
            return self
        counts = dict(self.evaluated)
        counts[table] = counts.get(table, 0) + rules
        return self._replace(evaluated=tuple(counts.items()))


class End(NamedTuple):
    """How a table was left: by a verdict, or by a target that rewrites addresses."""

    verdict: str
    reject_with: str = ""
    target: r.Target | None = None
    step: Step | None = None


class _Frame(NamedTuple):
    """A chain being walked: which candidate is next, and how many rules are counted."""

    chain: r.Chain
    positions: list[int]
    at: int
    counted: int
    caller: "_Frame | None"


Toss = Callable[[Fraction], bool]


class Budget:
    """How much work a trace may be before it is refused."""

    __slots__ = ("left",)

    # A Service with ten thousand backends costs some sixty thousand.
    RULES = 300_000

    def __init__(self) -> None:
        self.left = self.RULES

    # Backends that share alike keep the fraction short: 1/n needs as many bits as n.
    PROBABILITY_BITS = 2048

    def spend(self, probability: Fraction) -> None:
        """Count one rule looked at, on a path of this probability.

        Raises
        ------
        InputError
            If chains call one another so often that no end is in sight.
        """
        self.left -= 1
        if self.left < 0 or probability.denominator.bit_length() > self.PROBABILITY_BITS:
            raise InputError(
                "rules looked at",
                self.RULES - self.left,
                "chains that a packet gets through: these jump to one another, or throw dice, "
                "so often that the paths multiply",
            )


@dataclass(frozen=True, slots=True)
class TableWalk:
    """One table at one hook.

    Parameters
    ----------
    ruleset : IptablesRuleset
    table, hook : str
    view : callable
        Makes of a path what rules can see.
    assume : mapping of str to bool
        Answers to clauses that cannot be decided, by their text.
    budget : Budget
    toss : callable, optional
        Throws the dice; without it both ends of every throw are followed.
    """

    ruleset: r.IptablesRuleset
    table: str
    hook: str
    view: Callable[[Path], View]
    assume: Mapping[str, bool]
    budget: Budget
    toss: Toss | None = None

    def run(self, path: Path) -> list[tuple[Path, End]]:
        """Walk from the hook's built-in chain; one pair for every possible end."""
        table = self.ruleset.tables.get(self.table)
        base = table.chains.get(self.hook) if table is not None else None
        if table is None or base is None:
            return [(path, End("accept"))]
        ended: list[tuple[Path, End]] = []
        pending = [(path, self._enter(base, path, None))]
        while pending:
            path, frame = pending.pop()
            while True:
                if frame.at >= len(frame.positions):
                    path = path.counting(self.table, len(frame.chain.rules) - frame.counted)
                    if frame.caller is not None:
                        frame = frame.caller
                        continue
                    ended.append(self._policy(path, base))
                    break
                self.budget.spend(path.probability)
                position = frame.positions[frame.at]
                path = path.counting(self.table, position + 1 - frame.counted)
                frame = frame._replace(at=frame.at + 1, counted=position + 1)
                rule = frame.chain.rules[position]
                chance, path = self._matches(rule, frame.chain, path)
                if not chance:
                    continue
                if chance != 1:
                    missed = path._replace(probability=path.probability * (1 - chance)).then(
                        self._step(Tossed, frame.chain, rule, probability=chance)
                    )
                    path = path._replace(probability=path.probability * chance)
                    if self.toss is None:
                        pending.append((missed, frame))
                    elif not self.toss(chance):
                        path = missed
                        continue
                result = self._apply(rule, frame, path, table.chains)
                if isinstance(result[1], End):
                    ended.append((result[0], result[1]))
                    break
                path, following = result[0], result[1]
                if following is None:
                    ended.append(self._policy(path, base))
                    break
                frame = following
        return ended

    def _enter(self, chain: r.Chain, path: Path, caller: _Frame | None) -> _Frame:
        positions = candidates(self.ruleset, self.table, chain, path.packet)
        return _Frame(chain, positions, 0, 0, caller)

    def _step(self, kind: type[Any], chain: r.Chain, rule: r.Rule | None, **more: Any) -> Any:
        line = rule.line if rule is not None else chain.line
        return kind(self.hook, self.table, chain.name, line, rule, **more)

    def _policy(self, path: Path, base: r.Chain) -> tuple[Path, End]:
        policy = base.policy or "ACCEPT"
        step = self._step(Decided, base, None, verdict=policy, policy=True)
        return path.then(step), End(policy.lower())

    def _matches(self, rule: r.Rule, chain: r.Chain, path: Path) -> tuple[Fraction, Path]:
        """The probability that all clauses hold, and the path with what asking changed."""
        view = self.view(path)
        chance = ONE
        untold: list[tuple[r.Match, Untold]] = []
        # The kernel compares addresses, interfaces and protocol before any extension.
        for match in rule.matches:
            if type(match) in _HEADER:
                answer = decide(match, view)
                if answer is False:
                    return Fraction(0), path
                if isinstance(answer, Untold):
                    untold.append((match, answer))
        recent = path.recent
        for match in rule.matches:
            kind = type(match)
            if kind in _HEADER or kind is r.Comment:
                continue
            if kind is r.Recent:
                address = path.packet.src if match.side == "src" else path.packet.dst  # type: ignore[union-attr]
                held, recent = recent.apply(match, address, view.now_s)  # type: ignore[arg-type]
                answer = held
            else:
                answer = decide(match, view)
            if answer is False:
                return Fraction(0), path if untold else path._replace(recent=recent)
            if isinstance(answer, Untold):
                untold.append((match, answer))
            elif isinstance(answer, Fraction):
                chance *= answer
        for match, reason in untold:
            path, held = self._assumed(match, reason, rule, chain, path)
            if not held:
                return Fraction(0), path
        return chance, path._replace(recent=recent)

    def _assumed(
        self, match: r.Match, reason: Untold, rule: r.Rule, chain: r.Chain, path: Path
    ) -> tuple[Path, bool]:
        """Take a clause that cannot be decided as told, else as not holding; say so."""
        clause = clause_text(match)
        held = self.assume.get(clause, False)
        where = f"{self.table} {chain.name}" + (f" line {rule.line}" if rule.line else "")
        unknown = Unknown(clause, held, where, reason.why)
        if unknown in path.unknowns:
            return path, held
        step = self._step(Remarked, chain, rule, text=f"cannot be told: {unknown}")
        return path._replace(unknowns=(*path.unknowns, unknown)).then(step), held

    def _apply(
        self, rule: r.Rule, frame: _Frame, path: Path, chains: Mapping[str, r.Chain]
    ) -> tuple[Path, "End | _Frame | None"]:
        """Do what the target says: an end, the frame to go on with, or None for the policy."""
        target = rule.target
        chain = frame.chain
        if target is None:
            return path.then(self._step(Remarked, chain, rule, text="counts, and goes on")), frame
        if isinstance(target, r.Jump):
            step = self._step(Jumped, chain, rule, to=target.chain, goto=target.goto)
            caller = frame.caller if target.goto else frame
            return path.then(step), self._enter(chains[target.chain], path, caller)
        if isinstance(target, r.Verdict):
            if target.name == "RETURN":
                path = path.then(self._step(Returned, chain, rule))
                rest = frame.caller
                return path, rest
            step = self._step(Decided, chain, rule, verdict=target.name)
            return path.then(step), End(target.name.lower())
        if isinstance(target, r.Reject):
            step = self._step(Decided, chain, rule, verdict="REJECT")
            return path.then(step), End("reject", target.kind)
        if isinstance(target, r.SetMark):
            return self._marked(target, chain, rule, path), frame
        if isinstance(target, r.OtherTarget):
            path, end = self._other(target, chain, rule, path)
            return path, end or frame
        return path, End("accept", target=target, step=self._step(Remarked, chain, rule))

    def _marked(self, target: r.SetMark, chain: r.Chain, rule: r.Rule, path: Path) -> Path:
        before = path.connection_mark if target.connection else path.packet.mark
        after = (before & ~target.mask & 0xFFFFFFFF) ^ target.value
        step = self._step(
            Marked, chain, rule, before=before, after=after, connection=target.connection
        )
        path = path.then(step)
        if target.connection:
            return path._replace(connection_mark=after)
        return path._replace(packet=path.packet.with_mark(after))

    def _other(
        self, target: r.OtherTarget, chain: r.Chain, rule: r.Rule, path: Path
    ) -> tuple[Path, End | None]:
        """A target kept as words: what is known of it, and a doubt noted of the rest."""
        effect = effect_of(target, path.packet.mark, path.connection_mark)
        if effect.translates:
            return path, End("accept", target=target, step=self._step(Remarked, chain, rule))
        if effect.doubt:
            where = f"{self.table} {chain.name}" + (f" line {rule.line}" if rule.line else "")
            clause = target_text(target)
            path = path._replace(
                unknowns=(*path.unknowns, Unknown(clause, True, where, effect.doubt))
            )
        path = path._replace(
            packet=path.packet.with_mark(effect.mark),
            connection_mark=effect.connection_mark,
            tracked=path.tracked and not effect.untracks,
        ).then(self._step(Remarked, chain, rule, text=effect.text))
        return path, End(effect.ends) if effect.ends else None
