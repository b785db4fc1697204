"""The exercise as it stands in the sandbox: it asks and records, and knows no answers.

It has the face of `assess.Exercise`, so that the course's own cells run unchanged. The
drawn numbers come from the grader; a check sends the answer out and says nothing.
"""

import copy
from collections.abc import Callable
from typing import Any

from k8snet_lessons.assess.answers import AnswerError, type_name
from k8snet_lessons.assess.grading.wire import pack
from k8snet_lessons.assess.task import UNANSWERED
from k8snet_lessons.assess.verdict import Part, Verdict
from k8snet_lessons.errors import InputError


class Recorder:
    """One student's exercise without its judge.

    Parameters
    ----------
    start : dict
        ``lesson``, ``student``, ``seed`` and, by task, ``given`` and ``prompt``.
    send : callable
        Takes one message to the grader.
    """

    def __init__(self, start: dict[str, Any], send: Callable[[dict[str, Any]], None]) -> None:
        self.lesson = start["lesson"]
        self.student = start["student"]
        self.seed = start["seed"]
        self._tasks = start["tasks"]
        self._send = send

    def given(self, task: str) -> dict[str, Any]:
        """Return the numbers of a task (a fresh copy)."""
        return dict(copy.deepcopy(self._named(task)["given"]))

    def ask(self, task: str) -> dict[str, Any]:
        """Show the question of a task, and return its numbers."""
        print(self._named(task)["prompt"])
        return self.given(task)

    def judge(self, task: str, answer: object) -> Verdict:
        """Return a verdict that says nothing: judging happens elsewhere."""
        self._named(task)
        return Verdict(task, (Part("answer", 0, 1, UNANSWERED, attempted=False),), UNANSWERED)

    def check(self, task: str, answer: object) -> float:
        """Send the answer to the grader; the points are given there."""
        self._named(task)
        try:
            self._send({"answer": task, "value": pack(answer)})
        except AnswerError as error:
            self._send({"answer": task, "problem": str(error)})
        except Exception:
            self._send(
                {
                    "answer": task,
                    "problem": f"the answer is of type {type_name(answer)} "
                    "and raised an error when looked at",
                }
            )
        return 0.0

    def score(self) -> None:
        """Show nothing: the score is not known here."""

    def submit(self, notebook: str | None = None) -> None:
        """Do nothing: this is the copy that was handed in."""

    def _named(self, task: str) -> dict[str, Any]:
        if task not in self._tasks:
            raise InputError("task", task, "one of " + ", ".join(self._tasks))
        return dict(self._tasks[task])
