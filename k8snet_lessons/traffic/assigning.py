"""Which pod each request goes to, with whole arrays: rules that need no look at the queues."""

from dataclasses import dataclass

import numpy as np

from k8snet_lessons.sim.arrays import Floats, Ints
from k8snet_lessons.sim.variates import Singles
from k8snet_lessons.traffic.choosing import evenly, maglev_table
from k8snet_lessons.traffic.ledger import Ledger
from k8snet_lessons.traffic.luck import Luck
from k8snet_lessons.traffic.ring import ring_table
from k8snet_lessons.traffic.spec import TrafficSpec


@dataclass(frozen=True, eq=False)
class Assigned:
    """What became of the question "which pod?".

    Attributes
    ----------
    pod : (n,) int16 array
        -1 where nobody could be asked.
    retires_s : (n,) array
        When the server retires the connection that a request is on; infinite if never.
    """

    pod: np.ndarray
    retires_s: Floats | None


def chooser_of(spec: TrafficSpec, book: Ledger, luck: Luck) -> np.ndarray:
    """Return who sends each request (an unsigned 16-bit array sorts by radix)."""
    asker = luck.unit.uniform("asker")[: len(luck.arrival_s)]
    picked = evenly(asker, book.choosers)
    return picked.astype(np.uint16 if book.choosers <= 1 << 16 else np.uint32)


def assign(spec: TrafficSpec, book: Ledger, luck: Luck) -> Assigned:
    """Send each request to a pod.

    Parameters
    ----------
    spec : TrafficSpec
        Its rule is any but ``least_request``, and ``ipvs_lc`` or an HTTP/1.1 pool at layer 4.
    book : Ledger
    luck : Luck
    """
    arrival = luck.arrival_s
    n = len(arrival)
    chooser = chooser_of(spec, book, luck)
    order = np.argsort(chooser, kind="stable")
    bounds = np.concatenate(([0], np.cumsum(np.bincount(chooser, minlength=book.choosers))))
    sorted_arrival = arrival[order]
    # Where each stretch begins among the requests of its chooser, which are in order of time.
    begins = np.empty(len(book.chooser), dtype=np.int64)
    edges = np.searchsorted(book.chooser, np.arange(book.choosers + 1))
    for one in range(book.choosers):
        mine = sorted_arrival[bounds[one] : bounds[one + 1]]
        stretches = slice(edges[one], edges[one + 1])
        begins[stretches] = bounds[one] + np.searchsorted(mine, book.begin_s[stretches])
    lengths = np.diff(np.append(begins, n))
    if book.count.max(initial=0) <= 1:
        only = np.where(book.count == 1, book.pods[np.minimum(book.first, len(book.pods) - 1)]
                        if len(book.pods) else -1, -1)  # fmt: skip
        sorted_pod = np.repeat(only.astype(np.int16), lengths)
    else:
        sorted_pod = _among_many(spec, book, luck, order, bounds, begins, lengths)
    pod = np.empty(n, dtype=np.int16)
    pod[order] = sorted_pod
    retires = None
    if book.retired.any():
        retires = np.empty(n)
        retires[order] = np.repeat(np.where(book.retired, book.end_s, np.inf), lengths)
    return Assigned(pod, retires)


def _among_many(
    spec: TrafficSpec,
    book: Ledger,
    luck: Luck,
    order: Ints,
    bounds: Ints,
    begins: Ints,
    lengths: Ints,
) -> np.ndarray:
    """Choose from lists of more than one pod, in the order of choosers and times."""
    chosen = np.full(len(order), -1, dtype=np.int16)
    choice: Singles = luck.unit.uniform("choice")
    tables: dict[int, np.ndarray] = {}
    for i in np.flatnonzero((lengths > 0) & (book.count > 0)).tolist():
        here = slice(int(begins[i]), int(begins[i] + lengths[i]))
        first, count = int(book.first[i]), int(book.count[i])
        pods = book.pods[first : first + count].astype(np.int16)
        if spec.balancing == "ipvs_rr":
            pods = pods[np.argsort(np.asarray(luck.server_order(int(book.chooser[i])))[pods])]
        if spec.balancing in ("round_robin", "client_round_robin", "ipvs_rr"):
            at = int(begins[i] - bounds[book.chooser[i]] + book.turn[i]) % count
            round_from_here = np.concatenate([pods[at:], pods[:at]])
            chosen[here] = np.resize(round_from_here, lengths[i])
            continue
        drawn = choice[order[here]]
        if spec.balancing == "iptables":
            chosen[here] = pods[evenly(drawn, count)]
            continue
        if first not in tables:
            names = tuple(pods.tolist())
            table = (
                maglev_table(names) if spec.balancing == "maglev" else ring_table(names, spec.keys)
            )
            tables[first] = table.astype(np.int16)
        chosen[here] = tables[first][evenly(drawn, len(tables[first]))]
    return chosen
