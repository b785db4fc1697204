"""Exercise of lesson 12: read a board, tell two suspects apart, solve one, write a runbook."""

from collections.abc import Callable
from random import Random
from typing import Any, Final

from k8snet_lessons.assess.answers import TODO, type_name, word
from k8snet_lessons.assess.exercise import Assignment
from k8snet_lessons.assess.task import UNANSWERED, Field, Given, Slip, Task, asking
from k8snet_lessons.assess.verdict import Part
from k8snet_lessons.incidents import (
    FAULTS,
    FIXES,
    Case,
    Incident,
    causes,
    drawn,
    remedies,
    replay,
    run,
)

_SEEDS: Final = 1_000_000


def _drawn_from(names: frozenset[str], rng: Random) -> int:
    """A number whose incident has one of these faults."""
    while True:
        number = rng.randrange(_SEEDS)
        if drawn(number)[0].name in names:
            return number


def _fault(given: Given) -> str:
    return drawn(given["incident"])[0].name


# --- read a board --------------------------------------------------------------------------

_BOARD: Final = {
    "policy-blocks-edge": ("edge to checkout", "no answer"),
    "policy-blocks-dns": ("name lookup", "no answer"),
    "wrong-target-port": ("edge to checkout", "refused"),
    "selector-mismatch": ("edge to checkout", "refused"),
    "ndots-amplification": ("name lookup", "late"),
    "coredns-throttled": ("name lookup", "late"),
    "pinned-channels": ("ledger call", "late"),
    "lopsided-age": ("ledger call", "late"),
}
_HOPS = (
    "client to edge", "edge to checkout", "checkout", "name lookup", "bank connection",
    "ledger call",
)  # fmt: skip
_KINDS = ("refused", "no answer", "late")


def _prompt_board(given: Given) -> str:
    text = Incident(given["incident"]).look("metrics").text
    return f"""The overview of incident {given["incident"]}:

```text
{text}```

- `"hop"`: at which hop do requests fail, or lose their time? One of {", ".join(f'`"{h}"`' for h in _HOPS)}.
- `"kind"`: what does whoever calls there meet? `"refused"` (an error at once), `"no answer"` (an error after a time-out),
  or `"late"` (an answer, but slowly)."""


def _other_kind(given: Given) -> str:
    right = _BOARD[_fault(given)][1]
    return "no answer" if right != "no answer" else "refused"


BOARD = asking(
    name="board",
    title="Read the board",
    draw=lambda rng: {"incident": _drawn_from(frozenset(_BOARD), rng)},
    prompt=_prompt_board,
    asked=(
        Field(
            "hop", 1, lambda given: _BOARD[_fault(given)][0],
            (Slip("the-first-hop-is-to-blame", lambda given: "client to edge",
                  "Compare each hop with its usual time: this one takes what it always takes."),),
            "Compare each hop's failures and times with the usual ones.", choices=_HOPS,
        ),
        Field(
            "kind", 1, lambda given: _BOARD[_fault(given)][1],
            (Slip("an-error-is-an-error", _other_kind,
                  "Look at the time that the hop takes and at the answers: at once, after a round number of seconds, or neither?"),),
            "Does the hop fail? If so, after which time?", choices=_KINDS,
        ),
    ),
    debrief="A refusal takes no time, a dropped packet takes a whole time-out, and a queue takes anything between.",
    hints=("Which hop differs from its usual column?", "An error within a millisecond is an answer; one after 5 s or 20 s is silence."),
)  # fmt: skip

# --- one look for two suspects --------------------------------------------------------------

_TWINS: Final = (
    ("conntrack-full", "snat-ports"),
    ("mtu-black-hole", "tunnel-port-closed"),
    ("wrong-target-port", "selector-mismatch"),
    ("pinned-channels", "lopsided-age"),
    ("ndots-amplification", "coredns-throttled"),
)
_PARTS_THEM: Final[dict[str, frozenset[str]]] = {
    "conntrack-full": frozenset({"conntrack -S", "iptables-save"}),
    "mtu-black-hole": frozenset({"tcpdump", "iptables-save"}),
    "wrong-target-port": frozenset({"kubectl get endpointslices", "iptables-save"}),
    "pinned-channels": frozenset({"kubectl get pods"}),
    "ndots-amplification": frozenset({"metrics names", "kubectl get pods"}),
}
_MENU: Final = (
    "metrics pods", "metrics names", "kubectl get pods", "kubectl get endpointslices",
    "conntrack -S", "iptables-save", "tcpdump", "sysctl net.ipv4",
)  # fmt: skip


def _pair(given: Given) -> tuple[str, str]:
    name = _fault(given)
    return next(pair for pair in _TWINS if name in pair)


def _twin(given: Given) -> str:
    return next(name for name in _pair(given) if name != _fault(given))


def _prompt_twins(given: Given) -> str:
    one, other = sorted(_pair(given))
    return f"""In incident {given["incident"]} you are down to two suspects:

- `"{one}"`: {FAULTS[one].title}
- `"{other}"`: {FAULTS[other].title}

- `"look"`: which of these shows different things for the two? {", ".join(f'`"{m}"`' for m in _MENU)}.
  (`kubectl get pods` in the namespace you like.)
- `"cause"`: use it, and say which of the two it is.

The room is `Incident({given["incident"]})`: `.look("...").text`, or the widget of the lesson with that number."""


TWINS = asking(
    name="twins",
    title="Two suspects, one look",
    draw=lambda rng: {"incident": _drawn_from(frozenset(n for pair in _TWINS for n in pair), rng)},
    prompt=_prompt_twins,
    asked=(
        Field(
            "look", 1, lambda given: _PARTS_THEM[_pair(given)[0]],
            (Slip("the-dashboard-decides", lambda given: "metrics pods",
                  "That board looks alike for both: it shows where it hurts, not why."),),
            "What does each of the two leave behind, and where would you see that?", choices=_MENU,
        ),
        Field(
            "cause", 2, lambda given: _fault(given),
            (Slip("the-likelier-one", _twin, "Look again: what you would see for this one is not there."),),
            "It is one of the two names in the question.",
        ),
    ),
    debrief="A look is worth its minutes if your suspects predict different things for it.",
    hints=("Write down what each suspect predicts for each look.", "The debrief of any incident lists looks that decide."),
)  # fmt: skip

# --- solve one ------------------------------------------------------------------------------

_MOST_LINES, _MOST_MINUTES = 6, 15


def _prompt_solve(given: Given) -> str:
    listed = "\n".join(f"- `{name!r}`: {title}" for name, title in causes().items())
    fixes = "\n".join(f"- `{name!r}`: {title}" for name, title in remedies().items())
    return f"""Solve incident **{given["incident"]}**, in the widget (type its number there) or by `Incident({given["incident"]}).look("...")`.
Hand in a dictionary:

- `"cause"`: its name,
- `"fix"`: a fix that ends it when the same traffic is replayed,
- `"evidence"`: a list of one to {_MOST_LINES} command lines, at most {_MOST_MINUTES} simulated minutes in all, of which at least
  one prints something that *only* this cause explains.

<details><summary>The causes</summary>

{listed}

</details>
<details><summary>The fixes</summary>

{fixes}

</details>"""


def _judge_solve(given: Given, answer: Any) -> tuple[Part, ...]:
    if type(answer) is not dict:
        return (
            Part("solve", 0, 6, f"The answer is {type_name(answer)}; a dictionary is asked for."),
        )
    return (
        _judge_cause(given, word(answer.get("cause", TODO), causes())),
        _judge_fix(given, word(answer.get("fix", TODO), FIXES)),
        _judge_evidence(given, answer.get("evidence", TODO)),
    )


def _judge_cause(given: Given, cause: Any) -> Part:
    if cause is TODO:
        return Part("cause", 0, 2, UNANSWERED, attempted=False)
    if type(cause) is not str or cause not in causes():
        return Part("cause", 0, 2, "Not one of the names on the list of causes.")
    if cause == _fault(given):
        return Part("cause", 2, 2, "Right.")
    return Part(
        "cause",
        0,
        2,
        "Your looks would print other things if it were that.",
        "names-what-is-plausible",
    )


def _judge_fix(given: Given, fix: Any) -> Part:
    if fix is TODO:
        return Part("fix", 0, 2, UNANSWERED, attempted=False)
    if type(fix) is not str or fix not in FIXES:
        return Part("fix", 0, 2, "Not one of the names on the list of fixes.")
    _, world, healthy = drawn(given["incident"])
    gone = replay(healthy, world, FIXES[fix]).recovered
    if gone >= 2 / 3:
        return Part("fix", 2, 2, "Right.")
    points = round(2 * max(0.0, gone), 1)
    return Part(
        "fix",
        points,
        2,
        f"Replayed with this fix, {100 * max(0.0, gone):.0f} % of the harm is gone.",
        "fixes-something-else",
    )


def _judge_evidence(given: Given, lines: Any) -> Part:
    if lines is TODO:
        return Part("evidence", 0, 2, UNANSWERED, attempted=False)
    if (
        type(lines) is not list
        or not 1 <= len(lines) <= _MOST_LINES
        or any(type(x) is not str for x in lines)
    ):
        return Part("evidence", 0, 2, f"A list of one to {_MOST_LINES} command lines is asked for.")
    fault, world, healthy = drawn(given["incident"])
    case = Case(world, healthy)
    printed = [run(case, line[:400]) for line in lines]
    if broken := next((each for each in printed if not each.ok), None):
        return Part("evidence", 0, 2, f"A line does not work here: {broken.text.strip()[:120]}")
    if sum(each.minutes for each in printed) > _MOST_MINUTES:
        return Part(
            "evidence", 0, 2, f"These looks take more than {_MOST_MINUTES} simulated minutes."
        )
    seen = [
        look for look in fault.path(world) for each in printed if look.seen_in(each.line, each.text)
    ]
    if any(look.decides for look in seen):
        return Part("evidence", 2, 2, "Right.")
    if seen:
        return Part(
            "evidence",
            1,
            2,
            "This shows where it hurts; other causes would look the same.",
            "symptoms-are-evidence",
        )
    return Part("evidence", 0, 2, "Nothing in these looks speaks for any cause.", "looks-anywhere")


def _solved(given: Given, **changed: Any) -> dict[str, Any]:
    fault, world, _ = drawn(given["incident"])
    evidence = [look.command for look in fault.path(world) if look.decides][:1]
    return {"cause": fault.name, "fix": min(fault.cures), "evidence": evidence} | changed


def _useless(given: Given) -> str:
    return "selector" if _fault(given) == "wrong-target-port" else "target-port"


SOLVE = Task(
    name="solve",
    title="Solve one",
    draw=lambda rng: {"incident": rng.randrange(_SEEDS)},
    prompt=_prompt_solve,
    max_points=6,
    judge_plain=_judge_solve,
    debrief="A cause is proved by what only it explains; a fix by the same traffic.",
    wrong=(
        Slip("names-what-is-plausible", lambda given: _solved(given, cause="bank-slow"),
             "would print other things"),
        Slip("fixes-something-else", lambda given: _solved(given, fix=_useless(given)), "of the harm is gone"),
        Slip("looks-anywhere", lambda given: _solved(given, evidence=["kubectl get nodes"]),
             "speaks for any cause"),
    ),
    hints=("Begin with the overview: which hop, and is it refusal, silence or lateness?",
           "Write two suspects down before each look, and what each predicts."),
)  # fmt: skip

# --- a runbook ------------------------------------------------------------------------------

_SHARED: Final = (
    ("conntrack-full", "snat-ports"),
    ("ndots-amplification", "coredns-throttled"),
    ("wrong-target-port", "selector-mismatch"),
)
_SINGLE: Final = ("local-policy", "pinned-channels", "short-read-timeout", "sticky-clients")


def _draw_runbook(rng: Random) -> dict[str, Any]:
    pairs = rng.sample(_SHARED, 2)
    suspects = sorted([*(name for pair in pairs for name in pair), *rng.sample(_SINGLE, 2)])
    return {"incident": rng.randrange(_SEEDS), "suspects": suspects, "lines": 4, "minutes": 5}


def _prompt_runbook(given: Given) -> str:
    listed = "\n".join(f"- {FAULTS[name].title}" for name in given["suspects"])
    return f"""A runbook is read at night. Write one for the cluster of incident {given["incident"]} that knows these six suspects:

{listed}

It is a list of at most **{given["lines"]} command lines** that cost at most **{given["minutes"]} simulated minutes** together. Whichever of the six
it is, one of the lines must print something that only this suspect explains. More than one runbook is right.
(`drawn({given["incident"]}, "NAME")` gives the same cluster with another fault, to try it on.)"""


def _judge_runbook(given: Given, answer: Any) -> tuple[Part, ...]:
    if type(answer) is not list or not answer or any(type(line) is not str for line in answer):
        return (
            Part(
                "runbook",
                0,
                4,
                f"A list of command lines is asked for; this is {type_name(answer)}.",
            ),
        )
    if len(answer) > given["lines"]:
        reason = f"{len(answer)} lines; at most {given['lines']} fit."
        return (Part("covers", 0, 3, reason, "looks-at-everything"), Part("short", 0, 1, reason))
    missed, minutes = [], 0
    for name in given["suspects"]:
        fault, world, healthy = drawn(given["incident"], name)
        printed = [run(Case(world, healthy), line[:400]) for line in answer]
        minutes = max(minutes, sum(each.minutes for each in printed))
        looks = [look for look in fault.path(world) if look.decides]
        if not any(look.seen_in(p.line, p.text) for look in looks for p in printed if p.ok):
            missed.append(name)
    found = len(given["suspects"]) - len(missed)
    points = round(3 * found / len(given["suspects"]), 1)
    said = "Right." if not missed else f"It decides {found} of {len(given['suspects'])} suspects."
    cheap = minutes <= given["minutes"]
    spent = f"{minutes} minute{'' if minutes == 1 else 's'}"
    price = f"It costs {spent}; {given['minutes']} are allowed."
    if cheap and missed:
        price += " The price counts once every suspect is decided."
    return (
        Part("covers", points, 3, said, "one-look-shows-all" if missed else ""),
        Part("short", 1 if cheap and not missed else 0, 1, "Right." if cheap and not missed else price,
             "" if cheap else "captures-first"),
    )  # fmt: skip


def _runbook(given: Given) -> list[str]:
    """A right one: each suspect's cheapest look that decides, once."""
    cheapest: dict[str, Callable[[Any], str]] = {
        "conntrack-full": lambda world: (
            f"ssh {world.nodes[world.pods_of('coredns')[0].place]} conntrack -S"
        ),
        "ndots-amplification": lambda world: "metrics names",
        "wrong-target-port": lambda world: "kubectl describe svc checkout",
        "local-policy": lambda world: "metrics nodes",
        "pinned-channels": lambda world: "kubectl get events",
        "short-read-timeout": lambda world: "metrics",
        "sticky-clients": lambda world: "kubectl describe svc ledger",
    }
    world = drawn(given["incident"])[2]
    return [line(world) for name, line in cheapest.items() if name in given["suspects"]]


RUNBOOK = Task(
    name="runbook",
    title="Write a runbook",
    draw=_draw_runbook,
    prompt=_prompt_runbook,
    max_points=4,
    judge_plain=_judge_runbook,
    debrief="One look may decide between several suspects. Cheap looks that part many come first.",
    wrong=(
        Slip("one-look-shows-all", lambda given: ["metrics pods"], "It decides"),
        Slip("looks-at-everything", lambda given: [*_runbook(given), "metrics", "metrics pods"], "lines; at most"),
    ),
    hints=("Pair the suspects that one command tells apart.", "Describe a Service once and read all of it."),
)  # fmt: skip

ASSIGNMENT = Assignment("12-incident-room", (BOARD, TWINS, SOLVE, RUNBOOK))
