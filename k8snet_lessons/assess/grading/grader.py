"""Grades one submission: read, lay out, run in the sandbox, judge outside of it."""

import sys
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from difflib import get_close_matches
from importlib import import_module
from pathlib import Path
from types import TracebackType
from typing import Any

from k8snet_lessons.assess.exercise import Assignment, assignment, has_assignment
from k8snet_lessons.assess.grading.cage import Cage, SandboxError
from k8snet_lessons.assess.grading.judge import Judge
from k8snet_lessons.assess.grading.limits import Limits
from k8snet_lessons.assess.grading.plan import (
    Original,
    Step,
    alone,
    lay_out,
    named_seed,
    take_apart,
)
from k8snet_lessons.assess.grading.result import Graded
from k8snet_lessons.assess.grading.sandbox import Warm
from k8snet_lessons.assess.grading.session import Answer, Session
from k8snet_lessons.assess.grading.submission import (
    NotGradableError,
    digest_of,
    read_cells,
)
from k8snet_lessons.assess.notebooks import read_notebook
from k8snet_lessons.assess.task import Task
from k8snet_lessons.assess.verdict import Verdict
from k8snet_lessons.errors import InputError


@dataclass(frozen=True)
class Submitted:
    """One submission as it reaches a worker: bytes, and what the grader knows about it.

    Parameters
    ----------
    student, assignment : str
        Whose, and for which lesson.
    data : bytes
        The file.
    seed : int
        The student's variant, as the instructor has it.
    """

    student: str
    assignment: str
    data: bytes
    seed: int


@dataclass
class Grader:
    """Grades submissions one after another; one for each job, used by one thread.

    Parameters
    ----------
    originals : dict
        The exercises as they were handed out, by assignment (see `load_originals`).
    cage : Cage
        How the students' code is kept apart.
    limits : Limits
        What each submission may use.
    place : int
        Number of the job.
    """

    originals: dict[str, Original]
    cage: Cage
    limits: Limits = field(default_factory=Limits)
    place: int = 0

    def __post_init__(self) -> None:
        self._warm = Warm(self.cage, self.place)
        self._judge = Judge()
        self._outlines: dict[tuple[str, int], dict[str, Any]] = {}

    def __enter__(self) -> "Grader":
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.close()

    def launch(self) -> None:
        """Begin to warm up, in the background; see `Warm.launch` about the calling thread."""
        self._warm.launch()
        self._judge.launch()

    def close(self) -> None:
        """End the fork server and the judge."""
        self._warm.retire()
        self._judge.close()

    def grade(self, submitted: Submitted) -> Graded:
        """Return what a submission is worth; whatever the file holds, it does not raise.

        Raises
        ------
        SandboxError
            If the sandbox itself does not work, which is nobody's answer.
        """
        began = time.monotonic()
        try:
            return self._grade(submitted, began)
        except Exception as error:
            if isinstance(error, SandboxError):
                # Nobody's fault, unless an empty notebook runs where this one does not.
                self._run(submitted, lay_out(self.originals[submitted.assignment], ()))
            failed = f"The grader itself failed on this file: {type(error).__name__}: {error}"
            # Without the digest the gradebook will not take it for graded.
            return replace(refused(submitted, failed[:500], time.monotonic() - began), digest="")

    def _grade(self, submitted: Submitted, began: float) -> Graded:
        try:
            work, original = self._handed_out(submitted.assignment)
            cells = read_cells(submitted.data)
        except NotGradableError as error:
            return refused(submitted, str(error), time.monotonic() - began)
        steps = lay_out(original, cells)
        try:
            session = self._run(submitted, steps)
        except SandboxError:
            self._warm.close()  # once more, in a server that nothing has gone through
            session = self._run(submitted, steps)
        verdicts, answers, again = self._judge_all(submitted, work, original, steps, session)
        return Graded(
            student=submitted.student,
            assignment=submitted.assignment,
            digest=digest_of(submitted.data),
            status="graded",
            reason=_remarks(session, again, submitted.seed, named_seed(original, cells)),
            score=round(sum(verdict.points for verdict in verdicts), 2),
            max_score=round(work.max_points, 2),
            tasks=verdicts,
            seconds=time.monotonic() - began,
            seed=submitted.seed,
            answers=answers,
        )

    def _run(self, submitted: Submitted, steps: Sequence[Step]) -> Session:
        run = import_engine().run
        key = (submitted.assignment, submitted.seed)
        if key not in self._outlines:
            self._outlines[key] = self._judge.outline(*key)
        start = {
            "lesson": submitted.assignment,
            "student": submitted.student,
            "seed": submitted.seed,
            "tasks": self._outlines[key],
        }
        session = Session(self._warm, start, self.limits)
        try:
            run(steps, session, {"student_id": submitted.student, "seed": submitted.seed})
        finally:
            session.close()
        return session

    def _judge_all(
        self,
        submitted: Submitted,
        work: Assignment,
        original: Original,
        steps: Sequence[Step],
        session: Session,
    ) -> tuple[tuple[Verdict, ...], dict[str, Any], list[str]]:
        """Return verdicts, answers, and the tasks of which another answer came to count."""
        verdicts, answers, again = [], {}, []
        for task in work.tasks:
            first = answer = session.answers.get(task.name, Answer())
            verdict = self._judge.verdict(submitted.assignment, task, submitted.seed, answer)
            if verdict.points < verdict.max_points and _tried(task, original, steps):
                answer, verdict = self._second_chance(
                    submitted, task, original, steps, session, (answer, verdict)
                )
                if first.attempted and answer != first:
                    again.append(task.name)
            verdicts.append(verdict)
            if not answer.problem:
                answers[task.name] = answer.value
        return tuple(verdicts), answers, again

    def _second_chance(
        self,
        submitted: Submitted,
        task: Task,
        original: Original,
        steps: Sequence[Step],
        session: Session,
        first: tuple[Answer, Verdict],
    ) -> tuple[Answer, Verdict]:
        """Run a task without the other tasks' cells, lest one of them has spoiled it.

        The better of the answers counts: both are the student's own.
        """
        best = first
        for with_own in (False, True):
            chosen = alone(original, steps, task.name, with_own)
            answer = session.alone(chosen, task.name)
            if answer is None:
                break
            if answer.attempted and answer != first[0]:
                verdict = self._judge.verdict(submitted.assignment, task, submitted.seed, answer)
                if verdict.points > best[1].points or not best[0].attempted:
                    best = (answer, verdict)
            if answer.attempted:
                break
        return best

    def _handed_out(self, name: str) -> tuple[Assignment, Original]:
        if name not in self.originals:
            near = get_close_matches(name, self.originals, 1)
            hint = f" Rename it to {near[0]}.ipynb if it is that one." if near else ""
            raise NotGradableError(f"There is no assignment named {name!r}.{hint}")
        return assignment(name), self.originals[name]


def import_engine() -> Any:
    """Import papermill, without a grammar that is of no use here and takes a second to build.

    jsonschema builds it for addresses in schemas wherever its package happens to be there;
    notebooks' schemas have none.
    """
    absent = "rfc3987_syntax"
    hide = absent not in sys.modules
    if hide:
        sys.modules[absent] = None  # type: ignore[assignment]
    try:
        return import_module("k8snet_lessons.assess.grading.engine")
    finally:
        if hide:
            del sys.modules[absent]


def load_originals(exercises: Path) -> dict[str, Original]:
    """Read the exercises of a folder that belong to an assignment of the course.

    Raises
    ------
    InputError
        For a file that is no notebook.
    """
    return {
        path.stem: take_apart(read_notebook(path))
        for path in sorted(exercises.glob("*.ipynb"))
        if has_assignment(path.stem)
    }


def refused(submitted: Submitted, reason: str, seconds: float = 0.0) -> Graded:
    """Return the record of a submission of which no task can be judged."""
    try:
        most = assignment(submitted.assignment).max_points
    except InputError:
        most = 0.0
    return Graded(
        student=submitted.student,
        assignment=submitted.assignment,
        digest=digest_of(submitted.data) if submitted.data else "",
        status="not gradable",
        reason=reason,
        score=0.0,
        max_score=round(most, 2),
        tasks=(),
        seconds=seconds,
        seed=submitted.seed,
    )


def _tried(task: Task, original: Original, steps: Sequence[Step]) -> bool:
    """Whether the student has put anything of their own into a task's cell."""
    stub = original.answers.get(task.name, "").strip()
    return any(
        step.kind == "student" and step.task == task.name and step.source.strip() != stub
        for step in steps
    )


def _remarks(session: Session, again: Sequence[str], seed: int, named: int | None) -> str:
    """Say what went wrong on the way, a clause for each task."""
    said: Mapping[str, str] = {trouble.task: trouble.text for trouble in reversed(session.troubles)}
    clauses = [
        (f"task {task}: {text}" if task else f"a cell of the student's own: {text}")
        for task, text in reversed(list(said.items()))
    ]
    clauses += [f"task {task}: run alone it gave another answer, which counts" for task in again]
    if named is not None and named != seed:
        clauses.append(f"the notebook names seed {named} and was graded by seed {seed}")
    return "; ".join(clauses)[:1000]
