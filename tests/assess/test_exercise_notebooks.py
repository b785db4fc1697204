"""Solutions become exercises, exercises run and leave a score, and nothing gives an answer away."""

import copy
import subprocess
import sys
from pathlib import Path

import pytest

from k8snet_lessons.assess import SCORE_MIME, assignment
from k8snet_lessons.assess.notebooks import (
    read_notebook,
    read_score,
    source_of,
    student_version,
    write_text,
)
from k8snet_lessons.errors import InputError

ROOT = Path(__file__).resolve().parents[2]
SOLUTIONS = sorted((ROOT / "solutions").glob("*.ipynb"))
EACH = pytest.mark.parametrize("path", SOLUTIONS, ids=lambda path: path.stem)


@EACH
def test_the_committed_exercise_is_what_release_makes(path):
    made = write_text(student_version(read_notebook(path)))
    assert (ROOT / "exercises" / path.name).read_text(encoding="utf-8") == made


@EACH
def test_cells_carry_nbgraders_metadata_and_keep_their_ids(path):
    solution, student = read_notebook(path), student_version(read_notebook(path))
    work = assignment(path.stem)
    marks = {c["id"]: c["metadata"].get("nbgrader", {}) for c in solution["cells"]}
    assert [c["id"] for c in student["cells"]] == [c["id"] for c in solution["cells"]]
    for task in work.tasks:
        check, answer = marks[f"check-{task.name}"], marks[f"answer-{task.name}"]
        assert (check["grade"], check["solution"], check["locked"]) == (True, False, True)
        assert check["points"] == task.max_points
        assert (answer["grade"], answer["solution"], answer["locked"]) == (False, True, False)
    marked = [one for one in marks.values() if one]
    assert all(one["schema_version"] == 3 for one in marked)
    assert len({one["grade_id"] for one in marked}) == len(marked)


def solution_cell(*lines, solution=True):
    return {
        "cells": [
            {
                "cell_type": "code",
                "id": "a",
                "metadata": {"nbgrader": {"solution": solution, "grade_id": "a"}},
                "source": "\n".join(lines),
                "outputs": [{"output_type": "stream"}],
                "execution_count": 3,
            }
        ],
        "nbformat": 4,
    }


def test_a_region_is_cut_at_its_indent_and_outputs_go():
    made = student_version(
        solution_cell(
            "def f():", "    ### BEGIN SOLUTION", "    return 1", "    ### END SOLUTION", "f()"
        )
    )
    (cell,) = made["cells"]
    assert source_of(cell) == "def f():\n    # your answer here\nf()"
    assert cell["outputs"] == []
    assert cell["execution_count"] is None


def test_hidden_tests_go_too():
    notebook = solution_cell("### BEGIN SOLUTION", "### END SOLUTION", "x = 1")
    notebook["cells"].append(
        {
            "cell_type": "code",
            "metadata": {"nbgrader": {"grade": True, "locked": True}},
            "source": "check()\n### BEGIN HIDDEN TESTS\nassert x == 42\n### END HIDDEN TESTS",
        }
    )
    check = student_version(notebook)["cells"][1]
    assert source_of(check) == "check()"
    assert check["metadata"]["editable"] is False


@pytest.mark.parametrize(
    "lines",
    [
        ("### BEGIN SOLUTION", "x = 1"),
        ("x = 1", "### END SOLUTION"),
        ("### BEGIN SOLUTION", "### BEGIN SOLUTION", "### END SOLUTION"),
        ("x = TODO",),
    ],
)
def test_a_marker_without_its_partner_is_named_with_its_cell(lines):
    with pytest.raises(InputError, match="cell 1"):
        student_version(solution_cell(*lines), "01.ipynb")


def test_a_region_outside_a_solution_cell_is_refused():
    with pytest.raises(InputError, match="solution region"):
        student_version(
            solution_cell("### BEGIN SOLUTION", "1", "### END SOLUTION", solution=False)
        )


@pytest.mark.parametrize(
    "text", ["", "{", "[]", "null", '{"nbformat": 3}', '{"nbformat": 4, "cells": 1}', "[" * 10**5]
)
def test_a_file_that_is_no_notebook_is_refused(tmp_path, text):
    path = tmp_path / "x.ipynb"
    path.write_text(text)
    with pytest.raises(InputError):
        read_notebook(path)


def test_a_missing_file_is_refused(tmp_path):
    with pytest.raises(InputError, match="No such file"):
        read_notebook(tmp_path / "nothing.ipynb")


@pytest.mark.parametrize("score", [1, None, {}, {"score": 1, "max_score": 2, "tasks": [{}]}])
def test_a_score_of_another_shape_is_no_score(score):
    cell = {"outputs": [{"output_type": "display_data", "data": {SCORE_MIME: score}}]}
    with pytest.raises(InputError, match="score"):
        read_score({"cells": [cell]})


def run_papermill(source, target, *parameters):
    return subprocess.run(
        [sys.executable, "-m", "papermill", "--no-progress-bar", source, target, *parameters],
        capture_output=True,
        text=True,
        cwd=target.parent,
    )


@pytest.fixture(scope="module")
def exercise_file(tmp_path_factory):
    return tmp_path_factory.mktemp("papermill") / "exercise.ipynb"


def with_answers(path, answers):
    notebook = copy.deepcopy(read_notebook(path))
    for cell in notebook["cells"]:
        for task, code in answers.items():
            if cell.get("id") == f"answer-{task}":
                cell["source"] = code.splitlines(keepends=True)
    return notebook


def test_papermill_scores_unattempted_wrong_and_right_by_hand(exercise_file):
    path = ROOT / "exercises" / "01-north-south-path.ipynb"
    out = exercise_file.with_name("out.ipynb")

    done = run_papermill(path, out, "-p", "student_id", "alice", "-p", "seed", "7")
    assert done.returncode == 0, done.stderr
    score = read_score(read_notebook(out))
    assert (score["student"], score["seed"], score["score"]) == ("alice", 7, 0)
    assert {task["status"] for task in score["tasks"]} == {"unattempted"}

    answers = {
        "addresses": 'addresses = {"cluster": given_addresses["client"], "local": 5, "app": []}',
        "shares": "pods = given_shares['pods_on_node']\n"
        "shares = {'local': 1 / sum(pods), 'cluster': 1 / sum(pods)}",
    }
    exercise_file.write_text(write_text(with_answers(path, answers)))
    done = run_papermill(exercise_file, out, "-p", "student_id", "bob", "-p", "seed", "8")
    assert done.returncode == 0, done.stderr
    points = {task["task"]: task["points"] for task in read_score(read_notebook(out))["tasks"]}
    assert points["addresses"] == 0
    assert points["shares"] == 1
    assert points["silence"] == 0


def test_papermill_scores_the_solution_in_full(exercise_file):
    out = exercise_file.with_name("solved.ipynb")
    done = run_papermill(SOLUTIONS[0], out, "-p", "student_id", "carol", "-p", "seed", "41")
    assert done.returncode == 0, done.stderr
    score = read_score(read_notebook(out))
    assert score["score"] == score["max_score"] == assignment(SOLUTIONS[0].stem).max_points
