"""``kubectl get``: tables as the server prints them, and ``-o yaml``."""

from collections.abc import Callable, Iterable, Mapping
from typing import Any

import yaml

from k8snet_lessons.control.hints import annotated_hints
from k8snet_lessons.control.topology import hint_service
from k8snet_lessons.incidents.case import Case, ToolError, age, columns, not_found
from k8snet_lessons.incidents.layout import BEGAN_S, HOST, former_template

_DAYS = {"edge": 212, "kube-system": 305, "shop": 183}
_KINDS = {
    "pods": ("pod", "pods", "po"),
    "services": ("service", "services", "svc"),
    "endpointslices": ("endpointslice", "endpointslices", "endpointslices.discovery.k8s.io"),
    "networkpolicies": ("networkpolicy", "networkpolicies", "netpol"),
    "nodes": ("node", "nodes", "no"),
    "ingresses": ("ingress", "ingresses", "ing"),
    "events": ("event", "events", "ev"),
}
KIND_WORDS: Mapping[str, str] = {word: kind for kind, words in _KINDS.items() for word in words}
Row = tuple[str, ...]


def kind_of(word: str) -> str:
    """Resolve a resource word as kubectl does."""
    if word.lower() not in KIND_WORDS:
        raise ToolError(f'error: the server doesn\'t have a resource type "{word}"')
    return KIND_WORDS[word.lower()]


def get(case: Case, word: str, names: list[str], namespace: str, output: str, every: bool) -> str:
    """Print objects of a kind."""
    kind = kind_of(word)
    if kind == "events":
        return _events(case, namespace, every)
    found = objects(case, kind, None if every or kind == "nodes" else namespace)
    for name in names:
        if name not in [item.metadata.name for item in found]:
            raise not_found(_GROUPS.get(kind, kind), name)
    if names:
        found = [item for item in found if item.metadata.name in names]
    if not found:
        return f"No resources found in {namespace} namespace.\n"
    if output == "yaml":
        if kind == "endpointslices":
            found = with_hints(case, found)
        return as_yaml(found if not names or len(names) > 1 else found[0])
    if output not in ("", "wide"):
        raise ToolError(
            f'error: unable to match a printer suitable for the output format "{output}"'
        )
    header, row = _PRINTERS[kind](case, output == "wide")
    rows = [header, *(row(item) for item in found)]
    if every and kind != "nodes":
        spaces = ["NAMESPACE", *(item.metadata.namespace for item in found)]
        rows = [(space, *rest) for space, rest in zip(spaces, rows, strict=True)]
    return columns(rows)


_GROUPS = {
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
    }
    wanted = [item for item in listed[kind] if namespace in (None, item.metadata.namespace)]
    return sorted(wanted, key=lambda item: (item.metadata.namespace or "", item.metadata.name))


def as_yaml(found: Any) -> str:
    """Print objects as ``-o yaml`` does, hints of EndpointSlices included."""
    if isinstance(found, list):
        content: Any = {"apiVersion": "v1", "items": [_plain(x) for x in found], "kind": "List"}
    else:
        content = _plain(found)
    return yaml.safe_dump(content, sort_keys=True, default_flow_style=False)


def _plain(item: Any) -> dict[str, Any]:
    content: dict[str, Any] = item.to_dict()
    return content


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
                f"{_DAYS[item.metadata.namespace]}d")  # fmt: skip
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
        days = f"{_DAYS[item.metadata.namespace]}d"
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
        short = (name, "Ready", "<none>", "96d", "v1.36.2")
        address = case.world.node_address(case.world.nodes.index(name))
        system = (
            "<none>",
            "Debian GNU/Linux 13 (trixie)",
            "6.12.57+deb13-amd64",
            "containerd://2.1.4",
        )
        return (*short, address, *system) if wide else short

    header = ("NAME", "STATUS", "ROLES", "AGE", "VERSION")
    more = ("INTERNAL-IP", "EXTERNAL-IP", "OS-IMAGE", "KERNEL-VERSION", "CONTAINER-RUNTIME")
    return (*header, *more) if wide else header, row


def _ingresses(case: Case, wide: bool) -> tuple[Row, Callable[[Any], Row]]:
    def row(item: Any) -> Row:
        return (
            item.metadata.name,
            item.spec.ingressClassName,
            HOST,
            "198.51.100.10",
            "80, 443",
            "183d",
        )

    return ("NAME", "CLASS", "HOSTS", "ADDRESS", "PORTS", "AGE"), row


_PRINTERS: Mapping[str, Printer] = {
    "pods": _pods,
    "services": _services,
    "endpointslices": _slices,
    "networkpolicies": _policies,
    "nodes": _nodes,
    "ingresses": _ingresses,
}


def labels_text(labels: Mapping[str, str] | None) -> str:
    """Write a set of labels or a selector."""
    return ",".join(f"{key}={value}" for key, value in sorted((labels or {}).items())) or "<none>"


def events_of(case: Case) -> list[tuple[int, str, str, str, str, str]]:
    """Events as (seconds ago, namespace, type, reason, object, message), newest last."""
    world = case.world
    made = [(23 * 60, "shop", "Normal", "Sync", "ingress/shop", "Scheduled for sync")]
    if world.checkout_pods < world.checkout_pods_before:
        set_name = world.pods_of("checkout")[0].name.rsplit("-", 1)[0]
        made.append(
            (BEGAN_S, "shop", "Normal", "ScalingReplicaSet", "deployment/checkout",
             f"Scaled down replica set {set_name} from {world.checkout_pods_before} to "
             f"{world.checkout_pods}")
        )  # fmt: skip
    if world.ledger_pods > world.ledger_pods_at_dial:
        set_name = world.pods_of("ledger")[0].name.rsplit("-", 1)[0]
        made.append(
            (BEGAN_S + 420, "shop", "Normal", "ScalingReplicaSet", "deployment/ledger",
             f"Scaled up replica set {set_name} from {world.ledger_pods_at_dial} to "
             f"{world.ledger_pods}")
        )  # fmt: skip
    for app, space in (("checkout", "shop"), ("coredns", "kube-system")):
        pods = world.pods_of(app)
        if pods[0].age_s < BEGAN_S + 120:
            new, old = pods[0].name.rsplit("-", 1)[0], f"{app}-{former_template(world, app)}"
            count = len(pods)
            made += [
                (BEGAN_S + 75, space, "Normal", "ScalingReplicaSet", f"deployment/{app}",
                 f"Scaled up replica set {new} from {count - 1} to {count}"),
                (BEGAN_S + 20, space, "Normal", "ScalingReplicaSet", f"deployment/{app}",
                 f"Scaled down replica set {old} from 1 to 0"),
            ]  # fmt: skip
    if world.topology_mode and world.checkout_selector == "checkout":
        hinted = hint_service(world.cluster, "shop/checkout")
        if hinted.heuristic == "none":
            made.append((BEGAN_S - 4, "shop", "Warning", "TopologyAwareHintsDisabled",
                         "service/checkout", _hint_event(case)))  # fmt: skip
    return sorted(made, reverse=True)


def _hint_event(case: Case) -> str:
    from k8snet_lessons.control.topology import allocate_hints, cpus_of, endpoints_of

    cluster = case.world.cluster
    hints = allocate_hints(cpus_of(cluster), endpoints=endpoints_of(cluster, "shop/checkout"))
    return f"{hints.event}, addressType: IPv4"


def _events(case: Case, namespace: str, every: bool) -> str:
    found = [event for event in events_of(case) if every or event[1] == namespace]
    if not found:
        return f"No resources found in {namespace} namespace.\n"
    rows: list[Row] = [("LAST SEEN", "TYPE", "REASON", "OBJECT", "MESSAGE")]
    rows += [(age(ago), kind, reason, what, text) for ago, _, kind, reason, what, text in found]
    if every:
        spaces = ["NAMESPACE", *(event[1] for event in found)]
        rows = [(space, *row) for space, row in zip(spaces, rows, strict=True)]
    return columns(rows)
