"""Services as one node sees them: what all four ways of programming start from."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from ipaddress import ip_address
from typing import Any

from k8snet_lessons.cluster import Cluster, cluster_ips, node_addresses, slice_service
from k8snet_lessons.cluster._syntax import parse_network
from k8snet_lessons.control.hints import annotated_hints
from k8snet_lessons.control.names import service_port_name
from k8snet_lessons.control.options import ProxyOptions
from k8snet_lessons.control.service_port import Endpoint, ServicePort, categorized
from k8snet_lessons.errors import InputError

_ZONE = "topology.kubernetes.io/zone"
_OTHER_PROXY = "service.kubernetes.io/service-proxy-name"


@dataclass(frozen=True, slots=True)
class NodeView:
    """One node, and everything it has to program.

    Attributes
    ----------
    name, zone : str
    addresses : tuple of str
        Of the family being programmed, its own one first.
    local_addresses : frozenset of str
        Of both families.
    services : tuple of ServicePort
        In the order of the manifests.
    options : ProxyOptions
    service_cidrs : tuple of str
        Of the family being programmed.
    """

    name: str
    zone: str
    addresses: tuple[str, ...]
    local_addresses: frozenset[str]
    services: tuple[ServicePort, ...]
    options: ProxyOptions
    service_cidrs: tuple[str, ...] = ()

    @property
    def endpoint_count(self) -> int:
        """Endpoints of all Service ports, unusable ones included."""
        return sum(len(item.endpoints) for item in self.services)


def node_view(
    cluster: Cluster, node: str | None = None, options: Mapping[str, Any] | None = None
) -> NodeView:
    """Work out what one node has to program.

    Parameters
    ----------
    cluster : Cluster
    node : str, optional
        By default the first one.
    options : mapping, optional
        Fields of `ProxyOptions` by name.

    Returns
    -------
    NodeView

    Raises
    ------
    InputError
        If the node or an option is unknown.
    """
    name = node if node is not None else next(iter(cluster.nodes), "")
    if name not in cluster.nodes:
        raise InputError("node", name, f"one of: {', '.join(cluster.nodes) or 'none declared'}")
    settings = ProxyOptions.checked(cluster, options or {})
    model = cluster.nodes[name]
    zone = (model.metadata.labels or {}).get(_ZONE, "")
    every = node_addresses(model)
    table = _endpoint_table(cluster, name, settings.family)
    services = tuple(
        port
        for service in cluster.services.values()
        for port in _service_ports(service, table, name, zone, settings.family)
    )
    return NodeView(
        name=name,
        zone=zone,
        addresses=tuple(text for text in every if _of_family(text, settings.family)),
        local_addresses=frozenset(every),
        services=services,
        options=settings,
        service_cidrs=tuple(c for c in cluster.service_cidrs if _of_family(c, settings.family)),
    )


def _of_family(text: str, family: int) -> bool:
    return (":" in text) == (family == 6)


def _canonical(text: str) -> str:
    """Write an IPv6 address its one short way, as names hashed from it need."""
    return str(ip_address(text)) if ":" in text else text


_Key = tuple[str, str, str]


def _endpoint_table(cluster: Cluster, node: str, family: int) -> dict[_Key, dict[str, Endpoint]]:
    """Endpoints by Service, port name and protocol; one entry for each address and port."""
    wanted = f"IPv{family}"
    annotated = annotated_hints(cluster)
    table: dict[_Key, dict[str, Endpoint]] = {}
    for item in cluster.endpoint_slices:
        scope = slice_service(item)
        if scope is None or item.addressType != wanted:
            continue
        for port in item.ports or []:
            if port.port is None:
                continue
            key = (scope, port.name or "", port.protocol or "TCP")
            entries = table.setdefault(key, {})
            for endpoint in item.endpoints or []:
                made = _endpoint(endpoint, port.port, node)
                if annotated:
                    zones = annotated.get((scope, wanted, endpoint.addresses[0]), made.zones)
                    made = made._replace(zones=zones)
                # Of two entries for one address, that of this node wins.
                if made.address not in entries or made.local:
                    entries[made.address] = made
    return table


def _endpoint(endpoint: Any, port: int, node: str) -> Endpoint:
    conditions, hints = endpoint.conditions, endpoint.hints
    zones: tuple[str, ...] = ()
    nodes: tuple[str, ...] = ()
    if hints is not None:
        zones = tuple(zone.name for zone in hints.forZones or [])
        nodes = tuple(item.name for item in getattr(hints, "forNodes", None) or [])
    local = endpoint.nodeName == node
    address = _canonical(endpoint.addresses[0])
    if conditions is None:
        return Endpoint(address, port, local, zones=zones, nodes=nodes)
    return Endpoint(
        address,
        port,
        local,
        conditions.ready is not False,
        conditions.serving is not False,
        conditions.terminating is True,
        zones,
        nodes,
    )


def _service_ports(
    service: Any,
    table: Mapping[_Key, Mapping[str, Endpoint]],
    node: str,
    zone: str,
    family: int,
) -> Iterable[ServicePort]:
    spec, meta = service.spec, service.metadata
    own = [_canonical(text) for text in cluster_ips(service) if _of_family(text, family)]
    if spec.type == "ExternalName" or not own or _OTHER_PROXY in (meta.labels or {}):
        return
    scope = f"{meta.namespace}/{meta.name}"
    external_ips = tuple(_canonical(t) for t in spec.externalIPs or [] if _of_family(t, family))
    balancer_ips = _balancer_ips(service, family)
    ranges = [text.strip() for text in spec.loadBalancerSourceRanges or []]
    affinity = spec.sessionAffinityConfig if spec.sessionAffinity == "ClientIP" else None
    for port in spec.ports:
        protocol = port.protocol or "TCP"
        found = table.get((scope, port.name or "", protocol), {})
        # kube-proxy sorts endpoints by their text, so that 10.0.0.10 comes before 10.0.0.9.
        endpoints = tuple(found[address] for address in sorted(found))
        plain = ServicePort(
            name=service_port_name(meta.namespace, meta.name, port.name or ""),
            namespace=meta.namespace,
            service=meta.name,
            port_name=port.name or "",
            protocol=protocol.lower(),
            cluster_ip=own[0],
            port=port.port,
            node_port=port.nodePort or 0,
            external_ips=external_ips,
            balancer_ips=balancer_ips,
            source_ranges=tuple(
                str(parse_network(text)) for text in ranges if _of_family(text, family)
            ),
            affinity_s=affinity.clientIP.timeoutSeconds if affinity else 0,
            external_local=spec.externalTrafficPolicy == "Local",
            internal_local=spec.internalTrafficPolicy == "Local",
            health_check_node_port=spec.healthCheckNodePort or 0,
            endpoints=endpoints,
        )
        yield categorized(plain, node, zone)


def _balancer_ips(service: Any, family: int) -> tuple[str, ...]:
    """Load-balancer addresses whose packets arrive with that address still on them."""
    balancer = service.status.loadBalancer if service.status else None
    entries = (balancer.ingress if balancer else None) or []
    return tuple(
        _canonical(entry.ip)
        for entry in entries
        if entry.ip
        and _of_family(entry.ip, family)
        and getattr(entry, "ipMode", None) in (None, "VIP")
    )
