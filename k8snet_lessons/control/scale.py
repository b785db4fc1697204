"""What Services cost a node as they grow in number: first packets, and rules to program.

Two costs, and they are paid by different people. A *first packet* pays for finding its
Service and its endpoint; the packets that follow do not, because the connection's entry in
the conntrack table already says where to go. *Programming* is paid by the node at each change.

The first-packet constants and the loading times are this course's own measurements on a real
kernel (records ``first-packet`` and ``loading``), so the absolute values are that machine's.
"""

import math
from dataclasses import dataclass
from functools import cache
from typing import Literal, get_args

import numpy as np
import numpy.typing as npt

from k8snet_lessons.data.costs import cost
from k8snet_lessons.data.measured import load
from k8snet_lessons.errors import InputError

Mode = Literal["iptables", "nftables", "ipvs", "ebpf"]
Work = Literal["full", "one change"]
Floats = npt.NDArray[np.float64]

MODES: tuple[Mode, ...] = get_args(Mode)
#: Rules that kube-proxy writes into the nat table besides the Services' own.
FIXED_NAT_RULES = 5
#: kube-proxy waits at least this long between two syncs (``iptables.minSyncPeriod``,
#: kubernetes pkg/proxy/apis/config/v1alpha1/defaults.go).
MIN_SYNC_PERIOD_S = 1.0
# The rules a Service with one endpoint has, which is what the record `loading` loaded.
_RULES_MEASURED = 5
# Which series of the record `loading` stands for which work. kube-proxy writes a
# `numgen ... vmap` into each nftables service chain, so the slower of the two nftables
# series is the one that resembles it. IPVS is absent from the kernel that was measured.
_LOADING: dict[tuple[Mode, Work], tuple[str, str]] = {
    ("iptables", "full"): ("full load", "iptables-nft"),
    ("iptables", "one change"): ("dispatch rewritten plus one", "iptables-nft"),
    ("nftables", "full"): ("full load", "nftables, numgen"),
    ("nftables", "one change"): ("one Service added", "nftables, numgen"),
    ("ebpf", "full"): ("full load", "ebpf"),
    ("ebpf", "one change"): ("one Service added", "ebpf"),
}


@dataclass(frozen=True, kw_only=True)
class ServiceLoad:
    """How many Services a node carries and how it is used.

    Parameters
    ----------
    services : int
        ClusterIP Services of one port, 1 to 50,000.
    endpoints_per_service : int
        Ready endpoints of each, 1 to 1,000.
    new_connections_per_s : float
        Connections that this node opens through Services each second.
    requests_per_connection : float
        How many requests share a connection, at least 1.
    changes_per_s : float
        Changes of an endpoint anywhere in the cluster each second: every node programs them.
    """

    services: int = 1_000
    endpoints_per_service: int = 3
    new_connections_per_s: float = 1_000.0
    requests_per_connection: float = 1.0
    changes_per_s: float = 0.1

    def __post_init__(self) -> None:
        _within("services", self.services, 1, 50_000)
        _within("endpoints_per_service", self.endpoints_per_service, 1, 1_000)
        _within("new_connections_per_s", self.new_connections_per_s, 0, 1e6)
        _within("requests_per_connection", self.requests_per_connection, 1, 1e9)
        _within("changes_per_s", self.changes_per_s, 0, 1e4)


def _within(field: str, value: float, low: float, high: float) -> None:
    if isinstance(value, bool) or not low <= value <= high:
        raise InputError(field, value, f"a number from {low:,} to {high:,.0f}")


def nat_rules(services: int, endpoints_per_service: int) -> int:
    """Count the nat rules that kube-proxy's iptables mode writes for ClusterIP Services.

    A Service takes one rule in KUBE-SERVICES and one that marks traffic from outside the
    cluster; an endpoint takes the rule that chooses it, one for a pod that calls itself, and
    the DNAT.

    Source: the counts that kube-proxy's own test of generated rules expects
    (kubernetes pkg/proxy/iptables, TestNumberIptablesRules).
    """
    return FIXED_NAT_RULES + services * (2 + 3 * endpoints_per_service)


def first_packet_us(
    mode: Mode,
    services: npt.ArrayLike,
    endpoints_per_service: int = 1,
    *,
    place: float = 1.0,
) -> Floats:
    """Return what a connection's first packet pays for its Service.

    Parameters
    ----------
    mode : {"iptables", "nftables", "ipvs", "ebpf"}
        iptables with the nft back end.
    services : array_like
        Number of Services.
    endpoints_per_service : int
        Endpoints of the Service that is called. iptables tries them one after the other; the
        mean over a fair choice is returned. A rule that decides by chance is taken to cost as
        much as a rule that compares an address: a simplification.
    place : float
        Where the Service stands in KUBE-SERVICES: 0 the first, 1 the last.

    Returns
    -------
    ndarray
        Microseconds above a connection straight to the pod.
    """
    if mode not in MODES:
        raise InputError("mode", mode, f"one of: {', '.join(MODES)}")
    count = np.asarray(services, dtype=float)
    if mode != "iptables":
        return np.full(count.shape, cost(f"translation.{mode}_us"))
    passed = place * (count - 1) + (endpoints_per_service - 1) / 2
    per_rule_us = cost("translation.iptables.per_service_us")
    return cost("translation.iptables.base_us") + per_rule_us * passed


def sync_s(mode: Mode, services: npt.ArrayLike, endpoints_per_service: int, work: Work) -> Floats:
    """Return how long a node's tools take to write rules, from the record ``loading``.

    Medians of the record are joined by straight lines on logarithmic axes, and continued
    beyond both ends. A full load is measured with one endpoint a Service and scaled by the
    number of rules (iptables) or endpoints' chains (nftables, eBPF).

    Parameters
    ----------
    mode : {"iptables", "nftables", "ipvs", "ebpf"}
    services : array_like
    endpoints_per_service : int
    work : {"full", "one change"}
        ``one change`` is a Service added: under iptables with all of KUBE-SERVICES written
        again, as kube-proxy's minimised restore does.

    Returns
    -------
    ndarray
        Seconds; NaN for IPVS, which the measured kernel does not have. What kube-proxy itself
        needs to compute the rules comes on top.
    """
    count = np.asarray(services, dtype=float)
    if mode == "ipvs":
        return np.full(count.shape, np.nan)
    if work == "full":
        ratio = {
            "iptables": (2 + 3 * endpoints_per_service) / _RULES_MEASURED,
            "nftables": (1 + endpoints_per_service) / 2,
            "ebpf": (1 + endpoints_per_service) / 2,
        }[mode]
        count = count * ratio
    sizes, seconds = _loading_line(mode, work)
    return np.exp(_along(np.log(count), sizes, seconds))


@cache
def _loading_line(mode: Mode, work: Work) -> tuple[Floats, Floats]:
    name, measured = _LOADING[mode, work]
    found = [
        (float(each.where["services"] or 0), each.median)
        for each in load("loading").find(name, mode=measured)
    ]
    points = sorted(found)
    return np.log([size for size, _ in points]), np.log([max(s, 1e-7) for _, s in points])


def _along(x: Floats, xs: Floats, ys: Floats) -> Floats:
    """Piecewise linear through the points; the end pieces go on."""
    piece = np.clip(np.searchsorted(xs, x) - 1, 0, len(xs) - 2)
    slope = np.diff(ys) / np.diff(xs)
    return np.asarray(ys[piece] + slope[piece] * (x - xs[piece]), dtype=float)


@dataclass(frozen=True)
class ScaleCost:
    """What one mode costs one node under a `ServiceLoad`.

    Attributes
    ----------
    first_packet_us : float
        To the last Service; the mean over all Services lies half way for iptables.
    per_request_us : float
        The first packet's cost shared by the requests of a connection, mean over Services.
    full_sync_s, change_s : float
        Writing everything, and writing one change; NaN where it was not measured.
    translation_cores : float
        CPUs busy with first packets.
    sync_cores : float
        CPUs busy with writing changes: 1 when one sync follows the other without a pause.
    """

    mode: Mode
    first_packet_us: float
    per_request_us: float
    full_sync_s: float
    change_s: float
    translation_cores: float
    sync_cores: float


def scale_cost(mode: Mode, load: ServiceLoad) -> ScaleCost:
    """Put both costs of a mode together.

    Changes that arrive while kube-proxy waits or writes are written together, so there is at
    most one sync a second (its ``minSyncPeriod``), and never more than one at a time.
    """
    n, each = load.services, load.endpoints_per_service
    mean_us = float(first_packet_us(mode, n, each, place=0.5))
    change = float(sync_s(mode, n, each, "one change"))
    batches_per_s = min(load.changes_per_s, 1 / MIN_SYNC_PERIOD_S)
    busy = change * batches_per_s
    return ScaleCost(
        mode=mode,
        first_packet_us=float(first_packet_us(mode, n, each)),
        per_request_us=mean_us / load.requests_per_connection,
        full_sync_s=float(sync_s(mode, n, each, "full")),
        change_s=change,
        translation_cores=load.new_connections_per_s * mean_us / 1e6,
        sync_cores=busy if math.isnan(busy) else min(busy, 1.0),
    )
