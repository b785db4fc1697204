"""What grading one submission leaves behind."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from k8snet_lessons.assess.verdict import Verdict


def legible(text: str) -> str:
    """Return text on one line in which nothing is left that cannot be stored or shown.

    A student's error may hold halves of characters, which no file and no database takes, and
    control characters, which steer a terminal. They are spelled out.
    """
    return "".join(
        one if one.isprintable() else one.encode("unicode_escape").decode()
        for one in " ".join(text.split())
    )


@dataclass(frozen=True)
class Graded:
    """One submission, judged.

    Parameters
    ----------
    student, assignment : str
        Whose, and which lesson's slug.
    digest : str
        SHA-256 of the submitted bytes, hexadecimal.
    status : str
        ``"graded"``, or ``"not gradable"`` with a reason.
    reason : str
        Why it was not gradable, or what went wrong on the way; made `legible`.
    score, max_score : float
        Points, and points to be had.
    tasks : tuple of Verdict
        One a task, in the order of the assignment.
    seconds : float
        Wall clock of the run.
    seed : int or None
        The variant that was judged.
    answers : mapping
        From a task to the plain answer (see `answers.plain`, `TODO` where it stands) that
        left the sandbox; a task whose answer could not be read is not in it. A task is
        judged again from these without running the student's code again.
    """

    student: str
    assignment: str
    digest: str
    status: Literal["graded", "not gradable"]
    reason: str
    score: float
    max_score: float
    tasks: tuple[Verdict, ...]
    seconds: float
    seed: int | None
    answers: Mapping[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        object.__setattr__(self, "reason", legible(self.reason))

    def to_json(self) -> dict[str, Any]:
        """Return what a script wants to know, as plain data; answers are left out."""
        return {
            "student": self.student,
            "assignment": self.assignment,
            "digest": self.digest,
            "status": self.status,
            "reason": self.reason,
            "score": self.score,
            "max_score": self.max_score,
            "seconds": round(self.seconds, 3),
            "seed": self.seed,
            "tasks": [verdict.to_json() for verdict in self.tasks],
        }
