"""The gradebook's file: recorded whole or not at all, killed and resumed, errors in sentences."""

import math
import os
import random
import signal
import sqlite3
import subprocess
import sys
import time
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from gradebook_room import LESSON, graded, solved, unreadable
from recorder import MANY

from k8snet_lessons.assess import TODO
from k8snet_lessons.assess.gradebook import Gradebook, GradebookError, Policy, standings
from k8snet_lessons.assess.gradebook.schema import VERSION
from k8snet_lessons.assess.grading.submission import handed_in
from k8snet_lessons.assess.grading.wire import NOT_FINITE
from k8snet_lessons.errors import InputError

HERE = Path(__file__).parent
DUE = datetime(2026, 3, 1, 23, 59, tzinfo=UTC)


@pytest.fixture
def path(tmp_path):
    return tmp_path / "g.db"


@pytest.fixture
def book(path):
    with Gradebook(path) as opened:
        yield opened


def test_what_is_recorded_comes_back_whole(book):
    one = graded(answers=solved() | {"moment": {"usual": 1e300, "seconds": TODO}})
    assert not book.has("ada", LESSON, "d1")
    assert book.record(one, submitted_at=DUE)
    assert book.has("ada", LESSON, "d1")
    (attempt,) = book.attempts()
    assert attempt.graded == one
    assert attempt.submitted_at == DUE
    assert attempt.number == 1
    assert attempt.graded.answers["client"] is TODO
    assert attempt.graded.tasks[0].debrief


def test_an_answer_comes_back_as_it_left_the_sandbox(book):
    book.record(graded(answers={"size": {"limit": math.inf, "per_s": [math.nan, {"$": "todo"}]}}))
    answers = book.attempts()[0].graded.answers
    assert answers["size"] == {"limit": NOT_FINITE, "per_s": [NOT_FINITE, TODO]}


def test_the_same_file_counts_once(book):
    assert book.record(graded())
    assert not book.record(graded(answers=solved()))
    assert len(book.attempts()) == 1
    assert book.record(graded(digest="d2"))
    assert book.record(graded(student="eve"))
    assert [(one.graded.student, one.number) for one in book.attempts()] == [
        ("ada", 1),
        ("ada", 2),
        ("eve", 1),
    ]


def test_a_file_that_could_not_be_read_is_tried_again(book):
    for reason in ("a pipe", "a link"):
        assert not book.has("bob", LESSON, "")
        assert book.record(unreadable(digest="", reason=reason))
    (attempt,) = book.attempts()
    assert attempt.graded.reason == "a link"


def test_a_record_that_fails_half_way_leaves_nothing(book):
    verdict = graded().tasks[0]
    with pytest.raises(GradebookError):
        book.record(graded(tasks=(verdict, verdict)))  # one task twice breaks the key
    assert not book.has("ada", LESSON, "d1")
    assert book.record(graded())


def test_odd_names_are_kept_as_they_are(book):
    for name in ("'; DROP TABLE submission; --", "../../etc", "名前 🙂", "a\nb", "<script>"):
        book.record(graded(student=name))
        assert book.has(name, LESSON, "d1")
    assert len(book.attempts()) == 5


# --- kill -9 -----------------------------------------------------------------------------------


def test_killed_at_any_moment_and_run_again_nothing_is_lost_or_double(path):
    dice = random.Random(5)
    graded_runs: list[str] = []
    killed = 0
    for _ in range(60):
        writer = subprocess.Popen(
            [sys.executable, HERE / "recorder.py", path],
            stdout=subprocess.PIPE,
            text=True,
            cwd=HERE,
        )
        said = []
        enough = dice.randint(1, 14)
        for line in writer.stdout:
            said.append(line.strip())
            if len(said) >= enough and said[-1] != "done":
                time.sleep(dice.random() * 0.004)  # anywhere: between BEGIN and COMMIT too
                writer.send_signal(signal.SIGKILL)
                break
        said += [line.strip() for line in writer.stdout]
        killed += writer.wait() == -signal.SIGKILL
        writer.stdout.close()
        with Gradebook(path) as book:
            kept = [one.graded.student for one in book.attempts()]
            assert all(len(one.graded.tasks) == 4 for one in book.attempts())
        promised = [line.split()[1] for line in said if line.startswith("recorded")]
        graded_runs += promised
        assert set(promised) <= set(kept), "what was reported as recorded is there"
        if said[-1] == "done":
            break
    assert killed >= 3
    assert kept == [f"student-{number:02d}" for number in range(MANY)]
    assert len(graded_runs) == len(set(graded_runs)), "a recorded submission was graded again"
    assert sqlite3.connect(path).execute("PRAGMA integrity_check").fetchone() == ("ok",)


# --- a file that cannot be used ----------------------------------------------------------------


def test_a_missing_file_is_made_or_named(path):
    with pytest.raises(GradebookError, match="no gradebook"):
        Gradebook(path, create=False)
    assert not path.exists()
    with pytest.raises(GradebookError, match="folder"):
        Gradebook(path.parent)
    with pytest.raises(GradebookError, match="could not be opened"):
        Gradebook(path / "deeper" / "g.db")


def test_a_file_of_something_else_is_left_alone(path):
    path.write_text("name,score\n" * 200)
    with pytest.raises(GradebookError, match="damaged or is no gradebook"):
        Gradebook(path)
    assert path.read_text().startswith("name,score")
    path.unlink()
    other = sqlite3.connect(path)
    other.execute("CREATE TABLE mine (x)")
    other.close()
    with pytest.raises(GradebookError, match="another program"):
        Gradebook(path)


def test_a_damaged_file_is_said_to_be_damaged(path):
    with Gradebook(path) as book:
        for number in range(40):
            book.record(graded(student=f"s{number}"))
    data = bytearray(path.read_bytes())
    data[4096:-4096] = b"\xff" * (len(data) - 8192)
    path.write_bytes(data)
    with pytest.raises(GradebookError, match="damaged"), Gradebook(path) as book:
        book.attempts()


@pytest.mark.parametrize(
    "change",
    [
        "UPDATE verdict SET body = '{'",
        "UPDATE verdict SET body = '{}'",
        "UPDATE verdict SET body = '[]'",
        "UPDATE submission SET answers = '{\"size\": {}}'",
        'UPDATE submission SET answers = \'{"size": "x"}\'',
        "UPDATE submission SET submitted_at = 'soon'",
    ],
)
def test_a_row_that_another_program_changed_is_named(path, change):
    with Gradebook(path) as book:
        book.record(graded())
        book._db.execute(change)
        with pytest.raises(GradebookError, match="restore a copy"):
            book.attempts()


def test_a_policy_that_another_program_changed_is_named(path):
    with Gradebook(path) as book:
        book.set_policy(LESSON, Policy())
        book._db.execute("UPDATE policy SET percent_a_day = 1000")
        with pytest.raises(GradebookError, match="restore a copy"):
            book.policy(LESSON)


def test_a_newer_file_is_not_touched(path):
    Gradebook(path).close()
    newer = sqlite3.connect(path)
    newer.execute(f"PRAGMA user_version = {VERSION + 1}")
    newer.close()
    with pytest.raises(GradebookError, match="newer version of the course"):
        Gradebook(path)


def test_a_locked_file_is_waited_for_and_then_named(path):
    with Gradebook(path, timeout_s=0.05) as book:
        other = sqlite3.connect(path, isolation_level=None)
        other.execute("BEGIN EXCLUSIVE")
        with pytest.raises(GradebookError, match="locked by another program"):
            book.record(graded())
        with pytest.raises(GradebookError, match="locked by another program"):
            Gradebook(path, timeout_s=0.05)
        other.execute("COMMIT")
        other.close()
        assert book.record(graded())


def test_a_full_disk_loses_nothing_that_was_recorded(path):
    with Gradebook(path) as book:
        assert book.record(graded(student="first"))
        pages = book._db.execute("PRAGMA page_count").fetchone()[0]
        book._db.execute(f"PRAGMA max_page_count = {pages}")  # SQLite's own full disk

        def fill():
            for number in range(50):
                book.record(graded(student=f"s{number}", reason="x" * 500))

        with pytest.raises(GradebookError, match="disk is full"):
            fill()
        book._db.execute(f"PRAGMA max_page_count = {pages + 1000}")
        kept = len(book.attempts())
        assert all(len(one.graded.tasks) == 4 for one in book.attempts())
        assert book.record(graded(student="after"))
        assert len(book.attempts()) == kept + 1
        assert book.has("first", LESSON, "d1")


def test_two_programs_write_side_by_side(path):
    with Gradebook(path) as one, Gradebook(path) as other:
        for number in range(20):
            (one if number % 2 else other).record(graded(student=f"s{number}"))
        assert len(one.attempts()) == len(other.attempts()) == 20


# --- deadlines and attempts --------------------------------------------------------------------


@pytest.mark.parametrize(
    ("after", "days"),
    [
        (timedelta(hours=-1), 0),
        (timedelta(minutes=10), 0),
        (timedelta(minutes=11), 1),
        (timedelta(days=1), 1),
        (timedelta(days=1, seconds=1), 2),
    ],
)
def test_a_day_begun_after_the_grace_is_a_day_late(after, days):
    policy = Policy(DUE, percent_a_day=10, grace_minutes=10)
    assert policy.days_late(DUE + after) == days
    assert policy.penalty(8.0, 10.0, DUE + after) == days * 1.0


def test_lateness_never_takes_more_than_was_earned():
    policy = Policy(DUE, percent_a_day=30)
    assert policy.penalty(2.0, 10.0, DUE + timedelta(days=5)) == 2.0
    assert policy.penalty(2.0, 10.0, None) == 0
    assert Policy().penalty(2.0, 10.0, DUE) == 0


def test_the_best_attempt_counts_after_its_penalty_or_the_last(book):
    book.record(graded(answers=solved(), digest="early", score=6.0), DUE - timedelta(days=1))
    book.record(graded(digest="late", score=8.0), DUE + timedelta(days=2))
    best = Policy(DUE, percent_a_day=10)
    (standing,) = standings(book.attempts(), best)
    assert (standing.counted.graded.digest, standing.points) == ("early", 6.0)
    (standing,) = standings(book.attempts(), replace(best, counts="last"))
    assert (standing.counted.graded.digest, standing.days_late) == ("late", 2)
    assert standing.points == 8.0 - 2 * 1.35
    (standing,) = standings(book.attempts(), Policy())
    assert standing.points == 8.0


def test_a_broken_file_after_a_good_one_costs_nothing(book):
    book.record(graded(answers=solved()))
    book.record(unreadable("ada"))
    (standing,) = standings(book.attempts(), Policy(counts="last"))
    assert standing.counted.graded.digest == "d1"
    assert len(standing.attempts) == 2


def test_a_policy_is_kept_and_changed(book):
    assert book.policy(LESSON) == Policy()
    for policy in (Policy(DUE, 10, 5, "last"), Policy(None, 0, 0, "best")):
        book.set_policy(LESSON, policy)
        assert book.policy(LESSON) == policy
    assert book.set_submitted_at("nobody", LESSON, DUE) == 0
    book.record(graded())
    assert book.set_submitted_at("ada", LESSON, DUE) == 1
    assert book.attempts()[0].submitted_at == DUE


@pytest.mark.parametrize(
    "fields",
    [
        {"due_at": datetime(2026, 3, 1)},
        {"percent_a_day": -1},
        {"percent_a_day": 101},
        {"percent_a_day": math.nan},
        {"grace_minutes": -1},
        {"grace_minutes": math.inf},
        {"counts": "mean"},
    ],
)
def test_a_rule_that_makes_no_sense_is_refused(fields):
    with pytest.raises(InputError):
        Policy(**fields)


def test_when_a_file_was_handed_in_is_the_files_own_time(tmp_path):
    file = tmp_path / "x.ipynb"
    file.touch()
    os.utime(file, (DUE.timestamp(), DUE.timestamp()))
    assert handed_in(file) == DUE
    link = tmp_path / "link.ipynb"
    link.symlink_to(file)
    assert handed_in(link) != DUE  # of the link itself; what it points to is not looked at
    assert handed_in(tmp_path / "none.ipynb") is None
