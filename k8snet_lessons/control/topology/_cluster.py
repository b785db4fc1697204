"""The same questions asked of manifests: endpoints, CPUs and hints of a declared Service."""

from dataclasses import replace
from decimal import Decimal, InvalidOperation
from typing import Any

from k8snet_lessons.cluster import Cluster
from k8snet_lessons.control.topology._distribution import HintedEndpoints, hint_endpoints
from k8snet_lessons.control.topology._endpoint import ZoneEndpoint
from k8snet_lessons.control.topology._hints import NodeCpu, zone_cpus
from k8snet_lessons.errors import InputError

ZONE_LABEL = "topology.kubernetes.io/zone"
_SUFFIXES = {"n": Decimal("1e-9"), "u": Decimal("1e-6"), "m": Decimal("1e-3"), "k": Decimal(1000)}


def endpoints_of(cluster: Cluster, service: str) -> tuple[ZoneEndpoint, ...]:
    """List a Service's endpoints with the hints that stand in its EndpointSlices.

    Parameters
    ----------
    cluster : Cluster
    service : str
        ``"namespace/name"``.

    Returns
    -------
    tuple of ZoneEndpoint

    Raises
    ------
    InputError
        If there is no such Service.
    """
    cluster.service(service)
    return tuple(
        zone_endpoint(each)
        for endpoint_slice in cluster.slices_of(service)
        for each in endpoint_slice.endpoints or []
    )


def zone_endpoint(endpoint: Any) -> ZoneEndpoint:
    """Read one endpoint of an EndpointSlice; what its conditions leave out means ready."""
    conditions, hints = endpoint.conditions, endpoint.hints
    ready = conditions is None or conditions.ready is not False
    return ZoneEndpoint(
        zone=endpoint.zone or None,
        node=endpoint.nodeName,
        # Further addresses have no meaning (discovery/v1 types.go).
        address=endpoint.addresses[0],
        ready=ready,
        serving=ready
        if conditions is None or conditions.serving is None
        else bool(conditions.serving),
        terminating=bool(conditions is not None and conditions.terminating),
        zone_hints=tuple(z.name for z in (hints.forZones if hints else None) or []),
        node_hints=tuple(n.name for n in (hints.forNodes if hints else None) or []),
    )


def cpus_of(cluster: Cluster) -> dict[str, float]:
    """Add up each zone's allocatable CPU, as `zone_cpus` counts it.

    A node whose status does not say that it is not ready counts as ready: manifests seldom
    carry a status.

    Parameters
    ----------
    cluster : Cluster

    Returns
    -------
    dict of str to float
        Empty where some node has no zone or no CPU.
    """
    nodes = []
    for name, node in sorted(cluster.nodes.items()):
        status = node.status
        conditions = (status.conditions if status else None) or []
        allocatable = (status.allocatable if status else None) or {}
        nodes.append(
            NodeCpu(
                zone=(node.metadata.labels or {}).get(ZONE_LABEL),
                cpus=_cores(str(allocatable.get("cpu", "0")), name),
                ready=all(c.status == "True" for c in conditions if c.type == "Ready"),
                labels=node.metadata.labels or {},
            )
        )
    return zone_cpus(nodes)


def hint_service(cluster: Cluster, service: str) -> HintedEndpoints:
    """Write the hints of a declared Service anew, by its annotations and its field.

    The controller shares out each address family for itself.

    Parameters
    ----------
    cluster : Cluster
    service : str
        ``"namespace/name"``.

    Returns
    -------
    HintedEndpoints
        In the order of `endpoints_of`; heuristic and reason are those of the first family.

    Raises
    ------
    InputError
    """
    declared = cluster.service(service)
    families: dict[str, list[ZoneEndpoint]] = {}
    order: list[str] = []
    for endpoint_slice in cluster.slices_of(service):
        for each in endpoint_slice.endpoints or []:
            order.append(endpoint_slice.addressType)
            families.setdefault(order[-1], []).append(zone_endpoint(each))
    hinted = {
        family: hint_endpoints(
            members,
            traffic_distribution=declared.spec.trafficDistribution,
            annotations=declared.metadata.annotations or {},
            cpus=cpus_of(cluster),
        )
        for family, members in (families or {"IPv4": []}).items()
    }
    queues = {family: iter(each.endpoints) for family, each in hinted.items()}
    first = next(iter(hinted.values()))
    return replace(first, endpoints=tuple(next(queues[family]) for family in order))


def _cores(quantity: str, node: str) -> float:
    scale = _SUFFIXES.get(quantity[-1:], Decimal(1))
    digits = quantity[:-1] if quantity[-1:] in _SUFFIXES else quantity
    try:
        cores = Decimal(digits) * scale
    except InvalidOperation:
        cores = Decimal(-1)
    if not cores.is_finite() or cores < 0:
        raise InputError(f"allocatable cpu of node {node}", quantity, "such as 4 or 3920m")
    return float(cores)
