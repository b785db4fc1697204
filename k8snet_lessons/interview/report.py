"""What an interview comes to: two scores and their gap, dimensions, concepts, what to read.

A report is computed from an interview's state alone, so a replayed log gives the same one.
"""

from collections.abc import Iterable
from dataclasses import asdict, dataclass
from typing import Any, Final

from k8snet_lessons.course.curriculum import find
from k8snet_lessons.course.progress import Event, interviewed
from k8snet_lessons.course.rubrics import DIMENSIONS, Point
from k8snet_lessons.interview.proofs import Proved, prove
from k8snet_lessons.interview.scoring import PENALTY, Judgment
from k8snet_lessons.interview.session import (
    Interview,
    Turn,
    first_answer,
    judged,
    rubric_of,
)
from k8snet_lessons.interview.threads import thread

#: What a point is worth that was made only when the interviewer asked for it (estimate).
PROMPTED: Final = 0.5
READ_NEXT: Final = 3
REPORT_MIME: Final = "application/vnd.k8snet.interview+json"


@dataclass(frozen=True)
class PointResult:
    """One point of an interview: the proposal, the learner's verdict, and the evidence.

    Parameters
    ----------
    question, point, claim, dimension, concept : str
    weight : float
    proposed, own : {"made", "missing", "contradicted"}
        The scorer's verdict and the learner's.
    prompted : bool
        Whether it was made in answer to a follow-up.
    evidence : str
        The learner's words that show it.
    misconception : str
        What a contradicting statement is known as.
    read : str
        Lesson and heading where the course teaches it.
    """

    question: str
    point: str
    claim: str
    dimension: str
    concept: str
    weight: float
    proposed: Judgment
    own: Judgment
    prompted: bool
    evidence: str
    misconception: str
    read: str

    def points(self, verdict: Judgment) -> float:
        """Return what a verdict is worth."""
        if verdict == "made":
            return self.weight * (PROMPTED if self.prompted else 1.0)
        return -PENALTY * self.weight if verdict == "contradicted" else 0.0


@dataclass(frozen=True)
class Answered:
    """One question of an interview, in numbers."""

    question: str
    title: str
    score: float
    own_score: float
    seconds: float
    budget_s: float
    confidence: int
    proved: Proved | None


@dataclass(frozen=True)
class Share:
    """How much of something was reached: a dimension, or a concept."""

    name: str
    share: float
    of: int


@dataclass(frozen=True)
class Reading:
    """A place of the course to read next, and why."""

    title: str
    link: str
    because: str


@dataclass(frozen=True)
class Report:
    """What an interview comes to.

    Parameters
    ----------
    session : str
    complete : bool
        Whether it was held to its end.
    score, own_score : float
        By the scorer's proposals and by the learner's own verdicts, 0 to 1.
    points, own_points, max_points : float
        The same in points of weight.
    questions : tuple of Answered
    results : tuple of PointResult
    dimensions, concepts : tuple of Share
    read_next : tuple of Reading
        Three at most.
    notes : tuple of str
    later : int
        How often the learner changed verdicts after the end.
    """

    session: str
    complete: bool
    score: float
    own_score: float
    points: float
    own_points: float
    max_points: float
    questions: tuple[Answered, ...]
    results: tuple[PointResult, ...]
    dimensions: tuple[Share, ...]
    concepts: tuple[Share, ...]
    read_next: tuple[Reading, ...]
    notes: tuple[str, ...] = ()
    later: int = 0

    @property
    def gap(self) -> float:
        """The learner's score less the scorer's."""
        return round(self.own_score - self.score, 4)

    @property
    def title(self) -> str:
        """What the interview was about, in short."""
        return "; ".join(one.title for one in self.questions)

    def missed(self) -> tuple[dict[str, str], ...]:
        """Return the points missed or contradicted as review cards, as plain data."""
        return tuple(
            {
                "key": f"{one.question}/{one.point}",
                "question": _follow_up(one),
                "point": one.claim,
                "lesson": one.read.split("#")[0],
            }
            for one in self.results
            if one.own != "made"
        )

    def event(self) -> Event:
        """Return what goes into the learner's record."""
        return interviewed(
            self.session,
            points=self.points,
            max_points=self.max_points,
            own_points=self.own_points,
            missed=self.missed(),
            title=self.title,
            later=self.later,
        )

    def to_json(self) -> dict[str, Any]:
        """Return the report as plain data, the payload of `REPORT_MIME`."""
        return {"format": 1, **asdict(self), "gap": self.gap, "missed": list(self.missed())}


def report(held: Interview) -> Report:
    """Return the report of an interview as far as it was held."""
    reviewed = held.state.turns if held.state.phase == "over" else held.state.turns[:-1]
    results = tuple(one for turn in reviewed for one in _results(turn))
    most = sum(one.weight for one in results)
    points = _sum((one, one.proposed) for one in results)
    own = _sum((one, one.own) for one in results)
    return Report(
        session=held.id,
        complete=held.state.phase == "over",
        score=_share(points, most),
        own_score=_share(own, most),
        points=round(points, 2),
        own_points=round(own, 2),
        max_points=round(most, 2),
        questions=tuple(_answered(turn) for turn in reviewed),
        results=results,
        dimensions=(*_shares(results, "dimension"), _clarity(reviewed)),
        concepts=_shares(results, "concept"),
        read_next=_read_next(results),
        notes=held.notes,
        later=held.later,
    )


def _results(turn: Turn) -> list[PointResult]:
    found = judged(turn)
    return [
        PointResult(
            question=turn.question,
            point=point.id,
            claim=point.claim,
            dimension=point.dimension,
            concept=point.concept,
            weight=point.weight,
            proposed=found[point.id][0].verdict,
            own=turn.overruled.get(point.id, found[point.id][0].verdict),
            prompted=found[point.id][1],
            evidence=found[point.id][0].evidence,
            misconception=found[point.id][0].misconception,
            read=point.read,
        )
        for point in rubric_of(turn.question).points
    ]


def _answered(turn: Turn) -> Answered:
    results = _results(turn)
    most = sum(one.weight for one in results)
    rubric = rubric_of(turn.question)
    proof = rubric.proof
    return Answered(
        question=turn.question,
        title=thread(turn.question).title,
        score=_share(_sum((one, one.proposed) for one in results), most),
        own_score=_share(_sum((one, one.own) for one in results), most),
        seconds=turn.seconds,
        budget_s=60 * rubric.minutes,
        confidence=turn.confidence,
        proved=prove(proof.name, turn.proof) if proof and turn.proof.strip() else None,
    )


def _shares(results: Iterable[PointResult], what: str) -> tuple[Share, ...]:
    groups: dict[str, list[PointResult]] = {}
    for one in results:
        groups.setdefault(getattr(one, what), []).append(one)
    names = [name for name in DIMENSIONS if name in groups] if what == "dimension" else list(groups)
    return tuple(
        Share(
            name,
            _share(_sum((o, o.own) for o in groups[name]), sum(o.weight for o in groups[name])),
            len(groups[name]),
        )
        for name in names
    )


def _clarity(turns: Iterable[Turn]) -> Share:
    """How much of what was said made a point: words in such sentences, of all words."""
    focus = [first_answer(turn).focus for turn in turns if turn.text.strip()]
    return Share("clarity", round(sum(focus) / len(focus), 4) if focus else 0.0, len(focus))


def _read_next(results: Iterable[PointResult]) -> tuple[Reading, ...]:
    """The places where most weight was lost, each once."""
    lost: dict[str, list[PointResult]] = {}
    for one in results:
        if one.own != "made":
            lost.setdefault(one.read, []).append(one)
    heaviest = sorted(lost, key=lambda read: -sum(_lost(one) for one in lost[read]))
    return tuple(_reading(read, lost[read]) for read in heaviest[:READ_NEXT])


def _lost(one: PointResult) -> float:
    return one.weight * (1 + PENALTY * (one.own == "contradicted"))


def _reading(read: str, points: list[PointResult]) -> Reading:
    slug, heading = read.split("#", 1)
    lesson = find(slug)
    link = f"{lesson.file}#{heading.replace(' ', '-')}"
    title = f"Lesson {lesson.number}, {lesson.title}: {heading}"
    return Reading(title, link, max(points, key=_lost).claim)


def _follow_up(one: PointResult) -> str:
    points: dict[str, Point] = {p.id: p for p in rubric_of(one.question).points}
    return points[one.point].follow_up


def _sum(verdicts: Iterable[tuple[PointResult, Judgment]]) -> float:
    """Points, never less than none."""
    return max(0.0, sum(one.points(verdict) for one, verdict in verdicts))


def _share(points: float, most: float) -> float:
    return round(max(0.0, points) / most, 4) if most else 0.0
