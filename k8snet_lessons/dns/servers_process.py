"""The same servers as a SimPy process, with real caches and real queues: slow, and readable."""

from collections.abc import Generator
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from k8snet_lessons.dns._plan import PlannedName, Round, retry_after_s
from k8snet_lessons.dns._server_spec import (
    FORWARD_READ_TIMEOUT_S,
    KUBERNETES_TTL_S,
    PREFETCH_LAST_SHARE,
    PREFETCH_WINDOW_S,
    DnsSpec,
    node_cap_s,
)
from k8snet_lessons.dns._traffic import rounds_sent
from k8snet_lessons.dns.caching import clamped_s

if TYPE_CHECKING:
    import simpy

Step = Generator["simpy.Event", Any, Any]


class Cache:
    """Answers by question, each with the moment it was fetched; times in seconds."""

    def __init__(self, spec: DnsSpec) -> None:
        self.stale_s = spec.serve_stale_s
        self.prefetch = spec.prefetch
        self.fetched: dict[tuple[str, str], float] = {}
        self.asked: dict[tuple[str, str], list[float]] = {}
        self.hits = self.misses = 0

    def knows(self, question: tuple[str, str], keep_s: float, now_s: float) -> bool:
        """Whether the answer is there; renews it where prefetch or serve-stale would."""
        age_s = now_s - self.fetched.get(question, -np.inf)
        known = age_s < keep_s + self.stale_s and keep_s > 0
        if known and age_s >= keep_s:
            self.fetched[question] = now_s
        elif known and self.prefetch:
            recent = [at for at in self.asked.get(question, []) if now_s - at < PREFETCH_WINDOW_S]
            self.asked[question] = [*recent, now_s]
            if len(recent) + 1 >= self.prefetch and age_s >= keep_s * (1 - PREFETCH_LAST_SHARE):
                self.fetched[question] = now_s
        self.hits += known
        self.misses += not known
        return known


class Cluster:
    """Replicas of CoreDNS, the resolver outside, and a cache on each node."""

    def __init__(self, env: "simpy.Environment", spec: DnsSpec, seed: int) -> None:
        import simpy

        self.env, self.spec = env, spec
        self.rng = np.random.default_rng(seed)
        self.replicas = [simpy.Resource(env, capacity=1) for _ in range(spec.replicas)]
        self.caches = [Cache(spec) for _ in range(spec.replicas)]
        self.node_caches = [Cache(spec) for _ in range(spec.nodes)]
        for cache in self.node_caches:
            cache.stale_s, cache.prefetch = 0.0, 0
        self.questions = 0

    def ttl_s(self, one: Round, exists: bool) -> float:
        """What the authority says the answer may be kept."""
        if one.in_cluster:
            return KUBERNETES_TTL_S
        return self.spec.ttl_s if exists else self.spec.negative_ttl_s

    def keep_s(self, one: Round, exists: bool, *, node: bool) -> float:
        """How long a cache keeps the answer: a node's, or a replica's for names outside."""
        cap_s = self.spec.cache_success_s if exists else self.spec.cache_denial_s
        if node:
            cap_s = node_cap_s(in_cluster=one.in_cluster, exists=exists)
        return clamped_s(self.ttl_s(one, exists), cap_s)

    def work(self, replica: int, questions: int = 1) -> Step:
        """A replica's CPU, one question after the other."""
        with self.replicas[replica].request() as turn:
            yield turn
            for _ in range(questions):
                yield self.env.timeout(self.rng.exponential(self.spec.service_us))

    def outside(self) -> Step:
        """A trip to the resolver outside, again after the read time-out if it is lost."""
        while self.rng.random() < self.spec.upstream_loss_share:
            yield self.env.timeout(FORWARD_READ_TIMEOUT_S * 1e6)
        yield self.env.timeout(self.rng.exponential(self.spec.upstream_us))

    def answer(self, replica: int, one: Round, qtype: str, exists: bool) -> Step:
        """CoreDNS: its own table for the cluster's names, cache and forward for the rest."""
        yield from self.work(replica)
        if one.in_cluster:
            return
        now_s, cache = self.env.now / 1e6, self.caches[replica]
        if not cache.knows((one.qname, qtype), self.keep_s(one, exists, node=False), now_s):
            yield from self.outside()
            cache.fetched[one.qname, qtype] = self.env.now / 1e6

    def answer_all(self, replica: int, rounds: tuple[Round, ...]) -> Step:
        """autopath: the whole search list walked at the server."""
        yield from self.work(replica, sum(len(one.qtypes) for one in rounds))
        trips = []
        for one in rounds:
            for qtype, exists in zip(one.qtypes, one.exists, strict=True):
                if one.in_cluster:
                    continue
                now_s, cache = self.env.now / 1e6, self.caches[replica]
                keep_s = self.keep_s(one, exists, node=False)
                if not cache.knows((one.qname, qtype), keep_s, now_s):
                    cache.fetched[one.qname, qtype] = now_s
                    trips.append(self.env.process(self.outside()))
        if trips:
            yield self.env.all_of(trips)

    def through_node(self, node: int, one: Round, qtype: str, exists: bool) -> Step:
        """NodeLocal DNSCache: what it does not know it asks CoreDNS over TCP, or the world."""
        cache, now_s = self.node_caches[node], self.env.now / 1e6
        if cache.knows((one.qname, qtype), self.keep_s(one, exists, node=True), now_s):
            return
        if one.in_cluster:
            yield self.env.timeout(self.spec.network_us)
            yield from self.work(int(self.rng.integers(self.spec.replicas)))
        else:
            yield from self.outside()
        cache.fetched[one.qname, qtype] = self.env.now / 1e6

    def round(self, node: int, one: Round, name: PlannedName) -> Step:
        """A and AAAA together: again after the resolver's time-out while one is lost."""
        spec, env = self.spec, self.env
        race = spec.race_share if spec.one_socket and not spec.node_cache else 0.0
        for attempt in range(max(1, spec.conf.attempts)):
            self.questions += len(one.qtypes) * (attempt == 0)
            both = len(one.qtypes)
            lost = not spec.node_cache and self.rng.random() > (1 - spec.loss_share) ** both
            lost = lost or (attempt == 0 and self.rng.random() < race)
            if lost:
                yield env.timeout(retry_after_s(spec.conf) * 1e6)
                continue
            if spec.node_cache:
                yield env.timeout(spec.node_cache_us)
                asked = [
                    env.process(self.through_node(node, one, qtype, exists))
                    for qtype, exists in zip(one.qtypes, one.exists, strict=True)
                ]
            else:
                yield env.timeout(spec.network_us)
                first = int(self.rng.integers(spec.replicas))
                if len(rounds_sent(spec, name.rounds)) < len(name.rounds):
                    asked = [env.process(self.answer_all(first, name.rounds))]
                else:
                    other = first if spec.one_socket else int(self.rng.integers(spec.replicas))
                    asked = [
                        env.process(self.answer(replica, one, qtype, exists))
                        for replica, qtype, exists in zip(
                            (first, other), one.qtypes, one.exists, strict=False
                        )
                    ]
            yield env.all_of(asked)
            return True
        return False

    def lookup(self, name: PlannedName, latencies_us: list[float]) -> Step:
        """One lookup: its rounds one after the other."""
        began = self.env.now
        node = int(self.rng.integers(self.spec.nodes))
        answered = True
        for one in rounds_sent(self.spec, name.rounds):
            answered = yield from self.round(node, one, name)
            if not answered:
                break
        latencies_us.append(self.env.now - began if answered else np.inf)


def serve_by_process(
    spec: DnsSpec, *, lookups: int = 5_000, warm_up_s: float = 60.0, seed: int = 1
) -> npt.NDArray[np.float64]:
    """Latencies of lookups, event by event; what `serve` computes at once.

    Parameters
    ----------
    spec : DnsSpec
    lookups : int
        Lookups measured, after the caches have warmed up.
    warm_up_s : float
        Time before the first measured lookup.
    seed : int

    Returns
    -------
    (n,) array
        Sorted, microseconds; inf for a lookup without an answer.
    """
    import simpy

    env = simpy.Environment()
    cluster = Cluster(env, spec, seed)
    rng = np.random.default_rng([seed, 1])
    latencies: list[float] = []
    warming: list[float] = []
    shares = [name.share for name in spec.plan]

    def source() -> Step:
        gap_us = 1e6 / spec.lookups_per_s
        started = 0
        while started < lookups:
            yield env.timeout(rng.exponential(gap_us))
            name = spec.plan[int(rng.choice(len(shares), p=shares))]
            measured = env.now >= warm_up_s * 1e6
            started += measured
            env.process(cluster.lookup(name, latencies if measured else warming))

    env.process(source())
    env.run()
    return np.sort(np.array(latencies))
