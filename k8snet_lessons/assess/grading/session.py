"""One submission in the sandbox: cells run, answers collected, lost kernels replaced."""

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from k8snet_lessons.assess.answers import TODO, AnswerError
from k8snet_lessons.assess.grading.cage import SandboxError
from k8snet_lessons.assess.grading.limits import Limits
from k8snet_lessons.assess.grading.plan import Step
from k8snet_lessons.assess.grading.result import legible
from k8snet_lessons.assess.grading.sandbox import LostError, Run, Warm
from k8snet_lessons.assess.grading.wire import unpack

MOST_KERNELS: Final = 4  # that one pass over the notebook may use up
_WHY: Final = {
    "memory": "it used more memory than is allowed",
    "processes": "it started more processes than are allowed",
}


@dataclass(frozen=True)
class Answer:
    """What came out of the sandbox for one task: a plain value, or why there is none."""

    value: Any = TODO
    problem: str = ""

    @property
    def attempted(self) -> bool:
        """Whether there is something to judge."""
        return not self.problem and self.value is not TODO and not _all_todo(self.value)


def _all_todo(value: Any) -> bool:
    return type(value) is dict and bool(value) and all(one is TODO for one in value.values())


@dataclass
class Trouble:
    """What went wrong while the cells of one task ran."""

    task: str
    text: str
    timed_out: bool = False


@dataclass
class Session:
    """The runs of one submission.

    Parameters
    ----------
    warm : Warm
        Where fresh processes come from.
    start : mapping
        What the sandbox is told: lesson, student, seed, and each task's numbers and prompt.
    limits : Limits
        What the submission may use.
    """

    warm: Warm
    start: Mapping[str, Any]
    limits: Limits
    answers: dict[str, Answer] = field(default_factory=dict)
    troubles: list[Trouble] = field(default_factory=list)
    _run: Run | None = None
    _history: list[Step] = field(default_factory=list)
    _kernels: int = 0
    _deadline: float = 0.0
    _number: int = 0
    _touched: bool = False  # by code of the student's

    def __post_init__(self) -> None:
        # A part of the time is kept back for the tasks that are run once more alone.
        self._deadline = time.monotonic() + 0.6 * self.limits.submission_s
        self._last_moment = time.monotonic() + self.limits.submission_s

    def execute(self, step: Step) -> tuple[str, str] | None:
        """Run one step; return the name and text of its error, if any.

        When the kernel is lost, the steps before it are run again in a fresh one, without
        the step that lost it; each further step then finds what it needs.

        Raises
        ------
        SandboxError
            If a process is lost, or a cell of the course fails, before any code of the
            student's has run.
        """
        if not self._alive():
            return ("NotRun", "the time or the kernels of this submission are used up")
        try:
            error = self._step(step, self.limits.cell_s)
        except LostError as lost:
            why = self._lose()
            if not self._touched:
                raise SandboxError(f"the sandbox does not run: {why or lost.why}") from None
            self._note(step, why or lost.why)
            return ("KernelLost", why or lost.why)
        if error and step.kind != "check" and not self._touched:
            raise SandboxError(f"a cell of the course failed: {': '.join(error)}")
        if step.kind != "check":
            self._history.append(step)
        return error

    def alone(self, steps: Sequence[Step], task: str) -> Answer | None:
        """Run steps in a process of their own and return what they answer to a task.

        None if the process was lost on the way.
        """
        before, self.answers = self.answers, {}
        self.close()
        self._history, self._kernels = [], MOST_KERNELS - 1
        self._deadline = self._last_moment
        try:
            if self._alive():
                for step in steps:
                    self._step(step, self.limits.alone_s)
            return self.answers.get(task, Answer())
        except LostError:
            self._lose()
            return None
        finally:
            self.answers = before
            self.close()

    def close(self) -> None:
        """End the process, if one runs."""
        if self._run is not None:
            self._run.close()
            self._run = None

    def _alive(self) -> bool:
        """Make sure that a process stands where the last one stopped."""
        while self._run is None:
            if self._kernels >= MOST_KERNELS or time.monotonic() >= self._deadline:
                return False
            self._kernels += 1
            self._run = self.warm.open(self.limits)
            step: Step | None = None
            try:
                self._run.send(dict(self.start), self._until(self.limits.cell_s))
                for step in self._history:
                    self._step(step, self.limits.cell_s)
            except LostError as lost:
                why = self._lose()
                if not self._touched:
                    raise SandboxError(f"the sandbox does not run: {why or lost.why}") from None
                if step is not None:
                    self._history.remove(step)
        return True

    def _lose(self) -> str:
        run, self._run = self._run, None
        return _WHY.get(why, why) if run is not None and (why := run.close()) else ""

    def _until(self, seconds: float) -> float:
        return min(time.monotonic() + seconds, self._deadline)

    def _step(self, step: Step, seconds: float) -> tuple[str, str] | None:
        """Run one step in the present process.

        Raises
        ------
        LostError
            If the process ends, or does not stop when it is interrupted.
        """
        assert self._run is not None
        self._number += 1
        self._touched = self._touched or step.kind == "student"
        until = self._until(seconds)
        order = {
            "number": self._number,
            "ours": step.kind != "student",
            "source": step.source,
        }
        self._run.send(order, until)
        interrupted = False
        while True:
            message = self._run.receive(until)
            if message is not None:
                if message.get("done") == self._number:
                    break
                if step.kind == "check" and message.get("answer") == step.task:
                    self._take(step.task, message)
            # Whoever goes on talking has no more time than whoever is silent.
            if message is None or time.monotonic() >= until:
                if interrupted:
                    raise LostError("it did not stop when its time was up")
                interrupted = True
                self._run.interrupt()
                until = time.monotonic() + self.limits.grace_s
        error = _error(message.get("error"))
        if interrupted:
            error = ("TimeOut", f"it ran longer than {seconds:g} s")
            self._note(step, error[1], timed_out=True)
        elif error and step.kind == "student":
            self._note(step, ": ".join(filter(None, error)))
        return error

    def _take(self, task: str, message: Mapping[str, Any]) -> None:
        """Keep an answer; a second one counts only where the first says nothing."""
        if task in self.answers and self.answers[task].attempted:
            return
        problem = message.get("problem")
        value = message.get("value")
        if type(problem) is str:
            answer = Answer(problem=legible(problem[:300]))
        elif type(value) is str:
            try:
                answer = Answer(unpack(value))
            except AnswerError as error:
                answer = Answer(problem=str(error))
        else:
            answer = Answer(problem="the answer did not arrive as plain data")
        if task not in self.answers or answer.attempted or answer.problem:
            self.answers[task] = answer

    def _note(self, step: Step, text: str, timed_out: bool = False) -> None:
        self.troubles.append(Trouble(step.task, text, timed_out))


def _error(data: object) -> tuple[str, str] | None:
    if type(data) is list and len(data) == 2 and all(type(one) is str for one in data):
        return str(data[0])[:60], str(data[1])[:200]
    return None
