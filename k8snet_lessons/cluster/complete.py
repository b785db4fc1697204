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
import math
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from ipaddress import IPv4Network, IPv6Network, ip_address, ip_network
from typing import Any, TypeAlias

from lightkube.models import core_v1, meta_v1, networking_v1

from k8snet_lessons.cluster import _addresses as addresses
from k8snet_lessons.cluster import _slices as slices
from k8snet_lessons.cluster import _workloads as workloads
from k8snet_lessons.cluster._addresses import AddressPool, Family, Network
from k8snet_lessons.cluster._services import complete_services
from k8snet_lessons.cluster._syntax import parse_address, parse_network
from k8snet_lessons.cluster.model import (
    Cluster,
    OpaqueObject,
    cluster_ips,
    node_addresses,
    pod_addresses,
    slice_service,
)

Objects: TypeAlias = Mapping[str, Mapping[str, Any]]

_WIDEST: dict[int, int] = {4: 8, 6: 32}
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
    nodes = _nodes(given.get("Node", {}), pods, given_slices, families, notes)
    pods |= workloads.make_pods(given, pods, nodes)
    _place(pods, nodes, notes)
    crowd = _most_on_a_node(pods)
    lengths = {4: min(24, 32 - math.ceil(math.log2(1.25 * crowd + 4))), 6: 64}
    pod_blocks = _pod_blocks(nodes, pods, given_slices, families, options, notes, lengths)
    _give_pod_blocks(nodes, pod_blocks, lengths)
    _give_pod_addresses(pods, nodes, families)
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
        have |= {_version(text) for text in cluster_ips(service)}
        if spec.ipFamilyPolicy == "RequireDualStack":
            wished |= {4, 6}
    for pod in pods.values():
        have |= {_version(text) for text in pod_addresses(pod)}
    for node in given.get("Node", {}).values():
        blocks = [*(node.spec.podCIDRs or []), node.spec.podCIDR or ""] if node.spec else []
        have |= {_version(text) for text in blocks if text}
        have |= {_version(text) for text in node_addresses(node)}
    if have == {6} and 4 not in wished:
        return (6,)
    return (4, 6) if 6 in have | wished else (4,)


def _version(text: str) -> Family:
    return 6 if ":" in text else 4


def _nodes(
    given: Mapping[str, Any],
    pods: Mapping[str, Any],
    given_slices: Iterable[Any],
    families: tuple[Family, ...],
    notes: list[str],
) -> dict[str, Any]:
    mentioned = [pod.spec.nodeName for pod in pods.values()]
    mentioned += [e.nodeName for item in given_slices for e in item.endpoints or []]
    names = dict.fromkeys([*given, *(name for name in mentioned if name)])
    if not names:
        names = dict.fromkeys(["node-1", "node-2"])
        notes.append("no Node is declared: node-1 and node-2 are assumed")
    used = {text for node in given.values() for text in node_addresses(node)}
    nodes: dict[str, Any] = {}
    for index, name in enumerate(names):
        node: Any = copy.copy(given.get(name)) or core_v1.Node(
            apiVersion="v1", kind="Node", metadata=meta_v1.ObjectMeta(name=name)
        )
        node.metadata = copy.copy(node.metadata)
        node.metadata.labels = {"kubernetes.io/hostname": name, **(node.metadata.labels or {})}
        node.spec = copy.copy(node.spec) or core_v1.NodeSpec()
        node.status = copy.copy(node.status) or core_v1.NodeStatus()
        have = {_version(text) for text in node_addresses(node)}
        entries = list(node.status.addresses or [])
        for family in families:
            if family not in have:
                text = _node_address(family, index, used)
                entries.append(core_v1.NodeAddress(address=text, type="InternalIP"))
        node.status.addresses = entries
        nodes[name] = node
    return nodes


def _node_address(family: Family, index: int, used: set[str]) -> str:
    base = int(ip_network(addresses.NODE_SUBNET[family]).network_address)
    offset = (267 if family == 4 else 11) + index
    while str(ip_address(base + offset)) in used:
        offset += 1
    text = str(ip_address(base + offset))
    used.add(text)
    return text


def _pod_blocks(
    nodes: Mapping[str, Any],
    pods: Mapping[str, Any],
    given_slices: Iterable[Any],
    families: tuple[Family, ...],
    options: Options,
    notes: list[str],
    lengths: Mapping[int, int],
) -> dict[Family, Network]:
    """Find the block that holds the cluster's pods, for each family."""
    hosts = {text for node in nodes.values() for text in node_addresses(node)}
    known: list[Network] = []
    for node in nodes.values():
        known += [block for text in _blocks_of(node) if (block := parse_network(text))]
    seen = {text for pod in pods.values() for text in pod_addresses(pod)}
    for item in given_slices:
        if item.addressType != "FQDN":
            seen |= {e.addresses[0] for e in item.endpoints or [] if e.nodeName or e.targetRef}
    known += _ends(seen - hosts)
    blocks: dict[Family, Network] = {}
    for family in families:
        default = ip_network(addresses.DEFAULT_POD_CIDR[family])
        if (
            len(nodes) * 2 ** max(0, default.max_prefixlen - lengths[family])
            > default.num_addresses
        ):
            default = ip_network(addresses.LARGE_POD_CIDR[family])
        found = options.pod_cidrs.get(family) or addresses.enclosing_block(
            default, known, _WIDEST[family]
        )
        if found is None:
            notes.append(
                f"pod addresses are too far apart for one block: {default} is taken; "
                "pass pod_cidrs to say otherwise"
            )
        blocks[family] = found or default
    return blocks


def _block(version: int, number: int, length: int) -> Network:
    return IPv4Network((number, length)) if version == 4 else IPv6Network((number, length))


def _ends(texts: Iterable[str]) -> list[Network]:
    """The lowest and highest address of each family, as blocks of one."""
    parsed = [address for text in texts if (address := parse_address(text)) is not None]
    ends: list[Network] = []
    for version in (4, 6):
        numbers = [int(address) for address in parsed if address.version == version]
        if numbers:
            bits = 32 if version == 4 else 128
            ends += [_block(version, n, bits) for n in (min(numbers), max(numbers))]
    return ends


def _blocks_of(node: Any) -> list[str]:
    listed = list(node.spec.podCIDRs or [])
    if node.spec.podCIDR and node.spec.podCIDR not in listed:
        listed.insert(0, node.spec.podCIDR)
    return listed


def _give_pod_blocks(
    nodes: Mapping[str, Any],
    pod_blocks: Mapping[Family, Network],
    lengths: Mapping[int, int],
) -> None:
    taken = {text for node in nodes.values() for text in _blocks_of(node)}
    for family, block in pod_blocks.items():
        length = max(lengths[family], block.prefixlen)
        free = (str(part) for part in block.subnets(new_prefix=length) if str(part) not in taken)
        for node in nodes.values():
            listed = _blocks_of(node)
            if not any(_version(text) == family for text in listed):
                listed.append(next(free, str(block)))
            node.spec.podCIDRs = sorted(listed, key=_version)
            node.spec.podCIDR = node.spec.podCIDRs[0]


def _place(pods: Mapping[str, Any], nodes: Mapping[str, Any], notes: list[str]) -> None:
    """Give each pod that has no node one of those that take it, in turn."""
    for turn, (scope, pod) in enumerate(pods.items()):
        if pod.spec.nodeName is None:
            able = workloads.able_nodes(pod.spec, nodes)
            if able:
                pod.spec.nodeName = able[turn % len(able)]
            else:
                notes.append(f"Pod {scope} stays pending: no node takes it")
                pod.status = pod.status or core_v1.PodStatus(phase="Pending")


def _most_on_a_node(pods: Mapping[str, Any]) -> int:
    counts = Counter(pod.spec.nodeName for pod in pods.values())
    return max(counts.values(), default=0)


def _give_pod_addresses(
    pods: Mapping[str, Any], nodes: Mapping[str, Any], families: tuple[Family, ...]
) -> None:
    used = [text for pod in pods.values() for text in pod_addresses(pod)]
    pools: dict[tuple[str, Family], AddressPool] = {}
    for scope, pod in pods.items():
        if pod.spec.nodeName is None or pod_addresses(pod):
            continue
        if pod.status is not None and pod.status.phase in _NOT_RUNNING:
            continue
        node = nodes[pod.spec.nodeName]
        pod.status = pod.status or core_v1.PodStatus(phase="Running")
        if pod.spec.hostNetwork:
            chosen = [t for f in families for t in node_addresses(node) if _version(t) == f]
        else:
            chosen = []
            for family in families:
                key = (pod.spec.nodeName, family)
                if key not in pools:
                    text = next(t for t in node.spec.podCIDRs if _version(t) == family)
                    pools[key] = AddressPool(ip_network(text, strict=False), used)
                chosen.append(pools[key].take(scope))
        pod.status.podIP = chosen[0]
        pod.status.podIPs = [core_v1.PodIP(ip=text) for text in chosen]


_NOT_RUNNING = ("Pending", "Succeeded", "Failed")


def _service_blocks(
    given: Objects, families: tuple[Family, ...], options: Options
) -> dict[Family, Network]:
    declared: dict[Family, Network] = {}
    for item in given.get("ServiceCIDR", {}).values():
        for text in (item.spec.cidrs if item.spec else None) or []:
            network = parse_network(text)
            if network is not None:
                declared.setdefault(network.version, network)
    known = _ends(
        text for service in given.get("Service", {}).values() for text in cluster_ips(service)
    )
    blocks: dict[Family, Network] = {}
    for family in families:
        default = ip_network(addresses.DEFAULT_SERVICE_CIDR[family])
        blocks[family] = (
            options.service_cidrs.get(family)
            or declared.get(family)
            or addresses.enclosing_block(default, known, _WIDEST[family])
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
