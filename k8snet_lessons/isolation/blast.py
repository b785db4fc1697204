"""The blast radius: who suffers from one broken part, how much, and how long.

Everything in the mean, on a grid of one second. The calls of a request are made side by side;
it fails if one of them fails. What a pod gets beyond its capacity fails (a fluid: real queues
hurt somewhat earlier). `walk` draws every request through the same cluster and agrees.
"""

from dataclasses import dataclass, replace
from functools import cached_property, lru_cache
from types import MappingProxyType

import numpy as np
import numpy.typing as npt

from k8snet_lessons.isolation.door import Door, door
from k8snet_lessons.isolation.faults import BEARING_ON, Defenses, Fault
from k8snet_lessons.isolation.names import lookup_fail
from k8snet_lessons.isolation.paths import breakpoints, endpoints_of
from k8snet_lessons.isolation.storm import StormRun, storm
from k8snet_lessons.isolation.storm_spec import BUDGET_RATIO, StormSpec
from k8snet_lessons.isolation.world import INGRESS, Service, World

Floats = npt.NDArray[np.float64]

BEFORE_S, HORIZON_S = 30, 450
#: The service whose callers storm it.
STORMED = "payments/ledger"
#: More than this share of failed requests counts as suffering.
SUFFERS = 0.01


@dataclass(frozen=True, kw_only=True, eq=False)
class Blast:
    """What one fault does.

    Attributes
    ----------
    time_s : (t,) array
        Middle of each second, 0 when the fault begins.
    services : tuple of str
    calls_failed : (s, t) array
        Of the calls to each service, whoever makes them, the share that fails.
    users : tuple of str
        Services that are asked from outside.
    users_failed : (u, t) array
        Of the requests from outside to each of these, the share that fails.
    users_per_s : (u,) array
        Requests from outside on a usual day; a flood's own surplus counts for nothing.
    """

    time_s: Floats
    services: tuple[str, ...]
    calls_failed: Floats
    users: tuple[str, ...]
    users_failed: Floats
    users_per_s: Floats

    @property
    def namespaces(self) -> tuple[str, ...]:
        """Namespaces that are asked from outside, in the order of the services."""
        return tuple(dict.fromkeys(name.partition("/")[0] for name in self.users))

    def _rows(self, namespaces: tuple[str, ...]) -> list[int]:
        return [k for k, n in enumerate(self.users) if n.partition("/")[0] in namespaces]

    def of_namespace(self, namespace: str) -> Floats:
        """Share of the users' requests to a namespace that fails; (t,) array."""
        rows = self._rows((namespace,))
        weights = self.users_per_s[rows]
        share: Floats = weights @ self.users_failed[rows] / weights.sum()
        return share

    def failed_of(self, namespaces: tuple[str, ...]) -> float:
        """Users' requests to these namespaces that fail, of a usual day's; the mean."""
        rows = self._rows(namespaces)
        return float(self.users_per_s[rows] @ self.users_failed[rows].sum(axis=1))

    @cached_property
    def failed_requests(self) -> float:
        """Users' requests that fail in the whole time, of a usual day's; the mean."""
        return self.failed_of(self.namespaces)

    def suffering(self) -> tuple[str, ...]:
        """Namespaces of whose requests more than 1 % fail at some time."""
        return tuple(n for n in self.namespaces if self.of_namespace(n).max() > SUFFERS)

    def lasting_s(self, namespace: str) -> float:
        """Seconds in which more than 1 % of a namespace's requests fail."""
        return float((self.of_namespace(namespace) > SUFFERS).sum())


def blast(world: World, fault: Fault, defenses: Defenses = Defenses()) -> Blast:  # noqa: B008
    """Let one part of a cluster break, and see who suffers.

    Parameters
    ----------
    world : World
    fault : Fault
    defenses : Defenses

    Returns
    -------
    Blast

    Examples
    --------
    >>> from k8snet_lessons.isolation import EXAMPLE
    >>> found = blast(EXAMPLE, Fault(kind="node-lost"))
    >>> found.suffering()
    ('shop', 'payments', 'search', 'reports')
    """
    return _Pass(world, fault, defenses).result()


@lru_cache(maxsize=256)
def each_defense_alone(world: World, fault: Fault) -> MappingProxyType[str, float]:
    """Users' requests that fail with no defense (``""``) and with one alone, by its field.

    Only those that bear on the fault. ``serve_stale`` comes with the node cache, without which
    it is nothing.
    """
    found = {"": blast(world, fault).failed_requests}
    for name in BEARING_ON[fault.kind]:
        fields = {name: True} | ({"node_cache": True} if name == "serve_stale" else {})
        found[name] = blast(world, fault, Defenses(**fields)).failed_requests
    return MappingProxyType(found)


def storm_spec(world: World, fault: Fault, defenses: Defenses) -> StormSpec:
    """The storm on the ledger: its callers make up to three retries, its queue holds 3 s."""
    service = world.service(STORMED)
    rate = world.usual_per_s[STORMED]
    capacity = rate / service.load
    timeout_s = world.deadline_s / 2
    longest_s = 0.5 * timeout_s if defenses.short_queue else 3 * timeout_s
    in_flight = max(1, round(capacity * timeout_s / 2))
    return StormSpec(
        requests_per_s=rate,
        capacity_per_s=capacity,
        queue_limit=max(1, int(capacity * longest_s)),
        timeout_s=timeout_s,
        budget_ratio=BUDGET_RATIO if defenses.retry_budget else None,
        max_in_flight=in_flight if defenses.circuit_breaker else None,
        trigger_from_s=float(BEFORE_S),
        trigger_for_s=fault.lasts_s,
        horizon_s=float(BEFORE_S + HORIZON_S),
    )


@lru_cache(maxsize=64)
def _storm(spec: StormSpec) -> StormRun:
    return storm(spec)


class _Pass:
    """One fault worked through: flows from the callers down, failures from the called up."""

    def __init__(self, world: World, fault: Fault, defenses: Defenses) -> None:
        self.world, self.fault, self.defenses = world, fault, defenses
        self.time_s: Floats = np.arange(-BEFORE_S, HORIZON_S, dtype=np.float64) + 0.5
        self.door: Door = door(world, fault, defenses, self.time_s)
        coredns = endpoints_of(
            world, fault, replace(defenses, ejection=False), world.coredns_nodes, self.time_s
        )
        # Nobody can tell a dead replica from a living one before its datagram is lost.
        gone = coredns.known & coredns.dead
        silent = gone.sum(axis=2) / np.maximum(coredns.known.sum(axis=2), 1)
        self.lookup_fail = lookup_fail(world, fault, defenses, silent, self.time_s)
        self.routes = {
            (caller.name, name): self._route(caller.name, len(caller.nodes), name)
            for caller in world.services
            for name in caller.calls
        } | {
            (INGRESS, name): self._route(INGRESS, len(world.ingress_nodes), name)
            for name in self.door.entry_per_s
        }
        self.flow: dict[str, Floats] = {}
        self.overflow: dict[str, Floats] = {}

    def _route(self, caller: str, pods: int, name: str) -> Floats:
        """Chance that a call from each node ends at each pod of a service; (t, n, p)."""
        world, defenses = self.world, self.defenses
        called, new = world.service(name), world.new_connection_share
        rate = called.entry_per_s if caller == INGRESS else world.usual_per_s[caller]
        attempts_per_s = rate * new / pods / len(called.nodes)
        # Between two breakpoints nothing changes: work each span out once, and spread it.
        edges = breakpoints(
            world, self.fault, defenses, len(called.nodes), attempts_per_s, float(HORIZON_S)
        )
        spans = np.concatenate([[-1.0], (edges[:-1] + edges[1:]) / 2, [edges[-1] + 1.0]])
        span = np.searchsorted(edges, self.time_s, side="right")
        seen = endpoints_of(
            world, self.fault, defenses, called.nodes, spans, attempts_per_s, float(HORIZON_S)
        )
        fresh: Floats = seen.new_route(defenses.other_pod)[span]
        if caller != INGRESS:  # the proxies take addresses from EndpointSlices, not from DNS
            fresh = fresh * (1 - self.lookup_fail[caller, name])[:, :, None]
        if new == 1:
            return fresh
        kept = seen.kept_route(spans, world.deadline_s)[span]
        return new * fresh + (1 - new) * kept

    def _capacity(self, service: Service) -> float:
        """Requests a second that one pod can do."""
        return self.world.usual_per_s[service.name] / service.load / len(service.nodes)

    def _flows(self) -> None:
        """Requests a second that reach each pod, and the share that is too much for it."""
        world = self.world
        self.flow = {s.name: np.zeros((len(self.time_s), len(s.nodes))) for s in world.services}
        doors = list(world.ingress_nodes)
        for name, entry in self.door.entry_per_s.items():
            come = (entry * self.door.passed[name])[:, None] * self.door.share[name]
            self.flow[name] += np.einsum("ti,tip->tp", come, self.routes[INGRESS, name][:, doors])
        for service in world.callers_first:
            flow, most = self.flow[service.name], self._capacity(service)
            over = 1 - np.divide(most, flow, out=np.ones_like(flow), where=flow > most)
            self.overflow[service.name] = over
            out = flow * (1 - over)
            for name in service.calls:
                route = self.routes[service.name, name][:, list(service.nodes)]
                self.flow[name] += np.einsum("ti,tip->tp", out, route)

    def _stormed(self, name: str) -> Floats:
        if self.fault.kind != "retry-storm" or name != STORMED:
            return np.zeros(len(self.time_s))
        return _storm(storm_spec(self.world, self.fault, self.defenses)).error_share

    def result(self) -> Blast:
        """Work it through."""
        self._flows()
        world, t = self.world, len(self.time_s)
        well: dict[str, Floats] = {}  # a request that has reached a pod is answered; (t, p)
        made = {s.name: np.zeros(t) for s in world.services}  # calls to it a second
        good = {s.name: np.zeros(t) for s in world.services}
        for service in reversed(world.callers_first):
            name, nodes = service.name, list(service.nodes)
            answered = (1 - self.overflow[name]) * (1 - self._stormed(name))[:, None]
            out = self.flow[name] * (1 - self.overflow[name])
            for called in service.calls:
                route = self.routes[name, called][:, nodes]
                worked = np.einsum("tip,tp->ti", route, well[called])
                answered = answered * worked
                made[called] += out.sum(axis=1)
                good[called] += (out * worked).sum(axis=1)
            for outside in service.outside:
                fails = self.lookup_fail[name, outside][:, nodes] * world.new_connection_share
                answered = answered * (1 - fails)
            well[name] = answered
        users = tuple(self.door.entry_per_s)
        failed = np.zeros((len(users), t))
        for k, name in enumerate(users):
            route = self.routes[INGRESS, name][:, list(world.ingress_nodes)]
            worked = np.einsum("ti,tip,tp->t", self.door.share[name], route, well[name])
            entry = self.door.entry_per_s[name]
            failed[k] = 1 - self.door.passed[name] * worked
            made[name] += entry
            good[name] += entry * (1 - failed[k])
        names = tuple(s.name for s in world.services)
        shares = [
            1 - np.divide(good[n], made[n], out=np.ones(t), where=made[n] > 1e-9) for n in names
        ]
        return Blast(
            time_s=self.time_s,
            services=names,
            calls_failed=_lost(np.array(shares)),
            users=users,
            users_failed=_lost(failed),
            users_per_s=np.array([world.service(n).entry_per_s for n in users]),
        )


def _lost(share: Floats) -> Floats:
    """A share between none and all; what a difference from one leaves of rounding is none."""
    lost: Floats = np.clip(share, 0, 1)
    lost[lost < 1e-12] = 0.0
    return lost
