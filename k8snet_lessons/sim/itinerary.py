"""What every request of a run will ask of each hop, before anything has queued.

An itinerary holds times and choices that do not depend on who else is on the road: the
work a request brings, the pod it is sent to, whether it opens a connection. Waiting,
refusals and time-outs are what the engines find out.
"""

from dataclasses import dataclass
from functools import cached_property
from typing import Literal

import numpy as np

from k8snet_lessons.sim.arrays import Bools, Floats, Ints

HOPS = (
    "client network",
    "load balancer",
    "ingress",
    "connect",
    "service translation",
    "wire",
    "zone crossing",
    "pod queue",
    "pod service",
    "name lookup",
)

OnTimeout = Literal["stop", "try the name itself", "go on"]


@dataclass(frozen=True, kw_only=True, eq=False)
class LookupRound:
    """One candidate name, asked for as A and AAAA together, by each of m lookups.

    Attributes
    ----------
    name : str
        The name in the question.
    coredns : (m,) int array
        The CoreDNS replica that the flow is translated to.
    work_us : (m,) array
        What CoreDNS has to do for it.
    asks_coredns : (m,) bool array
        False where the node's own cache answers.
    upstream_us : (m,) array
        What a miss in CoreDNS's cache adds.
    lost_attempts : (m,) int array
        How many attempts are lost before one gets through.
    """

    name: str
    coredns: Ints
    work_us: Floats
    asks_coredns: Bools
    upstream_us: Floats
    lost_attempts: Ints


@dataclass(frozen=True, kw_only=True, eq=False)
class LookupPlan:
    """The name lookups of a run.

    Attributes
    ----------
    who : (m,) int array
        The requests that look the name up, ascending.
    rounds : tuple of LookupRound
        The candidates, in the order they are tried; each starts when the one before ends.
    found : bool
        Whether the last round has an address. Where not, every lookup fails.
    coredns_replicas : int
        How many there are.
    node_cache_us : float
        Time in the node's own cache; 0 without one.
    exchange_us : float
        Network time there and back, translation of the flow's first packet included.
    retry_us : float
        Time from one attempt to the next.
    attempts : int
        How often a round is tried.
    on_timeout : {"stop", "try the name itself", "go on"}
        What the resolver does when a round timed out.
    flows_per_round : int
        New conntrack entries a round asks for.
    """

    who: Ints
    rounds: tuple[LookupRound, ...]
    found: bool
    coredns_replicas: int
    node_cache_us: float
    exchange_us: float
    retry_us: float
    attempts: int
    on_timeout: OnTimeout
    flows_per_round: int


@dataclass(frozen=True, kw_only=True, eq=False)
class TablePlan:
    """The connection tracking table of every node.

    Attributes
    ----------
    limit : int
        Entries a table can hold.
    evicts : bool
        True for an LRU map: a new flow pushes the oldest entry out and is never refused.
    standing : (nodes,) int array
        Entries of long-lived connections.
    initial_tcp, initial_udp : (nodes,) int arrays
        Entries from before the first moment, spaced evenly in age.
    tcp_life_us, udp_life_us : float
        How long an entry stays.
    syn_offsets_us, downstream_offsets_us : (k,) arrays
        When a SYN is sent, counted from the first, before the time-out strikes.
    """

    limit: int
    evicts: bool
    standing: Ints
    initial_tcp: Ints
    initial_udp: Ints
    tcp_life_us: float
    udp_life_us: float
    syn_offsets_us: Floats
    downstream_offsets_us: Floats


@dataclass(frozen=True, kw_only=True, eq=False)
class Itinerary:
    """What n requests ask of the road. Times in microseconds, arrays of length n.

    Attributes
    ----------
    arrival_us
        When the client starts.
    client_forward_us, client_back_us
        Client network: handshakes and half a round trip; the other half.
    balancer_forward_us, balancer_back_us
        Load balancer, and the entry node's detour to another node.
    entry_translation_us
        First packet of a client connection at the entry node.
    worker
        Ingress worker, from 0 to ``workers - 1``.
    ingress_work_us
        Work of the worker, TLS handshake included.
    opens
        Whether the request needs a new connection to the pod.
    connect_translation_us
        First packet of that connection, where the ingress dials the ClusterIP.
    handshake_us, handshake_zone_us
        Round trip of its handshake, and what crossing zones adds; 0 where none is opened.
    wire_us, zone_us
        Request and answer between ingress and pod, both ways together.
    pod
        From 0 to ``pods - 1``.
    pod_node
        (pods,) array: the node of each pod.
    node
        The node of each request's pod.
    pod_work_us
        Time a worker of the pod is busy.
    downstream_translation_us
        First packet of the pod's own connection to the outside.
    """

    arrival_us: Floats
    client_forward_us: Floats
    client_back_us: float
    balancer_forward_us: Floats
    balancer_back_us: Floats
    entry_translation_us: Floats
    worker: Ints
    workers: int
    ingress_work_us: Floats
    opens: Bools
    connect_translation_us: float
    handshake_us: Floats
    handshake_zone_us: Floats
    connect_timeout_us: float
    read_timeout_us: float
    wire_us: Floats
    zone_us: Floats
    pod: Ints
    pods: int
    pod_node: Ints
    node: Ints
    pod_concurrency: int
    pod_work_us: Floats
    lookups: LookupPlan
    downstream_translation_us: float
    downstream_timeout_us: float
    table: TablePlan

    def __len__(self) -> int:
        return len(self.arrival_us)

    @cached_property
    def most_entries(self) -> Ints:
        """A bound on the entries of each node's table: all there ever are, at once.

        Every lookup is taken to run its course, and to be followed by a connection.
        """
        table, plan, nodes = self.table, self.lookups, len(self.table.standing)
        inbound = np.bincount(self.node, weights=self.opens, minlength=nodes).astype(np.int64)
        looks = np.bincount(self.node[plan.who], minlength=nodes)
        new = inbound + looks * (1 + len(plan.rounds) * plan.flows_per_round)
        most: Ints = table.standing + table.initial_tcp + table.initial_udp + new
        return most

    @property
    def end_us(self) -> float:
        """The last arrival: the end of the stretch of time that is shown."""
        return float(self.arrival_us[-1])


def initial_left(count: int, life_us: float, at_us: Floats) -> Ints:
    """Return how many of `count` entries from before time 0 are left at each instant.

    They stand evenly in age, so the k-th of them expires at ``k * life / count``.
    """
    gone = np.clip(np.floor(at_us * (count / life_us)), 0, count)
    left: Ints = count - gone.astype(np.int64)
    return left


def initial_expiries(count: int, life_us: float) -> Floats:
    """Return when each of `count` entries from before time 0 expires, ascending."""
    return np.arange(1.0, count + 1.0) * (life_us / max(count, 1))
