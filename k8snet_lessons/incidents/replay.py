"""The same traffic again, through the world that a fix leaves behind."""

from dataclasses import dataclass

import numpy as np

from k8snet_lessons.incidents.fixes import Fix
from k8snet_lessons.incidents.traffic import Traffic, send
from k8snet_lessons.incidents.world import World
from k8snet_lessons.sim.arrays import Floats

_AT = np.arange(1.0, 100.0, 2.0)
_MOST_DOUBLINGS, _ERROR_DOUBLINGS = 6.0, 8.0


@dataclass(frozen=True, eq=False)
class Replay:
    """Before and after a fix, and how it should be.

    Attributes
    ----------
    healthy, before, after : Traffic
        The same requests through three worlds.
    """

    healthy: Traffic
    before: Traffic
    after: Traffic

    def harm(self, traffic: Traffic) -> float:
        """How far the latencies lie above those of a healthy cluster, from 0 to 1.

        Percentile by percentile, in doublings: at most six, and eight for an error. The mean over
        percentiles, then over the two routes, as a share of eight.
        """
        shares = []
        for report in (False, True):
            now = _percentiles(traffic, report)
            usual = _percentiles(self.healthy, report)
            doublings = np.clip(np.log2(now / usual), 0.0, _MOST_DOUBLINGS)
            doublings[np.isinf(now)] = _ERROR_DOUBLINGS
            shares.append(float(doublings.mean()) / _ERROR_DOUBLINGS)
        return sum(shares) / len(shares)

    @property
    def recovered(self) -> float:
        """Which part of the harm is gone: 1 all, 0 nothing, negative where it got worse."""
        before = self.harm(self.before)
        return 1.0 - self.harm(self.after) / before if before else 1.0


def _percentiles(traffic: Traffic, report: bool) -> Floats:
    mine = traffic.report == report
    latency = np.where(traffic.failed, np.inf, traffic.latency_us)[mine]
    found: Floats = np.percentile(latency, _AT, method="lower")
    return found


def replay(healthy: World, before: World, fix: Fix) -> Replay:
    """Send the seed's traffic through the world with the fix.

    Parameters
    ----------
    healthy, before : World
        Without and with the fault.
    fix : Fix

    Returns
    -------
    Replay
    """
    return Replay(send(healthy), send(before), send(fix.apply(before)))
