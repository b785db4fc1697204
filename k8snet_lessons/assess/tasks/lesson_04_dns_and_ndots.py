"""Exercise of lesson 4: what a name costs, what a change breaks, and a plan that does not."""

from random import Random
from typing import Any

from k8snet_lessons.assess.answers import TODO, type_name, whole
from k8snet_lessons.assess.exercise import Assignment
from k8snet_lessons.assess.task import UNANSWERED, Field, Given, Slip, Task, asking
from k8snet_lessons.assess.verdict import Part
from k8snet_lessons.dns import Setting, breaks, lookup, pod_resolv_conf, zone_answers

_SERVICES = ("payment", "ledger", "orders", "search", "cart", "mail")
_NAMESPACES = ("shop", "billing", "edge", "data", "core")
_WORLD = ("api.stripe.com", "hooks.slack.com", "api.github.com", "sts.amazonaws.com")
_CLOUDS = ("", "us-east-2.compute.internal", "c.my-project.internal")


def _conf(given: Given, ndots: int) -> str:
    return pod_resolv_conf(
        namespace=given["namespace"],
        dns_config={"options": [{"name": "ndots", "value": str(ndots)}]},
        node_resolv_conf=f"search {given['cloud']}\n" if given.get("cloud") else "",
    ).text


# --- the count -----------------------------------------------------------------------------


def _draw_count(rng: Random) -> dict[str, Any]:
    return {
        "world": rng.choice(_WORLD),
        "service": rng.choice(_SERVICES),
        "namespace": rng.choice(_NAMESPACES),
        "cloud": rng.choice(_CLOUDS),
    }


def _count(given: Given, name: str, ndots: int, *exists: str) -> int:
    zone = zone_answers({each: ["192.0.2.10"] for each in exists})
    return len(lookup(name, _conf(given, ndots), "glibc", zone).queries)


def _world(given: Given) -> int:
    return _count(given, given["world"], 5, given["world"])


def _full(given: Given) -> str:
    return f"{given['service']}.{given['namespace']}.svc.cluster.local"


def _full_count(given: Given) -> int:
    return _count(given, _full(given), 5, _full(given))


COUNT = asking(
    name="count",
    title="How many queries?",
    draw=_draw_count,
    prompt=lambda given: (
        f"""A pod has this `/etc/resolv.conf`:

```text
{_conf(given, 5)}```

Its image uses glibc and asks for both address families. Every name exists, with IPv4 addresses
only. How many DNS queries does one lookup send?

- `"world"`: of `{given["world"]}`
- `"full"`: of `{_full(given)}`
- `"dotted"`: of `{given["world"]}.` (with a dot at the end)"""
    ),
    asked=(
        Field(
            "world",
            1,
            _world,
            (
                Slip(
                    "one-query-a-name",
                    lambda given: _world(given) // 2,
                    "For each name two questions are asked: A and AAAA.",
                ),
                Slip(
                    "the-name-itself-forgotten",
                    lambda given: _world(given) - 2,
                    "After the search list the name is tried as it stands.",
                ),
                Slip(
                    "a-lookup-is-a-query",
                    lambda given: 1,
                    "Count the dots in the name and compare with ndots.",
                ),
            ),
            "Write down the candidates in order, and two questions for each.",
            rel_tol=1e-9,
        ),
        Field(
            "full",
            1,
            _full_count,
            (
                Slip(
                    "a-full-name-is-taken-as-it-is",
                    lambda given: 2,
                    "It looks complete to you. How many dots does it have, and what is ndots?",
                ),
                Slip(
                    "one-query-a-name",
                    lambda given: _full_count(given) // 2,
                    "For each name two questions are asked: A and AAAA.",
                ),
            ),
            "Count its dots.",
            rel_tol=1e-9,
        ),
        Field(
            "dotted",
            1,
            lambda given: _count(given, given["world"] + ".", 5, given["world"]),
            (
                Slip(
                    "the-dot-does-nothing",
                    _world,
                    "A dot at the end says that the name is complete.",
                ),
                Slip(
                    "one-query-a-name",
                    lambda given: 1,
                    "One name, but how many address families?",
                ),
            ),
            "The dot ends the search.",
            rel_tol=1e-9,
        ),
    ),
    debrief="Fewer dots than ndots: the whole list first. The full name of a Service has four dots, "
    "so it too walks the list at ndots 5. A trailing dot ends it.",
    hints=("The search list has a suffix for each domain.", "A and AAAA for every candidate."),
)

# --- what breaks ---------------------------------------------------------------------------


def _draw_change(rng: Random) -> dict[str, Any]:
    mine, other = rng.sample(_NAMESPACES, 2)
    return {
        "namespace": mine,
        "other": other,
        "service": rng.choice(_SERVICES),
        "ndots": rng.choice((1, 2)),
    }


def _outcome(given: Given, name: str, resolver: str) -> str:
    zone = {f"{given['service']}.{space}.svc.cluster.local": ["10.96.0.20"]
            for space in (given["namespace"], given["other"])}  # fmt: skip
    after = Setting(_conf(given, given["ndots"]), resolver)
    (change,) = breaks([name], Setting(_conf(given, 5), resolver), after, zone)
    return "found" if change.after.found else "not found"


def _two(given: Given) -> str:
    return f"{given['service']}.{given['other']}"


def _other_way(answer: str) -> str:
    return "not found" if answer == "found" else "found"


def _asks(name: str, form: Any, resolver: str, slip: str, message: str, otherwise: str) -> Field:
    return Field(
        name,
        1,
        lambda given: _outcome(given, form(given), resolver),
        (Slip(slip, lambda given: _other_way(_outcome(given, form(given), resolver)), message),),
        otherwise,
        choices=("found", "not found"),
    )


CHANGE = asking(
    name="change",
    title="What stops resolving?",
    draw=_draw_change,
    prompt=lambda given: f"""Pods in namespace `{given["namespace"]}` get **ndots
{given["ndots"]}** instead of 5. The search list stays the usual one. Service
`{given["service"]}` exists in `{given["namespace"]}` and in `{given["other"]}`. Say `"found"` or
`"not found"` for one lookup after the change:

- `"musl_one"`: `{given["service"]}` from an Alpine image
- `"musl_two"`: `{_two(given)}` from an Alpine image
- `"glibc_two"`: `{_two(given)}` from a Debian image
- `"musl_three"`: `{_two(given)}.svc` from an Alpine image""",
    asked=(
        _asks("musl_one", lambda given: given["service"], "musl", "ndots-switches-the-list-off",
              "No dot is fewer than ndots, whichever of the two it is.", "Count its dots."),
        _asks("musl_two", _two, "musl", "musl-is-glibc",
              "Compare its one dot with ndots. Does musl come back to the list if the name itself "
              "does not exist?", "musl tries either the list first, or the name alone."),
        _asks("glibc_two", _two, "glibc", "glibc-is-musl",
              "glibc tries both ways. Only their order depends on ndots.",
              "ndots changes the order in glibc."),
        _asks("musl_three", lambda given: f"{_two(given)}.svc", "musl", "svc-is-a-full-name",
              "The name has two dots, and `svc` is no domain of the world.", "Count its dots."),
    ),
    debrief="In glibc and Go, ndots decides what is tried first. In musl it decides what is tried "
    "at all: with as many dots as ndots the search list is never used.",
    hints=("`breaks([...], before, after, zone)` answers for any name.",),
)  # fmt: skip

# --- the plan ------------------------------------------------------------------------------


def _draw_plan(rng: Random) -> dict[str, Any]:
    return {
        "namespace": "shop",
        "cloud": "",
        "names": ["cart", "ledger.billing", "api.stripe.com"],
        "lookups_per_s": rng.randint(180, 210) * 100,
        "most_busy_share": 0.6,
        "budget": 5,
    }


def _prompt_plan(given: Given) -> str:
    names = ", ".join(f"`{name}`" for name in given["names"])
    return f"""Alpine pods (musl) in namespace `{given["namespace"]}` do
{given["lookups_per_s"]:,} lookups a second, in equal shares of {names}; all of them exist, the
first two as Services. Two CoreDNS replicas cannot keep up. Decide, as a dictionary
`{{"ndots": ..., "replicas": ..., "node_cache": ...}}`, so that in the model
(`k8snet_lessons.dns.servers.serve`)

- every one of the names still resolves,
- a CoreDNS replica is busy at most **{100 * given["most_busy_share"]:.0f} %** of the time,
- and the price is at most **{given["budget"]}**: 1 for each CoreDNS replica, 6 for a cache on each
  node (`node_cache` true), nothing for ndots.

More than one decision is right."""


def _judge_plan(given: Given, answer: Any) -> tuple[Part, ...]:
    if type(answer) is not dict:
        said = f"The answer is {type_name(answer)}; a dictionary with the three choices is asked."
        return (Part("plan", 0, 4, said),)
    names = ("ndots", "replicas", "node_cache")
    ndots, replicas, node_cache = (whole(answer.get(name, TODO)) for name in names)
    if all(each is TODO for each in (ndots, replicas, node_cache)):
        return (Part("plan", 0, 4, UNANSWERED, attempted=False),)
    if type(ndots) is not int or not 0 <= ndots <= 15:
        return (Part("plan", 0, 4, "'ndots' is a whole number from 0 to 15."),)
    if type(replicas) is not int or not 1 <= replicas <= 100:
        return (Part("plan", 0, 4, "'replicas' is a whole number from 1 to 100."),)
    if type(node_cache) is not bool:
        return (Part("plan", 0, 4, "'node_cache' is True or False."),)
    return _bounds(given, ndots, replicas, node_cache)


def _bounds(given: Given, ndots: int, replicas: int, node_cache: bool) -> tuple[Part, ...]:
    from k8snet_lessons.dns.servers import DnsSpec, serve

    zone = {
        "cart.shop.svc.cluster.local": ("10.96.0.20",),
        "ledger.billing.svc.cluster.local": ("10.96.0.21",),
        "api.stripe.com": ("192.0.2.10",),
    }
    spec = DnsSpec(
        lookups_per_s=float(given["lookups_per_s"]),
        names=tuple((name, 1.0) for name in given["names"]),
        resolv_conf=_conf(given, ndots),
        resolver="musl",
        zone=zone,
        replicas=replicas,
        node_cache=node_cache,
    )
    lost = [each.name for each in spec.plan if not each.found]
    busy = serve(spec, lookups=1_000).utilization
    price = replicas + 6 * node_cache
    whole, calm = not lost, busy <= given["most_busy_share"]
    cheap = price <= given["budget"]
    return (
        Part("names", 1.5 if whole else 0, 1.5, "Right." if whole else
             f"Not found with this plan: {', '.join(lost)}.",
             "" if whole else "the-lower-the-better"),
        Part("load", 1.5 if whole and calm else 0, 1.5, "Right." if whole and calm else
             f"A replica is busy {100 * busy:.0f} % of the time, more than the bound." if not calm
             else "The load counts once every name resolves.",
             "" if calm else "ndots-is-harmless"),
        Part("price", 1 if whole and calm and cheap else 0, 1,
             "Right." if whole and calm and cheap else
             f"This costs {price}, more than the budget." if not cheap else
             "The price counts once names and load are right.",
             "" if cheap else "buy-a-way-out"),
    )  # fmt: skip


PLAN = Task(
    name="plan",
    title="A plan for this cluster",
    draw=_draw_plan,
    prompt=_prompt_plan,
    max_points=4,
    judge_plain=_judge_plan,
    debrief="ndots 2 takes six of the eight queries from the world's name and leaves "
    "service.namespace alone. What is left is a matter of replicas.",
    wrong=(
        Slip(
            "the-lower-the-better",
            lambda given: {"ndots": 1, "replicas": 2, "node_cache": False},
            "Not found with this plan",
        ),
        Slip(
            "ndots-is-harmless",
            lambda given: {"ndots": 5, "replicas": 2, "node_cache": False},
            "more than the bound",
        ),
        Slip(
            "buy-a-way-out",
            lambda given: {"ndots": 5, "replicas": 8, "node_cache": False},
            "more than the budget",
        ),
    ),
    hints=(
        "Which of the names gains from a lower ndots, and which can be lost?",
        "Queries a second times 29.7 µs, over the replicas, is the busy share.",
    ),
)

ASSIGNMENT = Assignment("04-dns-and-ndots", (COUNT, CHANGE, PLAN))
