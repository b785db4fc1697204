"""Lay out a solution notebook from its assignment; what stands in answer cells is kept.

    python tools/scaffold_exercise.py 01-north-south-path

Writes ``solutions/<slug>.ipynb``: parameters, one question, one answer and one check a
task, the score. Run it again after adding a task or changing points; then fill in the
answer cells, ``make notebooks`` and ``k8snet release``.
"""

import sys
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

from k8snet_lessons.assess import Task, assignment  # noqa: E402
from k8snet_lessons.assess.notebooks import (  # noqa: E402
    BEGIN,
    END,
    read_notebook,
    source_of,
    write_text,
)
from k8snet_lessons.course.curriculum import find  # noqa: E402

HAND_IN = (
    "## Hand in\n\n"
    "Save the notebook (Ctrl+S or ⌘S), then run the next cell. It writes one file, your notebook "
    "as saved and without outputs, and shows a link to download it. Hand in that file."
)


def cell(kind: str, name: str, source: str, **marks: Any) -> dict[str, Any]:
    """Make a cell; its id is also its grade_id when it has nbgrader marks."""
    made: dict[str, Any] = {
        "cell_type": kind,
        "id": name,
        "metadata": {},
        "source": source.splitlines(keepends=True),
    }
    if kind == "code":
        made |= {"execution_count": None, "outputs": []}
    if marks:
        flags = {"grade": False, "solution": False, "locked": False, "task": False} | marks
        made["metadata"]["nbgrader"] = {"grade_id": name, "schema_version": 3, **flags}
    return made


def cells_of(task: Task, number: int, answer: str) -> list[dict[str, Any]]:
    """Make the four cells of a task."""
    name = task.name
    points = f"{task.max_points:g} point" + ("" if task.max_points == 1 else "s")
    return [
        cell("markdown", f"task-{name}", f"## Task {number}. {task.title} ({points})", locked=True),
        cell("code", f"ask-{name}", f'given_{name} = exercise.ask("{name}")', locked=True),
        cell("code", f"answer-{name}", answer, solution=True),
        cell(
            "code",
            f"check-{name}",
            f'exercise.check("{name}", {name})',
            grade=True,
            locked=True,
            points=task.max_points,
        ),
    ]


def main() -> None:
    """Write the solution notebook of the lesson named on the command line."""
    lesson = find(sys.argv[1])
    work = assignment(lesson.slug)
    target = ROOT / "solutions" / lesson.file
    kept = {}
    if target.is_file():
        kept = {one["id"]: source_of(one) for one in read_notebook(target)["cells"]}
    intro = (
        f"# Exercise {lesson.number}: {lesson.title}\n\n"
        f"{len(work.tasks)} tasks, {work.max_points:g} points, easiest first. The lesson is "
        f"[here](../notebooks/{lesson.file}). Run the cells from the top: the first cell of each "
        "task shows its question. Write your answers where it says `TODO` and run "
        "the check below each: it says what is wrong, not what is right, and hints come after "
        "the second miss. The last cells show your score and write the file to hand in.\n\n"
        "The next cell names you and draws your numbers: another `seed`, other numbers, the "
        "same difficulty."
    )
    setup = (
        "from k8snet_lessons.assess import TODO, Exercise\n\n"
        f'exercise = Exercise("{lesson.slug}", student=student_id, seed=seed)'
    )
    cells = [
        cell("markdown", "intro", intro, locked=True),
        cell("code", "parameters", 'student_id = "anonymous"\nseed = 0'),
        cell("code", "setup", kept.get("setup", setup), locked=True),
    ]
    cells[1]["metadata"]["tags"] = ["parameters"]
    for number, task in enumerate(work.tasks, start=1):
        blank = f"{task.name} = TODO\n{BEGIN}\n...\n{END}"
        cells += cells_of(task, number, kept.get(f"answer-{task.name}", blank))
    cells += [
        cell("code", "score", "exercise.score()", locked=True),
        cell("markdown", "hand-in", HAND_IN, locked=True),
        cell("code", "submit", "exercise.submit()", locked=True),
    ]
    metadata = {
        "kernelspec": {"display_name": "Python 3", "language": "python", "name": "python3"},
        "language_info": {"name": "python"},
    }
    target.parent.mkdir(exist_ok=True)
    notebook = {"cells": cells, "metadata": metadata, "nbformat": 4, "nbformat_minor": 5}
    target.write_text(write_text(notebook), encoding="utf-8")
    print(f"{target.relative_to(ROOT)}: {len(cells)} cells")


if __name__ == "__main__":
    main()
