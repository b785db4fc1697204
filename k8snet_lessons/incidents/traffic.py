"""Half a minute of traffic through an incident's cluster: what became of every request.

Who is reached is read from the nodes' rules, the policies and the wires (`reach`), what a full
table or port pool costs from `tables`. Waiting at the front and for names comes from the
course's `Scenario`, waiting for pods from the same queues that it is made of. Draws are made
once for a seed: two worlds of one seed differ by what was changed and by nothing else.

Simplifications: the balancer spreads connections evenly over all nodes by a fixed list and asks
nobody's health; a client does not try again; each proxy tries one pod; checkout asks for the
name, then connects to the bank, then calls the ledger, and holds no worker meanwhile.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property, lru_cache
from typing import Final

import numpy as np
import numpy.typing as npt

from k8snet_lessons.datapath.cni import send_messages
from k8snet_lessons.dns import Lookup, lookup
from k8snet_lessons.incidents.channels import channels
from k8snet_lessons.incidents.layout import BANK_NAME, NODES, ZONES
from k8snet_lessons.incidents.reach import Choice, Fate, choose, entry, fate, hole_path, name_server
from k8snet_lessons.incidents.tables import (
    CLIENT_NEW,
    CONNECT_TIMEOUT_S,
    UPSTREAM_NEW,
    lookups_per_request,
    node_tables,
    rounds_per_lookup,
)
from k8snet_lessons.incidents.world import Pod, World
from k8snet_lessons.scenario import Scenario, simulate
from k8snet_lessons.sim.arrays import Bools, Floats, Ints
from k8snet_lessons.sim.many_servers import many_servers_wait

REQUESTS: Final = 30_000
HOPS: Final = (
    "client to edge", "edge to checkout", "checkout", "name lookup", "bank connection",
    "ledger call",
)  # fmt: skip
#: Clients give up on a connection, and on an answer, after these.
CLIENT_CONNECT_S, CLIENT_PATIENCE_S = 10.0, 60.0
WORKERS: Final = 4
CHECKOUT_WORK_US, LEDGER_WORK_US = 4_400.0, 8_000.0
SAME_NODE_RTT_US, SAME_ZONE_RTT_US, CROSS_ZONE_RTT_US = 50.0, 150.0, 6_000.0
#: A report is built by the bank; so long it takes, evenly spread, and so many requests are one.
REPORT_S, REPORT_SHARE = (3.0, 8.0), 0.03
REQUEST_BYTES, ANSWER_BYTES = 2_000, 20_000
#: CoreDNS answers so many microseconds apart with one thousandth of a CPU: 29.7 us with 1.9 CPUs
#: (the figure that the course's cost `dns.coredns_query_us` cites), in proportion.
COREDNS_US_TIMES_M: Final = 29.7 * 1_900

NONE: Final = 0  # no status: the client never had an answer


@dataclass(frozen=True, eq=False)
class Traffic:
    """What became of n requests. Arrays have shape (n,) unless noted.

    Attributes
    ----------
    arrival_s : array
    report : bool array
        Whether it asked for ``/report``; the others asked for ``/cart``.
    node, edge, checkout, ledger : int arrays
        Place of the entry node and numbers of the pods; -1 where it was not reached.
    status : int array
        HTTP status; 0 where the client had none.
    stopped : int array
        Index in `HOPS` of the hop that failed; -1 where all went well.
    hop_us : (hops, n) array
        Time at each hop.
    opened : bool array
        Whether the edge opened a connection to checkout for it.
    coredns_busy : float
        Share of the time that CoreDNS works; above 1 it cannot keep up.
    questions : int
        DNS questions sent.
    """

    arrival_s: Floats
    report: Bools
    node: Ints
    edge: Ints
    checkout: Ints
    ledger: Ints
    status: Ints
    stopped: Ints
    hop_us: npt.NDArray[np.float64]
    opened: Bools
    coredns_busy: float
    questions: int

    @property
    def latency_us(self) -> Floats:
        """Until the client had an answer, or gave up."""
        total: Floats = self.hop_us.sum(axis=0)
        return total

    @cached_property
    def works(self) -> tuple[bool, ...]:
        """Whether each checkout pod, by number, gets requests."""
        counted = np.bincount(self.checkout[self.checkout >= 0], minlength=16)
        return tuple((counted > 0).tolist())

    @property
    def failed(self) -> Bools:
        """Whether the client had no good answer."""
        bad: Bools = self.status != 200
        return bad


@lru_cache(maxsize=32)
def send(world: World) -> Traffic:
    """Send the seed's traffic through a world."""
    return _Run(world).result()


class _Run:
    """One pass of all requests over the hops, each narrowing who is still on the way."""

    def __init__(self, world: World) -> None:
        self.world = world
        self.n = REQUESTS
        self.front = simulate(_front(world), seed=world.seed, requests=self.n)
        self.alive = np.ones(self.n, dtype=np.bool_)
        self.status = np.full(self.n, 200)
        self.stopped = np.full(self.n, -1)
        self.hop_us = np.zeros((len(HOPS), self.n))
        self.report = self.draw(1) < REPORT_SHARE

    def draw(self, stream: int) -> Floats:
        """One uniform number a request: of the seed and the stream, whatever the world."""
        return np.random.default_rng([self.world.seed, stream]).random(self.n)

    def spend(self, hop: int, us: "Floats | float", whom: Bools | None = None) -> None:
        going = self.alive if whom is None else self.alive & whom
        self.hop_us[hop][going] += np.broadcast_to(us, self.n)[going]

    def stop(self, hop: int, whom: Bools, status: int, after_s: float) -> None:
        """End some requests at a hop, so many seconds later."""
        going = self.alive & whom
        self.hop_us[hop][going] += after_s * 1e6
        self.status[going] = status
        self.stopped[going] = hop
        self.alive &= ~going

    def result(self) -> Traffic:
        self._enter()
        self._connect()
        self._work()
        self._look_up()
        self._bank()
        self._ledger()
        self._lose_patience()
        reached = self.hop_us[2] > 0
        return Traffic(
            arrival_s=self.front.arrival_s,
            report=self.report,
            node=self.node,
            edge=self.edge,
            checkout=np.where(reached, self.pod, -1),
            ledger=self.ledger,
            status=self.status,
            stopped=self.stopped,
            hop_us=self.hop_us,
            opened=self.opens & (self.edge >= 0),
            # The front lets all requests come as far as the name.
            coredns_busy=self.front.coredns_utilization * self.came,
            questions=round(self.front.dns_queries * self.came),
        )

    def _enter(self) -> None:
        """Client, balancer, entry node, edge proxy."""
        self.node = (self.draw(2) * NODES).astype(np.int64)
        choices = [entry(self.world, place) for place in range(NODES)]
        self.edge = _pick(choices, self.node, self.draw(3), self.world.pods_of("edge-proxy"))
        edges = self.world.pods_of("edge-proxy")
        by_hop = self.front.by_hop
        for hop in ("client network", "load balancer", "ingress"):
            self.spend(0, by_hop[hop])
        fates = _fates(self.world, range(NODES), edges, [choice.port for choice in choices])
        met = np.where(self.edge >= 0, fates[self.node, self.edge], 1)
        gone = met == _CODE["silent"]
        self.edge = np.where(gone, -1, self.edge)
        self.stop(0, gone, NONE, CLIENT_CONNECT_S)
        self._into_the_hole(0, met == _CODE["hole"], NONE, CLIENT_PATIENCE_S)
        new = self.draw(4) < CLIENT_NEW
        self._table_waits(0, new, self.node, self.draw(5), NONE, CLIENT_CONNECT_S)

    def _connect(self) -> None:
        """From the edge proxy to a checkout pod."""
        world, edges = self.world, self.world.pods_of("edge-proxy")
        pods = world.pods_of("checkout")
        choices = [choose(world, e.place, e.address, "shop/checkout") for e in edges]
        self.pod = _pick(choices, self.edge, self.draw(6), pods)
        self.opens = self.draw(7) < UPSTREAM_NEW
        met = np.full(self.n, _CODE["refused"])
        if choices[0].pods:
            fates = _fates(world, edges, pods, [choice.port for choice in choices])
            met = fates[self.edge, self.pod]
        self.stop(1, met == _CODE["refused"], 502, 0.0005)
        self.stop(1, met == _CODE["silent"], 504, CONNECT_TIMEOUT_S)
        self._into_the_hole(1, met == _CODE["hole"], 504, float(world.read_timeout_s))
        places = np.array([pod.place for pod in pods])
        edge_places = np.array([pod.place for pod in edges])
        for stream, place in ((8, edge_places[self.edge]), (9, places[self.pod])):
            self._table_waits(1, self.opens, place, self.draw(stream), 504, CONNECT_TIMEOUT_S)
        rtt = _ROUND_TRIP_US[edge_places[self.edge], places[self.pod]]
        self.spend(1, rtt * (1 + self.opens))

    def _work(self) -> None:
        """Checkout's queue and its own work; a report also waits for the bank."""
        work = np.random.default_rng([self.world.seed, 20]).standard_exponential(self.n)
        work *= CHECKOUT_WORK_US
        arrival = self.front.arrival_s * 1e6 + self.hop_us[:2].sum(axis=0)
        self.spend(2, work + _queue(arrival, work, self.pod, self.alive))
        low, high = REPORT_S
        self.spend(2, 1e6 * (low + (high - low) * self.draw(21)), self.report)

    def _look_up(self) -> None:
        world = self.world
        lookup_us = self.front.by_hop["name lookup"]
        pods = world.pods_of("checkout")
        deaf = np.array([name_server(world, pod) != "ok" for pod in pods])[self.pod]
        self.stop(3, deaf, 500, unanswered(world).waited_s)
        self.came = float(self.alive.mean())
        self.asked = self.alive & (lookup_us > 0)
        self.spend(3, lookup_us, self.asked)
        if world.node_cache:
            return
        # A refused question is repeated after 5 s, once; glibc then says "try again".
        shares = np.array([table.refused_share for table in node_tables(world)])
        share = shares[np.array([pod.place for pod in pods])[self.pod]]
        for round_ in range(rounds_per_lookup(world)):
            first, second = self.draw(30 + 2 * round_), self.draw(31 + 2 * round_)
            self.spend(3, 5e6, self.asked & (first < share))
            self.stop(3, self.asked & (first < share) & (second < share), 500, 5.0)

    def _bank(self) -> None:
        world = self.world
        place = np.array([pod.place for pod in world.pods_of("checkout")])[self.pod]
        self._table_waits(4, self.asked, place, self.draw(40), 503, CONNECT_TIMEOUT_S)
        waits = [table.port_waits for table in node_tables(world)]
        self._waits(4, self.asked, place, self.draw(41), waits, 503, CONNECT_TIMEOUT_S)
        self.spend(4, 900.0, self.asked)  # the bank's round trip: an estimate

    def _ledger(self) -> None:
        world, pods = self.world, self.world.pods_of("ledger")
        table = channels(world)
        if world.ledger_by_request:
            ledger = (self.draw(50) * len(pods)).astype(np.int64)
        else:
            lane = (self.draw(50) * table.shape[1]).astype(np.int64)
            ledger = table[self.pod, lane]
        work = np.random.default_rng([world.seed, 51]).standard_exponential(self.n)
        work *= LEDGER_WORK_US
        arrival = self.front.arrival_s * 1e6 + self.hop_us[:5].sum(axis=0)
        self.ledger = np.where(self.alive, ledger, -1)
        near = np.array([pod.place for pod in world.pods_of("checkout")])[self.pod]
        rtt = _ROUND_TRIP_US[near, np.array([pod.place for pod in pods])[ledger]]
        self.spend(5, rtt + work + _queue(arrival, work, ledger, self.alive))

    def _lose_patience(self) -> None:
        """The edge's read time-out runs from the request's sending; then the client's own."""
        limit = self.world.read_timeout_s * 1e6
        spent = np.cumsum(self.hop_us[2:], axis=0)
        late = self.alive & (spent[-1] > limit)
        for hop in range(2, len(HOPS)):
            before = spent[hop - 2] - self.hop_us[hop]
            here = late & (before <= limit) & (spent[hop - 2] > limit)
            self.hop_us[hop][here] = limit - before[here]
            self.hop_us[hop + 1 :, here] = 0.0
            self.stopped[here], self.status[here] = hop, 504

    def _into_the_hole(self, hop: int, whom: Bools, status: int, after_s: float) -> None:
        """Answers of many full-size segments: lost, or late where the sender looks for a way."""
        if not (whom & self.alive).any():
            return
        sent = send_messages(hole_path(self.world), [REQUEST_BYTES, ANSWER_BYTES])
        if sent.delivered.all():
            self.spend(hop, float(sent.delay_us.sum()), whom)
        else:
            self.stop(hop, whom, status, after_s)

    def _table_waits(
        self, hop: int, whom: Bools, place: Ints, luck: Floats, status: int, patience_s: float
    ) -> None:
        waits = [table.waits for table in node_tables(self.world)]
        self._waits(hop, whom, place, luck, waits, status, patience_s)

    def _waits(
        self,
        hop: int,
        whom: Bools,
        place: Ints,
        luck: Floats,
        waits: Sequence[tuple[tuple[float, float], ...]],
        status: int,
        patience_s: float,
    ) -> None:
        """What the SYN ladder costs those whose connection a node refuses at first."""
        for node, steps in enumerate(waits):
            here = whom & (place == node)
            edges = np.cumsum([share for _, share in steps])
            step = np.minimum(np.searchsorted(edges, luck), len(steps) - 1)
            late_s = np.array([seconds for seconds, _ in steps])[step]
            never = np.isinf(late_s)
            self.spend(hop, np.where(never, 0.0, late_s * 1e6), here & ~never)
            self.stop(hop, here & never & (luck < edges[-1]), status, patience_s)


def question_wait_s(world: World) -> float:
    """What a question for a name waits, the median: a lookup over its rounds."""
    waits = send(world).hop_us[3]
    waits = waits[waits > 0]
    return float(np.median(waits)) / 1e6 / rounds_per_lookup(world) if len(waits) else 0.001


def unanswered(world: World) -> Lookup:
    """What a checkout pod's lookup comes to when no question of it is answered."""
    names = (BANK_NAME, *(f"{BANK_NAME}.{suffix}" for suffix in _search(world)))
    silence = {(name, qtype): "TIMEOUT" for name in names for qtype in ("A", "AAAA")}
    return lookup(BANK_NAME, world.resolv_conf, "glibc", silence)


def _front(world: World) -> Scenario:
    """The part of the road that the course's Scenario walks: front, names."""
    return Scenario(
        offered_load_per_s=world.load_per_s,
        nodes=NODES,
        replicas=world.checkout_pods,
        pod_concurrency=WORKERS,
        service_time_us=CHECKOUT_WORK_US,
        ingress_replicas=len(world.pods_of("edge-proxy")),
        ingress_mode="cluster_ip",
        client_new_connection_share=CLIENT_NEW,
        ingress_new_connection_share=UPSTREAM_NEW,
        downstream_name=BANK_NAME,
        namespace="shop",
        ndots=world.ndots,
        search_domains=_search(world),
        lookup_share=lookups_per_request(world),
        coredns_replicas=world.coredns_pods,
        coredns_service_us=COREDNS_US_TIMES_M / world.coredns_limit_m,
        node_local_dns=world.node_cache,
        mtu_bytes=9_000,
        zone_rtt_us=0.0,  # counted here, pod by pod
        conntrack_max=100_000_000,  # likewise, node by node
    )


def _search(world: World) -> tuple[str, ...]:
    return tuple(world.resolv_conf.splitlines()[0].split()[1:])


_CODE: Final[dict[Fate, int]] = {"ok": 0, "silent": 1, "refused": 2, "hole": 3}


def _fates(
    world: World, sources: Sequence[Pod | int], targets: Sequence[Pod], ports: Sequence[int]
) -> Ints:
    return np.array(
        [
            [_CODE[fate(world, source, target, port)] if port else 0 for target in targets]
            for source, port in zip(sources, ports, strict=True)
        ]
    )


def _pick(choices: Sequence[Choice], which: Ints, luck: Floats, pods: Sequence[Pod]) -> Ints:
    """Number of the pod that each request's rules pick; -1 where there is none."""
    picked = np.full(len(luck), -1)
    for index, choice in enumerate(choices):
        here = which == index
        if choice.pods:
            numbers = np.array([pods.index(pod) for pod in choice.pods])
            edges = np.cumsum([float(chance) for chance in choice.chances])
            step = np.minimum(np.searchsorted(edges, luck[here]), len(numbers) - 1)
            picked[here] = numbers[step]
    return picked


def round_trip_us(one: int, other: int) -> float:
    """Round trip between pods on the nodes at two places; a veth's own is an estimate."""
    if one == other:
        return SAME_NODE_RTT_US
    return SAME_ZONE_RTT_US if one % len(ZONES) == other % len(ZONES) else CROSS_ZONE_RTT_US


_ROUND_TRIP_US: Final = np.array(
    [[round_trip_us(one, other) for other in range(NODES)] for one in range(NODES)]
)


def _queue(arrival_us: Floats, work_us: Floats, pod: Ints, there: Bools) -> Floats:
    """Wait for one of a pod's workers, for those who are there."""
    who = np.flatnonzero(there)
    who = who[np.lexsort((arrival_us[who], pod[who]))]
    bounds = np.concatenate([[0], np.cumsum(np.bincount(pod[who], minlength=1))])
    wait = np.zeros(len(arrival_us))
    wait[who] = many_servers_wait(arrival_us[who], work_us[who], bounds, WORKERS)
    return wait
