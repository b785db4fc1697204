"""Zone hints for Services that ask for them by annotation (``topology-mode: Auto``).

The EndpointSlice controller writes them into slices. Slices that a manifest gives keep what
they say; those that were derived from pods get here what the controller would write, because
it takes the CPU of every zone to work it out.
"""

from collections.abc import Mapping
from typing import Any, TypeAlias

from k8snet_lessons.cluster import Cluster, slice_service
from k8snet_lessons.control.topology import (
    annotation_enables_hints,
    cpus_of,
    hint_endpoints,
    zone_endpoint,
)

# Service, address family, address: the zones it is meant for.
ZoneHints: TypeAlias = Mapping[tuple[str, str, str], tuple[str, ...]]

_MANAGED_BY = "endpointslice.kubernetes.io/managed-by"
_CONTROLLER = "endpointslice-controller.k8s.io"


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
    cpus = cpus_of(cluster)
    found: dict[tuple[str, str, str], tuple[str, ...]] = {}
    groups: dict[tuple[str, str], list[Any]] = {}
    for item in cluster.endpoint_slices:
        scope = slice_service(item)
        labels = item.metadata.labels or {}
        if scope in asking and labels.get(_MANAGED_BY) == _CONTROLLER:
            groups.setdefault((scope, item.addressType), []).extend(item.endpoints or [])
    for (scope, family), endpoints in groups.items():
        hinted = hint_endpoints(
            [zone_endpoint(endpoint) for endpoint in endpoints],
            annotations=asking[scope].metadata.annotations,
            cpus=cpus,
        )
        for endpoint in hinted.endpoints:
            found[scope, family, endpoint.address] = endpoint.zone_hints
    return found
