"""A rubric is mended and a task judged again from the stored answers; no code runs."""

from dataclasses import replace

import pytest
from gradebook_room import LESSON, graded, right_answers, solved, unreadable

from k8snet_lessons.assess import Part, assignment
from k8snet_lessons.assess.exercise import Assignment
from k8snet_lessons.assess.gradebook import Gradebook
from k8snet_lessons.assess.gradebook.regrade import regrade
from k8snet_lessons.errors import InputError


@pytest.fixture
def book(tmp_path):
    with Gradebook(tmp_path / "g.db") as opened:
        opened.record(graded("ada", right_answers()))
        opened.record(graded("bob", {"size": {"limit": 131_072, "per_s": 1.0}}))
        opened.record(graded("eve"))
        lost = graded("fay", solved())
        opened.record(replace(lost, answers={}))
        opened.record(unreadable("gus"))
        yield opened


def mended(points=1.0):
    """Lesson 5 with a rubric for `size` that gives `points` to whoever has the limit right."""
    work = assignment(LESSON)

    def judge(given, answer):
        good = answer["limit"] == 131_072
        return (Part("limit", points if good else 0, points, "Right." if good else "No."),)

    size = replace(work.task("size"), judge_plain=judge, max_points=points)
    tasks = [size if task.name == "size" else task for task in work.tasks]
    return Assignment(LESSON, tuple(tasks))


def scores(book):
    return {one.graded.student: one.graded.score for one in book.attempts()}


def test_the_same_rubric_changes_nothing(book):
    before = book.attempts()
    outcomes = {
        one.attempt.graded.student: one.outcome for one in regrade(book, assignment(LESSON), "size")
    }
    assert outcomes == {"ada": "same", "bob": "same", "eve": "same", "fay": "no answer"}
    assert book.attempts() == before
    assert book.regrades() == ()


def test_a_mended_rubric_moves_scores_and_keeps_what_was(book):
    assert scores(book)["bob"] == 1.0
    found = {one.attempt.graded.student: one for one in regrade(book, mended(2.0), "size")}
    assert found["ada"].gain == -0.5
    assert found["bob"].gain == 1.0
    assert found["eve"].outcome == "changed"  # still unanswered, of fewer points
    assert scores(book) == {"ada": 13.0, "bob": 2.0, "eve": 0.0, "fay": 2.5, "gus": 0.0}
    ada = book.attempts(student="ada")[0].graded
    assert ada.max_score == 13.0
    assert [one.task for one in ada.tasks] == [task.name for task in assignment(LESSON).tasks]
    kept = {(one["student"], one["before"], one["after"]) for one in book.regrades()}
    assert kept == {("ada", 2.5, 2.0), ("bob", 1.0, 2.0), ("eve", 0.0, 0.0)}


def test_a_dry_run_says_and_does_nothing(book):
    before = book.attempts()
    found = list(regrade(book, mended(), "size", dry_run=True))
    assert sum(one.outcome == "changed" for one in found) == 3
    assert book.attempts() == before


def test_stopped_half_way_and_run_again_it_ends_the_same(book):
    half = regrade(book, mended(2.0), "size")
    next(half)
    half.close()
    list(regrade(book, mended(2.0), "size"))
    assert scores(book)["bob"] == 2.0
    assert len(book.regrades()) == 3
    list(regrade(book, mended(2.0), "size"))
    assert len(book.regrades()) == 3


def test_an_unknown_task_is_named(book):
    with pytest.raises(InputError, match="size, moment"):
        list(regrade(book, assignment(LESSON), "sizes"))
