"""Exercise of lesson 3: what Services cost by the thousand, and who pays."""

from random import Random
from typing import Any

from k8snet_lessons.assess.answers import TODO, type_name, word
from k8snet_lessons.assess.exercise import Assignment
from k8snet_lessons.assess.task import UNANSWERED, Field, Given, Slip, Task, asking
from k8snet_lessons.assess.verdict import Part
from k8snet_lessons.control.scale import MODES, ServiceLoad, nat_rules, scale_cost
from k8snet_lessons.errors import InputError

# --- the walk ------------------------------------------------------------------------------


def _draw_walk(rng: Random) -> dict[str, Any]:
    services = rng.randint(30, 90) * 100
    place = rng.randint(services // 3, services - 500)
    if abs(place - services / 2) < 0.05 * services:  # "half the list" would be nearly right
        place += services // 8
    return {
        "services": services,
        "place": place,
        "rule_ns": rng.choice((6, 9, 11, 14)),
        "requests": rng.choice((20, 40, 50)),
    }


def _walk_us(given: Given) -> float:
    """Rules before the one that matches, each paid by the packet that opens a connection."""
    return float((given["place"] - 1) * given["rule_ns"] / 1e3)


def _prompt_walk(given: Given) -> str:
    return f"""A node in iptables mode carries {given["services"]:,} Services with one endpoint
each. Yours is rule number **{given["place"]:,}** of `KUBE-SERVICES`. A rule that does not match
costs {given["rule_ns"]} ns; everything else is the same for all and left out here. A client sends
**{given["requests"]} requests over one connection**.

Give microseconds:

- `"first_us"`: what the connection's first packet spends on rules that do not match;
- `"later_us"`: what the first packet of its second request spends on them;
- `"mean_us"`: the mean over the client's {given["requests"]} requests."""


WALK = asking(
    name="walk",
    title="Which packet walks?",
    draw=_draw_walk,
    prompt=_prompt_walk,
    asked=(
        Field(
            "first_us",
            1,
            _walk_us,
            (
                Slip(
                    "every-rule-is-walked",
                    lambda given: given["services"] * given["rule_ns"] / 1e3,
                    "The walk stops at the rule that matches. Which rules stand before it?",
                ),
                Slip(
                    "stops-half-way-on-average",
                    lambda given: given["services"] / 2 * given["rule_ns"] / 1e3,
                    "Half of the list is the mean over all Services. This one's place is known.",
                ),
                Slip(
                    "nanoseconds-for-microseconds",
                    lambda given: float((given["place"] - 1) * given["rule_ns"]),
                    "Check the unit: a thousand nanoseconds make a microsecond.",
                ),
            ),
            "Count the rules that are tried in vain, and price them.",
        ),
        Field(
            "later_us",
            1,
            lambda given: 0,
            (
                Slip(
                    "every-packet-walks",
                    _walk_us,
                    "The connection has an entry in the conntrack table by now. What does that "
                    "entry save?",
                ),
            ),
            "Which table answers for a connection that already exists?",
        ),
        Field(
            "mean_us",
            1,
            lambda given: _walk_us(given) / given["requests"],
            (
                Slip(
                    "every-request-walks",
                    _walk_us,
                    "That would be so with one connection a request.",
                ),
            ),
            "One walk, shared by all requests of the connection.",
        ),
    ),
    debrief="Translation belongs to a connection. The list is linear, but keep-alive divides its "
    "price by the number of requests, whatever the mode.",
    hints=(
        "Number the rules from 1. Which ones are tried before the one that matches?",
        "A request is not a connection.",
    ),
)

# --- the rules -----------------------------------------------------------------------------


def _draw_rules(rng: Random) -> dict[str, Any]:
    return {"services": rng.randint(11, 79) * 50, "endpoints": rng.randint(4, 15)}


def _dispatch_and_own(given: Given) -> int:
    """KUBE-SERVICES whole, and the chain of the Service that changed with its endpoints'."""
    changed = nat_rules(1, given["endpoints"] + 1) - nat_rules(0, 1)
    return int(given["services"]) + changed - 1  # its rule in KUBE-SERVICES is in the list


def _prompt_rules(given: Given) -> str:
    return f"""A cluster has {given["services"]:,} ClusterIP Services of one port,
{given["endpoints"]} ready endpoints each, and kube-proxy in iptables mode. No session affinity,
no NodePorts. Besides the Services' own rules it writes 5 into the `nat` table.

- `"rules"`: how many rules does it write into the `nat` table in all?
- `"touched"`: **one** Service gets **one** more endpoint. How many `nat` rules that belong to
  Services does the minimized restore (default since 1.27) write? Count `KUBE-SERVICES`, and all
  rules in the chains of the Service that changed and of its endpoints."""


RULES = asking(
    name="rules",
    title="How many rules, and how many again?",
    draw=_draw_rules,
    prompt=_prompt_rules,
    asked=(
        Field(
            "rules",
            1,
            lambda given: nat_rules(given["services"], given["endpoints"]),
            (
                Slip(
                    "one-rule-a-service",
                    lambda given: given["services"] + 5,
                    "That is the list KUBE-SERVICES alone. What stands in the chains it jumps to?",
                ),
                Slip(
                    "one-rule-an-endpoint",
                    lambda given: 5 + given["services"] * (2 + given["endpoints"]),
                    "An endpoint takes more than the rule that chooses it: see its own chain.",
                ),
                Slip(
                    "the-fixed-rules-forgotten",
                    lambda given: nat_rules(given["services"], given["endpoints"]) - 5,
                    "Nearly: the question names some rules that no Service owns.",
                ),
            ),
            "Write out one Service with two endpoints, as kube-proxy does, and count.",
            rel_tol=1e-9,
        ),
        Field(
            "touched",
            1,
            _dispatch_and_own,
            (
                Slip(
                    "everything-is-rewritten",
                    lambda given: nat_rules(given["services"], given["endpoints"]) + 3,
                    "That was so before the minimized restore. Which chains did not change?",
                ),
                Slip(
                    "only-what-changed",
                    lambda given: 3,
                    "A chain that changes is written whole, and one list is written each time.",
                ),
                Slip(
                    "the-list-is-left-alone",
                    lambda given: _dispatch_and_own(given) - given["services"],
                    "One chain is written whole even though no rule in it changed.",
                ),
            ),
            "Which list is still written whole, and which chains belong to the changed Service?",
            rel_tol=1e-9,
        ),
    ),
    debrief="The minimized restore takes the endpoints of all other Services out of the bill. The "
    "list of Services stays in it: one rule each, at every change.",
    hints=(
        "A Service: one rule in the list, one that marks traffic from outside the cluster. Then, "
        "for each endpoint?",
        "`program(cluster).to_text()` writes the rules of any manifest. Try a small one.",
    ),
)

# --- the decision --------------------------------------------------------------------------

_PRICES = {"nftables": 3, "ebpf": 8, "ipvs": 4, "iptables": 0}
_REUSE_PRICES = ((1.0, 0), (10.0, 1), (100.0, 2), (1_000.0, 4))


def _draw_plan(rng: Random) -> dict[str, Any]:
    return {
        "services": rng.choice((8_000, 9_000, 10_000)),
        "endpoints_per_service": rng.choice((2, 3)),
        "new_requests_per_s": float(rng.choice((30_000, 40_000))),
        "changes_per_s": rng.choice((2.0, 4.0)),
        "most_translation_cores": 0.2,
        "most_sync_cores": 0.3,
        "budget": 9,
    }


def _prompt_plan(given: Given) -> str:
    modes = ", ".join(f"`{mode!r}` {price}" for mode, price in _PRICES.items())
    reuse = ", ".join(f"up to {limit:,.0f}: {price}" for limit, price in _REUSE_PRICES)
    return f"""Pods on one node send {given["new_requests_per_s"]:,.0f} requests a second through
Services, one connection a request so far. The cluster has {given["services"]:,} Services with
{given["endpoints_per_service"]} endpoints each, and {given["changes_per_s"]:g} endpoint changes a
second. kube-proxy runs in iptables mode. The node spends too much on it.

Decide, as a dictionary `{{"mode": ..., "requests_per_connection": ...}}`, so that in the model
(`k8snet_lessons.control.scale.scale_cost`)

- first packets keep at most **{given["most_translation_cores"]:g} CPU** busy,
- writing changes keeps at most **{given["most_sync_cores"]:g} CPU** busy,
- and the work to get there costs at most **{given["budget"]} days**. Days for the mode:
  {modes}. Days for requests per connection: {reuse}.

More than one decision is right. IPVS is refused: it is deprecated."""


def _plan_cost(mode: str, reuse: float) -> int:
    return _PRICES[mode] + next((price for limit, price in _REUSE_PRICES if reuse <= limit), 6)


def _judge_plan(given: Given, answer: Any) -> tuple[Part, ...]:
    if type(answer) is not dict:
        reason = (
            f"The answer is {type_name(answer)}; a dictionary with the two choices is asked for."
        )
        return (Part("plan", 0, 4, reason),)
    mode, reuse = answer.get("mode", TODO), answer.get("requests_per_connection", TODO)
    if mode is TODO and reuse is TODO:
        return (Part("plan", 0, 4, UNANSWERED, attempted=False),)
    mode = word(mode, MODES)
    if type(mode) is not str or mode not in MODES:
        return (Part("plan", 0, 4, f"'mode' is one of {', '.join(MODES)}."),)
    if mode == "ipvs":
        return (Part("plan", 0, 4, "IPVS mode is deprecated; a plan for the coming years "
                     "cannot rest on it.", "ipvs-is-the-answer"),)  # fmt: skip
    if type(reuse) not in (int, float):
        return (Part("plan", 0, 4, "'requests_per_connection' is a number."),)
    try:
        load = ServiceLoad(
            services=given["services"],
            endpoints_per_service=given["endpoints_per_service"],
            new_connections_per_s=given["new_requests_per_s"] / max(reuse, 1),
            requests_per_connection=reuse,
            changes_per_s=given["changes_per_s"],
        )
    except InputError as error:
        return (Part("plan", 0, 4, f"{error}."),)
    return _bounds(given, mode, reuse, load)


def _bounds(given: Given, mode: Any, reuse: float, load: ServiceLoad) -> tuple[Part, ...]:
    found = scale_cost(mode, load)
    walks = found.translation_cores <= given["most_translation_cores"]
    writes = found.sync_cores <= given["most_sync_cores"]
    cheap = _plan_cost(mode, reuse) <= given["budget"]
    return (
        Part("first packets", 1.5 if walks else 0, 1.5, "Right." if walks else
             f"First packets keep {found.translation_cores:.2f} CPU busy, more than the bound.",
             "" if walks else "nothing-about-connections"),
        Part("changes", 1.5 if writes else 0, 1.5, "Right." if writes else
             f"Writing changes keeps {found.sync_cores:.2f} CPU busy, more than the bound. Fewer "
             "connections do not make a change cheaper.",
             "" if writes else "keep-alive-cures-churn"),
        Part("budget", 1 if walks and writes and cheap else 0, 1,
             "Right." if walks and writes and cheap else
             "The budget counts once both bounds are met." if cheap else
             f"This plan costs {_plan_cost(mode, reuse)} days, more than the budget.",
             "" if cheap else "the-grandest-cure"),
    )  # fmt: skip


PLAN = Task(
    name="plan",
    title="A plan for this node",
    draw=_draw_plan,
    prompt=_prompt_plan,
    max_points=4,
    judge_plain=_judge_plan,
    debrief="The two bills have two cures. Reusing connections lowers the first packet's share; "
    "only another mode lowers what a change costs. Ask which bill is the larger before you choose.",
    wrong=(
        Slip(
            "keep-alive-cures-churn",
            lambda given: {"mode": "iptables", "requests_per_connection": 100},
            "Fewer connections do not make a change cheaper",
        ),
        Slip(
            "the-grandest-cure",
            lambda given: {"mode": "ebpf", "requests_per_connection": 1_000},
            "more than the budget",
        ),
        Slip(
            "ipvs-is-the-answer",
            lambda given: {"mode": "ipvs", "requests_per_connection": 10},
            "deprecated",
        ),
        Slip(
            "nothing-about-connections",
            lambda given: {"mode": "iptables", "requests_per_connection": 1},
            "First packets keep",
        ),
    ),
    hints=(
        "Which of the two bounds can keep-alive alone meet?",
        "`scale_cost(mode, ServiceLoad(...))` gives both numbers for any decision.",
    ),
)

ASSIGNMENT = Assignment("03-kube-proxy-at-scale", (WALK, RULES, PLAN))
