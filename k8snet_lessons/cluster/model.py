"""A cluster as declared: typed objects, looked up by name."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from k8snet_lessons.errors import InputError


@dataclass(frozen=True, slots=True)
class OpaqueObject:
    """An object of a kind that the course does not model, kept as plain data."""

    api_version: str
    kind: str
    namespace: str | None
    name: str
    content: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Cluster:
    """Everything a set of manifests declares, completed as a control plane would.

    Built by `load_manifests`, `Cluster.from_objects` or `synthetic_cluster`. Namespaced
    objects are keyed ``"namespace/name"``, the others by name. Values are objects of the
    Kubernetes model package (``lightkube.models``) or of `k8snet_lessons.cluster.gateway`;
    treat them as read-only.

    Attributes
    ----------
    namespaces, nodes : mapping of str to model
        Namespaces and nodes that objects only mention are there too.
    pods : mapping of str to model
        Pods that were given and pods that workloads make; each has ``spec.nodeName`` and
        ``status.podIPs``.
    services : mapping of str to model
        With cluster IPs and node ports filled in.
    endpoint_slices : tuple of model
        Given ones, and those derived from Services with a selector.
    pod_cidrs, service_cidrs : tuple of str
        One block for each address family, IPv4 first.
    notes : tuple of str
        What was accepted but not modeled, and what was assumed.
    """

    namespaces: Mapping[str, Any] = field(default_factory=dict)
    nodes: Mapping[str, Any] = field(default_factory=dict)
    pods: Mapping[str, Any] = field(default_factory=dict)
    services: Mapping[str, Any] = field(default_factory=dict)
    endpoint_slices: tuple[Any, ...] = ()
    ingresses: Mapping[str, Any] = field(default_factory=dict)
    ingress_classes: Mapping[str, Any] = field(default_factory=dict)
    gateways: Mapping[str, Any] = field(default_factory=dict)
    gateway_classes: Mapping[str, Any] = field(default_factory=dict)
    http_routes: Mapping[str, Any] = field(default_factory=dict)
    network_policies: Mapping[str, Any] = field(default_factory=dict)
    workloads: Mapping[str, Any] = field(default_factory=dict)
    typed_others: Mapping[str, Any] = field(default_factory=dict)
    others: tuple[OpaqueObject, ...] = ()
    pod_cidrs: tuple[str, ...] = ("10.244.0.0/16",)
    service_cidrs: tuple[str, ...] = ("10.96.0.0/12",)
    notes: tuple[str, ...] = ()

    @classmethod
    def from_objects(cls, *objects: Any, **options: Any) -> "Cluster":
        """Build a cluster from model objects or plain dictionaries, as if read from YAML.

        Parameters
        ----------
        *objects : model or mapping
        **options
            As for `load_manifests`.

        Returns
        -------
        Cluster

        Raises
        ------
        ManifestError
            If an object would be refused; there are no lines to name.
        """
        from k8snet_lessons.cluster.load import cluster_from_objects

        return cluster_from_objects(objects, **options)

    def pod(self, name: str) -> Any:
        """Look up a pod by ``"namespace/name"``; InputError if there is none."""
        return _find("pod", name, self.pods)

    def service(self, name: str) -> Any:
        """Look up a Service by ``"namespace/name"``; InputError if there is none."""
        return _find("service", name, self.services)

    def node(self, name: str) -> Any:
        """Look up a node by name; InputError if there is none."""
        return _find("node", name, self.nodes)

    def slices_of(self, service: str) -> Iterator[Any]:
        """Iterate over the EndpointSlices of a Service, ``"namespace/name"``."""
        return (item for item in self.endpoint_slices if slice_service(item) == service)

    def namespace_labels(self, name: str) -> Mapping[str, str]:
        """Labels of a namespace; the API server always sets ``kubernetes.io/metadata.name``."""
        namespace = self.namespaces.get(name)
        given = (namespace.metadata.labels if namespace is not None else None) or {}
        return {**given, "kubernetes.io/metadata.name": name}

    def pod_at(self, address: str) -> str | None:
        """Name the pod that holds an address by itself (not a host-network one)."""
        for name, pod in self.pods.items():
            if address in pod_addresses(pod) and not pod.spec.hostNetwork:
                return name
        return None


def _find(what: str, name: str, known: Mapping[str, Any]) -> Any:
    try:
        return known[name]
    except KeyError:
        some = ", ".join(sorted(known)[:8]) or "none declared"
        raise InputError(what, name, f"one of: {some}") from None


def pod_addresses(pod: Any) -> tuple[str, ...]:
    """All addresses of a pod, its primary family first."""
    status = pod.status
    if status is None:
        return ()
    listed = tuple(entry.ip for entry in status.podIPs or [] if entry.ip)
    return listed or ((status.podIP,) if status.podIP else ())


def node_addresses(node: Any) -> tuple[str, ...]:
    """Internal and external IP addresses of a node, internal ones first."""
    entries = (node.status.addresses if node.status else None) or []
    order = {"InternalIP": 0, "ExternalIP": 1}
    chosen = sorted((e for e in entries if e.type in order), key=lambda e: order[e.type])
    return tuple(entry.address for entry in chosen)


def slice_service(endpoint_slice: Any) -> str | None:
    """Name the Service an EndpointSlice belongs to, ``"namespace/name"``."""
    meta = endpoint_slice.metadata
    name = ((meta.labels if meta else None) or {}).get("kubernetes.io/service-name")
    return f"{meta.namespace}/{name}" if name else None


def cluster_ips(service: Any) -> tuple[str, ...]:
    """Cluster IPs of a Service; none for a headless or ExternalName one."""
    spec = service.spec
    listed = spec.clusterIPs or ([spec.clusterIP] if spec.clusterIP else [])
    return tuple(address for address in listed if address and address != "None")


def selector_matches(selector: Any, labels: Mapping[str, str]) -> bool:
    """Whether a LabelSelector picks an object with these labels; an empty one picks all.

    Parameters
    ----------
    selector : LabelSelector or None
        None picks nothing.
    labels : mapping of str to str

    Returns
    -------
    bool
    """
    if selector is None:
        return False
    if any(labels.get(key) != value for key, value in (selector.matchLabels or {}).items()):
        return False
    return all(_expression_holds(item, labels) for item in selector.matchExpressions or [])


def _expression_holds(requirement: Any, labels: Mapping[str, str]) -> bool:
    present = requirement.key in labels
    if requirement.operator == "Exists":
        return present
    if requirement.operator == "DoesNotExist":
        return not present
    listed = present and labels[requirement.key] in (requirement.values or [])
    return listed if requirement.operator == "In" else not listed
