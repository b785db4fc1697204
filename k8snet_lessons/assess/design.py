"""A task that asks for a judgement: a design that meets a p99 and a budget.

The learner changes knobs of a given `Scenario`; the model runs the result. Any design that
meets both bounds is right, whatever way it was found.
"""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import asdict, dataclass
from random import Random
from typing import TYPE_CHECKING, Any, Final

from k8snet_lessons.assess.answers import TODO, plain, type_name, whole, word
from k8snet_lessons.assess.task import UNANSWERED, Given, Slip, Task
from k8snet_lessons.assess.verdict import Part
from k8snet_lessons.errors import InputError

if TYPE_CHECKING:
    from k8snet_lessons.scenario import Outcome, Scenario

REQUESTS: Final = 60_000
SEEDS: Final = (101, 202)
MOST_FAILED_SHARE: Final = 0.001
NOISE: Final = 1.005  # a design within half a percent of the bound meets it
# Hops whose time only these knobs change. Where none of them is free, the hop is no advice.
MOVED_BY: Final[Mapping[str, frozenset[str]]] = {
    "client network": frozenset(
        {"client_rtt_us", "client_new_connection_share", "tls_terminates_at"}
    ),
    "pod service": frozenset({"service_time_us", "service_time_distribution"}),
}


@dataclass(frozen=True)
class Trap:
    """A design that a known misunderstanding leads to.

    Parameters
    ----------
    misconception : str
        Identifier.
    answer : callable
        From the drawn numbers to the changes that someone with it would make.
    applies : callable
        Whether a design that missed a bound shows it: ``(given, scenario, outcome) -> bool``.
    message : str
        What to say.
    """

    misconception: str
    answer: Callable[[Given], dict[str, Any]]
    applies: "Callable[[Given, Scenario, Outcome], bool]"
    message: str


def monthly_cost(scenario: "Scenario", prices: Mapping[str, float]) -> float:
    """Return what a design costs a month.

    Parameters
    ----------
    scenario : Scenario
        The design.
    prices : mapping
        ``"replicas": 30`` is a price for each; ``"load_balancer=l7": 25`` one for the choice.
    """
    total = 0.0
    for name, price in prices.items():
        field, _, choice = name.partition("=")
        value = getattr(scenario, field)
        total += price * (value == choice) if choice else price * value
    return total


def start_of(given: Given) -> "Scenario":
    """Return the scenario that a design task starts from."""
    from k8snet_lessons.scenario import Scenario

    return Scenario(**given["start"])


def design(
    *,
    name: str,
    title: str,
    draw: Callable[[Random], dict[str, Any]],
    prompt: Callable[[Given], str],
    traps: tuple[Trap, ...],
    debrief: str,
    points: float = 4,
    hints: tuple[str, ...] = (),
) -> Task:
    """Make a design task; half of the points are for the p99, half for the budget.

    `draw` gives at least ``start`` (fields of the Scenario), ``free`` (fields that may be
    changed), ``prices``, ``p99_ms`` and ``budget``. The budget counts only once the p99 is
    met: a cheap design that is too slow is no design.
    """

    def judge(given: Given, answer: Any) -> tuple[Part, ...]:
        return _judge(given, answer, traps, points)

    return Task(
        name=name,
        title=title,
        draw=draw,
        prompt=prompt,
        max_points=points,
        judge_plain=judge,
        debrief=debrief,
        wrong=(
            *(Slip(trap.misconception, trap.answer, trap.message) for trap in traps),
            Slip(
                "wishes-the-load-away",
                lambda given: {"offered_load_per_s": 10.0},
                "is not yours to change",
            ),
        ),
        hints=hints,
    )


def _judge(given: Given, answer: Any, traps: tuple[Trap, ...], points: float) -> tuple[Part, ...]:
    if type(answer) is dict and any(value is TODO for value in answer.values()):
        return (Part("design", 0, points, UNANSWERED, attempted=False),)
    try:
        scenario = _read(given, answer)
    except InputError as error:
        misconception = "wishes-the-load-away" if error.field in given["start"] else ""
        return (Part("design", 0, points, f"{error}.", misconception),)
    outcomes = _run(scenario)
    p99_ms = sum(outcome.percentile(99) for outcome in outcomes) / len(outcomes) / 1000
    failed = sum(float(outcome.failed.mean()) for outcome in outcomes) / len(outcomes)
    cost = monthly_cost(scenario, given["prices"])
    fast = p99_ms <= given["p99_ms"] * NOISE and failed <= MOST_FAILED_SHARE
    cheap = cost <= given["budget"]
    known = next((trap for trap in traps if trap.applies(given, scenario, outcomes[0])), None)
    shown = known if known and not (fast and cheap) else None
    half = points / 2
    speed = f"The p99 is {p99_ms:.1f} ms; asked for are {given['p99_ms']:g} ms."
    if failed > MOST_FAILED_SHARE:
        speed = f"{failed:.1%} of the requests fail. " + speed
    if not fast:
        hop = _slowest_hop(outcomes[0], given["free"])
        speed += f" Of what your knobs move, the slowest requests lose most here: {hop}."
    money = f"It costs {cost:g} a month; the budget is {given['budget']:g}."
    if cheap and not fast:
        money += " The budget counts once the p99 is met."
    said, tag = (f" {shown.message}", shown.misconception) if shown else ("", "")
    if fast:  # what was missed is the budget, so that is where the reason belongs
        return (
            Part("p99", half, half, speed),
            Part("budget", half if cheap else 0, half, money + said, tag),
        )
    return (
        Part("p99", 0, half, speed + said, tag),
        Part("budget", 0, half, money),
    )


def _read(given: Given, answer: Any) -> "Scenario":
    """Turn changes, or all fields of a Scenario, into the design; refuse what is not free."""
    from k8snet_lessons.scenario import Scenario, knobs

    if type(answer) is not dict:
        raise InputError(
            "design", type_name(answer), "a Scenario, or a dictionary of the knobs you change"
        )
    start = asdict(start_of(given))
    described = knobs()
    answer = {
        name: word(
            whole(value) if described[name].kind == "whole" else value, described[name].choices
        )
        if name in described
        else value
        for name, value in answer.items()
    }
    for name, value in answer.items():
        if name not in start:
            raise InputError("design", name, "knobs: " + ", ".join(given["free"]))
        if name not in given["free"] and value != plain(start[name]):
            raise _not_yours(name, value, given)
    return Scenario(**(start | {key: answer[key] for key in given["free"] if key in answer}))


def _not_yours(name: str, value: Any, given: Given) -> InputError:
    return InputError(
        name,
        value,
        f"as given ({name} is not yours to change); free are {', '.join(given['free'])}",
    )


def _run(scenario: "Scenario") -> "list[Outcome]":
    from k8snet_lessons.scenario import simulate

    return [simulate(scenario, seed=seed, requests=REQUESTS) for seed in SEEDS]


def _slowest_hop(outcome: "Outcome", free: Iterable[str]) -> str:
    """Name the hop at which requests beyond the 99th percentile lose most against the median.

    Hops that no free knob moves are left out.
    """
    import numpy as np

    slow = outcome.latency_us >= outcome.percentile(99)
    usual = outcome.latency_us <= outcome.percentile(50)
    excess = {
        hop: float(np.mean(values[slow]) - np.mean(values[usual]))
        for hop, values in outcome.by_hop.items()
        if hop not in MOVED_BY or MOVED_BY[hop] & set(free)
    }
    return max(excess, key=lambda hop: excess[hop])
