"""The gradebook: one SQLite file, one transaction a submission, attempts kept.

A submission is recorded whole or not at all, so a grader that is killed at any moment and
run again loses nothing and records nothing twice.
"""

import sqlite3
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from types import TracebackType
from typing import Any

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
            made = db.execute(
                "INSERT INTO submission (student, assignment, digest, status, reason, score,"
                " max_score, seconds, seed, answers, submitted_at, recorded_at)"
                " VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT DO NOTHING",
                (
                    graded.student,
                    graded.assignment,
                    graded.digest,
                    graded.status,
                    graded.reason,
                    graded.score,
                    graded.max_score,
                    graded.seconds,
                    graded.seed,
                    answers_text(graded.answers),
                    _moment(submitted_at),
                    _moment(datetime.now(UTC)),
                ),
            )
            if made.rowcount == 0:
                return False
            db.executemany(
                "INSERT INTO verdict (submission, place, task, points, max_points, body)"
                " VALUES (?, ?, ?, ?, ?, ?)",
                [
                    (
                        made.lastrowid,
                        place,
                        verdict.task,
                        verdict.points,
                        verdict.max_points,
                        verdict_text(verdict),
                    )
                    for place, verdict in enumerate(graded.tasks)
                ],
            )
        return True

    def replace_verdict(self, attempt: Attempt, verdict: Verdict) -> None:
        """Put a new verdict in the place of one, and the sum in the place of the sum.

        The old points stay in the table `regrade`.
        """
        graded = attempt.graded
        with self._transaction() as db:
            (number,) = db.execute(
                "SELECT id FROM submission WHERE student = ? AND assignment = ? AND digest = ?",
                (graded.student, graded.assignment, graded.digest),
            ).fetchone()
            (before,) = db.execute(
                "SELECT points FROM verdict WHERE submission = ? AND task = ?",
                (number, verdict.task),
            ).fetchone()
            db.execute(
                "UPDATE verdict SET points = ?, max_points = ?, body = ?"
                " WHERE submission = ? AND task = ?",
                (
                    verdict.points,
                    verdict.max_points,
                    verdict_text(verdict),
                    number,
                    verdict.task,
                ),
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
                "SELECT id, student, assignment, digest, status, reason, score, max_score,"
                " seconds, seed, answers, submitted_at, recorded_at FROM submission"
                " WHERE (?1 IS NULL OR assignment = ?1) AND (?2 IS NULL OR student = ?2)"
                " ORDER BY assignment, student, coalesce(submitted_at, recorded_at), id",
                (assignment, student),
            ).fetchall()
            verdicts = self._verdicts(assignment)
            numbers: dict[tuple[str, str], int] = {}
            found = []
            for row in rows:
                key = (row[1], row[2])
                numbers[key] = numbers.get(key, 0) + 1
                found.append(_attempt(row, verdicts.get(row[0], ()), numbers[key]))
        return tuple(found)

    def regrades(self) -> tuple[Mapping[str, Any], ...]:
        """Return every change of points after the first judgement, oldest first."""
        with said_plainly(self.path):
            rows = self._db.execute(
                "SELECT student, assignment, digest, task, before, after, at FROM regrade"
                " JOIN submission ON submission.id = regrade.submission ORDER BY regrade.id"
            ).fetchall()
        names = ("student", "assignment", "digest", "task", "before", "after", "at")
        return tuple(dict(zip(names, row, strict=True)) for row in rows)

    def _verdicts(self, assignment: str | None) -> dict[int, tuple[Verdict, ...]]:
        rows = self._db.execute(
            "SELECT submission, body FROM verdict JOIN submission ON id = submission"
            " WHERE (?1 IS NULL OR assignment = ?1) ORDER BY submission, place",
            (assignment,),
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


def _attempt(row: tuple[Any, ...], verdicts: tuple[Verdict, ...], number: int) -> Attempt:
    (
        _,
        student,
        assignment,
        digest,
        status,
        reason,
        score,
        max_score,
        seconds,
        seed,
        answers,
        submitted_at,
        recorded_at,
    ) = row
    graded = Graded(
        student=student,
        assignment=assignment,
        digest=digest,
        status=status,
        reason=reason,
        score=score,
        max_score=max_score,
        tasks=verdicts,
        seconds=seconds,
        seed=seed,
        answers=answers_of(answers),
    )
    recorded = _datetime(recorded_at)
    assert recorded is not None  # the column is NOT NULL
    return Attempt(graded, number, _datetime(submitted_at), recorded)


def _moment(when: datetime | None) -> str | None:
    """Return a moment as text in UTC, so that text sorts as time does."""
    if when is None:
        return None
    return when.astimezone(UTC).isoformat(timespec="microseconds")


def _datetime(text: str | None) -> datetime | None:
    return datetime.fromisoformat(text) if text else None
