"""What a run of traffic came to: load by pod, latency, idleness, loss."""

from dataclasses import dataclass
from functools import cached_property
from typing import Final

import numpy as np
import numpy.typing as npt

from k8snet_lessons.errors import InputError
from k8snet_lessons.sim.arrays import Bools, Floats, Ints
from k8snet_lessons.traffic.endpoints import Endpoints
from k8snet_lessons.traffic.ledger import Ledger
from k8snet_lessons.traffic.spec import TrafficSpec

#: Why a request got no answer; the place in this list is its code.
CAUSES: Final = ("answered", "no connection", "refused", "cut off", "too late")
ANSWERED, NO_CONNECTION, REFUSED, CUT_OFF, TOO_LATE = range(5)


@dataclass(frozen=True, eq=False)
class TrafficRun:
    """One run.

    Attributes
    ----------
    spec : TrafficSpec
    arrival_s : (n,) array
        When each request was sent, ascending.
    pod : (n,) int16 array
        Where it went; -1 where nobody could be asked.
    latency_us : (n,) array
        Wait and work in the pod; NaN where no pod took it. Beyond the deadline it is what the
        answer would have taken.
    work_us : (n,) array
        What its answer costs a pod's worker.
    cause : (n,) uint8 array
        Place in `CAUSES`.
    life : Endpoints
    book : Ledger or None
        Who could be chosen by whom; None for an HTTP/1.1 pool.
    opened : int
        Connections opened during the run, refused ones included; those that were there at the
        start are not counted. Proxies' and pools' are not followed: 0.
    """

    spec: TrafficSpec
    arrival_s: Floats
    pod: npt.NDArray[np.int16]
    latency_us: Floats
    work_us: Floats
    cause: npt.NDArray[np.uint8]
    life: Endpoints
    book: Ledger | None
    opened: int

    @cached_property
    def took(self) -> Bools:
        """Which requests a pod worked on, in vain or not."""
        took: Bools = np.isin(self.cause, (ANSWERED, CUT_OFF, TOO_LATE))
        return took

    def counts(self, from_s: float = 0.0, until_s: float | None = None) -> Ints:
        """Requests that each pod took in a span of time."""
        span = self._span(from_s, until_s)
        return np.bincount(self.pod[span][self.took[span]], minlength=self.spec.all_pods)

    def load_per_s(self, step_s: float = 1.0) -> tuple[Floats, Floats]:
        """Return instants (m + 1,) and the rate at which each pod took requests, (pods, m)."""
        if not 0 < step_s <= self.spec.duration_s:
            raise InputError("step_s", step_s, f"above 0, at most {self.spec.duration_s:g}")
        steps = int(np.ceil(self.spec.duration_s / step_s - 1e-9))
        when = np.minimum((self.arrival_s / step_s).astype(np.int64), steps - 1)
        place = self.pod.astype(np.int64) * steps + when
        count = np.bincount(place[self.took], minlength=steps * self.spec.all_pods)
        at = np.minimum(np.arange(steps + 1) * step_s, self.spec.duration_s)
        return at, count.reshape(self.spec.all_pods, steps) / np.diff(at)

    def idle(self, from_s: float = 0.0, until_s: float | None = None) -> int:
        """Pods that listened throughout a span of time and took nothing."""
        return int((self.counts(from_s, until_s)[self._there(from_s, until_s)] == 0).sum())

    def imbalance(self, from_s: float = 0.0, until_s: float | None = None) -> float:
        """Requests of the busiest pod over the mean of the pods that listened throughout.

        1 is perfect balance; the number of pods is one pod doing all. NaN: nothing was taken.
        """
        counts = self.counts(from_s, until_s)[self._there(from_s, until_s)]
        return float(counts.max() / counts.mean()) if counts.any() else float("nan")

    def percentile_us(
        self, percent: float, from_s: float = 0.0, until_s: float | None = None
    ) -> float:
        """Latency of requests that a pod took, the late ones included; NaN if there are none."""
        span = self._span(from_s, until_s)
        taken = self.latency_us[span][self.took[span]]
        return float(np.percentile(taken, percent)) if len(taken) else float("nan")

    def lost(self, from_s: float = 0.0, until_s: float | None = None) -> dict[str, int]:
        """Requests without an answer, by cause."""
        count = np.bincount(self.cause[self._span(from_s, until_s)], minlength=len(CAUSES))
        return {name: int(count[code]) for code, name in enumerate(CAUSES) if code}

    @property
    def wasted_work_s(self) -> float:
        """Seconds that workers spent on answers which nobody got."""
        vain = (self.cause == CUT_OFF) | (self.cause == TOO_LATE)
        return float(self.work_us[vain].sum()) / 1e6

    def _span(self, from_s: float, until_s: float | None) -> slice:
        end = self.spec.duration_s if until_s is None else until_s
        if not 0 <= from_s < end:
            raise InputError("from_s", from_s, f"a time from 0 and before {end:g}")
        low, high = np.searchsorted(self.arrival_s, (from_s, end))
        return slice(int(low), int(high))

    def _there(self, from_s: float, until_s: float | None) -> Bools:
        end = self.spec.duration_s if until_s is None else until_s
        return (self.life.listens_from <= from_s) & (self.life.listens_until >= end)
