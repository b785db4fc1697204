"""Which endpoints one node uses: kube-proxy's side of topology.

``CategorizeEndpoints`` and ``topologyModeFromHints`` of pkg/proxy/topology.go. Hints are heeded
all or none: a single ready endpoint without one, and the node routes cluster-wide.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, TypeAlias

from k8snet_lessons.control.topology._endpoint import ZoneEndpoint
from k8snet_lessons.errors import InputError

Mode: TypeAlias = Literal["cluster-wide", "same-zone", "same-node", "local"]


@dataclass(frozen=True, slots=True)
class Selection:
    """The endpoints a connection from this node may reach.

    Attributes
    ----------
    indices : tuple of int
        Which of the endpoints given, in order.
    mode : {"cluster-wide", "same-zone", "same-node", "local"}
    reason : str
        Why this mode.
    verdict : {"forward", "drop", "reject"}
        What becomes of a connection. No endpoint anywhere is a rejection, which the
        client sees at once; endpoints that the policy ``Local`` hides are a drop, which it
        sees as a time-out.
    """

    indices: tuple[int, ...]
    mode: Mode
    reason: str
    verdict: Literal["forward", "drop", "reject"]


def heed_hints(
    hints: Sequence[tuple[tuple[str, ...], tuple[str, ...]]], node: str, zone: str | None
) -> tuple[Mode, tuple[int, ...]]:
    """Say which of the ready endpoints their hints leave to a node, and by which kind of hint.

    Parameters
    ----------
    hints : sequence of (zones, nodes)
        Of each ready endpoint.
    node : str
    zone : str or None
        None or empty without a zone label.

    Returns
    -------
    mode : {"same-node", "same-zone", "cluster-wide"}
    indices : tuple of int
    """
    if all(nodes for _, nodes in hints):
        here = tuple(index for index, (_, nodes) in enumerate(hints) if node in nodes)
        if here:
            return "same-node", here
    if zone and all(zones for zones, _ in hints):
        near = tuple(index for index, (zones, _) in enumerate(hints) if zone in zones)
        if near:
            return "same-zone", near
    return "cluster-wide", tuple(range(len(hints)))


def select_endpoints(
    endpoints: Sequence[ZoneEndpoint],
    *,
    node: str,
    zone: str | None,
    internal_traffic_policy: str = "Cluster",
) -> Selection:
    """Choose the endpoints that kube-proxy programs on one node.

    Parameters
    ----------
    endpoints : sequence of ZoneEndpoint
    node : str
        Name of the node.
    zone : str or None
        Its ``topology.kubernetes.io/zone`` label.
    internal_traffic_policy : {"Cluster", "Local"}
        ``Local`` looks at this node's endpoints alone and at no hints.

    Returns
    -------
    Selection

    Raises
    ------
    InputError
        If `internal_traffic_policy` is neither of the two.
    """
    if internal_traffic_policy == "Local":
        return _local(endpoints, node)
    if internal_traffic_policy != "Cluster":
        raise InputError("spec.internalTrafficPolicy", internal_traffic_policy, "Cluster, Local")

    ready = [index for index, endpoint in enumerate(endpoints) if endpoint.ready]
    if not ready:
        leaving = _leaving(endpoints)
        if not leaving:
            return Selection((), "cluster-wide", "no endpoint is ready or serving", "reject")
        return Selection(
            leaving,
            "cluster-wide",
            "no endpoint is ready: those that serve while they terminate are used",
            "forward",
        )

    hints = [(endpoints[index].zone_hints, endpoints[index].node_hints) for index in ready]
    mode, places = heed_hints(hints, node, zone)
    chosen = tuple(ready[place] for place in places)
    why = {
        "same-node": f"{_count(chosen)} hinted for node {node}",
        "same-zone": f"{_count(chosen)} hinted for zone {zone}",
    }.get(mode) or _why_cluster_wide([zones for zones, _ in hints], node, zone)
    return Selection(chosen, mode, why, "forward")


def _why_cluster_wide(zone_hints: Sequence[tuple[str, ...]], node: str, zone: str | None) -> str:
    if not any(zone_hints):
        return "no ready endpoint has a zone hint"
    if not all(zone_hints):
        without = sum(not zones for zones in zone_hints)
        return f"{without} of {len(zone_hints)} ready endpoints have no zone hint: all are ignored"
    if not zone:
        return f"node {node} has no zone label"
    return f"no endpoint is hinted for zone {zone}"


def _count(indices: Sequence[int]) -> str:
    return "1 endpoint is" if len(indices) == 1 else f"{len(indices)} endpoints are"


def _leaving(endpoints: Sequence[ZoneEndpoint]) -> tuple[int, ...]:
    return tuple(
        index
        for index, endpoint in enumerate(endpoints)
        if not endpoint.ready and endpoint.serving and endpoint.terminating
    )


def _local(endpoints: Sequence[ZoneEndpoint], node: str) -> Selection:
    here = tuple(i for i, e in enumerate(endpoints) if e.ready and e.node == node)
    if here:
        return Selection(here, "local", f"ready endpoints on node {node}", "forward")
    leaving = tuple(i for i in _leaving(endpoints) if endpoints[i].node == node)
    if leaving:
        return Selection(
            leaving, "local", f"only terminating endpoints are left on node {node}", "forward"
        )
    if any(e.ready for e in endpoints) or _leaving(endpoints):
        return Selection(
            (), "local", f"no endpoint on node {node}, and Local never looks further", "drop"
        )
    return Selection((), "local", "no endpoint is ready or serving", "reject")
