"""An interview as a log of events and the state that follows from it; no screen, no clock.

The state is a pure function of the log: `step` takes a state and an event and returns the
next state. Replaying a log therefore gives the same state, and the same report, anywhere.

>>> held = Interview.begin(first="02-explain-a-clusterip", questions=1)
>>> held.state.phase
'answer'
>>> held.say("A virtual address that only exists in the rules.", seconds=40, confidence=3)
>>> held.state.phase, held.state.turn.asked
('follow-up', 'rewritten-to-a-pod')
"""

import hashlib
import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from functools import cache, lru_cache
from typing import Any, Final, Literal

from k8snet_lessons.course.questions import Question, question
from k8snet_lessons.course.rubrics import Point, Rubric
from k8snet_lessons.errors import InputError
from k8snet_lessons.interview.scoring import JUDGMENTS, Judgment, Scored, ScoredPoint, score_answer
from k8snet_lessons.interview.threads import following, thread

FORMAT: Final = 1
#: The event by which verdicts are changed after the end.
OVERRULE: Final = "overrule"
#: Follow-up questions asked about one answer.
MOST_FOLLOW_UPS: Final = 2
MOST_QUESTIONS: Final = 12
Phase = Literal["answer", "follow-up", "proof", "review", "over"]
Json = dict[str, Any]


@dataclass(frozen=True)
class FollowUp:
    """What was asked about one point, and the answer."""

    point: str
    text: str
    seconds: float


@dataclass(frozen=True)
class Turn:
    """One question of an interview and everything that was said about it.

    Parameters
    ----------
    question : str
    text : str
        The answer.
    seconds : float
        How long it took; more than the budget is recorded, not cut.
    confidence : int
        1 (guessing) to 5 (sure); 0 when it was not said.
    follow_ups : tuple of FollowUp
    asked : str
        The point of the follow-up that waits for its answer, or ``""``.
    proof : str
        The answer to "prove it".
    overruled : dict
        Point to the learner's own verdict, where it differs from the proposal.
    """

    question: str
    text: str = ""
    seconds: float = 0.0
    confidence: int = 0
    follow_ups: tuple[FollowUp, ...] = ()
    asked: str = ""
    proof: str = ""
    overruled: Mapping[str, Judgment] = field(default_factory=dict)


@dataclass(frozen=True)
class State:
    """Where an interview stands."""

    planned: int
    turns: tuple[Turn, ...]
    phase: Phase

    @property
    def turn(self) -> Turn:
        """The turn in which it stands; the last one when it is over."""
        return self.turns[-1]


class Interview:
    """An interview in progress: a log of events, and the state that follows from it.

    Attributes
    ----------
    events : list of dict
        Plain data.
    state : State
    """

    def __init__(self, events: Iterable[Mapping[str, Any]]) -> None:
        self.state = replay(events := list(events))
        self.events = [dict(event) for event in events]
        self.notes: tuple[str, ...] = ()

    @classmethod
    def begin(cls, first: str = "01-walk-the-path", questions: int = 3) -> "Interview":
        """Begin an interview with a question, by its id or number, and so many in all."""
        event = {"do": "begin", "first": thread(first).question, "questions": questions}
        return cls([event])

    @classmethod
    def read(cls, log: object) -> "Interview":
        """Take up an interview from its log: a mapping, or the JSON text of one.

        Raises
        ------
        InputError
            When the log is damaged, of a newer format, or its events do not fit together.
        """
        if isinstance(log, str | bytes):
            try:
                log = json.loads(log)
            except (ValueError, RecursionError):
                raise InputError("log", str(log)[:40], "the JSON of an interview") from None
        if not isinstance(log, Mapping) or not isinstance(log.get("events"), list):
            raise InputError("log", type(log).__name__, "a mapping with a list of events")
        if log.get("format") != FORMAT:
            raise InputError("format", log.get("format"), f"{FORMAT}, which this version reads")
        held = cls(log["events"])
        if log.get("bank") != bank_digest():
            held.notes = ("The questions have changed since: verdicts are those of today.",)
        return held

    def log(self) -> Json:
        """Return the frozen log, ready for `json.dumps`."""
        return {"format": FORMAT, "bank": bank_digest(), "events": self.events}

    @property
    def id(self) -> str:
        """A name that follows from what was said: overruled later or not, it is the same one."""
        held = [event for event in self.events if event.get("do") != OVERRULE]
        text = json.dumps(held, sort_keys=True)
        return hashlib.sha256(text.encode()).hexdigest()[:16]

    def say(self, text: str, seconds: float = 0.0, confidence: int = 0) -> None:
        """Answer what is asked now: the question, a follow-up, or "prove it"."""
        event: Json = {"do": self.state.phase, "text": text, "seconds": round(float(seconds), 1)}
        if self.state.phase == "answer":
            event["confidence"] = confidence
        self._take(event)

    def review(self, overruled: Mapping[str, str] | None = None) -> None:
        """Confirm the verdicts, but for those overruled: point to the learner's verdict."""
        self._take({"do": "review", "overruled": dict(overruled or {})})

    def overrule(self, name: str, overruled: Mapping[str, str]) -> None:
        """Change one's verdicts on a question after the end; they replace the earlier ones."""
        self._take({"do": OVERRULE, "question": name, "overruled": dict(overruled)})

    @property
    def later(self) -> int:
        """How often verdicts were changed after the end."""
        return sum(event.get("do") == OVERRULE for event in self.events)

    def _take(self, event: Json) -> None:
        self.state = step(self.state, event)
        self.events.append(event)


def replay(events: Iterable[Mapping[str, Any]]) -> State:
    """Return the state that a log of events leads to."""
    state: State | None = None
    for place, event in enumerate(events, 1):
        if not isinstance(event, Mapping):
            raise InputError("event", event, "a mapping", f"event {place}")
        try:
            state = _begin(event) if state is None else step(state, event)
        except InputError as error:
            where = f"event {place}" + (f", {error.where}" if error.where else "")
            raise InputError(error.field, error.value, error.allowed, where) from None
    if state is None:
        raise InputError("events", [], "a list that starts with begin")
    return state


def step(state: State, event: Mapping[str, Any]) -> State:
    """Return the state after an event.

    Raises
    ------
    InputError
        When the event does not fit the phase, or its fields do not fit.
    """
    if state.phase == "over" and event.get("do") == OVERRULE:
        return _overrule(state, event)
    if event.get("do") != state.phase or state.phase == "over":
        raise InputError("do", event.get("do"), f"{state.phase}, where the interview stands")
    turn = state.turn
    if state.phase == "review":
        return _next(_put(state, replace(turn, overruled=_overruled(turn, event))))
    text, seconds = _said(event)
    if state.phase == "answer":
        confidence = event.get("confidence", 0)
        if type(confidence) is not int or not 0 <= confidence <= 5:
            raise InputError("confidence", confidence, "a whole number from 1 to 5, or 0")
        turn = replace(turn, text=text, seconds=seconds, confidence=confidence)
    elif state.phase == "follow-up":
        answered = FollowUp(turn.asked, text, seconds)
        turn = replace(turn, follow_ups=(*turn.follow_ups, answered), asked="")
    else:
        return _put(state, replace(turn, proof=text), "review")
    point = next_follow_up(turn)
    if point:
        return _put(state, replace(turn, asked=point), "follow-up")
    return _put(state, turn, "proof" if rubric_of(turn.question).proof else "review")


def next_follow_up(turn: Turn) -> str:
    """Return the point to ask about: the heaviest contradicted, else the heaviest missing."""
    if len(turn.follow_ups) >= MOST_FOLLOW_UPS:
        return ""
    asked = {one.point for one in turn.follow_ups}
    return next((point for point in weak_points(turn) if point not in asked), "")


def weak_points(turn: Turn) -> list[str]:
    """Return the points of a turn that are not made, contradicted ones first, heavy ones first."""
    weights = {point.id: point.weight for point in rubric_of(turn.question).points}
    found = proposals(turn)
    weak = [name for name in weights if found[name] != "made"]
    return sorted(weak, key=lambda name: (found[name] != "contradicted", -weights[name]))


def proposals(turn: Turn) -> dict[str, Judgment]:
    """Return the scorer's verdict on every point, follow-ups included."""
    return {name: one.verdict for name, (one, _) in judged(turn).items()}


def judged(turn: Turn) -> dict[str, tuple[ScoredPoint, bool]]:
    """Return for every point what the scorer found, and whether only a follow-up brought it.

    The answer to a follow-up replaces the verdict on the point that was asked about, and adds
    what else it says about points that were missing.
    """
    found = {one.id: (one, False) for one in first_answer(turn).points}
    for asked in turn.follow_ups:
        for one in follow_up_answer(turn, asked).points:
            open_still = one.id == asked.point or found[one.id][0].verdict == "missing"
            if one.verdict != "missing" and open_still:
                found[one.id] = (one, True)
    return found


def first_answer(turn: Turn) -> Scored:
    """Return the answer to the question itself, scored."""
    return _scored(turn.question, turn.text, "")


def follow_up_answer(turn: Turn, asked: FollowUp) -> Scored:
    """Return the answer to a follow-up, scored by the whole rubric."""
    return _scored(turn.question, asked.text, asked.point)


@lru_cache(maxsize=256)
def _scored(name: str, text: str, follow_up: str) -> Scored:
    return score_answer(name, text, follow_up)


def rubric_of(name: str) -> Rubric:
    """Return the rubric of an open question."""
    rubric = question(name).rubric
    if rubric is None:
        raise InputError("question", name, "an open one, with a rubric")
    return rubric


def point_of(name: str, point: str) -> Point:
    """Return a point of a question's rubric."""
    return next(one for one in rubric_of(name).points if one.id == point)


@cache
def bank_digest() -> str:
    """A short name of the open questions as they are, so that a log knows what it was held by."""
    from k8snet_lessons.interview.scoring import open_questions

    asked: list[Question] = list(open_questions())
    return hashlib.sha256(repr(asked).encode()).hexdigest()[:12]


def _begin(event: Mapping[str, Any]) -> State:
    if event.get("do") != "begin":
        raise InputError("do", event.get("do"), "begin, as the first event")
    count = event.get("questions")
    if type(count) is not int or not 1 <= count <= MOST_QUESTIONS:
        raise InputError("questions", count, f"a whole number from 1 to {MOST_QUESTIONS}")
    first = thread(str(event.get("first"))).question
    return State(count, (Turn(first),), "answer")


def _put(state: State, turn: Turn, phase: Phase | None = None) -> State:
    return replace(state, turns=(*state.turns[:-1], turn), phase=phase or state.phase)


def _next(state: State) -> State:
    if len(state.turns) >= state.planned:
        return replace(state, phase="over")
    asked = [turn.question for turn in state.turns]
    name = following(state.turn.question, weak_points(state.turn), asked)
    return replace(state, turns=(*state.turns, Turn(name)), phase="answer")


def _overrule(state: State, event: Mapping[str, Any]) -> State:
    name = event.get("question")
    asked = [turn.question for turn in state.turns]
    if name not in asked:
        raise InputError("question", name, "one that was asked: " + ", ".join(asked))
    return replace(
        state,
        turns=tuple(
            replace(turn, overruled=_overruled(turn, event)) if turn.question == name else turn
            for turn in state.turns
        ),
    )


def _said(event: Mapping[str, Any]) -> tuple[str, float]:
    text, seconds = event.get("text"), event.get("seconds", 0)
    if not isinstance(text, str):
        raise InputError("text", text, "a text")
    if isinstance(seconds, bool) or not isinstance(seconds, int | float) or not 0 <= seconds < 1e6:
        raise InputError("seconds", seconds, "a number of seconds, not negative")
    return text, float(seconds)


def _overruled(turn: Turn, event: Mapping[str, Any]) -> dict[str, Judgment]:
    given = event.get("overruled", {})
    proposed = proposals(turn)
    if not isinstance(given, Mapping):
        raise InputError("overruled", given, "a mapping from points to verdicts")
    for point, verdict in given.items():
        if point not in proposed:
            raise InputError("point", point, "one of " + ", ".join(proposed))
        if verdict not in JUDGMENTS:
            raise InputError("verdict", verdict, "one of " + ", ".join(JUDGMENTS))
    return {point: verdict for point, verdict in given.items() if verdict != proposed[point]}
