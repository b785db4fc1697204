"""The two ends of a connection, as NetworkPolicy sees them: a pod, a node, or an address."""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from ipaddress import IPv4Address, IPv6Address, ip_address
from typing import Any, TypeAlias

from k8snet_lessons.cluster import Cluster, cluster_ips, node_addresses, pod_addresses
from k8snet_lessons.errors import InputError

Address: TypeAlias = IPv4Address | IPv6Address
PROTOCOLS = ("TCP", "UDP", "SCTP")


@dataclass(frozen=True, slots=True)
class End:
    """One end of a connection.

    Attributes
    ----------
    name : str
        As in messages: ``"shop/web-1"`` or the address.
    namespace : str
        Empty unless it is a pod that policies can see.
    labels : mapping of str to str
    addresses : tuple of Address
    node : str
        The node a pod runs on, or the node whose address this is; empty for others.
    host_network : bool
        A pod that has no address of its own: policies see its node.
    pod : object or None
        The pod, for its named ports.
    service : str
        The Service whose cluster IP this address is.
    """

    name: str
    namespace: str
    labels: Mapping[str, str]
    addresses: tuple[Address, ...]
    node: str
    host_network: bool
    pod: Any
    service: str = ""

    @property
    def policed(self) -> bool:
        """Whether a NetworkPolicy can select this end: a pod with an address of its own."""
        return bool(self.namespace)


def end_of(cluster: Cluster, what: str) -> End:
    """Find the end that a text means.

    Parameters
    ----------
    cluster : Cluster
    what : str
        ``"namespace/pod"``, or an IP address. The address of a pod means that pod.

    Returns
    -------
    End

    Raises
    ------
    InputError
        If there is no such pod, and the text is no address either.
    """
    if not isinstance(what, str) or not what:
        raise InputError("pod or address", what, "namespace/pod, or an IP address")
    try:
        address = ip_address(what)
    except ValueError:
        if what not in cluster.pods:
            cluster.pod(what)
        return pod_end(cluster, what)
    holder = cluster.pod_at(str(address))
    if holder is not None:
        return pod_end(cluster, holder, address)
    node = next(
        (name for name, node in cluster.nodes.items() if str(address) in node_addresses(node)), ""
    )
    service = next(
        (name for name, each in cluster.services.items() if str(address) in cluster_ips(each)), ""
    )
    return End(what, "", {}, (address,), node, False, None, service)


def pod_end(cluster: Cluster, name: str, address: Address | None = None) -> End:
    """Describe a pod as an end; ``address`` fixes which of its addresses is meant."""
    pod = cluster.pods[name]
    host_network = bool(pod.spec.hostNetwork)
    node = pod.spec.nodeName or ""
    texts = pod_addresses(pod)
    if host_network and not texts and node in cluster.nodes:
        texts = node_addresses(cluster.nodes[node])
    return End(
        name=name,
        namespace="" if host_network else pod.metadata.namespace or "default",
        labels=pod.metadata.labels or {},
        addresses=(address,) if address else tuple(_address(text) for text in texts),
        node=node,
        host_network=host_network,
        pod=pod,
    )


@lru_cache(maxsize=65_536)
def _address(text: str) -> Address:
    return ip_address(text)


def meeting_addresses(src: End, dst: End) -> tuple[Address | None, Address | None]:
    """Choose the addresses a connection uses: the destination's first family both have."""
    for theirs in dst.addresses:
        for ours in src.addresses:
            if ours.version == theirs.version:
                return ours, theirs
    if src.addresses and dst.addresses:
        raise InputError(
            "addresses",
            f"{src.name} and {dst.name}",
            "two ends with an address of the same family",
        )
    return next(iter(src.addresses), None), next(iter(dst.addresses), None)


def container_port(pod: Any, name: str, protocol: str) -> int | None:
    """Find the number behind a named port of a pod; sidecar containers count too."""
    if pod is None:
        return None
    sidecars = [c for c in pod.spec.initContainers or [] if c.restartPolicy == "Always"]
    for container in [*(pod.spec.containers or []), *sidecars]:
        for port in container.ports or []:
            if port.name == name and (port.protocol or "TCP") == protocol:
                return int(port.containerPort)
    return None


def check_protocol(protocol: str) -> str:
    """Return the protocol in capitals, or refuse it."""
    known = protocol.upper() if isinstance(protocol, str) else ""
    if known not in PROTOCOLS:
        raise InputError("protocol", protocol, "TCP, UDP or SCTP: NetworkPolicy knows no other")
    return known


def check_port(dst: End, port: int | str, protocol: str) -> int:
    """Return the port as a number; a name is looked up in the destination pod."""
    if isinstance(port, str):
        number = container_port(dst.pod, port, protocol)
        if number is None:
            raise InputError("port", port, f"a number, or a {protocol} port that {dst.name} names")
        return number
    if isinstance(port, bool) or not isinstance(port, int) or not 1 <= port <= 65_535:
        raise InputError("port", port, "a whole number from 1 to 65535, or a port's name")
    return port
