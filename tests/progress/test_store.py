"""The record survives what disks, neighbors and versions do to it."""

import json
import multiprocessing
import os
import resource
import sqlite3
import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path

import pytest

from k8snet_lessons.course import progress
from k8snet_lessons.course.progress import answered, touched
from k8snet_lessons.course.progress.carry import read_file, write_file
from k8snet_lessons.course.progress.keeper import Keeper
from k8snet_lessons.course.progress.place import lesson_here, on_binder, place
from k8snet_lessons.errors import InputError

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture
def path(tmp_path, monkeypatch):
    path = tmp_path / "data" / "progress.sqlite"
    monkeypatch.setenv("K8SNET_PROGRESS", str(path))
    return path


def answer(name="05-what-fills", right=True):
    return answered(name, "05-conntrack-exhaustion", "50", right)


def run(code, path, limit=None):
    """A process of its own that records; what it prints."""
    setup = (lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (limit, limit))) if limit else None
    done = subprocess.run(
        [sys.executable, "-c", "from k8snet_lessons.course.progress import *\n" + code],
        env={**os.environ, "K8SNET_PROGRESS": str(path), "PYTHONPATH": str(ROOT)},
        capture_output=True, text=True, preexec_fn=setup,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert done.stderr == ""
    return done.stdout


def test_what_was_recorded_comes_back_in_order(path):
    first, second = answer("05-a", right=False), answer("05-b")
    assert progress.record(first) == ""
    assert progress.record(second) == ""
    assert Keeper(path).events() == ([first, second], "")


def test_the_same_event_counts_once_and_a_touch_once_a_day(path):
    monday = datetime(2026, 11, 23, 9, tzinfo=UTC)
    for at in (monday, monday.replace(hour=17), monday.replace(day=24)):
        progress.record(touched("conntrack", at=at))
        Keeper(path).keep([touched("conntrack", at=at)])
    assert [event.at.day for event in Keeper(path).events()[0]] == [23, 24]


def test_two_kernels_write_at_once_and_lose_nothing(path):
    code = "for n in range(150): record(answered(f'05-{n}', '', 'x', n % 2 == 0))"
    command = [sys.executable, "-c", "from k8snet_lessons.course.progress import *\n" + code]
    both = [subprocess.Popen(command, env={**os.environ, "PYTHONPATH": str(ROOT)}) for _ in "ab"]
    assert [one.wait(60) for one in both] == [0, 0]
    assert len(Keeper(path).events()[0]) == 300


def test_a_kernel_that_holds_the_lock_delays_nothing_and_loses_nothing(path, monkeypatch):
    monkeypatch.setattr("k8snet_lessons.course.progress.store.WAIT_S", 0.05)
    progress.record(answer("05-a"))
    other = sqlite3.connect(path, isolation_level=None)
    other.execute("BEGIN EXCLUSIVE")
    assert "locked" in progress.record(answer("05-b"))
    assert progress.record(answer("05-c")) == ""  # said once
    other.execute("ROLLBACK")
    other.close()
    assert progress.record(answer("05-d")) == ""
    subjects = [event.subject for event in Keeper(path).events()[0]]
    assert subjects == ["05-a", "05-b", "05-c", "05-d"]
    assert sorted(file.name for file in path.parent.iterdir()) == [path.name]


def test_on_a_full_disk_the_record_waits_in_memory(path):
    code = """
print(record(answered('05-a', '', 'x', True)))
print(record(answered('05-b', '', 'x', True)))
import resource
resource.setrlimit(resource.RLIMIT_FSIZE, (hard, hard))
record(answered('05-c', '', 'x', True))
print(len(history()[0]), history()[1])
"""
    soft_only = "import resource, signal\n_, hard = resource.getrlimit(resource.RLIMIT_FSIZE)\n"
    soft_only += "resource.setrlimit(resource.RLIMIT_FSIZE, (10, hard))\n"
    lines = run(soft_only + code, path).splitlines()
    assert "kept until this kernel ends" in lines[0]
    assert lines[1:] == ["", "3 "]
    assert len(Keeper(path).events()[0]) == 3


def test_a_folder_that_cannot_be_written_is_no_error(monkeypatch, tmp_path):
    (tmp_path / "file").write_text("in the way")
    monkeypatch.setenv("K8SNET_PROGRESS", str(tmp_path / "file" / "progress.sqlite"))
    said = progress.record(answer())
    assert "kept until this kernel ends" in said
    assert "\n" not in said
    assert len(progress.history()[0]) == 1


def said_by_nobody(queue):
    """Record as a user without rights: root writes everywhere."""
    if os.geteuid() == 0:
        os.setgid(65_534)
        os.setuid(65_534)
    queue.put(progress.record(answer()))


def test_a_read_only_home_is_no_error(monkeypatch, tmp_path):
    tmp_path.chmod(0o500)
    monkeypatch.setenv("K8SNET_PROGRESS", str(tmp_path / "progress.sqlite"))
    forks = multiprocessing.get_context("fork")
    queue = forks.Queue()
    child = forks.Process(target=said_by_nobody, args=(queue,))
    child.start()
    said = queue.get(timeout=60)
    child.join(60)
    assert child.exitcode == 0
    assert "kept until this kernel ends" in said
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    "bytes_", [b"this is no database, however long it is" * 99, b"SQLite format 3\0" + b"x" * 4000]
)
def test_a_broken_file_is_left_alone_and_the_record_goes_beside_it(path, bytes_):
    path.parent.mkdir()
    path.write_bytes(bytes_)
    said = progress.record(answer("05-a"))
    assert "cannot be used now" in said
    assert "\n" not in said
    assert path.read_bytes() == bytes_
    events, why = Keeper(path).events()
    assert [event.subject for event in events] == ["05-a"]
    assert str(path) in why
    path.unlink()
    assert progress.record(answer("05-b")) == ""
    assert [event.subject for event in Keeper(path).events()[0]] == ["05-a", "05-b"]


def test_a_newer_versions_file_is_left_alone(path):
    progress.record(answer("05-a"))
    with sqlite3.connect(path) as database:
        database.execute("PRAGMA user_version = 99")
    database.close()
    before = path.read_bytes()
    assert "newer version" in progress.record(answer("05-b"))
    assert path.read_bytes() == before
    assert [event.subject for event in Keeper(path).events()[0]] == ["05-b"]


def test_a_row_that_is_no_event_is_passed_over(path):
    progress.record(answer("05-a"))
    with sqlite3.connect(path) as database:
        database.execute("INSERT INTO event VALUES ('x', 'never', 'answer', '', 'y', '{')")
    database.close()
    assert [event.subject for event in Keeper(path).events()[0]] == ["05-a"]


def test_reading_makes_no_file(path):
    assert progress.history() == ([], "")
    assert not path.parent.exists()


def test_clearing_forgets_files_and_memory(path):
    progress.record(answer())
    kept = progress.keeper()
    kept.clear()
    assert kept.events() == ([], "")
    assert not path.exists()


def test_a_file_taken_along_is_merged_once(path, tmp_path):
    progress.record(answer("05-a"))
    text = write_file(Keeper(path).events()[0])
    there = Keeper(tmp_path / "there.sqlite")
    there.keep([answer("05-b")])
    for _ in range(2):
        Keeper(tmp_path / "there.sqlite").keep(read_file(text))
    assert {event.subject for event in there.events()[0]} == {"05-a", "05-b"}


@pytest.mark.parametrize(
    ("change", "field"),
    [
        (("k8snet-lessons", "other"), "file"),
        (('"format": 1', '"format": 2'), "format"),
        (('"kind": "answer"', '"kind": "poem"'), "kind"),
        (('"right": true', '"right": "yes"'), "right"),
        (('"right": true', '"right": 1'), "right"),
        (('"subject": "05-what-fills"', '"subject": ""'), "subject"),
        (('"lesson": "05-conntrack-exhaustion"', '"lesson": 5'), "lesson"),
        (('"at": "2', '"at": "x'), "at"),
        (('"events": [', '"events": [7, '), "event"),
        (('{"course"', '{'), "file"),
    ],
)  # fmt: skip
def test_a_file_that_does_not_fit_names_what(change, field):
    text = write_file([answer()])
    assert change[0] in text
    with pytest.raises(InputError) as error:
        read_file(text.replace(*change))
    assert error.value.field == field


def test_recording_never_raises_whatever_it_is_given(path):
    assert "not recorded" in progress.record(None)
    assert "not recorded" in progress.record(answered("", "", "x", True))
    assert progress.record(progress.guessed("x", "", "?", float("nan"), float("inf"))) == ""
    assert json.loads(write_file(progress.history()[0]))["events"][0]["data"]["guess"] == "nan"


HOME = {"HOME": "/nowhere", "XDG_DATA_HOME": "/nowhere"}


@pytest.mark.parametrize(
    ("environment", "recorded"),
    [
        ({}, True),
        ({"JPY_PARENT_PID": "1", "JPY_SESSION_NAME": "/a/05.ipynb"}, True),
        ({"JPY_PARENT_PID": "1"}, False),
        ({"PYTEST_VERSION": "9"}, False),
        ({"PYTEST_VERSION": "9", "K8SNET_PROGRESS": "/tmp/x.sqlite"}, True),
        ({"K8SNET_PROGRESS": "off"}, False),
    ],
)
def test_where_a_person_works_it_is_recorded(environment, recorded):
    assert (place(environment) is not None) == recorded


def test_a_folder_may_be_named_as_the_place(tmp_path):
    assert place({"K8SNET_PROGRESS": str(tmp_path)}) == tmp_path / "progress.sqlite"


def test_binder_is_known_by_its_variables():
    assert on_binder({"BINDER_SERVICE_HOST": "1.2.3.4"})
    assert not on_binder({"HOME": "/home/x"})


def test_the_lesson_is_known_by_its_notebook():
    session = "/home/x/course/exercises/05-conntrack-exhaustion.ipynb"
    assert lesson_here({"JPY_SESSION_NAME": session}) == "05-conntrack-exhaustion"
    assert lesson_here({"JPY_SESSION_NAME": "/home/x/my-notes.ipynb"}) == ""
    assert lesson_here({}) == ""
