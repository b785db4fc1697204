"""The scorer reads what is said: negation, reports, typing errors, lists of words, odd texts."""

import random
import re
import sys
from pathlib import Path

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from k8snet_lessons.course.curriculum import LESSONS
from k8snet_lessons.errors import InputError
from k8snet_lessons.interview import open_questions, score_answer
from k8snet_lessons.interview.patterns import parse

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "tools"))
import measure_agreement  # noqa: E402

QUESTIONS = open_questions()
EACH = pytest.mark.parametrize("asked", QUESTIONS, ids=lambda one: one.id)
SCALE, GRPC, FULL = "03-iptables-at-scale", "10-grpc-imbalance", "05-post-mortem"


def verdict(question, point, text):
    return score_answer(question, text).verdict(point)


@EACH
def test_the_model_answer_makes_every_point(asked):
    scored = score_answer(asked.id, asked.rubric.model_answer)
    assert {p.id: p.verdict for p in scored.points} == dict.fromkeys(
        (p.id for p in asked.rubric.points), "made"
    )
    assert scored.score == 1.0


@EACH
def test_each_pattern_can_be_read(asked):
    for point in asked.rubric.points:
        for line in point.says + tuple(line for wrong in point.wrong for line in wrong.says):
            assert parse(line).groups


@EACH
def test_a_point_leads_to_a_heading_of_a_lesson(asked):
    sources = {one.slug: ROOT / "lessons" / f"{one.slug}.md" for one in LESSONS}
    for point in asked.rubric.points:
        slug, heading = point.read.split("#", 1)
        assert slug in sources
        if sources[slug].is_file():
            lines = sources[slug].read_text(encoding="utf-8").splitlines()
            assert any(line.lstrip("#") == f" {heading}" for line in lines), point.read


@EACH
def test_the_question_itself_is_no_answer(asked):
    assert score_answer(asked.id, asked.prompt).score == 0


@EACH
def test_keywords_alone_make_nothing(asked):
    """Every word of the model answer that carries meaning, in its order, without the glue."""
    from k8snet_lessons.interview._english import FUNCTION
    from k8snet_lessons.interview._words import words

    found = words(asked.rubric.model_answer)
    kept = [w.written for w in found if w.stem not in FUNCTION and w.written.isalnum()]
    for text in (" ".join(kept), ", ".join(kept), "\n".join(kept), "; ".join(kept)):
        assert score_answer(asked.id, text).score == 0


@EACH
def test_the_right_words_in_no_order_make_nothing(asked):
    rng = random.Random(7)
    said = asked.rubric.model_answer.split()
    claims = " ".join(point.claim for point in asked.rubric.points).split()
    for kept in (said, claims):
        shuffled = rng.sample(kept, len(kept))
        assert score_answer(asked.id, " ".join(shuffled)).score == 0
        assert score_answer(asked.id, " ".join(reversed(kept))).score == 0
    sentences = [line.split() for line in asked.rubric.model_answer.split(".")]
    within = ". ".join(" ".join(rng.sample(line, len(line))) for line in sentences)
    scored = score_answer(asked.id, within)
    assert scored.score == 0
    assert "no order" in scored.notes[0]


@EACH
def test_keywords_on_a_string_make_nothing(asked):
    from k8snet_lessons.interview._english import FUNCTION
    from k8snet_lessons.interview._words import words

    found = words(asked.rubric.model_answer)
    kept = [w.written for w in found if w.stem not in FUNCTION and w.written.isalnum()]
    for string in (" -> ", " = ", " | ", " and ", ", the ", "\n- "):
        assert score_answer(asked.id, string.join(kept)).score == 0


@EACH
def test_what_the_interviewer_said_is_no_answer_when_it_is_said_back(asked):
    asks = [point.follow_up for point in asked.rubric.points]
    said = score_answer(asked.id, " ".join(asks)).score
    assert said <= 0.1
    assert score_answer(asked.id, " ".join(asks).replace("?", ".")).score == said


@EACH
def test_what_is_called_untrue_is_not_said(asked):
    lines = [line for line in re.split(r"(?<=[.])\s+", asked.rubric.model_answer) if line]
    denied = " ".join(f"It is not true that {line[0].lower()}{line[1:]}" for line in lines)
    plain = score_answer(asked.id, asked.rubric.model_answer).score
    assert score_answer(asked.id, denied).score <= plain - 0.3


def test_saying_it_often_says_no_more():
    line = "Only the first packet of a connection walks the rules. "
    once, often = score_answer(SCALE, line), score_answer(SCALE, line * 50)
    assert often.points == once.points
    assert often.score == once.score


@EACH
def test_evidence_is_the_learners_own_words(asked):
    text = "Ünrelated — “quoted” ﬁrst.\n\n" + asked.rubric.model_answer
    for point in score_answer(asked.id, text).points:
        start, end = point.span
        assert text[start:end] == point.evidence
        assert point.evidence.strip()


@pytest.mark.parametrize(
    ("question", "point", "text", "expected"),
    [
        (SCALE, "linear-list", "iptables does not scan a hash.", "missing"),
        (SCALE, "linear-list", "iptables finds the service through a hash.", "contradicted"),
        (SCALE, "linear-list", "It is a myth that iptables uses a hash.", "missing"),
        (SCALE, "first-packet-only", "Only the first packet walks the rules.", "made"),
        (SCALE, "first-packet-only", "Not every packet scans the rules, only the first.", "made"),
        (SCALE, "first-packet-only", "Every packet scans the rules.", "contradicted"),
        (SCALE, "first-packet-only", "People say every packet scans the rules.", "missing"),
        (SCALE, "first-packet-only", "Does only the first packet walk the rules?", "missing"),
        (FULL, "new-flows-only", "It never drops established connections.", "made"),
        (FULL, "new-flows-only", "It drops established connections.", "contradicted"),
        (FULL, "new-flows-only", "Open connections aren't touched, new ones are dropped.", "made"),
        (FULL, "silence", "The client does not get a reset, just silence, and retries.", "made"),
        (FULL, "silence", "The client gets a reset.", "contradicted"),
        ("04-slow-names", "eight-queries", "DNS makes four queries.", "contradicted"),
        (
            "04-slow-names",
            "eight-queries",
            "People say DNS makes four queries, in fact eight.",
            "made",
        ),
        (GRPC, "connection-age", "The max connection age is set on the client.", "contradicted"),
        (
            GRPC,
            "connection-age",
            "Max connection age is not the client's but the server's.",
            "made",
        ),
        (GRPC, "layer-7-proxy", "I have no idea whether a mesh would help here.", "missing"),
        ("01-walk-the-path", "balancer-layers", "The NLB terminates HTTP.", "contradicted"),
        ("01-walk-the-path", "balancer-layers", "The NLB doesn't terminate HTTP.", "made"),
        (
            "01-walk-the-path",
            "kube-proxy-programs",
            "Packets go through kube-proxy.",
            "contradicted",
        ),
        ("01-walk-the-path", "kube-proxy-programs", "No packet goes through kube-proxy.", "made"),
    ],
)
def test_negation_and_reports_have_their_scope(question, point, text, expected):
    assert verdict(question, point, text) == expected


def test_single_sentences_make_what_they_say():
    sentences = yaml.safe_load((ROOT / "tests/data/interview-sentences.yaml").read_text())
    assert len(sentences) > 150
    wrong = [one for one in sentences if verdict(one[0], one[1], one[3]) != one[2]]
    assert wrong == []


def test_a_correction_counts_when_it_follows():
    text = "Every packet walks the rules. Sorry, wait: only the first packet of a connection does."
    assert verdict(SCALE, "first-packet-only", text) == "made"


def test_typing_errors_and_both_spellings_are_read():
    assert verdict(SCALE, "first-packet-only", "Olny the frist pakcet wlaks the ruels.") == "made"
    text = "The service mesh recognises HTTP/2 and load-balances each call."
    assert verdict(GRPC, "layer-7-proxy", text) == "made"


def test_names_are_read_in_one_piece_or_two():
    for name in ("NodePort", "node port", "nodePort", "node-port"):
        text = f"The balancer sends it to the {name} of a worker."
        assert verdict("01-walk-the-path", "node-port-or-pod", text) == "made"


@pytest.mark.parametrize(
    "text", ["", " \n\t ", "?!…", "🙂🙃", "\u200b\u202e", "ﷺ" * 50, "a" * 5_000]
)
def test_an_answer_that_says_nothing_scores_nothing(text):
    for asked in QUESTIONS:
        scored = score_answer(asked.id, text)
        assert scored.score == 0
        assert {p.verdict for p in scored.points} == {"missing"}


def test_zero_width_and_full_width_letters_are_read_through():
    text = "Only the fi\u200brst pa\u00adcket walks the ｒｕｌｅｓ of iptables."
    assert verdict(SCALE, "first-packet-only", text) == "made"


def test_what_is_too_long_is_cut_and_said():
    scored = score_answer(SCALE, "Only the first packet walks the rules. " + "I go on. " * 200_000)
    assert scored.verdict("first-packet-only") == "made"
    assert "10,000" in scored.notes[0]


def test_a_follow_up_gives_its_answer_something_to_be_about():
    text = "To pod addresses, from the EndpointSlices."
    path, point = "01-walk-the-path", "ingress-to-endpoints"
    assert verdict(path, point, text) == "missing"
    scored = score_answer(path, text, follow_up=point)
    assert scored.verdict(point) == "made"
    assert {p.evidence in text for p in scored.points} == {True}
    assert score_answer(path, "", follow_up=point).score == 0
    with pytest.raises(InputError, match="follow_up"):
        score_answer(path, text, follow_up="nope")


def test_a_follow_up_question_alone_makes_nothing():
    for asked in QUESTIONS:
        for point in asked.rubric.points:
            for text in ("", "I do not know.", "Hm, good question.", "Yes."):
                scored = score_answer(asked.id, text, follow_up=point.id)
                assert scored.score == 0, (point.id, text)


def test_no_such_question():
    with pytest.raises(InputError, match="03-iptables-at-scale"):
        score_answer("nope", "x")


@settings(max_examples=60, deadline=None)
@given(st.text(max_size=400))
def test_any_text_is_scored_without_an_error(text):
    scored = score_answer(SCALE, text)
    assert 0 <= scored.score <= 1
    assert scored == score_answer(SCALE, text)


def test_a_true_answer_survives_noise_around_it():
    noise = ["We had a nice lunch that day.", "My cat is called Packet.", "Let me think."]
    rng = random.Random(5)
    for asked in QUESTIONS:
        parts = [*noise, asked.rubric.model_answer]
        rng.shuffle(parts)
        assert score_answer(asked.id, "\n\n".join(parts)).score > 0.85


def test_it_agrees_with_marks_that_it_was_not_tuned_on():
    """The measured value stands in the course's data; the floor leaves room for rewording."""
    unseen = measure_agreement.summary(measure_agreement.pairs(unseen=True))
    assert unseen["judgments"] > 300
    assert unseen["kappa"] > 0.8


@pytest.mark.parametrize(("voice", "least"), [("second", 0.75), ("third", 0.85)])
def test_it_agrees_with_other_voices(voice, least):
    """Half of the answers of somebody who knew no pattern; that half was not tuned on."""
    unseen = measure_agreement.summary(measure_agreement.pairs(unseen=True, voice=voice))
    assert unseen["judgments"] > 200
    assert unseen["kappa"] > least
    wrong = {one: n for one, n in unseen["counts"].items() if one.startswith("contradicted /")}
    assert wrong["contradicted / contradicted"] > 0.7 * sum(wrong.values())


@pytest.mark.parametrize(
    ("question", "point", "text", "expected"),
    [
        # "Contrary to what people say" sets a report aside; the speaker's own view follows.
        (
            "02-explain-a-clusterip",
            "even-odds",
            "Contrary to what people say, the pod is picked at random with the same probability.",
            "made",
        ),
        # A number counts its own noun.
        (
            "04-slow-names",
            "eight-queries",
            "The four names are queried for A and AAAA, so eight queries.",
            "made",
        ),
        # A phrase may close around another group's words.
        (
            SCALE,
            "partial-writes",
            "Whenever a pod comes, kube-proxy writes the whole list again.",
            "contradicted",
        ),
        # Half of a wrong statement may stand in a subordinate clause before it.
        (FULL, "rate-times-lifetime", "Once it is closed, its entry is erased.", "contradicted"),
        (FULL, "rate-times-lifetime", "Once it is closed, its entry is not erased.", "missing"),
        # A field's name is not plain English.
        ("09-zones-and-cost", "traffic-distribution", "I use PreferSameZone.", "made"),
        (
            "09-zones-and-cost",
            "traffic-distribution",
            "I would prefer that the same zone serves it.",
            "missing",
        ),
    ],
)
def test_clauses_counts_and_names(question, point, text, expected):
    assert verdict(question, point, text) == expected


def test_the_recorded_agreement_is_what_the_script_computes():
    import json

    recorded = json.loads(measure_agreement.RESULT.read_text(encoding="utf-8"))
    for voice in measure_agreement.VOICES:
        kept = recorded if voice == "first" else recorded[voice]
        for part, unseen in (("tuned", False), ("unseen", True)):
            found = measure_agreement.pairs(unseen, voice=voice)
            assert kept[part] == measure_agreement.summary(found)
            # The first meeting was with the same answers.
            blind = kept.get("blind", kept)
            assert blind[part]["judgments"] == kept[part]["judgments"]


def test_half_open_connections_are_not_open_ones():
    said = "Half-open connections are evicted first; established ones live on."
    assert verdict(FULL, "new-flows-only", said) == "made"
    assert verdict(FULL, "new-flows-only", "Open connections are evicted.") == "contradicted"


@pytest.mark.parametrize("ladder", ["1, 3, 7", "1, 2, 3"])
def test_both_ladders_of_syn_retries_are_known(ladder):
    said = f"A dropped SYN would show as {ladder} seconds, not five."
    assert verdict("12-incident-live", "five-is-a-timeout", said) == "made"
