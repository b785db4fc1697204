"""An interview without a screen: flow, follow-ups, log, report, transcript, terminal."""

import json

import pytest
from click.testing import CliRunner

from k8snet_lessons.cli import main
from k8snet_lessons.course.progress import interviewed
from k8snet_lessons.errors import InputError
from k8snet_lessons.figures.radar import radar_svg
from k8snet_lessons.interview import Interview, as_markdown, as_page, open_questions, report
from k8snet_lessons.interview.proofs import PROOFS, prove
from k8snet_lessons.interview.session import proposals, rubric_of
from k8snet_lessons.interview.threads import following, thread, threads
from k8snet_lessons.interview.transcript import first_answer

GRPC = "10-grpc-imbalance"
HALF = "All calls share one long-lived HTTP/2 connection. The connection age is set on the client."


def held(answer=HALF, first=GRPC, questions=1, overruled=None):
    interview = Interview.begin(first, questions)
    while interview.state.phase != "over":
        if interview.state.phase == "review":
            interview.review(overruled)
        elif interview.state.phase == "answer":
            interview.say(answer, seconds=500, confidence=5)
        else:
            interview.say("18", seconds=5)
    return interview


def test_the_follow_up_is_on_the_heaviest_contradiction_then_the_heaviest_gap():
    interview = Interview.begin(GRPC, 1)
    interview.say(HALF)
    assert interview.state.turn.asked == "connection-age"
    interview.say("Right, MAX_CONNECTION_AGE belongs to the server, which sends GOAWAY.")
    assert proposals(interview.state.turn)["connection-age"] == "made"
    assert interview.state.turn.asked == "balanced-per-connection"
    interview.say("I do not know.")
    assert interview.state.phase == "proof"


def test_a_full_answer_is_not_followed_up():
    interview = Interview.begin(GRPC, 1)
    interview.say(rubric_of(GRPC).model_answer)
    assert interview.state.phase == "proof"


def test_what_was_made_when_asked_counts_half():
    interview = Interview.begin(GRPC, 1)
    interview.say("All calls share one long-lived HTTP/2 connection.")
    interview.say("A ClusterIP balances connections, not requests.")
    for _ in range(2):
        interview.say("")
    interview.review()
    found = {one.point: one for one in report(interview).results}
    asked = found["balanced-per-connection"]
    assert asked.prompted
    assert asked.points("made") == asked.weight / 2
    assert not found["one-connection"].prompted


def test_two_scores_and_their_gap():
    found = report(held(overruled={"the-price": "made", "one-connection": "missing"}))
    assert found.own_points - found.points == pytest.approx(1.5 - 2)
    assert found.gap == pytest.approx(found.own_score - found.score, abs=1e-4)
    keys = [one["key"] for one in found.missed()]
    assert f"{GRPC}/one-connection" in keys
    assert f"{GRPC}/the-price" not in keys


def test_a_log_replays_to_the_same_report():
    interview = held(questions=3)
    again = Interview.read(json.dumps(interview.log()))
    assert report(again) == report(interview)
    assert as_page(again) == as_page(interview)
    assert again.id == interview.id


def test_a_report_says_what_to_read_and_by_what_it_judges():
    found = report(held())
    assert 1 <= len(found.read_next) <= 3
    assert found.read_next[0].link.startswith("10-connection-pinning.ipynb#")
    assert {one.name for one in found.dimensions} >= {"mechanism", "trade-offs", "clarity"}
    assert found.questions[0].seconds > found.questions[0].budget_s
    assert found.questions[0].proved.right
    json.dumps(found.to_json())


def test_the_missed_points_fit_the_record_of_progress():
    found = report(held())
    event = interviewed(
        found.session, points=found.points, max_points=found.max_points,
        own_points=found.own_points, missed=found.missed(), title=found.title,
    )  # fmt: skip
    assert len(event.data["missed"]) == sum(one.own != "made" for one in found.results)


def test_a_transcript_holds_what_was_said_and_runs_nothing_of_it():
    interview = held("<script>alert(1)</script> All calls share | one HTTP/2 connection.")
    page, text = as_page(interview), as_markdown(interview)
    assert "<script" not in page
    assert "&lt;script&gt;" in page
    assert "<mark class='k8s-made'" in page
    assert "Model answer" in text
    assert "> <script>" in text


def test_words_that_decide_two_points_are_marked_once():
    interview = held("Use nftables or IPVS, which look up in a map.", "03-iptables-at-scale")
    spans = [one.span for one in first_answer(interview.state.turns[0]).points if one.span]
    assert len(spans) == 2
    assert spans[0] == spans[1]
    assert as_page(interview).count("<mark") == 1


@pytest.mark.parametrize(
    ("events", "field"),
    [
        ([], "events"),
        ([{"do": "answer", "text": "x"}], "do"),
        ([{"do": "begin", "first": GRPC, "questions": 0}], "questions"),
        ([{"do": "begin", "first": "nope", "questions": 1}], "question"),
        ([{"do": "begin", "first": GRPC, "questions": 1}, {"do": "proof", "text": ""}], "do"),
        ([{"do": "begin", "first": GRPC, "questions": 1}, {"do": "answer", "text": 5}], "text"),
        (
            [
                {"do": "begin", "first": GRPC, "questions": 1},
                {"do": "answer", "text": "", "seconds": float("nan")},
            ],
            "seconds",
        ),
        (
            [
                {"do": "begin", "first": GRPC, "questions": 1},
                {"do": "answer", "text": "", "confidence": 9},
            ],
            "confidence",
        ),
        ([3], "event"),
    ],
)
def test_a_damaged_log_names_what_is_wrong(events, field):
    with pytest.raises(InputError) as error:
        Interview.read({"format": 1, "events": events})
    assert error.value.field == field


@pytest.mark.parametrize("log", ["{", "[]", {"format": 9, "events": []}, None, b"\xff"])
def test_what_is_no_log_is_refused(log):
    with pytest.raises(InputError):
        Interview.read(log)


def test_a_log_of_other_questions_says_so():
    log = held().log() | {"bank": "other"}
    assert "changed" in report(Interview.read(log)).notes[0]


def test_the_graph_reaches_every_question_and_asks_none_twice():
    names = {one.id for one in open_questions()}
    assert {one.question for one in threads()} == names
    asked = [threads()[0].question]
    while len(asked) < len(names):
        asked.append(following(asked[-1], [], asked))
    assert set(asked) == names
    lead = thread("01-walk-the-path").leads["tight-connection-table"]
    assert following("01-walk-the-path", ["tight-connection-table"], []) == lead


@pytest.mark.parametrize("name", PROOFS)
def test_each_proof_can_be_shown_and_is_judged(name):
    exec(PROOFS[name].code, {"print": lambda *_: None})
    right = "ndots=2 queries=2" if name == "count the queries" else str(PROOFS[name].expected())
    assert prove(name, right).right
    assert not prove(name, "no idea 987654").right
    assert not prove(name, "").right


def test_every_proof_of_the_bank_is_known():
    proofs = [one.rubric.proof for one in open_questions() if one.rubric.proof]
    assert {one.name for one in proofs} == set(PROOFS)


def test_a_radar_says_in_words_what_it_draws():
    svg = radar_svg([("dns", 0.5), ("a & b", 0.0), ("mtu", 1.0)])
    assert "a &amp; b 0 %" in svg
    assert svg.count("<line") == 3
    assert "<li>dns: 50 %" in radar_svg([("dns", 0.5)])


def run(tmp_path, said, *options):
    """The command with its input piped in; nothing is recorded."""
    runner = CliRunner(env={"K8SNET_PROGRESS": "off"})
    return runner.invoke(main, ["interview", *options], input=said)


def test_the_terminal_holds_an_interview_from_a_pipe(tmp_path):
    log, kept = tmp_path / "log.json", tmp_path / "kept.md"
    said = f"{HALF}\n\n4\nIt is the server's.\n\nPer connection.\n\n18\n\n99 made\n2 made\n"
    options = ("10", "--questions", "1", "--log", str(log), "--transcript", str(kept))
    result = run(tmp_path, said, *options)
    assert result.exit_code == 0, result.output
    assert "a number from 1 to 7" in result.output
    assert "points by your verdicts" in result.output
    assert "Mock interview" in kept.read_text()
    again = run(tmp_path, "", "--replay", str(log), "--json")
    assert json.loads(again.output)["complete"] is True
    assert json.loads(log.read_text())["events"][-1]["overruled"] == {
        "balanced-per-connection": "made"
    }


def test_the_terminal_breaks_off_without_a_traceback(tmp_path):
    result = run(tmp_path, "Something.\n", "10", "--json")
    assert result.exit_code == 1
    assert json.loads(result.stdout)["complete"] is False
    (tmp_path / "bad.json").write_text("{")
    assert run(tmp_path, "", "--replay", str(tmp_path / "bad.json")).exit_code == 2
    assert run(tmp_path, "", "nope").exit_code == 2
    assert run(tmp_path, "", "--transcript", "x.doc").exit_code == 2
    assert "10-grpc-imbalance" in run(tmp_path, "", "--list").output
