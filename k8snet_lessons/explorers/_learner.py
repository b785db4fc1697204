"""What an explorer tells the learner's record, and what it asks of it."""

from datetime import date

from k8snet_lessons.course.curriculum import lesson as lesson_of
from k8snet_lessons.course.progress import (
    Event,
    guessed,
    history,
    lesson_here,
    place,
    record,
    record_soon,
    touched,
)

KEPT = "Kept on this machine. The start notebook shows how well your guesses do."
CONCLUDED = (
    "Kept on this machine: the first conclusion of each incident. The start notebook shows them."
)


class Learner:
    """The record of one explorer; without a record it remembers nothing and says nothing.

    Parameters
    ----------
    explorer : str
        Its title.
    lesson : int or None
        Number of the lesson that it was made for; the notebook at hand goes first.
    """

    def __init__(self, explorer: str, lesson: int | None = None) -> None:
        self._explorer = explorer
        self._lesson = lesson_here() or ("" if lesson is None else lesson_of(lesson).slug)
        self._touched: date | None = None
        self.said = ""

    def touched(self) -> None:
        """The learner turned something. Costs nothing after the first time on a day."""
        if self._touched != date.today():
            self._touched = date.today()
            record_soon(touched(self._explorer, self._lesson))

    def guessed(self, question: str, guess: float | str, answer: float | str) -> None:
        """The learner committed a guess."""
        self.touched()
        notice = record(guessed(self._explorer, self._lesson, question, guess, answer))
        self.said = notice or (KEPT if place() else "")

    def kept(self, conclusion: Event) -> None:
        """The learner concluded something that counts."""
        notice = record(conclusion)
        self.said = notice or (CONCLUDED if place() else "")

    def guess(self, question: str) -> float | str | None:
        """Return the last guess at this very question, or None."""
        for event in reversed(history()[0]):
            mine = event.kind == "guess" and event.subject == self._explorer
            if mine and event.data["question"] == question:
                given: float | str = event.data["guess"]
                self.said = f"Your guess of {event.at.astimezone():%d %B %Y}."
                return given
        return None
