"""A small cluster whose parts are shared: services in namespaces, over nodes and zones."""

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property

from k8snet_lessons.errors import InputError
from k8snet_lessons.isolation._checks import number, whole

#: The caller of whatever comes from outside: the ingress proxies.
INGRESS = "ingress"


@dataclass(frozen=True, kw_only=True)
class Service:
    """One service of the cluster.

    Attributes
    ----------
    name : str
        ``namespace/service``.
    nodes : tuple of int
        The node of each pod.
    entry_per_s : float
        Requests a second from outside, through the ingress.
    calls : tuple of str
        Services that each request calls, one after the other. No circles.
    outside : tuple of str
        Names outside the cluster that each request calls as well.
    load : float
        Busy share of its pods on a usual day, below 1.
    low_priority : bool
        Batch work: what is shed first, and what a bulkhead gives an ingress class of its own.
    """

    name: str
    nodes: tuple[int, ...]
    entry_per_s: float = 0.0
    calls: tuple[str, ...] = ()
    outside: tuple[str, ...] = ()
    load: float = 0.5
    low_priority: bool = False

    @property
    def namespace(self) -> str:
        """The part of the name before the slash."""
        return self.name.partition("/")[0]


@dataclass(frozen=True, kw_only=True)
class World:
    """A cluster and how it is used.

    Attributes
    ----------
    zones : tuple of str
        The zone of each node.
    services : tuple of Service
    ingress_nodes, coredns_nodes : tuple of int
        Where the shared ingress proxies and the CoreDNS replicas run.
    ingress_per_s : float
        Requests a second that all ingress proxies together can pass on.
    new_connection_share : float
        Share of the calls that open a connection; only these look a name up, make a
        conntrack entry, and can be sent to an endpoint that is gone.
    deadline_s : float
        How long a caller waits for a call, name lookup and connecting included.
    """

    zones: tuple[str, ...]
    services: tuple[Service, ...]
    ingress_nodes: tuple[int, ...]
    coredns_nodes: tuple[int, ...]
    ingress_per_s: float = 1_600.0
    new_connection_share: float = 0.2
    deadline_s: float = 2.0

    def __post_init__(self) -> None:
        number("ingress_per_s", self.ingress_per_s, 1, 1e7)
        number("new_connection_share", self.new_connection_share, 0, 1)
        number("deadline_s", self.deadline_s, 0.1, 60)
        names = [each.name for each in self.services]
        if not names or len(set(names)) != len(names):
            raise InputError("services", names, "at least one, each with a name of its own")
        places = {"ingress_nodes": self.ingress_nodes, "coredns_nodes": self.coredns_nodes}
        places |= {f"{each.name}: nodes": each.nodes for each in self.services}
        for what, nodes in places.items():
            if not nodes:
                raise InputError(what, nodes, "at least one node")
            for node in nodes:
                whole(what, node, 0, len(self.zones) - 1)
        for each in self.services:
            number(f"{each.name}: load", each.load, 0.01, 0.99)
            number(f"{each.name}: entry_per_s", each.entry_per_s, 0, 1e6)
            for called in each.calls:
                if called not in names:
                    raise InputError(f"{each.name}: calls", called, f"one of {', '.join(names)}")
        if len(self.callers_first) != len(names):
            raise InputError("calls", [each.calls for each in self.services], "no circles")

    def service(self, name: str) -> Service:
        """The service of this name."""
        return next(each for each in self.services if each.name == name)

    @cached_property
    def callers_first(self) -> tuple[Service, ...]:
        """The services, each before those that it calls; shorter if they go in circles."""
        found: list[Service] = []
        waiting = list(self.services)
        while waiting:
            called = {name for each in waiting for name in each.calls}
            free = [each for each in waiting if each.name not in called]
            if not free:
                break
            found += free
            waiting = [each for each in waiting if each not in free]
        return tuple(found)

    @cached_property
    def usual_per_s(self) -> dict[str, float]:
        """Requests a second at each service on a usual day."""
        return self.rates({each.name: each.entry_per_s for each in self.services})

    def rates(self, entry_per_s: dict[str, float]) -> dict[str, float]:
        """Requests a second at each service for given requests from outside."""
        rates = dict(entry_per_s)
        for each in self.callers_first:
            for called in each.calls:
                rates[called] += rates[each.name]
        return rates

    def lookups(self) -> Iterator[tuple[Service, str]]:
        """Every name that a service looks up; ``/`` marks a service of the cluster."""
        for each in self.services:
            for name in (*each.calls, *each.outside):
                yield each, name


def _every(step: int, first: int = 0, count: int = 12) -> tuple[int, ...]:
    return tuple(range(first, count, step))


@dataclass(frozen=True, kw_only=True)
class Habits:
    """How the example cluster is used; an explorer's knobs.

    Attributes
    ----------
    new_connection_share : float
    deadline_s : float
    ledger_pods : int
        Pods of the service that everybody with money to move needs; 1 to 12.
    ledger_load : float
        Busy share of these pods on a usual day.
    """

    new_connection_share: float = 0.2
    deadline_s: float = 2.0
    ledger_pods: int = 3
    ledger_load: float = 0.7

    def __post_init__(self) -> None:
        whole("ledger_pods", self.ledger_pods, 1, 12)


# Node 3 is in zone a. The ledger's pods stand on nodes 3, 7 and 11, one in each zone.
_LEDGER_NODES = (3, 7, 11, 1, 5, 9, 2, 6, 10, 0, 4, 8)


def example(habits: Habits = Habits()) -> World:
    """The cluster of the lesson: four namespaces, seven services, twelve nodes, three zones."""
    services = (
        Service(
            name="shop/web", nodes=_every(1), entry_per_s=400,
            calls=("shop/cart", "payments/checkout"), load=0.5,
        ),
        Service(name="shop/cart", nodes=_every(2), load=0.5),
        Service(
            name="payments/checkout", nodes=_every(2, 1), entry_per_s=50,
            calls=("payments/ledger",), outside=("api.stripe.com",), load=0.5,
        ),
        Service(
            name="payments/ledger", nodes=_LEDGER_NODES[: habits.ledger_pods],
            load=habits.ledger_load,
        ),
        Service(
            name="search/api", nodes=_every(2), entry_per_s=300, calls=("search/index",), load=0.5
        ),
        Service(name="search/index", nodes=_every(2, 1), load=0.6),
        Service(
            name="reports/export", nodes=(1, 2), entry_per_s=20, calls=("payments/ledger",),
            load=0.5, low_priority=True,
        ),
    )  # fmt: skip
    return World(
        zones=("a",) * 4 + ("b",) * 4 + ("c",) * 4,
        services=services,
        ingress_nodes=(0, 4, 8),
        coredns_nodes=(1, 5),
        new_connection_share=habits.new_connection_share,
        deadline_s=habits.deadline_s,
    )


EXAMPLE = example()
