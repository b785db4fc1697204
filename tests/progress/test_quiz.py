"""The quiz of a lesson: judged in Python, so all of it is tested without a screen."""

import pytest

from k8snet_lessons.course.asked import card, item, rich
from k8snet_lessons.course.curriculum import LESSONS
from k8snet_lessons.course.numbers import pose
from k8snet_lessons.course.progress import history
from k8snet_lessons.course.questions import bank, quiz_questions
from k8snet_lessons.errors import InputError
from k8snet_lessons.explorers.quiz import BINDER, Quiz, quiz

WRONG, RIGHT = "60,000", "120,000"
LITTLE = "05-what-fills"


@pytest.fixture(autouse=True)
def path(tmp_path, monkeypatch):
    monkeypatch.setenv("K8SNET_PROGRESS", str(tmp_path / "progress.sqlite"))


def say(asked, **message):
    """What the page would send; what it hears back."""
    heard = []
    asked.send = lambda content, buffers=None: heard.append(content)
    asked._take(asked, message, [])
    return heard


def test_an_answer_is_judged_explained_and_recorded_once():
    asked = quiz("05")
    assert say(asked, kind="answer", id=LITTLE, given=2) == []
    shown = asked.answers[LITTLE]
    assert (shown["right"], shown["chosen"], shown["key"]) == (False, 2, 3)
    assert "the socket" in shown["because"][2] or "socket's" in shown["because"][2]
    say(asked, kind="answer", id=LITTLE, given=3)
    (event,) = history()[0]
    assert (event.subject, event.data["given"], event.data["right"]) == (LITTLE, WRONG, False)
    assert asked.answers[LITTLE]["chosen"] == 2


def test_answers_are_there_when_the_notebook_is_reopened():
    quiz("05").answer(LITTLE, RIGHT)
    again = quiz("05")
    assert again.answers[LITTLE]["right"]
    say(again, kind="again")
    assert again.answers == {}
    again.answer(LITTLE, WRONG)
    assert [event.data["right"] for event in history()[0]] == [True, False]
    assert not quiz("05").answers[LITTLE]["right"]


@pytest.mark.parametrize("given", [9, -1, True, None, "all of them", [1]])
def test_what_is_no_answer_is_refused_and_not_recorded(given):
    asked = quiz("05")
    (heard,) = say(asked, kind="answer", id=LITTLE, given=given)
    assert heard["kind"] == "error"
    assert asked.answers == {}
    assert history()[0] == []


def test_an_unknown_question_names_those_there_are():
    (heard,) = say(quiz("05"), kind="answer", id="05-x", given=0)
    assert LITTLE in heard["text"]


def test_the_page_is_not_told_the_answer_before_it_is_asked():
    for one in LESSONS:
        for question in quiz_questions(one.slug):
            spec = str(item(question).spec())
            assert all(rich(choice.because) not in spec for choice in question.choices)
            assert "right" not in item(question).spec()


def test_every_question_that_a_quiz_can_ask_takes_its_right_answer():
    for question in bank():
        if question.kind == "open":
            with pytest.raises(InputError, match="kind"):
                item(question)
            continue
        asked = item(question)
        if asked.kind == "number":
            assert asked.judge(str(pose(question).answer)).right
            assert not asked.judge("-1").right
        else:
            told = [asked.judge(choice) for choice in asked.choices]
            assert [one.right for one in told].index(True) == told[0].key
            assert sum(one.right for one in told) == 1


def test_a_card_is_judged_by_the_learner():
    cards = Quiz("Review", [card("k", "05-x", "Front", "The **back**")], remember=False)
    assert say(cards, kind="turn", id="k") == [
        {"kind": "back", "id": "k", "html": "The <strong>back</strong>"}
    ]
    assert not cards.answer("k", "missed").right


def test_what_comes_from_a_file_is_never_markup():
    assert rich("a <script> & `b<c>`") == "a &lt;script&gt; &amp; <code>b&lt;c&gt;</code>"


def test_on_binder_the_page_says_that_the_machine_is_deleted(monkeypatch):
    assert "on this machine only" in quiz("05").kept
    monkeypatch.setenv("BINDER_SERVICE_HOST", "x")
    assert quiz("05").kept == BINDER
    monkeypatch.setenv("K8SNET_PROGRESS", "off")
    assert quiz("05").kept == ""


def test_a_reader_without_a_kernel_gets_every_question_with_its_reasons():
    for question in quiz_questions("05-conntrack-exhaustion"):
        assert question.prompt in quiz("05").reading
        assert all(choice.because in quiz("05").reading for choice in question.choices)
