"""A right answer stays right in whatever kind of number, word or list it comes."""

import contextlib
import io
from pathlib import Path

import numpy as np
import pytest

from k8snet_lessons.assess import assignment
from k8snet_lessons.assess.notebooks import read_notebook, source_of

ROOT = Path(__file__).resolve().parents[2]
SOLUTIONS = sorted((ROOT / "solutions").glob("*.ipynb"))
VERBATIM = ("13-mock-interview/mend", "13-mock-interview/hold")  # free text, a program's own log
COMMANDS = ("runbook", "evidence")  # command lines are typed as they are


@pytest.fixture(scope="module")
def answers():
    """Return the answers of a solution by task, each notebook run once."""
    known = {}

    def of(path):
        if path not in known:
            names = {}
            with contextlib.redirect_stdout(io.StringIO()):
                for cell in read_notebook(path)["cells"]:
                    kind = cell.get("id", "").partition("-")[0]
                    if cell["cell_type"] == "code" and kind not in ("check", "score", "submit"):
                        exec(source_of(cell), names)
            known[path] = names
        return known[path]

    return of


def changed(value, leaf, key=""):
    if type(value) is dict:
        return {name: changed(item, leaf, name) for name, item in value.items()}
    if type(value) in (list, tuple):
        return type(value)(changed(item, leaf, key) for item in value)
    return leaf(value, key)


def floats(value, key):
    return np.float64(value) if type(value) is int else value


def shouted(value, key):
    word = type(value) is str and "\n" not in value and key not in COMMANDS
    return f" {value.upper()} " if word else value


def as_set(value):
    if type(value) is list and all(type(one) is str for one in value):
        return set(value)
    return {k: as_set(v) for k, v in value.items()} if type(value) is dict else value


@pytest.mark.parametrize("path", SOLUTIONS, ids=lambda path: path.stem)
def test_whole_numbers_may_come_out_of_arithmetic(answers, path):
    work = assignment(path.stem)
    for task in work.tasks:
        if f"{work.lesson}/{task.name}" not in VERBATIM:
            answer = changed(answers(path)[task.name], floats)
            assert task.judge(task.given(work.lesson, 0), answer).status == "right", task.name


@pytest.mark.parametrize("path", SOLUTIONS, ids=lambda path: path.stem)
def test_words_may_be_written_in_any_case(answers, path):
    work = assignment(path.stem)
    for task in work.tasks:
        if f"{work.lesson}/{task.name}" not in VERBATIM and task.name != "runbook":
            answer = changed(answers(path)[task.name], shouted)
            assert task.judge(task.given(work.lesson, 0), answer).status == "right", task.name


@pytest.mark.parametrize(
    ("lesson", "task"), [("11-failure-isolation", "plan"), ("12-incident-room", "solve")]
)
def test_names_in_no_order_may_come_as_a_set(answers, lesson, task):
    path = next(one for one in SOLUTIONS if one.stem == lesson)
    answer = as_set(answers(path)[task])
    asked = assignment(lesson).task(task)
    assert asked.judge(asked.given(lesson, 0), answer).status == "right"


def test_a_design_may_be_written_in_any_case_and_with_whole_floats():
    task = assignment("01-north-south-path").task("edge")
    given = task.given("01-north-south-path", 0)
    plain = task.judge(
        given, {"replicas": 14, "load_balancer": "l7", "external_traffic_policy": "Local"}
    )
    odd = task.judge(
        given, {"replicas": 14.0, "load_balancer": " L7", "external_traffic_policy": "local"}
    )
    assert odd == plain


@pytest.mark.parametrize(
    ("lesson", "task", "answer"),
    [
        ("05-conntrack-exhaustion", "cure",
         {"max_entries": 262_144, "time_wait_s": 1e308, "keepalive_share": 0.5}),
        ("13-mock-interview", "hold", "[" * 19_000),
    ],
)  # fmt: skip
def test_an_absurd_answer_is_wrong_and_breaks_nothing(lesson, task, answer):
    asked = assignment(lesson).task(task)
    assert asked.judge(asked.given(lesson, 0), answer).status == "wrong"
