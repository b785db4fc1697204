"""What an engine hands back: how each request fared."""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from k8snet_lessons.sim.arrays import Bools, Floats, Ints

CAUSES = (
    "",
    "conntrack full: connect timeout",
    "ingress read timeout",
    "lookup timeout",
    "name not found",
    "conntrack full: downstream connect timeout",
)
Codes = npt.NDArray[np.uint8]
OK, CONNECT, READ, LOOKUP, NOT_FOUND, DOWNSTREAM = range(len(CAUSES))


@dataclass(frozen=True, kw_only=True, eq=False)
class TableHistory:
    """Conntrack over the time shown, in bins of equal width.

    Attributes
    ----------
    time_us : (bins + 1,) array
        Edges of the bins.
    entries : (bins + 1,) int array
        Entries at each edge, on the node whose table gets fullest.
    node : int
        That node.
    limit : int
        Entries a table can hold.
    refused : (bins,) int array
        Attempts turned away in each bin, on all nodes; a retry counts again.
    evicted : int
        Entries pushed out by newer ones (an LRU map only).
    """

    time_us: Floats
    entries: Ints
    node: int
    limit: int
    refused: Ints
    evicted: int


@dataclass(frozen=True, kw_only=True, eq=False)
class Passage:
    """How n requests fared. Times in microseconds.

    Attributes
    ----------
    by_hop : list of 10 (n,) arrays
        Time at each hop, in the order of :data:`~k8snet_lessons.sim.itinerary.HOPS`.
    cause : (n,) uint8 array
        Index into :data:`CAUSES`; 0 where all went well.
    reached_pod : (n,) bool array
        False where the connection to the pod never came about.
    questions : int
        DNS questions sent (A and AAAA count one each, repeats count again).
    visits : int
        Rounds that CoreDNS answered.
    coredns_busy_share : float
        Busy share of the CoreDNS replicas up to the last arrival, in the mean.
    history : TableHistory
        Conntrack over time.
    """

    by_hop: list[Floats]
    cause: Codes
    reached_pod: Bools
    questions: int
    visits: int
    coredns_busy_share: float
    history: TableHistory
