"""Which name lookups fail while CoreDNS is hurt, and what a cache on the node saves.

The resolver is glibc's with the pod's usual search list: one round (A and AAAA) after the other.
The answer to a suffix that leads nowhere is a denial and is cached for 5 s, the last answer for
30 s. Suffixes of one name are asked together, so they expire together.
"""

from dataclasses import dataclass
from functools import cache

import numpy as np
import numpy.typing as npt

from k8snet_lessons.dns import pod_resolv_conf, queries
from k8snet_lessons.isolation.faults import (
    CACHE_DENIAL_S,
    CACHE_SUCCESS_S,
    RESOLVER_TIMEOUT_S,
    SERVE_STALE_S,
    Defenses,
    Fault,
)
from k8snet_lessons.isolation.world import Service, World

Floats = npt.NDArray[np.float64]


@dataclass(frozen=True)
class Asked:
    """What one lookup asks.

    Attributes
    ----------
    full_name : str
        The name that exists.
    rounds : int
        Names that the resolver tries, the right one last.
    in_cluster : bool
    """

    full_name: str
    rounds: int
    in_cluster: bool


@cache
def asked(namespace: str, name: str) -> Asked:
    """What a pod of this namespace asks to reach a service or a name outside.

    Examples
    --------
    >>> asked("payments", "payments/ledger").rounds, asked("shop", "payments/checkout").rounds
    (1, 2)
    >>> asked("payments", "api.stripe.com").rounds
    4
    """
    home, _, service = name.partition("/")
    typed, full = name, name
    if service:
        typed = service if home == namespace else f"{service}.{home}"
        full = f"{service}.{home}.svc.cluster.local"
    conf = pod_resolv_conf(namespace=namespace).text
    sent = queries(typed, conf, resolver="glibc", answers={(full, "A"): ["10.0.0.1"]})
    return Asked(full, len(sent) // 2, bool(service))


def valid_share(rate_per_s: Floats, ttl_s: float, limit_s: Floats) -> Floats:
    """Chance that a cache holds an answer younger than a limit.

    An entry is fetched, lives for its TTL, and is fetched again at the first question after
    that, so fetches are ttl + 1 / rate apart on average, and the age is that of a renewal
    process.

    Parameters
    ----------
    rate_per_s : array
        Questions for the name at this cache, Poisson.
    ttl_s : float
    limit_s : array
        Broadcast against the rates; negative is never.

    Examples
    --------
    >>> valid_share(np.array(1.0), 30.0, np.array([30.0, 15.0, 0.0])).round(3).tolist()
    [0.968, 0.484, 0.0]
    """
    rate, limit = np.broadcast_arrays(np.asarray(rate_per_s, float), np.asarray(limit_s, float))
    young = np.minimum(limit, ttl_s) * rate / (1 + rate * ttl_s)
    over = -np.expm1(-rate * np.maximum(limit - ttl_s, 0)) / (1 + rate * ttl_s)
    share: Floats = np.clip(np.maximum(young, 0) + over, 0, 1)
    return share


def lost_lookup_share(loss_share: float, rounds: int) -> float:
    """Chance that a lookup of so many rounds loses at least one of its 2 x rounds datagram trips.

    Examples
    --------
    >>> round(lost_lookup_share(0.01, 4), 4)
    0.0773
    """
    return float(1 - (1 - loss_share) ** (2 * rounds))


def questions_per_s(world: World, service: Service) -> Floats:
    """Lookups of one of its names that the service's pods make on each node; (n,) array."""
    pods = np.bincount(service.nodes, minlength=len(world.zones)) / len(service.nodes)
    return world.usual_per_s[service.name] * world.new_connection_share * pods


def lookup_fail(
    world: World, fault: Fault, defenses: Defenses, silent: Floats, time_s: Floats
) -> dict[tuple[str, str], Floats]:
    """Chance that a lookup fails, for each service, name, instant and node.

    Parameters
    ----------
    world, fault, defenses
    silent : (t, n) array
        Share of CoreDNS's endpoints that a node still uses and that do not answer.
    time_s : (t,) array
        Seconds since the fault began.

    Returns
    -------
    dict
        (service, name) to a (t, n) array.
    """
    now = ((time_s >= 0) & (time_s < fault.lasts_s))[:, None]
    final_rates: dict[str, Floats] = {}
    for service, name in world.lookups():
        full = asked(service.namespace, name).full_name
        final_rates[full] = final_rates.get(full, 0.0) + questions_per_s(world, service)
    found = {}
    for service, name in world.lookups():
        what = asked(service.namespace, name)
        own = questions_per_s(world, service)
        shape = (len(time_s), len(world.zones))
        if defenses.node_cache:
            rates = (own, final_rates[what.full_name])
            share = _with_cache(world, fault, defenses, what, rates, silent, time_s, now)
        else:
            share = _without_cache(world, fault, what, silent, now)
        found[service.name, name] = np.broadcast_to(share, shape)
    return found


def _without_cache(
    world: World, fault: Fault, what: Asked, silent: Floats, now: npt.NDArray[np.bool_]
) -> Floats:
    late = world.deadline_s <= RESOLVER_TIMEOUT_S  # one lost datagram, and it is too late
    one_round = silent * late
    if fault.kind == "coredns-down":
        one_round = np.maximum(one_round, 1.0 * now)
    elif fault.kind == "coredns-slow":
        return now * np.float64(what.rounds * fault.slow_s >= world.deadline_s)
    elif fault.kind == "coredns-loss":
        one_round = np.maximum(one_round, now * late * lost_lookup_share(fault.loss_share, 1))
    elif fault.kind == "conntrack-full":
        here = np.arange(len(world.zones)) == fault.node
        one_round = np.maximum(one_round, now * here * late * fault.refused_share)
    share: Floats = 1 - (1 - one_round) ** what.rounds
    return share


def _with_cache(
    world: World,
    fault: Fault,
    defenses: Defenses,
    what: Asked,
    rates: tuple[Floats, Floats],
    silent: Floats,
    time_s: Floats,
    now: npt.NDArray[np.bool_],
) -> Floats:
    stale_s = SERVE_STALE_S if defenses.serve_stale else 0.0
    own, final = rates
    since = np.maximum(time_s, 0)[:, None]
    # What CoreDNS has to be asked: the suffixes that lead nowhere, and the last name unless it
    # lies outside; for that the node cache has a forward of its own.
    no_denial = 1 - valid_share(own, CACHE_DENIAL_S, CACHE_DENIAL_S + stale_s - since)
    no_denial = no_denial * (what.rounds > 1)
    no_answer = 1 - valid_share(final, CACHE_SUCCESS_S, CACHE_SUCCESS_S + stale_s - since)
    no_answer = no_answer * what.in_cluster
    if fault.kind == "coredns-down":
        # No endpoint: refused at once, SERVFAIL, and glibc goes on to the next name.
        return now * no_answer
    if fault.kind == "coredns-slow":
        return now * _too_slow(world, fault, what, rates, stale_s)
    # Silence costs seconds for whatever is not there.
    return silent * (1 - (1 - no_denial) * (1 - no_answer))


def _too_slow(
    world: World, fault: Fault, what: Asked, rates: tuple[Floats, Floats], stale_s: float
) -> Floats:
    if stale_s:  # expired answers are served at once and fetched behind the client's back
        return np.zeros(len(world.zones))
    misses = []
    for rate, ttl_s in zip(rates, (CACHE_DENIAL_S, CACHE_SUCCESS_S), strict=True):
        fetching = 1 + rate * fault.slow_s  # whoever asks while it is fetched waits as well
        misses.append(fetching / (fetching + rate * ttl_s))
    denial = misses[0] * (what.rounds > 1)
    answer = misses[1] * what.in_cluster
    long_denials = (what.rounds - 1) * fault.slow_s
    waits = ((0.0, 1 - denial), (long_denials, denial))
    last = ((0.0, 1 - answer), (fault.slow_s, answer))
    share: Floats = sum(
        (
            p * q * (wait + more >= world.deadline_s)
            for wait, p in waits
            for more, q in last
        ),
        start=np.zeros(len(world.zones)),
    )  # fmt: skip
    return share
