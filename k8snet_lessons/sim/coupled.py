"""Beyond the ingress, event by event: for tables that fill.

A full connection tracking table couples everything on its node: a refused datagram holds
up the rest of its lookup, which leaves room for others. There is no short cut through
that, so this is a plain event loop over a sorted list and a heap.
"""

from collections import deque
from heapq import heappop, heappush, heapreplace
from typing import NamedTuple

import numpy as np

from k8snet_lessons.sim.arrays import Floats
from k8snet_lessons.sim.beyond import Beyond
from k8snet_lessons.sim.itinerary import Itinerary, LookupPlan, initial_expiries
from k8snet_lessons.sim.occupancy import fullest_node
from k8snet_lessons.sim.passage import CONNECT, DOWNSTREAM, LOOKUP, NOT_FOUND

__all__ = ["walk_coupled"]

# What can happen next.
_SYN, _POD, _ASK, _VISIT, _OUT = range(5)


class _Table:
    """A table with a limit. Entries of one lifetime expire in the order they were made."""

    __slots__ = ("limit", "made_us", "refused_us", "tcp", "tcp_life", "udp", "udp_life")

    def __init__(self, it: Itinerary, node: int) -> None:
        plan = it.table
        self.limit = plan.limit - int(plan.standing[node])
        self.tcp_life, self.udp_life = plan.tcp_life_us, plan.udp_life_us
        self.tcp = deque(initial_expiries(int(plan.initial_tcp[node]), self.tcp_life).tolist())
        self.udp = deque(initial_expiries(int(plan.initial_udp[node]), self.udp_life).tolist())
        self.made_us: tuple[list[float], ...] = ([], [], [])
        self.refused_us: list[float] = []

    def admit(self, now: float, kind: int) -> bool:
        """Make an entry for a new flow, if there is room. Kind 2 is UDP."""
        tcp, udp = self.tcp, self.udp
        while tcp and tcp[0] <= now:
            tcp.popleft()
        while udp and udp[0] <= now:
            udp.popleft()
        if len(tcp) + len(udp) >= self.limit:
            self.refused_us.append(now)
            return False
        if kind == 2:
            udp.append(now + self.udp_life)
        else:
            tcp.append(now + self.tcp_life)
        self.made_us[kind].append(now)
        return True


class _Round(NamedTuple):
    """A LookupRound as lists, for speed; `after` is the time from CoreDNS's answer on."""

    coredns: list[int]
    asks: list[bool]
    lost: list[int]
    work: list[float]
    after: list[float]
    wait: list[float]

    @classmethod
    def all_of(cls, plan: LookupPlan, waits_us: Floats | None) -> "list[_Round]":
        half = plan.exchange_us / 2
        return [
            cls(
                one.coredns.tolist(),
                one.asks_coredns.tolist(),
                one.lost_attempts.tolist(),
                one.work_us.tolist(),
                (one.upstream_us + half).tolist(),
                [] if waits_us is None else waits_us[number].tolist(),
            )
            for number, one in enumerate(plan.rounds)
        ]


def walk_coupled(it: Itinerary, dialed_us: Floats, waits_us: Floats | None) -> Beyond:
    """Return how requests fare that leave the ingress at `dialed_us`.

    Parameters
    ----------
    it : Itinerary
        The run.
    dialed_us : (n,) array
        When each request is ready to go to its pod.
    waits_us : (rounds, m) array or None
        The waits at CoreDNS where they are known well enough: then its visits need not be
        taken in order. None to take them in order.
    """
    loop = _Loop(it, dialed_us, waits_us)
    loop.run()
    return loop.record()


class _Loop:
    """Events in order of time. Every request has at most one to come: lists say which."""

    def __init__(self, it: Itinerary, dialed_us: Floats, waits_us: Floats | None) -> None:
        self.it = it
        plan = it.lookups
        n = len(it)
        self.dialed = dialed_us.tolist()
        onward = it.handshake_us + it.handshake_zone_us + it.wire_us / 2 + it.zone_us / 2
        self.onward = onward.tolist()
        # What needs no new connection reaches its pod without meeting a table.
        first = np.where(it.opens, dialed_us, dialed_us + onward)
        self.order = np.argsort(first)
        self.first_us = first[self.order].tolist()
        self.opens = it.opens.tolist()
        self.pod = it.pod.tolist()
        self.work = it.pod_work_us.tolist()
        self.free = [[0.0] * it.pod_concurrency for _ in range(it.pods)]
        self.tables = {int(node): _Table(it, int(node)) for node in np.unique(it.pod_node)}
        self.table_of_pod = [self.tables[node] for node in it.pod_node.tolist()]
        lookup_of = np.full(n, -1)
        lookup_of[plan.who] = np.arange(len(plan.who))
        self.lookup_of = lookup_of.tolist()
        self.last = len(plan.rounds) - 1
        self.attempts, self.retry_us = plan.attempts, plan.retry_us
        self.flows_per_round, self.node_cache_us = plan.flows_per_round, plan.node_cache_us
        self.lead_us = plan.node_cache_us + plan.exchange_us / 2
        self.end_us = it.end_us
        self.rounds = _Round.all_of(plan, waits_us)
        self.waits_known = waits_us is not None
        self.coredns_free = [0.0] * plan.coredns_replicas
        self.asked_at = [0.0] * len(plan.who)
        self.has_entries = [0] * len(plan.who)
        self.served = [0.0] * n
        self.connect_delay = [0.0] * n
        self.queued = [0.0] * n
        self.looked = [0.0] * n
        self.out_delay = [0.0] * n
        self.dialed_out = [False] * n
        self.cause = [0] * n
        self.questions = 0
        self.visits = 0
        self.coredns_work = 0.0
        self.heap: list[tuple[float, int]] = []
        self.what = [_POD] * n
        self.number = [0] * n
        self.attempt = [0] * n

    def run(self) -> None:
        """Take the next event, of those known from the start and those that came up."""
        handlers = (self._syn, self._pod, self._ask, self._visit, self._out)
        heap, what, opens = self.heap, self.what, self.opens
        for when, i in zip(self.first_us, self.order.tolist(), strict=True):
            while heap and heap[0][0] < when:
                now, who = heappop(heap)
                handlers[what[who]](now, who)
            if opens[i]:
                self._syn(when, i)
            else:
                self._pod(when, i)
        while heap:
            now, who = heappop(heap)
            handlers[what[who]](now, who)

    def _later(self, when: float, i: int, what: int) -> None:
        self.what[i] = what
        heappush(self.heap, (when, i))

    def _syn(self, now: float, i: int) -> None:
        offsets, attempt = self.it.table.syn_offsets_us, self.attempt[i]
        if self.table_of_pod[self.pod[i]].admit(now, 0):
            self.connect_delay[i] = float(offsets[attempt])
            self._later(now + self.onward[i], i, _POD)
        elif attempt + 1 < len(offsets):
            self.attempt[i] = attempt + 1
            self._later(self.dialed[i] + float(offsets[attempt + 1]), i, _SYN)
        else:
            self.connect_delay[i] = self.it.connect_timeout_us
            self.cause[i] = CONNECT

    def _pod(self, now: float, i: int) -> None:
        free = self.free[self.pod[i]]
        begin = free[0]
        if now > begin:
            begin = now
        served = begin + self.work[i]
        heapreplace(free, served)
        self.queued[i] = begin - now
        self.served[i] = served
        if self.lookup_of[i] >= 0:
            self.attempt[i] = 0
            self._later(served, i, _ASK)

    def _ask(self, now: float, i: int) -> None:
        k, attempt, one = self.lookup_of[i], self.attempt[i], self.rounds[self.number[i]]
        self.questions += 2
        if attempt == 0:
            self.asked_at[k] = now
            self.has_entries[k] = 0
        if not one.asks[k]:
            self._answered(now + self.node_cache_us, i)
            return
        missing = self.flows_per_round - self.has_entries[k]
        if missing:
            table = self.table_of_pod[self.pod[i]]
            for _ in range(missing):
                if table.admit(now, 2):
                    self.has_entries[k] += 1
                    missing -= 1
        if not missing and attempt >= one.lost[k]:
            if self.waits_known:
                self._visited(now + self.lead_us, one.wait[k], i, k, one)
            else:
                self._later(now + self.lead_us, i, _VISIT)
        elif attempt + 1 < self.attempts:
            self.attempt[i] = attempt + 1
            self._later(now + self.retry_us, i, _ASK)
        else:
            self._unanswered(now + self.retry_us, i)

    def _visit(self, now: float, i: int) -> None:
        k, one = self.lookup_of[i], self.rounds[self.number[i]]
        replica = one.coredns[k]
        begin = max(now, self.coredns_free[replica])
        self.coredns_free[replica] = begin + one.work[k]
        self._visited(now, begin - now, i, k, one)

    def _visited(self, now: float, wait: float, i: int, k: int, one: _Round) -> None:
        self.visits += 1
        if now <= self.end_us:
            self.coredns_work += one.work[k]
        answered = now + wait + one.work[k] + one.after[k]
        given_up = self.asked_at[k] + self.attempts * self.retry_us
        if answered <= given_up:
            self._answered(answered, i)
        else:
            self._unanswered(given_up, i)

    def _answered(self, when: float, i: int) -> None:
        self.attempt[i] = 0
        if self.number[i] < self.last:
            self.number[i] += 1
            self._later(when, i, _ASK)
            return
        self.looked[i] = when - self.served[i]
        if self.it.lookups.found:
            self.dialed_out[i] = True
            self._later(when + self.it.downstream_translation_us, i, _OUT)
        else:
            self.cause[i] = NOT_FOUND

    def _unanswered(self, when: float, i: int) -> None:
        on_timeout = self.it.lookups.on_timeout
        if self.number[i] == self.last or on_timeout == "stop":
            self.looked[i] = when - self.served[i]
            self.cause[i] = LOOKUP
            return
        self.number[i] = self.last if on_timeout == "try the name itself" else self.number[i] + 1
        self.attempt[i] = 0
        self._later(when, i, _ASK)

    def _out(self, now: float, i: int) -> None:
        offsets, attempt = self.it.table.downstream_offsets_us, self.attempt[i]
        if self.table_of_pod[self.pod[i]].admit(now, 1):
            self.out_delay[i] = float(offsets[attempt])
        elif attempt + 1 < len(offsets):
            self.attempt[i] = attempt + 1
            self._later(now + float(offsets[attempt + 1] - offsets[attempt]), i, _OUT)
        else:
            self.out_delay[i] = self.it.downstream_timeout_us
            self.cause[i] = DOWNSTREAM

    def record(self) -> Beyond:
        """Return what happened."""
        it = self.it
        cause = np.array(self.cause, dtype=np.uint8)
        return Beyond(
            connect_delay_us=np.array(self.connect_delay),
            queued_us=np.array(self.queued),
            looked_us=np.array(self.looked),
            out_translation_us=np.array(self.dialed_out) * it.downstream_translation_us,
            out_delay_us=np.array(self.out_delay),
            cause=cause,
            questions=self.questions,
            visits=self.visits,
            coredns_work_us=self.coredns_work,
            made_us=[np.array(kind) for kind in self.tables[fullest_node(it)].made_us],
            refused_us=np.concatenate(
                [np.array(table.refused_us) for table in self.tables.values()]
            ),
        )
