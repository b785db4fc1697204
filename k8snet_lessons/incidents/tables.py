"""Per node: how many connections its table holds, and what it refuses.

Rates follow from the traffic: who calls from this node, who is called on it. Two resources are
of one kind, a number of places and a lifetime: the connection table, and the ports that the
node's masquerade rule has for one destination. Both are walked by the model of lesson 5.
"""

from dataclasses import dataclass
from functools import lru_cache

from k8snet_lessons.datapath.nf_conntrack import ConntrackSpec, kernel_buckets
from k8snet_lessons.datapath.nf_conntrack.mean import MeanRun, mean_run
from k8snet_lessons.dns import queries
from k8snet_lessons.incidents.layout import BANK_ADDRESS, BANK_NAME, NODES
from k8snet_lessons.incidents.reach import checkout_rates, entry, name_server
from k8snet_lessons.incidents.world import World

#: Share of requests on a new connection: from clients, and from the edge to checkout.
CLIENT_NEW, UPSTREAM_NEW = 0.1, 0.2
#: How long checkout and the edge wait for a connection.
CONNECT_TIMEOUT_S = 5.0
#: Two samples of the counters are so far apart.
SAMPLE_S = 10


@dataclass(frozen=True, eq=False)
class NodeTable:
    """One node's connection table and port pool.

    Attributes
    ----------
    count : int
        Entries.
    limit : int
        ``nf_conntrack_max``.
    refused_per_s : float
        Packets that found no place (``drop``).
    refused_share : float
        Of all attempts to make an entry.
    evicted_per_s : float
        Unassured entries thrown out (``early_drop``).
    waits : tuple of (float, float)
        Seconds that a new TCP connection loses to retries, and the share that loses them.
    port_count, port_limit : int
        Masqueraded ports in use towards the bank, and how many there may be.
    port_failures_per_s : float
        Connections that found no free port (``insert_failed``).
    port_waits : tuple of (float, float)
        As `waits`, for connections to the bank.
    """

    count: int
    limit: int
    refused_per_s: float
    refused_share: float
    evicted_per_s: float
    waits: tuple[tuple[float, float], ...]
    port_count: int
    port_limit: int
    port_failures_per_s: float
    port_waits: tuple[tuple[float, float], ...]


def lookups_per_request(world: World) -> float:
    """Share of requests that look the bank's name up, and open a connection to it."""
    return 1.0 - world.bank_reuse


@lru_cache(maxsize=64)
def rounds_per_lookup(world: World) -> int:
    """Sockets that one lookup opens: A and AAAA of a name share one."""
    asked = queries(BANK_NAME, world.resolv_conf, "glibc", bank_answers(world))
    return len({name for name, _ in asked})


def bank_answers(world: World) -> dict[tuple[str, str], list[str] | str]:
    """What the name servers say of the bank."""
    return {(BANK_NAME, "A"): [BANK_ADDRESS], (BANK_NAME, "AAAA"): "NODATA"}


@lru_cache(maxsize=64)
def node_tables(world: World) -> tuple[NodeTable, ...]:
    """Every node's table, by place."""
    load = world.load_per_s
    tcp, udp, bank = [0.0] * NODES, [0.0] * NODES, [0.0] * NODES
    for place in range(NODES):
        tcp[place] += load * CLIENT_NEW / NODES
        chosen = entry(world, place)
        for pod, chance in zip(chosen.pods, chosen.chances, strict=True):
            if pod.place != place:
                tcp[pod.place] += load * CLIENT_NEW / NODES * float(chance)
    for pod in world.pods_of("edge-proxy"):
        tcp[pod.place] += load * UPSTREAM_NEW / len(world.pods_of("edge-proxy"))
    per_request = lookups_per_request(world)
    rounds = 0 if world.node_cache else rounds_per_lookup(world)  # its rules say NOTRACK
    for pod, rate in zip(world.pods_of("checkout"), checkout_rates(world), strict=True):
        tcp[pod.place] += rate * UPSTREAM_NEW
        if name_server(world, pod) != "ok":
            continue  # dropped before an entry is confirmed
        bank[pod.place] += rate * per_request
        udp[pod.place] += rate * per_request * rounds
        for server in world.pods_of("coredns"):
            udp[server.place] += rate * per_request * rounds / world.coredns_pods
    return tuple(_table(world, tcp[k] + bank[k], udp[k], bank[k]) for k in range(NODES))


def _table(world: World, tcp: float, udp: float, bank: float) -> NodeTable:
    run = _walk(world.conntrack_max, tcp, udp, early_drop=True)
    ports = _walk(world.snat_ports, bank, 0.0, early_drop=False)
    return NodeTable(
        count=round(float(run.live[-1])),
        limit=world.conntrack_max,
        refused_per_s=float(run.refused[-SAMPLE_S:].mean()),
        refused_share=float(run.refused_share[-SAMPLE_S:].mean()),
        evicted_per_s=float(run.evicted[-SAMPLE_S:].mean()),
        waits=_all_waits(run),
        port_count=round(float(ports.live[-1])),
        port_limit=world.snat_ports,
        port_failures_per_s=float(ports.refused[-SAMPLE_S:].mean()),
        port_waits=_all_waits(ports),
    )


@lru_cache(maxsize=512)
def _walk(limit: int, tcp: float, udp: float, *, early_drop: bool) -> MeanRun:
    return mean_run(
        ConntrackSpec(
            max_entries=limit,
            buckets=kernel_buckets(32),
            requests_per_s=tcp,
            udp_per_s=udp,
            early_drop=early_drop,
            connect_timeout_s=CONNECT_TIMEOUT_S,
            horizon_s=40.0,
        )
    )


def _all_waits(run: MeanRun) -> tuple[tuple[float, float], ...]:
    """Waits with their shares; one that never gets in waits for ever."""
    return (*run.waited, (float("inf"), run.failed_share))
