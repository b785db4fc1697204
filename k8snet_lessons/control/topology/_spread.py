"""Load sent through hinted endpoints: who is hot, what crosses zones, what that costs."""

import math
from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

from k8snet_lessons.control.topology._endpoint import ZoneEndpoint
from k8snet_lessons.control.topology._selection import select_endpoints
from k8snet_lessons.data.costs import cost
from k8snet_lessons.errors import InputError

_SECONDS_PER_HOUR = 3600.0


@dataclass(frozen=True, slots=True)
class ClientGroup:
    """Clients on one node (or on alike nodes of one zone) and the load they send."""

    zone: str | None
    rate_per_s: float
    node: str = ""


@dataclass(frozen=True, slots=True)
class CrossZonePath:
    """What a request meets between zones; every figure is a parameter.

    Attributes
    ----------
    same_zone_rtt_us, cross_zone_rtt_us : float
        Round trips; the course's cost table holds the defaults and their sources. Pairs of
        zones differ widely: best-of-50 pings between AWS zones range from 0.25 ms to 3.37 ms
        (https://xkyle.com/Measuring-AWS-Region-and-AZ-Latency).
    request_bytes, response_bytes : float
        On the wire, both billed.
    price_per_gb_each_way : float
        US dollars a gigabyte, charged to the sender and again to the receiver: 0.01 on
        AWS (https://aws.amazon.com/ec2/pricing/on-demand/, "Data Transfer within the same
        AWS Region"; measured as two cents in all at
        https://www.lastweekinaws.com/blog/aws-cross-az-data-transfer-costs-more-than-aws-says/).
    hours_per_month : float
        730 is 365 * 24 / 12.
    bytes_per_gb : float
        Decimal; where a bill counts 2**30 it is 7 % smaller.
    """

    same_zone_rtt_us: float = field(default_factory=lambda: cost("network.same_zone_rtt_us"))
    cross_zone_rtt_us: float = field(default_factory=lambda: cost("network.cross_zone_rtt_us"))
    request_bytes: float = 2_000.0
    response_bytes: float = 10_000.0
    price_per_gb_each_way: float = 0.01
    hours_per_month: float = 730.0
    bytes_per_gb: float = 1e9


@dataclass(frozen=True, slots=True)
class TrafficSpread:
    """Where the load of G client groups ends on E endpoints.

    Attributes
    ----------
    share : ndarray, shape (G, E)
        Part of each group's requests that each endpoint gets; a row sums to 1, or to 0
        where the group reaches nobody.
    load_per_s : ndarray, shape (E,)
        Requests that each endpoint gets.
    crosses : ndarray of bool, shape (G, E)
        Whether group and endpoint are in different zones, or one has none.
    modes : tuple of str, length G
        How each group's node routes, and `reasons` why.
    cross_zone_share : float
        Of all requests that reach an endpoint; nan without any.
    mean_rtt_us : float
        Network round trip a request, averaged over those.
    transfer_cost_per_month : float
        US dollars, both directions, both ends.
    hottest_over_mean : float
        Load of the busiest ready endpoint over the mean of the ready ones: 1 is perfect balance.
    utilization : ndarray, shape (E,)
        Load over capacity; nan where no capacity was given.
    response_us : ndarray, shape (E,)
        Mean time at each endpoint, M/M/1: 1 / (capacity - load); inf at or above capacity.
    unserved_per_s : float
        Load of groups that reach nobody.
    """

    share: npt.NDArray[np.float64]
    load_per_s: npt.NDArray[np.float64]
    crosses: npt.NDArray[np.bool_]
    modes: tuple[str, ...]
    reasons: tuple[str, ...]
    cross_zone_share: float
    mean_rtt_us: float
    transfer_cost_per_month: float
    hottest_over_mean: float
    utilization: npt.NDArray[np.float64]
    response_us: npt.NDArray[np.float64]
    unserved_per_s: float


def spread_traffic(
    clients: Sequence[ClientGroup],
    endpoints: Sequence[ZoneEndpoint],
    *,
    path: CrossZonePath | None = None,
    internal_traffic_policy: str = "Cluster",
    capacity_per_s: float | None = None,
) -> TrafficSpread:
    """Send every group's load to the endpoints its node selects, in equal parts.

    Equal parts are what kube-proxy's random choice comes to on average; connections that
    live long pin load and are unevener than this.

    Parameters
    ----------
    clients : sequence of ClientGroup
    endpoints : sequence of ZoneEndpoint
        With the hints that `hint_endpoints` gave them.
    path : CrossZonePath, optional
    internal_traffic_policy : {"Cluster", "Local"}
    capacity_per_s : float, optional
        Requests a second that one endpoint can serve.

    Returns
    -------
    TrafficSpread

    Raises
    ------
    InputError
        If a rate is negative or not finite, or the capacity not above zero.
    """
    path = path or CrossZonePath()
    for group in clients:
        if not math.isfinite(group.rate_per_s) or group.rate_per_s < 0:
            raise InputError("rate_per_s", group.rate_per_s, "a finite number, zero or more")
    if capacity_per_s is not None and not (math.isfinite(capacity_per_s) and capacity_per_s > 0):
        raise InputError("capacity_per_s", capacity_per_s, "a finite number above zero")

    share = np.zeros((len(clients), len(endpoints)))
    modes, reasons = [], []
    for row, group in enumerate(clients):
        chosen = select_endpoints(
            endpoints,
            node=group.node,
            zone=group.zone,
            internal_traffic_policy=internal_traffic_policy,
        )
        modes.append(chosen.mode)
        reasons.append(chosen.reason)
        if chosen.indices:
            share[row, list(chosen.indices)] = 1.0 / len(chosen.indices)

    crosses = np.array(
        [[g.zone is None or g.zone != e.zone for e in endpoints] for g in clients], dtype=bool
    ).reshape(share.shape)
    rate = np.array([group.rate_per_s for group in clients], dtype=float)
    flow = share * rate[:, None]
    load = flow.sum(axis=0)
    served = float(load.sum())
    crossing = float(flow[crosses].sum())
    cross_share = crossing / served if served else math.nan

    billed_bytes = crossing * (path.request_bytes + path.response_bytes)
    monthly_gb = billed_bytes * _SECONDS_PER_HOUR * path.hours_per_month / path.bytes_per_gb
    ready_load = load[[endpoint.ready for endpoint in endpoints]] if endpoints else load
    mean_load = float(ready_load.mean()) if ready_load.size else 0.0

    if capacity_per_s is None:
        utilization = np.full(len(endpoints), math.nan)
        response_us = np.full(len(endpoints), math.nan)
    else:
        utilization = load / capacity_per_s
        headroom = np.maximum(capacity_per_s - load, 0.0)
        response_us = np.divide(
            1e6, headroom, out=np.full(len(endpoints), math.inf), where=headroom > 0
        )
    return TrafficSpread(
        share=share,
        load_per_s=load,
        crosses=crosses,
        modes=tuple(modes),
        reasons=tuple(reasons),
        cross_zone_share=cross_share,
        mean_rtt_us=path.same_zone_rtt_us
        + cross_share * (path.cross_zone_rtt_us - path.same_zone_rtt_us),
        # Out of one zone and into the other: the same byte is charged twice.
        transfer_cost_per_month=monthly_gb * path.price_per_gb_each_way * 2,
        hottest_over_mean=float(ready_load.max()) / mean_load if mean_load else math.nan,
        utilization=utilization,
        response_us=response_us,
        unserved_per_s=float(rate[share.sum(axis=1) == 0].sum()) if len(clients) else 0.0,
    )
