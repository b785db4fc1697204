"""Services with the API server's defaults, cluster IPs and node ports filled in."""

import copy
from collections.abc import Callable, Iterator, Mapping
from typing import Any, TypeAlias

from lightkube.models import core_v1

from k8snet_lessons.cluster._addresses import (
    NODE_PORTS,
    AddressPool,
    Family,
    Network,
    NodePortPool,
)
from k8snet_lessons.cluster.model import cluster_ips
from k8snet_lessons.cluster.problems import Path

ReportOn: TypeAlias = Callable[[str, str, Path, Any, str], None]

_AFFINITY_S = 10_800


def complete_services(
    given: Mapping[str, Any],
    blocks: Mapping[Family, Network],
    notes: list[str],
) -> dict[str, Any]:
    """Default and complete all Services, which must not be in conflict."""
    services = {scope: _defaulted(service, scope) for scope, service in given.items()}
    _leave_out_idle_health_checks(services, notes)
    _note_unusual_node_ports(services, notes)
    _give_cluster_ips(services, blocks)
    _give_node_ports(services)
    return services


def _defaulted(service: Any, scope: str) -> Any:
    namespace, _, name = scope.partition("/")
    service = copy.copy(service)
    service.metadata = copy.copy(service.metadata)
    service.metadata.namespace, service.metadata.name = namespace, name
    spec = service.spec = copy.copy(service.spec)
    spec.type = spec.type or "ClusterIP"
    spec.sessionAffinity = spec.sessionAffinity or "None"
    if spec.sessionAffinity == "ClientIP":
        config = spec.sessionAffinityConfig
        timeout = config.clientIP.timeoutSeconds if config and config.clientIP else None
        spec.sessionAffinityConfig = core_v1.SessionAffinityConfig(
            clientIP=core_v1.ClientIPConfig(timeoutSeconds=timeout or _AFFINITY_S)
        )
    if spec.type != "ExternalName":
        spec.internalTrafficPolicy = spec.internalTrafficPolicy or "Cluster"
    if spec.type in ("NodePort", "LoadBalancer") or spec.externalIPs:
        spec.externalTrafficPolicy = spec.externalTrafficPolicy or "Cluster"
    ports = []
    for given_port in spec.ports or []:
        port = copy.copy(given_port)
        port.protocol = port.protocol or "TCP"
        if port.targetPort is None or port.targetPort in ("", 0):
            port.targetPort = port.port
        ports.append(port)
    spec.ports = ports
    return service


def report_conflicts(services: Mapping[str, Any], report: ReportOn) -> None:
    """Report cluster IPs and node ports that two Services want."""
    address_owner: dict[str, str] = {}
    port_owner: dict[int, str] = {}
    for scope, service in services.items():
        for address in dict.fromkeys(cluster_ips(service)):
            first = address_owner.setdefault(address, scope)
            if first != scope:
                allowed = f"an address no other Service has; Service {first} has it"
                report("Service", scope, ("spec", "clusterIP"), address, allowed)
        # The allocator counts numbers, not protocols: only one Service can have a node port,
        # though inside it TCP and UDP may share the number.
        within: set[tuple[int, str]] = set()
        for path, number, protocol in _node_ports(service):
            first = port_owner.setdefault(number, scope)
            if first != scope:
                allowed = f"a node port no other Service has; Service {first} has it"
                report("Service", scope, path, number, allowed)
            elif (number, protocol) in within:
                report("Service", scope, path, number, "a different number for each port")
            within.add((number, protocol))


def _node_ports(service: Any) -> Iterator[tuple[Path, int, str]]:
    for index, port in enumerate(service.spec.ports or []):
        if port.nodePort:
            yield ("spec", "ports", index, "nodePort"), port.nodePort, port.protocol or "TCP"
    if service.spec.healthCheckNodePort and _has_health_check(service.spec):
        yield ("spec", "healthCheckNodePort"), service.spec.healthCheckNodePort, "TCP"


def _has_health_check(spec: Any) -> bool:
    return bool(spec.type == "LoadBalancer" and spec.externalTrafficPolicy == "Local")


def _leave_out_idle_health_checks(services: Mapping[str, Any], notes: list[str]) -> None:
    # The API server refuses such a Service; kube-proxy, given one, pays the field no heed.
    for scope, service in services.items():
        spec = service.spec
        if spec.healthCheckNodePort and not _has_health_check(spec):
            notes.append(
                f"Service {scope}: healthCheckNodePort {spec.healthCheckNodePort} is left out: "
                "only type LoadBalancer with externalTrafficPolicy Local has one"
            )
            spec.healthCheckNodePort = None


def _note_unusual_node_ports(services: Mapping[str, Any], notes: list[str]) -> None:
    for scope, service in services.items():
        for _path, number, _protocol in _node_ports(service):
            if number not in NODE_PORTS:
                notes.append(
                    f"Service {scope}: node port {number} is outside the API server's "
                    f"default range {NODE_PORTS.start}-{NODE_PORTS.stop - 1}"
                )


def _give_cluster_ips(services: Mapping[str, Any], blocks: Mapping[Family, Network]) -> None:
    used = [text for service in services.values() for text in cluster_ips(service)]
    pools = {family: AddressPool(block, used) for family, block in blocks.items()}
    for scope, service in services.items():
        spec = service.spec
        if spec.type == "ExternalName":
            spec.clusterIP = spec.clusterIPs = None
            continue
        families = _families(spec, service, tuple(blocks))
        spec.ipFamilies = [f"IPv{family}" for family in families]
        if spec.clusterIP == "None" or "None" in (spec.clusterIPs or []):
            spec.clusterIP, spec.clusterIPs = "None", ["None"]
            continue
        have = {6 if ":" in text else 4: text for text in cluster_ips(service)}
        chosen = [have.get(family) or pools[family].take(scope) for family in families]
        spec.clusterIP, spec.clusterIPs = chosen[0], chosen


def _families(spec: Any, service: Any, cluster: tuple[Family, ...]) -> list[Family]:
    wanted: list[Family] = [6 if family == "IPv6" else 4 for family in spec.ipFamilies or []]
    for text in cluster_ips(service):
        family: Family = 6 if ":" in text else 4
        if family not in wanted:
            wanted.append(family)
    wanted = [family for family in wanted if family in cluster] or [cluster[0]]
    if spec.ipFamilyPolicy in ("PreferDualStack", "RequireDualStack"):
        wanted += [family for family in cluster if family not in wanted]
    return wanted


def _give_node_ports(services: Mapping[str, Any]) -> None:
    used = {port.nodePort for s in services.values() for port in s.spec.ports if port.nodePort}
    used |= {s.spec.healthCheckNodePort for s in services.values() if s.spec.healthCheckNodePort}
    pool = NodePortPool(used)
    for scope, service in services.items():
        spec = service.spec
        balanced = spec.type == "LoadBalancer"
        if spec.type == "NodePort" or (
            balanced and spec.allocateLoadBalancerNodePorts is not False
        ):
            for port in spec.ports:
                if not port.nodePort:
                    port.nodePort = pool.take(f"{scope}/{port.name or ''}/{port.protocol}")
        if _has_health_check(spec) and not spec.healthCheckNodePort:
            spec.healthCheckNodePort = pool.take(f"{scope}/health")
