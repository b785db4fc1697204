"""The table in the mean: flows as a fluid, second by second, fast enough for a knob in motion.

Takes the same specification as `occupancy`, which draws every flow, and leaves chance out:
in each second the same share of all attempts finds room. Exact for the long run; at the
first refusal it lacks the jitter of Poisson arrivals.
"""

import math
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from k8snet_lessons.datapath.nf_conntrack.early_drop import chance
from k8snet_lessons.datapath.nf_conntrack.spec import ConntrackSpec, Floats, Flow

__all__ = ["MeanRun", "mean_run"]

# In the mean a refusal may be a fraction of one; less than this in a second is none.
_ONE_OF_THEM = 0.5


@dataclass(frozen=True, kw_only=True, eq=False)
class MeanRun:
    """How a table fills in the mean.

    Attributes
    ----------
    time_s : (t,) array
        Whole seconds from the start.
    live : (t,) array
        Entries that have not expired, at each instant.
    refused, evicted : (t - 1,) array
        Attempts refused, and unassured entries thrown out, in each second.
    refused_share : (t - 1,) array
        Refused attempts over all attempts of the second.
    first_refusal_s : float or None
        May lie before the start, where the usual load is already too much.
    waited : tuple of (float, float)
        For TCP flows from the start on: seconds lost to retries, and the share of the flows.
    failed_share : float
        Share of those flows whose every attempt was refused. Flows still trying at the end
        are in neither.
    """

    time_s: Floats
    live: Floats
    refused: Floats
    evicted: Floats
    refused_share: Floats
    first_refusal_s: float | None
    waited: tuple[tuple[float, float], ...]
    failed_share: float


class _Kind:
    """One kind of flow: what is due to be tried, and what is due to expire, by second."""

    def __init__(self, spec: ConntrackSpec, flow: Flow, edges: npt.NDArray[np.int64]) -> None:
        self.flow = flow
        seconds = len(edges) - 1
        factor = spec.burst_factor if flow.in_burst else 1.0
        begin, end = spec.burst_from_s, spec.burst_from_s + spec.burst_for_s
        burst = np.clip(np.minimum(edges[1:], end) - np.maximum(edges[:-1], begin), 0, None)
        begun = np.clip(edges[1:] + flow.life_s, 0, 1)  # from one lifetime before the start
        fresh = flow.per_s * (begun + (factor - 1) * burst)
        self.offsets = [0, *(int(at) for at in flow.retries_s)]
        self.due = np.zeros((len(self.offsets), seconds + int(self.offsets[-1]) + 1))
        self.due[0, :seconds] = fresh
        self.whole, self.part = int(flow.life_s), flow.life_s % 1
        self.expiring = np.zeros(seconds + self.whole + 2)
        self.count = 0.0

    def attempts(self, second: int) -> float:
        return float(self.due[:, second].sum())

    def expire(self, second: int) -> float:
        gone = float(self.expiring[second])
        self.count -= gone
        return gone

    def admit(self, second: int, number: float) -> None:
        self.expiring[second + self.whole] += number * (1 - self.part)
        self.expiring[second + self.whole + 1] += number * self.part
        self.count += number

    def retry(self, second: int, refused_share: float) -> None:
        for step in range(len(self.offsets) - 1):
            gap = self.offsets[step + 1] - self.offsets[step]
            self.due[step + 1, second + gap] += self.due[step, second] * refused_share

    def evict(self, second: int, share: float) -> None:
        self.expiring[second + 1 :] *= 1 - share
        self.count *= 1 - share


def mean_run(spec: ConntrackSpec) -> MeanRun:
    """Walk a table through the mean of its flows.

    Parameters
    ----------
    spec : ConntrackSpec

    Returns
    -------
    MeanRun
    """
    before = math.ceil(max((flow.life_s for flow in spec.flows), default=0.0))
    edges = np.arange(-before, math.ceil(spec.horizon_s) + 1)
    kinds = [_Kind(spec, flow, edges) for flow in spec.flows]
    seconds = len(edges) - 1
    live = np.full(seconds + 1, float(spec.standing))
    refused, evicted, share = np.zeros(seconds), np.zeros(seconds), np.zeros(seconds)
    first: float | None = None
    for second in range(seconds):
        loose = sum(kind.count for kind in kinds if not kind.flow.assured)
        tried = sum(kind.attempts(second) for kind in kinds)
        gone = sum(kind.expire(second) for kind in kinds)
        over = live[second] + tried - gone - spec.limit
        if over > 1e-9 * max(1.0, tried):
            lucky = _early_drop(spec, kinds, second, loose, over)
            evicted[second], refused[second] = lucky, over - lucky
            share[second] = min(1.0, refused[second] / tried)
            if first is None and refused[second] >= _ONE_OF_THEM:
                room = max(0.0, spec.limit - live[second])
                first = float(edges[second]) + min(1.0, room / (tried - gone))
        for kind in kinds:
            kind.admit(second, kind.attempts(second) * (1 - share[second]))
            if share[second]:
                kind.retry(second, float(share[second]))
        live[second + 1] = spec.standing + sum(kind.count for kind in kinds)
    waited, failed = _outcomes(kinds, share, before)
    return MeanRun(
        time_s=edges[before:].astype(np.float64),
        live=live[before:],
        refused=refused[before:],
        evicted=evicted[before:],
        refused_share=share[before:],
        first_refusal_s=first,
        waited=waited,
        failed_share=failed,
    )


def _early_drop(
    spec: ConntrackSpec, kinds: list[_Kind], second: int, loose: float, over: float
) -> float:
    """How many of the refused get in after all; their victims are taken out."""
    there = sum(kind.count for kind in kinds if not kind.flow.assured)
    if not spec.early_drop or there <= 0:
        return 0.0
    lucky = min(over * chance(loose, spec.buckets), there)
    for kind in kinds:
        if not kind.flow.assured:
            kind.evict(second, lucky / there)
    return lucky


def _outcomes(
    kinds: list[_Kind], share: Floats, before: int
) -> tuple[tuple[tuple[float, float], ...], float]:
    """Waits of the TCP flows that began at the start or later, and the share that failed."""
    tcp = next((kind for kind in kinds if kind.flow.name == "TCP"), None)
    if tcp is None:
        return (), 0.0
    seconds = len(share)
    # Step by step: attempts of cohorts from the start on, as far as the run goes.
    tried = [tcp.due[step, before + at : seconds] for step, at in enumerate(tcp.offsets)]
    refused = [share[before + at : seconds] for at in tcp.offsets]
    let_in = [float((a * (1 - r)).sum()) for a, r in zip(tried, refused, strict=True)]
    failed = float((tried[-1] * refused[-1]).sum())
    total = sum(let_in) + failed
    if not total:
        return (), 0.0
    waits = tuple((float(at), n / total) for at, n in zip(tcp.offsets, let_in, strict=True))
    return waits, failed / total if failed >= _ONE_OF_THEM else 0.0
