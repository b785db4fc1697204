"""The tables of a gradebook, and the opening of its file.

One row of `submission` for each file that was graded; `verdict` holds what was said about
each of its tasks; `policy` the deadline of an assignment; `regrade` every change of points
after the first judgement.
"""

import sqlite3
from pathlib import Path
from typing import Final

from k8snet_lessons.assess.gradebook.errors import GradebookError, said_plainly

APPLICATION_ID: Final = 0x6B386772  # "k8gr", so that another program's file is not taken for ours
VERSION: Final = 1

TABLES: Final = """
CREATE TABLE submission (
    id INTEGER PRIMARY KEY,
    student TEXT NOT NULL,
    assignment TEXT NOT NULL,
    digest TEXT NOT NULL,
    status TEXT NOT NULL CHECK (status IN ('graded', 'not gradable')),
    reason TEXT NOT NULL,
    score REAL NOT NULL,
    max_score REAL NOT NULL,
    seconds REAL NOT NULL,
    seed INTEGER,
    answers TEXT NOT NULL,
    submitted_at TEXT,
    recorded_at TEXT NOT NULL,
    UNIQUE (student, assignment, digest)
) STRICT;
CREATE TABLE verdict (
    submission INTEGER NOT NULL REFERENCES submission (id) ON DELETE CASCADE,
    place INTEGER NOT NULL,
    task TEXT NOT NULL,
    points REAL NOT NULL,
    max_points REAL NOT NULL,
    body TEXT NOT NULL,
    PRIMARY KEY (submission, task)
) STRICT, WITHOUT ROWID;
CREATE TABLE regrade (
    id INTEGER PRIMARY KEY,
    submission INTEGER NOT NULL REFERENCES submission (id) ON DELETE CASCADE,
    task TEXT NOT NULL,
    before REAL NOT NULL,
    after REAL NOT NULL,
    at TEXT NOT NULL
) STRICT;
CREATE TABLE policy (
    assignment TEXT PRIMARY KEY,
    due_at TEXT,
    percent_a_day REAL NOT NULL,
    grace_minutes REAL NOT NULL,
    counts TEXT NOT NULL CHECK (counts IN ('best', 'last'))
) STRICT, WITHOUT ROWID;
"""


def connect(path: Path, *, create: bool, timeout_s: float) -> sqlite3.Connection:
    """Open a gradebook's file, checked, with its tables in place.

    The rollback journal is kept (no WAL): the gradebook stays one file that may be copied
    and may lie on a network drive, and one transaction a submission is cheap either way.

    Raises
    ------
    GradebookError
        If the file is missing and not to be created, damaged, locked, of another program,
        or of a newer version of the course.
    """
    if not create and not path.is_file():
        raise GradebookError(f"there is no gradebook {path}: 'k8snet grade' makes one")
    if path.is_dir():
        raise GradebookError(f"the gradebook {path} is a folder; name a file")
    with said_plainly(path):
        book = sqlite3.connect(path, timeout=timeout_s, isolation_level=None)
        book.row_factory = sqlite3.Row
        try:
            book.execute("PRAGMA foreign_keys = ON")
            book.execute("PRAGMA synchronous = EXTRA")
            _prepare(book, path)
        except BaseException:
            book.close()
            raise
    return book


def _prepare(book: sqlite3.Connection, path: Path) -> None:
    """Check whose file it is; make the tables of an empty one, all or none of them."""
    application, version = (
        book.execute(f"PRAGMA {name}").fetchone()[0] for name in ("application_id", "user_version")
    )
    if application == APPLICATION_ID:
        if version > VERSION:
            raise GradebookError(
                f"the gradebook {path} was written by a newer version of the course (schema "
                f"{version}, this one knows {VERSION}): update the course to open it"
            )
        return
    if application or book.execute("SELECT count(*) FROM sqlite_schema").fetchone()[0]:
        raise GradebookError(
            f"{path} is a database of another program, not a gradebook: name another file"
        )
    book.execute("BEGIN IMMEDIATE")
    # Somebody else may have made the tables while we waited for the lock.
    if not book.execute("SELECT count(*) FROM sqlite_schema").fetchone()[0]:
        for statement in filter(str.strip, TABLES.split(";")):
            book.execute(statement)
        book.execute(f"PRAGMA application_id = {APPLICATION_ID}")
        book.execute(f"PRAGMA user_version = {VERSION}")
    book.execute("COMMIT")
