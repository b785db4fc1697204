"""A retry storm: what the clients, the server and the trigger are, and what follows by hand.

The one server stands for all pods of a service. Attempts wait in one queue, first come, first
served. A client gives up after its time-out and the server does not learn of it: it works on
attempts that nobody waits for any more. That wasted work is what can keep a storm alive after
its trigger has gone (Bronson et al., "Metastable Failures in Distributed Systems", HotOS 2021).
"""

import math
from dataclasses import dataclass

from k8snet_lessons.isolation._checks import number, whole

# Finagle RetryBudget.scala and Linkerd's ServiceProfile: 20 % of the requests, and 10 a second
# beside; deposits are forgotten after 10 s.
BUDGET_RATIO = 0.2
BUDGET_MIN_PER_S = 10.0
BUDGET_TTL_S = 10.0
# Envoy, router filter: 25 ms, doubled with each retry, fully jittered, at most 250 ms.
ENVOY_BACKOFF_S = 0.025
ENVOY_LONGEST_BACKOFF_S = 0.25

MOST_RETRIES = 10


@dataclass(frozen=True, kw_only=True)
class StormSpec:
    """Clients that retry, a server with a queue, and a trigger.

    Attributes
    ----------
    requests_per_s : float
        New requests, whatever becomes of the old ones (an open load: users keep coming).
    capacity_per_s : float
        Attempts that the server works off on a usual day.
    queue_limit : int
        Attempts that may wait or be worked on; further ones are refused at once.
    timeout_s : float
        How long a client waits for one attempt.
    retries : int
        Further attempts of a request whose attempt failed; 0 to 10.
    backoff_s, longest_backoff_s : float
        Pause before the first retry, doubled with each further one, and its upper end.
    jitter : bool
        Draw the pause evenly between 0 and that value (full jitter) instead of waiting it out.
    budget_ratio : float or None
        Retries that each new request pays for; None for no budget.
    budget_min_per_s : float
        Retries a second that a budget allows in any case.
    max_in_flight : int or None
        Attempts that the clients together let be under way (Envoy's circuit breaker
        ``max_requests``); further ones fail at once. None for no limit.
    trigger_from_s, trigger_for_s : float
        When the server slows down, and for how long.
    trigger_capacity : float
        Share of the capacity that is left meanwhile, 0 to 1.
    horizon_s : float
        How long to look.
    """

    requests_per_s: float = 600.0
    capacity_per_s: float = 1_000.0
    queue_limit: int = 3_000
    timeout_s: float = 1.0
    retries: int = 3
    backoff_s: float = ENVOY_BACKOFF_S
    longest_backoff_s: float = ENVOY_LONGEST_BACKOFF_S
    jitter: bool = True
    budget_ratio: float | None = None
    budget_min_per_s: float = BUDGET_MIN_PER_S
    max_in_flight: int | None = None
    trigger_from_s: float = 10.0
    trigger_for_s: float = 10.0
    trigger_capacity: float = 0.2
    horizon_s: float = 90.0

    def __post_init__(self) -> None:
        for name in ("requests_per_s", "capacity_per_s", "timeout_s", "horizon_s"):
            number(name, getattr(self, name), 1e-3, 1e7)
        for name in ("backoff_s", "longest_backoff_s", "budget_min_per_s", "trigger_from_s",
                     "trigger_for_s"):  # fmt: skip
            number(name, getattr(self, name), 0.0, 1e7)
        number("trigger_capacity", self.trigger_capacity, 0.0, 1.0)
        if self.budget_ratio is not None:
            number("budget_ratio", self.budget_ratio, 0.0, 1_000.0)
        for name, least, most in (("queue_limit", 1, 10**9), ("retries", 0, MOST_RETRIES)):
            whole(name, getattr(self, name), least, most)
        if self.max_in_flight is not None:
            whole("max_in_flight", self.max_in_flight, 1, 10**9)

    def pause_s(self, retry: int) -> float:
        """Longest pause before this retry (1 is the first)."""
        return min(self.longest_backoff_s, self.backoff_s * 2.0 ** (retry - 1))


def storm_load_per_s(spec: StormSpec) -> float:
    """Attempts a second when every attempt fails: what the server faces in a storm.

    Each request comes 1 + retries times; a budget lets only its ratio, and its minimum,
    come again. Pauses do not enter: they put a retry off and do not save it.

    Examples
    --------
    >>> storm_load_per_s(StormSpec(requests_per_s=600, retries=3))
    2400.0
    >>> storm_load_per_s(StormSpec(requests_per_s=600, retries=3, budget_ratio=0.2))
    730.0
    """
    again = spec.requests_per_s * spec.retries
    if spec.budget_ratio is not None:
        again = min(again, spec.requests_per_s * spec.budget_ratio + spec.budget_min_per_s)
    return spec.requests_per_s + again


def useful_queue(spec: StormSpec) -> float:
    """Longest queue whose last attempt is still answered in time: capacity x time-out."""
    return spec.capacity_per_s * spec.timeout_s


def safe_ratio(spec: StormSpec) -> float:
    """Retries for each request that the spare capacity can bear: capacity / requests - 1."""
    return spec.capacity_per_s / spec.requests_per_s - 1


def can_outlive_trigger(spec: StormSpec) -> bool:
    """Whether a storm, once there, feeds itself at full capacity.

    It does if what comes when everything fails is at least what the server can do, *and* the
    queue may grow so long that whatever is served is served too late. A limit on attempts
    under way ends it too if it admits less than the capacity: no more than limit / time-out
    a second can come.
    """
    too_much = storm_load_per_s(spec) >= spec.capacity_per_s
    too_late = spec.queue_limit > useful_queue(spec)
    unlimited = spec.max_in_flight is None or spec.max_in_flight >= useful_queue(spec)
    return too_much and too_late and unlimited


def drain_s(spec: StormSpec, backlog: float) -> float:
    """Seconds from the trigger's end until answers are in time again; inf if never.

    Until then every attempt fails, so the queue shrinks by capacity - storm load.
    """
    over = backlog - useful_queue(spec)
    spare = spec.capacity_per_s - storm_load_per_s(spec)
    if over <= 0:
        return 0.0
    return over / spare if spare > 0 else math.inf


def attempts_at_the_bottom(depth: int, retries: int) -> int:
    """Attempts that one request makes at the last of `depth` services if all of them retry.

    Examples
    --------
    >>> attempts_at_the_bottom(3, 3)
    64
    """
    whole("depth", depth, 1, 20)
    whole("retries", retries, 0, MOST_RETRIES)
    return int((1 + retries) ** depth)
