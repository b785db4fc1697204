"""Exercise of lesson 11: how far a fault reaches, how long, and what to set against it."""

from functools import lru_cache
from random import Random
from typing import Any

from k8snet_lessons.assess.answers import TODO, type_name, word
from k8snet_lessons.assess.exercise import Assignment
from k8snet_lessons.assess.task import UNANSWERED, Field, Given, Slip, Task, asking
from k8snet_lessons.assess.verdict import Part
from k8snet_lessons.isolation import (
    DEFENSE_NAMES,
    Defenses,
    Fault,
    Habits,
    blast,
    example,
    lost_lookup_share,
    node_clocks,
)

# --- one percent -----------------------------------------------------------------------------


def _draw_loss(rng: Random) -> dict[str, Any]:
    return {"loss_percent": rng.choice((0.5, 1.0, 1.5, 2.0)), "new_percent": rng.randint(5, 9) * 5}


def _loss(given: Given) -> float:
    return float(given["loss_percent"]) / 100


def _new(given: Given) -> float:
    return float(given["new_percent"]) / 100


def _fails(given: Given, share: float) -> float:
    """Percent of the requests that fail if this share of their calls look names up."""
    good = 1.0
    for rounds in (1, 2, 4):
        good *= 1 - share * lost_lookup_share(_loss(given), rounds)
    return 100 * (1 - good)


LOSS = asking(
    name="loss",
    title="What becomes of a little loss?",
    draw=_draw_loss,
    prompt=lambda given: (
        f"""Pods use glibc and the usual search list with `ndots:5`. Of the DNS round trips
between pods and CoreDNS, **{given["loss_percent"]:g} %** are lost, each question (A, AAAA) for itself; a lost one
costs the resolver 5 s. Callers wait 2 s. There is no node cache, and the cluster adds three search domains.

A request to `shop/web` makes three calls side by side: to a Service `cart` in its own namespace, to
`checkout.payments` in another one, and to `api.stripe.com`. **{given["new_percent"]} %** of the calls
open a connection and so look the name up; the others use a connection that is there.

- `"lookup"`: which percentage of the *lookups* of `api.stripe.com` loses at least one round trip?
- `"requests"`: which percentage of the *requests* to `shop/web` fails?"""
    ),
    asked=(
        Field(
            "lookup",
            1.5,
            lambda given: 100 * lost_lookup_share(_loss(given), 4),
            (
                Slip(
                    "one-question-a-lookup",
                    lambda given: given["loss_percent"],
                    "That is one round trip. How many does the search list make of this name?",
                ),
                Slip(
                    "a-without-aaaa",
                    lambda given: 100 * (1 - (1 - _loss(given)) ** 4),
                    "Four names, yes. And how many questions for each?",
                ),
                Slip(
                    "only-the-last-name-counts",
                    lambda given: 100 * (1 - (1 - _loss(given)) ** 2),
                    "A lost question about an earlier suffix delays the lookup just as much.",
                ),
            ),
            "Names tried times questions for each; at least one of them is lost.",
            rel_tol=0.02,
        ),
        Field(
            "requests",
            1.5,
            lambda given: _fails(given, _new(given)),
            (
                Slip(
                    "every-call-looks-up",
                    lambda given: _fails(given, 1.0),
                    "Most calls use a connection that is already there.",
                ),
                Slip(
                    "one-lookup-a-request",
                    lambda given: 100 * _new(given) * lost_lookup_share(_loss(given), 4),
                    "A request makes three calls, and each of them may look a name up.",
                ),
            ),
            "For each of the three calls: opens a connection, and its lookup is hit. Any one is enough.",
            rel_tol=0.03,
        ),
    ),
    debrief="Questions multiply names, names multiply calls. Keeping connections divides all of it; "
    "a node cache takes the datagrams off the network.",
    hints=(
        '`asked("payments", "api.stripe.com").rounds` and `lost_lookup_share` in `k8snet_lessons.isolation`.',
        "A request succeeds if all three calls do.",
    ),
)

# --- two clocks ------------------------------------------------------------------------------


def _draw_clocks(rng: Random) -> dict[str, Any]:
    return {
        "pods": rng.choice((3, 4, 5)),
        "load_percent": rng.randint(84, 92),
        "toleration_s": rng.choice((60, 120, 180, 240)),
    }


def _clocks(given: Given) -> Any:
    return node_clocks(toleration_s=float(given["toleration_s"]))


def _too_much(given: Given) -> float:
    pods, load = given["pods"], given["load_percent"] / 100
    return float(100 * (1 - (pods - 1) / (pods * load)))


CLOCKS = asking(
    name="clocks",
    title="A node is lost",
    draw=_draw_clocks,
    prompt=lambda given: f"""A Service has **{given["pods"]} pods**, each on a node of its own, each
**{given["load_percent"]} %** busy. One of these nodes loses power, having renewed its lease a moment before. Kubernetes is
1.36 with default settings (leave the controllers' own rhythm of looking aside), but the pods tolerate `not-ready` and `unreachable` for **{given["toleration_s"]} s**. From
`NotReady` to the last node's rules takes 1 s, starting a pod 20 s. There are no retries.

- `"gone_s"`: when, in seconds after the loss, does the last node stop sending new connections there?
- `"new_percent"`: until then, which percentage of the new connections to the Service fails?
- `"too_much_percent"`: after that, which percentage of the requests is more than the remaining pods can do?
- `"whole_s"`: when is the last pod made up for?
- `"budget"`: the Service has a PodDisruptionBudget with `maxUnavailable: 0`. What does it change about all this:
  `"nothing"`, `"the node's pods stay"`, `"successors start at once"`?""",
    asked=(
        Field(
            "gone_s",
            1,
            lambda given: _clocks(given).endpoints_gone_s,
            (
                Slip(
                    "endpoints-wait-for-eviction",
                    lambda given: _clocks(given).evicted_s,
                    "That is when the pods are deleted. They have left the endpoints long before.",
                ),
                Slip(
                    "one-missed-lease",
                    lambda given: 11,
                    "One missed lease is not enough. How long may a node be silent?",
                ),
            ),
            "How long may a node be silent before it is NotReady?",
        ),
        Field(
            "new_percent",
            1,
            lambda given: 100 / given["pods"],
            (
                Slip(
                    "kube-proxy-checks-endpoints",
                    lambda given: 0,
                    "kube-proxy asks no pod how it is. What does it go by?",
                ),
            ),
            "The dead pod is still one of the endpoints.",
            rel_tol=0.02,
        ),
        Field(
            "too_much_percent",
            1,
            _too_much,
            (
                Slip(
                    "the-rest-takes-it-all",
                    lambda given: 0,
                    "How busy would the others be? More than 100 % is not to be had.",
                ),
                Slip(
                    "percent-of-the-capacity",
                    lambda given: 100 * (given["pods"] * given["load_percent"] / 100
                                         / (given["pods"] - 1) - 1),
                    "That is a percentage of the capacity. Of the *requests* it is somewhat less.",
                ),
            ),
            "What arrives is pods x load; what is left can do pods - 1.",
            rel_tol=0.02,
        ),
        Field(
            "whole_s",
            1,
            lambda given: _clocks(given).replaced_s,
            (
                Slip(
                    "replaced-when-not-ready",
                    lambda given: 70,
                    "A ReplicaSet makes a new pod when the old one is deleted, not when it is unready.",
                ),
                Slip(
                    "five-minutes-always",
                    lambda given: 370,
                    "That is the default toleration. These pods have another one.",
                ),
            ),
            "NotReady, then the toleration, then the start of a pod.",
            rel_tol=0.005,
        ),
        Field(
            "budget",
            1,
            lambda given: "nothing",
            (
                Slip(
                    "a-disruption-budget-guards-against-crashes",
                    lambda given: "the node's pods stay",
                    "A budget can refuse an eviction that somebody asks for. Who asks here?",
                ),
                Slip(
                    "a-budget-replaces-pods",
                    lambda given: "successors start at once",
                    "A budget starts nothing. It only says no to evictions.",
                ),
            ),
            "Which API call does a PodDisruptionBudget guard?",
            choices=("nothing", "the node's pods stay", "successors start at once"),
        ),
    ),
    debrief="Two clocks: endpoints go by the grace period, capacity comes back by the toleration. Spare "
    "capacity of one pod in n carries you from the first to the second.",
    hints=("`node_clocks(toleration_s=...)` knows the clocks.", "Work in pods: how many pods' work arrives?"),
)  # fmt: skip

# --- the storm -------------------------------------------------------------------------------


def _draw_storm(rng: Random) -> dict[str, Any]:
    capacity = rng.randint(8, 15) * 100
    return {
        "requests_per_s": round(capacity * rng.choice((0.55, 0.6, 0.65)) / 5) * 5,
        "capacity_per_s": capacity,
        "retries": rng.choice((2, 3)),
        "timeout_ms": rng.choice((250, 400, 600)),
    }


STORM = asking(
    name="storm",
    title="Does it end?",
    draw=_draw_storm,
    prompt=lambda given: (
        f"""**{given["requests_per_s"]:,} requests a second** reach a service that can do
**{given["capacity_per_s"]:,} a second**. Clients wait **{given["timeout_ms"]} ms** and then try again, up to
**{given["retries"]} times**, after pauses with full jitter. The server's queue holds 30,000 attempts; it works in order and does not learn who
has given up. For one minute it is very slow; then it is as fast as ever.

- `"attempts"`: how many attempts a second does it face while everything fails?
- `"ends"`: what happens after that minute: `"it recovers"`, `"it stays down"`?
- `"ratio"`: with a retry budget, what is the largest ratio (retries for each request, as a share) that still lets it recover? Leave the
  budget's minimum aside.
- `"queue"`: without a budget, how many attempts may the queue hold at most, so that whoever is served is served in time?"""
    ),
    asked=(
        Field(
            "attempts",
            1,
            lambda given: given["requests_per_s"] * (1 + given["retries"]),
            (
                Slip(
                    "retries-are-all-attempts",
                    lambda given: given["requests_per_s"] * given["retries"],
                    "Those are the retries. The first tries come too.",
                ),
                Slip(
                    "a-server-faces-its-capacity",
                    lambda given: given["capacity_per_s"],
                    "That is what it can do. How much comes?",
                ),
            ),
            "How often does each request come if every attempt fails?",
        ),
        Field(
            "ends",
            1,
            lambda given: "it stays down",
            (
                Slip(
                    "a-storm-ends-with-its-trigger",
                    lambda given: "it recovers",
                    "Compare what comes with what it can do, now that it is well again.",
                ),
            ),
            "Compare the attempts with the capacity.",
            choices=("it recovers", "it stays down"),
        ),
        Field(
            "ratio",
            1,
            lambda given: given["capacity_per_s"] / given["requests_per_s"] - 1,
            (
                Slip(
                    "the-idle-share",
                    lambda given: 1 - given["requests_per_s"] / given["capacity_per_s"],
                    "That is the idle share of the capacity. A budget is a share of the requests.",
                ),
                Slip(
                    "twenty-percent-by-nature",
                    lambda given: 0.2,
                    "That is a common default. What does *this* service bear?",
                ),
            ),
            "Requests and their retries together must stay below the capacity.",
            rel_tol=0.02,
        ),
        Field(
            "queue",
            1,
            lambda given: given["capacity_per_s"] * given["timeout_ms"] / 1000,
            (
                Slip(
                    "what-arrives-in-a-time-out",
                    lambda given: given["requests_per_s"] * given["timeout_ms"] / 1000,
                    "That is what arrives within a time-out. How much is worked off in it?",
                ),
                Slip(
                    "the-longer-the-safer",
                    lambda given: 30_000,
                    "How long does the last one in it wait?",
                ),
            ),
            "The last in the queue waits queue / capacity.",
            rel_tol=0.02,
        ),
    ),
    debrief="Too much comes, and what is served is served too late: both must hold for a storm to stay. The "
    "budget breaks the first, the short queue the second.",
    hints=("`storm_load_per_s`, `safe_ratio` and `useful_queue` take a `StormSpec`.",),
)

# --- the plan --------------------------------------------------------------------------------

_DAYS = {
    "node_cache": 2,
    "serve_stale": 1,
    "same_zone": 1,
    "other_pod": 2,
    "ejection": 2,
    "bulkhead": 3,
    "shedding": 2,
    "disruption_budget": 1,
    "retry_budget": 2,
    "short_queue": 1,
    "circuit_breaker": 1,
    "drain": 1,
}
_FAULTS = {
    "coredns-down": "CoreDNS is down for two minutes",
    "ingress-flood": "a batch tenant floods the ingress for two minutes",
    "node-drain": "two nodes are drained at once",
    "retry-storm": "the ledger is at a fifth of its pace for 20 s",
}
_BUDGET_DAYS = 8


def _draw_plan(rng: Random) -> dict[str, Any]:
    return {
        "ledger_load_percent": rng.choice((85, 86, 87, 88, 89, 90)),
        "new_percent": rng.choice((15, 20, 25, 30)),
        "budget_days": _BUDGET_DAYS,
        "left_percent": 15,
    }


def _prompt_plan(given: Given) -> str:
    prices = ", ".join(f"`{name}` {days}" for name, days in _DAYS.items())
    faults = "\n".join(f"- {what}" for what in _FAULTS.values())
    return f"""Take the cluster of the lesson, `example(Habits(ledger_load={given["ledger_load_percent"] / 100:g},
new_connection_share={given["new_percent"] / 100:g}))`. Four faults are expected this year, one at a time:

{faults}

Choose defenses, as a list of their names, so that each fault costs at most **{given["left_percent"]} %** of the users'
requests that it costs with none, and the work takes at most **{given["budget_days"]} days**: {prices}.

The requests are those of `blast(world, fault, Defenses(...)).failed_requests`. More than one list is right."""


@lru_cache(maxsize=4_096)
def _failed(load_percent: int, new_percent: int, kind: Any, chosen: frozenset[str]) -> float:
    habits = Habits(ledger_load=load_percent / 100, new_connection_share=new_percent / 100)
    fault = Fault(kind=kind, lasts_s=20.0 if kind == "retry-storm" else 120.0)
    return blast(example(habits), fault, Defenses(**dict.fromkeys(chosen, True))).failed_requests


def _left(given: Given, kind: str, chosen: frozenset[str]) -> float:
    """Failed requests, in percent of those without any defense."""
    where = given["ledger_load_percent"], given["new_percent"], kind
    return 100 * _failed(*where, chosen) / _failed(*where, frozenset())


def _why(kind: str, chosen: frozenset[str]) -> tuple[str, str]:
    """What a list that misses a fault shows: misconception, and what to say."""
    if kind == "coredns-down":
        if "serve_stale" in chosen:
            return "stale-answers-in-coredns", "Where do the stale answers stand, and is that up?"
        if "node_cache" in chosen:
            return "a-cache-outlasts-the-outage", "The cache's answers live 30 s. And then?"
    if kind == "node-drain" and "same_zone" in chosen:
        return "the-more-the-safer", "One of these makes this very fault worse."
    if kind == "node-drain" and "other_pod" in chosen:
        return "a-drain-needs-retries", "There is no other pod to try while both are gone."
    if kind == "retry-storm" and "retry_budget" in chosen:
        return (
            "twenty-percent-by-nature",
            "How busy is the ledger, and how much more may come before it is too much?",
        )
    return "", ""


def _judge_plan(given: Given, answer: Any) -> tuple[Part, ...]:
    if type(answer) is not list:
        return (
            Part("plan", 0, 5, f"The answer is {type_name(answer)}; a list of names is asked."),
        )
    if any(each is TODO for each in answer):
        return (Part("plan", 0, 5, UNANSWERED, attempted=False),)
    named = [word(each, DEFENSE_NAMES) for each in answer]
    if any(type(each) is not str or each not in DEFENSE_NAMES for each in named):
        return (Part("plan", 0, 5, "Names are: " + ", ".join(DEFENSE_NAMES) + "."),)
    chosen = frozenset(named)
    parts = []
    for kind, what in _FAULTS.items():
        left = _left(given, kind, chosen)
        if left <= given["left_percent"]:
            parts.append(Part(kind, 1, 1, "Right."))
            continue
        misconception, reason = _why(kind, chosen)
        said = f"When {what}, {left:.0f} % of the requests still fail. {reason}"
        parts.append(Part(kind, 0, 1, said.strip(), misconception))
    days = sum(_DAYS[each] for each in chosen)
    holds = all(part.points for part in parts)
    cheap = days <= given["budget_days"]
    if holds and cheap:
        parts.append(Part("days", 1, 1, "Right."))
    elif not cheap:
        said = f"This takes {days} days, more than there are. What of it changes nothing here?"
        parts.append(Part("days", 0, 1, said, "the-more-the-safer"))
    else:
        parts.append(Part("days", 0, 1, "The days count once all four faults are met."))
    return tuple(parts)


PLAN = Task(
    name="plan",
    title="Eight days of work",
    draw=_draw_plan,
    prompt=_prompt_plan,
    max_points=5,
    judge_plain=_judge_plan,
    debrief="Each fault has a wall of its own. What helps against one does nothing against the next, and a "
    "budget for retries helps only where there is capacity to spare.",
    wrong=(
        Slip(
            "a-cache-outlasts-the-outage",
            lambda given: ["node_cache", "shedding", "disruption_budget", "short_queue"],
            "The cache's answers live 30 s",
        ),
        Slip(
            "stale-answers-in-coredns",
            lambda given: ["serve_stale", "bulkhead", "disruption_budget", "short_queue"],
            "Where do the stale answers stand",
        ),
        Slip(
            "a-drain-needs-retries",
            lambda given: ["node_cache", "serve_stale", "shedding", "other_pod", "short_queue"],
            "no other pod to try",
        ),
        Slip(
            "twenty-percent-by-nature",
            lambda given: [
                "node_cache", "serve_stale", "shedding", "disruption_budget", "retry_budget",
            ],
            "How busy is the ledger",
        ),
        Slip(
            "the-more-the-safer",
            lambda given: list(DEFENSE_NAMES),
            "more than there are",
        ),
    ),
    hints=(
        "`each_defense_alone(world, fault)` shows what each one does for one fault.",
        "Two of the defenses are only something together.",
    ),
)  # fmt: skip

ASSIGNMENT = Assignment("11-failure-isolation", (LOSS, CLOCKS, STORM, PLAN))
