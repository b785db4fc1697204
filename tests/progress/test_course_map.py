"""The map of the start notebook, without a screen."""

import json

import pytest

from k8snet_lessons.course.progress import answered, history, interviewed, record
from k8snet_lessons.explorers.course_map import BINDER, course_map

FIVE, LITTLE = "05-conntrack-exhaustion", "05-what-fills"


@pytest.fixture(autouse=True)
def path(tmp_path, monkeypatch):
    monkeypatch.setenv("K8SNET_PROGRESS", str(tmp_path / "progress.sqlite"))
    return tmp_path / "progress.sqlite"


@pytest.fixture
def shown():
    heard = []
    made = course_map()
    made.send = lambda content, buffers=None: heard.append(content)
    made.say = lambda **message: made._take(made, message, [])
    made.heard = heard
    return made


def old(event):
    """The same, long enough ago to be due."""
    return type(event)(event.kind, event.subject, event.lesson, event.data,
                       event.at.replace(year=event.at.year - 1), event.id)  # fmt: skip


def test_what_is_due_is_asked_and_the_map_follows(shown):
    record(old(answered(LITTLE, FIVE, "x", False)))
    missed = {"key": "iv/1", "question": "Q?", "point": "P", "lesson": FIVE}
    record(old(interviewed("s", points=1, max_points=2, own_points=1, missed=[missed])))
    shown.say(kind="look")
    assert shown.page["due"] == 2
    shown.say(kind="review")
    assert {one["id"] for one in shown.spec["items"]} == {LITTLE, "iv/1"}
    shown.say(kind="answer", id=LITTLE, given=3)
    shown.say(kind="turn", id="iv/1")
    assert shown.heard[-1]["html"] == "P"
    shown.say(kind="answer", id="iv/1", given="known")
    assert shown.page["due"] == 0
    assert [event.kind for event in history()[0]][-2:] == ["answer", "review"]


def test_the_record_is_saved_loaded_and_deleted(shown, path):
    record(answered(LITTLE, FIVE, "x", True))
    shown.say(kind="save")
    text = shown.heard[-1]["text"]
    assert len(json.loads(text)["events"]) == 1
    shown.say(kind="reset")
    assert not path.exists()
    assert "deleted" in shown.heard[-1]["text"]
    shown.say(kind="load", text=text)
    assert shown.heard[-1]["text"] == "1 events read, 1 of them new."
    assert "1 begun" in shown.page["summary"]
    shown.say(kind="load", text="[")
    assert shown.heard[-1]["kind"] == "error"


def test_a_broken_record_is_said_on_the_map(shown, path):
    path.write_text("no database" * 200)
    shown.say(kind="look")
    assert str(path) in shown.page["notice"]


def test_the_certificate_is_one_file(shown):
    shown.say(kind="certificate", name="Ada")
    assert shown.heard[-1]["name"].endswith(".html")
    assert "Ada" in shown.heard[-1]["text"]


def test_on_binder_the_map_warns_before_it_is_too_late(monkeypatch):
    assert course_map().page["warning"] == ""
    monkeypatch.setenv("BINDER_LAUNCH_HOST", "https://mybinder.org/")
    assert course_map().page["warning"] == BINDER


def test_without_a_record_there_is_nothing_to_save_or_delete(monkeypatch):
    monkeypatch.setenv("K8SNET_PROGRESS", "off")
    assert not course_map().page["recorded"]
