"""Exercise of lesson 13: mark an answer, choose the follow-up, mend a mistake, hold an interview."""

from random import Random
from typing import Any, Final

from k8snet_lessons.assess.answers import type_name
from k8snet_lessons.assess.exercise import Assignment
from k8snet_lessons.assess.task import Field, Given, Slip, Task, asking
from k8snet_lessons.assess.verdict import Part
from k8snet_lessons.errors import InputError
from k8snet_lessons.interview import Interview, open_questions, report, score_answer

_VERDICTS: Final = ("made", "missing", "contradicted")

# --- mark ------------------------------------------------------------------------------------

#: Sentences and what a person marks them as, for three points of one question.
_CLAIMS: Final = {
    "first-packet": "only the first packet of a connection walks the Service rules",
    "partial-writes": "a change no longer rewrites all rules",
    "nftables": "nftables mode finds a Service by one lookup",
}
_SAID: Final[dict[str, dict[str, tuple[str, ...]]]] = {
    "first-packet": {
        "made": (
            "Not every packet meets the rules, just the one that opens the connection.",
            "Once there is an entry in conntrack, nobody consults the list again.",
        ),
        "missing": (
            "The rules are compared one after the other.",
            "Some say that every packet walks them.",
            "Conntrack is a table of the node.",
        ),
        "contradicted": (
            "Each packet has to be compared with all the rules.",
            "The list is walked for every packet of a connection.",
        ),
    },
    "partial-writes": {
        "made": (
            "These days a change writes only the chains of the Services concerned.",
            "It is a myth that everything is written anew at each change.",
        ),
        "missing": (
            "Changes have to be programmed on every node.",
            "Who knows how much is written at a change?",
        ),
        "contradicted": (
            "Whenever a pod comes or goes, the complete rule set is written again.",
            "One new endpoint, and the whole table is replaced.",
        ),
    },
    "nftables": {
        "made": (
            "In nftables mode a verdict map answers, however many Services there are.",
            "nftables needs one lookup where iptables needs a list.",
        ),
        "missing": (
            "nftables, verdict map, O(1), GA.",
            "I am not sure whether nftables would be quicker.",
        ),
        "contradicted": (
            "nftables does not help, since it goes through a list as well.",
            "With nftables the kernel still walks the rules one by one.",
        ),
    },
}


def _draw_mark(rng: Random) -> dict[str, Any]:
    verdicts = {point: rng.choice(_VERDICTS) for point in _CLAIMS}
    said = [rng.choice(_SAID[point][verdict]) for point, verdict in verdicts.items()]
    return {"answer": " ".join(said)}


def _mark(point: str) -> Any:
    """The verdict that a person gave to the sentence that was drawn for a point."""

    def expected(given: Given) -> str:
        said = _SAID[point].items()
        return next(
            verdict for verdict, lines in said if any(line in given["answer"] for line in lines)
        )

    return expected


def _other(point: str, instead: dict[str, str]) -> Any:
    return lambda given: instead[_mark(point)(given)]


def _prompt_mark(given: Given) -> str:
    points = "\n".join(f"- `{name!r}`: {claim}" for name, claim in _CLAIMS.items())
    return f"""Be the interviewer. Somebody was asked what happens to iptables at thousands of
Services, and said:

> {given["answer"]}

Mark each point as `"made"`, `"missing"` or `"contradicted"`. What is only reported, doubted, asked or
listed counts as missing, unless the speaker sets it right.

{points}"""


_FADES: Final = {"made": "missing", "missing": "made", "contradicted": "made"}
_HARSH: Final = {"made": "contradicted", "missing": "contradicted", "contradicted": "missing"}

MARK = asking(
    name="mark",
    title="Be the interviewer",
    draw=_draw_mark,
    prompt=_prompt_mark,
    asked=tuple(
        Field(
            point,
            1,
            _mark(point),
            (
                Slip(
                    f"words-for-statements-{point}",
                    _other(point, _FADES),
                    "Look at what the sentence states, not at which words it has.",
                ),
                Slip(
                    f"every-slip-contradicts-{point}",
                    _other(point, _HARSH),
                    "A contradiction states the opposite. Is something stated here, by the speaker?",
                ),
            ),
            "One of the three verdicts is asked for.",
            choices=_VERDICTS,
        )
        for point in _CLAIMS
    ),
    debrief="A verdict belongs to a statement: who says it, with which negation, and whether it is "
    "said at all.",
    hints=("Whose opinion is it?", "Is there a negation, and what does it govern?"),
)

# --- follow up -------------------------------------------------------------------------------


def _draw_follow_up(rng: Random) -> dict[str, Any]:
    weights = rng.sample((1, 1.5, 2, 2.5, 3), 4)
    verdicts = ["contradicted", "missing", "missing", "made"]
    names = ["path", "table", "rules", "names"]
    rng.shuffle(names)
    points = [[n, w, v] for n, w, v in zip(names, weights, verdicts, strict=True)]
    rng.shuffle(points)
    return {"points": points}


def _in_order(given: Given) -> list[str]:
    weak = [p for p in given["points"] if p[2] != "made"]
    return [p[0] for p in sorted(weak, key=lambda p: (p[2] != "contradicted", -p[1]))]


def _score(given: Given, penalty: float) -> float:
    made = sum(w for _, w, v in given["points"] if v == "made")
    lost = sum(penalty * w for _, w, v in given["points"] if v == "contradicted")
    return max(0.0, float(made - lost))


def _prompt_follow_up(given: Given) -> str:
    rows = "\n".join(
        f"| {name} | {weight:g} | {verdict} |" for name, weight, verdict in given["points"]
    )
    return f"""An answer was judged so:

| point | weight | verdict |
|---|---|---|
{rows}

- `"first"`: which point does the interviewer of this course ask about first?
- `"second"`: and second, if the first follow-up brought nothing?
- `"points"`: how many points is the answer worth, follow-ups aside? (Not below 0.)"""


FOLLOW_UP = asking(
    name="follow_up",
    title="What would you ask next?",
    draw=_draw_follow_up,
    prompt=_prompt_follow_up,
    asked=(
        Field(
            "first",
            1,
            lambda given: _in_order(given)[0],
            (
                Slip(
                    "gaps-before-mistakes",
                    lambda given: _in_order(given)[1],
                    "Something was missing there. Was anything said that is wrong?",
                ),
                Slip(
                    "ask-what-went-well",
                    lambda given: next(p[0] for p in given["points"] if p[2] == "made"),
                    "That point was made already.",
                ),
            ),
            "A mistake comes before a gap.",
        ),
        Field(
            "second",
            1,
            lambda given: _in_order(given)[1],
            (
                Slip(
                    "the-lightest-gap-first",
                    lambda given: _in_order(given)[2],
                    "Another gap weighs more.",
                ),
            ),
            "Of the gaps, the heaviest.",
        ),
        Field(
            "points",
            1,
            lambda given: _score(given, 0.5),
            (
                Slip(
                    "a-mistake-is-a-gap",
                    lambda given: _score(given, 0.0),
                    "A contradicted point is not only not made.",
                ),
            ),
            "What is made counts in full; what is contradicted takes half of its weight away.",
        ),
    ),
    debrief="Mistakes first, then gaps, each by weight: what is asked about is where most can be "
    "cleared up.",
    hints=("Sort by verdict, then by weight.", "Half of the weight, with a minus."),
)  # fmt: skip

# --- mend ------------------------------------------------------------------------------------

#: Question and point to a wrong answer, from which one is drawn.
_WRONG: Final = (
    ("03-iptables-at-scale", "first-packet-only", "Every packet walks the whole list of rules."),
    ("10-grpc-imbalance", "balanced-per-connection", "The ClusterIP balances each request."),
    ("10-grpc-imbalance", "connection-age", "The max connection age is set on the client."),
    ("04-slow-names", "eight-queries", "The lookup makes four queries."),
    ("05-post-mortem", "new-flows-only", "A full table drops established connections."),
    ("05-post-mortem", "silence", "The client gets a reset at once."),
    ("02-explain-a-clusterip", "kube-proxy-writes", "Packets go through kube-proxy."),
    ("07-design-policies", "own-namespace", "A podSelector alone matches pods in every namespace."),
)


def _draw_mend(rng: Random) -> dict[str, Any]:
    question, point, wrong = rng.choice(_WRONG)
    return {"question": question, "point": point, "wrong": wrong}


def _prompt_mend(given: Given) -> str:
    asked = next(one for one in open_questions() if one.id == given["question"])
    return f"""The question was: *{asked.prompt}*

Somebody answered, among other things:

> {given["wrong"]}

Write, as a text, one or two sentences that say what is true instead. They are read by the scorer of this
course; `score_answer({given["question"]!r}, text)` shows what it finds."""


def _judge_mend(given: Given, answer: Any) -> tuple[Part, ...]:
    if type(answer) is not str:
        said = f"A text is asked for; this is {type_name(answer)}."
        return (Part("mend", 0, 3, said),)
    scored = score_answer(given["question"], answer)
    verdict = scored.verdict(given["point"])
    if verdict == "contradicted":
        return (Part("mend", 0, 3, "The mistake is still in it.", "the-mistake-again"),)
    if verdict == "missing":
        said = "Nothing wrong in it, and yet the point is not made. Say what happens, to what."
        return (Part("mend", 0, 3, said, "denying-is-not-explaining"),)
    if scored.contradictions:
        said = "The point is made, and something else is contradicted."
        return (Part("mend", 2, 3, said),)
    return (Part("mend", 3, 3, "Right."),)


MEND = Task(
    name="mend",
    title="Say what is true instead",
    draw=_draw_mend,
    prompt=_prompt_mend,
    max_points=3,
    judge_plain=_judge_mend,
    debrief="A correction that says how it is makes the point; one that only says no does not.",
    hints=(
        "Name the moment, the place or the number that makes the difference.",
        "The claims of the rubric stand in `course/questions/*.open.yaml`.",
    ),
    wrong=(
        Slip("the-mistake-again", lambda given: given["wrong"], "The mistake is still in it."),
        Slip(
            "denying-is-not-explaining",
            lambda given: "That is not how it works.",
            "Say what happens, to what.",
        ),
    ),
)

# --- hold one --------------------------------------------------------------------------------

#: The share of the points from which an interview earns full credit.
_ENOUGH: Final = 0.6


def _draw_hold(rng: Random) -> dict[str, Any]:
    return {"question": rng.choice([one.id for one in open_questions()])}


def _prompt_hold(given: Given) -> str:
    return f"""Hold an interview of **one** question, `{given["question"]}`, to its end: in lesson 13, in a
terminal (`k8snet interview {given["question"]} --questions 1 --log mine.json`), or here with
`Interview.begin`. Hand in its log, as the dictionary that `interview.log()` returns or as the JSON text of the
file.

It is replayed and scored anew. From **{100 * _ENOUGH:.0f} %** of the points on it earns full credit, below in
proportion. Verdicts that you overruled do not count here; in your own report they do."""


def _judge_hold(given: Given, answer: Any) -> tuple[Part, ...]:
    try:
        held = Interview.read(answer)
    except InputError as error:
        return (Part("hold", 0, 4, f"This is no log of an interview: {error}.", "not-a-log"),)
    found = report(held)
    if [turn.question for turn in held.state.turns] != [given["question"]]:
        return (Part("hold", 0, 4, "The log is of other questions.", "another-question"),)
    if not found.complete:
        return (Part("hold", 0, 4, "It breaks off before its end.", "broken-off"),)
    points = round(4 * min(1.0, found.score / _ENOUGH), 2)
    weak = sum(one.proposed != "made" for one in found.results)
    if points >= 4:
        return (Part("hold", 4, 4, "Right."),)
    said = f"{100 * found.score:.0f} % of the points; {weak} of the rubric's points are not made."
    return (Part("hold", points, 4, said, "" if points else "nothing-said"),)


def _log(question: str, answers: tuple[str, ...], end: bool = True) -> dict[str, Any]:
    held = Interview.begin(question, 1)
    said = iter(answers)
    while end and held.state.phase != "over":
        if held.state.phase == "review":
            held.review()
        else:
            held.say(next(said, ""))
    return held.log()


HOLD = Task(
    name="hold",
    title="Hold an interview",
    draw=_draw_hold,
    prompt=_prompt_hold,
    max_points=4,
    judge_plain=_judge_hold,
    debrief="A log that replays to the same report anywhere is what makes an interview gradable.",
    hints=(
        "Answer in sentences; the fork first, then the path, what breaks, and the price.",
        "Follow-ups count half: use them.",
    ),
    wrong=(
        Slip("not-a-log", lambda given: "I held one.", "This is no log of an interview"),
        Slip(
            "another-question",
            lambda given: _log(
                next(one.id for one in open_questions() if one.id != given["question"]), ()
            ),
            "The log is of other questions.",
        ),
        Slip(
            "broken-off",
            lambda given: _log(given["question"], (), end=False),
            "It breaks off before its end.",
        ),
        Slip(
            "nothing-said",
            lambda given: _log(given["question"], ()),
            "of the rubric's points are not made",
        ),
    ),
)

ASSIGNMENT = Assignment("13-mock-interview", (MARK, FOLLOW_UP, MEND, HOLD))
