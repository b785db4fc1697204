"""Beyond the ingress, event by event: for tables that fill.

A full connection tracking table couples everything on its node: a refused datagram holds
up the rest of its lookup, which leaves room for others. There is no short cut through
that, so this is a plain event loop over sorted lists and one heap. It is exact.
"""

from collections import deque
from heapq import heappop, heappush, heapreplace

import numpy as np

from k8snet_lessons.sim.arrays import Floats
from k8snet_lessons.sim.beyond import Beyond
from k8snet_lessons.sim.itinerary import Itinerary, initial_expiries
from k8snet_lessons.sim.occupancy import fullest_node
from k8snet_lessons.sim.passage import CONNECT, DOWNSTREAM, LOOKUP, NOT_FOUND

__all__ = ["walk_coupled"]

# What can happen next; the code of an event is the place of its handler.
_SYN, _POD, _ASK, _VISIT, _OUT = range(5)


def walk_coupled(it: Itinerary, dialed_us: Floats) -> Beyond:
    """Return how requests fare that leave the ingress at `dialed_us`."""
    loop = _Loop(it, dialed_us)
    loop.run()
    return loop.record()


class _Table:
    """A table with a limit. Entries of one lifetime expire in the order they were made."""

    def __init__(self, it: Itinerary, node: int) -> None:
        plan = it.table
        self.limit = plan.limit - int(plan.standing[node])
        self.tcp = deque(initial_expiries(int(plan.initial_tcp[node]), plan.tcp_life_us).tolist())
        self.udp = deque(initial_expiries(int(plan.initial_udp[node]), plan.udp_life_us).tolist())
        self.made_us: tuple[list[float], ...] = ([], [], [])
        self.refused_us: list[float] = []

    def admit(self, now: float, entries: deque[float], life_us: float, kind: int) -> bool:
        """Make an entry for a new flow, if there is room."""
        tcp, udp = self.tcp, self.udp
        while tcp and tcp[0] <= now:
            tcp.popleft()
        while udp and udp[0] <= now:
            udp.popleft()
        if len(tcp) + len(udp) >= self.limit:
            self.refused_us.append(now)
            return False
        entries.append(now + life_us)
        self.made_us[kind].append(now)
        return True


class _Loop:
    """Events in order of time: (when, request, code, round or attempt, attempt)."""

    def __init__(self, it: Itinerary, dialed_us: Floats) -> None:
        self.it = it
        plan = it.lookups
        n = len(it)
        self.dialed = dialed_us.tolist()
        onward = it.handshake_us + it.handshake_zone_us + it.wire_us / 2 + it.zone_us / 2
        self.onward = onward.tolist()
        # What needs no new connection reaches its pod without meeting a table.
        first = np.where(it.opens, dialed_us, dialed_us + onward)
        order = np.argsort(first)
        self.first = list(
            zip(
                first[order].tolist(),
                order.tolist(),
                np.where(it.opens, _SYN, _POD)[order].tolist(),
                strict=True,
            )
        )
        self.pod = it.pod.tolist()
        self.work = it.pod_work_us.tolist()
        self.free = [[0.0] * it.pod_concurrency for _ in range(it.pods)]
        tables = {int(node): _Table(it, int(node)) for node in np.unique(it.pod_node)}
        self.tables = tables
        self.table_of_pod = [tables[node] for node in it.pod_node.tolist()]
        lookup_of = np.full(n, -1)
        lookup_of[plan.who] = np.arange(len(plan.who))
        self.lookup_of = lookup_of.tolist()
        self.lost = [one.lost_attempts.tolist() for one in plan.rounds]
        self.coredns_of = [one.coredns.tolist() for one in plan.rounds]
        self.visit_work = [one.work_us.tolist() for one in plan.rounds]
        self.asks = [one.asks_coredns.tolist() for one in plan.rounds]
        self.upstream = [one.upstream_us.tolist() for one in plan.rounds]
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
        self.heap: list[tuple[float, int, int, int, int]] = []

    def run(self) -> None:
        """Take the next event, of those known from the start and those that came up."""
        handlers = (self._syn, self._pod, self._ask, self._visit, self._out)
        heap = self.heap
        for when, i, code in self.first:
            while heap and heap[0][0] < when:
                now, who, what, step, attempt = heappop(heap)
                handlers[what](now, who, step, attempt)
            handlers[code](when, i, 0, 0)
        while heap:
            now, who, what, step, attempt = heappop(heap)
            handlers[what](now, who, step, attempt)

    def _syn(self, now: float, i: int, attempt: int, _: int) -> None:
        plan = self.it.table
        table = self.table_of_pod[self.pod[i]]
        if table.admit(now, table.tcp, plan.tcp_life_us, 0):
            self.connect_delay[i] = float(plan.syn_offsets_us[attempt])
            heappush(self.heap, (now + self.onward[i], i, _POD, 0, 0))
        elif attempt + 1 < len(plan.syn_offsets_us):
            again = self.dialed[i] + float(plan.syn_offsets_us[attempt + 1])
            heappush(self.heap, (again, i, _SYN, attempt + 1, 0))
        else:
            self.connect_delay[i] = self.it.connect_timeout_us
            self.cause[i] = CONNECT

    def _pod(self, now: float, i: int, _: int, __: int) -> None:
        free = self.free[self.pod[i]]
        begin = max(now, free[0])
        served = begin + self.work[i]
        heapreplace(free, served)
        self.queued[i] = begin - now
        self.served[i] = served
        if self.lookup_of[i] >= 0:
            heappush(self.heap, (served, i, _ASK, 0, 0))

    def _ask(self, now: float, i: int, number: int, attempt: int) -> None:
        plan, k = self.it.lookups, self.lookup_of[i]
        self.questions += 2
        if attempt == 0:
            self.asked_at[k] = now
            self.has_entries[k] = 0
        if plan.node_cache_us and not self.asks[number][k]:
            self._answered(now + plan.node_cache_us, i, number)
            return
        table = self.table_of_pod[self.pod[i]]
        for _ in range(plan.flows_per_round - self.has_entries[k]):
            if table.admit(now, table.udp, self.it.table.udp_life_us, 2):
                self.has_entries[k] += 1
        got_through = self.has_entries[k] == plan.flows_per_round
        if got_through and attempt >= self.lost[number][k]:
            there = now + plan.node_cache_us + plan.exchange_us / 2
            heappush(self.heap, (there, i, _VISIT, number, 0))
        elif attempt + 1 < plan.attempts:
            heappush(self.heap, (now + plan.retry_us, i, _ASK, number, attempt + 1))
        else:
            self._unanswered(now + plan.retry_us, i, number)

    def _visit(self, now: float, i: int, number: int, _: int) -> None:
        plan, k = self.it.lookups, self.lookup_of[i]
        self.visits += 1
        if now <= self.it.end_us:
            self.coredns_work += self.visit_work[number][k]
        replica = self.coredns_of[number][k]
        done = max(now, self.coredns_free[replica]) + self.visit_work[number][k]
        self.coredns_free[replica] = done
        answered = done + self.upstream[number][k] + plan.exchange_us / 2
        given_up = self.asked_at[k] + plan.attempts * plan.retry_us
        if answered <= given_up:
            self._answered(answered, i, number)
        else:
            self._unanswered(given_up, i, number)

    def _answered(self, when: float, i: int, number: int) -> None:
        if number + 1 < len(self.it.lookups.rounds):
            heappush(self.heap, (when, i, _ASK, number + 1, 0))
            return
        self.looked[i] = when - self.served[i]
        if self.it.lookups.found:
            self.dialed_out[i] = True
            heappush(self.heap, (when + self.it.downstream_translation_us, i, _OUT, 0, 0))
        else:
            self.cause[i] = NOT_FOUND

    def _unanswered(self, when: float, i: int, number: int) -> None:
        plan = self.it.lookups
        last = len(plan.rounds) - 1
        if number == last or plan.on_timeout == "stop":
            self.looked[i] = when - self.served[i]
            self.cause[i] = LOOKUP
        else:
            following = last if plan.on_timeout == "try the name itself" else number + 1
            heappush(self.heap, (when, i, _ASK, following, 0))

    def _out(self, now: float, i: int, attempt: int, _: int) -> None:
        offsets = self.it.table.downstream_offsets_us
        table = self.table_of_pod[self.pod[i]]
        if table.admit(now, table.tcp, self.it.table.tcp_life_us, 1):
            self.out_delay[i] = float(offsets[attempt])
        elif attempt + 1 < len(offsets):
            again = now + float(offsets[attempt + 1] - offsets[attempt])
            heappush(self.heap, (again, i, _OUT, attempt + 1, 0))
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
