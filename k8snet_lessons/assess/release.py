"""Exercises for a class: one variant for all, or one for each student.

A variant is a seed in the parameters cell, which is the cell that papermill overrides. A
student's seed follows from the variant and the student's name alone, so that whoever knows
the variant knows every student's numbers, latecomers included.
"""

import csv
import hashlib
import io
import re
from collections.abc import Mapping
from copy import deepcopy
from pathlib import Path
from typing import Any, Final

from k8snet_lessons.assess.notebooks import Notebook, source_of
from k8snet_lessons.errors import InputError

SEEDS: Final = 10**9
MAX_NAME: Final = 100
_FOLDER: Final = re.compile(r"[^\x00-\x1f\x7f/\\:*?\"<>|]+")  # what every file system takes
# Canvas' export has a column Student as well, with names for people; `collect` takes the login.
_HEADS: Final = ("sis login id", "student", "username", "login", "id", "email", "email address")
_NO_STUDENT: Final = "Points Possible"  # what the second line of Canvas' export begins with


def variant_seed(variant: int, student: str) -> int:
    """Return the seed of one student in a variant of the course.

    Examples
    --------
    >>> variant_seed(2026, "ada") == variant_seed(2026, "ada") != variant_seed(2026, "bob")
    True
    """
    digest = hashlib.sha256(f"{variant}/{student}".encode()).digest()
    return int.from_bytes(digest[:8], "big") % SEEDS


def with_parameters(notebook: Notebook, parameters: Mapping[str, Any], name: str) -> Notebook:
    """Return a notebook whose parameters cell holds these values.

    Raises
    ------
    InputError
        If there is not exactly one cell tagged ``parameters``.
    """
    made = deepcopy(notebook)
    tagged = [
        cell
        for cell in made["cells"]
        if "parameters" in cell.get("metadata", {}).get("tags", [])
        and cell.get("cell_type") == "code"
    ]
    if len(tagged) != 1:
        raise InputError("parameters cells", len(tagged), "exactly one, tagged 'parameters'", name)
    values = dict(parameters)
    lines = []
    for line in source_of(tagged[0]).splitlines():
        known = re.match(r"(\w+) *=", line)
        if known and known[1] in values:
            line = f"{known[1]} = {values.pop(known[1])!r}"
        lines.append(line)
    lines += [f"{key} = {value!r}" for key, value in values.items()]
    tagged[0]["source"] = "\n".join(lines).splitlines(keepends=True)
    return made


def read_class(path: Path, column: str = "") -> tuple[str, ...]:
    """Read a class list: a name a line, or a CSV whose header names the column.

    Parameters
    ----------
    path : Path
        Text in UTF-8. What follows a ``#`` at the beginning of a line is a remark.
    column : str
        Column that holds the students' names; by default the first of ``SIS Login ID``,
        ``student``, ``username``, ``login``, ``ID``, ``email``.

    Raises
    ------
    InputError
        If the file cannot be read, a name cannot name a folder, or two are the same to a
        file system that does not tell case apart. The line is named.
    """
    try:
        text = path.read_text(encoding="utf-8-sig")
    except OSError as error:
        raise InputError("class list", str(path), f"a readable file ({error.strerror})") from None
    except UnicodeDecodeError:
        raise InputError("class list", str(path), "text in UTF-8") from None
    rows = [
        (number, row)
        for number, row in enumerate(csv.reader(io.StringIO(text)), start=1)
        if any(cell.strip() for cell in row) and not row[0].lstrip().startswith(("#", _NO_STUDENT))
    ]
    if not rows:
        raise InputError("class list", str(path), "one student a line, or a CSV with a header")
    place, rows = _column(rows, column, path)
    found: dict[str, str] = {}
    for number, row in rows:
        name = row[place].strip() if place < len(row) else ""
        where = f"{path}, line {number}"
        check_name(name, where)
        if name.casefold() in found:
            raise InputError("student", name, "every student once", where)
        found[name.casefold()] = name
    return tuple(found.values())


def _column(
    rows: list[tuple[int, list[str]]], column: str, path: Path
) -> tuple[int, list[tuple[int, list[str]]]]:
    """Find the names' column; a list with one value a line needs no header."""
    heads = [cell.strip().casefold() for cell in rows[0][1]]
    if column:
        if column.casefold() not in heads:
            raise InputError("column", column, "one of " + ", ".join(rows[0][1]), str(path))
        return heads.index(column.casefold()), rows[1:]
    if known := [head for head in _HEADS if head in heads]:
        return heads.index(known[0]), rows[1:]
    if all(len(row) == 1 for _, row in rows):
        return 0, rows
    raise InputError("header", rows[0][1], "one with a column 'student', or --column", str(path))


def check_name(name: str, where: str = "") -> None:
    """Refuse a student's name that cannot name a folder anywhere."""
    if (
        not _FOLDER.fullmatch(name)
        or name.startswith(".")
        or name.endswith((".", " "))
        or len(name.encode()) > MAX_NAME
    ):
        raise InputError(
            "student",
            name,
            f'a name that can name a folder: 1 to {MAX_NAME} bytes, none of / \\ : * ? " < > |, '
            "no dot in front",
            where,
        )
