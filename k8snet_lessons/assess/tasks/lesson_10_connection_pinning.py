"""Exercise of lesson 10: how many are idle, for how long, what is lost, and a cure with a budget."""

import math
from random import Random
from typing import Any

from k8snet_lessons.assess.answers import TODO, type_name, whole, word
from k8snet_lessons.assess.exercise import Assignment
from k8snet_lessons.assess.task import UNANSWERED, Field, Given, Slip, Task, asking
from k8snet_lessons.assess.verdict import Part
from k8snet_lessons.errors import InputError
from k8snet_lessons.traffic import (
    BALANCING,
    CLIENT_SIDE,
    LAYER_7,
    TrafficSpec,
    expected_idle,
    refused_requests,
    serve,
    still_old_share,
)

# --- balls in bins -------------------------------------------------------------------------


def _draw_bins(rng: Random) -> dict[str, Any]:
    return {"before": rng.choice((3, 4)), "after": rng.choice((16, 18, 24)),
            "channels": rng.choice((12, 14, 15))}  # fmt: skip


BINS = asking(
    name="bins",
    title="How many are idle?",
    draw=_draw_bins,
    prompt=lambda given: f"""**{given["channels"]} gRPC channels** were opened through a ClusterIP
while a Deployment had **{given["before"]} pods**, and each of those pods holds at least one. Nobody
sets a maximum age. The Deployment is scaled to **{given["after"]} pods**; all become Ready.

- `"pinned"`: how many of the {given["after"]} pods take no request an hour later?
- `"anew"`: all client pods are restarted, so that all {given["channels"]} channels are opened
  again, at random onto {given["after"]} pods. How many pods hold no channel, on average?""",
    asked=(
        Field(
            "pinned",
            1,
            lambda given: given["after"] - given["before"],
            (
                Slip(
                    "new-rules-move-old-connections",
                    lambda given: 0,
                    "New rules are there for new connections. Who opens any?",
                ),
            ),
            "Which pods hold a connection? Only those get requests.",
            rel_tol=1e-9,
        ),
        Field(
            "anew",
            1.5,
            lambda given: expected_idle(given["after"], given["channels"]),
            (
                Slip(
                    "random-means-even",
                    lambda given: float(given["after"] - given["channels"]),
                    "That is the least that can be idle, if no two draw the same pod. They do.",
                ),
                Slip(
                    "new-connections-change-nothing",
                    lambda given: given["after"] - given["before"],
                    "These are new connections: each of them draws among all pods.",
                ),
            ),
            "A pod stays idle if every single draw misses it.",
            rel_tol=0.02,
        ),
    ),
    debrief="Old connections leave all new pods idle; new ones leave n(1 - 1/n)^c. The second is "
    "the best that a choice for each connection can do.",
    hints=("Probability that one draw misses a given pod?", "`expected_idle(pods, connections)`."),
)  # fmt: skip

# --- age -----------------------------------------------------------------------------------


def _draw_age(rng: Random) -> dict[str, Any]:
    age_s = rng.choice((200, 300, 400))
    return {"age_s": age_s, "after_s": age_s * rng.choice((3, 4, 6)) // 10,
            "connections": rng.choice((600, 1_200, 2_400))}  # fmt: skip


AGE = asking(
    name="age",
    title="How long until they have moved?",
    draw=_draw_age,
    prompt=lambda given: f"""Servers set `MAX_CONNECTION_AGE` to **{given["age_s"]} s**. There are
**{given["connections"]:,} connections**, opened at all sorts of times. Now new pods come.

- `"old"`: what share of the connections (0 to 1) is still older than the new pods
  **{given["after_s"]} s** later?
- `"none_s"`: after how many seconds is certainly none left?
- `"per_s"`: how many connections a second are opened anew, all the time?""",
    asked=(
        Field(
            "old",
            1,
            lambda given: still_old_share(given["after_s"], given["age_s"]),
            (
                Slip(
                    "ages-without-memory",
                    lambda given: math.exp(-given["after_s"] / given["age_s"]),
                    "That is for connections that end at random moments. These end at an age.",
                ),
                Slip(
                    "all-were-just-opened",
                    lambda given: 1.0,
                    "They were opened at all sorts of times; some are nearly old enough.",
                ),
                Slip(
                    "the-share-that-went",
                    lambda given: given["after_s"] / given["age_s"],
                    "That share has been retired. How much is left?",
                ),
            ),
            "Ages are spread evenly over the maximum. Which of them reach it within that time?",
            rel_tol=0.02,
        ),
        Field(
            "none_s",
            1,
            lambda given: 1.1 * given["age_s"],
            (
                Slip(
                    "no-jitter",
                    lambda given: float(given["age_s"]),
                    "Nearly. The age is not the same for each connection.",
                ),
            ),
            "A connection that was opened just before the new pods came, and lives longest.",
            rel_tol=0.005,
        ),
        Field(
            "per_s",
            1,
            lambda given: given["connections"] / given["age_s"],
            (
                Slip(
                    "a-storm-each-period",
                    lambda given: float(given["connections"]),
                    "Not all in one second: their ages are spread.",
                ),
            ),
            "Each is opened anew once in its lifetime.",
            rel_tol=0.02,
        ),
    ),
    debrief="A maximum age is a conveyor belt: connections leave it evenly, all are new after 1.1 "
    "ages, and the price is connections / age handshakes a second.",
    hints=("Think of a belt of connections by age.", "`still_old_share(after_s, max_age_s)`."),
)  # fmt: skip

# --- a rollout -----------------------------------------------------------------------------


def _draw_leaving(rng: Random) -> dict[str, Any]:
    return {"pods": 24, "leaving": rng.choice((4, 6, 8)), "rate": rng.randint(10, 14) * 300,
            "news_s": rng.choice((2.4, 3.6, 4.2)), "longest_s": rng.choice((35, 40, 50))}  # fmt: skip


def _prestop_s(given: Given) -> int:
    return math.ceil(float(given["news_s"]))


LEAVING = asking(
    name="leaving",
    title="Scaling down",
    draw=_draw_leaving,
    prompt=lambda given: f"""{given["pods"]} pods share **{given["rate"]:,} requests a second**,
balanced request by request and without retries. **{given["leaving"]} of them are deleted** at once.
Each closes its listener as soon as it gets SIGTERM, finishes what it has, and exits. Everybody has
stopped choosing them after **{given["news_s"]} s**, not before. The longest request takes
**{given["longest_s"]} s**.

- `"lost"`: how many requests are refused, without any preStop?
- `"prestop_s"`: the smallest whole number of seconds to sleep in preStop so that none is refused?
- `"grace_s"`: the smallest `terminationGracePeriodSeconds` with that sleep, so that no request is cut
  off? (A request may arrive in the last moment before the listener closes.)""",
    asked=(
        Field(
            "lost",
            1.5,
            lambda given: refused_requests(
                given["rate"], given["pods"], given["leaving"], given["news_s"], 0.0
            ),
            (
                Slip(
                    "every-request-is-refused",
                    lambda given: given["rate"] * given["news_s"],
                    "Only those that are sent to a leaving pod are.",
                ),
                Slip(
                    "the-news-takes-no-time",
                    lambda given: 0,
                    "They close their listeners at once, and others do not know yet.",
                ),
            ),
            "A rate to the leaving pods, times how long it is wrong to send it there.",
            rel_tol=0.02,
        ),
        Field(
            "prestop_s",
            1,
            _prestop_s,
            (
                Slip(
                    "sleep-for-the-longest-request",
                    lambda given: given["longest_s"],
                    "Draining takes care of what is inside. The sleep is for what still comes.",
                ),
                Slip(
                    "a-little-too-short",
                    lambda given: math.floor(given["news_s"]),
                    "Then the last moments are still refused.",
                ),
            ),
            "It has to outlast the news, no more.",
            rel_tol=1e-9,
        ),
        Field(
            "grace_s",
            1.5,
            lambda given: _prestop_s(given) + given["longest_s"],
            (
                Slip(
                    "grace-begins-with-sigterm",
                    lambda given: given["longest_s"],
                    "The clock of the grace period runs during preStop already.",
                ),
                Slip(
                    "the-default-is-enough",
                    lambda given: 30,
                    "30 s is the default. Add up what has to fit into it.",
                ),
            ),
            "From the deletion: the sleep, then the longest request.",
            rel_tol=1e-9,
        ),
    ),
    debrief="preStop outlasts the news, draining outlasts the requests, and the grace period has to "
    "hold both, one after the other.",
    hints=("Three clocks start at the deletion.", "Who sends to a pod that is being deleted?"),
)  # fmt: skip

# --- whodunit ------------------------------------------------------------------------------

_CAUSES = (
    "older connections", "drawn at random", "DNS not asked again", "news too slow",
    "hot key", "nothing wrong",
)  # fmt: skip
_PICTURES = {
    "Target: a ClusterIP, iptables. 24 channels, no maximum age. Requests a second by pod, 20 "
    "minutes after the scale-up from 3: `412 405 398 0 0 0 0 0 0 0 0 0`": "older connections",
    "Target: a ClusterIP, iptables. 12 channels, all opened ten minutes after the last pod became "
    "Ready. Requests a second by pod: `101 0 203 99 0 98 302 0 201 0 102 97`": "drawn at random",
    "Target: a headless Service, policy `round_robin`, no maximum age. Requests a second by pod, 20 "
    "minutes after the scale-up from 4: `301 300 300 300 0 0 0 0 0 0 0 0`": "DNS not asked again",
    "Target: a layer-7 proxy with `ring_hash` on the customer's id. Connections to the proxy are "
    "opened anew all the time. Requests a second by pod: `75 81 78 390 70 83 74 79 66 72 68 77`": "hot key",
}


def _draw_cause(rng: Random) -> dict[str, Any]:
    return dict(zip("abc", rng.sample(list(_PICTURES), 3), strict=True))


def _prompt_cause(given: Given) -> str:
    lines = [f'- `"{place}"`: {given[place]}' for place in "abc"]
    words = ", ".join(f'`"{each}"`' for each in _CAUSES)
    return (
        "Twelve pods, all Ready. Name the reason for each picture, in one of these words: "
        f"{words}.\n\n" + "\n".join(lines)
    )


def _cause_field(place: str) -> Field:
    def right(given: Given) -> str:
        return _PICTURES[given[place]]

    def tempting(given: Given) -> str:
        # Zeros on the new pods look alike; what differs is who would have to choose again.
        return {
            "older connections": "DNS not asked again",
            "DNS not asked again": "older connections",
            "drawn at random": "older connections",
            "hot key": "drawn at random",
        }[right(given)]

    return Field(
        place,
        1,
        right,
        (
            Slip("one-cause-for-every-idle-pod", tempting,
                 "Look again at the target: who chooses the pod, and when? And how do the numbers "
                 "relate to each other?"),
        ),
        "Which numbers are multiples of one another? Which are zero, and since when?",
        choices=_CAUSES,
    )  # fmt: skip


CAUSE = asking(
    name="cause",
    title="What is it?",
    draw=_draw_cause,
    prompt=_prompt_cause,
    asked=tuple(_cause_field(place) for place in "abc"),
    debrief="Zeros on exactly the new pods: nobody has chosen since. Multiples of one number, zeros "
    "anywhere: whole connections, drawn at random. Level but for one: a key.",
    hints=("Who chooses, the kernel, a proxy, or the client?",
           "A connection carries about the same as any other. Which pictures show multiples?"),
)  # fmt: skip

# --- the decision --------------------------------------------------------------------------

_CLIENTS, _DAYS_SIDECAR, _DAYS_SHARED, _DAYS_PROXY = 5, 3.0, 4.0, 2.0
_DAYS_CLIENT, _DAYS_AGE = 1.0, 0.5
_KEYS = ("balancing", "connections_per_client", "max_age_s", "shared_proxies")


def _draw_cure(rng: Random) -> dict[str, Any]:
    return {"pods": rng.choice((18, 20, 22)), "per_s": rng.randint(36, 42) * 10, "most_idle": 1.0,
            "most_busy": 2.2, "most_connections": 260, "budget": 9.0}  # fmt: skip


def _prompt_cure(given: Given) -> str:
    return f"""Five client pods ask a Service {given["per_s"]} times a second over gRPC, 2 channels
each. At 30 s its Deployment goes from 2 pods to **{given["pods"]}**. Decide, as a dictionary with
any of `"balancing"` (one of {", ".join(f'`"{each}"`' for each in BALANCING)}),
`"connections_per_client"` (2 to 100), `"max_age_s"` (5 to 3,600 s, or `None`), `"shared_proxies"`
(0 is a sidecar for each client, up to 10). What you leave out stays: `"iptables"`, 2, `None`, 0.

In the two minutes after the change the model is asked, `serve(TrafficSpec(...))`, and in the last
30 s

- at most **{given["most_idle"]:g}** pod may be idle at a time, on average;
- the busiest pod may take at most **{given["most_busy"]:g}** times a fair share;
- clients or proxies may hold at most **{given["most_connections"]}** connections to pods;
- the price is at most **{given["budget"]:g} days** of work and upkeep: sidecars {_DAYS_SIDECAR:g} a client;
  shared proxies {_DAYS_SHARED:g} and {_DAYS_PROXY:g} for each; a changed client (more channels, or a gRPC policy)
  {_DAYS_CLIENT:g} a client; a maximum age {_DAYS_AGE:g}.

More than one decision is right."""


def _cure_days(spec: TrafficSpec) -> float:
    days = _DAYS_AGE * math.isfinite(spec.max_age_s)
    if spec.balancing in LAYER_7:
        days += (_DAYS_SHARED + _DAYS_PROXY * spec.shared_proxies if spec.shared_proxies
                 else _DAYS_SIDECAR * spec.clients)  # fmt: skip
    if spec.balancing in CLIENT_SIDE or spec.connections_per_client != 2:
        days += _DAYS_CLIENT * spec.clients
    return days


def _connections(spec: TrafficSpec) -> int:
    if spec.balancing in LAYER_7:
        return (spec.shared_proxies or spec.clients) * spec.scaled_to
    each = spec.scaled_to if spec.balancing == "client_round_robin" else 1
    return spec.connections * each


def _read_cure(given: Given, answer: dict[str, Any]) -> TrafficSpec:
    unknown = sorted(set(answer) - set(_KEYS))
    if unknown:
        raise InputError("cure", unknown[0], "keys: " + ", ".join(_KEYS))
    age = answer.get("max_age_s")
    if age is not None and (type(age) not in (int, float) or not 5 <= age <= 3_600):
        raise InputError("max_age_s", age, "None, or a number of seconds from 5 to 3,600")
    channels = whole(answer.get("connections_per_client", 2))
    proxies = whole(answer.get("shared_proxies", 0))
    if type(channels) is not int or not 2 <= channels <= 100:
        raise InputError("connections_per_client", channels, "a whole number from 2 to 100")
    if type(proxies) is not int or not 0 <= proxies <= 10:
        raise InputError("shared_proxies", proxies, "a whole number from 0 to 10")
    return TrafficSpec(
        balancing=word(answer.get("balancing", "iptables"), BALANCING),
        connections_per_client=channels,
        shared_proxies=proxies,
        max_age_s=math.inf if age is None else float(age),
        clients=_CLIENTS, requests_per_s=float(given["per_s"]), service_us=4_000.0,
        scaled_to=given["pods"], duration_s=150.0,
    )  # fmt: skip


def _judge_cure(given: Given, answer: Any) -> tuple[Part, ...]:
    if type(answer) is not dict:
        said = f"The answer is {type_name(answer)}; a dictionary with your choices is asked for."
        return (Part("cure", 0, 5, said),)
    if any(value is TODO for value in answer.values()):
        return (Part("cure", 0, 5, UNANSWERED, attempted=False),)
    try:
        spec = _read_cure(given, answer)
    except InputError as error:
        return (Part("cure", 0, 5, f"{error}."),)
    return _bounds(given, spec)


def _bounds(given: Given, spec: TrafficSpec) -> tuple[Part, ...]:
    runs = [serve(spec, seed=seed) for seed in (11, 12)]
    idle = sum(run.idle(second, second + 1) for run in runs for second in range(120, 150)) / 60
    busiest = sum(run.imbalance(120.0) for run in runs) / 2
    connections, days = _connections(spec), _cure_days(spec)
    awake = idle <= given["most_idle"]
    even = busiest <= given["most_busy"]
    few = connections <= given["most_connections"]
    cheap = days <= given["budget"]
    by_connection = spec.balancing not in (*LAYER_7, "client_round_robin")
    if math.isinf(spec.max_age_s) and spec.balancing not in LAYER_7:
        why = "nobody-chooses-again"
    else:
        why = "shuffling-is-balancing" if by_connection else ""
    later = "counts once the pods are awake."
    return (
        Part("idle", 2 if awake else 0, 2, "Right." if awake else
             f"{idle:.1f} pods are idle at a time.", "" if awake else why),
        Part("busiest", 1 if awake and even else 0, 1, "Right." if awake and even else
             f"The busiest pod takes {busiest:.1f} times a fair share." if not even else
             f"Balance {later}"),
        Part("connections", 1 if awake and few else 0, 1, "Right." if awake and few else
             f"These are {connections:,} connections, more than the bound." if not few else
             f"The number of connections {later}", "" if few else "connections-are-free"),
        Part("budget", 1 if awake and cheap else 0, 1, "Right." if awake and cheap else
             f"This costs {days:g} days, more than the budget." if not cheap else
             f"The budget {later}", "" if cheap else "only-a-mesh-cures-it"),
    )  # fmt: skip


CURE = Task(
    name="cure",
    title="A cure within a budget",
    draw=_draw_cure,
    prompt=_prompt_cure,
    max_points=5,
    judge_plain=_judge_cure,
    debrief="A choice for each request, wherever it is made, wakes all pods. So do enough connections "
    "that are opened anew now and then. What is right depends on what you already run.",
    wrong=(
        Slip("shuffling-is-balancing", lambda given: {"max_age_s": 30}, "idle at a time"),
        Slip(
            "nobody-chooses-again",
            lambda given: {"balancing": "client_round_robin"},
            "idle at a time",
        ),
        Slip(
            "connections-are-free",
            lambda given: {
                "balancing": "client_round_robin", "connections_per_client": 10, "max_age_s": 30,
            },
            "more than the bound",
        ),
        Slip(
            "only-a-mesh-cures-it",
            lambda given: {"balancing": "least_request"},
            "more than the budget",
        ),
    ),
    hints=(
        "Who chooses, and what makes them choose again? An answer needs both.",
        "How many connections would ten more pods need, if each draws at random?",
    ),
)  # fmt: skip

ASSIGNMENT = Assignment("10-connection-pinning", (BINS, AGE, LEAVING, CAUSE, CURE))
