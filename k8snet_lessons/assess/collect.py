"""Submissions as a school's system hands them out, put where the grader looks for them.

Canvas names each file of its download ``name_12345_67890_file.ipynb``, with ``_LATE`` before
the numbers where it was late: the user's ID and the upload's (``lib/content_zipper.rb`` of
instructure/canvas-lms). Moodle makes a folder for each student, such as
``Ada Lovelace_42_assignsubmission_file``; its grading worksheet calls the number "Participant 42".
"""

import csv
import io
import lzma
import os
import re
import zipfile
import zlib
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path, PurePosixPath
from typing import Final

from k8snet_lessons.assess.grading.submission import SUFFIX
from k8snet_lessons.assess.release import check_name
from k8snet_lessons.assess.submit import PREFIX
from k8snet_lessons.course.curriculum import LESSONS
from k8snet_lessons.errors import InputError

MOST_BYTES: Final = 32 << 20
NO_TIME_S: Final = 0.0  # a file's time where nobody knows when it was handed in
_CANVAS: Final = re.compile(
    r"(?P<name>.+?)(?P<late>_LATE)?_(?P<user>\d+)_(?P<upload>\d+)_(?P<file>.+)"
)
_MOODLE: Final = re.compile(r"(?P<name>.+)_(?P<user>\d+)_assignsubmission_file_?")
_AGAIN: Final = re.compile(r"(-\d+| ?\(\d+\))$")  # what systems and browsers add to a second upload
_MADE_BY: Final = re.compile(rb'Exercise\(\\"([0-9a-z-]{1,60})\\"')
_UNREADABLE: Final = (
    *(zipfile.BadZipFile, zlib.error, lzma.LZMAError),
    *(NotImplementedError, RuntimeError, OSError, EOFError, ValueError),
)


@dataclass
class Collected:
    """What was found in a download.

    Parameters
    ----------
    taken : dict
        From student and assignment to the file written.
    left : list of (str, str)
        Files that were left, each with the reason.
    late : list of str
        Students whom the system calls late; when they handed in, it does not say.
    """

    taken: dict[tuple[str, str], Path] = field(default_factory=dict)
    left: list[tuple[str, str]] = field(default_factory=list)
    late: list[str] = field(default_factory=list)


@dataclass(frozen=True)
class _Upload:
    name: str
    size: int
    time_s: float
    read: Callable[[], bytes]


def collect(source: Path, to: Path, names: Mapping[str, str] | None = None) -> Collected:
    """Write ``to/<student>/<assignment>.ipynb`` for every notebook in a download.

    Parameters
    ----------
    source : Path
        A ZIP file of Canvas or Moodle, or a folder that it was unpacked to.
    to : Path
        The folder of submissions; what a student has there is replaced.
    names : mapping, optional
        From the system's number of a user to what the student is called (see `read_names`).
        Without it Canvas' number is the name, which its import knows, and Moodle's full name
        with the number.

    Raises
    ------
    InputError
        If the source is neither a folder nor a ZIP file.
    """
    found = Collected()
    slugs = {lesson.slug for lesson in LESSONS if lesson.exercise}
    for upload in _uploads(source):
        try:
            student, late, file, time_s = _whose(upload, names)
            check_name(student)
            if upload.size > MOST_BYTES:
                raise InputError(
                    "file", f"{upload.size >> 20} MB", f"at most {MOST_BYTES >> 20} MB"
                )
            data = upload.read()
            if len(data) > MOST_BYTES:
                raise InputError("file", "larger than it says", f"at most {MOST_BYTES >> 20} MB")
            assignment = _assignment(file, data, slugs)
        except InputError as error:
            found.left.append((upload.name, str(error)))
            continue
        except _UNREADABLE as error:
            found.left.append((upload.name, f"cannot be read: {error}"))
            continue
        target = to / student / f"{assignment}.ipynb"
        if (student, assignment) in found.taken:
            found.left.append((str(target), "an earlier file of the same student was replaced"))
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes(data)
        os.utime(target, (time_s, time_s))
        found.taken[student, assignment] = target
        if late:
            found.late.append(student)
    return found


def _age(name: str) -> tuple[int, str]:
    """Sort a student's later upload behind an earlier one: Canvas counts uploads."""
    canvas = _CANVAS.fullmatch(PurePosixPath(name).name)
    return int(canvas["upload"]) if canvas else 0, name


def _whose(upload: _Upload, names: Mapping[str, str] | None) -> tuple[str, bool, str, float]:
    """Return the student, whether late, the file's own name, and its time."""
    path = PurePosixPath(upload.name.replace("\\", "/"))
    if path.name.startswith("."):  # macOS puts a shadow beside every file of an archive
        raise InputError("file", path.name, "a name without a dot in front")
    for part in reversed(path.parts[:-1]):
        if moodle := _MOODLE.fullmatch(part):
            plain = f"{moodle['name']}_{moodle['user']}"
            return _named(moodle["user"], names, plain), False, path.name, upload.time_s
    if canvas := _CANVAS.fullmatch(path.name):
        late = bool(canvas["late"])
        student = _named(canvas["user"], names, canvas["user"])
        # The archive has the time of the download; in time is all that is known.
        return student, late, canvas["file"], upload.time_s if late else NO_TIME_S
    raise InputError("file", path.name, "a name as Canvas or Moodle gives it")


def _named(user: str, names: Mapping[str, str] | None, otherwise: str) -> str:
    if names is None:
        return otherwise
    if user not in names:
        raise InputError("student", user, "a number that the roster has")
    return names[user]


def _assignment(file: str, data: bytes, slugs: set[str]) -> str:
    """Return which exercise a file is, by its name, else by the setup cell in it."""
    if not file.lower().endswith(SUFFIX):
        raise InputError("file", file, "a notebook, .ipynb")
    stem = file[: -len(SUFFIX)].removeprefix(PREFIX)
    for name in (stem, _AGAIN.sub("", stem)):
        if name in slugs:
            return name
    if (made := _MADE_BY.search(data)) and made[1].decode() in slugs:
        return made[1].decode()
    raise InputError("file", file, "a notebook of an exercise of the course")


def _uploads(source: Path) -> Iterator[_Upload]:
    """Yield the files of a folder or a ZIP file, by name; links and folders are passed by."""
    if source.is_dir():
        for path in sorted(source.rglob("*"), key=lambda one: _age(str(one))):
            if path.is_file() and not path.is_symlink():
                name = path.relative_to(source).as_posix()
                yield _Upload(name, path.stat().st_size, path.stat().st_mtime, path.read_bytes)
        return
    try:
        archive = zipfile.ZipFile(source)
    except (zipfile.BadZipFile, OSError) as error:
        raise InputError("source", str(source), f"a folder or a ZIP file ({error})") from None
    with archive:
        for info in sorted(archive.infolist(), key=lambda one: _age(one.filename)):
            if not info.is_dir():
                yield _Upload(info.filename, info.file_size, _time(info), _reader(archive, info))


def _reader(archive: zipfile.ZipFile, info: zipfile.ZipInfo) -> Callable[[], bytes]:
    def read() -> bytes:
        with archive.open(info) as file:
            return file.read(MOST_BYTES + 1)

    return read


def _time(info: zipfile.ZipInfo) -> float:
    try:
        return datetime(*info.date_time).timestamp()
    except (ValueError, OverflowError, OSError):
        return NO_TIME_S


def read_names(path: Path, column: str = "") -> dict[str, str]:
    """Read what the numbers of a system's users stand for.

    Parameters
    ----------
    path : Path
        Canvas' exported gradebook (``ID``), or Moodle's grading worksheet (``Identifier``,
        "Participant 42").
    column : str
        Column with what the student is called; by default the first of ``SIS Login ID``,
        ``Username``, ``Email address``, ``ID number``.

    Raises
    ------
    InputError
        If the file or one of the columns is missing.
    """
    try:
        rows = list(csv.DictReader(io.StringIO(path.read_text(encoding="utf-8-sig"))))
    except (OSError, UnicodeDecodeError) as error:
        raise InputError("roster", str(path), f"a readable CSV in UTF-8 ({error})") from None
    heads = [head for head in (rows[0] if rows else ()) if head]
    numbers = next((head for head in ("ID", "Identifier") if head in heads), "")
    wanted = (column,) if column else ("SIS Login ID", "Username", "Email address", "ID number")
    called = next((head for head in wanted if head in heads), "")
    if not numbers or not called:
        allowed = f"a CSV with ID or Identifier, and {' or '.join(wanted)}"
        raise InputError("roster", ", ".join(heads), allowed, str(path))
    found = {}
    for row in rows:
        number = re.search(r"(\d+)$", (row[numbers] or "").strip())
        name = (row[called] or "").strip()
        if number and name:
            found[number[1]] = name
    return found
