"""The same storm as a process, to be read from top to bottom: one generator a request.

Slow (SimPy), and drawn by chance: Poisson arrivals, exponential work. `storm` is the mean.
"""

from collections.abc import Generator
from dataclasses import dataclass
from typing import Any

import numpy as np
import simpy

from k8snet_lessons.isolation.storm import StormRun
from k8snet_lessons.isolation.storm_spec import BUDGET_TTL_S, StormSpec

Steps = Generator[simpy.Event, Any, None]


@dataclass
class _Purse:
    """The retry budget, a bucket of tokens that fills with requests and with time."""

    spec: StormSpec
    tokens: float = 0.0
    at_s: float = 0.0

    def __post_init__(self) -> None:
        self.tokens = self.full

    @property
    def full(self) -> float:
        ratio = self.spec.budget_ratio or 0.0
        per_s = self.spec.budget_min_per_s + ratio * self.spec.requests_per_s
        return per_s * BUDGET_TTL_S

    def deposit(self) -> None:
        self.tokens = min(self.full, self.tokens + (self.spec.budget_ratio or 0.0))

    def withdraw(self, now_s: float) -> bool:
        if self.spec.budget_ratio is None:
            return True
        gained = self.spec.budget_min_per_s * (now_s - self.at_s)
        self.tokens, self.at_s = min(self.full, self.tokens + gained), now_s
        if self.tokens < 1:
            return False
        self.tokens -= 1
        return True


class _Place:
    """The server's queue, the budget, and what is counted."""

    def __init__(self, spec: StormSpec, seed: int) -> None:
        self.env = simpy.Environment()
        self.spec, self.rng = spec, np.random.default_rng(seed)
        self.queue: simpy.Store = simpy.Store(self.env)
        self.at_server, self.under_way = 0, 0
        self.purse = _Purse(spec)
        self.sent: list[float] = []
        self.useful: list[float] = []
        self.failed: list[float] = []
        self.backlog: list[int] = []


def request(place: _Place) -> Steps:
    """One request: an attempt, and perhaps some more."""
    spec, env = place.spec, place.env
    place.purse.deposit()
    for attempt in range(spec.retries + 1):
        place.sent.append(env.now)
        full = place.at_server > spec.queue_limit
        if spec.max_in_flight is not None:
            full = full or place.under_way >= spec.max_in_flight
        if not full:
            answer = env.event()
            place.at_server += 1
            place.under_way += 1
            place.queue.put(answer)
            yield answer | env.timeout(spec.timeout_s)
            place.under_way -= 1
            if answer.triggered:
                place.useful.append(env.now)
                return
        if attempt == spec.retries or not place.purse.withdraw(env.now):
            break
        pause_s = spec.pause_s(attempt + 1)
        yield env.timeout(pause_s * place.rng.random() if spec.jitter else pause_s)
    place.failed.append(env.now)


def server(place: _Place) -> Steps:
    """Work off whatever waits, without asking whether anybody still waits for it."""
    spec, env = place.spec, place.env
    while True:
        answer = yield place.queue.get()
        work = float(place.rng.exponential())
        while work > 0:  # the pace may change in the middle
            begin, end = spec.trigger_from_s, spec.trigger_from_s + spec.trigger_for_s
            slow = begin <= env.now < end
            pace = spec.capacity_per_s * (spec.trigger_capacity if slow else 1.0)
            until = end if slow else begin if env.now < begin else float("inf")
            needs = work / pace if pace > 0 else float("inf")
            takes = min(needs, until - env.now)
            yield env.timeout(takes)
            work = 0.0 if takes == needs else work - takes * pace
        place.at_server -= 1
        answer.succeed()


def _arrivals(place: _Place) -> Steps:
    while True:
        yield place.env.timeout(place.rng.exponential(1 / place.spec.requests_per_s))
        place.env.process(request(place))


def _clock(place: _Place) -> Steps:
    while True:
        yield place.env.timeout(1.0)
        place.backlog.append(place.at_server)


def storm_by_process(spec: StormSpec, seed: int) -> StormRun:
    """Draw one storm, request by request.

    Parameters
    ----------
    spec : StormSpec
        The horizon is rounded up to whole seconds.
    seed : int

    Returns
    -------
    StormRun
        Counts of each second.
    """
    place = _Place(spec, seed)
    for each in (server, _arrivals, _clock):
        place.env.process(each(place))
    seconds = int(np.ceil(spec.horizon_s))
    place.env.run(until=seconds + 1e-6)
    edges = np.arange(seconds + 1)

    def count(times: list[float]) -> np.ndarray[Any, np.dtype[np.float64]]:
        return np.histogram(times, edges)[0].astype(np.float64)

    return StormRun(
        time_s=np.arange(seconds, dtype=np.float64) + 0.5,
        attempts_per_s=count(place.sent),
        useful_per_s=count(place.useful),
        failed_per_s=count(place.failed),
        backlog=np.array(place.backlog, dtype=np.float64),
    )
