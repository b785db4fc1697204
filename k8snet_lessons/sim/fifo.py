"""First-come-first-served queues, exactly, with whole arrays.

All times are in one unit and counted from zero. A *stage* sends every customer to one of
several independent queues; customers keep their own index, so results come back in the
order the customers were given in.
"""

import math

import numpy as np

from k8snet_lessons.sim.arrays import AnyInts, Floats, Ints
from k8snet_lessons.sim.many_servers import many_servers_wait

# Ticks a microsecond; two customers within one tick may change places.
_FINE_ENOUGH = 1024.0

__all__ = ["order_by_queue", "single_server_wait", "stage_wait"]


def single_server_wait(arrival: Floats, work: Floats) -> Floats:
    """Return the time each customer waits for one server.

    With C the running sum of the work, the departure of customer j is
    ``C_j + max over i <= j of (arrival_i - C_{i-1})``: Lindley's recursion solved.

    Parameters
    ----------
    arrival : (n,) array
        Sorted arrival times.
    work : (n,) array
        Time the server needs for each customer.
    """
    before = np.cumsum(work)
    before -= work
    start = arrival - before
    np.maximum.accumulate(start, out=start)
    start += before
    start -= arrival
    # The first customer of a busy period waits for nobody; rounding may say -1e-9.
    np.maximum(start, 0.0, out=start)
    return start


def order_by_queue(queue: AnyInts, arrival: Floats, queues: int) -> tuple[Ints, Ints]:
    """Return an order by queue, then by arrival, and the bounds of each queue in it."""
    bounds = np.concatenate(([0], np.cumsum(np.bincount(queue, minlength=queues))))
    n = len(arrival)
    span = float(arrival.max(initial=0.0)) + 1.0
    place_bits = n.bit_length()
    ticks_per_us = 2.0 ** math.floor(62 - place_bits - math.log2(span * queues))
    if ticks_per_us < _FINE_ENOUGH:
        return np.lexsort((arrival, queue)), bounds
    # The queues side by side on one axis of time, and each customer's place in the low
    # bits: sorting whole numbers is three times as fast as sorting places by a float.
    on_axis = queue * (span * ticks_per_us)
    on_axis += arrival * ticks_per_us
    key = on_axis.astype(np.int64)
    key <<= place_bits
    key |= np.arange(n)
    key.sort()
    key &= (1 << place_bits) - 1
    return key, bounds


def stage_wait(
    queue: AnyInts, arrival: Floats, work: Floats, queues: int, servers: int = 1
) -> Floats:
    """Return each customer's wait at a stage of `queues` queues of `servers` servers each.

    Parameters
    ----------
    queue : (n,) int array
        Which queue each customer joins, from 0 to ``queues - 1``.
    arrival : (n,) array
        When it joins; in any order.
    work : (n,) array
        What it needs.
    queues, servers : int
        How many queues there are, and how many servers each has.
    """
    order, bounds = order_by_queue(queue, arrival, queues)
    sorted_arrival = arrival[order]
    sorted_work = work[order]
    if servers > 1:
        waits = many_servers_wait(sorted_arrival, sorted_work, bounds, servers)
    else:
        waits = np.empty(len(order))
        for begin, end in zip(bounds[:-1].tolist(), bounds[1:].tolist(), strict=True):
            if end > begin:
                waits[begin:end] = single_server_wait(
                    sorted_arrival[begin:end], sorted_work[begin:end]
                )
    wait = np.empty(len(order))
    wait[order] = waits
    return wait
