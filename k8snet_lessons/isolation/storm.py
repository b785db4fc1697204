"""A retry storm in the mean: requests as a fluid, step by step, fast enough for a moving knob.

`storm_process` draws every request and agrees. What the fluid leaves out is chance: near the
edge between holding and collapse, a real system may fall to either side.
"""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from k8snet_lessons.isolation.storm_spec import BUDGET_TTL_S, StormSpec

Floats = npt.NDArray[np.float64]

STEPS_A_TIMEOUT = 10
MOST_STEPS = 20_000


@dataclass(frozen=True, kw_only=True, eq=False)
class StormRun:
    """How a storm went, second by second.

    Attributes
    ----------
    time_s : (t,) array
        Middle of each second.
    attempts_per_s, useful_per_s, failed_per_s : (t,) array
        Attempts sent, requests answered in time, and requests given up for good.
    backlog : (t,) array
        Attempts at the server at the end of each second.
    """

    time_s: Floats
    attempts_per_s: Floats
    useful_per_s: Floats
    failed_per_s: Floats
    backlog: Floats

    @property
    def error_share(self) -> Floats:
        """Share of the requests that ended in each second and failed; (t,) array."""
        ended = self.useful_per_s + self.failed_per_s
        share: Floats = np.divide(
            self.failed_per_s, ended, out=np.zeros_like(ended), where=ended > 0
        )
        return share

    def recovered_s(self, spec: StormSpec) -> float:
        """Seconds after the trigger's end from which at most 1 % fail; inf if not in sight."""
        end = spec.trigger_from_s + spec.trigger_for_s
        bad = np.flatnonzero((self.error_share > 0.01) & (self.time_s > end))
        if not len(bad):
            return 0.0
        if bad[-1] == len(self.time_s) - 1:
            return float("inf")
        return float(self.time_s[bad[-1]] + 0.5 - end)


class _Retries:
    """Retries that are due, by number of the retry and step; pauses spread them."""

    def __init__(self, spec: StormSpec, steps: int, step_s: float) -> None:
        self.last = spec.retries
        self.pauses = [max(1, round(spec.pause_s(k + 1) / step_s)) for k in range(spec.retries)]
        room = steps + max(self.pauses, default=0) + 2
        self.jitter = spec.jitter
        # With jitter: what begins and ends to flow in at a step, per step.
        self.change = [[0.0] * room for _ in range(spec.retries)]
        self.flow = [0.0] * spec.retries

    def due(self, step: int) -> list[float]:
        """What comes at this step, first retries first."""
        if not self.jitter:
            return [each[step] for each in self.change]
        for k, each in enumerate(self.change):
            self.flow[k] += each[step]
        return [max(0.0, each) for each in self.flow]

    def put_off(self, k: int, number: float, step: int) -> None:
        """Attempts number k failed at this step and will be repeated."""
        pause, line = self.pauses[k], self.change[k]
        if self.jitter:
            line[step + 1] += number / pause
            line[step + 1 + pause] -= number / pause
        else:
            line[step + pause] += number


def storm(spec: StormSpec) -> StormRun:
    """Walk a storm in the mean.

    Parameters
    ----------
    spec : StormSpec

    Returns
    -------
    StormRun
        One value a second.
    """
    step_s = max(spec.timeout_s / STEPS_A_TIMEOUT, spec.horizon_s / MOST_STEPS)
    patience = max(1, round(spec.timeout_s / step_s))
    steps = int(np.ceil(spec.horizon_s / step_s))
    retries = _Retries(spec, steps, step_s)
    fresh = spec.requests_per_s * step_s
    came, served = [0.0] * (steps + 1), [0.0] * (steps + 1)
    cohorts: list[list[float]] = []
    sent, useful, failed = np.zeros(steps), np.zeros(steps), np.zeros(steps)
    deposit = spec.budget_min_per_s * step_s + (spec.budget_ratio or 0.0) * fresh
    purse = full_purse = deposit / step_s * BUDGET_TTL_S
    begin, end = spec.trigger_from_s, spec.trigger_from_s + spec.trigger_for_s
    for step in range(steps):
        capacity = spec.capacity_per_s * step_s
        if begin <= step * step_s < end:
            capacity *= spec.trigger_capacity
        due = [fresh, *retries.due(step)]
        wanted = sum(due)
        gone = came[max(0, step - patience)]  # whoever came before has given up
        room = spec.queue_limit + capacity - (came[step] - served[step])
        if spec.max_in_flight is not None:
            under_way = came[step] - max(served[step], gone)
            room = min(room, spec.max_in_flight + capacity - under_way)
        let_in = min(1.0, max(0.0, room) / wanted)
        cohorts.append([each * let_in for each in due])
        came[step + 1] = came[step] + wanted * let_in
        served[step + 1] = min(came[step + 1], served[step] + capacity)
        gone = came[max(0, step + 1 - patience)]
        sent[step] = wanted
        useful[step] = max(0.0, served[step + 1] - max(served[step], gone))

        lost = [each * (1 - let_in) for each in due]  # refused at once
        if step >= patience:  # and those whose time is up
            first, last = came[step - patience], came[step - patience + 1]
            late = max(0.0, last - max(first, served[step + 1]))
            if late > 0:
                share = late / (last - first)
                lost = [a + share * b for a, b in zip(lost, cohorts[step - patience], strict=True)]
        again = sum(lost[:-1])
        granted = 1.0
        if spec.budget_ratio is not None:
            purse = min(full_purse, purse + deposit)
            granted = min(1.0, purse / again) if again > 0 else 1.0
            purse -= granted * again
        failed[step] = lost[-1] + (1 - granted) * again
        for k in range(spec.retries):
            if lost[k] > 0:
                retries.put_off(k, granted * lost[k], step)
    return _by_second(step_s, sent, useful, failed, np.subtract(came[1:], served[1:]))


def _by_second(
    step_s: float, sent: Floats, useful: Floats, failed: Floats, backlog: Floats
) -> StormRun:
    """Sum the steps up to whole seconds."""
    second = (np.arange(len(sent)) * step_s + 1e-9).astype(np.int64)
    count = int(second[-1]) + 1
    last = np.searchsorted(second, np.arange(count), side="right") - 1
    # The last second may be cut short by the horizon; rates are per second all the same.
    width = np.bincount(second, minlength=count) * step_s

    def rate(values: Floats) -> Floats:
        made: Floats = np.bincount(second, weights=values, minlength=count) / width
        return made

    return StormRun(
        time_s=np.arange(count, dtype=np.float64) + 0.5,
        attempts_per_s=rate(sent),
        useful_per_s=rate(useful),
        failed_per_s=rate(failed),
        backlog=backlog[last],
    )
