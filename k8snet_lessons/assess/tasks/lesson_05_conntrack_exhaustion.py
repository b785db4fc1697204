"""Exercise of lesson 5: when a table fills, who notices, and what to do about it."""

import math
from random import Random
from typing import Any

from k8snet_lessons.assess.answers import TODO, type_name, whole
from k8snet_lessons.assess.exercise import Assignment
from k8snet_lessons.assess.task import UNANSWERED, Field, Given, Slip, Task, asking
from k8snet_lessons.assess.verdict import Part
from k8snet_lessons.datapath.nf_conntrack import (
    ConntrackSpec,
    kube_proxy_max,
    level,
    memory,
    seconds_to_full,
    sustainable_per_s,
    syn_ladder,
)
from k8snet_lessons.errors import InputError

_TIME_WAIT_S = 120

# --- the size ------------------------------------------------------------------------------


def _draw_size(rng: Random) -> dict[str, Any]:
    return {"cores": rng.choice((2, 3)), "standing": rng.randint(8, 30) * 1_000}


def _limit(given: Given) -> int:
    return kube_proxy_max(given["cores"]) or 0


SIZE = asking(
    name="size",
    title="What does this node hold?",
    draw=_draw_size,
    prompt=lambda given: (
        f"""A node has **{given["cores"]} cores** and kube-proxy with its default
settings. **{given["standing"]:,}** long-lived connections cross it. All other connections are
short: take 0 s for the connection itself, and the kernel's default TIME_WAIT time-out.

- `"limit"`: what is `nf_conntrack_max` after kube-proxy has started?
- `"per_s"`: how many short connections a second can the node open without end?"""
    ),
    asked=(
        Field(
            "limit",
            1,
            _limit,
            (
                Slip(
                    "per-core-without-the-minimum",
                    lambda given: 32_768 * given["cores"],
                    "So much a core, and yet kube-proxy never goes below a certain limit.",
                ),
                Slip(
                    "the-kernels-default",
                    lambda given: 262_144,
                    "That is the kernel's own default on a large machine. Who sets it after boot?",
                ),
            ),
            "Two settings of kube-proxy decide: one per core, and one minimum.",
            rel_tol=1e-9,
        ),
        Field(
            "per_s",
            1.5,
            lambda given: sustainable_per_s(_limit(given), _TIME_WAIT_S, given["standing"]),
            (
                Slip(
                    "standing-entries-take-no-room",
                    lambda given: _limit(given) / _TIME_WAIT_S,
                    "The connections that stay have entries as well.",
                ),
                Slip(
                    "the-sockets-time-wait",
                    lambda given: (_limit(given) - given["standing"]) / 60,
                    "60 s is how long a socket stays in TIME_WAIT. The table has its own clock.",
                ),
                Slip(
                    "a-limit-is-a-rate",
                    lambda given: float(_limit(given) - given["standing"]),
                    "That is how many entries fit. How long does each stay?",
                ),
            ),
            "Little's law: entries = rate x lifetime.",
        ),
    ),
    debrief="Entries are a rate times a lifetime. The lifetime of a short connection's entry is "
    "almost all TIME_WAIT.",
    hints=("Which is larger, so much a core or the minimum?", "How long does an entry live?"),
)

# --- the moment ----------------------------------------------------------------------------


def _draw_moment(rng: Random) -> dict[str, Any]:
    return {
        "max_entries": 131_072,
        "requests_per_s": rng.randint(20, 23) * 50,
        "keepalive_percent": rng.choice((20, 25)),
        "burst_factor": rng.choice((3, 4)),
    }


def _moment(given: Given, **changed: Any) -> ConntrackSpec:
    fields: dict[str, Any] = {
        "max_entries": given["max_entries"],
        "requests_per_s": float(given["requests_per_s"]),
        "keepalive_share": given["keepalive_percent"] / 100,
        "burst_factor": float(given["burst_factor"]),
        "hold_s": 0.0,
    }
    return ConntrackSpec(**(fields | changed))


def _new_per_s(given: Given) -> float:
    return float(given["requests_per_s"] * (1 - given["keepalive_percent"] / 100))


def _room(given: Given) -> float:
    return float(given["max_entries"]) - _new_per_s(given) * _TIME_WAIT_S


MOMENT = asking(
    name="moment",
    title="How long may the burst last?",
    draw=_draw_moment,
    prompt=lambda given: f"""`nf_conntrack_max` is {given["max_entries"]:,}. Usually
**{given["requests_per_s"]:,} requests a second** cross the node, and
**{given["keepalive_percent"]} %** of them ride on a connection that is already there. A new
connection is closed at once and then stays in TIME_WAIT for 120 s; the few that are kept open
take no room worth counting. The table has reached its usual level. Now traffic rises to
**{given["burst_factor"]} times** the usual.

- `"usual"`: how many entries are alive before the burst?
- `"seconds"`: how many seconds into the burst is the first connection refused?""",
    asked=(
        Field(
            "usual",
            1,
            lambda given: level(_moment(given)),
            (
                Slip(
                    "every-request-opens-a-connection",
                    lambda given: float(given["requests_per_s"] * _TIME_WAIT_S),
                    "Some of the requests need no new connection.",
                ),
                Slip(
                    "the-wrong-share",
                    lambda given: float(given["requests_per_s"] * given["keepalive_percent"]
                                        / 100 * _TIME_WAIT_S),
                    "That is the share that opens none. Which requests make an entry?",
                ),
            ),
            "New connections a second, times the seconds that their entries live.",
        ),
        Field(
            "seconds",
            2,
            lambda given: seconds_to_full(_moment(given)),
            (
                Slip(
                    "the-table-was-empty",
                    lambda given: given["max_entries"] / (_new_per_s(given)
                                                          * given["burst_factor"]),
                    "You began with an empty table. What was there before the burst?",
                ),
                Slip(
                    "nothing-expires",
                    lambda given: _room(given) / (_new_per_s(given) * given["burst_factor"]),
                    "While new entries come, old ones still expire: those of two minutes ago.",
                ),
            ),
            "Room left, over how much more comes than goes.",
        ),
    ),
    debrief="In a burst, what begins is the new rate and what expires is still the old one. Room "
    "over their difference is the time you have.",
    hints=(
        "How full is the table on a usual day?",
        "What expires now began 120 s ago, at the usual rate.",
    ),
)  # fmt: skip

# --- the client ----------------------------------------------------------------------------


def _draw_client(rng: Random) -> dict[str, Any]:
    refused_s = rng.choice((1, 3)) + rng.randint(1, 9) / 10
    return {"refused_s": refused_s}


def _connected(given: Given, linear: int) -> float:
    return next(at for at in syn_ladder(linear=linear).sent_s if at >= given["refused_s"])


CLIENT = asking(
    name="client",
    title="What does the client see?",
    draw=_draw_client,
    prompt=lambda given: (
        f"""A pod calls `connect()` at the moment when the table of its node
begins to refuse newcomers. It refuses them for **{given["refused_s"]} s** and then has room.
Network latency and the kernel's rounding of timers do not count.

- `"new_s"`: when does the connection come about on a node with Linux 6.18, default settings
  (seconds after `connect()`)?
- `"old_s"`: when does it on a node with Linux 5.15?
- `"established"`: another connection of the pod has been open all the time and sends requests.
  What happens to it: `"nothing"`, `"a pause"`, `"a reset"`?"""
    ),
    asked=(
        Field(
            "new_s",
            1,
            lambda given: _connected(given, 4),
            (
                Slip(
                    "the-classic-ladder-everywhere",
                    lambda given: _connected(given, 0),
                    "That ladder is the one of older kernels. What did 6.5 change?",
                ),
                Slip(
                    "the-queue-of-a-full-table",
                    lambda given: given["refused_s"],
                    "Refused packets are dropped, not queued. When is the next one sent?",
                ),
            ),
            "The packet is gone. Which SYN is the first that finds room?",
        ),
        Field(
            "old_s",
            1,
            lambda given: _connected(given, 0),
            (
                Slip(
                    "the-linear-ladder-everywhere",
                    lambda given: _connected(given, 4),
                    "Before 6.5 each wait doubles the one before.",
                ),
            ),
            "Waits of 1, 2 and 4 s add up.",
        ),
        Field(
            "established",
            1,
            lambda given: "nothing",
            (
                Slip(
                    "a-full-table-breaks-everything",
                    lambda given: "a reset",
                    "Its entry exists. What is refused is the making of new ones.",
                ),
                Slip(
                    "a-full-table-delays-everyone",
                    lambda given: "a pause",
                    "Its packets find their entry as ever.",
                ),
            ),
            "Does it need a new entry?",
            choices=("nothing", "a pause", "a reset"),
        ),
    ),
    debrief="Silence, then a retry by the kernel's own ladder. A latency chart with steps at 1, 2, "
    "3 s, or at 1, 3, 7 s, is the mark of lost SYNs.",
    hints=("`syn_ladder(linear=4).sent_s` and `syn_ladder(linear=0).sent_s`.",),
)

# --- the decision --------------------------------------------------------------------------

_DAYS_REUSE = ((0.0, 0), (0.5, 2), (0.8, 4), (0.95, 8))


def _draw_cure(rng: Random) -> dict[str, Any]:
    return {
        "requests_per_s": rng.randint(1_000, 1_120) * 5,
        "burst_factor": 3,
        "share_of_limit": 0.8,
        "most_mib": 200,
        "least_time_wait_s": 30,
        "budget": 5,
    }


def _prompt_cure(given: Given) -> str:
    days = ", ".join(f"up to {100 * share:.0f} %: {price}" for share, price in _DAYS_REUSE)
    return f"""A node with 65,536 buckets carries {given["requests_per_s"]:,} requests a second,
each on a connection of its own that is closed at once. Its limit is 131,072, and bursts of
{given["burst_factor"]} times that traffic last for many minutes. Decide, as a dictionary
`{{"max_entries": ..., "time_wait_s": ..., "keepalive_share": ...}}` (a share from 0 to 1), so that

- the level that the burst reaches, `level(spec, in_burst=True)`, is at most
  **{100 * given["share_of_limit"]:.0f} %** of the limit;
- a full table takes at most **{given["most_mib"]} MiB** of kernel memory by
  `memory(max_entries, max(65_536, max_entries // 4))`;
- TIME_WAIT stays at or above **{given["least_time_wait_s"]} s** (a house rule: late packets of a
  closed connection should still find their translation);
- the work costs at most **{given["budget"]} days**: limit and time-out are half a day each if you
  change them, connection reuse costs by its share ({days}).

In the model the kept connections take no room. More than one decision is right."""


def _days(limit: int, time_wait_s: float, share: float) -> float:
    reuse = next((price for most, price in _DAYS_REUSE if share <= most), 20)
    return 0.5 * (limit != 131_072) + 0.5 * (time_wait_s != 120) + reuse


def _judge_cure(given: Given, answer: Any) -> tuple[Part, ...]:
    names = ("max_entries", "time_wait_s", "keepalive_share")
    if type(answer) is not dict:
        said = f"The answer is {type_name(answer)}; a dictionary with the three choices is asked."
        return (Part("cure", 0, 5, said),)
    chosen = [answer.get(name, TODO) for name in names]
    if all(each is TODO for each in chosen):
        return (Part("cure", 0, 5, UNANSWERED, attempted=False),)
    for name, each in zip(names, chosen, strict=True):
        if type(each) not in (int, float) or not math.isfinite(each):
            return (Part("cure", 0, 5, f"{name!r} is a number."),)
    limit, time_wait_s, share = whole(chosen[0]), *chosen[1:]
    if type(limit) is not int or not 1 <= limit <= 2**31:
        return (Part("cure", 0, 5, "'max_entries' is a whole number, at least 1."),)
    try:
        spec = ConntrackSpec(
            max_entries=limit,
            requests_per_s=float(given["requests_per_s"]),
            burst_factor=float(given["burst_factor"]),
            keepalive_share=share,
            time_wait_s=time_wait_s,
            hold_s=0.0,
        )
    except InputError as error:
        return (Part("cure", 0, 5, f"{error}."),)
    return _bounds(given, spec)


def _bounds(given: Given, spec: ConntrackSpec) -> tuple[Part, ...]:
    filled = level(spec, in_burst=True) / spec.max_entries
    mib = memory(spec.max_entries, max(65_536, spec.max_entries // 4)).total_bytes / 2**20
    days = _days(spec.max_entries, spec.time_wait_s, spec.keepalive_share)
    holds = filled <= given["share_of_limit"] + 1e-9
    lean = mib <= given["most_mib"]
    patient = spec.time_wait_s >= given["least_time_wait_s"]
    cheap = days <= given["budget"]
    alone = spec.keepalive_share == 0
    return (
        Part("level", 2 if holds else 0, 2, "Right." if holds else
             f"The burst would fill {100 * filled:.0f} % of the limit." if filled < 100 else
             f"The burst would fill a table {filled:,.0f} times as large.",
             "" if holds else "one-sysctl-is-enough" if alone else "half-a-cure"),
        Part("memory", 1 if holds and lean else 0, 1, "Right." if holds and lean else
             f"A full table takes {mib:.0f} MiB, more than the bound." if not lean else
             "Memory counts once the level holds.",
             "" if lean else "entries-are-free"),
        Part("time-out", 1 if holds and patient else 0, 1, "Right." if holds and patient else
             "That TIME_WAIT is below the house rule." if not patient else
             "The time-out counts once the level holds.",
             "" if patient else "the-shorter-the-better"),
        Part("budget", 1 if holds and cheap else 0, 1, "Right." if holds and cheap else
             f"This costs {days:g} days, more than the budget." if not cheap else
             "The budget counts once the level holds.",
             "" if cheap else "the-grandest-cure"),
    )  # fmt: skip


CURE = Task(
    name="cure",
    title="A plan for this node",
    draw=_draw_cure,
    prompt=_prompt_cure,
    max_points=5,
    judge_plain=_judge_cure,
    debrief="Raising the limit buys room with memory, a shorter time-out buys it with less "
    "protection, and reuse removes the cause but has to be built. Here no single one is enough.",
    wrong=(
        Slip(
            "one-sysctl-is-enough",
            lambda given: {"max_entries": 262_144, "time_wait_s": 120, "keepalive_share": 0},
            "% of the limit",
        ),
        Slip(
            "entries-are-free",
            lambda given: {"max_entries": 4_194_304, "time_wait_s": 120, "keepalive_share": 0},
            "more than the bound",
        ),
        Slip(
            "the-shorter-the-better",
            lambda given: {"max_entries": 131_072, "time_wait_s": 5, "keepalive_share": 0},
            "below the house rule",
        ),
        Slip(
            "the-grandest-cure",
            lambda given: {"max_entries": 131_072, "time_wait_s": 120, "keepalive_share": 0.95},
            "more than the budget",
        ),
    ),
    hints=(
        "Work out the level of the burst as it is. By what factor is it too high?",
        "Factors multiply: of the limit, of the time-out, of the share that opens a connection.",
    ),
)

ASSIGNMENT = Assignment("05-conntrack-exhaustion", (SIZE, MOMENT, CLIENT, CURE))
