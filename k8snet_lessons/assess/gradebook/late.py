"""What a deadline does to a score, and which of a student's attempts counts."""

import math
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Literal

from k8snet_lessons.errors import InputError

if TYPE_CHECKING:
    from k8snet_lessons.assess.gradebook.book import Attempt


@dataclass(frozen=True)
class Policy:
    """The deadline of one assignment and what being late costs.

    Parameters
    ----------
    due_at : datetime or None
        The deadline, aware of its zone; without one nothing is late.
    percent_a_day : float
        Percent of the points that were to be had, taken off for every day begun after the
        deadline (as Canvas counts it); never more than was earned.
    grace_minutes : float
        Minutes after the deadline that still count as in time.
    counts : str
        ``"best"`` or ``"last"``: which attempt counts, after what lateness took off.
    """

    due_at: datetime | None = None
    percent_a_day: float = 0.0
    grace_minutes: float = 0.0
    counts: Literal["best", "last"] = "best"

    def __post_init__(self) -> None:
        if self.due_at is not None and self.due_at.tzinfo is None:
            raise InputError("due", str(self.due_at), "a moment with its zone")
        if not 0 <= self.percent_a_day <= 100:
            raise InputError("percent a day", self.percent_a_day, "a number from 0 to 100")
        if not (self.grace_minutes >= 0 and math.isfinite(self.grace_minutes)):
            raise InputError("grace", self.grace_minutes, "minutes, 0 or more")
        if self.counts not in ("best", "last"):
            raise InputError("counts", self.counts, "best or last")

    def days_late(self, submitted_at: datetime | None) -> int:
        """Return how many days after the deadline have begun; 0 in time or when unknown."""
        if self.due_at is None or submitted_at is None:
            return 0
        late = submitted_at - self.due_at
        if late <= timedelta(minutes=self.grace_minutes):
            return 0
        return math.ceil(late / timedelta(days=1))

    def penalty(self, score: float, max_score: float, submitted_at: datetime | None) -> float:
        """Return the points that lateness takes off `score`, rounded to a hundredth."""
        off = max_score * self.percent_a_day / 100 * self.days_late(submitted_at)
        return round(min(off, score), 2)


@dataclass(frozen=True)
class Standing:
    """Where a student stands in one assignment.

    Parameters
    ----------
    student, assignment : str
        Whose, and in what.
    attempts : tuple of Attempt
        All of them, in the order given in; never empty.
    counted : Attempt
        The one that counts.
    days_late : int
        Of the counted one.
    penalty : float
        Points taken off for it.
    """

    student: str
    assignment: str
    attempts: "tuple[Attempt, ...]"
    counted: "Attempt"
    days_late: int
    penalty: float

    @property
    def points(self) -> float:
        """Points that count: the score of the counted attempt, less the penalty."""
        return round(self.counted.graded.score - self.penalty, 2)

    @property
    def max_points(self) -> float:
        """Points that were to be had."""
        return self.counted.graded.max_score


def standings(attempts: "Iterable[Attempt]", policy: Policy) -> tuple[Standing, ...]:
    """Return where each student stands in one assignment, by student.

    An attempt that was not gradable counts only where there is no other: a student who
    hands in a broken file after a good one keeps the good one.
    """
    by_student: dict[str, list[Attempt]] = {}
    for attempt in attempts:
        by_student.setdefault(attempt.graded.student, []).append(attempt)
    return tuple(
        _standing(student, tuple(own), policy) for student, own in sorted(by_student.items())
    )


def _standing(student: str, own: "tuple[Attempt, ...]", policy: Policy) -> Standing:
    def penalty(attempt: "Attempt") -> float:
        graded = attempt.graded
        return policy.penalty(graded.score, graded.max_score, attempt.submitted_at)

    gradable = [one for one in own if one.graded.status == "graded"] or list(own)
    if policy.counts == "last":
        counted = gradable[-1]
    else:  # of equals the earliest, so that a later copy cannot make a student late
        counted = max(gradable, key=lambda one: (one.graded.score - penalty(one), -one.number))
    return Standing(
        student,
        counted.graded.assignment,
        own,
        counted,
        policy.days_late(counted.submitted_at),
        penalty(counted),
    )
