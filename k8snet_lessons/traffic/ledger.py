"""Who may be chosen, by whom, and from when to when.

A *chooser* sends each of its requests to one pod of a list. An HTTP/2 connection is a chooser
whose list has one pod for as long as it lives; a proxy's list is every pod that it knows; a
gRPC channel's is the pods that it is connected to. A stretch is a time in which a list stays
as it is.
"""

import heapq
import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from k8snet_lessons.sim.arrays import Bools, Floats, Ints
from k8snet_lessons.traffic.choosing import Kernel
from k8snet_lessons.traffic.endpoints import Endpoints
from k8snet_lessons.traffic.luck import Luck
from k8snet_lessons.traffic.resolution import Resolver
from k8snet_lessons.traffic.spec import LAYER_7, TrafficSpec


@dataclass(frozen=True, eq=False)
class Ledger:
    """Stretches, by chooser and then by time.

    Attributes
    ----------
    choosers : int
        How many there are.
    chooser : (stretches,) int array
    begin_s, end_s : (stretches,) float arrays
    first, count : (stretches,) int arrays
        The list: ``pods[first : first + count]``. An empty one sends every request back.
    turn : (stretches,) int array
        Where taking turns begins.
    retired : (stretches,) bool array
        Whether the stretch ends because the server retires the connection for its age.
    pods : int array
        All lists, one after the other.
    """

    choosers: int
    chooser: Ints
    begin_s: Floats
    end_s: Floats
    first: Ints
    count: Ints
    turn: Ints
    retired: Bools
    pods: Ints

    def held_at(self, at_s: float, pods: int) -> Ints:
        """Return how many choosers have each pod on their list at an instant."""
        now = np.flatnonzero((self.begin_s <= at_s) & (at_s < self.end_s))
        places = np.concatenate(
            [np.arange(self.first[i], self.first[i] + self.count[i]) for i in now] or [now]
        ).astype(np.int64)
        return np.bincount(self.pods[places], minlength=pods)


class _Writer:
    """Collects stretches; lists that come again are kept once."""

    def __init__(self) -> None:
        self._rows: list[tuple[int, float, float, int, int, int, bool]] = []
        self._flat: list[int] = []
        self._where: dict[tuple[int, ...], int] = {}

    def add(
        self,
        chooser: int,
        begin_s: float,
        end_s: float,
        pods: Sequence[int],
        turn: int = 0,
        retired: bool = False,
    ) -> None:
        if end_s <= begin_s:
            return
        key = tuple(pods)
        if key not in self._where:
            self._where[key] = len(self._flat)
            self._flat.extend(key)
        self._rows.append((chooser, begin_s, end_s, self._where[key], len(key), turn, retired))

    def ledger(self, choosers: int) -> Ledger:
        self._rows.sort()
        columns = list(zip(*self._rows, strict=True))
        whole = [np.array(columns[i], dtype=np.int64) for i in (0, 3, 4, 5)]
        return Ledger(
            choosers=choosers,
            chooser=whole[0],
            begin_s=np.array(columns[1]),
            end_s=np.array(columns[2]),
            first=whole[1],
            count=whole[2],
            turn=whole[3],
            retired=np.array(columns[6], dtype=np.bool_),
            pods=np.array(self._flat, dtype=np.int64),
        )


class Known:
    """The set of known pods at any time, looked up once for each stretch."""

    def __init__(self, life: Endpoints, until_s: float) -> None:
        self.bounds_s = [0.0, *life.changes(until_s), until_s]
        self.sets = [[int(each) for each in life.known_at(at)] for at in self.bounds_s[:-1]]

    def at(self, now_s: float) -> list[int]:
        """Return the pods known at an instant, in order."""
        place = len(self.sets) - 1
        while place and self.bounds_s[place] > now_s:
            place -= 1
        return self.sets[place]


def ledger(spec: TrafficSpec, life: Endpoints, luck: Luck) -> Ledger:
    """Return who may be chosen by whom, for every rule but an HTTP/1.1 pool's."""
    known = Known(life, spec.duration_s)
    if spec.balancing == "client_round_robin":
        return _channels(spec, life, known, luck)
    if spec.balancing == "pick_first" or (
        spec.protocol == "http2" and spec.balancing not in LAYER_7
    ):
        return _connections(spec, life, known, luck)
    return _everybody(spec, known, luck)


def _everybody(spec: TrafficSpec, known: Known, luck: Luck) -> Ledger:
    """Every chooser knows the same pods: proxies, or nodes when each request is a connection."""
    choosers = spec.shared_proxies or spec.clients
    written = _Writer()
    for place, pods in enumerate(known.sets):
        for chooser in range(choosers):
            turn = 0
            if spec.balancing == "round_robin" and pods:
                turn = min(int(_start(luck, spec, chooser) * len(pods)), len(pods) - 1)
            written.add(chooser, known.bounds_s[place], known.bounds_s[place + 1], pods, turn)
    return written.ledger(choosers)


def _start(luck: Luck, spec: TrafficSpec, chooser: int) -> float:
    """Where a proxy begins its round: at random, so that not all begin with the same pod."""
    return luck.opening(chooser % spec.connections, chooser // spec.connections)


def _connections(spec: TrafficSpec, life: Endpoints, known: Known, luck: Luck) -> Ledger:
    """A connection keeps its pod until either of them ends."""
    written = _Writer()
    kernel = Kernel(spec.balancing, spec.clients, spec.all_pods, luck.server_order)
    resolvers = [Resolver(spec.min_resolution_s) for _ in range(spec.connections)]
    answers = [0] * spec.connections
    held = [-1] * spec.connections
    # In order of time; what happens at the same time, in the order in which it was set up.
    coming = [(0.0, place, place, 0) for place in range(spec.connections)]
    number = spec.connections
    while coming:
        now, _, place, time = heapq.heappop(coming)
        if now >= spec.duration_s:
            continue
        node = place // spec.connections_per_client
        if held[place] >= 0:
            kernel.closed(node, held[place], now)
            held[place] = -1
        if spec.balancing == "pick_first":
            resolver = resolvers[place]
            resolver.advance(now)
            if time and resolver.ask(now):
                answers[place] = time
            luck_of_answer = luck.opening(place, answers[place])
            pod = first_that_listens(known.at(resolver.resolved_s), luck_of_answer, life, now)
        else:
            pod = kernel.choose(node, known.at(now), luck.opening(place, time), now)
        if pod >= 0 and life.listens_from[pod] <= now < life.listens_until[pod]:
            aged = _whole_ns(now + luck.age_s(place, time))
            end = min(aged, float(life.listens_until[pod]))
            kernel.opened(node, pod)
            held[place] = pod
            written.add(place, now, end, (pod,), retired=aged <= life.listens_until[pod])
        else:
            end = _whole_ns(now + spec.retry_s)
            written.add(place, now, end, ())
        heapq.heappush(coming, (end, number, place, time + 1))
        number += 1
    return written.ledger(spec.connections)


def _whole_ns(at_s: float) -> float:
    """Round to the clock of the processes, so that sums end where they are meant to."""
    return round(at_s, 9)


def first_that_listens(listed: list[int], uniform: float, life: Endpoints, now_s: float) -> int:
    """Return the pod that pick_first ends at: it tries the answer's addresses in their order.

    CoreDNS shuffles them; here the list is begun at a random place. -1: none listens.
    """
    begin = min(int(uniform * len(listed)), len(listed) - 1)
    for pod in listed[begin:] + listed[:begin]:
        if life.listens_from[pod] <= now_s < life.listens_until[pod]:
            return pod
    return -1


def _channels(spec: TrafficSpec, life: Endpoints, known: Known, luck: Luck) -> Ledger:
    """A channel is connected to every pod that DNS named when it last asked."""
    written = _Writer()
    for channel in range(spec.connections):
        _channel(channel, spec, life, known, luck, written)
    return written.ledger(spec.connections)


def _channel(
    channel: int, spec: TrafficSpec, life: Endpoints, known: Known, luck: Luck, written: _Writer
) -> None:
    resolver = Resolver(spec.min_resolution_s)
    openings = [0] * spec.all_pods
    until = [0.0] * spec.all_pods  # when each connection, or each attempt at one, ends
    listed: list[int] = []
    ready: list[int] = []
    coming: list[tuple[float, int]] = []
    begin = now = 0.0
    lists = 0

    def connect(pod: int) -> None:
        """Open a connection; one that is refused is tried again later."""
        if life.listens_from[pod] <= now < life.listens_until[pod]:
            place = channel * spec.all_pods + pod
            aged = _whole_ns(now + luck.age_s(place, openings[pod]))
            end = min(aged, float(life.listens_until[pod]))
            openings[pod] += 1
            if pod not in ready:
                ready.append(pod)
        else:
            end = _whole_ns(now + spec.retry_s)
        until[pod] = end
        heapq.heappush(coming, (end, pod))

    def renew() -> None:
        """Take over a new answer: connect to who is new, let go of who is missing."""
        fresh = known.at(resolver.resolved_s)
        for pod in [each for each in listed if each not in fresh]:
            until[pod] = math.inf
            if pod in ready:
                ready.remove(pod)
        new = [each for each in fresh if each not in listed]
        listed[:] = fresh
        for pod in new:
            connect(pod)

    renew()
    while now < spec.duration_s:
        before = sorted(ready)
        end, pod = min(coming[0] if coming else (math.inf, -1), (resolver.due_s, -1))
        if end >= spec.duration_s:
            break
        now = end
        if resolver.advance(now):
            renew()
        else:
            heapq.heappop(coming)
            if until[pod] != end:
                continue  # it was let go of before
            if pod in ready and now >= life.listens_until[pod]:
                ready.remove(pod)
            if resolver.ask(now):
                renew()
            if pod in listed:
                connect(pod)
        if sorted(ready) != before:
            written.add(channel, begin, now, before, _turn(luck, channel, spec, lists, before))
            # Several changes at one instant make one new list.
            lists += now > begin
            begin = now
    last = sorted(ready)
    written.add(channel, begin, spec.duration_s, last, _turn(luck, channel, spec, lists, last))


def _turn(luck: Luck, channel: int, spec: TrafficSpec, lists: int, ready: list[int]) -> int:
    """A new list is begun at a random place (gRPC core, round_robin.cc)."""
    if not ready:
        return 0
    uniform = luck.opening(channel * spec.all_pods, lists)
    return min(int(uniform * len(ready)), len(ready) - 1)
