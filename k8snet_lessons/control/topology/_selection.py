"""Which endpoints one node uses: kube-proxy's side of topology.

``CategorizeEndpoints`` and ``topologyModeFromHints`` of pkg/proxy/topology.go. Hints are heeded
all or none: a single ready endpoint without one, and the node routes cluster-wide.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from k8snet_lessons.control.topology._endpoint import ZoneEndpoint
from k8snet_lessons.errors import InputError


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
    mode: Literal["cluster-wide", "same-zone", "same-node", "local"]
    reason: str
    verdict: Literal["forward", "drop", "reject"]


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

    if all(endpoints[index].node_hints for index in ready):
        here = tuple(index for index in ready if node in endpoints[index].node_hints)
        if here:
            return Selection(here, "same-node", f"{_count(here)} hinted for node {node}", "forward")
    if not any(endpoints[index].zone_hints for index in ready):
        why = "no ready endpoint has a zone hint"
    elif not all(endpoints[index].zone_hints for index in ready):
        without = sum(not endpoints[index].zone_hints for index in ready)
        why = f"{without} of {len(ready)} ready endpoints have no zone hint: all are ignored"
    elif not zone:
        why = f"node {node} has no zone label"
    else:
        near = tuple(index for index in ready if zone in endpoints[index].zone_hints)
        if near:
            return Selection(near, "same-zone", f"{_count(near)} hinted for zone {zone}", "forward")
        why = f"no endpoint is hinted for zone {zone}"
    return Selection(tuple(ready), "cluster-wide", why, "forward")


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
