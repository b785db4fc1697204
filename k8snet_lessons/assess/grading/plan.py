"""Which cells run, in which order: the course's own around the student's.

Cells of the course are always the originals. The student's are taken from the submission.
Whether check cells were deleted, copied, moved, renamed or rewritten changes nothing.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from k8snet_lessons.assess.grading.submission import Cell
from k8snet_lessons.assess.notebooks import Notebook, source_of

Kind = Literal["parameters", "setup", "ask", "student", "check"]


@dataclass(frozen=True)
class Step:
    """One cell to run.

    Parameters
    ----------
    kind : str
        ``student`` for the student's code; the others are the course's own cells.
    task : str
        The task that it belongs to, or ``""``.
    source : str
        Its code.
    """

    kind: Kind
    task: str
    source: str


@dataclass(frozen=True)
class Original:
    """An exercise as it was handed out, taken apart.

    Parameters
    ----------
    parameters, setup : str
        Sources of the cells before the first task; several setup cells are joined.
    asks, answers, checks : dict
        Sources by task.
    locked : dict
        From the name of each cell of the course's own to its source.
    """

    parameters: str
    setup: str
    asks: dict[str, str]
    answers: dict[str, str]
    checks: dict[str, str]
    locked: dict[str, str]


def take_apart(exercise: Notebook) -> Original:
    """Return the parts of an exercise notebook; cells are known by their ids."""
    parameters, setup = "", []
    asks: dict[str, str] = {}
    answers: dict[str, str] = {}
    checks: dict[str, str] = {}
    locked: dict[str, str] = {}
    for cell in exercise["cells"]:
        if cell.get("cell_type") != "code":
            continue
        name, source = cell["id"], source_of(cell)
        kind, _, task = name.partition("-")
        if kind == "answer" and task:
            answers[task] = source
            continue
        locked[name] = source
        if name == "parameters":
            parameters = source
        elif kind == "ask" and task:
            asks[task] = source
        elif kind == "check" and task:
            checks[task] = source
        elif not checks and not asks:
            setup.append(source)
    return Original(parameters, "\n\n".join(setup), asks, answers, checks, locked)


def lay_out(original: Original, cells: Sequence[Cell]) -> tuple[Step, ...]:
    """Return the steps of a whole run.

    First the parameters, the setup and every question. Then the student's cells in the
    student's order, and where the course's cells stood among them, the originals. A task is
    checked where its check cell stood, but not before its answer cell; where that cannot be
    told, at the end.
    """
    mine = [
        (cell, _role(original, cell.name, cell.source)) for cell in cells if cell.source.strip()
    ]
    due = _due(original, [role for _, role in mine])
    steps = [Step("parameters", "", original.parameters), Step("setup", "", original.setup)]
    steps += [Step("ask", task, source) for task, source in original.asks.items()]
    # The parameters cell is open to students, who may have put an import there. What theirs
    # says of name and seed comes too late to matter.
    steps += [
        Step("student", "", cell.source)
        for cell, role in mine
        if role[0] == "parameters" and cell.source.strip() != original.parameters.strip()
    ]
    for place, (cell, (kind, task)) in enumerate(mine):
        if kind == "ask":
            steps.append(Step("ask", task, original.asks[task]))
        elif kind in ("answer", ""):
            steps.append(Step("student", task, cell.source))
        steps += [Step("check", one, original.checks[one]) for one in due.get(place, ())]
    steps += [Step("check", task, source) for task, source in original.checks.items()]
    return tuple(steps)


def alone(original: Original, steps: Sequence[Step], task: str, with_own: bool) -> tuple[Step, ...]:
    """Return the steps that run one task without the other tasks' answers.

    `with_own` adds the cells that the student has put in beside the exercise's.
    """
    return tuple(
        step
        for step in steps
        if step.kind in ("parameters", "setup")
        or step.task == task
        or (with_own and step.kind == "student" and not step.task)
    )


def _role(original: Original, name: str, source: str) -> tuple[str, str]:
    """Say what a submitted cell is: a kind and a task; ``("", "")`` for the student's own.

    What a cell says counts for more than what it is called: names are lost and copied.
    """
    for locked, text in original.locked.items():
        if source.strip() == text.strip():
            kind, _, task = locked.partition("-")
            return kind, task
    kind, _, task = name.partition("-")
    if kind == "answer" and task in original.answers:
        return kind, task
    assigned = _assigns(original, source)
    if len(assigned) == 1:
        return "answer", assigned.pop()
    return (kind, task) if name in original.locked else ("", "")


def _due(original: Original, roles: Sequence[tuple[str, str]]) -> dict[int, list[str]]:
    """Return after which submitted cell each task is checked, where that can be told."""
    due: dict[int, list[str]] = {}
    for task in original.checks:
        answers = [place for place, role in enumerate(roles) if role == ("answer", task)]
        checks = [place for place, role in enumerate(roles) if role == ("check", task)]
        if answers:
            place = max(answers[-1], checks[0] if checks else answers[-1])
            due.setdefault(place, []).append(task)
    return due


def _assigns(original: Original, source: str) -> set[str]:
    """Return the tasks whose answer a cell assigns at the left margin."""
    return {
        task
        for task in original.answers
        if re.search(
            rf"^{re.escape(variable_of(original, task))}\s*(:[^=\n]+)?=(?!=)", source, re.M
        )
    }


def variable_of(original: Original, task: str) -> str:
    """Return the name that holds a task's answer, as its check cell spells it."""
    found = re.search(r"\.check\(\s*[\"'][^\"']*[\"']\s*,\s*(\w+)", original.checks.get(task, ""))
    return found.group(1) if found else task


def named_seed(original: Original, cells: Sequence[Cell]) -> int | None:
    """Return the seed that a submission's parameters cell names; it is only a remark."""
    for cell in cells:
        if _role(original, cell.name, cell.source)[0] == "parameters":
            found = re.search(r"^seed\s*=\s*(-?\d{1,18})\s*$", cell.source, re.MULTILINE)
            return int(found.group(1)) if found else None
    return None
