"""Zone hints in proportion to CPU, as the EndpointSlice controller allocates them.

The algorithm of ``topologycache`` in kubernetes/endpointslice (read at daa4d01, July 2026):
every zone should be served by as many endpoints as its share of the cluster's CPU, and no
endpoint may carry more than 20 % above its fair load. Where that cannot be had, there are
no hints at all, and traffic goes cluster-wide as if nobody had asked.

One simplification: the controller leaves the hints of unchanged EndpointSlices alone as
long as they are still possible, so that a real allocation can depend on its history. Here
all slices are new. The minimums decide whether there are hints, but the redistribution does
not look at them again: a small zone can end with none (its nodes then route cluster-wide).
Where Go's map order leaves a tie to chance, the name that sorts first wins.
"""

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from k8snet_lessons.control.topology._endpoint import ZoneEndpoint
from k8snet_lessons.errors import InputError

OVERLOAD_THRESHOLD = 0.2
_NO_NODE_INFORMATION = (
    "Insufficient Node information: allocatable CPU or zone not specified on one or more nodes"
)
_CONTROL_PLANE_LABELS = frozenset(
    {"node-role.kubernetes.io/control-plane", "node-role.kubernetes.io/master"}
)


@dataclass(frozen=True, slots=True)
class Allocation:
    """How many endpoints one zone should be served by."""

    desired: float
    minimum: int
    maximum: int


@dataclass(frozen=True, slots=True)
class Hints:
    """What the controller wrote, or why it wrote nothing. True where there are hints.

    Attributes
    ----------
    zones : tuple of (str or None)
        For each endpoint, in the order given, the zone it is to serve; None for one that
        is not ready. Empty where there are no hints.
    by_zone : mapping of str to int
        Endpoints hinted for each zone. Empty where there are no hints.
    reason : str
        Why there are none, in plain words; empty where there are hints.
    event : str
        The message of the event that ``kubectl describe service`` shows, without the address
        type that the controller appends.
    allocations : mapping of str to Allocation
        What was aimed at, as far as it could be computed.
    moved : tuple of int
        Indices of the endpoints that serve a zone other than their own.
    """

    zones: tuple[str | None, ...] = ()
    by_zone: Mapping[str, int] = field(default_factory=dict)
    reason: str = ""
    event: str = ""
    allocations: Mapping[str, Allocation] = field(default_factory=dict)
    moved: tuple[int, ...] = ()

    def __bool__(self) -> bool:
        return bool(self.zones)


@dataclass(frozen=True, slots=True)
class NodeCpu:
    """A node as the controller counts it."""

    zone: str | None
    cpus: float
    ready: bool = True
    labels: Mapping[str, str] = field(default_factory=dict)


def zone_cpus(nodes: Iterable[NodeCpu]) -> dict[str, float]:
    """Add up the allocatable CPU of each zone.

    Nodes that are not ready and control-plane nodes do not count. One node without a zone
    or without CPU spoils the whole cluster: the result is then empty, and every Service
    loses its hints.

    Parameters
    ----------
    nodes : iterable of NodeCpu

    Returns
    -------
    dict of str to float
    """
    total: dict[str, float] = {}
    for node in nodes:
        if not node.ready or _CONTROL_PLANE_LABELS & node.labels.keys():
            continue
        if not node.zone or node.cpus == 0:
            return {}
        total[node.zone] = total.get(node.zone, 0.0) + node.cpus
    return total


def allocate_hints(
    zones: Sequence[str] | Mapping[str, float],
    cpus: Sequence[float] | Mapping[str, float] | None = None,
    endpoints: int | Mapping[str, int] | Sequence[str | ZoneEndpoint | None] = (),
) -> Hints:
    """Allocate zone hints as ``service.kubernetes.io/topology-mode: Auto`` does.

    Parameters
    ----------
    zones : sequence of str, or mapping of str to float
        The zones with ready worker nodes; or zones and their CPUs in one mapping, and
        `cpus` left out.
    cpus : sequence of float, or mapping of str to float, optional
        Allocatable CPU of each zone. Only the ratio counts: cores, millicores and shares
        of one give the same hints.
    endpoints : sequence, mapping of str to int, or int
        The endpoints, each a zone name or a `ZoneEndpoint`; or how many run in each zone;
        or how many there are, spread over the zones one by one.

    Returns
    -------
    Hints

    Raises
    ------
    InputError
        If CPUs and zones do not fit together, or a count or a CPU is negative.

    Examples
    --------
    >>> dict(allocate_hints(["a", "b", "c"], [0.35, 0.35, 0.3], {"a": 5, "b": 2, "c": 3}).by_zone)
    {'a': 4, 'b': 3, 'c': 3}
    >>> allocate_hints(["a", "b", "c"], [4, 4, 4], 2).reason
    '2 ready endpoints cannot serve 3 zones: each zone needs at least one of its own'
    """
    ratios = _cpu_ratios(zones, cpus)
    members = _as_endpoints(endpoints, tuple(ratios))
    ready = [index for index, endpoint in enumerate(members) if endpoint.ready]

    none = _why_no_allocation(ratios, len(ready))
    if none is not None:
        return none
    allocations = _allocations(ratios, len(ready))
    if not allocations:
        return Hints(
            reason=f"{len(ready)} ready endpoints cannot be shared out over {len(ratios)} zones "
            f"without some endpoint carrying more than {OVERLOAD_THRESHOLD:.0%} above its share",
            event="Unable to allocate minimum required endpoints to each zone without exceeding "
            f"overload threshold ({len(ready)} endpoints, {len(ratios)} zones)",
        )

    hinted: list[str | None] = [None] * len(members)
    by_zone: dict[str, int] = {}
    for index in ready:
        zone = members[index].zone
        if not zone:
            return Hints(
                reason=f"endpoint {members[index].address or index} has no zone: its node carries "
                "no topology.kubernetes.io/zone label",
                event="One or more endpoints do not have a zone specified",
                allocations=allocations,
            )
        hinted[index] = zone
        by_zone[zone] = by_zone.get(zone, 0) + 1

    giving, receiving = giving_and_receiving_zones(
        {zone: share.desired for zone, share in allocations.items()}, by_zone
    )
    moved = []
    for index in ready:
        home = hinted[index]
        taker = min(receiving, default=None)
        if home is None or taker is None or not giving.get(home):
            continue
        hinted[index] = taker
        moved.append(index)
        by_zone[home] -= 1
        by_zone[taker] = by_zone.get(taker, 0) + 1
        giving[home] -= 1
        receiving[taker] -= 1
        if not receiving[taker]:
            del receiving[taker]
    return Hints(
        zones=tuple(hinted),
        by_zone=by_zone,
        event="Topology Aware Hints has been enabled",
        allocations=allocations,
        moved=tuple(moved),
    )


def giving_and_receiving_zones(
    desired: Mapping[str, float], allocated: Mapping[str, int]
) -> tuple[dict[str, int], dict[str, int]]:
    """Say which zones lend endpoints and which borrow, in whole endpoints.

    One endpoint at a time goes from the zone with most to spare to the zone in most need,
    until a move would leave both worse off or hardly better: both differences below one,
    or either below one half.

    Parameters
    ----------
    desired : mapping of str to float
        Endpoints each zone should be served by.
    allocated : mapping of str to int
        Endpoints it has.

    Returns
    -------
    giving, receiving : dict of str to int
    """
    spare = {z: allocated.get(z, 0) - want for z, want in desired.items()}
    surplus = {z: n for z, n in spare.items() if n > 0}
    need = {z: -n for z, n in spare.items() if n < 0}
    giving: dict[str, int] = {}
    receiving: dict[str, int] = {}
    while True:
        giver, give = _most(surplus)
        taker, take = _most(need)
        if not giver or not taker or (give < 1 and take < 1) or give < 0.5 or take < 0.5:
            return giving, receiving
        giving[giver] = giving.get(giver, 0) + 1
        receiving[taker] = receiving.get(taker, 0) + 1
        surplus[giver] -= 1
        need[taker] -= 1


def is_overloaded(by_zone: Mapping[str, int], cpus: Mapping[str, float]) -> bool:
    """Whether hints given earlier now overload some zone, so that they must be redone.

    Parameters
    ----------
    by_zone : mapping of str to int
        Endpoints hinted for each zone.
    cpus : mapping of str to float
        Allocatable CPU of each zone today.

    Returns
    -------
    bool
    """
    if not by_zone:
        return False
    if not cpus:
        return True
    total, cpu_total = sum(by_zone.values()), sum(cpus.values())
    return any(
        zone not in by_zone or by_zone[zone] < _minimum(cpu / cpu_total * total)
        for zone, cpu in cpus.items()
    )


def _minimum(desired: float) -> int:
    return math.ceil(desired * (1 / (1 + OVERLOAD_THRESHOLD)))


def _most(zones: Mapping[str, float]) -> tuple[str, float]:
    best = min(zones, key=lambda zone: (-zones[zone], zone), default="")
    return (best, zones[best]) if best and zones[best] > 0 else ("", 0.0)


def _allocations(ratios: Mapping[str, float], ready: int) -> dict[str, Allocation]:
    minimums = {zone: _minimum(ratio * ready) for zone, ratio in ratios.items()}
    slack = ready - sum(minimums.values())
    if slack < 0:
        return {}
    return {
        zone: Allocation(max(ratio * ready, minimums[zone]), minimums[zone], minimums[zone] + slack)
        for zone, ratio in ratios.items()
    }


def _why_no_allocation(ratios: Mapping[str, float], ready: int) -> Hints | None:
    if not ratios:
        return Hints(
            reason="some node has no zone label or no allocatable CPU, or there are no nodes: "
            "the zones' shares are unknown",
            event=_NO_NODE_INFORMATION,
        )
    if len(ratios) < 2:
        return Hints(
            reason=f"all ready nodes are in one zone ({next(iter(ratios))}): nothing to keep apart",
            # The controller has another message for this case, and never comes to say it:
            # one zone alone makes it forget the nodes (SetNodes in topologycache.go).
            event=_NO_NODE_INFORMATION,
        )
    if ready < len(ratios):
        endpoints = "1 ready endpoint" if ready == 1 else f"{ready} ready endpoints"
        return Hints(
            reason=f"{endpoints} cannot serve {len(ratios)} zones: each zone needs at least "
            "one of its own",
            event=f"Insufficient number of endpoints ({ready} endpoints, {len(ratios)} zones)",
        )
    return None


def _cpu_ratios(
    zones: Sequence[str] | Mapping[str, float], cpus: Sequence[float] | Mapping[str, float] | None
) -> dict[str, float]:
    if isinstance(zones, Mapping):
        if cpus is not None:
            raise InputError("cpus", cpus, "left out where zones already maps zone to CPU")
        amounts = dict(zones)
    elif isinstance(zones, str):
        raise InputError("zones", zones, "a list of zone names, or a mapping of zone to CPU")
    elif cpus is None:
        raise InputError("cpus", None, "the CPU of each zone")
    elif isinstance(cpus, Mapping):
        if set(cpus) != set(zones):
            raise InputError("cpus", dict(cpus), f"exactly the zones {sorted(set(zones))}")
        amounts = {zone: cpus[zone] for zone in zones}
    else:
        if len(cpus) != len(zones):
            raise InputError("cpus", list(cpus), f"{len(zones)} numbers, one for each zone")
        amounts = dict(zip(zones, cpus, strict=True))
        if len(amounts) != len(zones):
            raise InputError("zones", list(zones), "each zone named once")
    for zone, amount in amounts.items():
        if not _is_amount(amount):
            raise InputError(f"cpus of zone {zone}", amount, "a number of CPUs, zero or more")
    # A zone whose nodes offer no CPU is, to the controller, a node it knows nothing of.
    if not all(amounts.values()):
        return {}
    total = math.fsum(amounts.values())
    return {zone: amount / total for zone, amount in amounts.items()}


def _is_amount(value: object) -> bool:
    if isinstance(value, bool) or not isinstance(value, int | float):
        return False
    return 0 <= value < math.inf


def _as_endpoints(
    endpoints: int | Mapping[str, int] | Sequence[str | ZoneEndpoint | None], zones: Sequence[str]
) -> list[ZoneEndpoint]:
    if isinstance(endpoints, bool | str):
        raise InputError("endpoints", endpoints, "a list of zones, a count by zone, or a count")
    if isinstance(endpoints, int):
        if endpoints < 0:
            raise InputError("endpoints", endpoints, "a whole number, zero or more")
        return [
            ZoneEndpoint(zones[index % len(zones)] if zones else None) for index in range(endpoints)
        ]
    if isinstance(endpoints, Mapping):
        for zone, count in endpoints.items():
            if isinstance(count, bool) or not isinstance(count, int) or count < 0:
                raise InputError(f"endpoints in zone {zone}", count, "a whole number, zero or more")
        return [ZoneEndpoint(zone) for zone, count in endpoints.items() for _ in range(count)]
    if not isinstance(endpoints, Sequence):
        raise InputError("endpoints", endpoints, "a list of zones, a count by zone, or a count")
    for at, entry in enumerate(endpoints):
        if not (entry is None or isinstance(entry, str | ZoneEndpoint)):
            raise InputError(f"endpoint {at}", entry, "a zone's name, a ZoneEndpoint, or None")
    return [
        entry if isinstance(entry, ZoneEndpoint) else ZoneEndpoint(entry) for entry in endpoints
    ]
