"""The judge: a trusted process that computes what is right and weighs plain answers.

``python -m k8snet_lessons.assess.grading.judge`` reads one order a line and writes one reply
a line. It has never run a student's code. The grader's side is `Judge`: it bounds the time
and the memory of every judgement, for a model may be asked for something absurd.
"""

import json
import os
import resource
import select
import subprocess
import sys
import time
from typing import Any, Final

from k8snet_lessons.assess.exercise import assignment
from k8snet_lessons.assess.grading.cage import same_course
from k8snet_lessons.assess.grading.session import Answer
from k8snet_lessons.assess.grading.wire import marked, unpack
from k8snet_lessons.assess.task import TOO_MUCH, UNANSWERED, Task
from k8snet_lessons.assess.verdict import Part, Verdict
from k8snet_lessons.errors import InputError

MOST_S: Final = 30.0
MEMORY_MB: Final = 4096
MODULE: Final = "k8snet_lessons.assess.grading.judge"


def outline(lesson: str, seed: int) -> dict[str, Any]:
    """Return what may enter the sandbox: each task's drawn numbers and its prompt."""
    work = assignment(lesson)
    tasks = {}
    for task in work.tasks:
        given = task.given(lesson, seed)
        tasks[task.name] = {"given": given, "prompt": task.prompt(given)}
    return tasks


def judge(lesson: str, name: str, seed: int, packed: str) -> Verdict:
    """Judge one answer as it left the sandbox (see `wire`)."""
    task = assignment(lesson).task(name)
    return task.judge(task.given(lesson, seed), unpack(packed))


class Judge:
    """The judge's process, started when needed and replaced when it fails."""

    def __init__(self) -> None:
        self._process: subprocess.Popen[bytes] | None = None

    def outline(self, lesson: str, seed: int) -> dict[str, Any]:
        """Return what `outline` returns."""
        reply = self._ask({"outline": lesson, "seed": seed})
        if reply is None:
            raise RuntimeError(f"the numbers of {lesson} could not be drawn for seed {seed}")
        return dict(reply["tasks"])

    def verdict(self, lesson: str, task: Task, seed: int, answer: Answer) -> Verdict:
        """Return the verdict on an answer; one that cannot be judged in time earns nothing."""
        if answer.problem:
            return _nothing(task, f"The grader cannot read the answer: {answer.problem}.")
        if not answer.attempted:
            return _nothing(task, UNANSWERED, attempted=False)
        order = {"lesson": lesson, "task": task.name, "seed": seed, "answer": answer.value}
        reply = self._ask(order)
        if reply is None:
            return _nothing(task, TOO_MUCH)
        return Verdict.from_json(reply["verdict"])

    def launch(self) -> "subprocess.Popen[bytes]":
        """Start the process if it does not run; it need not be waited for."""
        if self._process is None or self._process.poll() is not None:
            self.close()
            self._process = subprocess.Popen(
                [sys.executable, "-P", "-m", MODULE],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                env=os.environ | same_course() | {"OPENBLAS_NUM_THREADS": "1"},
            )
        return self._process

    def close(self) -> None:
        """End the process."""
        if self._process is not None:
            for pipe in (self._process.stdin, self._process.stdout):
                if pipe is not None:
                    pipe.close()
            self._process.kill()
            self._process.wait()
            self._process = None

    def _ask(self, order: dict[str, Any]) -> dict[str, Any] | None:
        data = json.dumps(marked(order)).encode() + b"\n"
        process = self.launch()
        assert process.stdin is not None
        assert process.stdout is not None
        try:
            process.stdin.write(data)
            process.stdin.flush()
        except OSError:
            self.close()
            return None
        reply = b""
        until = time.monotonic() + MOST_S
        while not reply.endswith(b"\n"):
            left = max(0.0, until - time.monotonic())
            ready, _, _ = select.select([process.stdout], [], [], left)
            piece = os.read(process.stdout.fileno(), 1 << 16) if ready else b""
            if not piece:
                self.close()
                return None
            reply += piece
        found: dict[str, Any] = json.loads(reply)
        return found if "failed" not in found else None


def _nothing(task: Task, reason: str, attempted: bool = True) -> Verdict:
    part = Part("answer", 0, task.max_points, reason, attempted=attempted)
    return Verdict(task.name, (part,), reason)


def _reply(order: dict[str, Any]) -> dict[str, Any]:
    if "outline" in order:
        return {"tasks": outline(order["outline"], order["seed"])}
    verdict = judge(order["lesson"], order["task"], order["seed"], json.dumps(order["answer"]))
    return {"verdict": verdict.to_json() | {"debrief": verdict.debrief}}


def main() -> None:
    """Answer orders until the grader hangs up."""
    most = MEMORY_MB << 20
    resource.setrlimit(resource.RLIMIT_AS, (most, most))
    for line in sys.stdin.buffer:
        try:
            reply = _reply(json.loads(line))
        except InputError as error:
            reply = {"failed": str(error)}
        except Exception as error:  # a model that an absurd answer has broken
            reply = {"failed": f"{type(error).__name__}: {error}"}
        sys.stdout.write(json.dumps(reply) + "\n")
        sys.stdout.flush()


if __name__ == "__main__":
    main()
