"""A task judged again after its rubric was mended, from the stored answers.

No student's code runs: what left the sandbox is plain data and lies in the gradebook.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

from k8snet_lessons.assess.exercise import Assignment
from k8snet_lessons.assess.gradebook.book import Attempt, Gradebook
from k8snet_lessons.assess.verdict import Verdict


@dataclass(frozen=True)
class Regraded:
    """One attempt, looked at again.

    Parameters
    ----------
    attempt : Attempt
        As it was before.
    outcome : str
        ``"changed"``; ``"same"``; ``"no answer"`` where none was stored, which keeps its
        verdict.
    before, after : Verdict
        The same unless changed.
    """

    attempt: Attempt
    outcome: Literal["changed", "same", "no answer"]
    before: Verdict
    after: Verdict

    @property
    def gain(self) -> float:
        """Points gained; negative where some were lost."""
        return round(self.after.points - self.before.points, 2)


def regrade(
    book: Gradebook, work: Assignment, task: str, *, dry_run: bool = False
) -> Iterator[Regraded]:
    """Judge a task of every attempt again, one transaction each; yield what became of it.

    Stopped half-way and run again it ends where one run ends: a verdict that is up to date
    is not written.

    Raises
    ------
    InputError
        If the assignment has no such task.
    """
    judge = work.task(task)
    for attempt in book.attempts(work.lesson):
        graded = attempt.graded
        before = next((one for one in graded.tasks if one.task == task), None)
        if before is None:  # not gradable, or the task is younger than the submission
            continue
        if task not in graded.answers or graded.seed is None:
            yield Regraded(attempt, "no answer", before, before)
            continue
        after = judge.judge(judge.given(work.lesson, graded.seed), graded.answers[task])
        if _same(before, after):
            yield Regraded(attempt, "same", before, before)
            continue
        if not dry_run:
            book.replace_verdict(attempt, after)
        yield Regraded(attempt, "changed", before, after)


def _same(before: Verdict, after: Verdict) -> bool:
    """Whether two verdicts say the same; a stub may have been told unanswered part by part."""
    if before.status == after.status == "unattempted":
        return before.max_points == after.max_points
    return before == after
