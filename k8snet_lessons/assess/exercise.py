"""An exercise as a student's notebook holds it: ask, check, score."""

import sys
from dataclasses import dataclass, replace
from importlib import import_module
from importlib.util import find_spec
from typing import Any

from k8snet_lessons.assess.answers import TODO, plain, type_name
from k8snet_lessons.assess.task import Task
from k8snet_lessons.assess.verdict import Score, Verdict
from k8snet_lessons.course.progress import checked, record
from k8snet_lessons.errors import InputError


@dataclass(frozen=True)
class Assignment:
    """The tasks of one lesson's exercise, easiest first."""

    lesson: str
    tasks: tuple[Task, ...]

    @property
    def max_points(self) -> float:
        """Points over all tasks."""
        return sum(task.max_points for task in self.tasks)

    def task(self, name: str) -> Task:
        """Return the task named `name`, or say which there are."""
        for task in self.tasks:
            if task.name == name:
                return task
        raise InputError("task", name, "one of " + ", ".join(task.name for task in self.tasks))


def has_assignment(lesson: str) -> bool:
    """Whether a lesson has an exercise; its tasks are not imported."""
    name = "lesson_" + lesson.replace("-", "_")
    return name.isidentifier() and find_spec(f"k8snet_lessons.assess.tasks.{name}") is not None


def assignment(lesson: str) -> Assignment:
    """Return the assignment of a lesson, found by its slug: ``01-north-south-path``."""
    name = "lesson_" + str(lesson).replace("-", "_")
    home = f"k8snet_lessons.assess.tasks.{name}"
    try:
        module = import_module(home)
    except ModuleNotFoundError as error:
        if error.name != home:
            raise
        raise InputError("lesson", lesson, "the slug of a lesson that has an exercise") from None
    found: Assignment = module.ASSIGNMENT
    return found


class Exercise:
    """One student's copy of an assignment: numbers drawn, verdicts kept.

    Parameters
    ----------
    lesson : str
        Slug of the lesson.
    student : str or int
        Who is answering; only recorded.
    seed : int
        Which variant of the numbers.

    Examples
    --------
    >>> exercise = Exercise("01-north-south-path", student="alice", seed=7)
    >>> given = exercise.ask("addresses")      # shows the question    # doctest: +SKIP
    >>> exercise.check("addresses", TODO)      # shows the verdict     # doctest: +SKIP
    0.0
    """

    def __init__(self, lesson: str, student: str | int = "anonymous", seed: int = 0) -> None:
        self.assignment = assignment(lesson)
        self.student = _student(student)
        self.seed = _seed(seed)
        self._attempts: dict[str, list[Verdict]] = {task.name: [] for task in self.assignment.tasks}
        self._missed: dict[str, set[str]] = {task.name: set() for task in self.assignment.tasks}

    def given(self, task: str) -> dict[str, Any]:
        """Return the numbers of a task as drawn for this seed (a fresh copy)."""
        return self.assignment.task(task).given(self.assignment.lesson, self.seed)

    def ask(self, task: str) -> dict[str, Any]:
        """Show the question of a task with its numbers, and return the numbers."""
        given = self.given(task)
        text = self.assignment.task(task).prompt(given)
        _show({"text/plain": text, "text/markdown": text})
        return given

    def judge(self, task: str, answer: object) -> Verdict:
        """Return the verdict on an answer without showing or recording it."""
        return self.assignment.task(task).judge(self.given(task), answer)

    def check(self, task: str, answer: object) -> float:
        """Show the verdict on an answer, record it, and return its points.

        The points are the value of the check's cell, which is where nbgrader reads
        partial credit from. Hints come one by one, from the second answer that misses on;
        the same answer again is no new attempt.
        """
        verdict = self.judge(task, answer)
        earlier = self._attempts[task]
        if verdict.status in ("wrong", "partial"):
            self._missed[task].add(_told_apart(answer))
            hints = self.assignment.task(task).hints[: len(self._missed[task]) - 1]
            verdict = replace(verdict, hints=hints)
        news = not earlier or earlier[-1].points != verdict.points
        earlier.append(verdict)
        _show(verdict._repr_mimebundle_())
        if news and verdict.status != "unattempted" and (notice := self._remember(verdict)):
            _show({"text/plain": notice})
        return float(verdict.points)

    def _remember(self, verdict: Verdict) -> str:
        """Put a verdict into the learner's record, where one is kept."""
        return record(
            checked(
                self.assignment.lesson,
                verdict.task,
                status=verdict.status,
                points=verdict.points,
                max_points=verdict.max_points,
                exercise_points=self.assignment.max_points,
                tasks=len(self.assignment.tasks),
                misconceptions=[one.misconception for one in verdict.parts if one.misconception],
            )
        )

    def score(self) -> None:
        """Show the points of every task and leave them where a program can read them."""
        verdicts = tuple(
            self._attempts[task.name][-1]
            if self._attempts[task.name]
            else self.judge(task.name, TODO)
            for task in self.assignment.tasks
        )
        score = Score(self.assignment.lesson, self.student, self.seed, verdicts)
        _show(score._repr_mimebundle_())

    def submit(self, notebook: str | None = None) -> None:
        """Write the one file to hand in, ``submission-<lesson>.ipynb``, and show a link to it.

        It is made of the notebook as saved on the disk; where a saved answer is not the one
        that was run, nothing is written and the student is asked to save.

        Parameters
        ----------
        notebook : str, optional
            The notebook's file, where it has another name than usual.
        """
        from k8snet_lessons.assess.submit import hand_in

        last = {task: verdicts[-1] for task, verdicts in self._attempts.items() if verdicts}
        answered = [task for task, verdict in last.items() if verdict.status != "unattempted"]
        about = {
            "lesson": self.assignment.lesson,
            "student": self.student,
            "seed": self.seed,
            "answered": answered,
        }
        tasks = [task.name for task in self.assignment.tasks]
        handed = hand_in(self.assignment.lesson, tasks, last.keys(), about, notebook)
        _show(handed._repr_mimebundle_())


def _told_apart(answer: object) -> str:
    """Return text that is the same for the same answer, whatever the answer is."""
    try:
        return repr(plain(answer))
    except Exception:  # an answer of a type that no check reads; its own code may raise anything
        return type_name(answer)


def _student(student: object) -> str:
    if type(student) is int or type(student) is str:
        name = str(student).strip()
        if 0 < len(name) <= 200:
            return name
    raise InputError("student", student, "a name or number of 1 to 200 characters")


def _seed(seed: object) -> int:
    if type(seed) is str and seed.strip().lstrip("-").isdecimal():
        return int(seed)
    if type(seed) is not int:
        raise InputError("seed", seed, "a whole number")
    return seed


def _show(bundle: dict[str, Any]) -> None:
    """Display in a notebook; print where there is none."""
    ipython = sys.modules.get("IPython")
    if ipython is not None and ipython.get_ipython() is not None:
        from IPython.display import display

        display(bundle, raw=True)  # type: ignore[no-untyped-call,unused-ignore]
    else:
        print(bundle["text/plain"])
