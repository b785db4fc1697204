"""Zone hints for Services that ask for them by annotation (``topology-mode: Auto``).

The EndpointSlice controller writes them into slices. Slices that a manifest gives keep what
they say; those that were derived from pods get here what the controller would write, because
it takes the CPU of every zone to work it out.
"""

import re
from collections.abc import Mapping
from typing import Any, TypeAlias

from k8snet_lessons.cluster import Cluster, slice_service
from k8snet_lessons.control.topology import (
    NodeCpu,
    ZoneEndpoint,
    annotation_enables_hints,
    hint_endpoints,
    zone_cpus,
)

# Service, address family, address: the zones it is meant for.
ZoneHints: TypeAlias = Mapping[tuple[str, str, str], tuple[str, ...]]

_MANAGED_BY = "endpointslice.kubernetes.io/managed-by"
_CONTROLLER = "endpointslice-controller.k8s.io"
_QUANTITY = re.compile(r"([0-9]*\.?[0-9]+)(m?)\Z")


def annotated_hints(cluster: Cluster) -> ZoneHints:
    """Work out the hints of all derived slices whose Service has the annotation.

    Parameters
    ----------
    cluster : Cluster
        Nodes need a zone label and ``status.allocatable.cpu``; one without either means that
        no Service gets hints, as in the real controller.

    Returns
    -------
    mapping
    """
    asking = {
        scope: service
        for scope, service in cluster.services.items()
        if annotation_enables_hints(service.metadata.annotations or {})
    }
    if not asking:
        return {}
    cpus = zone_cpus(_node_cpu(node) for node in cluster.nodes.values())
    found: dict[tuple[str, str, str], tuple[str, ...]] = {}
    groups: dict[tuple[str, str], list[Any]] = {}
    for item in cluster.endpoint_slices:
        scope = slice_service(item)
        labels = item.metadata.labels or {}
        if scope in asking and labels.get(_MANAGED_BY) == _CONTROLLER:
            groups.setdefault((scope, item.addressType), []).extend(item.endpoints or [])
    for (scope, family), endpoints in groups.items():
        hinted = hint_endpoints(
            [_zone_endpoint(endpoint) for endpoint in endpoints],
            annotations=asking[scope].metadata.annotations,
            cpus=cpus,
        )
        for endpoint in hinted.endpoints:
            found[scope, family, endpoint.address] = endpoint.zone_hints
    return found


def _zone_endpoint(endpoint: Any) -> ZoneEndpoint:
    conditions = endpoint.conditions
    return ZoneEndpoint(
        zone=endpoint.zone,
        node=endpoint.nodeName,
        address=endpoint.addresses[0],
        ready=conditions is None or conditions.ready is not False,
    )


def _node_cpu(node: Any) -> NodeCpu:
    labels = node.metadata.labels or {}
    status = node.status
    amount = ((status.allocatable if status else None) or {}).get("cpu", "0")
    ready = all(
        condition.status == "True"
        for condition in (status.conditions if status else None) or []
        if condition.type == "Ready"
    )
    zone = labels.get("topology.kubernetes.io/zone")
    return NodeCpu(zone=zone, cpus=_cpus(amount), ready=ready, labels=labels)


def _cpus(amount: Any) -> float:
    """Read a CPU quantity: ``4``, ``"3.5"``, ``"3920m"``; 0 for anything else."""
    match = _QUANTITY.match(str(amount))
    if match is None:
        return 0.0
    number = float(match.group(1))
    return number / 1000 if match.group(2) else number
