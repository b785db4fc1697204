"""Finds submissions in a folder and reads each once, whatever lies there."""

import hashlib
import json
import os
import stat
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

from k8snet_lessons.assess.submit import PREFIX

SUFFIX: Final = ".ipynb"
MOST_BYTES: Final = 32 << 20
MOST_CELLS: Final = 2_000
MOST_SOURCE: Final = 2_000_000
MOST_PARTS: Final = 1_000_000  # lists and objects in a file: each takes some seventy bytes
MOST_NAME: Final = 200


class NotGradableError(Exception):
    """No task of this submission can be judged; the message says why."""


@dataclass(frozen=True)
class Found:
    """A place where a submission stands, as the folder's names say it.

    Parameters
    ----------
    student, assignment : str
        Names of the folder and the file, in characters that any program can store.
    path : Path
        The file.
    """

    student: str
    assignment: str
    path: Path


@dataclass(frozen=True)
class Cell:
    """One code cell of a submission.

    Parameters
    ----------
    name : str
        Its id in the original exercise if it carries one, by cell id or nbgrader's metadata.
    source : str
        Its text.
    """

    name: str
    source: str


def find_submissions(folder: Path) -> Iterator[Found]:
    """Yield ``<student>/<assignment>.ipynb`` in the order of their names.

    ``submission-<assignment>.ipynb``, as the exercise's last cell writes it, is the same.

    Names that begin with a dot are skipped: editors and archives leave such files behind.
    """
    for student in _entries(folder):
        if student.is_dir(follow_symlinks=False):
            for file in _entries(Path(student.path)):
                if file.name.lower().endswith(SUFFIX):
                    name = file.name[: -len(SUFFIX)].removeprefix(PREFIX)
                    yield Found(_storable(student.name), _storable(name), Path(file.path))
        elif student.is_symlink():
            yield Found(_storable(student.name), "", Path(student.path))


def passed_by(folder: Path) -> tuple[str, ...]:
    """Return what `find_submissions` does not look at and somebody may have handed in.

    A notebook in no student's folder, and a student's folder without a notebook.
    """
    found = []
    for entry in _entries(folder):
        name = _storable(entry.name)
        if entry.is_dir(follow_symlinks=False):
            inside = _entries(Path(entry.path))
            if not any(one.name.lower().endswith(SUFFIX) for one in inside):
                found.append(f"{name}: no notebook in this folder")
        elif entry.name.lower().endswith(SUFFIX) and not entry.is_symlink():
            found.append(f"{name}: a notebook in no student's folder")
    return tuple(found)


def _entries(folder: Path) -> list[os.DirEntry[str]]:
    try:
        with os.scandir(folder) as entries:
            found = [one for one in entries if not one.name.startswith(".")]
    except OSError:
        return []
    return sorted(found, key=lambda one: one.name)


def _storable(name: str) -> str:
    """Return a file's name without bytes that are no text, and without control characters.

    They are spelled out, and so is a backslash: two names stay two.
    """
    return "".join(
        one if one.isprintable() and one != "\\" else one.encode("unicode_escape").decode()
        for one in name
    )


def read_bytes(found: Found) -> bytes:
    """Return what the file holds, if it is a plain file of a sane size.

    Raises
    ------
    NotGradableError
        For a link, a folder, a pipe or a device, for a file too large or not readable.
    """
    if not found.assignment:
        raise NotGradableError("The student's folder is a symbolic link; links are not followed.")
    flags = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
    try:
        kind = os.lstat(found.path).st_mode
        if stat.S_ISLNK(kind):
            raise NotGradableError("The file is a symbolic link; links are not followed.")
        if not stat.S_ISREG(kind):
            raise NotGradableError("This is no plain file.")
        descriptor = os.open(found.path, flags)
    except OSError as error:
        raise NotGradableError(f"The file cannot be read: {error.strerror}.") from None
    with os.fdopen(descriptor, "rb") as file:
        if not stat.S_ISREG(os.fstat(descriptor).st_mode):
            raise NotGradableError("This is no plain file.")
        try:
            data = file.read(MOST_BYTES + 1)
        except OSError as error:
            raise NotGradableError(f"The file cannot be read: {error.strerror}.") from None
    if len(data) > MOST_BYTES:
        raise NotGradableError(
            f"The file is larger than {MOST_BYTES >> 20} MB; clear its outputs and hand it in anew."
        )
    return data


def handed_in(path: Path) -> datetime | None:
    """Return the time of a file, which stands for when it was handed in; None without one.

    A time before 1981 is none: archives write one where they know nothing.
    """
    try:
        when = datetime.fromtimestamp(path.lstat().st_mtime, UTC)
    except (OSError, OverflowError, ValueError):
        return None
    return when if when.year > 1980 else None


def digest_of(data: bytes) -> str:
    """Return the SHA-256 of the submitted bytes, hexadecimal."""
    return hashlib.sha256(data).hexdigest()


def read_cells(data: bytes) -> tuple[Cell, ...]:
    """Return the code cells of a submitted notebook in their order.

    Everything else in the file is ignored: outputs, kernel, tags, attachments.

    Raises
    ------
    NotGradableError
        If it is no notebook of format 4, or one that is far too large.
    """
    if data.count(b"{") + data.count(b"[") > MOST_PARTS:
        raise NotGradableError(f"The file has more than {MOST_PARTS} brackets; clear its outputs.")
    try:
        notebook = json.loads(data.decode(_encoding(data)))
    except UnicodeDecodeError:
        raise NotGradableError("The file is not text in UTF-8.") from None
    except RecursionError:
        raise NotGradableError("The file is nested too deep to be a notebook.") from None
    except ValueError:
        raise NotGradableError("The file is not valid JSON, so it is no notebook.") from None
    if not isinstance(notebook, dict) or "nbformat" not in notebook:
        raise NotGradableError("The file is JSON, and yet no notebook.")
    if notebook["nbformat"] != 4:
        raise NotGradableError(
            f"The notebook has format {str(notebook['nbformat'])[:20]}; format 4 is needed. "
            "Open it in JupyterLab, save it, and hand it in anew."
        )
    cells = notebook.get("cells")
    if not isinstance(cells, list):
        raise NotGradableError("The notebook has no list of cells.")
    if len(cells) > MOST_CELLS:
        raise NotGradableError(f"The notebook has more than {MOST_CELLS} cells.")
    found = tuple(
        Cell(_name(cell), _source(cell))
        for cell in cells
        if isinstance(cell, dict) and cell.get("cell_type") == "code"
    )
    if sum(len(cell.source) for cell in found) > MOST_SOURCE:
        raise NotGradableError(f"The notebook has more than {MOST_SOURCE} characters of code.")
    return found


def _encoding(data: bytes) -> str:
    """Return the encoding that the first bytes show; editors on Windows write UTF-16."""
    if data.startswith(b"\xef\xbb\xbf"):
        return "utf-8-sig"
    if data.startswith((b"\xff\xfe", b"\xfe\xff")):
        return "utf-16"
    return "utf-8"


def _name(cell: dict[str, Any]) -> str:
    """Return a cell's identity: nbgrader's name for it, else its id."""
    metadata = cell.get("metadata")
    marks = metadata.get("nbgrader") if isinstance(metadata, dict) else None
    mark = marks.get("grade_id") if isinstance(marks, dict) else None
    for name in (cell.get("id"), mark):
        if isinstance(name, str) and 0 < len(name) <= MOST_NAME:
            return name
    return ""


def _source(cell: dict[str, Any]) -> str:
    source = cell.get("source", "")
    if isinstance(source, list):
        return "".join(line for line in source if isinstance(line, str))
    return source if isinstance(source, str) else ""
