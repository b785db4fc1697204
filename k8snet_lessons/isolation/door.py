"""The ingress: which proxies stand, which of them are still asked, and who is let in."""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from k8snet_lessons.isolation.faults import (
    BALANCER_NOTICES_S,
    POD_START_S,
    Defenses,
    Fault,
)
from k8snet_lessons.isolation.world import World

Floats = npt.NDArray[np.float64]

#: Faults of the shared proxies: who has an ingress class of their own does not feel them.
SHARED_ONLY = ("ingress-down", "ingress-restart")


@dataclass(frozen=True, eq=False)
class Door:
    """The shared entry over time.

    Attributes
    ----------
    share : dict
        Service to a (t, i) array: of its requests from outside, what each proxy takes; what is
        missing goes to a dead one.
    entry_per_s : dict
        Service to (t,) requests a second from outside.
    passed : dict
        Service to (t,) share of its requests that the proxies have capacity for.
    """

    share: dict[str, Floats]
    entry_per_s: dict[str, Floats]
    passed: dict[str, Floats]


@dataclass(frozen=True)
class Restart:
    """One proxy's part of a rolling restart, in seconds since it began.

    Attributes
    ----------
    left_s : float
        When the balancer sends it nothing more.
    down_s, back_s : float
        When it stops, and when its successor is ready and asked.
    """

    left_s: float
    down_s: float
    back_s: float


def restarts(proxies: int, drain: bool) -> tuple[Restart, ...]:
    """Each proxy's stop in a rolling restart, one after the other.

    The next one stops when the successor of the last is ready. The balancer learns from failed
    checks alone: without draining it needs longer to notice than the successor to start.
    """
    notices_s = BALANCER_NOTICES_S if drain else 0.0
    each_s = notices_s + POD_START_S
    made = []
    for k in range(proxies):
        down_s = k * each_s + notices_s
        left_s = down_s if drain else down_s + BALANCER_NOTICES_S
        made.append(Restart(left_s, down_s, down_s + POD_START_S))
    return tuple(made)


def door(world: World, fault: Fault, defenses: Defenses, time_s: Floats) -> Door:
    """The ingress under a fault."""
    now = (time_s >= 0) & (time_s < fault.lasts_s)
    asked, up = _proxies(world, fault, defenses, time_s, now)
    share = asked / np.maximum(asked.sum(axis=1, keepdims=True), 1) * up
    flood = np.where(now & (fault.kind == "ingress-flood"), fault.flood_factor, 1.0)
    entry = {
        each.name: each.entry_per_s * (flood if each.low_priority else np.ones(len(time_s)))
        for each in world.services
        if each.entry_per_s > 0
    }
    low = [each.name for each in world.services if each.low_priority and each.name in entry]
    high = [name for name in entry if name not in low]
    zeros = np.zeros(len(time_s))
    offered_low = sum((entry[name] for name in low), start=zeros)
    offered_high = sum((entry[name] for name in high), start=zeros)
    capacity = world.ingress_per_s * up.mean(axis=1)
    if defenses.bulkhead:
        pass_low = _fits(defenses.bulkhead_share * capacity, offered_low)
        pass_high = _fits((1 - defenses.bulkhead_share) * capacity, offered_high)
    elif defenses.shedding:
        pass_high = _fits(capacity, offered_high)
        pass_low = _fits(np.maximum(capacity - offered_high, 0), offered_low)
    else:
        pass_low = pass_high = _fits(capacity, offered_low + offered_high)
    passed = {name: pass_low if name in low else pass_high for name in entry}
    shares = dict.fromkeys(entry, share)
    if defenses.bulkhead and fault.kind in SHARED_ONLY:
        shares |= dict.fromkeys(low, np.full_like(share, 1 / share.shape[1]))
    return Door(shares, entry, passed)


def _proxies(
    world: World, fault: Fault, defenses: Defenses, time_s: Floats, now: npt.NDArray[np.bool_]
) -> tuple[Floats, Floats]:
    """Which proxies the balancer asks, and which are there; (t, i) arrays of 0 and 1."""
    nodes = np.array(world.ingress_nodes)
    up = np.ones((len(time_s), len(nodes)))
    asked = np.ones((len(time_s), len(nodes)))
    noticed = now & (time_s >= BALANCER_NOTICES_S)
    if fault.kind == "ingress-down":
        up[now, 0] = 0.0
        asked[noticed, 0] = 0.0
    elif fault.kind == "ingress-restart":
        for k, stop in enumerate(restarts(len(nodes), defenses.drain)):
            up[(time_s >= stop.down_s) & (time_s < stop.back_s), k] = 0.0
            asked[(time_s >= stop.left_s) & (time_s < stop.back_s), k] = 0.0
    elif fault.kind == "node-lost":
        hit = nodes == fault.node
        up[np.ix_(time_s >= 0, hit)] = 0.0
        asked[np.ix_(time_s >= BALANCER_NOTICES_S, hit)] = 0.0
    elif fault.kind == "zone-cut":  # the balancer's own node in the zone still reaches them
        hit = np.array(world.zones)[nodes] == fault.zone
        asked[np.ix_(noticed, hit)] = 0.0
    return asked, up


def _fits(capacity: Floats, offered: Floats) -> Floats:
    share: Floats = np.divide(
        np.minimum(capacity, offered), offered, out=np.ones_like(offered), where=offered > 0
    )
    return share
