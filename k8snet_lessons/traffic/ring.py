"""A hash ring: each key belongs to the next pod clockwise.

As in Envoy, the ring has at least 1,024 places, shared by the pods (``minimum_ring_size``,
https://www.envoyproxy.io/docs/envoy/latest/intro/arch_overview/upstream/load_balancing/load_balancers#ring-hash).
Where a place or a key lies is drawn once from its name; Envoy's own hash would put it elsewhere.
"""

from functools import cache
from typing import Final

import numpy as np

from k8snet_lessons.sim.arrays import Ints

MINIMUM_RING_SIZE: Final = 1_024


@cache
def ring_table(pods: tuple[int, ...], keys: int) -> Ints:
    """Return the pod of each key (read-only)."""
    share = max(1, MINIMUM_RING_SIZE // len(pods))
    places = np.concatenate([np.random.default_rng([1, pod]).random(share) for pod in pods])
    owner = np.repeat(np.asarray(pods, dtype=np.int64), share)
    order = np.argsort(places)
    where = np.random.default_rng([2]).random(keys)
    next_place = np.searchsorted(places[order], where) % len(places)
    table: Ints = owner[order][next_place]
    table.setflags(write=False)
    return table
