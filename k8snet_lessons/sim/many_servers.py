"""Queues with several servers, exactly, side by side.

A customer who finds the queue's servers all free starts a new chapter: nothing before
matters any more. Chapters are walked next to each other, first all first customers, then
all second ones. Where chapters begin is guessed from the departures nobody would have
waited for; a guess that proves wrong is put right one customer after the other.
"""

from heapq import heapreplace

import numpy as np

from k8snet_lessons.sim.arrays import Floats, Ints

__all__ = ["many_servers_wait"]

# Fewer chapters than this are faster one after the other.
_SIDE_BY_SIDE = 24
# Beyond this share of busy servers, or so many of them, chapters are too long to be worth it.
_BUSY = 0.72
_MANY = 16


def many_servers_wait(arrival: Floats, work: Floats, bounds: Ints, servers: int) -> Floats:
    """Return each customer's wait for the first of its queue's servers to be free.

    Parameters
    ----------
    arrival, work : (n,) array
        Arrival times, ascending within each queue, and time a server needs.
    bounds : (queues + 1,) int array
        Queue q has the customers from ``bounds[q]`` up to ``bounds[q + 1]``.
    servers : int
        Servers of each queue.
    """
    n = len(arrival)
    wait = np.zeros(n)
    if n == 0 or servers >= n:
        return wait
    begins, ends = bounds[:-1][np.diff(bounds) > 0], bounds[1:][np.diff(bounds) > 0]
    span = float((arrival[ends - 1] - arrival[begins]).sum())
    if servers > _MANY or work.sum() > _BUSY * servers * span:
        _one_after_the_other(wait, begins, ends, arrival, work, servers)
        return wait
    chapters = _beginnings(arrival, arrival + work, bounds)
    again = np.ones(len(chapters), dtype=np.bool_)
    while again.any():
        ends = np.append(chapters[1:], n)
        _side_by_side(wait, chapters[again], ends[again], arrival, work, servers)
        # A chapter began too early if somebody of an earlier one had not left. It becomes
        # part of the one before, which is walked again, with more waiting than it had.
        stand = np.isin(chapters, _beginnings(arrival, arrival + work + wait, bounds))
        again = np.append(~stand[1:], False)[stand] if not stand.all() else np.zeros(1, np.bool_)
        chapters = chapters[stand]
    return wait


def _beginnings(arrival: Floats, departure: Floats, bounds: Ints) -> Ints:
    """Return the customers who find nobody before them, with these departures."""
    left_by = np.empty(len(arrival))
    for begin, end in zip(bounds[:-1].tolist(), bounds[1:].tolist(), strict=True):
        if end > begin:
            left_by[begin] = -np.inf
            np.maximum.accumulate(departure[begin : end - 1], out=left_by[begin + 1 : end])
    return np.flatnonzero(arrival >= left_by)


def _side_by_side(
    wait: Floats, begins: Ints, ends: Ints, arrival: Floats, work: Floats, servers: int
) -> None:
    """Fill in the waits of chapters, each from an empty queue, all at the same pace."""
    # In a chapter of no more customers than servers nobody waits.
    long = ends - begins > servers
    begins, ends = begins[long], ends[long]
    order = np.argsort(begins - ends, kind="stable")
    first, length = begins[order], (ends - begins)[order]
    # reaches[t]: how many chapters have more than t customers.
    reaches = len(first) - np.cumsum(np.bincount(length))
    free = np.full((servers, len(first)), -np.inf)
    step, many = 0, len(first)
    while many >= _SIDE_BY_SIDE:
        who = first[:many] + step
        now = arrival[who]
        begin = np.maximum(now, free[0, :many])
        if step >= servers:
            wait[who] = begin - now
        # The rows of `free` stay sorted: the new departure sinks to its place.
        leaves = begin
        leaves += work[who]
        for level in range(1, servers):
            row = free[level, :many]
            np.minimum(leaves, row, out=free[level - 1, :many])
            np.maximum(leaves, row, out=leaves)
        free[servers - 1, :many] = leaves
        step += 1
        many = int(reaches[step])
    for k in range(many):
        stretch = slice(int(first[k]) + step, int(first[k] + length[k]))
        _one_by_one(wait, stretch, free[:, k].tolist(), arrival, work)


def _one_after_the_other(
    wait: Floats, begins: Ints, ends: Ints, arrival: Floats, work: Floats, servers: int
) -> None:
    for begin, end in zip(begins.tolist(), ends.tolist(), strict=True):
        _one_by_one(wait, slice(begin, end), [-np.inf] * servers, arrival, work)


def _one_by_one(
    wait: Floats, stretch: slice, free_at: list[float], arrival: Floats, work: Floats
) -> None:
    """Fill in the waits of a stretch of one queue, given when its servers are free."""
    starts = []
    times = arrival[stretch]
    for now, need in zip(times.tolist(), work[stretch].tolist(), strict=True):
        start = free_at[0]
        if now > start:
            start = now
        heapreplace(free_at, start + need)
        starts.append(start)
    np.subtract(starts, times, out=wait[stretch])
