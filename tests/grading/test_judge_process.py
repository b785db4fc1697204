"""The judge's process: trusted, bounded, and replaced when it fails."""

import os
import signal

import pytest

from k8snet_lessons.assess import TODO, assignment
from k8snet_lessons.assess.grading.judge import Judge
from k8snet_lessons.assess.grading.session import Answer

LESSON = "05-conntrack-exhaustion"
SIZE = assignment(LESSON).task("size")


@pytest.fixture(scope="module")
def judge():
    one = Judge()
    yield one
    one.close()


def right(seed):
    given = SIZE.given(LESSON, seed)
    limit = max(131_072, 32_768 * given["cores"])
    return {"limit": limit, "per_s": (limit - given["standing"]) / 120}


def test_it_gives_the_verdict_that_the_students_own_check_gives(judge):
    for answer in (right(4), {"limit": 65_536, "per_s": TODO}, 7, "x", [], {"limit": "1"}):
        verdict = judge.verdict(LESSON, SIZE, 4, Answer(answer))
        assert verdict.to_json() == SIZE.judge(SIZE.given(LESSON, 4), answer).to_json()
    assert judge.verdict(LESSON, SIZE, 4, Answer(right(4))).status == "right"
    assert judge.verdict(LESSON, SIZE, 5, Answer(right(4))).status != "right"


@pytest.mark.parametrize("answer", [Answer(), Answer({"limit": TODO, "per_s": TODO})])
def test_what_was_not_answered_is_not_attempted(judge, answer):
    assert judge.verdict(LESSON, SIZE, 0, answer).status == "unattempted"


def test_what_could_not_be_read_earns_nothing_and_says_why(judge):
    verdict = judge.verdict(LESSON, SIZE, 0, Answer(problem="it is a function"))
    assert (verdict.points, verdict.status) == (0, "wrong")
    assert "it is a function" in verdict.message


def test_what_it_tells_the_sandbox_are_numbers_and_questions_alone(judge):
    told = judge.outline(LESSON, 3)
    assert set(told) == {task.name for task in assignment(LESSON).tasks}
    for name, task in told.items():
        given = assignment(LESSON).task(name).given(LESSON, 3)
        assert task == {"given": given, "prompt": assignment(LESSON).task(name).prompt(given)}


def test_a_judge_that_dies_is_replaced(judge):
    before = judge.launch()
    os.kill(before.pid, signal.SIGKILL)
    before.wait()
    assert judge.verdict(LESSON, SIZE, 4, Answer(right(4))).status == "right"
    assert judge.launch().pid != before.pid


def test_a_judgement_that_takes_too_long_costs_its_task_alone(judge, monkeypatch):
    monkeypatch.setattr("k8snet_lessons.assess.grading.judge.MOST_S", 0.05)
    os.kill(judge.launch().pid, signal.SIGSTOP)
    verdict = judge.verdict(LESSON, SIZE, 4, Answer(right(4)))
    assert (verdict.points, verdict.max_points) == (0, SIZE.max_points)
    assert "more of the model" in verdict.message
    monkeypatch.undo()
    assert judge.verdict(LESSON, SIZE, 4, Answer(right(4))).status == "right"
