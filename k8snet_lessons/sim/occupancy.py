"""How full a connection tracking table is over time."""

import numpy as np

from k8snet_lessons.sim.arrays import Floats, Ints
from k8snet_lessons.sim.itinerary import Itinerary, initial_left
from k8snet_lessons.sim.passage import TableHistory

BINS = 200

__all__ = ["BINS", "entries_and_inserts", "fullest_node", "history"]


def binned(at_us: Floats, end_us: float) -> Ints:
    """Return how many instants fall into each of the bins from 0 to `end_us`."""
    inside = at_us[at_us < end_us]
    # float64 -> int32 truncates, which for times >= 0 is the floor.
    number = (inside * (BINS / end_us)).astype(np.int32)
    counts: Ints = np.bincount(np.minimum(number, BINS - 1), minlength=BINS)
    return counts


def entries_and_inserts(
    it: Itinerary, node: int, made_us: list[Floats], *, end_us: float | None
) -> tuple[Floats, Ints, Ints]:
    """Return (edges of the bins, entries at each edge, entries made in each bin).

    Parameters
    ----------
    it : Itinerary
        The run.
    node : int
        Whose table.
    made_us : list of arrays
        When the entries were made: to the pods, from the pods, and UDP.
    end_us : float or None
        End of the last bin; None for just after the last entry.
    """
    table = it.table
    if end_us is None:
        latest = [one[np.isfinite(one)].max(initial=0.0) for one in made_us]
        end_us = float(np.nextafter(max(latest), np.inf))
    edges = np.linspace(0.0, end_us, BINS + 1)
    entries = np.full(BINS + 1, int(table.standing[node]), dtype=np.int64)
    entries += initial_left(int(table.initial_tcp[node]), table.tcp_life_us, edges)
    entries += initial_left(int(table.initial_udp[node]), table.udp_life_us, edges)
    inserts = np.zeros(BINS, dtype=np.int64)
    for kind, one in enumerate(made_us):
        life = table.tcp_life_us if kind < 2 else table.udp_life_us
        made = binned(one, end_us)
        inserts += made
        entries[1:] += np.cumsum(made)
        if life < end_us:
            entries[1:] -= np.cumsum(binned(one + life, end_us))
    return edges, entries, inserts


def fullest_node(it: Itinerary) -> int:
    """Return the node with most entries to hold over the run."""
    return int(np.argmax(it.most_entries))


def history(it: Itinerary, node: int, made_us: list[Floats], refused_us: Floats) -> TableHistory:
    """Return how a table filled.

    Parameters
    ----------
    it : Itinerary
        The run.
    node : int
        Whose table.
    made_us : list of arrays
        When its entries were made: to the pods, from the pods, and UDP.
    refused_us : (r,) array
        When attempts were turned away, on all nodes.
    """
    table = it.table
    edges, entries, _inserts = entries_and_inserts(it, node, made_us, end_us=it.end_us)
    evicted = 0
    if table.evicts:
        evicted = int(np.maximum(np.maximum.accumulate(entries) - table.limit, 0)[-1])
        entries = np.minimum(entries, table.limit)
    return TableHistory(
        time_us=edges,
        entries=entries,
        node=node,
        limit=table.limit,
        refused=binned(refused_us, it.end_us),
        evicted=evicted,
    )
