"""What the control plane fills in: nodes, pods, addresses, ports, EndpointSlices.

Everything here depends only on the objects given, by name:

- No Node declared: nodes that pods or endpoints mention, else ``node-1`` and ``node-2``.
- A node without an address gets the next of 192.168.1.11, 192.168.1.12, …; one without a pod
  block gets the next /24 of the cluster's (IPv6: /64), or a larger one where it has more pods.
- A pod of a workload goes to the nodes that take it in turn. Its address is a hash of its
  name inside its node's block; a host-network pod has its node's.
- A Service's cluster IP is a hash of its name inside the service block, a node port one of
  30086 to 32767. Load-balancer addresses are never made up: a cloud gives them, in ``status``.
- Objects without a namespace are in ``default``.
"""

import copy
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from ipaddress import ip_network
from typing import Any, TypeAlias

from lightkube.models import core_v1, meta_v1, networking_v1

from k8snet_lessons.cluster import _addresses as addresses
from k8snet_lessons.cluster import _slices as slices
from k8snet_lessons.cluster import _workloads as workloads
from k8snet_lessons.cluster._addresses import Family, Network, span, version
from k8snet_lessons.cluster._nodes import complete_nodes, give_addresses
from k8snet_lessons.cluster._services import complete_services
from k8snet_lessons.cluster._syntax import parse_network
from k8snet_lessons.cluster.model import (
    Cluster,
    OpaqueObject,
    cluster_ips,
    node_addresses,
    pod_addresses,
    slice_service,
)

Objects: TypeAlias = Mapping[str, Mapping[str, Any]]

_KNOWN = frozenset(
    {
        *workloads.KINDS,
        "Namespace",
        "Node",
        "Pod",
        "Service",
        "EndpointSlice",
        "Endpoints",
        "Ingress",
        "IngressClass",
        "Gateway",
        "GatewayClass",
        "HTTPRoute",
        "NetworkPolicy",
    }
)


@dataclass(frozen=True, slots=True)
class Options:
    """Blocks asked for by the caller."""

    pod_cidrs: Mapping[Family, Network]
    service_cidrs: Mapping[Family, Network]

    @classmethod
    def checked(cls, pod_cidrs: Iterable[str], service_cidrs: Iterable[str]) -> "Options":
        """Read the blocks; InputError if one is no CIDR block or a family comes twice."""
        return cls(
            addresses.by_family(pod_cidrs, "pod_cidrs"),
            addresses.by_family(service_cidrs, "service_cidrs"),
        )


def complete(
    given: Objects,
    opaque: tuple[OpaqueObject, ...],
    notes: list[str],
    options: Options,
) -> Cluster:
    """Fill in what the objects leave out and build the cluster.

    Parameters
    ----------
    given : mapping of kind to mapping of scope to model
        Not changed: what needs changing is copied.
    opaque : tuple of OpaqueObject
    notes : list of str
        Assumptions made here are added.
    options : Options

    Returns
    -------
    Cluster
    """
    pods = {scope: _own_copy(pod, scope) for scope, pod in given.get("Pod", {}).items()}
    given_slices = [
        _in_namespace(item, scope) for scope, item in given.get("EndpointSlice", {}).items()
    ]
    for scope, item in given.get("Endpoints", {}).items():
        given_slices += slices.mirror(item, scope.partition("/")[0])
    families = _families(given, pods, options)
    nodes = complete_nodes(given.get("Node", {}), pods, given_slices, families, notes)
    pods |= workloads.make_pods(given, pods, nodes)
    pod_blocks = give_addresses(pods, nodes, given_slices, families, options.pod_cidrs, notes)
    service_blocks = _service_blocks(given, families, options)
    services = complete_services(given.get("Service", {}), service_blocks, notes)
    covered = {slice_service(item) for item in given_slices}
    to_derive = {
        scope: service
        for scope, service in services.items()
        if service.spec.selector and service.spec.type != "ExternalName" and scope not in covered
    }
    derived = slices.derive(to_derive, slices.PodIndex(pods), nodes)
    return Cluster(
        namespaces=_namespaces(given, pods),
        nodes=nodes,
        pods=pods,
        services=services,
        endpoint_slices=(*given_slices, *derived),
        ingresses=given.get("Ingress", {}),
        ingress_classes=given.get("IngressClass", {}),
        gateways=given.get("Gateway", {}),
        gateway_classes=given.get("GatewayClass", {}),
        http_routes=given.get("HTTPRoute", {}),
        network_policies={
            scope: _with_spec(policy) for scope, policy in given.get("NetworkPolicy", {}).items()
        },
        workloads={
            f"{kind} {scope}": item
            for kind in workloads.KINDS
            for scope, item in given.get(kind, {}).items()
        },
        typed_others={
            f"{kind} {scope}": item
            for kind, items in given.items()
            if kind not in _KNOWN
            for scope, item in items.items()
        },
        others=opaque,
        pod_cidrs=tuple(str(pod_blocks[family]) for family in families),
        service_cidrs=tuple(str(service_blocks[family]) for family in families),
        notes=tuple(notes),
    )


def _own_copy(obj: Any, scope: str) -> Any:
    obj = _in_namespace(obj, scope)
    obj.spec = copy.copy(obj.spec)
    obj.status = copy.copy(obj.status)
    return obj


def _in_namespace(obj: Any, scope: str) -> Any:
    namespace, _, name = scope.partition("/")
    obj = copy.copy(obj)
    obj.metadata = copy.copy(obj.metadata)
    obj.metadata.namespace = namespace
    obj.metadata.name = name
    return obj


def _with_spec(policy: Any) -> Any:
    if policy.spec is not None and policy.spec.podSelector is not None:
        return policy
    policy = copy.copy(policy)
    spec = policy.spec or networking_v1.NetworkPolicySpec(podSelector=meta_v1.LabelSelector())
    spec = copy.copy(spec)
    spec.podSelector = spec.podSelector or meta_v1.LabelSelector()
    policy.spec = spec
    return policy


def _families(given: Objects, pods: Mapping[str, Any], options: Options) -> tuple[Family, ...]:
    """Address families of the cluster: IPv4, and IPv6 where anything asks for it."""
    wished: set[Family] = set()
    have: set[Family] = {*options.pod_cidrs, *options.service_cidrs}
    for service in given.get("Service", {}).values():
        spec = service.spec
        wished |= {6 if family == "IPv6" else 4 for family in spec.ipFamilies or []}
        have |= {version(text) for text in cluster_ips(service)}
        if spec.ipFamilyPolicy == "RequireDualStack":
            wished |= {4, 6}
    for pod in pods.values():
        have |= {version(text) for text in pod_addresses(pod)}
    for node in given.get("Node", {}).values():
        blocks = [*(node.spec.podCIDRs or []), node.spec.podCIDR or ""] if node.spec else []
        have |= {version(text) for text in blocks if text}
        have |= {version(text) for text in node_addresses(node)}
    if have == {6} and 4 not in wished:
        return (6,)
    return (4, 6) if 6 in have | wished else (4,)


def _service_blocks(
    given: Objects, families: tuple[Family, ...], options: Options
) -> dict[Family, Network]:
    declared: dict[Family, Network] = {}
    for item in given.get("ServiceCIDR", {}).values():
        for text in (item.spec.cidrs if item.spec else None) or []:
            network = parse_network(text)
            if network is not None:
                declared.setdefault(network.version, network)
    known = span(
        text for service in given.get("Service", {}).values() for text in cluster_ips(service)
    )
    blocks: dict[Family, Network] = {}
    for family in families:
        default = ip_network(addresses.DEFAULT_SERVICE_CIDR[family])
        blocks[family] = (
            options.service_cidrs.get(family)
            or declared.get(family)
            or addresses.enclosing_block(default, known)
            or default
        )
    return blocks


def _namespaces(given: Objects, pods: Mapping[str, Any]) -> dict[str, Any]:
    named = dict(given.get("Namespace", {}))
    scopes = [*pods, *(scope for kind in given for scope in given[kind] if "/" in scope)]
    for name in ("default", *(scope.partition("/")[0] for scope in scopes)):
        if name not in named:
            named[name] = core_v1.Namespace(
                apiVersion="v1", kind="Namespace", metadata=meta_v1.ObjectMeta(name=name)
            )
    return named
