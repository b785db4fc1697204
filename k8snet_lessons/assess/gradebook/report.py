"""What a class made of an assignment, in numbers."""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from statistics import median, quantiles
from typing import Any, Final

from k8snet_lessons.assess.gradebook.late import Standing
from k8snet_lessons.assess.gradebook.similarity import Alike, alike, given_lines, own_code
from k8snet_lessons.assess.grading.submission import (
    NotGradableError,
    find_submissions,
    read_bytes,
    read_cells,
)
from k8snet_lessons.assess.notebooks import Notebook

BINS: Final = 10
MOST_PAIRS: Final = 20


@dataclass(frozen=True)
class TaskResult:
    """How a class did in one task.

    Parameters
    ----------
    task : str
        Its name.
    mean_share : float
        Mean of points over points to be had, 0 to 1.
    right, partial, wrong, unattempted : int
        Students.
    """

    task: str
    mean_share: float
    right: int
    partial: int
    wrong: int
    unattempted: int


@dataclass(frozen=True)
class Misconception:
    """One misunderstanding, how many students showed it, and what was said most often."""

    name: str
    task: str
    students: int
    message: str


@dataclass(frozen=True)
class ClassReport:
    """What a class made of one assignment, by the attempt of each student that counts.

    Parameters
    ----------
    assignment : str
        Slug of the lesson.
    students, attempts, late : int
        How many; late ones by the counted attempt.
    max_points : float
        Points to be had.
    points : tuple of float
        Of the gradable students, after what lateness took off, ascending.
    histogram : tuple of int
        Students by tenths of the points to be had; full marks are in the last.
    not_gradable : tuple of (str, str)
        Students and reasons.
    tasks : tuple of TaskResult
        The hardest first.
    misconceptions : tuple of Misconception
        The commonest first.
    seconds : tuple of float
        Median, 95th percentile and longest time that grading a submission took.
    pairs : tuple of Alike
        Submissions that look alike, the most alike first.
    compared : int
        Submissions that were compared; 0 where none were at hand.
    """

    assignment: str
    students: int
    attempts: int
    late: int
    max_points: float
    points: tuple[float, ...]
    histogram: tuple[int, ...]
    not_gradable: tuple[tuple[str, str], ...]
    tasks: tuple[TaskResult, ...]
    misconceptions: tuple[Misconception, ...]
    seconds: tuple[float, float, float]
    pairs: tuple[Alike, ...] = ()
    compared: int = 0

    @property
    def median(self) -> float:
        """Median of the points; 0 for a class without a gradable submission."""
        return median(self.points) if self.points else 0.0

    def to_json(self) -> dict[str, Any]:
        """Return the report as plain data; the code of alike submissions is left out."""
        return {
            "assignment": self.assignment,
            "students": self.students,
            "attempts": self.attempts,
            "late": self.late,
            "max_points": self.max_points,
            "median": self.median,
            "histogram": list(self.histogram),
            "not_gradable": [
                {"student": student, "reason": reason} for student, reason in self.not_gradable
            ],
            "tasks": [vars(task) for task in self.tasks],
            "misconceptions": [vars(one) for one in self.misconceptions],
            "seconds": dict(zip(("median", "p95", "longest"), self.seconds, strict=True)),
            "compared": self.compared,
            "alike": [
                {
                    "students": list(pair.students),
                    "ratio": round(pair.ratio, 3),
                    "rare_runs": pair.rare_runs,
                }
                for pair in self.pairs
            ],
        }


def class_report(
    assignment: str, standings: Sequence[Standing], written: Mapping[str, str] | None = None
) -> ClassReport:
    """Sum up the standings of one assignment.

    Parameters
    ----------
    assignment : str
        Slug of the lesson.
    standings : sequence of Standing
        One a student.
    written : mapping, optional
        From a student to the code they wrote (see `written_code`), to be compared.
    """
    good = [one for one in standings if one.counted.graded.status == "graded"]
    points = tuple(sorted(one.points for one in good))
    most = max((one.max_points for one in good), default=0.0)
    shares = [one.points / one.max_points if one.max_points else 0.0 for one in good]
    bins = Counter(min(int(share * BINS), BINS - 1) for share in shares)
    seconds = sorted(one.graded.seconds for standing in standings for one in standing.attempts)
    return ClassReport(
        assignment=assignment,
        students=len(standings),
        attempts=sum(len(one.attempts) for one in standings),
        late=sum(one.days_late > 0 for one in standings),
        max_points=most,
        points=points,
        histogram=tuple(bins[place] for place in range(BINS)),
        not_gradable=tuple(
            (one.student, one.counted.graded.reason)
            for one in standings
            if one.counted.graded.status != "graded"
        ),
        tasks=_tasks(good),
        misconceptions=_misconceptions(good),
        seconds=_spread(seconds),
        pairs=alike(written)[:MOST_PAIRS] if written else (),
        compared=len(written or ()),
    )


def _spread(values: Sequence[float]) -> tuple[float, float, float]:
    if not values:
        return (0.0, 0.0, 0.0)
    high = quantiles(values, n=20)[-1] if len(values) > 1 else values[0]
    return (median(values), min(high, values[-1]), values[-1])


def _tasks(good: Iterable[Standing]) -> tuple[TaskResult, ...]:
    verdicts: dict[str, list[Any]] = {}
    for standing in good:
        for verdict in standing.counted.graded.tasks:
            verdicts.setdefault(verdict.task, []).append(verdict)
    found = []
    for task, own in verdicts.items():
        statuses = Counter(verdict.status for verdict in own)
        share = sum(one.points / one.max_points for one in own if one.max_points) / len(own)
        found.append(
            TaskResult(
                task,
                share,
                statuses["right"],
                statuses["partial"],
                statuses["wrong"],
                statuses["unattempted"],
            )
        )
    return tuple(sorted(found, key=lambda one: one.mean_share))


def _misconceptions(good: Iterable[Standing]) -> tuple[Misconception, ...]:
    shown: Counter[tuple[str, str]] = Counter()
    said: dict[tuple[str, str], Counter[str]] = {}
    for standing in good:
        for verdict in standing.counted.graded.tasks:
            for part in verdict.parts:
                if part.misconception:
                    key = (part.misconception, verdict.task)
                    shown[key] += 1
                    said.setdefault(key, Counter())[part.reason] += 1
    return tuple(
        Misconception(name, task, count, said[name, task].most_common(1)[0][0])
        for (name, task), count in shown.most_common()
    )


def written_code(
    submissions: Path, assignment: str, exercise: Notebook, students: Iterable[str]
) -> dict[str, str]:
    """Read what students wrote, in the folder that was graded and as the grader reads it.

    A submission that is not there or cannot be read is left out.
    """
    given, wanted = given_lines(exercise), set(students)
    found: dict[str, str] = {}
    for one in find_submissions(submissions):
        if one.assignment == assignment and one.student in wanted:
            with suppress(NotGradableError):
                found.setdefault(one.student, own_code(read_cells(read_bytes(one)), given))
    return found
