"""What the API server checks when an object arrives, kind by kind.

Only rules about networking, names and references between fields are here; limits of other
parts of the API (volumes, security contexts) are left to the API server.
"""

from collections.abc import Callable, Mapping
from typing import Any

from k8snet_lessons.cluster import _syntax as syntax
from k8snet_lessons.cluster._syntax import Report
from k8snet_lessons.cluster._validate_policy import network_policy
from k8snet_lessons.cluster._validate_routes import gateway, http_route, ingress
from k8snet_lessons.cluster._validate_service import endpoint_slice, endpoints, service
from k8snet_lessons.cluster.problems import Path, Words

# The names of these kinds end up in DNS as a single label.
_LABEL_NAMED = frozenset({"Namespace", "Service"})


def validate(kind: str, obj: Any, report: Report) -> None:
    """Report everything about one object that the API server would refuse."""
    metadata(kind, getattr(obj, "metadata", None), report)
    check = _CHECKS.get(kind)
    if check is not None and (kind == "Node" or getattr(obj, "spec", True) is not None):
        check(obj, report)


def metadata(kind: str, meta: Any, report: Report) -> None:
    """Check name, namespace, labels and annotation keys."""
    name = getattr(meta, "name", None)
    if meta is None or (not name and not meta.generateName):
        report(("metadata", "name"), name, "a name: the field is required")
        return
    if name:
        if kind in _LABEL_NAMED:
            if not syntax.is_label(name):
                report(("metadata", "name"), name, syntax.LABEL_WORDS)
        elif not kind.startswith(("Role", "ClusterRole")) and not syntax.is_subdomain(name):
            report(("metadata", "name"), name, syntax.SUBDOMAIN_WORDS)
    if meta.namespace is not None and not syntax.is_label(meta.namespace):
        report(("metadata", "namespace"), meta.namespace, syntax.LABEL_WORDS)
    syntax.check_labels(report, ("metadata", "labels"), meta.labels)
    for key in meta.annotations or {}:
        syntax.check_key(report, ("metadata", "annotations", key), key.lower())


def _pod(obj: Any, report: Report) -> None:
    _pod_spec(obj.spec, report, ("spec",))
    status = obj.status
    if status is not None:
        if status.podIP:
            syntax.check_address(report, ("status", "podIP"), status.podIP)
        for index, entry in enumerate(status.podIPs or []):
            syntax.check_address(report, ("status", "podIPs", index, "ip"), entry.ip or "")


def _pod_spec(spec: Any, report: Report, path: Path) -> None:
    if spec is None:
        return
    if not spec.containers:
        report((*path, "containers"), [], "at least one container")
    names: set[str] = set()
    port_names: set[str] = set()
    groups = (("containers", spec.containers), ("initContainers", spec.initContainers))
    for field, containers in groups:
        for index, container in enumerate(containers or []):
            here = (*path, field, index)
            name = container.name
            if not syntax.is_label(name):
                report((*here, "name"), name, syntax.LABEL_WORDS)
            elif name in names:
                report((*here, "name"), name, "a name no other container of the pod has")
            names.add(name)
            _container_ports(container, report, here, port_names)
    check_restart = ("Always", "OnFailure", "Never")
    syntax.check_one_of(report, (*path, "restartPolicy"), spec.restartPolicy, check_restart)
    syntax.check_labels(report, (*path, "nodeSelector"), spec.nodeSelector)


def _container_ports(container: Any, report: Report, path: Path, seen: set[str]) -> None:
    for index, port in enumerate(container.ports or []):
        here = (*path, "ports", index)
        syntax.check_port(report, (*here, "containerPort"), port.containerPort)
        if port.hostPort:
            syntax.check_port(report, (*here, "hostPort"), port.hostPort)
        syntax.check_one_of(report, (*here, "protocol"), port.protocol, syntax.PROTOCOLS)
        if port.name is None:
            continue
        if not syntax.is_port_name(port.name):
            report((*here, "name"), port.name, syntax.PORT_NAME_WORDS)
        elif port.name in seen:
            report((*here, "name"), port.name, "a name no other port of the pod has")
        seen.add(port.name)


def _workload(obj: Any, report: Report) -> None:
    spec = obj.spec
    replicas = getattr(spec, "replicas", None)
    if replicas is not None and replicas < 0:
        report(("spec", "replicas"), replicas, "0 or more")
    template = getattr(spec, "template", None)
    if template is None:
        return
    _pod_spec(template.spec, report, ("spec", "template", "spec"))
    labels = (template.metadata.labels if template.metadata else None) or {}
    syntax.check_labels(report, ("spec", "template", "metadata", "labels"), labels)
    selector = getattr(spec, "selector", None)
    if selector is None or isinstance(selector, Mapping):
        return
    syntax.check_selector(report, ("spec", "selector"), selector)
    if not selector.matchLabels and not selector.matchExpressions:
        report(
            ("spec", "selector"), Words("empty"), "a selector that picks the pods of the template"
        )
    missing = {
        key: value
        for key, value in (selector.matchLabels or {}).items()
        if labels.get(key) != value
    }
    if missing:
        report(
            ("spec", "template", "metadata", "labels"),
            labels,
            f"labels that spec.selector picks: {missing}",
        )


def _cron_job(obj: Any, report: Report) -> None:
    template = obj.spec.jobTemplate
    if template.spec is not None:
        path: Path = ("spec", "jobTemplate", "spec", "template", "spec")
        _pod_spec(template.spec.template.spec, report, path)


def _node(obj: Any, report: Report) -> None:
    spec = obj.spec
    if spec is not None:
        if spec.podCIDR:
            syntax.check_network(report, ("spec", "podCIDR"), spec.podCIDR)
        for index, cidr in enumerate(spec.podCIDRs or []):
            syntax.check_network(report, ("spec", "podCIDRs", index), cidr)
    for index, entry in enumerate((obj.status.addresses if obj.status else None) or []):
        if entry.type in ("InternalIP", "ExternalIP"):
            path: Path = ("status", "addresses", index, "address")
            syntax.check_address(report, path, entry.address or "")


_CHECKS: Mapping[str, Callable[[Any, Report], None]] = {
    "Node": _node,
    "Pod": _pod,
    "Deployment": _workload,
    "ReplicaSet": _workload,
    "StatefulSet": _workload,
    "DaemonSet": _workload,
    "Job": _workload,
    "ReplicationController": _workload,
    "CronJob": _cron_job,
    "Service": service,
    "EndpointSlice": endpoint_slice,
    "Endpoints": endpoints,
    "Ingress": ingress,
    "NetworkPolicy": network_policy,
    "Gateway": gateway,
    "HTTPRoute": http_route,
}
