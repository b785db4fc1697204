"""The file of events: SQLite, opened for each transaction and closed again.

Several kernels may write at once: a transaction takes the lock at its beginning and
others wait for it. The default journal is kept, because WAL does not work on network
file systems, where home folders often are.
"""

import json
import sqlite3
from collections.abc import Iterable, Iterator
from contextlib import closing, contextmanager, suppress
from pathlib import Path

from k8snet_lessons.course.progress.event import Event, read_event

VERSION = 1
WAIT_S = 3.0  # for another kernel's transaction; one takes milliseconds

_SCHEMA = """
CREATE TABLE IF NOT EXISTS event (
    id TEXT PRIMARY KEY,
    at TEXT NOT NULL,
    kind TEXT NOT NULL,
    lesson TEXT NOT NULL,
    subject TEXT NOT NULL,
    data TEXT NOT NULL
)
"""


class StoreError(Exception):
    """The store cannot be used; the message is a clause that says why."""


class Store:
    """Events in one SQLite file.

    Parameters
    ----------
    path : Path
        The file; it and its folder are made by the first `add`.
    """

    def __init__(self, path: Path) -> None:
        self.path = path

    def add(self, events: Iterable[Event]) -> int:
        """Add events in one transaction; known ids change nothing. Return how many were new.

        Raises
        ------
        StoreError
            When they could not be kept; none is then.
        """
        rows = [
            (one.id, one.at.isoformat(), one.kind, one.lesson, one.subject, json.dumps(one.data))
            for one in events
        ]
        with self._open("rwc") as database:
            database.execute("BEGIN IMMEDIATE")
            self._check_version(database)
            database.execute(_SCHEMA)
            database.execute(f"PRAGMA user_version = {VERSION}")
            before = database.total_changes
            database.executemany("INSERT OR IGNORE INTO event VALUES (?, ?, ?, ?, ?, ?)", rows)
            new = database.total_changes - before
            database.execute("COMMIT")
        return new

    def events(self) -> list[Event]:
        """Return all events, oldest first; none when there is no file yet.

        Raises
        ------
        StoreError
            When the file is there and cannot be read.
        """
        if not self._exists():
            return []
        with self._open("rw") as database:
            if self._check_version(database) == 0:
                return []
            rows = database.execute(
                "SELECT id, at, kind, lesson, subject, data FROM event ORDER BY at, id"
            ).fetchall()
        return list(_read(rows))

    def remove(self) -> None:
        """Delete the file."""
        try:
            for ending in ("", "-journal"):
                self.path.with_name(self.path.name + ending).unlink(missing_ok=True)
        except OSError as error:
            raise StoreError(error.strerror or str(error)) from None

    def _exists(self) -> bool:
        try:
            return self.path.exists()
        except OSError:
            return False

    @contextmanager
    def _open(self, mode: str) -> Iterator[sqlite3.Connection]:
        try:
            if mode == "rwc":
                self.path.parent.mkdir(parents=True, exist_ok=True)
            address = f"{self.path.absolute().as_uri()}?mode={mode}"
            connection = sqlite3.connect(address, uri=True, timeout=WAIT_S, isolation_level=None)
            with closing(connection) as database:
                yield database
        except sqlite3.Error as error:
            raise StoreError(str(error)) from None
        except OSError as error:
            raise StoreError(error.strerror or str(error)) from None

    def _check_version(self, database: sqlite3.Connection) -> int:
        version = int(database.execute("PRAGMA user_version").fetchone()[0])
        if version > VERSION:
            raise StoreError("it was written by a newer version of the course")
        return version


def _read(rows: Iterable[tuple[str, ...]]) -> Iterator[Event]:
    """Rows as events; a row that is none, whoever wrote it, is passed over."""
    for row in rows:
        plain = dict(zip(("id", "at", "kind", "lesson", "subject"), row, strict=False))
        with suppress(ValueError, TypeError):
            yield read_event(plain | {"data": json.loads(row[5])})
