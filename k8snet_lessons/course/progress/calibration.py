"""How good a learner's guesses are, and whether they get better."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from statistics import median

from k8snet_lessons.course.progress.event import Event

#: Fewer guesses than this say nothing about a change.
ENOUGH = 6


@dataclass(frozen=True)
class Guess:
    """The first guess at a question.

    Parameters
    ----------
    explorer, lesson, question : str
    guess, answer : float or str
        In the unit of the question, or words.
    factor : float or None
        The larger of guess and answer over the smaller, at least 1; None where a ratio says
        nothing: words, zero, a negative number, a model without such a value.
    """

    explorer: str
    lesson: str
    question: str
    guess: float | str
    answer: float | str
    factor: float | None

    @property
    def right(self) -> bool:
        """Whether the guess is the answer."""
        return self.guess == self.answer


@dataclass(frozen=True)
class Calibration:
    """All first guesses, oldest first."""

    guesses: tuple[Guess, ...]

    @property
    def factors(self) -> tuple[float, ...]:
        """How far off each guess was, as a factor, where that says something."""
        return tuple(one.factor for one in self.guesses if one.factor is not None)

    @property
    def typical(self) -> float | None:
        """The factor that half of the guesses stay within: exp(median of |ln(guess/answer)|)."""
        return _typical(self.factors)

    @property
    def halves(self) -> tuple[float, float] | None:
        """`typical` of the earlier and of the later half; None with fewer than `ENOUGH`."""
        factors = self.factors
        if len(factors) < ENOUGH:
            return None
        middle = len(factors) // 2
        early, late = _typical(factors[:middle]), _typical(factors[middle:])
        return None if early is None or late is None else (early, late)

    @property
    def words(self) -> tuple[int, int]:
        """Of the guesses without a factor: how many were right, and how many there are."""
        others = [one.right for one in self.guesses if one.factor is None]
        return sum(others), len(others)


def calibration(events: Sequence[Event]) -> Calibration:
    """Return the first guess at each question, judged."""
    first: dict[tuple[str, str], Event] = {}
    for event in events:
        if event.kind == "guess":
            first.setdefault((event.subject, event.data["question"]), event)
    return Calibration(tuple(_judged(event) for event in first.values()))


def _judged(event: Event) -> Guess:
    guess, answer = event.data["guess"], event.data["answer"]
    factor = None
    if not isinstance(guess, str) and not isinstance(answer, str) and min(guess, answer) > 0:
        factor = max(guess, answer) / min(guess, answer)
    return Guess(event.subject, event.lesson, event.data["question"], guess, answer, factor)


def _typical(factors: Sequence[float]) -> float | None:
    return math.exp(median(math.log(one) for one in factors)) if factors else None
