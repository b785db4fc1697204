"""One port of a Service, and which of its endpoints a node may use for which traffic.

The rules are those of kube-proxy's ``CategorizeEndpoints`` (``pkg/proxy/topology.go``, v1.37):
ready endpoints, or serving ones that are terminating if none is ready; topology hints for
Cluster traffic, node-local ones for Local traffic.
"""

from dataclasses import dataclass, replace
from typing import NamedTuple

from k8snet_lessons.control.topology import heed_hints


def ip_and_port(ip: str, port: int) -> str:
    """Write ``"ip:port"``, or ``"[ip]:port"`` for IPv6."""
    return f"[{ip}]:{port}" if ":" in ip else f"{ip}:{port}"


class Endpoint(NamedTuple):
    """One address and port behind a Service port, with its conditions."""

    ip: str
    port: int
    local: bool = False
    ready: bool = True
    serving: bool = True
    terminating: bool = False
    zones: tuple[str, ...] = ()
    nodes: tuple[str, ...] = ()

    @property
    def address(self) -> str:
        """``"ip:port"``, or ``"[ip]:port"`` for IPv6."""
        return ip_and_port(self.ip, self.port)


@dataclass(frozen=True, slots=True)
class ServicePort:
    """One port of a Service, and the endpoints this node may send it to.

    Attributes
    ----------
    name : str
        ``"namespace/name:port"``.
    protocol : str
        In lower case.
    affinity_s : int
        How long a client stays with its endpoint, seconds; 0 without session affinity.
    endpoints : tuple of Endpoint
        All, in the order of their addresses as text.
    cluster_endpoints, local_endpoints : tuple of Endpoint
        Those for traffic under policy Cluster and under policy Local.
    reachable : tuple of Endpoint
        Those in either.
    has_endpoints : bool
        Whether any endpoint anywhere is usable.
    """

    name: str
    namespace: str
    service: str
    port_name: str
    protocol: str
    cluster_ip: str
    port: int
    node_port: int = 0
    external_ips: tuple[str, ...] = ()
    balancer_ips: tuple[str, ...] = ()
    source_ranges: tuple[str, ...] = ()
    affinity_s: int = 0
    external_local: bool = False
    internal_local: bool = False
    health_check_node_port: int = 0
    endpoints: tuple[Endpoint, ...] = ()
    cluster_endpoints: tuple[Endpoint, ...] = ()
    local_endpoints: tuple[Endpoint, ...] = ()
    reachable: tuple[Endpoint, ...] = ()
    has_endpoints: bool = False

    @property
    def externally_accessible(self) -> bool:
        """Whether anything but the cluster IP leads here."""
        return bool(self.node_port or self.balancer_ips or self.external_ips)

    @property
    def uses_cluster_endpoints(self) -> bool:
        """Whether traffic under policy Cluster exists.

        It does even where both policies are Local: traffic that starts on the node and goes
        to an external address is treated as if it had left and come back.
        """
        return not self.internal_local or self.externally_accessible

    @property
    def uses_local_endpoints(self) -> bool:
        """Whether traffic under policy Local exists."""
        return self.internal_local or (self.external_local and self.externally_accessible)

    @property
    def has_internal(self) -> bool:
        """Whether traffic to the cluster IP finds an endpoint."""
        return self.has_endpoints and not (self.internal_local and not self.local_endpoints)

    @property
    def has_external(self) -> bool:
        """Whether traffic from outside finds an endpoint."""
        return self.has_endpoints and not (self.external_local and not self.local_endpoints)

    @property
    def uses_firewall(self) -> bool:
        """Whether load-balancer traffic is limited to source ranges."""
        return bool(self.balancer_ips and self.source_ranges)


def categorized(port: ServicePort, node: str, zone: str) -> ServicePort:
    """Sort a Service port's endpoints into those for Cluster and those for Local traffic.

    Parameters
    ----------
    port : ServicePort
        With ``endpoints``; what was categorized before is done again.
    node, zone : str
        Where this node is; an empty zone means that it has no zone label.

    Returns
    -------
    ServicePort
    """
    cluster: tuple[Endpoint, ...] = ()
    local: tuple[Endpoint, ...] = ()
    endpoints = port.endpoints
    if port.uses_cluster_endpoints:
        cluster = _by_topology(endpoints, node, zone)
        if not cluster:
            cluster = tuple(e for e in endpoints if e.serving and e.terminating)
    if port.uses_local_endpoints:
        local = tuple(e for e in endpoints if e.local and e.ready)
        if not local:
            local = tuple(e for e in endpoints if e.local and e.serving and e.terminating)
    if not port.uses_local_endpoints:
        reachable = cluster
        usable = bool(cluster)
    else:
        chosen = {*cluster, *local}
        reachable = tuple(e for e in endpoints if e in chosen)
        usable = any(e.ready or (e.serving and e.terminating) for e in endpoints)
    return replace(
        port,
        cluster_endpoints=cluster,
        local_endpoints=local,
        reachable=reachable,
        has_endpoints=usable,
    )


def _by_topology(endpoints: tuple[Endpoint, ...], node: str, zone: str) -> tuple[Endpoint, ...]:
    """Ready endpoints, narrowed to this node or zone if every one of them carries a hint."""
    ready = tuple(e for e in endpoints if e.ready)
    _, chosen = heed_hints([(e.zones, e.nodes) for e in ready], node, zone)
    return tuple(ready[index] for index in chosen)
