"""Exercise notebooks as files: the student's version made from the solution, a score read back.

Notebooks are handled as the JSON that they are: no Jupyter import, so that the commands
built on this start quickly.
"""

import json
from copy import deepcopy
from pathlib import Path
from typing import Any

from k8snet_lessons.assess.verdict import SCORE_MIME
from k8snet_lessons.errors import InputError

BEGIN, END = "### BEGIN SOLUTION", "### END SOLUTION"
BEGIN_HIDDEN, END_HIDDEN = "### BEGIN HIDDEN TESTS", "### END HIDDEN TESTS"
STUB = "# your answer here"

Notebook = dict[str, Any]


def read_notebook(path: Path) -> Notebook:
    """Read a notebook file.

    Raises
    ------
    InputError
        If it cannot be read, is not JSON, or is not a notebook of format 4.
    """
    try:
        notebook = json.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise InputError(
            "notebook", str(path), f"a file that can be read ({error.strerror})"
        ) from None
    except (ValueError, RecursionError):
        raise InputError("notebook", str(path), "a file of valid JSON in UTF-8") from None
    cells = notebook.get("cells") if isinstance(notebook, dict) else None
    if notebook_format(notebook) != 4 or not isinstance(cells, list):
        raise InputError("notebook", str(path), "a Jupyter notebook of format 4")
    return dict(notebook)


def notebook_format(notebook: object) -> object:
    """Return the major format number that a notebook claims, or None."""
    return notebook.get("nbformat") if isinstance(notebook, dict) else None


def write_text(notebook: Notebook) -> str:
    """Return a notebook as the text that goes into its file: stable, one blank at the end."""
    return json.dumps(notebook, indent=1, sort_keys=True, ensure_ascii=False) + "\n"


def source_of(cell: Any) -> str:
    """Return a cell's source as one text, whichever way the file spells it."""
    source = cell.get("source", "")
    return "".join(source) if isinstance(source, list) else str(source)


def student_version(solution: Notebook, name: str = "solution") -> Notebook:
    """Return the notebook that students get: no solutions, no hidden tests, no outputs.

    Cell ids and nbgrader's metadata stay, so that a grader finds every cell again.

    Raises
    ------
    InputError
        For a solution marker without its partner, or one outside a solution cell.
    """
    notebook = deepcopy(solution)
    for number, cell in enumerate(notebook["cells"], start=1):
        where = f"{name}, cell {number}"
        source = source_of(cell)
        marks = cell.get("metadata", {}).get("nbgrader", {})
        cleared, found = _cut(source, BEGIN, END, STUB, where)
        if found and not marks.get("solution"):
            raise InputError("solution region", found, "only in a cell marked as solution", where)
        if marks.get("solution") and not found and cell.get("cell_type") == "code":
            raise InputError("solution cell", marks.get("grade_id"), f"a {BEGIN} region", where)
        cleared, _ = _cut(cleared, BEGIN_HIDDEN, END_HIDDEN, "", where)
        cell["source"] = cleared.splitlines(keepends=True)
        if cell.get("cell_type") == "code":
            cell["outputs"], cell["execution_count"] = [], None
        if marks.get("locked"):
            cell["metadata"].update(editable=False, deletable=False)
    return notebook


def _cut(source: str, begin: str, end: str, stub: str, where: str) -> tuple[str, int]:
    """Replace every region between two markers by a stub; return also how many there were."""
    kept: list[str] = []
    inside, found = False, 0
    for line in source.splitlines():
        mark = line.strip()
        if mark == begin:
            if inside:
                raise InputError("marker", begin, "an earlier region closed first", where)
            inside, found = True, found + 1
            if stub:
                kept.append(line[: len(line) - len(line.lstrip())] + stub)
        elif mark == end:
            if not inside:
                raise InputError("marker", end, f"a {begin} before it", where)
            inside = False
        elif not inside:
            kept.append(line)
    if inside:
        raise InputError("marker", begin, f"an {end} after it", where)
    return "\n".join(kept), found


def read_score(notebook: Notebook) -> dict[str, Any]:
    """Return the score that an executed exercise left behind.

    What is read is what the notebook says of itself: enough for one's own runs. Grading
    other people's notebooks needs the grader, which runs the checks itself.

    Raises
    ------
    InputError
        If there is no score, with the cell that failed where one did.
    """
    failed = ""
    score: dict[str, Any] | None = None
    for number, cell in enumerate(notebook["cells"], start=1):
        for output in cell.get("outputs", []):
            if output.get("output_type") == "error" and not failed:
                failed = f"cell {number} stopped with {output.get('ename')}"
            data = output.get("data", {})
            if SCORE_MIME in data and _is_score(data[SCORE_MIME]):
                score = data[SCORE_MIME]
    if score is None:
        raise InputError("score", None, "one left by the last cell of an executed exercise", failed)
    return score


def _is_score(data: object) -> bool:
    """Whether data from a notebook has the shape of a score; it may have been tampered with."""
    return (
        isinstance(data, dict)
        and all(_is_number(data.get(key)) for key in ("score", "max_score"))
        and isinstance(data.get("tasks"), list)
        and all(
            isinstance(task, dict)
            and isinstance(task.get("task"), str)
            and isinstance(task.get("status"), str)
            and all(_is_number(task.get(key)) for key in ("points", "max_points"))
            for task in data["tasks"]
        )
    )


def _is_number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)
