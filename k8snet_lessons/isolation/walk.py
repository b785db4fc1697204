"""The same cluster request by request: every lookup, every cache entry, every connection.

Written apart from `blast` and held against it. It shares with it what a fault means and two
rules: a kept connection to a dead pod fails once, within the first deadline; and a pod does not
do more than its capacity.
"""

import random
from collections import defaultdict
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from k8snet_lessons.datapath.nf_conntrack import syn_ladder
from k8snet_lessons.errors import InputError
from k8snet_lessons.isolation.door import SHARED_ONLY, restarts
from k8snet_lessons.isolation.ejection import (
    BASE_EJECTION_S,
    CONSECUTIVE_5XX,
    may_eject,
    panics,
)
from k8snet_lessons.isolation.faults import (
    BALANCER_NOTICES_S,
    CACHE_DENIAL_S,
    CACHE_SUCCESS_S,
    POD_START_S,
    PROPAGATION_S,
    RESOLVER_TIMEOUT_S,
    SERVE_STALE_S,
    Defenses,
    Fault,
    node_clocks,
)
from k8snet_lessons.isolation.names import asked
from k8snet_lessons.isolation.world import INGRESS, Service, World

WARM_UP_S = 65  # two lives of a cache entry
LEAST_QUEUE = 30  # so that chance alone does not fill the queue of a pod with little to do


@dataclass(frozen=True, eq=False)
class Walked:
    """What became of the users' requests.

    Attributes
    ----------
    users : tuple of str
    requests, failed : (u, t) array of int
        By service asked and second since the fault began.
    """

    users: tuple[str, ...]
    requests: npt.NDArray[np.int64]
    failed: npt.NDArray[np.int64]


def walk(
    world: World,
    fault: Fault,
    defenses: Defenses = Defenses(),  # noqa: B008
    *,
    seed: int,
    seconds: int = 120,
) -> Walked:
    """Send every request of the first seconds of a fault through the cluster.

    Parameters
    ----------
    world, fault, defenses
        A ``retry-storm`` has a process of its own, `storm_by_process`.
    seed : int
    seconds : int
        How long to look from the beginning of the fault.

    Returns
    -------
    Walked
    """
    if fault.kind == "retry-storm":
        raise InputError("kind", fault.kind, "a fault other than a storm: see storm_by_process")
    cluster = _Cluster(world, fault, defenses, seed)
    users = tuple(s.name for s in world.services if s.entry_per_s > 0)
    requests = np.zeros((len(users), seconds), np.int64)
    failed = np.zeros((len(users), seconds), np.int64)
    for second in range(-WARM_UP_S, seconds):
        for at_s, user, let_in in cluster.arrivals(second, users):
            cluster.now_s = at_s
            good = let_in and cluster.serve(world.service(users[user]))
            if second >= 0:
                requests[user, second] += 1
                failed[user, second] += not good
    return Walked(users, requests, failed)


class _Cluster:
    """The state that requests leave behind: caches, ejections, work at the pods."""

    def __init__(self, world: World, fault: Fault, defenses: Defenses, seed: int) -> None:
        self.world, self.fault, self.defenses = world, fault, defenses
        self.draw, self.rng = random.Random(seed), np.random.default_rng(seed)
        self.now_s = 0.0
        self.stops = restarts(len(world.ingress_nodes), defenses.drain)
        self.cached: dict[tuple[object, ...], tuple[float, float]] = {}
        self.level: dict[tuple[str, int], tuple[float, float]] = {}
        self.strikes: dict[tuple[object, ...], int] = defaultdict(int)
        self.times_out: dict[tuple[object, ...], int] = defaultdict(int)
        self.out_until: dict[tuple[object, ...], float] = {}

    # --- the door ---------------------------------------------------------------------------

    def arrivals(self, second: int, users: tuple[str, ...]) -> list[tuple[float, int, bool]]:
        """The requests of a second: when, for whom, and whether the ingress has room."""
        self.now_s = second + 0.5
        come = []
        for user, name in enumerate(users):
            service = self.world.service(name)
            flood = self.fault.kind == "ingress-flood" and service.low_priority and self.on
            rate = service.entry_per_s * (self.fault.flood_factor if flood else 1)
            count = int(self.rng.poisson(rate))
            come += [(second + float(u), user) for u in self.rng.random(count)]
        come.sort()
        low = [self.world.service(users[user]).low_priority for _, user in come]
        up = [self.proxy_up(k) for k in range(len(self.world.ingress_nodes))]
        room = self.world.ingress_per_s * sum(up) / len(up)
        left = {True: room, False: room}
        if self.defenses.bulkhead:
            share = self.defenses.bulkhead_share
            left = {True: share * room, False: (1 - share) * room}
        elif self.defenses.shedding:
            left[True] = room - sum(not each for each in low)
        else:  # one room for all: whoever comes while it lasts
            order = self.rng.permutation(len(come))
            taken = set(order[: int(room)].tolist())
            return [(at, user, k in taken) for k, (at, user) in enumerate(come)]
        let_in = []
        for each in low:
            left[each] -= 1
            let_in.append(left[each] >= 0)
        return [(at, user, ok) for (at, user), ok in zip(come, let_in, strict=True)]

    @property
    def on(self) -> bool:
        return 0 <= self.now_s < self.fault.lasts_s

    def proxy_up(self, k: int) -> bool:
        if self.fault.kind == "ingress-down":
            return not (self.on and k == 0)
        if self.fault.kind == "ingress-restart":
            stop = self.stops[k]
            return not stop.down_s <= self.now_s < stop.back_s
        lost = self.fault.kind == "node-lost" and self.now_s >= 0
        return not (lost and self.world.ingress_nodes[k] == self.fault.node)

    def serve(self, service: Service) -> bool:
        """One request from outside."""
        doors = list(range(len(self.world.ingress_nodes)))
        if self.now_s >= BALANCER_NOTICES_S and self.fault.kind != "ingress-restart":
            cut = self.fault.kind == "zone-cut" and self.on
            zone = self.world.zones
            doors = [
                k for k in doors
                if self.proxy_up(k)
                and not (cut and zone[self.world.ingress_nodes[k]] == self.fault.zone)
            ]  # fmt: skip
        if self.fault.kind == "ingress-restart":
            doors = [
                k for k, stop in enumerate(self.stops)
                if not stop.left_s <= self.now_s < stop.back_s
            ]  # fmt: skip
        door = self.draw.choice(doors)
        apart = self.defenses.bulkhead and service.low_priority
        if not self.proxy_up(door) and not (apart and self.fault.kind in SHARED_ONLY):
            return False
        return self.call((INGRESS, door), self.world.ingress_nodes[door], "", service)

    # --- a call -----------------------------------------------------------------------------

    def call(self, caller: tuple[str, int], node: int, namespace: str, service: Service) -> bool:
        """One call from a caller on a node: look up, connect, and let the pod work."""
        if self.draw.random() < self.world.new_connection_share:
            if namespace and not self.look_up(node, namespace, service.name):
                return False
            pod = self.connect(caller, node, service)
        else:
            pod = self.kept(node, service)
        return pod is not None and self.work(service, pod)

    def work(self, service: Service, pod: int) -> bool:
        """The pod's own part, and its calls side by side."""
        capacity = self.world.usual_per_s[service.name] / service.load / len(service.nodes)
        level, at_s = self.level.get((service.name, pod), (0.0, self.now_s))
        level = max(0.0, level - capacity * (self.now_s - at_s)) + 1
        if level > max(capacity, LEAST_QUEUE):  # more than a second's work waits
            return False
        self.level[service.name, pod] = level, self.now_s
        node, good = service.nodes[pod], True
        for name in service.calls:
            called = self.world.service(name)
            good &= self.call((service.name, pod), node, service.namespace, called)
        for name in service.outside:
            new = self.draw.random() < self.world.new_connection_share
            good &= not new or self.look_up(node, service.namespace, name)
        return good

    # --- endpoints --------------------------------------------------------------------------

    def dead(self, node: int, other: int) -> bool:
        """Whether nothing comes back to a node from another one."""
        replaced = self.now_s >= node_clocks().replaced_s
        if self.fault.kind == "node-lost":
            return other == self.fault.node and self.now_s >= 0 and not replaced
        if self.fault.kind == "zone-cut" and self.on:
            inside = self.world.zones[node] == self.fault.zone
            there = self.world.zones[other] == self.fault.zone
            return inside != there and not (there and replaced)
        return False

    def known(self, node: int, service: Service, pod: int) -> bool:
        """Whether a pod is in a node's rules."""
        other, clocks = service.nodes[pod], node_clocks()
        if self.fault.kind == "node-drain" and other in self.fault.drained:
            turn = [n for n in service.nodes if n in self.fault.drained].index(other)
            begin = turn * POD_START_S if self.defenses.disruption_budget else 0.0
            return not begin <= self.now_s < begin + POD_START_S
        told = clocks.endpoints_gone_s <= self.now_s < clocks.replaced_s
        if self.fault.kind == "node-lost":
            return not (told and other == self.fault.node)
        if self.fault.kind == "zone-cut" and self.world.zones[node] != self.fault.zone:
            healed = self.now_s >= self.fault.lasts_s + PROPAGATION_S
            there = self.world.zones[other] == self.fault.zone
            return not (told and there and not healed)
        return True

    def rules(self, node: int, service: Service) -> list[int]:
        """The pods that a node's rules send a new connection to."""
        pods = [p for p in range(len(service.nodes)) if self.known(node, service, p)]
        if self.defenses.same_zone:
            zones = self.world.zones
            pods = [p for p in pods if zones[service.nodes[p]] == zones[node]] or pods
        return pods

    def choices(self, caller: tuple[str, int], node: int, service: Service) -> list[int]:
        """Those among them that a caller has not ejected."""
        pods = self.rules(node, service)
        if not self.defenses.ejection:
            return pods
        kept = [
            p for p in pods if self.out_until.get((caller, service.name, p), -1e9) <= self.now_s
        ]
        return pods if panics(len(service.nodes), len(pods) - len(kept)) else kept

    def connect(self, caller: tuple[str, int], node: int, service: Service) -> int | None:
        """Open a connection; the pod, or None."""
        tries_s = self.world.deadline_s / (2 if self.defenses.other_pod else 1)
        tried: list[int] = []
        for _ in range(2 if self.defenses.other_pod else 1):
            pods = [p for p in self.choices(caller, node, service) if p not in tried]
            if not pods:
                return None
            pod = self.draw.choice(pods)
            tried.append(pod)
            if self.gets_through(node, service.nodes[pod], tries_s):
                self.strikes[caller, service.name, pod] = 0
                return pod
            self.strike((caller, service.name, pod), len(service.nodes), tries_s)
        return None

    def gets_through(self, node: int, other: int, tries_s: float) -> bool:
        if self.dead(node, other):
            return False
        full = self.fault.kind == "conntrack-full" and self.on
        if full and self.fault.node in (node, other):
            syns = len(syn_ladder().within(tries_s))
            return any(self.draw.random() >= self.fault.refused_share for _ in range(syns))
        return True

    def strike(self, key: tuple[object, ...], endpoints: int, after_s: float) -> None:
        if not self.defenses.ejection:
            return
        self.strikes[key] += 1
        out = sum(
            until > self.now_s and other[:2] == key[:2] for other, until in self.out_until.items()
        )
        allowed = may_eject(endpoints, self.defenses.max_ejection_percent)
        if self.strikes[key] >= CONSECUTIVE_5XX and out < allowed:
            self.strikes[key] = 0
            self.times_out[key] += 1
            begin = self.now_s + after_s
            self.out_until[key] = begin + BASE_EJECTION_S * self.times_out[key]

    def kept(self, node: int, service: Service) -> int | None:
        """A pod over a connection that is already there."""
        pods = self.rules(node, service)
        alive = [p for p in pods if not self.dead(node, service.nodes[p])]
        if self.now_s >= self.world.deadline_s:
            pods = alive
        pod = self.draw.choice(pods) if pods else None
        return pod if pod in alive else None

    # --- names ------------------------------------------------------------------------------

    def look_up(self, node: int, namespace: str, name: str) -> bool:
        """One lookup with glibc's patience; whether the answer comes before the deadline."""
        what = asked(namespace, name)
        waited_s = 0.0
        for turn in range(what.rounds):
            final = turn == what.rounds - 1
            if self.defenses.node_cache:
                if final and not what.in_cluster:
                    return True
                key = (node, what.full_name) if final else (node, namespace, name, turn)
                took = self.from_cache(key, CACHE_SUCCESS_S if final else CACHE_DENIAL_S, node)
            else:
                took = self.from_coredns(node)
            if took is None:  # refused: SERVFAIL, and the next name is tried
                if final or not self.defenses.node_cache:
                    return False
                continue
            waited_s += took
            if waited_s >= self.world.deadline_s:
                return False
        return True

    def from_cache(self, key: tuple[object, ...], ttl_s: float, node: int) -> float | None:
        """Seconds until the node cache answers; None if it says SERVFAIL."""
        if key not in self.cached:  # as if it had been there for ever: any age is as likely
            self.cached[key] = -np.inf, self.now_s + ttl_s * self.draw.random()
        begin, end = self.cached[key]
        stale_s = SERVE_STALE_S if self.defenses.serve_stale else 0.0
        usable = begin <= self.now_s < end + stale_s
        if usable and self.now_s < end:
            return 0.0
        took = self.ask(node)
        if took is not None and took < RESOLVER_TIMEOUT_S and begin <= self.now_s:
            fetched = self.now_s + took  # until then whoever asks has to wait as well
            self.cached[key] = begin if usable else fetched, fetched + ttl_s
        return 0.0 if usable else took

    def from_coredns(self, node: int) -> float | None:
        """One round over datagrams: A and AAAA together."""
        lost = self.fault.kind == "coredns-loss" and self.on
        if lost and any(self.draw.random() < self.fault.loss_share for _ in range(2)):
            return RESOLVER_TIMEOUT_S
        full = self.fault.kind == "conntrack-full" and self.on and node == self.fault.node
        if full and self.draw.random() < self.fault.refused_share:
            return RESOLVER_TIMEOUT_S
        return self.ask(node)

    def ask(self, node: int) -> float | None:
        """What CoreDNS itself takes; None if it has no endpoint."""
        if self.fault.kind == "coredns-down" and self.on:
            return None
        replicas = Service(name="kube-system/kube-dns", nodes=self.world.coredns_nodes)
        pods = self.rules(node, replicas)
        if not pods:
            return None
        if self.dead(node, replicas.nodes[self.draw.choice(pods)]):
            return RESOLVER_TIMEOUT_S
        slow = self.fault.kind == "coredns-slow" and self.on
        return self.fault.slow_s if slow else 0.0
