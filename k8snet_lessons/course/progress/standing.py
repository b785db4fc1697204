"""Where a learner stands: what is done, what is next, what is due, how long is left."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Literal

from k8snet_lessons.course.curriculum import LESSONS, Lesson
from k8snet_lessons.course.progress.calibration import Calibration, calibration
from k8snet_lessons.course.progress.event import Event, without_overruled
from k8snet_lessons.course.progress.review import Card, cards, due
from k8snet_lessons.course.questions import quiz_questions

EXERCISE_MINUTES = 20  # an estimate for a whole exercise
ENOUGH_POINTS = 0.8  # of an exercise, for a lesson to count as done

State = Literal["done", "begun", "open", "to come"]


@dataclass(frozen=True)
class LessonStanding:
    """One lesson.

    Parameters
    ----------
    lesson : Lesson
    touched : bool
        Whether any of its explorers was turned, or anything else of it done.
    questions, answered, right : int
        Questions at its end; how many were answered; how many rightly, at the last try.
    points, max_points : float or None
        Best points of its exercise's tasks; None before the first check.
    solved : dict
        Task to its best points and the points to be had.
    """

    lesson: Lesson
    touched: bool
    questions: int
    answered: int
    right: int
    points: float | None
    max_points: float | None
    solved: dict[str, tuple[float, float]]

    @property
    def state(self) -> State:
        """Done: every question answered, and `ENOUGH_POINTS` of the exercise."""
        if not self.lesson.ready:
            return "to come"
        if not self.touched:
            return "open"
        exercised = not self.lesson.exercise or self.exercised >= ENOUGH_POINTS
        return "done" if self.answered >= self.questions and exercised else "begun"

    @property
    def exercised(self) -> float:
        """Share of the exercise's points."""
        return 0.0 if not self.max_points or self.points is None else self.points / self.max_points

    @property
    def minutes_left(self) -> float:
        """What is left, by estimate: all of a lesson, half once begun, none when it is answered."""
        if self.state in ("done", "to come"):
            return 0.0
        reading = self.lesson.minutes * (0.5 if self.touched else 1.0)
        if self.questions and self.answered >= self.questions:
            reading = 0.0
        exercise = EXERCISE_MINUTES * (1 - self.exercised) if self.lesson.exercise else 0.0
        return reading + exercise


@dataclass(frozen=True)
class Interview:
    """One interview held."""

    title: str
    at: datetime
    points: float
    max_points: float
    own_points: float


@dataclass(frozen=True)
class Concluded:
    """One incident, as it was concluded the first time; fields as in `event.concluded`."""

    number: str
    at: datetime
    suspicion: str
    named: str
    cause: str
    points: float
    minutes: int
    shortest: int

    @property
    def right(self) -> bool:
        """Whether the cause was named."""
        return self.named == self.cause


@dataclass(frozen=True)
class Standing:
    """Everything that the events amount to.

    Parameters
    ----------
    lessons : tuple of LessonStanding
        In the order of the course, guides included.
    cards, due : tuple of Card
        What was missed; and what of it is due today.
    calibration : Calibration
    interviews : tuple of Interview
    incidents : tuple of Concluded
        Both oldest first.
    since : datetime or None
        The first event.
    """

    lessons: tuple[LessonStanding, ...]
    cards: tuple[Card, ...]
    due: tuple[Card, ...]
    calibration: Calibration
    interviews: tuple[Interview, ...]
    incidents: tuple[Concluded, ...]
    since: datetime | None

    @property
    def next(self) -> LessonStanding | None:
        """The lesson to take now: one begun, else the first whose needs are met."""
        left = [one for one in self._proper if one.state in ("begun", "open")]
        begun = [one for one in left if one.state == "begun"]
        done = {one.lesson.number for one in self.lessons if one.state == "done"}
        met = [one for one in left if set(one.lesson.needs) <= done]
        return next(iter([*begun, *met, *left]), None)

    @property
    def minutes_left(self) -> float:
        """What is left of all lessons that are there, by estimate."""
        return sum(one.minutes_left for one in self._proper)

    def count(self, *states: State) -> int:
        """How many lessons, guides left out, are in one of these states."""
        return sum(one.state in states for one in self._proper)

    @property
    def _proper(self) -> list[LessonStanding]:
        return [one for one in self.lessons if one.lesson.kind == "lesson"]


def standing(events: Sequence[Event], now: datetime | None = None) -> Standing:
    """Return what events, oldest first, amount to."""
    moment = now or datetime.now(UTC)
    all_cards = cards(events)
    interviews = tuple(
        Interview(
            str(event.data.get("title", "")),
            event.at,
            *(float(event.data[name]) for name in ("points", "max_points", "own_points")),
        )
        for event in without_overruled(events)
        if event.kind == "interview"
    )
    return Standing(
        tuple(_lesson(one, events) for one in LESSONS),
        all_cards,
        due(all_cards, moment),
        calibration(events),
        interviews,
        tuple(_concluded(event) for event in events if event.kind == "incident"),
        events[0].at if events else None,
    )


def _concluded(event: Event) -> Concluded:
    told = event.data
    return Concluded(
        event.subject,
        event.at,
        suspicion=str(told["suspicion"]),
        named=str(told["named"]),
        cause=str(told["cause"]),
        points=float(told["points"]),
        minutes=int(told["minutes"]),
        shortest=int(told["shortest"]),
    )


def _lesson(here: Lesson, events: Sequence[Event]) -> LessonStanding:
    mine = [event for event in events if event.lesson == here.slug]
    asked = {question.id for question in quiz_questions(here.slug)}
    answers = {
        event.subject: bool(event.data["right"])
        for event in mine
        if event.kind == "answer" and event.subject in asked
    }
    solved: dict[str, tuple[float, float]] = {}
    whole = None
    for event in mine:
        if event.kind == "check":
            task = event.subject.rpartition("/")[2]
            best = max(solved.get(task, (0.0, 0.0))[0], event.data["points"])
            solved[task] = (best, event.data["max_points"])
            whole = float(event.data["exercise_points"])
    return LessonStanding(
        lesson=here,
        touched=any(event.kind != "review" for event in mine),
        questions=len(asked),
        answered=len(answers),
        right=sum(answers.values()),
        points=None if whole is None else sum(points for points, _ in solved.values()),
        max_points=whole,
        solved=solved,
    )
