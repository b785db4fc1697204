"""Clusters of any size, made up but reproducible, for tests, benchmarks and lessons."""

from ipaddress import ip_address
from typing import Any

import numpy as np
from lightkube.models import core_v1, discovery_v1, meta_v1

from k8snet_lessons.cluster.model import Cluster
from k8snet_lessons.errors import InputError

_POD_BLOCK, _SERVICE_BLOCK = "10.128.0.0/9", "10.0.0.0/9"
_MAX_SERVICES, _MAX_ENDPOINTS = 30_000, 4_000_000
_TYPES = ("ClusterIP", "NodePort", "LoadBalancer")


def synthetic_cluster(
    services: int = 10,
    endpoints: int = 3,
    *,
    nodes: int = 3,
    service_type: str = "ClusterIP",
    affinity: bool = False,
    seed: int = 0,
) -> Cluster:
    """Make a cluster of so many Services with so many endpoints each.

    There are EndpointSlices but no pods, as in kube-proxy's own scale tests: what a node
    programs depends on nothing else.

    Parameters
    ----------
    services : int
        From 0 to 30,000.
    endpoints : int
        Endpoints of each Service.
    nodes : int, optional
        Endpoints are spread over them at random.
    service_type : {"ClusterIP", "NodePort", "LoadBalancer"}, optional
        LoadBalancers have an address of 203.0.113.0/24 and on in their status.
    affinity : bool, optional
        Whether Services have session affinity.
    seed : int, optional
        For the spread over nodes.

    Returns
    -------
    Cluster

    Raises
    ------
    InputError
        If a number is out of range.
    """
    _check(services, endpoints, nodes, service_type)
    names = [f"node-{index}" for index in range(nodes)]
    zones = [f"zone-{'abc'[index % 3]}" for index in range(nodes)]
    placed = np.random.default_rng(seed).integers(nodes, size=(services, endpoints)).tolist()
    first_pod = int(ip_address("10.128.0.2"))
    models: dict[str, Any] = {}
    slices: list[Any] = []
    ready = discovery_v1.EndpointConditions(ready=True, serving=True, terminating=False)
    for index in range(services):
        scope, service = _service(index, service_type, affinity)
        models[scope] = service
        addresses = range(first_pod + index * endpoints, first_pod + (index + 1) * endpoints)
        entries = [
            discovery_v1.Endpoint(
                addresses=[_dotted(address)],
                conditions=ready,
                nodeName=names[node],
                zone=zones[node],
            )
            for address, node in zip(addresses, placed[index], strict=True)
        ]
        slices.append(
            discovery_v1.EndpointSlice(
                addressType="IPv4",
                endpoints=entries,
                apiVersion="discovery.k8s.io/v1",
                kind="EndpointSlice",
                metadata=meta_v1.ObjectMeta(
                    name=f"{service.metadata.name}-1",
                    namespace=service.metadata.namespace,
                    labels={"kubernetes.io/service-name": service.metadata.name},
                ),
                ports=[discovery_v1.EndpointPort(name="http", protocol="TCP", port=8080)],
            )
        )
    return Cluster(
        namespaces={
            name: core_v1.Namespace(metadata=meta_v1.ObjectMeta(name=name))
            for name in {service.metadata.namespace for service in models.values()}
        },
        nodes={
            name: _node(name, zone, index)
            for index, (name, zone) in enumerate(zip(names, zones, strict=True))
        },
        services=models,
        endpoint_slices=tuple(slices),
        pod_cidrs=(_POD_BLOCK,),
        service_cidrs=(_SERVICE_BLOCK,),
    )


def _check(services: int, endpoints: int, nodes: int, service_type: str) -> None:
    if not 0 <= services <= _MAX_SERVICES:
        raise InputError("services", services, f"a whole number from 0 to {_MAX_SERVICES}")
    if endpoints < 0 or services * endpoints > _MAX_ENDPOINTS:
        raise InputError("endpoints", endpoints, f"0 or more, {_MAX_ENDPOINTS} in all")
    if not 1 <= nodes <= 5000:
        raise InputError("nodes", nodes, "a whole number from 1 to 5000")
    if service_type not in _TYPES:
        raise InputError("service_type", service_type, " or ".join(_TYPES))


def _dotted(number: int) -> str:
    return f"{number >> 24}.{number >> 16 & 255}.{number >> 8 & 255}.{number & 255}"


def _service(index: int, service_type: str, affinity: bool) -> tuple[str, Any]:
    namespace, name = f"ns-{index % 50}", f"svc-{index}"
    outside = service_type != "ClusterIP"
    # Every Service takes its own address, then its own node port; past 30000 + 2767 node
    port = core_v1.ServicePort(
        name="http",
        protocol="TCP",
        port=80,
        targetPort=8080,
        nodePort=30000 + index if outside else None,
    )
    spec = core_v1.ServiceSpec(
        type=service_type,
        clusterIP=_dotted(int(ip_address("10.0.0.10")) + index),
        clusterIPs=[_dotted(int(ip_address("10.0.0.10")) + index)],
        ipFamilies=["IPv4"],
        ports=[port],
        sessionAffinity="ClientIP" if affinity else "None",
        sessionAffinityConfig=core_v1.SessionAffinityConfig(
            clientIP=core_v1.ClientIPConfig(timeoutSeconds=10_800)
        )
        if affinity
        else None,
        internalTrafficPolicy="Cluster",
        externalTrafficPolicy="Cluster" if outside else None,
    )
    status = None
    if service_type == "LoadBalancer":
        address = _dotted(int(ip_address("203.0.113.1")) + index)
        status = core_v1.ServiceStatus(
            loadBalancer=core_v1.LoadBalancerStatus(
                ingress=[core_v1.LoadBalancerIngress(ip=address)]
            )
        )
    meta = meta_v1.ObjectMeta(name=name, namespace=namespace)
    model = core_v1.Service(
        apiVersion="v1", kind="Service", metadata=meta, spec=spec, status=status
    )
    return f"{namespace}/{name}", model


def _node(name: str, zone: str, index: int) -> Any:
    labels = {"kubernetes.io/hostname": name, "topology.kubernetes.io/zone": zone}
    address = core_v1.NodeAddress(
        address=_dotted(int(ip_address("192.168.1.11")) + index), type="InternalIP"
    )
    return core_v1.Node(
        apiVersion="v1",
        kind="Node",
        metadata=meta_v1.ObjectMeta(name=name, labels=labels),
        spec=core_v1.NodeSpec(),
        status=core_v1.NodeStatus(addresses=[address]),
    )
