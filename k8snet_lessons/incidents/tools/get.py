"""``kubectl get``: tables as the server prints them, and whole objects."""

import json
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import yaml

from k8snet_lessons.control.hints import annotated_hints
from k8snet_lessons.incidents.case import Case, ToolError, age, columns, not_found
from k8snet_lessons.incidents.layout import BALANCER, HOST
from k8snet_lessons.incidents.tools.declared import (
    DAYS,
    KERNEL,
    NODE_DAYS,
    RUNTIME,
    SYSTEM,
    VERSION,
    Object,
    declared,
)
from k8snet_lessons.incidents.tools.events import events_table
from k8snet_lessons.incidents.tools.rollouts import deployments

_KINDS = {
    "pods": ("pod", "pods", "po"),
    "services": ("service", "services", "svc"),
    "deployments": ("deployment", "deployments", "deploy", "deployments.apps"),
    "endpointslices": ("endpointslice", "endpointslices", "endpointslices.discovery.k8s.io"),
    "networkpolicies": ("networkpolicy", "networkpolicies", "netpol"),
    "nodes": ("node", "nodes", "no"),
    "ingresses": ("ingress", "ingresses", "ing"),
    "events": ("event", "events", "ev"),
}
KIND_WORDS: Mapping[str, str] = {word: kind for kind, words in _KINDS.items() for word in words}
#: What ``kubectl get all`` shows, as far as the room has it.
_ALL = ("pods", "services", "deployments")
_SINGULAR = {"pods": "pod", "services": "service", "deployments": "deployment.apps"}
Row = tuple[str, ...]


def kind_of(word: str) -> str:
    """Resolve a resource word as kubectl does."""
    if word.lower() not in KIND_WORDS:
        raise ToolError(f'error: the server doesn\'t have a resource type "{word}"')
    return KIND_WORDS[word.lower()]


@dataclass(frozen=True)
class Asked:
    """What stands behind ``kubectl get``.

    Attributes
    ----------
    word : str
        A kind, several with commas between, or ``all``.
    names : tuple of str
    namespace : str
    output : str
        ``""``, ``wide``, ``yaml``, ``json`` or ``name``.
    every : bool
        All namespaces.
    selector : str
        Labels, ``key=value`` with commas between.
    show_labels : bool
    """

    word: str
    names: tuple[str, ...] = ()
    namespace: str = "shop"
    output: str = ""
    every: bool = False
    selector: str = ""
    show_labels: bool = False


def get(case: Case, asked: Asked) -> str:
    """Print objects of one kind or of several."""
    if asked.output not in ("", "wide", "yaml", "json", "name"):
        raise ToolError(
            f'error: unable to match a printer suitable for the output format "{asked.output}" '
            "(known here: wide, yaml, json, name)"
        )
    words = _ALL if asked.word.lower() == "all" else asked.word.split(",")
    kinds = [kind_of(word) for word in words]
    if len(kinds) == 1 and kinds[0] == "events":
        return events_table(case, asked.namespace, asked.every)
    found = {kind: _chosen(case, kind, asked) for kind in kinds}
    if not any(found.values()):
        where = "" if asked.every or kinds == ["nodes"] else f" in {asked.namespace} namespace."
        return f"No resources found{where}\n"
    if asked.output in ("yaml", "json"):
        made = [declared(case, item) for kind in kinds for item in _hinted(case, kind, found[kind])]
        return _written(made, asked)
    if asked.output == "name":
        return "".join(
            f"{_SINGULAR.get(kind, kind.removesuffix('s'))}/{item.metadata.name}\n"
            for kind in kinds for item in found[kind]
        )  # fmt: skip
    tables = [
        _table(case, kind, found[kind], asked, len(kinds) > 1) for kind in kinds if found[kind]
    ]
    return "\n".join(tables)


def _chosen(case: Case, kind: str, asked: Asked) -> list[Any]:
    found = objects(case, kind, None if asked.every or kind == "nodes" else asked.namespace)
    for name in asked.names:
        if name not in [item.metadata.name for item in found]:
            raise not_found(GROUPS.get(kind, kind), name)
    if asked.names:
        found = [item for item in found if item.metadata.name in asked.names]
    if asked.selector:
        wanted = [part.replace("==", "=").partition("=") for part in asked.selector.split(",")]
        found = [
            item for item in found
            if all((item.metadata.labels or {}).get(key) == value for key, _, value in wanted)
        ]  # fmt: skip
    return found


def _table(case: Case, kind: str, found: list[Any], asked: Asked, prefixed: bool) -> str:
    header, row = _PRINTERS[kind](case, asked.output == "wide")
    rows = [header, *(row(item) for item in found)]
    if prefixed:
        rows = [rows[0], *((f"{_SINGULAR.get(kind, kind)}/{r[0]}", *r[1:]) for r in rows[1:])]
    if asked.every and kind != "nodes":
        spaces = ["NAMESPACE", *(item.metadata.namespace for item in found)]
        rows = [(space, *rest) for space, rest in zip(spaces, rows, strict=True)]
    if asked.show_labels:
        told = ["LABELS", *(labels_text(item.metadata.labels) for item in found)]
        rows = [(*rest, labels) for labels, rest in zip(told, rows, strict=True)]
    return columns(rows)


def _hinted(case: Case, kind: str, found: list[Any]) -> list[Any]:
    return with_hints(case, found) if kind == "endpointslices" else found


def _written(made: list[Object], asked: Asked) -> str:
    content: Any = {"apiVersion": "v1", "items": made, "kind": "List",
                    "metadata": {"resourceVersion": ""}}  # fmt: skip
    if len(asked.names) == 1 and len(made) == 1:
        content = made[0]
    if asked.output == "json":
        return json.dumps(content, indent=4, sort_keys=True) + "\n"
    return yaml.safe_dump(content, sort_keys=True, default_flow_style=False)


GROUPS = {
    "deployments": "deployments.apps",
    "endpointslices": "endpointslices.discovery.k8s.io",
    "networkpolicies": "networkpolicies.networking.k8s.io",
    "ingresses": "ingresses.networking.k8s.io",
}


def objects(case: Case, kind: str, namespace: str | None) -> list[Any]:
    """The cluster's objects of a kind, sorted as the server sorts them."""
    cluster = case.world.cluster
    listed: Mapping[str, Iterable[Any]] = {
        "pods": cluster.pods.values(),
        "services": cluster.services.values(),
        "endpointslices": cluster.endpoint_slices,
        "networkpolicies": cluster.network_policies.values(),
        "nodes": cluster.nodes.values(),
        "ingresses": cluster.ingresses.values(),
        "deployments": deployments(case),
    }
    wanted = [item for item in listed[kind] if namespace in (None, item.metadata.namespace)]
    return sorted(wanted, key=lambda item: (item.metadata.namespace or "", item.metadata.name))


def with_hints(case: Case, items: list[Any]) -> list[Any]:
    """EndpointSlices with the hints that the old annotation makes the controller write."""
    from lightkube.models import discovery_v1

    hints = annotated_hints(case.world.cluster)
    made = []
    for item in items:
        service = (item.metadata.labels or {}).get("kubernetes.io/service-name", "")
        scope = f"{item.metadata.namespace}/{service}"
        copy: Any = discovery_v1.EndpointSlice.from_dict(item.to_dict())
        for endpoint in copy.endpoints or []:
            zones = hints.get((scope, item.addressType, endpoint.addresses[0]), ())
            if zones:
                named = [discovery_v1.ForZone(name=zone) for zone in zones]
                endpoint.hints = discovery_v1.EndpointHints(forZones=named)
        made.append(copy)
    return made


Printer = Callable[[Case, bool], tuple[Row, Callable[[Any], Row]]]


def _pods(case: Case, wide: bool) -> tuple[Row, Callable[[Any], Row]]:
    known = {pod.scope: pod for pod in case.world.pods}

    def row(item: Any) -> Row:
        pod = known[f"{item.metadata.namespace}/{item.metadata.name}"]
        short = (pod.name, "1/1", "Running", "0", age(pod.age_s))
        node = case.world.nodes[pod.place]
        return (*short, pod.address, node, "<none>", "<none>") if wide else short

    header = ("NAME", "READY", "STATUS", "RESTARTS", "AGE")
    more = ("IP", "NODE", "NOMINATED NODE", "READINESS GATES")
    return (*header, *more) if wide else header, row


def _services(case: Case, wide: bool) -> tuple[Row, Callable[[Any], Row]]:
    def row(item: Any) -> Row:
        spec = item.spec
        ports = ",".join(
            f"{p.port}:{p.nodePort}/{p.protocol or 'TCP'}" if p.nodePort
            else f"{p.port}/{p.protocol or 'TCP'}"
            for p in spec.ports
        )  # fmt: skip
        made = (item.metadata.name, spec.type or "ClusterIP", spec.clusterIP, "<none>", ports,
                f"{DAYS[item.metadata.namespace]}d")  # fmt: skip
        return (*made, labels_text(spec.selector)) if wide else made

    header = ("NAME", "TYPE", "CLUSTER-IP", "EXTERNAL-IP", "PORT(S)", "AGE")
    return (*header, "SELECTOR") if wide else header, row


def _slices(case: Case, wide: bool) -> tuple[Row, Callable[[Any], Row]]:
    def row(item: Any) -> Row:
        addresses = [a for endpoint in item.endpoints or [] for a in endpoint.addresses]
        shown = ",".join(addresses[:3]) or "<unset>"
        if len(addresses) > 3:
            shown += f" + {len(addresses) - 3} more..."
        ports = ",".join(str(port.port) for port in item.ports or []) or "<unset>"
        days = f"{DAYS[item.metadata.namespace]}d"
        return item.metadata.name, item.addressType, ports, shown, days

    return ("NAME", "ADDRESSTYPE", "PORTS", "ENDPOINTS", "AGE"), row


def _policies(case: Case, wide: bool) -> tuple[Row, Callable[[Any], Row]]:
    def row(item: Any) -> Row:
        selector = labels_text(item.spec.podSelector.matchLabels)
        return item.metadata.name, selector, "183d"

    return ("NAME", "POD-SELECTOR", "AGE"), row


def _nodes(case: Case, wide: bool) -> tuple[Row, Callable[[Any], Row]]:
    def row(item: Any) -> Row:
        name = item.metadata.name
        short = (name, "Ready", "<none>", f"{NODE_DAYS}d", VERSION)
        address = case.world.node_address(case.world.nodes.index(name))
        return (*short, address, "<none>", SYSTEM, KERNEL, RUNTIME) if wide else short

    header = ("NAME", "STATUS", "ROLES", "AGE", "VERSION")
    more = ("INTERNAL-IP", "EXTERNAL-IP", "OS-IMAGE", "KERNEL-VERSION", "CONTAINER-RUNTIME")
    return (*header, *more) if wide else header, row


def _ingresses(case: Case, wide: bool) -> tuple[Row, Callable[[Any], Row]]:
    def row(item: Any) -> Row:
        return (
            item.metadata.name,
            item.spec.ingressClassName,
            HOST,
            BALANCER,
            "80, 443",
            "183d",
        )

    return ("NAME", "CLASS", "HOSTS", "ADDRESS", "PORTS", "AGE"), row


def _deployments(case: Case, wide: bool) -> tuple[Row, Callable[[Any], Row]]:
    def row(item: Any) -> Row:
        status, containers = item.status, item.spec.template.spec.containers
        made = (
            item.metadata.name,
            f"{status.readyReplicas}/{item.spec.replicas}",
            str(status.updatedReplicas),
            str(status.availableReplicas),
            f"{DAYS[item.metadata.namespace]}d",
        )
        images = ",".join(each.image for each in containers)
        names = ",".join(each.name for each in containers)
        more = (names, images, labels_text(item.spec.selector.matchLabels))
        return (*made, *more) if wide else made

    header = ("NAME", "READY", "UP-TO-DATE", "AVAILABLE", "AGE")
    return (*header, "CONTAINERS", "IMAGES", "SELECTOR") if wide else header, row


_PRINTERS: Mapping[str, Printer] = {
    "pods": _pods,
    "services": _services,
    "endpointslices": _slices,
    "networkpolicies": _policies,
    "nodes": _nodes,
    "ingresses": _ingresses,
    "deployments": _deployments,
}


def labels_text(labels: Mapping[str, str] | None) -> str:
    """Write a set of labels or a selector."""
    return ",".join(f"{key}={value}" for key, value in sorted((labels or {}).items())) or "<none>"
