"""What is done in a lesson is remembered, and a guess is there when the lesson is reopened."""

import threading
from importlib import import_module

import pytest
import small_model

from k8snet_lessons.assess import TODO, Exercise
from k8snet_lessons.course.curriculum import LESSONS
from k8snet_lessons.course.progress import history
from k8snet_lessons.explorers._catalog import CATALOG
from k8snet_lessons.explorers.chains import clusterip_illusion
from k8snet_lessons.explorers.path import north_south_path


@pytest.fixture(autouse=True)
def path(tmp_path, monkeypatch):
    monkeypatch.setenv("K8SNET_PROGRESS", str(tmp_path / "progress.sqlite"))
    return tmp_path / "progress.sqlite"


def events(kind):
    for thread in threading.enumerate():
        if thread.name == "k8snet-progress":
            thread.join()
    return [event for event in history()[0] if event.kind == kind]


def test_a_guess_is_drawn_again_when_the_lesson_is_reopened():
    asked = small_model.asked()
    said = asked.commit(10)
    (event,) = events("guess")
    assert event.data["guess"] == 10
    assert event.data["answer"] == pytest.approx(46.55, abs=0.01)
    again = small_model.asked()
    assert again.guess == 10
    assert again.verdict == said
    lines = again._desk.frame(1000)["panels"][0]["data"]
    assert any(line.get("name") == "your guess" for line in lines)
    assert len(events("guess")) == 1


def test_without_a_record_the_plot_is_covered_again(monkeypatch):
    small_model.asked().commit(10)
    monkeypatch.setenv("K8SNET_PROGRESS", "off")
    assert small_model.asked().guess is None


def test_a_guess_at_another_question_is_not_taken_for_this_one(monkeypatch):
    small_model.asked().commit(10)
    kept = small_model.Prediction
    monkeypatch.setattr(small_model, "Prediction", lambda *a, **k: kept("Other?", *a[1:], **k))
    assert small_model.asked().guess is None


def test_a_guess_that_the_question_no_longer_allows_is_passed_over(monkeypatch):
    small_model.asked().commit(10)
    kept = small_model.Prediction
    monkeypatch.setattr(small_model, "Prediction", lambda *a, **k: kept(*a, minimum=50.0, **k))
    assert small_model.asked().guess is None


def test_turning_a_knob_is_recorded_once():
    explorer = small_model.explorer(lesson=5)
    assert events("touch") == []
    for load in (100, 200, 300):
        explorer.set(load_per_s=load)
    (event,) = events("touch")
    assert event.lesson == "05-conntrack-exhaustion"
    assert event.subject == "One queue"


def test_guesses_in_words_are_kept_too():
    north_south_path().commit("203.0.113.7")
    clusterip_illusion().commit("1/3")
    assert north_south_path().guess == "203.0.113.7"
    assert clusterip_illusion().guess == "1/3"
    assert [event.data["answer"] for event in events("guess")][1] == "1/2"
    assert [event.lesson[:2] for event in events("guess")] == ["01", "02"]


def test_a_checked_task_is_recorded_when_its_points_change(capsys):
    exercise = Exercise("05-conntrack-exhaustion")
    task = exercise.assignment.tasks[0]
    exercise.check(task.name, TODO)
    wrong = task.wrong[0].answer(exercise.given(task.name))
    exercise.check(task.name, wrong)
    exercise.check(task.name, wrong)
    (event,) = events("check")
    assert event.subject == f"05-conntrack-exhaustion/{task.name}"
    assert event.data["exercise_points"] == exercise.assignment.max_points
    assert task.wrong[0].misconception in event.data["misconceptions"]


def test_a_check_says_in_one_line_when_the_record_cannot_be_kept(monkeypatch, tmp_path, capsys):
    (tmp_path / "file").write_text("in the way")
    monkeypatch.setenv("K8SNET_PROGRESS", str(tmp_path / "file" / "progress.sqlite"))
    exercise = Exercise("05-conntrack-exhaustion")
    task = exercise.assignment.tasks[0]
    exercise.check(task.name, task.wrong[0].answer(exercise.given(task.name)))
    assert "kept until this kernel ends" in capsys.readouterr().out


@pytest.mark.parametrize("still", CATALOG)
def test_every_explorer_knows_its_lesson(still):
    module, _, factory = CATALOG[still].partition(":")
    explorer = getattr(import_module(module), factory)()
    explorer.uncover()
    explorer.set()
    (event,) = events("touch")
    assert event.lesson in {one.slug for one in LESSONS}
