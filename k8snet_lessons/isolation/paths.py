"""Which endpoints each node knows, and which of them it can reach, over time."""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from k8snet_lessons.datapath.nf_conntrack import syn_ladder
from k8snet_lessons.isolation.ejection import ejected_spans, may_eject, panics
from k8snet_lessons.isolation.faults import (
    POD_START_S,
    PROPAGATION_S,
    Defenses,
    Fault,
    node_clocks,
)
from k8snet_lessons.isolation.world import World

Floats = npt.NDArray[np.float64]
Flags = npt.NDArray[np.bool_]


@dataclass(frozen=True, eq=False)
class Endpoints:
    """A service's pods as seen from every node.

    Attributes
    ----------
    nodes : (p,) array of int
    known : (t, n, p) array of bool
        In the node's rules.
    dead : (t, n, p) array of bool
        Nothing comes back from there: neither on a new connection nor on a kept one.
    refused : (t, n, p) array
        Chance that a new connection to a living pod fails all the same.
    """

    nodes: npt.NDArray[np.int64]
    known: Flags
    dead: Flags
    refused: Floats

    def new_route(self, other_pod: bool) -> Floats:
        """Chance that a new connection ends at each pod; (t, n, p), what is missing fails."""
        weight = _shares(self.known)
        fails = np.where(self.dead, 1.0, self.refused)
        lands: Floats = weight * (1 - fails)
        if not other_pod:
            return lands
        # A second try goes to one of the others, each as likely as before among them.
        rest = 1 - weight
        again = np.divide(weight * fails, rest, out=np.zeros_like(rest), where=rest > 1e-12)
        route: Floats = lands * (1 + again.sum(axis=2, keepdims=True) - again)
        return route

    def kept_route(self, time_s: Floats, deadline_s: float) -> Floats:
        """Chance that a request on a kept connection ends at each pod; (t, n, p).

        A client drops a connection that failed it once, so those to dead pods are gone after
        one deadline, and the requests ride on what is left.
        """
        weight, settled = _shares(self.known), _shares(self.known & ~self.dead)
        early = (time_s < deadline_s)[:, None, None]
        route: Floats = np.where(early, np.where(self.dead, 0.0, weight), settled)
        return route


def _shares(known: Flags) -> Floats:
    total = known.sum(axis=2, keepdims=True)
    shares: Floats = np.divide(known, total, out=np.zeros(known.shape), where=total > 0)
    return shares


def endpoints_of(
    world: World,
    fault: Fault,
    defenses: Defenses,
    nodes: tuple[int, ...],
    time_s: Floats,
    attempts_per_s: float = 0.0,
    until_s: float = 0.0,
) -> Endpoints:
    """The endpoints on these nodes, as each node sees and reaches them.

    Parameters
    ----------
    nodes : tuple of int
        The node of each pod.
    time_s : (t,) array
        Seconds since the fault began.
    attempts_per_s : float
        Connections that one caller opens to one endpoint: how fast it can learn that one is
        dead; 0 for never.
    until_s : float
        How far ejections are worked out.
    """
    here = np.array(nodes)
    shape = (len(time_s), len(world.zones), len(nodes))
    known, dead = np.ones(shape, bool), np.zeros(shape, bool)
    refused = np.zeros(shape)
    t = time_s[:, None, None]
    clocks = node_clocks()
    if fault.kind == "node-lost":
        lost = (here == fault.node)[None, None, :]
        after = (t >= 0) & (t < clocks.replaced_s)
        dead = np.broadcast_to(lost & after, shape).copy()
        known &= ~(lost & after & (t >= clocks.endpoints_gone_s))
    elif fault.kind == "zone-cut":
        zone = np.array(world.zones) == fault.zone
        inside, outside = zone[here][None, None, :], ~zone[None, :, None]
        cut = (t >= 0) & (t < fault.lasts_s)
        replaced = t >= clocks.replaced_s
        dead = (inside == outside) & cut & ~(inside & replaced)
        # The control plane is outside: what is cut off keeps the rules that it has.
        noticed = (t >= clocks.endpoints_gone_s) & (t < fault.lasts_s + PROPAGATION_S)
        known &= ~(inside & outside & noticed & ~replaced)
    elif fault.kind == "node-drain":
        known &= ~_drained(fault, defenses, here, time_s)[:, None, :]
    elif fault.kind == "conntrack-full":
        syns = syn_ladder().within(_one_try_s(world, defenses))
        no_room = fault.refused_share ** len(syns)
        full = np.arange(len(world.zones)) == fault.node
        now = (t >= 0) & (t < fault.lasts_s)
        refused = np.where(now & (full[None, :, None] | full[here][None, None, :]), no_room, 0.0)
    if defenses.same_zone:
        zones = np.array(world.zones)
        near = known & (zones[:, None] == zones[here][None, :])[None]
        known = np.where(near.any(axis=2, keepdims=True), near, known)
    if defenses.ejection and attempts_per_s > 0:
        spans = ejected_spans(attempts_per_s, _one_try_s(world, defenses), until_s)
        known = _eject(known, dead, time_s, spans, defenses)
    return Endpoints(here, known, dead, np.broadcast_to(refused, shape))


def breakpoints(
    world: World,
    fault: Fault,
    defenses: Defenses,
    pods: int,
    attempts_per_s: float,
    until_s: float,
) -> Floats:
    """The instants at which what `endpoints_of` says may change; sorted, seconds."""
    clocks = node_clocks()
    found = {0.0, world.deadline_s, fault.lasts_s, fault.lasts_s + PROPAGATION_S}
    found |= {clocks.endpoints_gone_s, clocks.replaced_s}
    found |= {turn * POD_START_S for turn in range(pods + 1)}
    if defenses.ejection and attempts_per_s > 0:
        spans = ejected_spans(attempts_per_s, _one_try_s(world, defenses), until_s)
        found |= {edge for span in spans for edge in span}
    return np.array(sorted(found))


def _one_try_s(world: World, defenses: Defenses) -> float:
    return world.deadline_s / 2 if defenses.other_pod else world.deadline_s


def _drained(
    fault: Fault, defenses: Defenses, here: npt.NDArray[np.int64], time_s: Floats
) -> Flags:
    """Pods that are gone, (t, p): all at once, or with a PodDisruptionBudget one at a time."""
    going = np.flatnonzero(np.isin(here, fault.drained))
    gone = np.zeros((len(time_s), len(here)), bool)
    for turn, pod in enumerate(going):
        begin = turn * POD_START_S if defenses.disruption_budget else 0.0
        gone[:, pod] = (time_s >= begin) & (time_s < begin + POD_START_S)
    return gone


def _eject(
    known: Flags,
    dead: Flags,
    time_s: Floats,
    spans: tuple[tuple[float, float], ...],
    defenses: Defenses,
) -> Flags:
    """What is left of the known endpoints when each caller leaves out those that failed it."""
    endpoints = known.shape[2]
    allowed = may_eject(endpoints, defenses.max_ejection_percent)
    out = np.zeros(len(time_s), bool)
    for begin, end in spans:
        out |= (time_s >= begin) & (time_s < end)
    bad = known & dead
    first = bad & (np.cumsum(bad, axis=2) <= allowed) & out[:, None, None]
    in_panic = np.array([panics(endpoints, k) for k in range(endpoints + 1)])
    first &= ~in_panic[first.sum(axis=2)][:, :, None]
    return known & ~first
