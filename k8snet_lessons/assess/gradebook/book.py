"""The gradebook: one SQLite file, one transaction a submission, attempts kept.

A submission is recorded whole or not at all, so a grader that is killed at any moment and
run again loses nothing and records nothing twice.
"""

import sqlite3
from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from types import TracebackType
from typing import Any, Final

from k8snet_lessons.assess.gradebook.errors import read_back, said_plainly
from k8snet_lessons.assess.gradebook.late import Policy
from k8snet_lessons.assess.gradebook.schema import connect
from k8snet_lessons.assess.gradebook.stored import (
    answers_of,
    answers_text,
    verdict_of,
    verdict_text,
)
from k8snet_lessons.assess.grading.result import Graded
from k8snet_lessons.assess.verdict import Verdict

# Fields of a `Graded` that a row of `submission` holds as they are.
_PLAIN: Final = (
    "student", "assignment", "digest", "status", "reason", "score", "max_score", "seconds", "seed",
)  # fmt: skip
_COLUMNS: Final = (*_PLAIN, "answers", "submitted_at", "recorded_at")
_INSERT: Final = (
    f"INSERT INTO submission ({', '.join(_COLUMNS)}) VALUES ({', '.join('?' * len(_COLUMNS))})"
    " ON CONFLICT DO NOTHING"
)
_ASKED: Final = "(?1 IS NULL OR assignment = ?1) AND (?2 IS NULL OR student = ?2)"


@dataclass(frozen=True)
class Attempt:
    """One graded file of one student, as the gradebook holds it.

    Parameters
    ----------
    graded : Graded
        What the grader found; verdicts as regraded since, if they were.
    number : int
        1 for the student's first attempt at this assignment.
    submitted_at : datetime or None
        When it was handed in, if that is known; aware of its zone.
    recorded_at : datetime
        When it was graded, in UTC.
    """

    graded: Graded
    number: int
    submitted_at: datetime | None
    recorded_at: datetime


class Gradebook:
    """A gradebook's file, opened; use it in a ``with`` statement or `close` it.

    Parameters
    ----------
    path : Path or str
        The file; made if it is not there and `create` is true.
    create : bool
        Whether a missing file is made or refused.
    timeout_s : float
        How long to wait for another program that writes to it.

    Raises
    ------
    GradebookError
        If the file cannot be used; every method may raise it.

    Notes
    -----
    One connection: use an instance in the thread that made it. Several processes may have
    the same file open.
    """

    def __init__(self, path: Path | str, *, create: bool = True, timeout_s: float = 30.0) -> None:
        self.path = Path(path)
        self._db = connect(self.path, create=create, timeout_s=timeout_s)

    def close(self) -> None:
        """Close the file; what was recorded is on the disk already."""
        self._db.close()

    def __enter__(self) -> "Gradebook":
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.close()

    # --- writing ---------------------------------------------------------------------------

    def has(self, student: str, assignment: str, digest: str) -> bool:
        """Whether exactly this file of this student has been recorded."""
        if not digest:  # a file that could not be read: to be tried again
            return False
        with said_plainly(self.path):
            found = self._db.execute(
                "SELECT 1 FROM submission WHERE student = ? AND assignment = ? AND digest = ?",
                (student, assignment, digest),
            ).fetchone()
        return found is not None

    def record(self, graded: Graded, submitted_at: datetime | None = None) -> bool:
        """Record what the grader found, in one transaction; return whether it was new.

        The same file of the same student recorded again changes nothing: with workers that
        die and are replaced, one submission may be graded twice and must count once. A file
        that could not be read at all has no digest; of such the last word is kept.
        """
        with self._transaction() as db:
            if not graded.digest:
                db.execute(
                    "DELETE FROM submission WHERE student = ? AND assignment = ? AND digest = ''",
                    (graded.student, graded.assignment),
                )
            stored = (
                *(getattr(graded, name) for name in _PLAIN),
                answers_text(graded.answers),
                _moment(submitted_at),
                _moment(datetime.now(UTC)),
            )
            made = db.execute(_INSERT, stored)
            if made.rowcount == 0:
                return False
            rows = [
                (made.lastrowid, place, one.task, one.points, one.max_points, verdict_text(one))
                for place, one in enumerate(graded.tasks)
            ]
            db.executemany("INSERT INTO verdict VALUES (?, ?, ?, ?, ?, ?)", rows)
        return True

    def replace_verdict(self, attempt: Attempt, verdict: Verdict) -> None:
        """Put a new verdict in the place of one, and the sum in the place of the sum.

        The old points stay in the table `regrade`.
        """
        graded = attempt.graded
        with self._transaction() as db:
            number, before = db.execute(
                "SELECT submission.id, points FROM submission JOIN verdict ON id = submission"
                " WHERE student = ? AND assignment = ? AND digest = ? AND task = ?",
                (graded.student, graded.assignment, graded.digest, verdict.task),
            ).fetchone()
            db.execute(
                "UPDATE verdict SET points = ?, max_points = ?, body = ?"
                " WHERE submission = ? AND task = ?",
                (verdict.points, verdict.max_points, verdict_text(verdict), number, verdict.task),
            )
            db.execute(
                "UPDATE submission SET (score, max_score) = (SELECT round(sum(points), 2),"
                " round(sum(max_points), 2) FROM verdict WHERE submission = ?) WHERE id = ?",
                (number, number),
            )
            db.execute(
                "INSERT INTO regrade (submission, task, before, after, at) VALUES (?, ?, ?, ?, ?)",
                (number, verdict.task, before, verdict.points, _moment(datetime.now(UTC))),
            )

    def set_policy(self, assignment: str, policy: Policy) -> None:
        """Set the deadline of an assignment and which attempt counts."""
        with self._transaction() as db:
            db.execute(
                "INSERT INTO policy VALUES (?, ?, ?, ?, ?) ON CONFLICT DO UPDATE SET"
                " due_at = excluded.due_at, percent_a_day = excluded.percent_a_day,"
                " grace_minutes = excluded.grace_minutes, counts = excluded.counts",
                (
                    assignment,
                    _moment(policy.due_at),
                    policy.percent_a_day,
                    policy.grace_minutes,
                    policy.counts,
                ),
            )

    def set_submitted_at(
        self, student: str, assignment: str, submitted_at: datetime, digest: str = ""
    ) -> int:
        """Correct when attempts were handed in; return how many were touched.

        Without a digest the student's last attempt is meant.
        """
        with self._transaction() as db:
            done = db.execute(
                "UPDATE submission SET submitted_at = ? WHERE id = (SELECT max(id) FROM submission"
                " WHERE student = ? AND assignment = ? AND (digest = ? OR ? = ''))",
                (_moment(submitted_at), student, assignment, digest, digest),
            )
        return done.rowcount

    # --- reading ---------------------------------------------------------------------------

    def assignments(self) -> tuple[str, ...]:
        """Name the assignments that anything was recorded for, in order."""
        with said_plainly(self.path):
            rows = self._db.execute("SELECT DISTINCT assignment FROM submission ORDER BY 1")
            return tuple(name for (name,) in rows)

    def policy(self, assignment: str) -> Policy:
        """Return the deadline and the rule of an assignment; without one, none is late."""
        with read_back(self.path):
            row = self._db.execute(
                "SELECT due_at, percent_a_day, grace_minutes, counts FROM policy"
                " WHERE assignment = ?",
                (assignment,),
            ).fetchone()
            return Policy(_datetime(row[0]), *row[1:]) if row else Policy()

    def attempts(
        self, assignment: str | None = None, student: str | None = None
    ) -> tuple[Attempt, ...]:
        """Return attempts by assignment and student, each student's in the order given in."""
        with read_back(self.path):
            rows = self._db.execute(
                f"SELECT id, {', '.join(_COLUMNS)} FROM submission WHERE {_ASKED}"
                " ORDER BY assignment, student, coalesce(submitted_at, recorded_at), id",
                (assignment, student),
            ).fetchall()
            verdicts = self._verdicts(assignment, student)
            numbers = Counter[tuple[str, str]]()
            found = []
            for row in rows:
                key = (row["student"], row["assignment"])
                numbers[key] += 1
                found.append(_attempt(row, verdicts.get(row["id"], ()), numbers[key]))
        return tuple(found)

    def regrades(self) -> tuple[Mapping[str, Any], ...]:
        """Return every change of points after the first judgement, oldest first."""
        with said_plainly(self.path):
            rows = self._db.execute(
                "SELECT student, assignment, digest, task, before, after, at FROM regrade"
                " JOIN submission ON submission.id = regrade.submission ORDER BY regrade.id"
            )
            return tuple(dict(row) for row in rows)

    def _verdicts(
        self, assignment: str | None, student: str | None
    ) -> dict[int, tuple[Verdict, ...]]:
        rows = self._db.execute(
            f"SELECT submission, body FROM verdict JOIN submission ON id = submission"
            f" WHERE {_ASKED} ORDER BY submission, place",
            (assignment, student),
        )
        found: dict[int, list[Verdict]] = {}
        for number, body in rows:
            found.setdefault(number, []).append(verdict_of(body))
        return {number: tuple(verdicts) for number, verdicts in found.items()}

    @contextmanager
    def _transaction(self) -> Iterator[sqlite3.Connection]:
        """All of what is written inside, or none of it."""
        with said_plainly(self.path):
            self._db.execute("BEGIN IMMEDIATE")
            try:
                yield self._db
                self._db.execute("COMMIT")
            except BaseException:
                if self._db.in_transaction:  # a full disk has ended it already
                    self._db.execute("ROLLBACK")
                raise


def _attempt(row: sqlite3.Row, verdicts: tuple[Verdict, ...], number: int) -> Attempt:
    graded = Graded(
        **{name: row[name] for name in _PLAIN},
        tasks=verdicts,
        answers=answers_of(row["answers"]),
    )
    submitted_at, recorded_at = (_datetime(row[name]) for name in ("submitted_at", "recorded_at"))
    assert recorded_at is not None  # the column is NOT NULL
    return Attempt(graded, number, submitted_at, recorded_at)


def _moment(when: datetime | None) -> str | None:
    """Return a moment as text in UTC, so that text sorts as time does."""
    if when is None:
        return None
    return when.astimezone(UTC).isoformat(timespec="microseconds")


def _datetime(text: str | None) -> datetime | None:
    return datetime.fromisoformat(text) if text else None
