"""The waits at a busy CoreDNS: its visits one by one, in the order of time."""

from heapq import heappop, heappush, heapreplace

import numpy as np

from k8snet_lessons.sim.arrays import Floats
from k8snet_lessons.sim.itinerary import LookupPlan

__all__ = ["waits_in_order"]

Visit = tuple[float, int, int]  # when, which lookup, which round


def waits_in_order(plan: LookupPlan, start_us: Floats) -> Floats:
    """Return the wait of each round at CoreDNS, a (rounds, m) array, exactly.

    Every lookup has at most one visit to come; a heap has the next of all of them.

    Parameters
    ----------
    plan : LookupPlan
        What is looked up.
    start_us : (m,) array
        When each lookup starts.
    """
    last = len(plan.rounds) - 1
    budget, half = plan.attempts * plan.retry_us, plan.exchange_us / 2
    # From asking to CoreDNS, inf if no attempt gets there; and from its work on.
    lead = [
        np.where(
            one.lost_attempts < plan.attempts,
            half + plan.node_cache_us + one.lost_attempts * plan.retry_us,
            np.inf,
        ).tolist()
        for one in plan.rounds
    ]
    after = [(one.upstream_us + half).tolist() for one in plan.rounds]
    work = [one.work_us.tolist() for one in plan.rounds]
    asks = [one.asks_coredns.tolist() for one in plan.rounds]
    replica = [one.coredns.tolist() for one in plan.rounds]
    free = [0.0] * plan.coredns_replicas
    asked_at = [0.0] * len(start_us)
    waits = [[0.0] * len(start_us) for _ in plan.rounds]
    heap: list[Visit] = []

    def ask(now: float, k: int, number: int) -> Visit | None:
        """Ask from this round on; return the next visit to CoreDNS, if there is one."""
        while not asks[number][k]:
            now += plan.node_cache_us
            if number == last:
                return None
            number += 1
        there = now + lead[number][k]
        if there == np.inf:
            return unanswered(now + budget, k, number)
        asked_at[k] = now
        return there, k, number

    def unanswered(now: float, k: int, number: int) -> Visit | None:
        """Go on as the resolver does when a round timed out."""
        if number == last or plan.on_timeout == "stop":
            return None
        return ask(now, k, number + 1 if plan.on_timeout == "go on" else last)

    order = np.argsort(start_us)
    # What starts after everything else only lets the heap run empty.
    starts = [*zip(start_us[order].tolist(), order.tolist(), strict=True), (np.inf, -1)]
    for start, starting in starts:
        while heap and heap[0][0] < start:
            now, k, number = heap[0]
            q = replica[number][k]
            begin = free[q]
            if now > begin:
                begin = now
            waits[number][k] = begin - now
            done = begin + work[number][k]
            free[q] = done
            answered = done + after[number][k]
            following = None
            if answered > asked_at[k] + budget:
                following = unanswered(asked_at[k] + budget, k, number)
            elif number < last:
                following = ask(answered, k, number + 1)
            if following:
                heapreplace(heap, following)
            else:
                heappop(heap)
        if starting >= 0:
            following = ask(start, starting, 0)
            if following:
                heappush(heap, following)
    return np.array(waits)
