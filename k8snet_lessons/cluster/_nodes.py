"""Nodes and the addresses of nodes and pods, filled in; `complete` says how."""

import copy
import math
from collections import Counter
from collections.abc import Iterable, Mapping
from ipaddress import ip_address, ip_network
from typing import Any

from lightkube.models import core_v1, meta_v1

from k8snet_lessons.cluster import _addresses as addresses
from k8snet_lessons.cluster import _workloads as workloads
from k8snet_lessons.cluster._addresses import AddressPool, Family, Network, span, version
from k8snet_lessons.cluster._syntax import parse_network
from k8snet_lessons.cluster.model import node_addresses, pod_addresses

# A kubelet puts these on its node, and manifests in the wild select by them.
_KUBELET_LABELS = {"kubernetes.io/os": "linux", "kubernetes.io/arch": "amd64"}
_NOT_RUNNING = ("Pending", "Succeeded", "Failed")


def complete_nodes(
    given: Mapping[str, Any],
    pods: Mapping[str, Any],
    given_slices: Iterable[Any],
    families: tuple[Family, ...],
    notes: list[str],
) -> dict[str, Any]:
    """Copy the nodes given, add those that are only mentioned, and give all an address."""
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
        node.metadata.labels = {
            "kubernetes.io/hostname": name,
            **_KUBELET_LABELS,
            **(node.metadata.labels or {}),
        }
        node.spec = copy.copy(node.spec) or core_v1.NodeSpec()
        node.status = copy.copy(node.status) or core_v1.NodeStatus()
        have = {version(text) for text in node_addresses(node)}
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


def give_addresses(
    pods: Mapping[str, Any],
    nodes: Mapping[str, Any],
    given_slices: Iterable[Any],
    families: tuple[Family, ...],
    asked: Mapping[Family, Network],
    notes: list[str],
) -> dict[Family, Network]:
    """Place pods on nodes, give nodes their pod blocks and pods their addresses.

    Returns
    -------
    dict of family to network
        The block that holds the cluster's pods.
    """
    _place(pods, nodes, notes)
    crowd = max(Counter(pod.spec.nodeName for pod in pods.values()).values(), default=0)
    lengths = {4: min(24, 32 - math.ceil(math.log2(1.25 * crowd + 4))), 6: 64}
    blocks = _pod_blocks(nodes, pods, given_slices, families, asked, notes, lengths)
    _give_pod_blocks(nodes, blocks, lengths)
    _give_pod_addresses(pods, nodes, families)
    return blocks


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


def _pod_blocks(
    nodes: Mapping[str, Any],
    pods: Mapping[str, Any],
    given_slices: Iterable[Any],
    families: tuple[Family, ...],
    asked: Mapping[Family, Network],
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
    known += span(seen - hosts)
    blocks: dict[Family, Network] = {}
    for family in families:
        default = ip_network(addresses.DEFAULT_POD_CIDR[family])
        if (
            len(nodes) * 2 ** max(0, default.max_prefixlen - lengths[family])
            > default.num_addresses
        ):
            default = ip_network(addresses.LARGE_POD_CIDR[family])
        found = asked.get(family) or addresses.enclosing_block(default, known)
        if found is None:
            notes.append(
                f"pod addresses are too far apart for one block: {default} is taken; "
                "pass pod_cidrs to say otherwise"
            )
        blocks[family] = found or default
    return blocks


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
            if not any(version(text) == family for text in listed):
                listed.append(next(free, str(block)))
            node.spec.podCIDRs = sorted(listed, key=version)
            node.spec.podCIDR = node.spec.podCIDRs[0]


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
            chosen = [t for f in families for t in node_addresses(node) if version(t) == f]
        else:
            chosen = []
            for family in families:
                key = (pod.spec.nodeName, family)
                if key not in pools:
                    text = next(t for t in node.spec.podCIDRs if version(t) == family)
                    pools[key] = AddressPool(ip_network(text, strict=False), used)
                chosen.append(pools[key].take(scope))
        pod.status.podIP = chosen[0]
        pod.status.podIPs = [core_v1.PodIP(ip=text) for text in chosen]
