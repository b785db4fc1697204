"""Rules that look at what is still being worked on: one request after the other.

Least request, least connection, and an HTTP/1.1 pool, whose free connections are those whose
answer has come.
"""

from heapq import heappop, heappush, heapreplace

import numpy as np
import numpy.typing as npt

from k8snet_lessons.sim.arrays import Floats
from k8snet_lessons.traffic.choosing import Kernel, evenly
from k8snet_lessons.traffic.endpoints import Endpoints
from k8snet_lessons.traffic.ledger import Known
from k8snet_lessons.traffic.luck import Luck
from k8snet_lessons.traffic.spec import TrafficSpec


class Pods:
    """The workers of every pod, each with the instant at which it is free."""

    def __init__(self, spec: TrafficSpec, life: Endpoints) -> None:
        self._free = [[0.0] * spec.pod_workers for _ in range(spec.all_pods)]
        self._from = life.listens_from.tolist()
        self._until = life.listens_until.tolist()

    def listens(self, pod: int, now_s: float) -> bool:
        """Whether a new connection, or request, is taken."""
        return bool(self._from[pod] <= now_s < self._until[pod])

    def take(self, pod: int, now_s: float, work_s: float) -> float:
        """Give a request to a pod; return when it is done."""
        free = self._free[pod]
        done = max(free[0], now_s) + work_s
        heapreplace(free, done)
        return done


def one_by_one(
    spec: TrafficSpec, life: Endpoints, luck: Luck, work_us: Floats
) -> tuple[npt.NDArray[np.int16], Floats]:
    """Return the pod and the latency in µs (NaN: nobody took it) of each request."""
    if spec.balancing == "least_request":
        return _least_request(spec, life, luck, work_us)
    return _pools(spec, life, luck, work_us)


def _least_request(
    spec: TrafficSpec, life: Endpoints, luck: Luck, work_us: Floats
) -> tuple[npt.NDArray[np.int16], Floats]:
    """A proxy draws two pods and sends to the one on which it has fewer requests open."""
    choosers = spec.shared_proxies or spec.clients
    n = len(luck.arrival_s)
    known, pods = Known(life, spec.duration_s), Pods(spec, life)
    asker = evenly(luck.unit.uniform("asker")[:n], choosers).tolist()
    first = luck.unit.uniform("choice")[:n].tolist()
    second = luck.unit.uniform("second choice")[:n].tolist()
    open_on = [[0] * spec.all_pods for _ in range(choosers)]
    answers: list[list[tuple[float, int]]] = [[] for _ in range(choosers)]
    chosen, latency = [-1] * n, [np.nan] * n
    bounds, place, listed = known.bounds_s, 0, known.sets[0]
    for i, (now, work) in enumerate(zip(luck.arrival_s.tolist(), work_us.tolist(), strict=True)):
        while now >= bounds[place + 1]:
            place += 1
            listed = known.sets[place]
        who = asker[i]
        mine, coming = open_on[who], answers[who]
        while coming and coming[0][0] <= now:
            mine[heappop(coming)[1]] -= 1
        many = len(listed)
        pod = listed[min(int(first[i] * many), many - 1)]
        other = listed[min(int(second[i] * many), many - 1)]
        if mine[other] < mine[pod]:
            pod = other
        chosen[i] = pod
        if pods.listens(pod, now):
            done = pods.take(pod, now, work / 1e6)
            mine[pod] += 1
            heappush(coming, (done, pod))
            latency[i] = (done - now) * 1e6
    return np.array(chosen, dtype=np.int16), np.array(latency)


def _pools(
    spec: TrafficSpec, life: Endpoints, luck: Luck, work_us: Floats
) -> tuple[npt.NDArray[np.int16], Floats]:
    """Each client takes the connection that became free last, else opens one.

    With ``per_request`` nothing is kept: every request opens one, and it is closed with the
    answer.
    """
    n = len(luck.arrival_s)
    keep = spec.connections_per_client if spec.protocol == "http1" else 0
    known, pods = Known(life, spec.duration_s), Pods(spec, life)
    kernel = Kernel(spec.balancing, spec.clients, spec.all_pods, luck.server_order)
    asker = evenly(luck.unit.uniform("asker")[:n], spec.clients).tolist()
    choice = luck.unit.uniform("choice")[:n].tolist()
    age_s = (spec.max_age_s * (0.9 + 0.2 * luck.unit.uniform("second choice")[:n])).tolist()
    idle: list[list[tuple[int, float]]] = [[] for _ in range(spec.clients)]
    busy: list[list[tuple[float, int, float]]] = [[] for _ in range(spec.clients)]
    for place in range(keep * spec.clients):
        client = place // keep
        pod = kernel.choose(client, known.at(0.0), luck.opening(place, 0), 0.0)
        kernel.opened(client, pod)
        idle[client].append((pod, luck.age_s(place, 0)))
    chosen, latency = [-1] * n, [np.nan] * n
    for i, (now, work) in enumerate(zip(luck.arrival_s.tolist(), work_us.tolist(), strict=True)):
        client = asker[i]
        free, out = idle[client], busy[client]
        while out and out[0][0] <= now:
            done, pod, ends = heappop(out)
            if len(free) < keep:
                free.append((pod, ends))
            else:
                kernel.closed(client, pod, done)
        pod, ends = -1, 0.0
        while free and pod < 0:
            pod, ends = free.pop()
            if now >= ends or not pods.listens(pod, now):
                kernel.closed(client, pod, now)
                pod = -1
        if pod < 0:
            pod = kernel.choose(client, known.at(now), choice[i], now)
            if pod >= 0 and pods.listens(pod, now):
                kernel.opened(client, pod)
                ends = now + age_s[i]
        chosen[i] = pod
        if pod >= 0 and pods.listens(pod, now):
            done = pods.take(pod, now, work / 1e6)
            heappush(out, (done, pod, ends))
            latency[i] = (done - now) * 1e6
    return np.array(chosen, dtype=np.int16), np.array(latency)
