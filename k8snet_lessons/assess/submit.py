"""The file that a student hands in: the saved notebook, stripped of outputs, under one name.

A kernel does not see what is on the screen, only what was saved. So the notebook is read
from the disk, and its answers are compared with what this kernel ran: an answer that was
run but not saved is refused here, where it can still be mended.
"""

import html
import os
import re
import sys
from collections.abc import Collection, Mapping
from copy import deepcopy
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from k8snet_lessons.assess.notebooks import (
    BEGIN,
    Notebook,
    read_notebook,
    source_of,
    write_text,
)
from k8snet_lessons.errors import InputError

PREFIX: Final = "submission-"
FORMAT: Final = 1


@dataclass(frozen=True)
class Handed:
    """What became of handing in.

    Parameters
    ----------
    file : Path or None
        The file written; None if none was.
    lines : tuple of str
        What to tell the student, the most important first.
    """

    file: Path | None
    lines: tuple[str, ...]

    def to_text(self) -> str:
        """Return it as lines of text."""
        return "\n".join(self.lines)

    def to_html(self) -> str:
        """Return it as HTML, with a link that downloads the file."""
        color, sign = ("#0072B2", "↓") if self.file else ("#D55E00", "!")
        first, *more = (html.escape(line) for line in self.lines)
        link = ""
        if self.file:
            name = html.escape(self.file.name, quote=True)
            link = (
                f"<p style='margin:.4em 0'><a href='{name}' download='{name}'>"
                f"<b>Download {name}</b></a></p>"
            )
        rest = "".join(f"<div style='margin-top:.3em'>{line}</div>" for line in more)
        return (
            f"<div role='status' style='border-left:5px solid {color};padding:.4em .8em;"
            f"max-width:56em'><b>{sign} {first}</b>{link}{rest}</div>"
        )

    def _repr_mimebundle_(self, include: Any = None, exclude: Any = None) -> dict[str, Any]:
        return {"text/plain": self.to_text(), "text/html": self.to_html()}


def hand_in(
    lesson: str,
    tasks: Collection[str],
    checked: Collection[str],
    about: Mapping[str, Any],
    notebook: str | Path | None = None,
) -> Handed:
    """Write ``submission-<lesson>.ipynb`` into the working folder, from the saved notebook.

    Parameters
    ----------
    lesson : str
        Slug of the lesson.
    tasks : collection of str
        All tasks of the exercise.
    checked : collection of str
        Tasks whose answer was checked in this session.
    about : mapping
        ``lesson``, ``student``, ``seed``, kept in the file's metadata; ``answered``, the tasks
        answered in this session.
    notebook : str or Path, optional
        The saved notebook; found in the working folder if not given.
    """
    folder = Path.cwd()
    try:
        source = _named(notebook, lesson) if notebook is not None else _found(folder, lesson)
    except InputError as error:
        return Handed(None, ("Nothing was written.", f"{error}."))
    if source is None:
        return Handed(
            None,
            (
                "Nothing was written: no saved notebook of this exercise is in this folder.",
                "Save the notebook (Ctrl+S or ⌘S) and run this cell again. If the file has "
                'another name, give it: exercise.submit("my-copy.ipynb").',
            ),
        )
    saved = read_notebook(source)
    answers = _answers(saved, tasks)
    if any(BEGIN in text for text in answers.values()):
        return Handed(None, ("Nothing was written: this is the instructor's notebook.",))
    stale = _stale(saved, checked)
    if stale:
        return Handed(
            None,
            (
                "Nothing was written: save the notebook first (Ctrl+S or ⌘S).",
                f"The file on the disk holds other text than you ran for: {', '.join(stale)}. "
                "Save it, run the changed cells, then run this cell again.",
            ),
        )
    target = folder / f"{PREFIX}{lesson}.ipynb"
    try:
        _write(target, _submission(saved, about))
    except OSError as error:
        return Handed(
            None,
            (
                f"Nothing was written: {target.name} cannot be written here ({error.strerror}).",
                "Make room, or move the notebook to a folder of your own, and run it again there.",
            ),
        )
    return Handed(target, _lines(target, tasks, answers, about))


def _lines(
    target: Path, tasks: Collection[str], answers: Mapping[str, str], about: Mapping[str, Any]
) -> tuple[str, ...]:
    answered = list(about["answered"])
    lines = [
        f"Written: {target.name}",
        f"In it: your notebook as it was saved, without outputs; student "
        f"{about['student']}, seed {about['seed']}; {len(answered)} of {len(tasks)} tasks "
        "answered in this session. This one file is what you hand in.",
        "Changed something? Save (Ctrl+S or ⌘S), then run this cell again. On Binder, download "
        "the file before you leave: the session keeps nothing.",
    ]
    if lost := [task for task in tasks if task not in answers]:
        lines.insert(1, f"Missing from your notebook are the answer cells of: {', '.join(lost)}.")
    return tuple(lines)


def _named(notebook: str | Path, lesson: str) -> Path:
    path = Path(notebook)
    if not _is_exercise(read_notebook(path), lesson):
        raise InputError("notebook", str(notebook), f"a notebook of the exercise {lesson}")
    return path


def _found(folder: Path, lesson: str) -> Path | None:
    """Find the notebook that this kernel belongs to, by name, else the only one of its kind."""
    ipython = sys.modules.get("IPython")
    shell = ipython.get_ipython() if ipython is not None else None
    told = (
        os.environ.get("JPY_SESSION_NAME", ""),  # Jupyter Server
        str(shell.user_ns.get("__vsc_ipynb_file__", "")) if shell is not None else "",  # VS Code
    )
    names = dict.fromkeys([*(Path(name).name for name in told if name), f"{lesson}.ipynb"])
    for name in names:
        if _holds(folder / name, lesson):
            return folder / name
    others = [path for path in sorted(folder.glob("*.ipynb")) if _holds(path, lesson)]
    return others[0] if len(others) == 1 else None


def _holds(path: Path, lesson: str) -> bool:
    if path.name.startswith(PREFIX) or not path.is_file():
        return False
    try:
        return _is_exercise(read_notebook(path), lesson)
    except InputError:
        return False


def _is_exercise(notebook: Notebook, lesson: str) -> bool:
    return any(
        f'Exercise("{lesson}"' in source_of(cell)
        for cell in notebook["cells"]
        if isinstance(cell, dict)
    )


def _answers(notebook: Notebook, tasks: Collection[str]) -> dict[str, str]:
    """Return each task's answer cell as saved, found by its id or by nbgrader's."""
    found = {}
    for cell in notebook["cells"]:
        marks = cell.get("metadata", {}).get("nbgrader", {})
        for task in tasks:
            if f"answer-{task}" in (cell.get("id"), marks.get("grade_id")):
                found[task] = source_of(cell)
    return found


def _stale(saved: Notebook, checked: Collection[str]) -> list[str]:
    """Name the checked tasks whose answer, as this kernel last ran it, is not in the file."""
    ipython = sys.modules.get("IPython")
    shell = ipython.get_ipython() if ipython is not None else None
    if shell is None:
        return []
    ran = [text.strip() for text in shell.history_manager.input_hist_raw]
    kept = {source_of(cell).strip() for cell in saved["cells"]}
    found = []
    for task in checked:
        sets_it = re.compile(rf"^{re.escape(task)}\b[^=\n]*=(?!=)", re.MULTILINE)
        last = next((text for text in reversed(ran) if sets_it.search(text)), None)
        if last is not None and last not in kept:
            found.append(task)
    return found


def _submission(saved: Notebook, about: Mapping[str, Any]) -> Notebook:
    """Strip what running changes: the same work gives the same bytes, and one attempt."""
    notebook = deepcopy(saved)
    for cell in notebook["cells"]:
        cell["source"] = source_of(cell).splitlines(keepends=True)
        if cell.get("cell_type") == "code":
            cell["outputs"], cell["execution_count"] = [], None
        for trace in ("execution", "ExecuteTime", "papermill", "collapsed", "jupyter"):
            cell.get("metadata", {}).pop(trace, None)
    kept = {key: about[key] for key in ("lesson", "student", "seed")}
    notebook["metadata"] = {
        "kernelspec": {"display_name": "Python 3", "language": "python", "name": "python3"},
        "language_info": {"name": "python"},
        "k8snet": {"submission": {"format": FORMAT, **kept}},
    }
    return notebook


def _write(target: Path, notebook: Notebook) -> None:
    """Put the file there whole: a reader never sees half of it."""
    part = target.with_suffix(".part")
    part.write_text(write_text(notebook), encoding="utf-8")
    part.replace(target)
