"""``k8snet review`` asks what is due; an interview goes on, and is overruled afterwards."""

import json
from datetime import UTC, datetime, timedelta

import pytest
from click.testing import CliRunner

from k8snet_lessons.cli import main
from k8snet_lessons.course.progress import answered, history, interviewed, record
from k8snet_lessons.course.progress.standing import standing
from k8snet_lessons.interview import Interview, report
from k8snet_lessons.interview.kept import FILE, keep, unfinished
from k8snet_lessons.interview.proofs import prove

QUESTION, LESSON = "05-what-fills", "05-conntrack-exhaustion"
OLD = datetime.now(UTC) - timedelta(days=9)


@pytest.fixture(autouse=True)
def path(tmp_path, monkeypatch):
    monkeypatch.setenv("K8SNET_PROGRESS", str(tmp_path / "progress.sqlite"))
    return tmp_path


def run(*arguments, said=""):
    return CliRunner().invoke(main, list(arguments), input=said)


def miss():
    card = {"key": "10/x", "question": "Who chooses?", "point": "The kernel.", "lesson": LESSON}
    record(interviewed("s", points=1, max_points=2, own_points=1, missed=[card], at=OLD))


def test_nothing_is_due_on_a_new_machine():
    done = run("review")
    assert (done.exit_code, "due" in done.output or "Nothing" in done.output) == (0, True)


def test_a_card_is_shown_turned_and_scheduled():
    miss()
    done = run("review", said="\nperhaps\ny\n")
    assert done.exit_code == 0
    assert done.output.index("Who chooses?") < done.output.index("The kernel.")
    assert "That is no answer: one of y, n." in done.output
    assert "1 of 1 known" in done.output
    assert history()[0][-1].kind == "review"
    assert not standing(history()[0]).due


def test_a_question_is_asked_again_by_letter_and_explained():
    from dataclasses import replace

    record(replace(answered(QUESTION, LESSON, "60,000", right=False), at=OLD))
    done = run("review", said="z\na\n")
    assert done.exit_code == 0
    assert "That is no answer: one of a, b, c, d." in done.output
    assert "✓ Right." in done.output or "Right is: " in done.output
    assert [event.kind for event in history()[0]] == ["answer", "answer"]


def test_a_review_that_is_broken_off_keeps_what_was_answered():
    miss()
    done = run("review", said="")
    assert done.exit_code == 1
    assert "Broken off" in done.output


def test_an_interview_goes_on_where_it_was_broken_off(path):
    done = run("interview", "02", "--questions", "1", said="It is a virtual address.\n\n3\n")
    assert done.exit_code == 1
    assert "--resume" in done.output
    left = unfinished()
    assert left is not None
    assert left.state.turn.text == "It is a virtual address."
    assert run("interview", "--resume", said="Rules.\n" + 9 * "\n").exit_code == 0
    assert unfinished() is None
    assert not (path / FILE).exists()
    assert run("interview", "--resume").exit_code == 2


@pytest.mark.parametrize("text", ["", "{}", "[1]", '{"format": 99, "events": []}', "\x00"])
def test_a_damaged_file_is_no_interview(path, text):
    (path / FILE).write_text(text)
    assert unfinished() is None


def hold(opening="02", answer="A virtual address that only the rules know."):
    held = Interview.begin(opening, 1)
    held.say(answer)
    while held.state.phase != "review":
        held.say("")
    held.review()
    return held


def test_verdicts_changed_later_replace_the_score_in_the_record(path):
    held = hold()
    record(report(held).event())
    before = report(held)
    missing = next(one for one in before.results if one.own == "missing")
    log = path / "log.json"
    log.write_text(json.dumps(held.log()))
    place = [one.point for one in before.results].index(missing.point) + 1
    done = run(
        "interview", "--replay", str(log), "--overrule", f"02: {place} made", "--log", str(log)
    )
    assert done.exit_code == 0
    (kept,) = standing(history()[0]).interviews
    assert kept.points == before.points
    assert kept.own_points == before.own_points + missing.weight
    assert history()[0][-1].data["gap"] == missing.weight
    assert len(standing(history()[0]).cards) == len(before.missed()) - 1
    # The log, read again, says the same, and is the same session.
    again = Interview.read(log.read_text())
    assert (again.id, report(again).own_points) == (held.id, kept.own_points)
    # Taken back, the record follows again.
    run("interview", "--replay", str(log), "--overrule", "02:")
    (kept,) = standing(history()[0]).interviews
    assert kept.own_points == before.own_points


def test_a_clock_set_back_does_not_bring_an_old_verdict_back():
    told = {"points": 1.0, "max_points": 4.0, "missed": []}
    record(interviewed("s", **told, own_points=1.0, at=OLD))
    record(interviewed("s", **told, own_points=3.0, later=1, at=OLD - timedelta(days=1)))
    (kept,) = standing(history()[0]).interviews
    assert (kept.points, kept.own_points) == (1.0, 3.0)


def test_verdicts_are_changed_only_after_the_end_and_on_what_was_asked(path):
    held = Interview.begin("02", 1)
    with pytest.raises(ValueError, match="answer"):
        held.overrule("02-explain-a-clusterip", {})
    with pytest.raises(ValueError, match="02-explain-a-clusterip"):
        hold().overrule("10-grpc-imbalance", {})
    keep(held)
    assert unfinished() is None  # nothing was said yet


@pytest.mark.parametrize(
    ("name", "answer", "right"),
    [
        ("idle pods", "18", True),
        ("idle pods", "17 are idle", False),
        ("idle pods", "none", False),
        ("idle pods", "10 12 14 16 17 18 19 20", False),
        ("which wait", "Not dns, but a SYN.", True),
        ("which wait", "syn", True),
        ("which wait", "dns or syn", False),
        ("which wait", "the dns one", False),
    ],
)
def test_a_wrong_proof_is_called_wrong(name, answer, right):
    proved = prove(name, answer)
    assert proved.right is right
    assert proved.text.startswith("Right: " if right else "Wrong: ")


def test_nobody_has_less_than_no_points():
    held = hold("10", "gRPC opens a connection for each call. A ClusterIP balances each request.")
    assert report(held).points == 0
