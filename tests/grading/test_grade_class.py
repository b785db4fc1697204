"""A folder of submissions becomes a gradebook: right scores, nothing lost, nothing twice."""

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path

import pytest

from k8snet_lessons.assess import assignment
from k8snet_lessons.assess.gradebook import Gradebook
from k8snet_lessons.assess.grading.cage import SandboxError
from k8snet_lessons.assess.grading.grader import Grader, Submitted

ROOT = Path(__file__).resolve().parents[2]
SOLUTIONS = sorted((ROOT / "solutions").glob("*.ipynb"))
FEW = SOLUTIONS[2:4]


@pytest.mark.parametrize("path", SOLUTIONS, ids=lambda path: path.stem)
@pytest.mark.parametrize("seed", [0, 11])
def test_a_solution_earns_every_point_whatever_its_notebook_says_of_the_seed(grader, path, seed):
    graded = grader.grade(Submitted("ada", path.stem, path.read_bytes(), seed))
    assert graded.status == "graded"
    assert ("names seed 0" in graded.reason) == (seed != 0)
    assert graded.score == graded.max_score == assignment(path.stem).max_points
    assert set(graded.answers) == {task.name for task in assignment(path.stem).tasks}


@pytest.mark.parametrize("path", SOLUTIONS, ids=lambda path: path.stem)
def test_an_unattempted_exercise_is_graded_with_no_points(grader, path):
    data = (ROOT / "exercises" / path.name).read_bytes()
    graded = grader.grade(Submitted("ada", path.stem, data, 0))
    assert (graded.status, graded.reason, graded.score) == ("graded", "", 0)
    assert {verdict.status for verdict in graded.tasks} == {"unattempted"}


def test_a_course_that_does_not_run_stops_the_grader_and_grades_nobody(originals, cage):
    broken = replace(originals[SOLUTIONS[0].stem], setup="import nothing_of_this_name")
    data = SOLUTIONS[0].read_bytes()
    with (
        Grader({SOLUTIONS[0].stem: broken}, cage) as one,
        pytest.raises(SandboxError, match="nothing_of_this_name"),
    ):
        one.grade(Submitted("ada", SOLUTIONS[0].stem, data, 0))


def test_an_import_in_the_parameters_cell_counts(grader):
    notebook = json.loads(SOLUTIONS[4].read_text())
    for cell in notebook["cells"]:
        if cell["id"] == "parameters":
            cell["source"] = "import math\nseed = 99\n"
        if cell["id"] == "answer-cure":
            cell["source"] = "cure = {'max_entries': math.floor(393_216.5), 'time_wait_s': 30}"
            cell["source"] += "\ncure['keepalive_share'] = 0.5"
    data = json.dumps(notebook).encode()
    graded = grader.grade(Submitted("ada", SOLUTIONS[4].stem, data, 0))
    assert graded.score == graded.max_score
    assert "names seed 99" in graded.reason


def test_an_answer_that_counts_because_it_was_run_alone_is_remarked_on(grader):
    notebook = json.loads(SOLUTIONS[4].read_text())
    for cell in notebook["cells"]:
        if cell["id"] == "answer-moment":
            cell["source"] = [*cell["source"], "\nif 'size' in globals():\n    moment = 1"]
    graded = grader.grade(Submitted("ada", SOLUTIONS[4].stem, json.dumps(notebook).encode(), 0))
    assert graded.score == graded.max_score
    assert graded.reason == "task moment: run alone it gave another answer, which counts"


@pytest.fixture
def class_of_three(tmp_path):
    folder = tmp_path / "submissions"
    for student in ("ada", "bob"):
        (folder / student).mkdir(parents=True)
        for path in FEW:
            shutil.copy(path, folder / student)
    (folder / "cyd").mkdir()
    (folder / "cyd" / FEW[0].name).write_text("{")
    return folder


def name_of(one):
    return one["student"], one["assignment"]


def start(folder, *options):
    command = [sys.executable, "-m", "k8snet_lessons", "grade", str(folder), "--json"]
    command += ["--gradebook", str(folder.parent / "grades.db"), "--jobs", "2", *options]
    return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


def run(folder, *options):
    process = start(folder, *options)
    out, err = process.communicate(timeout=400)
    return process.returncode, [json.loads(line) for line in out.splitlines()], err


def test_the_command_grades_reports_and_goes_on_where_it_was(class_of_three, cage):
    code, objects, err = run(class_of_three)
    assert code == 1, err
    assert len(objects) == 5
    by_name = {name_of(one): one for one in objects}
    bad = by_name["cyd", FEW[0].stem]
    assert (bad["status"], bad["score"]) == ("not gradable", 0)
    assert "JSON" in bad["reason"]
    good = by_name["ada", FEW[0].stem]
    assert good["score"] == good["max_score"] == assignment(FEW[0].stem).max_points
    assert [task["status"] for task in good["tasks"]] == ["right"] * len(good["tasks"])
    assert "4 graded, 1 not gradable" in err

    again, same, err = run(class_of_three)
    assert again == 1
    assert sorted(same, key=name_of) == sorted(objects, key=name_of)
    assert "5 graded before" in err
    assert "another seed" not in err
    (class_of_three / "late.ipynb").write_text("{}")
    _, _, err = run(class_of_three, "--seed", "5")
    assert "4 of those graded before were graded by another seed" in err
    assert "passed by: late.ipynb: a notebook in no student's folder" in err
    with Gradebook(class_of_three.parent / "grades.db") as book:
        assert len(book.attempts()) == 5


def test_a_grader_killed_in_mid_run_goes_on_and_grades_nothing_twice(class_of_three, cage):
    book = class_of_three.parent / "grades.db"
    first = start(class_of_three)
    first.stdout.readline()  # one result is out, so at least one is recorded or about to be
    first.send_signal(signal.SIGKILL)
    first.wait()
    first.stdout.close()
    first.stderr.close()
    with Gradebook(book) as kept:
        before = {(a.graded.student, a.graded.assignment) for a in kept.attempts()}
    assert 1 <= len(before) <= 5

    _, objects, err = run(class_of_three)
    assert len(objects) == 5
    assert f"{len(before)} graded before" in err
    with Gradebook(book) as kept:
        assert len(kept.attempts()) == 5


def test_seeds_come_from_the_instructors_list(class_of_three, cage):
    seeds = class_of_three.parent / "seeds.csv"
    seeds.write_text("student,seed\nada,41\ncyd,1\n")
    code, objects, _ = run(class_of_three, "--seeds", str(seeds))
    assert code == 1
    by_student = {one["student"]: one for one in objects}
    assert by_student["ada"]["seed"] == 41
    assert by_student["ada"]["score"] == by_student["ada"]["max_score"]
    assert "seeds" in by_student["bob"]["reason"]


@pytest.mark.parametrize(
    ("text", "said"),
    [("name,seed\nada,1\n", "student and seed"), ("student,seed\nada,x\n", "line 2")],
)
def test_a_list_of_seeds_that_cannot_be_read_stops_before_anything(class_of_three, text, said):
    seeds = class_of_three.parent / "seeds.csv"
    seeds.write_text(text)
    code, objects, err = run(class_of_three, "--seeds", str(seeds))
    assert (code, objects) == (2, [])
    assert said in err


def test_without_namespaces_the_grader_says_so_and_needs_a_flag(class_of_three, tmp_path):
    nothing = tmp_path / "bin"
    nothing.mkdir()
    environment = os.environ | {"PATH": str(nothing)}
    command = [sys.executable, "-m", "k8snet_lessons", "grade", str(class_of_three)]
    command += ["--gradebook", str(tmp_path / "x.db"), "--json", "--jobs", "1"]
    refused = subprocess.run(command, env=environment, capture_output=True, text=True)
    assert refused.returncode == 2
    assert "bwrap" in refused.stderr
    assert "--no-sandbox" in refused.stderr

    for student in ("bob", "cyd"):
        shutil.rmtree(class_of_three / student)
    allowed = subprocess.run(
        [*command, "--no-sandbox"], env=environment, capture_output=True, text=True
    )
    assert allowed.returncode == 0, allowed.stderr
    assert "with your rights" in allowed.stderr
    scores = [json.loads(line) for line in allowed.stdout.splitlines()]
    assert [one["score"] == one["max_score"] for one in scores] == [True] * len(FEW)


def test_nothing_is_left_running_when_a_grader_is_killed(class_of_three, cage):
    marker = f"k8snet-{os.getpid()}-{time.monotonic_ns()}"
    notebook = json.loads((ROOT / "exercises" / FEW[0].name).read_text())
    for cell in notebook["cells"]:
        if cell["id"] == "answer-walk":
            # No interrupt is heard, and the wish to die with the parent is taken back.
            cell["source"] = (
                "import ctypes, signal, subprocess\n"
                "signal.signal(signal.SIGINT, signal.SIG_IGN)\n"
                "ctypes.CDLL(None).prctl(1, 0, 0, 0, 0)\n"
                f"subprocess.run(['sleep', '600'], env={{'M': '{marker}'}})"
            )
    for student in ("bob", "cyd"):
        shutil.rmtree(class_of_three / student)
    for path in (class_of_three / "ada").iterdir():
        path.unlink()
    (class_of_three / "ada" / FEW[0].name).write_text(json.dumps(notebook))
    process = start(class_of_three)
    assert wait_for(lambda: running(marker))
    process.send_signal(signal.SIGKILL)
    process.wait()
    process.stdout.close()
    process.stderr.close()
    assert wait_for(lambda: not running(marker))


def running(marker):
    found = []
    for entry in Path("/proc").glob("[0-9]*"):
        try:
            if marker.encode() in (entry / "environ").read_bytes():
                found.append(entry.name)
        except OSError:
            continue
    return found


def wait_for(condition, seconds=120):
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        if condition():
            return True
        time.sleep(0.05)
    return False
