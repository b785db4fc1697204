"""The faults of the incident room: what each changes, and where it shows."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from random import Random
from types import MappingProxyType
from typing import Any, Final

from k8snet_lessons.errors import InputError
from k8snet_lessons.incidents._paths import PATHS
from k8snet_lessons.incidents.evidence import Look
from k8snet_lessons.incidents.world import World

Changes = dict[str, Any]


@dataclass(frozen=True)
class Fault:
    """One hidden fault.

    Attributes
    ----------
    name : str
        Identifier.
    title : str
        As it stands on the list of causes.
    changes : callable
        From a random generator to what it changes in a healthy world.
    story : str
        Why it happened and what it does, for the debrief.
    cures : frozenset of str
        Fixes that end it; the others leave at least half of the harm.
    eases : frozenset of str
        Fixes that take away a part, or cure it until the next time.
    lesson : int
        Where the course explains it.
    before : callable
        From the same generator to how the cluster differed the day before.
    """

    name: str
    title: str
    changes: Callable[[Random], Changes]
    story: str
    cures: frozenset[str]
    lesson: int
    eases: frozenset[str] = frozenset()
    before: Changes | None = None

    def path(self, world: World) -> tuple[Look, ...]:
        """The shortest path of evidence through a world, by its own names."""
        return PATHS[self.name](world)


def _always(**changes: Any) -> Callable[[Random], Changes]:
    return lambda rng: changes


_ALL: Final = (
    Fault(
        "conntrack-full", "The nodes' connection tables are full",
        lambda rng: {"conntrack_max": rng.choice((32_768, 40_960))},
        "kube-proxy was given a lower conntrack.maxPerCore. Every node's table is smaller than "
        "rate times lifetime, and new flows are dropped without a word: connections to "
        "checkout and to the bank come about by the SYN ladder, a second late or more, and a "
        "lost DNS question costs five seconds.",
        frozenset({"raise-conntrack", "reuse-bank"}),
        5,
        frozenset({"node-cache", "edge-everywhere"}),
    ),
    Fault(
        "ndots-amplification", "Every lookup of an outside name walks the search list",
        _always(ndots=5),
        "A rollout of checkout lost its dnsConfig. With ndots:5 and four search domains the "
        "bank's name costs ten questions instead of two, and CoreDNS cannot keep up with five "
        "times the questions.",
        frozenset({"restore-ndots", "node-cache", "more-coredns", "reuse-bank"}), 4,
    ),
    Fault(
        "coredns-throttled", "CoreDNS is held to too little CPU",
        _always(coredns_limit_m=75),
        "A rollout of CoreDNS brought a CPU limit of less than a tenth of a core. There are no "
        "more questions than ever; each takes five times as long, and the queue grows.",
        frozenset({"lift-dns-limit", "more-coredns", "node-cache", "reuse-bank"}), 4,
    ),
    Fault(
        "mtu-black-hole", "Large packets to and from one node vanish",
        _always(uplink_mtu=1_500),
        "The switch port of one node carries 1,500 bytes, the others 9,000. A handshake fits, a "
        "request does not, and a switch tells nobody. The node is Ready: its kubelet speaks to "
        "the API server in small packets.",
        frozenset({"raise-uplink-mtu", "lower-pod-mtu"}), 6, frozenset({"mtu-probing"}),
    ),
    Fault(
        "pinned-channels", "gRPC channels stay on the pods that were there first",
        _always(ledger_age_s=0, ledger_pods_at_dial=2),
        "The ledger was scaled from two pods to eight. checkout's channels were open already, "
        "and a Service balances connections, not calls: two pods do all the work, six have none.",
        frozenset({"ledger-age", "ledger-by-call", "restart-checkout"}), 10,
        before={"ledger_pods": 2, "load_per_s": 700.0},
    ),
    Fault(
        "lopsided-age", "Only some ledger pods limit the age of a connection",
        lambda rng: {"ledger_ageless": rng.choice((2, 3))},
        "A rollout of the ledger stopped half-way. The new pods close each connection after five "
        "minutes, the old ones never. Whoever lands on an old pod stays, so in the end all do.",
        frozenset({"ledger-age", "ledger-by-call"}), 10,
    ),
    Fault(
        "sticky-clients", "The Service keeps each client on one pod",
        _always(ledger_affinity=True),
        "The ledger Service got sessionAffinity: ClientIP. Its clients are six pods, so at most "
        "six ledger pods are used; some carry two or three clients, others none.",
        frozenset({"affinity-off", "ledger-by-call"}), 10,
        frozenset({"more-ledger", "scale-checkout"}),
    ),
    Fault(
        "policy-blocks-dns", "A NetworkPolicy blocks DNS",
        _always(allow_dns=False),
        "The egress policy of checkout was rewritten, and the rule for port 53 is gone. Questions "
        "are dropped on their way out; the resolver waits for each until it gives up.",
        frozenset({"allow-dns"}), 7,
    ),
    Fault(
        "policy-blocks-edge", "A NetworkPolicy keeps the edge proxy out",
        _always(allow_edge_namespace=False),
        "The ingress policy of checkout lost its namespaceSelector. A podSelector alone means "
        "pods of the policy's own namespace, and the edge proxy lives in another.",
        frozenset({"allow-edge"}), 7,
    ),
    Fault(
        "hints-withheld", "Traffic to checkout lost its zone hints",
        _always(checkout_pods=4),
        "checkout was scaled from six pods to four. Four endpoints cannot be shared out over "
        "three equal zones within the old annotation's overload threshold, so the controller "
        "withholds all hints, and two requests in three cross a zone.",
        frozenset({"scale-checkout"}), 9,
        # It keeps traffic near, and heats the pods of a zone that has fewer.
        frozenset({"same-zone"}),
        before={"checkout_pods": 6},
    ),
    Fault(
        "snat-ports", "The nodes run out of ports for masquerading",
        lambda rng: {"snat_ports": rng.choice((14_336, 16_384))},
        "The masquerade rule was narrowed to a range of ports. To one address and port of the "
        "bank a node can have that many connections, TIME_WAIT included; the rest find no port "
        "and their SYN is dropped (insert_failed). The table itself has room.",
        frozenset({"release-ports", "reuse-bank"}), 5,
    ),
    Fault(
        "local-policy", "Some nodes drop what the load balancer sends them",
        _always(external_policy="Local"),
        "The edge Service got externalTrafficPolicy: Local. Edge pods run on three nodes of six; "
        "the others drop the packet. The balancer sends to all six, by a fixed list.",
        frozenset({"external-cluster", "edge-everywhere"}), 1,
    ),
    Fault(
        "wrong-target-port", "The Service points to a port on which nobody listens",
        lambda rng: {"target_port": rng.choice((8_081, 8_088, 8_000))},
        "The checkout Service's targetPort was changed; the container's port was not. A number "
        "is not checked against anything: the endpoints are ready, and refuse.",
        frozenset({"target-port"}), 2,
    ),
    Fault(
        "selector-mismatch", "The Service selects no pods",
        lambda rng: {"checkout_selector": rng.choice(("checkout-api", "shop-checkout"))},
        "The checkout Service's selector was changed and matches no pod. Its EndpointSlice is "
        "empty, and every node rejects connections to its address.",
        frozenset({"selector"}), 2,
    ),
    Fault(
        "short-read-timeout", "The proxy's read time-out is shorter than the slow path",
        lambda rng: {"read_timeout_s": rng.choice((1, 2))},
        "proxy-read-timeout was lowered. Reports take three to eight seconds, so every one is cut "
        "off with a 504 while checkout works on. Everything else is fast enough.",
        frozenset({"raise-read-timeout"}), 8,
    ),
    Fault(
        "tunnel-port-closed", "One node drops the overlay's packets",
        _always(tunnel_closed=True),
        "A firewall rule on one node drops UDP port 4789, which VXLAN uses. The kubelet reaches "
        "the API server and probes its own pods, so node and pods stay Ready; no pod of another "
        "node can reach them.",
        frozenset({"open-tunnel"}), 6,
    ),
)  # fmt: skip

FAULTS: Final[Mapping[str, Fault]] = MappingProxyType({one.name: one for one in _ALL})

#: Causes on the list that are none: plausible, and never drawn.
DECOYS: Final[Mapping[str, str]] = MappingProxyType(
    {
        "bank-slow": "The bank answers slowly",
        "edge-overloaded": "The edge proxy has too few pods for the load",
        "checkout-overloaded": "checkout has too few pods for the load",
        "rules-too-long": "kube-proxy's rules have become too many to walk",
        "node-not-ready": "A node is down",
    }
)


def causes() -> dict[str, str]:
    """Every cause that can be named, decoys among them, by title."""
    every = {name: fault.title for name, fault in FAULTS.items()} | dict(DECOYS)
    return dict(sorted(every.items(), key=lambda item: item[1]))


def fault(name: str) -> Fault:
    """Look a fault up; InputError if there is none."""
    if name not in FAULTS:
        raise InputError("fault", name, "one of " + ", ".join(FAULTS))
    return FAULTS[name]


def drawn(seed: int, name: str = "") -> tuple[Fault, World, World]:
    """Draw an incident.

    Parameters
    ----------
    seed : int
        Of the fault, its degree, the names and the traffic.
    name : str, optional
        A certain fault instead.

    Returns
    -------
    fault : Fault
    world : World
        With the fault in it.
    healthy : World
        The same without, and at the load of today.
    """
    rng = Random(f"incident/{seed}")
    chosen = _ALL[rng.randrange(len(_ALL))]
    if name:
        chosen = fault(name)
    healthy = World(seed=seed, load_per_s=float(rng.randrange(1_800, 1_960, 10)))
    return chosen, replace(healthy, **chosen.changes(rng)), healthy
