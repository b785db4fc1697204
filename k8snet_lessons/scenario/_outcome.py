"""The Outcome of a run: arrays, and the few figures everybody asks for."""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from types import MappingProxyType

import numpy as np
import numpy.typing as npt

from k8snet_lessons.data.costs import Cost
from k8snet_lessons.errors import InputError
from k8snet_lessons.scenario._scenario import Scenario
from k8snet_lessons.sim.arrays import Bools, Floats, Ints
from k8snet_lessons.sim.itinerary import HOPS, Itinerary
from k8snet_lessons.sim.passage import CAUSES, Passage


@dataclass(frozen=True, kw_only=True, eq=False)
class Conntrack:
    """The connection tracking table over the stretch of time that is shown.

    Attributes
    ----------
    time_s : (bins + 1,) array
        Edges of the bins, from 0 to the last arrival.
    entries : (bins + 1,) int array
        Entries at each edge, on the node whose table gets fullest.
    limit : int
        Entries a table can hold.
    refused : (bins,) int array
        Attempts turned away in each bin, on all nodes; a retry counts again.
    node : int
        The node that `entries` is about.
    evicted : int
        Entries pushed out by newer ones; only an eBPF map does that.
    """

    time_s: Floats
    entries: Ints
    limit: int
    refused: Ints
    node: int
    evicted: int


@dataclass(frozen=True, kw_only=True, eq=False)
class PerPod:
    """How the load fell on the pods.

    Attributes
    ----------
    requests : (replicas,) int array
        Requests that reached each pod.
    busy_share : (replicas,) array
        Share of each pod's workers that was asked for, up to the last arrival; more than
        1 is more work than the pod could do.
    """

    requests: Ints
    busy_share: Floats

    @property
    def idle(self) -> int:
        """Pods that got no request."""
        return int(np.count_nonzero(self.requests == 0))


@dataclass(frozen=True, kw_only=True, eq=False, repr=False)
class Outcome:
    """What became of n requests; made by :func:`simulate`, and read-only.

    Attributes
    ----------
    scenario : Scenario
        What was simulated.
    seed : int
        With which seed.
    engine : {"vector", "simpy"}
        By which engine.
    arrival_s : (n,) array
        When each client started, in seconds.
    latency_us : (n,) array
        From then until the client had an answer or an error, in microseconds.
    by_hop : mapping of str to (n,) arrays
        The same, by hop; the hops add up to `latency_us`. In the order of the road:

        ``client network``
            Round trip to the balancer, and the TCP and TLS handshakes of new connections.
        ``load balancer``
            Its own work, and the detour of a node-port target to another node.
        ``ingress``
            Waiting for the worker that owns the connection, and its work.
        ``connect``
            Handshake of a new connection to the pod, and every SYN retry: of that
            connection and of the pod's own to the outside.
        ``service translation``
            First packets of flows at the node port, the ClusterIP and on the way out.
        ``wire``
            Between ingress and pod: round trip inside a zone, bytes, encapsulation.
        ``zone crossing``
            Round trips between zones.
        ``pod queue``
            Waiting for a worker of the pod.
        ``pod service``
            That worker's work.
        ``name lookup``
            Waiting for the address of the downstream host, without holding a worker.
    failed : (n,) bool array
        Whether the client got an error.
    cause_code : (n,) uint8 array
        Index into ``CAUSES``; 0 where all went well. :attr:`cause` has the words.
    pod : (n,) int array
        The pod each request was sent to, reached or not.
    conntrack : Conntrack
        The fullest connection tracking table over time.
    per_pod : PerPod
        How the load fell on the pods.
    dns_queries : int
        DNS questions sent; A and AAAA count one each, repeats count again.
    coredns_utilization : float
        Busy share of the CoreDNS replicas, in the mean.
    constants : tuple of Cost
        The cost constants that were read, by id.
    """

    scenario: Scenario
    seed: int
    engine: str
    arrival_s: Floats
    latency_us: Floats
    by_hop: Mapping[str, Floats]
    failed: Bools
    cause_code: npt.NDArray[np.uint8]
    pod: Ints
    conntrack: Conntrack
    per_pod: PerPod
    dns_queries: int
    coredns_utilization: float
    constants: tuple[Cost, ...]

    def __len__(self) -> int:
        return len(self.latency_us)

    def __repr__(self) -> str:
        return (
            f"<Outcome of {len(self):,} requests: p50 {self.p50_us:,.0f} us, "
            f"p99 {self.p99_us:,.0f} us, {self.failure_share:.2%} failed>"
        )

    @cached_property
    def cause(self) -> npt.NDArray[np.str_]:
        """Why each request failed, in words; ``""`` where all went well."""
        words: npt.NDArray[np.str_] = np.array(CAUSES)[self.cause_code]
        return words

    @cached_property
    def causes(self) -> Mapping[str, int]:
        """How many requests failed for each cause, the commonest first."""
        counts = np.bincount(self.cause_code, minlength=len(CAUSES))
        order = sorted(range(1, len(CAUSES)), key=lambda code: (-counts[code], code))
        return MappingProxyType({CAUSES[code]: int(counts[code]) for code in order if counts[code]})

    @cached_property
    def _succeeded_us(self) -> Floats:
        """Latencies of the requests that succeeded, sorted."""
        return np.sort(self.latency_us[~self.failed])

    def percentile(self, q: float) -> float:
        """Return a percentile of the latency of the requests that succeeded.

        Parameters
        ----------
        q : float
            From 0 to 100.

        Returns
        -------
        float
            Microseconds, interpolated between neighbors; nan if no request succeeded.
        """
        if isinstance(q, bool) or not isinstance(q, (int, float, np.number)) or not 0 <= q <= 100:
            raise InputError("q", q, "a number from 0 to 100")
        latency = self._succeeded_us
        if not len(latency):
            return float("nan")
        place = float(q) / 100 * (len(latency) - 1)
        below = int(place)
        above = min(below + 1, len(latency) - 1)
        return float(latency[below] + (latency[above] - latency[below]) * (place - below))

    def percentiles(self, qs: npt.ArrayLike) -> Floats:
        """Return many percentiles at once, as :meth:`percentile` has them.

        Parameters
        ----------
        qs : (k,) array
            Each from 0 to 100.
        """
        wanted = np.asarray(qs, dtype=np.float64)
        if not ((wanted >= 0) & (wanted <= 100)).all():
            raise InputError("qs", qs, "numbers from 0 to 100")
        latency = self._succeeded_us
        if not len(latency):
            return np.full(len(wanted), np.nan)
        place = wanted / 100 * (len(latency) - 1)
        below = place.astype(np.int64)
        above = np.minimum(below + 1, len(latency) - 1)
        found: Floats = latency[below] + (latency[above] - latency[below]) * (place - below)
        return found

    @property
    def p50_us(self) -> float:
        """Median latency of the requests that succeeded."""
        return self.percentile(50)

    @property
    def p99_us(self) -> float:
        """99th percentile of the same."""
        return self.percentile(99)

    @property
    def p999_us(self) -> float:
        """99.9th percentile of the same."""
        return self.percentile(99.9)

    @cached_property
    def failure_share(self) -> float:
        """Share of the requests that failed."""
        return float(np.count_nonzero(self.failed)) / len(self)

    @property
    def dns_queries_per_request(self) -> float:
        """DNS questions per request; those that look nothing up count too."""
        return self.dns_queries / len(self)

    @cached_property
    def estimates(self) -> tuple[Cost, ...]:
        """The constants of status ``estimate`` that this run rests on."""
        return tuple(one for one in self.constants if one.status == "estimate")


def outcome_of(
    scenario: Scenario,
    seed: int,
    engine: str,
    itinerary: Itinerary,
    passage: Passage,
    constants: tuple[Cost, ...],
) -> Outcome:
    """Return the Outcome of an engine's passage."""
    latency = passage.by_hop[0] + passage.by_hop[1]
    for spent in passage.by_hop[2:]:
        latency += spent
    failed = passage.cause > 0
    for array in (*passage.by_hop, latency, failed, passage.cause, itinerary.pod):
        array.setflags(write=False)
    history = passage.history
    return Outcome(
        scenario=scenario,
        seed=seed,
        engine=engine,
        arrival_s=itinerary.arrival_us / 1e6,
        latency_us=latency,
        by_hop=MappingProxyType(dict(zip(HOPS, passage.by_hop, strict=True))),
        failed=failed,
        cause_code=passage.cause,
        pod=itinerary.pod,
        conntrack=Conntrack(
            time_s=history.time_us / 1e6,
            entries=history.entries,
            limit=history.limit,
            refused=history.refused,
            node=history.node,
            evicted=history.evicted,
        ),
        per_pod=_per_pod(itinerary, passage),
        dns_queries=passage.questions,
        coredns_utilization=passage.coredns_busy_share,
        constants=constants,
    )


def _per_pod(itinerary: Itinerary, passage: Passage) -> PerPod:
    pod, work = itinerary.pod, itinerary.pod_work_us
    if not passage.reached_pod.all():
        pod, work = pod[passage.reached_pod], work[passage.reached_pod]
    asked = np.bincount(pod, weights=work, minlength=itinerary.pods)
    return PerPod(
        requests=np.bincount(pod, minlength=itinerary.pods),
        busy_share=asked / (itinerary.end_us * itinerary.pod_concurrency),
    )
