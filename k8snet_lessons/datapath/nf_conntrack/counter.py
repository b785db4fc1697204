"""The counter is not the table: ``nf_conntrack_count`` also counts what has expired.

An entry that has run out is not removed by a clock of its own. It goes when somebody walks
over it, a lookup in its bucket or an insertion, or when the garbage collector comes round:
``gc_worker`` in ``net/netfilter/nf_conntrack_core.c`` scans the whole table and then sleeps for
the mean remaining lifetime that it met, between 1 and 60 seconds (``GC_SCAN_INTERVAL_MIN``,
``GC_SCAN_INTERVAL_MAX``). Into that mean it counts 100 entries of 60 seconds that are not there
(``GC_SCAN_INITIAL_COUNT``), so that a small table does not wake it often.
"""

import math
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from k8snet_lessons.datapath.nf_conntrack.sizing import TUPLES_PER_ENTRY
from k8snet_lessons.errors import InputError

GC_MIN_S = 1.0
GC_MAX_S = 60.0
GC_CLAMP_S = 300.0  # an entry's lifetime counts for no more in the mean
GC_INITIAL_COUNT = 100


@dataclass(frozen=True)
class Counter:
    """What the counter shows above the entries that live.

    Attributes
    ----------
    live : float
    dead : float
        Expired entries still in the table, in the mean.
    """

    live: float
    dead: float

    @property
    def shown(self) -> float:
        """``nf_conntrack_count``."""
        return self.live + self.dead


def gc_interval(live: float, life_s: float) -> float:
    """Return how long the collector sleeps after a scan that met `live` entries, in seconds.

    Their remaining lifetimes are taken to be spread evenly up to `life_s`.

    Examples
    --------
    >>> gc_interval(0, 120), round(gc_interval(1_000, 2), 1), round(gc_interval(1e9, 2), 1)
    (60.0, 6.4, 1.0)
    """
    if not (live >= 0 and life_s > 0):
        raise InputError("live, life_s", (live, life_s), "not negative, above zero")
    each_s = min(max(life_s / 2, GC_MIN_S), GC_CLAMP_S)
    mean_s = (GC_INITIAL_COUNT * GC_MAX_S + live * each_s) / (GC_INITIAL_COUNT + live)
    return min(max(mean_s, GC_MIN_S), GC_MAX_S)


def counter(
    new_per_s: float, life_s: float, buckets: int, *, gc_interval_s: float | None = None
) -> Counter:
    """The counter in the long run, for flows of one lifetime.

    An expired entry waits for the collector, half its interval in the mean, or for the next
    newcomer that looks into one of its two buckets, whichever comes first. Packets of
    established flows look too; they are left out, so this is an upper bound.

    Parameters
    ----------
    new_per_s : float
    life_s : float
    buckets : int
    gc_interval_s : float, optional
        By default what the collector sleeps once it has seen the table in this state
        (`gc_interval`). A table that was idle before may have to wait for 60 s.

    Examples
    --------
    >>> few, many = counter(100, 10, 1_024), counter(100, 10, 262_144)
    >>> few.live == many.live, round(few.dead), round(many.dead)
    (True, 192, 497)
    """
    for name, value in (("new_per_s", new_per_s), ("life_s", life_s)):
        if not 0 < value < math.inf:
            raise InputError(name, value, "a number above zero")
    if buckets < 1:
        raise InputError("buckets", buckets, "a whole number from 1")
    interval_s = gc_interval(new_per_s * life_s, life_s) if gc_interval_s is None else gc_interval_s
    if not interval_s > 0:
        raise InputError("gc_interval_s", gc_interval_s, "seconds above zero")
    # Each newcomer looks into its two buckets, and an expired entry can be met in its two.
    looks_per_s = TUPLES_PER_ENTRY * TUPLES_PER_ENTRY * new_per_s / buckets
    # Time until the first look, cut at a collection that is uniform over the interval.
    x = looks_per_s * interval_s
    waits_s = interval_s / 2
    if x > 1e-6:
        waits_s = float((x + np.expm1(-x)) / (looks_per_s * x))
    return Counter(new_per_s * life_s, new_per_s * waits_s)


def saw_tooth(
    live: npt.NDArray[np.int64], ended: npt.NDArray[np.int64], gc_interval_s: int
) -> npt.NDArray[np.int64]:
    """The counter second by second if only the collector removes what has expired.

    Parameters
    ----------
    live : (t,) int array
        Live entries at whole seconds.
    ended : (t - 1,) int array
        Entries that expired in each second.
    gc_interval_s : int
        Whole seconds between two scans, the first at 0.
    """
    if gc_interval_s < 1:
        raise InputError("gc_interval_s", gc_interval_s, "a whole number from 1")
    so_far = np.concatenate([[0], np.cumsum(ended)])
    scans = np.arange(len(live)) // gc_interval_s * gc_interval_s
    shown: npt.NDArray[np.int64] = live + so_far - so_far[scans]
    return shown
