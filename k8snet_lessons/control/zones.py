"""One Service in several zones, end to end: hints, routing, load, money.

The three steps of `k8snet_lessons.control.topology` in a row, for a Service that a few
numbers describe. Clients are in every zone; zones are called a, b, c, ...
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Literal

import numpy as np

from k8snet_lessons.control.topology import (
    MODE_ANNOTATION,
    ClientGroup,
    CrossZonePath,
    HintedEndpoints,
    TrafficSpread,
    ZoneEndpoint,
    hint_endpoints,
    spread_traffic,
)
from k8snet_lessons.errors import InputError

Policy = Literal["none", "auto", "zone", "node", "both"]

#: What a Service asks for: the old annotation and the field of its spec.
POLICIES: Mapping[Policy, tuple[bool, str | None]] = MappingProxyType(
    {
        "none": (False, None),
        "auto": (True, None),
        "zone": (False, "PreferSameZone"),
        "node": (False, "PreferSameNode"),
        "both": (True, "PreferSameZone"),
    }
)


@dataclass(frozen=True)
class ZonedService:
    """A Service, its endpoints and its clients, zone by zone.

    Parameters
    ----------
    endpoints : mapping of str to int
        Ready endpoints in each zone.
    rate_per_s : mapping of str to float
        Requests that each zone's clients send; the same zones.
    cpus : mapping of str to float
        Allocatable CPU of each zone, which the annotation looks at; the same zones.
    policy : {"none", "auto", "zone", "node", "both"}
        No hints, the annotation ``topology-mode: Auto``, ``trafficDistribution:
        PreferSameZone`` or ``PreferSameNode``, or the annotation and PreferSameZone.
    internal_traffic_policy : {"Cluster", "Local"}
        ``Local``: endpoints of the client's own node, or none.
    nodes_per_zone : int
        A zone's endpoints are dealt out to its nodes one by one, and its clients evenly.
    capacity_per_s : float
        Requests a second that one endpoint can serve.
    kilobytes : float
        On the wire for one request and its answer together.

    Raises
    ------
    InputError
        If the zones differ, a count is no whole number from 0 to 10,000, or there is no endpoint.
    """

    endpoints: Mapping[str, int]
    rate_per_s: Mapping[str, float]
    cpus: Mapping[str, float]
    policy: Policy = "none"
    capacity_per_s: float = 300.0
    kilobytes: float = 12.0
    internal_traffic_policy: str = "Cluster"
    nodes_per_zone: int = 3

    def __post_init__(self) -> None:
        if self.policy not in POLICIES:
            raise InputError("policy", self.policy, ", ".join(POLICIES))
        for name in ("rate_per_s", "cpus"):
            if set(getattr(self, name)) != set(self.endpoints):
                zones = ", ".join(sorted(self.endpoints))
                raise InputError(name, dict(getattr(self, name)), f"the zones {zones}")
        for zone, count in self.endpoints.items():
            if type(count) is not int or not 0 <= count <= 10_000:
                raise InputError(f"endpoints of zone {zone}", count, "a whole number, 0 to 10,000")
        if not sum(self.endpoints.values()):
            raise InputError("endpoints", dict(self.endpoints), "one endpoint at least")
        if type(self.nodes_per_zone) is not int or not 1 <= self.nodes_per_zone <= 1_000:
            raise InputError("nodes_per_zone", self.nodes_per_zone, "a whole number, 1 to 1,000")
        if not (math.isfinite(self.kilobytes) and self.kilobytes >= 0):
            raise InputError("kilobytes", self.kilobytes, "a finite number, zero or more")


@dataclass(frozen=True)
class ZonedOutcome:
    """What becomes of a `ZonedService`.

    Attributes
    ----------
    hinted : HintedEndpoints
    traffic : TrafficSpread
        One group of clients for each node, zone by zone: see `clients`.
    clients : tuple of ClientGroup
    hints_by_zone : mapping of str to int
        Endpoints hinted for each zone; all zero where there are no hints.
    peak_by_zone : mapping of str to float
        Utilization of the busiest endpoint that runs in each zone.
    """

    hinted: HintedEndpoints
    traffic: TrafficSpread
    clients: tuple[ClientGroup, ...]
    hints_by_zone: Mapping[str, int]
    peak_by_zone: Mapping[str, float]

    @property
    def peak_utilization(self) -> float:
        """Utilization of the busiest endpoint of all."""
        return max(self.peak_by_zone.values())

    @property
    def cross_node_share(self) -> float:
        """Part of the requests that reach an endpoint on another node than the client's."""
        rate = np.array([group.rate_per_s for group in self.clients])
        flow = self.traffic.share * rate[:, None]
        away = np.array(
            [[group.node != each.node for each in self.hinted.endpoints] for group in self.clients]
        )
        served = float(flow.sum())
        return float(flow[away].sum()) / served if served else math.nan

    @property
    def dropped_share(self) -> float:
        """Part of all requests whose node has no endpoint it may use."""
        return self.traffic.unserved_per_s / sum(group.rate_per_s for group in self.clients)


def zoned_outcome(service: ZonedService) -> ZonedOutcome:
    """Hint the endpoints, route every zone's clients, and add up.

    Parameters
    ----------
    service : ZonedService

    Returns
    -------
    ZonedOutcome
    """
    annotated, distribution = POLICIES[service.policy]
    hinted = hint_endpoints(
        [
            ZoneEndpoint(
                zone=zone,
                node=f"node-{zone}{number % service.nodes_per_zone + 1}",
                address=f"{zone}-{number + 1}",
            )
            for zone, count in service.endpoints.items()
            for number in range(count)
        ],
        traffic_distribution=distribution,
        annotations={MODE_ANNOTATION: "Auto"} if annotated else {},
        cpus=service.cpus,
    )
    clients = tuple(
        ClientGroup(zone, rate / service.nodes_per_zone, f"node-{zone}{number + 1}")
        for zone, rate in service.rate_per_s.items()
        for number in range(service.nodes_per_zone)
    )
    traffic = spread_traffic(
        clients,
        hinted.endpoints,
        path=CrossZonePath(request_bytes=0.0, response_bytes=service.kilobytes * 1e3),
        internal_traffic_policy=service.internal_traffic_policy,
        capacity_per_s=service.capacity_per_s,
    )
    return ZonedOutcome(
        hinted=hinted,
        traffic=traffic,
        clients=clients,
        hints_by_zone={
            zone: sum(zone in each.zone_hints for each in hinted.endpoints)
            for zone in service.endpoints
        },
        peak_by_zone={
            zone: max(
                (
                    float(busy)
                    for busy, each in zip(traffic.utilization, hinted.endpoints, strict=True)
                    if each.zone == zone
                ),
                default=0.0,
            )
            for zone in service.endpoints
        },
    )


def spread_evenly(endpoints: int, zones: tuple[str, ...]) -> dict[str, int]:
    """Deal endpoints out to zones one by one, the first zone first.

    Examples
    --------
    >>> spread_evenly(4, ("a", "b", "c"))
    {'a': 2, 'b': 1, 'c': 1}
    """
    each, rest = divmod(endpoints, len(zones))
    return {zone: each + (place < rest) for place, zone in enumerate(zones)}
