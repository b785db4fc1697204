"""Every hostile or broken notebook gets what its honest part deserves, and harms nobody else."""

import contextlib
import hashlib
import json
import subprocess
import sys
from pathlib import Path

import pytest
from cases import CASES, LESSON, NOTEBOOKS, TASKS

from k8snet_lessons.assess.gradebook import Gradebook

POINTS = {"size": 2.5, "moment": 3, "client": 3, "cure": 5}
EACH = pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
SECRET = "canary-" + hashlib.sha256(b"of another student").hexdigest()[:16]


@pytest.fixture(scope="module")
def graded(tmp_path_factory, cage):
    """Grade the whole set at once, two at a time, as a class."""
    home = tmp_path_factory.mktemp("class")
    for case in CASES:
        path = home / "submissions" / case.name / f"{LESSON}.ipynb"
        path.parent.mkdir(parents=True)
        if case.kept:
            path.write_bytes((NOTEBOOKS / f"{case.name}.ipynb").read_bytes())
        elif case.build.__code__.co_argcount:
            case.build(path)
        else:
            path.write_bytes(case.build() or b"")
    (home / "canary.ipynb").write_text(SECRET)
    before = snapshot(home)
    done = subprocess.run(
        [
            *(sys.executable, "-m", "k8snet_lessons", "grade", str(home / "submissions")),
            *("--gradebook", str(home / "grades.db"), "--jobs", "2", "--json"),
            *("--cell-timeout", "3", "--timeout", "40", "--memory", "512"),
        ],
        capture_output=True,
        text=True,
        timeout=900,
    )
    assert done.returncode == 1, done.stderr
    (home / "grades.db").rename(home / "kept.db")
    assert snapshot(home) == before
    with Gradebook(home / "kept.db") as book:
        kept = {one.graded.student: one.graded for one in book.attempts()}
    objects = [json.loads(line) for line in done.stdout.splitlines()]
    assert len(objects) == len(CASES)
    return {one["student"]: (one, kept[one["student"]]) for one in objects}


def snapshot(home):
    return {
        str(path): (path.lstat().st_mode, path.lstat().st_size)
        for path in home.rglob("*")
        if not path.name.startswith(("grades.db", "kept.db"))
    }


@EACH
def test_a_submission_earns_what_its_honest_part_deserves(graded, case):
    result, _ = graded[case.name]
    if case.reason:
        assert result["status"] == "not gradable"
        assert case.reason in result["reason"]
        assert (result["score"], result["tasks"]) == (0, [])
        return
    assert result["status"] == "graded", result["reason"]
    points = {task["task"]: task["points"] for task in result["tasks"]}
    deserved = {task: POINTS[task] * (task in case.honest) for task in TASKS}
    assert points == deserved, result["reason"]
    assert result["score"] == sum(points.values())
    assert result["max_score"] == sum(POINTS.values())


@EACH
def test_nothing_of_others_comes_out_with_an_answer(graded, case):
    _, kept = graded[case.name]
    said = repr(kept.answers) + kept.reason + repr(kept.tasks)
    for secret in (SECRET, "canary", "grades.db", "lesson_05_", "the judge is here"):
        assert secret not in said


def test_a_remark_says_what_went_wrong(graded):
    assert "task moment: it ran longer than" in graded["endless-loop"][0]["reason"]
    assert "task moment" in graded["exit-at-once"][0]["reason"]
    assert graded["honest"][0]["reason"] == ""


def test_the_committed_notebooks_are_what_the_table_makes():
    kept = {f"{case.name}.ipynb": case.build() for case in CASES if case.kept}
    assert {path.name: path.read_bytes() for path in NOTEBOOKS.glob("*.ipynb")} == kept
    assert len(kept) >= 40


def test_nobody_is_left_behind(graded):
    assert graded
    left = []
    for entry in Path("/proc").glob("[0-9]*"):
        with contextlib.suppress(OSError, ValueError):
            command = (entry / "cmdline").read_bytes()
            ours = sys.executable.encode() in command and b"grading.inside.server" in command
            if ours and not under_a_grader(entry.name):
                left.append(command)
    assert left == []


def under_a_grader(pid):
    """Whether a living grader is among the ancestors; another may work on this machine."""
    while int(pid) > 1:
        command = Path(f"/proc/{pid}/cmdline").read_bytes()
        if b"grading.inside.server" not in command and b"python" in command:
            return True
        pid = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[1]
    return False
