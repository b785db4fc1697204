"""EndpointSlices of Services with a selector, as the EndpointSlice controller derives them."""

from collections.abc import Iterable, Mapping
from typing import Any

from lightkube.models import core_v1, discovery_v1, meta_v1

from k8snet_lessons.cluster._syntax import parse_address
from k8snet_lessons.cluster._workloads import short_hash
from k8snet_lessons.cluster.model import pod_addresses

# The controller's default, --max-endpoints-per-slice.
_PER_SLICE = 100
_ZONE = "topology.kubernetes.io/zone"


class PodIndex:
    """Pods by label, so that ten thousand selectors need not look at every pod each."""

    def __init__(self, pods: Mapping[str, Any]) -> None:
        self._by_label: dict[tuple[str, str, str], list[Any]] = {}
        for pod in pods.values():
            namespace = pod.metadata.namespace or "default"
            for key, value in (pod.metadata.labels or {}).items():
                self._by_label.setdefault((namespace, key, value), []).append(pod)

    def matching(self, namespace: str, selector: Mapping[str, str]) -> list[Any]:
        """Pods of the namespace that carry every label of a Service's selector."""
        lists = [self._by_label.get((namespace, key, value), []) for key, value in selector.items()]
        shortest = min(lists, key=len)
        wanted = selector.items()
        return [pod for pod in shortest if wanted <= (pod.metadata.labels or {}).items()]


def pod_ready(pod: Any) -> bool:
    """Whether a pod's Ready condition holds.

    A manifest says nothing about readiness: a pod without status conditions counts as ready
    unless its phase says that it is not running.
    """
    status = pod.status
    if status is None:
        return True
    for condition in status.conditions or []:
        if condition.type == "Ready":
            return bool(condition.status == "True")
    return status.phase in (None, "Running")


def derive(services: Mapping[str, Any], index: PodIndex, nodes: Mapping[str, Any]) -> list[Any]:
    """Make the EndpointSlices of the Services given, all of which have a selector."""
    slices: list[Any] = []
    for scope, service in services.items():
        namespace, _, name = scope.partition("/")
        pods = index.matching(namespace, service.spec.selector)
        for family in service.spec.ipFamilies or ["IPv4"]:
            slices += _family_slices(service, namespace, name, family, pods, nodes)
    return slices


def _family_slices(
    service: Any,
    namespace: str,
    name: str,
    family: str,
    pods: Iterable[Any],
    nodes: Mapping[str, Any],
) -> list[Any]:
    version = 4 if family == "IPv4" else 6
    groups: dict[tuple[tuple[str, str, int], ...], list[Any]] = {}
    for pod in pods:
        address = _address(pod, version)
        if address is None or (pod.status and pod.status.phase in ("Succeeded", "Failed")):
            continue
        ports = _resolved_ports(service, pod)
        groups.setdefault(ports, []).append(_endpoint(service, name, pod, address, nodes))
    made = []
    for ports, endpoints in groups.items() or {(): []}.items():
        for start in range(0, max(len(endpoints), 1), _PER_SLICE):
            key = f"{namespace}/{name}/{family}/{ports}/{start}"
            made.append(
                discovery_v1.EndpointSlice(
                    addressType=family,
                    endpoints=endpoints[start : start + _PER_SLICE],
                    apiVersion="discovery.k8s.io/v1",
                    kind="EndpointSlice",
                    metadata=meta_v1.ObjectMeta(
                        name=f"{name}-{short_hash(key, 5)}",
                        namespace=namespace,
                        labels={
                            "kubernetes.io/service-name": name,
                            "endpointslice.kubernetes.io/managed-by": (
                                "endpointslice-controller.k8s.io"
                            ),
                        },
                    ),
                    ports=[
                        discovery_v1.EndpointPort(name=n, protocol=protocol, port=number)
                        for n, protocol, number in ports
                    ],
                )
            )
    return made


def _address(pod: Any, version: int) -> str | None:
    for text in pod_addresses(pod):
        parsed = parse_address(text)
        if parsed is not None and parsed.version == version:
            return text
    return None


def _resolved_ports(service: Any, pod: Any) -> tuple[tuple[str, str, int], ...]:
    """Resolve target ports for one pod; a name the pod does not have leaves the port out."""
    resolved = []
    for port in service.spec.ports or []:
        protocol = port.protocol or "TCP"
        target = port.targetPort if port.targetPort is not None else port.port
        number = target if isinstance(target, int) else _named_port(pod, target, protocol)
        if number is not None:
            resolved.append((port.name or "", protocol, number))
    return tuple(resolved)


def _named_port(pod: Any, name: str, protocol: str) -> int | None:
    restartable = [c for c in pod.spec.initContainers or [] if c.restartPolicy == "Always"]
    for container in [*pod.spec.containers, *restartable]:
        for port in container.ports or []:
            if port.name == name and (port.protocol or "TCP") == protocol:
                return int(port.containerPort)
    return None


def _endpoint(service: Any, name: str, pod: Any, address: str, nodes: Mapping[str, Any]) -> Any:
    serving = pod_ready(pod)
    terminating = pod.metadata.deletionTimestamp is not None
    ready = bool(service.spec.publishNotReadyAddresses) or (serving and not terminating)
    node = nodes.get(pod.spec.nodeName or "")
    zone = (node.metadata.labels or {}).get(_ZONE) if node is not None else None
    hostname = pod.spec.hostname if pod.spec.subdomain == name else None
    return discovery_v1.Endpoint(
        addresses=[address],
        conditions=discovery_v1.EndpointConditions(
            ready=ready, serving=serving, terminating=terminating
        ),
        hints=_hints(service, pod.spec.nodeName, zone) if ready else None,
        hostname=hostname,
        nodeName=pod.spec.nodeName,
        targetRef=core_v1.ObjectReference(
            kind="Pod", name=pod.metadata.name, namespace=pod.metadata.namespace
        ),
        zone=zone,
    )


def _hints(service: Any, node: str | None, zone: str | None) -> Any:
    """Write what ``spec.trafficDistribution`` asks for; the older annotation switches it off."""
    annotations = service.metadata.annotations or {}
    # The older name has the last word, and either of them wins over the field.
    mode = annotations.get(
        "service.kubernetes.io/topology-aware-hints",
        annotations.get("service.kubernetes.io/topology-mode", ""),
    )
    wish = getattr(service.spec, "trafficDistribution", None)
    if wish is None or mode in ("Auto", "auto"):
        return None
    zones = [discovery_v1.ForZone(name=zone)] if zone else None
    if wish == "PreferSameNode" and node and hasattr(discovery_v1, "ForNode"):
        return discovery_v1.EndpointHints(
            forZones=zones, forNodes=[discovery_v1.ForNode(name=node)]
        )
    return discovery_v1.EndpointHints(forZones=zones) if zones else None


def mirror(endpoints: Any, namespace: str) -> list[Any]:
    """Turn an Endpoints object into EndpointSlices, as the mirroring controller does."""
    name = endpoints.metadata.name
    made = []
    for number, subset in enumerate(endpoints.subsets or []):
        for family in ("IPv4", "IPv6"):
            entries = [
                _mirrored(entry, ready)
                for ready, group in ((True, subset.addresses), (False, subset.notReadyAddresses))
                for entry in group or []
                if (":" in entry.ip) == (family == "IPv6")
            ]
            if entries:
                made.append(
                    discovery_v1.EndpointSlice(
                        addressType=family,
                        endpoints=entries,
                        apiVersion="discovery.k8s.io/v1",
                        kind="EndpointSlice",
                        metadata=meta_v1.ObjectMeta(
                            name=f"{name}-{short_hash(f'{namespace}/{name}/{number}/{family}', 5)}",
                            namespace=namespace,
                            labels={"kubernetes.io/service-name": name},
                        ),
                        ports=[
                            discovery_v1.EndpointPort(
                                name=port.name or "",
                                protocol=port.protocol or "TCP",
                                port=port.port,
                            )
                            for port in subset.ports or []
                        ],
                    )
                )
    return made


def _mirrored(entry: Any, ready: bool) -> Any:
    return discovery_v1.Endpoint(
        addresses=[entry.ip],
        conditions=discovery_v1.EndpointConditions(ready=ready, serving=ready, terminating=False),
        hostname=entry.hostname,
        nodeName=entry.nodeName,
        targetRef=entry.targetRef,
    )
