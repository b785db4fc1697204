"""What a full table does for a newcomer: look for an unassured entry nearby.

``early_drop`` in ``net/netfilter/nf_conntrack_core.c`` walks up to eight neighboring
buckets, starting at the newcomer's own, and throws out the unassured entries of the first
bucket that has any. Whether it finds one is a question of how densely they lie.
"""

import math

import numpy as np

from k8snet_lessons.datapath.nf_conntrack.sizing import TUPLES_PER_ENTRY
from k8snet_lessons.errors import InputError

BUCKETS_PROBED = 8  # NF_CT_EVICTION_RANGE


def chance(unassured: float, buckets: int) -> float:
    """Probability that a newcomer to a full table finds room.

    Both directions of an entry are hashed, so the eight buckets hold 16 U / B of the U
    unassured entries in the mean, and none with the Poisson probability of that.

    Parameters
    ----------
    unassured : float
        Entries not ASSURED: no answer seen, or UDP of less than two seconds.
    buckets : int
        ``nf_conntrack_buckets``.

    Examples
    --------
    >>> round(chance(500, 2_048), 2), round(chance(500, 262_144), 2)
    (0.98, 0.03)
    >>> chance(0, 65_536)
    0.0
    """
    if not unassured >= 0:
        raise InputError("unassured", unassured, "a number of entries, not negative")
    if buckets < 1:
        raise InputError("buckets", buckets, "a whole number from 1")
    # 0.0 less a zero is a zero without a sign; the minus of an expm1 of none would have one.
    return 0.0 - math.expm1(-BUCKETS_PROBED * TUPLES_PER_ENTRY * unassured / buckets)


def measured_chance(
    unassured: int, buckets: int, newcomers: int, seed: int | np.random.Generator
) -> float:
    """The same by throwing entries into buckets and looking: share of newcomers let in.

    Each newcomer meets the same table: those let in are not counted against the next.
    """
    rng = np.random.default_rng(seed)
    filled = np.zeros(buckets, dtype=np.bool_)
    filled[rng.integers(buckets, size=TUPLES_PER_ENTRY * unassured)] = True
    start = rng.integers(buckets, size=newcomers)
    probed = (start[:, None] + np.arange(BUCKETS_PROBED)) % buckets
    return float(filled[probed].any(axis=1).mean())
