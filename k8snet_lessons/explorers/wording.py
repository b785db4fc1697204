"""The explorer of lesson 13: what wording does to the verdicts on an answer."""

import json
from collections.abc import Iterable, Mapping
from functools import cache
from importlib.resources import files
from random import Random
from typing import Any, Final

from k8snet_lessons.explorers._knob import Knob
from k8snet_lessons.explorers._view import Number, Panel, Prediction, Row, View
from k8snet_lessons.explorers._widget import Explorer
from k8snet_lessons.figures.palette import BLUE
from k8snet_lessons.figures.tables import Table
from k8snet_lessons.figures.verdict_bars import verdict_bars
from k8snet_lessons.interview import Scored, score_answer
from k8snet_lessons.interview.session import rubric_of
from k8snet_lessons.interview.threads import thread

QUESTION: Final = "03-iptables-at-scale"
#: Six answers to one question, from the same words.
ANSWERS: Final[Mapping[str, tuple[str, str]]] = {
    "fluent": (
        "fluent",
        "With thousands of services iptables turns into a huge bottleneck for the CPU. Every "
        "packet has to be compared with the whole list of rules, one after the other. Whenever a "
        "pod is added or removed, the complete rule set has to be written again. A senior engineer "
        "therefore moves the cluster to Cilium, which finds the service in a BPF hash map with a "
        "single lookup, at near-native speed.",
    ),
    "sound": (
        "sound",
        "There are two costs. The first packet of a connection walks a list with one rule a "
        "service, so this grows with the number of services; later packets follow their conntrack "
        "entry. And every change of an endpoint is programmed on every node, where a sync can take "
        "seconds. Only the chains of changed services are written today. The lock makes the tools "
        "wait for each other, not the packets. I would measure the sync duration first, reuse "
        "connections, and then move to nftables mode, which finds a service by one lookup in a "
        "map. Cilium does it with a hash map at connect. IPVS is deprecated.",
    ),
    "denied": (
        "the same words, denied",
        "iptables does not keep the services in a list, it uses a hash table. The first packet is "
        "not the only one that walks the rules: every packet is matched against all of them. "
        "nftables does not use a map.",
    ),
    "keywords": (
        "keywords only",
        "linear list, first packet, conntrack entry, programming every node, sync seconds, partial "
        "restore, changed chains, xtables lock, nftables verdict map, eBPF hash map, IPVS "
        "deprecated, keep-alive, metrics",
    ),
    "reported": (
        "what people say, set right",
        "People say that every packet walks all the rules; in fact only the first one of a "
        "connection does. And it is a myth that each change rewrites everything: today only the "
        "chains of the services that changed are written.",
    ),
    "short": (
        "in note form",
        "Rule walk is linear in services, but only for the first packet of a flow. Updates: every "
        "node, seconds per sync. Fix: nftables mode -> map lookup. Not IPVS, it is deprecated.",
    ),
}


def wording() -> Explorer:
    """Return the explorer: an answer, cut short or mistyped, against the verdicts on it."""
    knobs = [
        Knob("answer", "Answer", "fluent", kind="choice",
             choices={name: label for name, (label, _) in ANSWERS.items()}),
        Knob("sentences", "Sentences said", 9, min=1, max=9, step=1,
             help="the answer breaks off after so many"),
        Knob("mistyped", "Words mistyped", 0, min=0, max=40, step=5, unit="%",
             help="two letters change places, in words of five letters and more"),
    ]  # fmt: skip
    guess = Prediction(
        "A candidate gives the answer named fluent: it flows, it names the right things, and half "
        "of it is wrong. What percentage of the points does the rubric leave?",
        "%",
        lambda view: view.number("score"),
        settings={},
        axis="x",
        panel=1,
        minimum=None,
    )
    return Explorer(
        "What wording does to a verdict",
        knobs,
        view,
        presets={label: {"answer": name} for name, (label, _) in ANSWERS.items()}
        | {"sound, badly typed": {"answer": "sound", "mistyped": 25}},
        prediction=guess,
        still="wording",
        lesson=13,
    )


def view(settings: Mapping[str, Any], *, requests: int) -> View:
    """What the explorer shows at a setting; the typing errors have a fixed seed."""
    text = said(settings["answer"], settings["sentences"], settings["mistyped"])
    scored = score_answer(QUESTION, text)
    counts = {
        verdict: sum(one.verdict == verdict for one in scored.points)
        for verdict in ("made", "missing", "contradicted")
    }
    weights = {one.id: one.weight for one in rubric_of(QUESTION).points}
    points = [(_label(one.id), weights[one.id], one.verdict) for one in scored.points]
    score = 100 * scored.score
    return View(
        headline=f"Of nine points {counts['made']} made, {counts['contradicted']} contradicted, "
        f"{counts['missing']} missing: {score:.0f} % of the weight.",
        panels=(
            Panel("Verdicts, point by point", verdict_bars(points),
                  "; ".join(f"{name} {verdict}" for name, _, verdict in points), size="tall"),
            Panel("Score", _score_figure(score), f"{score:.0f} %"),
        ),
        numbers=(
            Number("score", score, "%", main=True, lower_is_better=False),
            Number("points made", counts["made"], "", lower_is_better=False),
            Number("points contradicted", counts["contradicted"], ""),
            Number("points missing", counts["missing"], ""),
            Number("words", len(text.split()), ""),
        ),
        notes=(
            f"The question is \u201c{thread(QUESTION).title}\u201d, with nine points of different "
            "weight. A contradicted point takes half of its weight away.",
            "The scorer reads wording, not meaning. The lesson says how often it agrees with a "
            "person.",
        ),
        code=(
            "from k8snet_lessons.interview import score_answer\n\n"
            f"score_answer({QUESTION!r},\n             {text!r})"
        ),
        csv=lambda: _rows(scored),
    )  # fmt: skip


def said(answer: str, sentences: int, mistyped: int) -> str:
    """An answer, broken off after some sentences, with a share of its words mistyped."""
    parts = ANSWERS[answer][1].split(". ")
    text = ". ".join(parts[:sentences])
    rng = Random(13)
    words = []
    for word in text.split(" "):
        draw, place = rng.random(), rng.randrange(100)
        if draw < mistyped / 100 and len(word) >= 5 and word.isalpha():
            at = 1 + place % (len(word) - 3)
            word = word[:at] + word[at + 1] + word[at] + word[at + 2 :]
        words.append(word)
    return " ".join(words)


def _score_figure(score: float) -> Mapping[str, Any]:
    return {
        "data": [
            {
                "type": "bar",
                "orientation": "h",
                "x": [score],
                "y": ["score"],
                "width": [0.5],
                "marker": {"color": BLUE},
            }
        ],
        "layout": {
            "xaxis": {"title": "share of the rubric's weight (%)", "range": [0, 100]},
            "yaxis": {"automargin": True},
        },
    }


def _label(point: str) -> str:
    return point.replace("-", " ")


def _rows(scored: Scored) -> Iterable[Row]:
    for one in scored.points:
        yield {"point": one.id, "verdict": one.verdict, "evidence": one.evidence}


def wording_table() -> Table:
    """List the answers and what each comes to."""
    rows = []
    for label, text in ANSWERS.values():
        scored = score_answer(QUESTION, text)
        made = sum(one.verdict == "made" for one in scored.points)
        wrong = len(scored.contradictions)
        rows.append((label, f"{len(text.split())}", f"{made}", f"{wrong}", f"{scored.score:.0%}"))
    return Table(
        ("answer", "words", "points made", "contradicted", "score"),
        tuple(rows),
        f"Six answers to the question {thread(QUESTION).title}",
    )


@cache
def _agreement() -> Mapping[str, Any]:
    file = files("k8snet_lessons.data") / "interview_agreement.json"
    loaded: Mapping[str, Any] = json.loads(file.read_text(encoding="utf-8"))
    return loaded


def agreement_with_people() -> Table:
    """List how far the scorer agrees with marks given by hand, question by question."""
    found = _agreement()["unseen"]
    rows = [(thread(name).title, f"{kappa:.2f}") for name, kappa in found["by_question"].items()]
    rows.append(("all", f"{found['kappa']:.2f}"))
    return Table(
        ("question", "Cohen's kappa"),
        tuple(rows),
        f"Answers that were kept unseen while the scorer was tuned: {found['judgments']} verdicts, "
        f"{found['agreement']:.0%} of them the same",
    )


def agreement_by_voice() -> Table:
    """List the agreement with the author's marks, and with those of two other voices."""
    found = _agreement()
    rows = [("the author's, kept unseen", "after tuning on the author's others", found["unseen"])]
    for name in ("second", "third"):
        voice = found[name]
        rows += [
            (f"a {name} voice's, all", "before any change: blind", voice["blind"]["all"]),
            ("the half that was kept unseen", "blind", voice["blind"]["unseen"]),
            ("the half that was kept unseen", "after tuning on the other half", voice["unseen"]),
            ("the half that was tuned on", "blind", voice["blind"]["tuned"]),
            ("the half that was tuned on", "after tuning on it", voice["tuned"]),
        ]
    return Table(
        (
            "answers",
            "the scorer",
            "verdicts",
            "the same",
            "Cohen's kappa",
            "wrong statements found",
        ),
        tuple(
            (
                answers,
                scorer,
                f"{n['judgments']}",
                f"{n['agreement']:.0%}",
                f"{n['kappa']:.3f}",
                _found_wrong(n["counts"]),
            )
            for answers, scorer, n in rows
        ),
        "The scorer's agreement with three authors' marks on their own answers",
    )


def _found_wrong(counts: Mapping[str, int]) -> str:
    marked = sum(n for pair, n in counts.items() if pair.startswith("contradicted /"))
    return f"{counts.get('contradicted / contradicted', 0)} of {marked}"


def disagreements() -> Table:
    """List which verdicts the scorer gave where a person marked otherwise."""
    counts = _agreement()["unseen"]["counts"]
    rows = [(*pair.split(" / "), f"{n}") for pair, n in counts.items()]
    return Table(
        ("marked by a person", "proposed by the scorer", "verdicts"),
        tuple(rows),
        "Every verdict on the unseen answers",
    )
