"""The SimPy engine: one process per request, to be read from top to bottom.

Every request is a generator that walks the road, :func:`request`. Where it says ``yield``
time passes. The queues are SimPy resources, first come, first served.
"""

from collections.abc import Generator
from heapq import heapify, heappop, heappush
from typing import Any

import numpy as np
import simpy

from k8snet_lessons.sim.arrays import Floats
from k8snet_lessons.sim.beyond import cap_at_read_timeout
from k8snet_lessons.sim.itinerary import HOPS, Itinerary, LookupRound, initial_expiries
from k8snet_lessons.sim.occupancy import fullest_node, history
from k8snet_lessons.sim.passage import CONNECT, DOWNSTREAM, LOOKUP, NOT_FOUND, Passage

__all__ = ["walk"]

Steps = Generator[simpy.Event, Any, None]
Verdict = Generator[simpy.Event, Any, bool]


def request(road: "Road", i: int) -> Steps:
    """Walk request number i from its client to its answer."""
    it, env, spent = road.it, road.env, road.spent

    # The client's handshakes and half a round trip, the balancer, the entry node.
    yield env.timeout(
        it.client_forward_us[i] + it.balancer_forward_us[i] + it.entry_translation_us[i]
    )
    spent["client network"][i] = it.client_forward_us[i] + it.client_back_us
    spent["load balancer"][i] = it.balancer_forward_us[i] + it.balancer_back_us[i]
    spent["service translation"][i] = it.entry_translation_us[i]

    # The ingress worker that owns the connection: one request at a time.
    came = env.now
    with road.workers[it.worker[i]].request() as turn:
        yield turn
        yield env.timeout(it.ingress_work_us[i])
    spent["ingress"][i] = env.now - came

    # A connection to the pod, where none is idle. Its first SYN makes a conntrack entry.
    if it.opens[i]:
        yield env.timeout(it.connect_translation_us)
        spent["service translation"][i] += it.connect_translation_us
        came = env.now
        accepted = yield from new_connection(
            road, i, 0, it.table.syn_offsets_us, it.connect_timeout_us
        )
        spent["connect"][i] = env.now - came
        if not accepted:
            road.cause[i] = CONNECT
            return
        yield env.timeout(it.handshake_us[i] + it.handshake_zone_us[i])
        spent["connect"][i] += it.handshake_us[i]
    spent["zone crossing"][i] = it.handshake_zone_us[i] + it.zone_us[i]

    # To the pod, and into its queue.
    yield env.timeout(it.wire_us[i] / 2 + it.zone_us[i] / 2)
    spent["wire"][i] = it.wire_us[i]
    road.reached_pod[i] = True
    came = env.now
    with road.pods[it.pod[i]].request() as turn:
        yield turn
        spent["pod queue"][i] = env.now - came
        yield env.timeout(it.pod_work_us[i])
    spent["pod service"][i] = it.pod_work_us[i]

    # The pod calls another host: first its address, without holding a worker, then a
    # connection. What the call itself takes is part of the service time.
    k = road.lookup_of[i]
    if k < 0:
        return
    came = env.now
    answered = yield from lookup(road, i, k)
    spent["name lookup"][i] = env.now - came
    if not answered:
        road.cause[i] = LOOKUP
    elif not it.lookups.found:
        road.cause[i] = NOT_FOUND
    else:
        yield env.timeout(it.downstream_translation_us)
        road.out_translation_us[i] = it.downstream_translation_us
        came = env.now
        accepted = yield from new_connection(
            road, i, 1, it.table.downstream_offsets_us, it.downstream_timeout_us
        )
        road.out_delay_us[i] = env.now - came
        if not accepted:
            road.cause[i] = DOWNSTREAM


def new_connection(
    road: "Road", i: int, kind: int, offsets_us: Floats, timeout_us: float
) -> Verdict:
    """Send a SYN, and again on the ladder, until the pod's node has room or time is up."""
    started = road.env.now
    for offset in offsets_us:
        if offset:
            yield road.env.timeout(started + offset - road.env.now)
        if road.table_of(i).admit(kind, road.it.table.tcp_life_us):
            return True
    yield road.env.timeout(started + timeout_us - road.env.now)
    return False


def lookup(road: "Road", i: int, k: int) -> Verdict:
    """Ask for each candidate name in turn; the last one is the one that exists."""
    plan = road.it.lookups
    only_the_name_itself = False
    for number, one in enumerate(plan.rounds):
        last = number == len(plan.rounds) - 1
        if only_the_name_itself and not last:
            continue
        answered = yield from ask(road, i, k, one)
        if answered:
            continue
        if last or plan.on_timeout == "stop":
            return False
        only_the_name_itself = plan.on_timeout == "try the name itself"
    return True


def ask(road: "Road", i: int, k: int, one: LookupRound) -> Verdict:
    """Ask for A and AAAA of one name, as often as the resolver tries."""
    plan, env = road.it.lookups, road.env
    road.questions += 2
    asked_at = env.now
    if plan.node_cache_us:
        yield env.timeout(plan.node_cache_us)
        if not one.asks_coredns[k]:
            return True
    has_entry = [False] * plan.flows_per_round
    for attempt in range(plan.attempts):
        if attempt:
            road.questions += 2
        for flow, already in enumerate(has_entry):
            if not already:
                has_entry[flow] = road.table_of(i).admit(2, road.it.table.udp_life_us)
        if all(has_entry) and attempt >= one.lost_attempts[k]:
            answer = env.process(coredns(road, k, one))
            patience = env.timeout(asked_at + plan.attempts * plan.retry_us - env.now)
            yield answer | patience
            return answer.triggered
        yield env.timeout(plan.retry_us)
    return False


def coredns(road: "Road", k: int, one: LookupRound) -> Steps:
    """Go to CoreDNS and back; a cache miss waits for the resolver upstream."""
    plan, env = road.it.lookups, road.env
    yield env.timeout(plan.exchange_us / 2)
    road.visits += 1
    if env.now <= road.it.end_us:
        road.coredns_work_us += one.work_us[k]
    with road.coredns[one.coredns[k]].request() as turn:
        yield turn
        yield env.timeout(one.work_us[k])
    yield env.timeout(one.upstream_us[k] + plan.exchange_us / 2)


class Table:
    """A node's connection tracking table: a counter, and when each entry expires."""

    def __init__(self, env: simpy.Environment, it: Itinerary, node: int) -> None:
        self.env = env
        self.limit = it.table.limit
        self.evicts = it.table.evicts
        self.standing = int(it.table.standing[node])
        self.expiries = [
            *initial_expiries(int(it.table.initial_tcp[node]), it.table.tcp_life_us),
            *initial_expiries(int(it.table.initial_udp[node]), it.table.udp_life_us),
        ]
        heapify(self.expiries)
        self.made_us: tuple[list[float], ...] = ([], [], [])
        self.refused_us: list[float] = []

    def admit(self, kind: int, life_us: float) -> bool:
        """Make an entry for a new flow, if there is room."""
        now = self.env.now
        while self.expiries and self.expiries[0] <= now:
            heappop(self.expiries)
        if self.standing + len(self.expiries) >= self.limit:
            if not self.evicts:
                self.refused_us.append(now)
                return False
            if self.expiries:
                heappop(self.expiries)
            else:  # nothing but long-lived connections: one of them has to go
                self.standing -= 1
        heappush(self.expiries, now + life_us)
        self.made_us[kind].append(now)
        return True


class Road:
    """The queues and tables of a run, and the record of it."""

    def __init__(self, it: Itinerary) -> None:
        self.it = it
        self.env = simpy.Environment()
        self.workers = [simpy.Resource(self.env) for _ in range(it.workers)]
        self.pods = [simpy.Resource(self.env, it.pod_concurrency) for _ in range(it.pods)]
        self.coredns = [simpy.Resource(self.env) for _ in range(it.lookups.coredns_replicas)]
        self.tables = {int(node): Table(self.env, it, int(node)) for node in set(it.pod_node)}
        self.lookup_of = np.full(len(it), -1)
        self.lookup_of[it.lookups.who] = np.arange(len(it.lookups.who))
        self.spent = {hop: np.zeros(len(it)) for hop in HOPS}
        self.out_translation_us = np.zeros(len(it))
        self.out_delay_us = np.zeros(len(it))
        self.cause = np.zeros(len(it), dtype=np.uint8)
        self.reached_pod = np.zeros(len(it), dtype=np.bool_)
        self.questions = 0
        self.visits = 0
        self.coredns_work_us = 0.0

    def table_of(self, i: int) -> Table:
        """Return the table of the node where request i's pod runs."""
        return self.tables[int(self.it.pod_node[self.it.pod[i]])]

    def clients(self) -> Steps:
        """Start each request when its client does."""
        for i, arrival in enumerate(self.it.arrival_us):
            yield self.env.timeout(max(arrival - self.env.now, 0.0))
            self.env.process(request(self, i))


def walk(it: Itinerary) -> Passage:
    """Return how the requests of an itinerary fare."""
    road = Road(it)
    road.env.process(road.clients())
    road.env.run()
    return _passage(road)


def _passage(road: Road) -> Passage:
    it = road.it
    road.spent["connect"] += road.out_delay_us
    road.spent["service translation"] += road.out_translation_us
    hop = cap_at_read_timeout(
        it, list(road.spent.values()), road.cause, road.out_delay_us, road.out_translation_us
    )
    node = fullest_node(it)
    return Passage(
        by_hop=hop,
        cause=road.cause,
        reached_pod=road.reached_pod,
        questions=road.questions,
        visits=road.visits,
        coredns_busy_share=road.coredns_work_us / (it.end_us * it.lookups.coredns_replicas),
        history=history(
            it,
            node,
            [np.array(kind) for kind in road.tables[node].made_us],
            np.concatenate([np.array(table.refused_us) for table in road.tables.values()]),
        ),
    )
