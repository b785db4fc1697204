"""Exercise of lesson 9: what crosses zones, when hints are withheld, and where it gets hot."""

from collections.abc import Mapping
from random import Random
from typing import Any

from k8snet_lessons.assess.answers import TODO, type_name, whole, word
from k8snet_lessons.assess.exercise import Assignment
from k8snet_lessons.assess.task import UNANSWERED, Field, Given, Slip, Task, asking
from k8snet_lessons.assess.verdict import Part
from k8snet_lessons.control.zones import (
    POLICIES,
    Policy,
    ZonedOutcome,
    ZonedService,
    spread_evenly,
    zoned_outcome,
)
from k8snet_lessons.errors import InputError

# --- what crosses --------------------------------------------------------------------------


def _draw_bill(rng: Random) -> dict[str, Any]:
    return {
        "zones": rng.choice((3, 4, 5)),
        "each": rng.randint(2, 6),
        "rate_per_s": rng.randint(5, 40) * 100,
        "kilobytes": rng.choice((8, 15, 25, 40)),
    }


def _without_hints(given: Given) -> ZonedOutcome:
    zones = tuple("abcde"[: given["zones"]])
    cpus: dict[str, float] = dict.fromkeys(zones, 8.0)
    endpoints: dict[str, int] = dict.fromkeys(zones, int(given["each"]))
    return zoned_outcome(
        ZonedService(
            endpoints,
            dict.fromkeys(zones, given["rate_per_s"] / len(zones)),
            cpus,
            kilobytes=given["kilobytes"],
        )
    )


def _usd(given: Given) -> float:
    return _without_hints(given).traffic.transfer_cost_per_month


def _prompt_bill(given: Given) -> str:
    return f"""A Service without any hints has {given["each"]} endpoints in each of
**{given["zones"]} zones**. Its clients send **{given["rate_per_s"]:,} requests a second** in all, the same
from each zone. A request and its answer are {given["kilobytes"]} kB together.

- `"crossing_percent"`: how many percent of the requests leave their zone?
- `"usd_per_month"`: what does their transfer cost? A gigabyte (10⁹ bytes) between zones costs 0.01 USD
  where it leaves **and** 0.01 USD where it arrives. A month has 730 hours."""


BILL = asking(
    name="bill",
    title="What crosses, and what it costs",
    draw=_draw_bill,
    prompt=_prompt_bill,
    asked=(
        Field(
            "crossing_percent",
            1,
            lambda given: 100 * _without_hints(given).traffic.cross_zone_share,
            (
                Slip(
                    "the-share-that-stays",
                    lambda given: 100 / given["zones"],
                    "That is the part that happens to stay. What of the rest?",
                ),
                Slip(
                    "near-endpoints-are-chosen",
                    lambda given: 0,
                    "Nothing tells kube-proxy which endpoint is near. How does it choose?",
                ),
            ),
            "Every endpoint is equally likely. How many of them are in the caller's zone?",
        ),
        Field(
            "usd_per_month",
            1,
            _usd,
            (
                Slip(
                    "only-one-end-pays",
                    lambda given: _usd(given) / 2,
                    "The same byte is charged at both ends.",
                ),
                Slip(
                    "all-traffic-is-billed",
                    lambda given: _usd(given) * given["zones"] / (given["zones"] - 1),
                    "Traffic inside a zone is not billed here.",
                ),
            ),
            "Bytes a second that cross, times the seconds of a month, times the price at each end.",
        ),
    ),
    debrief="With even clients, (n - 1)/n crosses, however many endpoints there are.",
    hints=("For one client: how many endpoints are not in its zone?", "A month: 730 * 3600 s."),
)

# --- when hints are withheld ---------------------------------------------------------------


def _draw_silent(rng: Random) -> dict[str, Any]:
    return {"endpoints": rng.choice((4, 5, 8, 11)), "cpus": rng.choice((8, 16, 32))}


def _crossing_percent(given: Given, policy: Policy) -> float:
    service = ZonedService(
        spread_evenly(given["endpoints"], ("a", "b", "c")),
        dict.fromkeys("abc", 100.0),
        dict.fromkeys("abc", float(given["cpus"])),
        policy,
    )
    return 100 * zoned_outcome(service).traffic.cross_zone_share


def _least_in_all(given: Given) -> int:
    """Smallest larger number of endpoints for which three equal zones get hints."""
    count = int(given["endpoints"])
    while _crossing_percent({**given, "endpoints": count}, "auto") > 0:
        count += 1
    return count


def _prompt_silent(given: Given) -> str:
    return f"""Three zones have {given["cpus"]} allocatable CPUs each and send the same load. A Service has
**{given["endpoints"]} ready endpoints**, spread evenly (at least one in each zone):

```yaml
metadata:
  annotations:
    service.kubernetes.io/topology-mode: Auto
spec:
  trafficDistribution: PreferSameZone
```

- `"now_percent"`: how many percent of the requests leave their zone?
- `"field_percent"`: how many, once the annotation is removed?
- `"enough"`: the annotation stays instead, and endpoints are added one by one, each to the zone with the
  fewest. At what number of ready endpoints does traffic first stay in its zone?"""


SILENT = asking(
    name="silent",
    title="Why nothing happens",
    draw=_draw_silent,
    prompt=_prompt_silent,
    asked=(
        Field(
            "now_percent",
            1,
            lambda given: _crossing_percent(given, "both"),
            (
                Slip(
                    "the-field-is-the-fallback",
                    lambda given: 0,
                    "Which of the two does the controller look at first, and does it go on to "
                    "the other?",
                ),
                Slip(
                    "the-share-that-stays",
                    lambda given: 100 - _crossing_percent(given, "both"),
                    "That is the part that stays.",
                ),
            ),
            "Are there hints? If there are none, which endpoints does a node use?",
        ),
        Field(
            "field_percent",
            1,
            lambda given: _crossing_percent(given, "zone"),
            (
                Slip(
                    "the-field-needs-enough-endpoints",
                    lambda given: _crossing_percent(given, "none"),
                    "Does the field do any arithmetic with CPUs?",
                ),
            ),
            "Each endpoint is hinted for its own zone. Is there one in every zone?",
        ),
        Field(
            "enough",
            1,
            _least_in_all,
            (
                Slip(
                    "one-for-each-zone-is-enough",
                    lambda given: 3,
                    "One for each zone is necessary. Is it enough, at this number?",
                ),
                Slip(
                    "it-works-already",
                    lambda given: given["endpoints"],
                    "Add up what the zones need at least, rounded up, and compare.",
                ),
            ),
            "For n endpoints each zone needs n/3/1.2, rounded up. When do three of these fit?",
            rel_tol=1e-9,
        ),
    ),
    debrief="The annotation wins, and does nothing when its arithmetic fails. The field has no "
    "arithmetic to fail.",
    hints=(
        "`allocate_hints(zones, cpus, endpoints)` says why there are no hints.",
        "The controller asks the annotation first and returns with what that gives.",
    ),
)

# --- the decision --------------------------------------------------------------------------

_MOST_BUSY = 0.8


def _draw_placement(rng: Random) -> dict[str, Any]:
    capacity = rng.choice((200, 250))
    pods = [rng.choice((28, 30, 32)), rng.choice((9, 10)), rng.choice((5, 6))]
    rng.shuffle(pods)
    # Demand is put a little below what `pods` endpoints carry at the bound.
    rates = {z: round(n * capacity * _MOST_BUSY * 0.97) for z, n in zip("abc", pods, strict=True)}
    return {
        "rates_per_s": rates,
        "capacity_per_s": capacity,
        "most_endpoints": sum(pods) + 3,
        "most_usd": 100,
        "kilobytes": 20,
    }


def _prompt_placement(given: Given) -> str:
    rates = ", ".join(f"{zone} **{rate:,}**" for zone, rate in given["rates_per_s"].items())
    policies = ", ".join(f"`{policy!r}`" for policy in POLICIES)
    return f"""Clients send, in requests a second: {rates}. One endpoint can serve {given["capacity_per_s"]}.
A request and its answer are {given["kilobytes"]} kB. All zones have 64 CPUs, on three nodes. You may place endpoints in each zone as
you like (say, one Deployment a zone).

Decide, as a dictionary `{{"policy": ..., "a": ..., "b": ..., "c": ...}}` with the number of endpoints in each
zone, so that in the model (`k8snet_lessons.control.zones.zoned_outcome`)

- no endpoint is busier than **{_MOST_BUSY:.0%}**,
- transfer between zones costs at most **{given["most_usd"]} USD a month**,
- and there are at most **{given["most_endpoints"]} endpoints**.

Policies: {policies} (no hints; the annotation `topology-mode: Auto`; `trafficDistribution: PreferSameZone`, `PreferSameNode`; the annotation and PreferSameZone).
More than one decision is right."""


def _service(given: Given, answer: Mapping[str, Any]) -> ZonedService:
    return ZonedService(
        {zone: answer[zone] for zone in "abc"},
        given["rates_per_s"],
        dict.fromkeys("abc", 64),
        answer["policy"],
        given["capacity_per_s"],
        given["kilobytes"],
    )


def _judge_placement(given: Given, answer: Any) -> tuple[Part, ...]:
    if type(answer) is not dict:
        reason = f"The answer is {type_name(answer)}; a dictionary with four entries is asked for."
        return (Part("placement", 0, 4, reason),)
    named = {name: whole(answer.get(name, TODO)) for name in ("policy", "a", "b", "c")}
    named["policy"] = word(named["policy"], POLICIES)
    if all(value is TODO for value in named.values()):
        return (Part("placement", 0, 4, UNANSWERED, attempted=False),)
    missing = [name for name, value in named.items() if value is TODO]
    if missing:
        return (Part("placement", 0, 4, f"Not answered yet: {', '.join(missing)}."),)
    if type(named["policy"]) is not str:
        return (Part("placement", 0, 4, f"'policy' is one of {', '.join(POLICIES)}."),)
    try:
        found = zoned_outcome(_service(given, named))
    except InputError as error:
        return (Part("placement", 0, 4, f"{error}."),)
    return _bounds(given, named, found)


def _bounds(given: Given, answer: Mapping[str, Any], found: ZonedOutcome) -> tuple[Part, ...]:
    total = sum(answer[zone] for zone in "abc")
    usd = found.traffic.transfer_cost_per_month
    cool = found.peak_utilization <= _MOST_BUSY
    cheap = usd <= given["most_usd"]
    few = total <= given["most_endpoints"]
    hot = max(found.peak_by_zone, key=lambda zone: found.peak_by_zone[zone])
    local = found.hinted.heuristic != "none"
    return (
        Part("transfer", 1.5 if cheap else 0, 1.5, "Right." if cheap else
             f"Transfer between zones costs {usd:,.0f} USD a month, more than the bound.",
             "" if cheap else "cpu-stands-for-load" if answer["policy"] in ("auto", "both") else
             "near-endpoints-are-chosen"),
        Part("load", 1.5 if cool else 0, 1.5, "Right." if cool else
             f"The busiest endpoint, in zone {hot}, is {found.peak_utilization:.0%} busy.",
             "" if cool else "even-endpoints-for-uneven-load" if local else "too-few-endpoints"),
        Part("endpoints", 1 if few and cool and cheap else 0, 1,
             "Right." if few and cool and cheap else
             "Their number counts once both bounds are met." if few else
             f"{total} endpoints are more than the bound. Where is room that nobody uses?",
             "" if few else "room-everywhere"),
    )  # fmt: skip


def _even(given: Given, policy: Policy, factor: int = 1) -> dict[str, Any]:
    spread = spread_evenly(given["most_endpoints"] * factor, ("a", "b", "c"))
    return {"policy": policy, **spread}


def _by_load(given: Given, policy: Policy) -> dict[str, Any]:
    able = given["capacity_per_s"] * _MOST_BUSY
    return {
        "policy": policy,
        **{zone: int(-(-rate // able)) for zone, rate in given["rates_per_s"].items()},
    }


PLACEMENT = Task(
    name="placement",
    title="Keep it near, keep it cool",
    draw=_draw_placement,
    prompt=_prompt_placement,
    max_points=4,
    judge_plain=_judge_placement,
    debrief="Local routing splits one pool into three. Each zone must carry its own clients, so "
    "endpoints follow the load. The annotation would send them back, since it takes CPU for load.",
    wrong=(
        Slip(
            "even-endpoints-for-uneven-load",
            lambda given: _even(given, "zone"),
            "The busiest endpoint",
        ),
        Slip(
            "near-endpoints-are-chosen",
            lambda given: _even(given, "none"),
            "Transfer between zones costs",
        ),
        Slip(
            "room-everywhere",
            lambda given: _even(given, "zone", factor=2),
            "more than the bound",
        ),
        Slip(
            "cpu-stands-for-load",
            lambda given: _by_load(given, "auto"),
            "Transfer between zones costs",
        ),
    ),
    hints=(
        "With local routing, what must the endpoints of one zone carry?",
        "Rate of a zone, over the capacity of an endpoint, over 0.8, rounded up.",
    ),
)

ASSIGNMENT = Assignment("09-topology-aware-routing", (BILL, SILENT, PLACEMENT))
