"""The end of the road: what the proxy's patience cuts off, and how the tables filled."""

import numpy as np

from k8snet_lessons.sim.arrays import Floats, Ints
from k8snet_lessons.sim.itinerary import HOPS, Itinerary
from k8snet_lessons.sim.occupancy import binned, entries_and_inserts
from k8snet_lessons.sim.passage import CONNECT, READ, TableHistory
from k8snet_lessons.sim.tables import Attempts, Refusals, flow_counts, made_on

_ROW = {hop: row for row, hop in enumerate(HOPS)}


def cap_at_read_timeout(
    it: Itinerary,
    hop: Floats,
    cause: np.ndarray[tuple[int, ...], np.dtype[np.uint8]],
    out_delay_us: Floats,
    out_translation_us: Floats,
) -> None:
    """Cut, in place, what the client sees of answers that took the ingress too long.

    The read time-out's clock starts when the request is sent to the pod. What is over is
    taken from the end of the road backwards: the pod's own connection, the lookup, its
    work, its queue, the way there. The pod works on all the same.

    Parameters
    ----------
    it : Itinerary
        The run.
    hop : (10, n) array
        Time at each hop.
    cause : (n,) array
        What failed so far.
    out_delay_us, out_translation_us : (n,) arrays
        What the pod's own connection took inside ``hop``'s "connect" and
        "service translation".
    """
    waited = hop[_ROW["wire"] :].sum(axis=0)
    waited += out_delay_us
    waited += out_translation_us
    waited -= it.handshake_zone_us
    over = np.flatnonzero((waited > it.read_timeout_us) & (cause != CONNECT))
    if not len(over):
        return
    excess = waited[over] - it.read_timeout_us
    for row, most in (
        ("connect", out_delay_us[over]),
        ("service translation", out_translation_us[over]),
        ("name lookup", None),
        ("pod service", None),
        ("pod queue", None),
        ("zone crossing", it.zone_us[over]),
        ("wire", None),
    ):
        here = hop[_ROW[row], over]
        cut = np.minimum(excess, here if most is None else most)
        hop[_ROW[row], over] = here - cut
        excess -= cut
    cause[over] = READ


def history(it: Itinerary, attempts: Attempts, refusals: Refusals) -> TableHistory:
    """Return how the fullest table filled: that of the node with most entries to hold."""
    table = it.table
    wanted: Ints = (
        table.standing + table.initial_tcp + table.initial_udp + flow_counts(it, attempts)
    )
    node = int(np.argmax(wanted))
    edges, entries, _inserts = entries_and_inserts(
        it, node, made_on(it, attempts, refusals, node), end_us=it.end_us
    )
    evicted = 0
    if table.evicts:
        evicted = int(np.maximum(np.maximum.accumulate(entries) - table.limit, 0)[-1])
        entries = np.minimum(entries, table.limit)
    return TableHistory(
        time_us=edges,
        entries=entries,
        node=node,
        limit=table.limit,
        refused=binned(refusals.refused_us, it.end_us),
        evicted=evicted,
    )
