"""``kubectl describe``, in the form of kubectl's ``pkg/describe/describe.go`` (1.36)."""

from collections.abc import Callable, Mapping
from typing import Any

from k8snet_lessons.incidents.case import Case, age, not_found, stamp
from k8snet_lessons.incidents.layout import CPUS, HOST
from k8snet_lessons.incidents.tools.get import (
    events_of,
    get,
    kind_of,
    labels_text,
    objects,
)

Line = tuple[int, str, str]


def describe(case: Case, word: str, names: list[str], namespace: str) -> str:
    """Describe objects of a kind."""
    kind = kind_of(word)
    if kind == "events":
        return get(case, word, [], namespace, "", False)
    found = objects(case, kind, None if kind == "nodes" else namespace)
    if names:
        known = {item.metadata.name: item for item in found}
        for name in names:
            if name not in known:
                raise not_found(kind, name)
        found = [known[name] for name in names]
    if not found:
        return f"No resources found in {namespace} namespace.\n"
    return "\n\n".join(_DESCRIBERS[kind](case, item) for item in found)


def tabbed(lines: list[Line]) -> str:
    """Align values as Go's tabwriter does: a line without a value ends a column."""
    made: list[str] = []
    start = 0
    while start < len(lines):
        end = start
        while end < len(lines) and lines[end][2]:
            end += 1
        width = max((2 * deep + len(label) for deep, label, _ in lines[start:end]), default=0) + 2
        made += [f"{'  ' * deep + label:<{width}}{text}" for deep, label, text in lines[start:end]]
        if end < len(lines):
            made.append("  " * lines[end][0] + lines[end][1])
        start = end + 1
    return "\n".join(made) + "\n"


def _mapping(label: str, pairs: Mapping[str, str] | None, sign: str = "=") -> list[Line]:
    items = [f"{key}{sign}{value}" for key, value in sorted((pairs or {}).items())] or ["<none>"]
    return [(0, f"{label}:" if k == 0 else "", text) for k, text in enumerate(items)]


def _service(case: Case, item: Any) -> str:
    spec, meta = item.spec, item.metadata
    scope = f"{meta.namespace}/{meta.name}"
    lines: list[Line] = [(0, "Name:", meta.name), (0, "Namespace:", meta.namespace)]
    lines += _mapping("Labels", meta.labels)
    lines += _mapping("Annotations", meta.annotations, ": ")
    lines += [
        (0, "Selector:", labels_text(spec.selector)),
        (0, "Type:", spec.type or "ClusterIP"),
        (0, "IP Family Policy:", "SingleStack"),
        (0, "IP Families:", "IPv4"),
        (0, "IP:", spec.clusterIP),
        (0, "IPs:", spec.clusterIP),
    ]
    for port in spec.ports:
        protocol = port.protocol or "TCP"
        lines.append((0, "Port:", f"{port.name or '<unset>'}  {port.port}/{protocol}"))
        lines.append((0, "TargetPort:", f"{port.targetPort}/{protocol}"))
        if port.nodePort:
            lines.append((0, "NodePort:", f"{port.name}  {port.nodePort}/{protocol}"))
        lines.append((0, "Endpoints:", _endpoints(case, scope, port.name or "")))
    lines.append((0, "Session Affinity:", spec.sessionAffinity or "None"))
    if spec.externalTrafficPolicy and spec.type != "ClusterIP":
        lines.append((0, "External Traffic Policy:", spec.externalTrafficPolicy))
    lines.append((0, "Internal Traffic Policy:", spec.internalTrafficPolicy or "Cluster"))
    if spec.trafficDistribution:
        lines.append((0, "Traffic Distribution:", spec.trafficDistribution))
    return tabbed(lines) + _events(case, f"service/{meta.name}")


def _endpoints(case: Case, scope: str, port_name: str) -> str:
    found = [
        f"{address}:{port.port}"
        for item in case.world.cluster.slices_of(scope)
        for port in item.ports or []
        if (port.name or "") == port_name
        for endpoint in item.endpoints or []
        for address in endpoint.addresses
    ]
    if len(found) > 3:
        return ",".join(found[:3]) + f" + {len(found) - 3} more..."
    return ",".join(found) or "<none>"


def _slice(case: Case, item: Any) -> str:
    meta = item.metadata
    lines: list[Line] = [(0, "Name:", meta.name), (0, "Namespace:", meta.namespace)]
    lines += _mapping("Labels", meta.labels)
    lines += [(0, "Annotations:", "<none>"), (0, "AddressType:", item.addressType)]
    head = tabbed(lines)
    if item.ports:
        rows = [("Name", "Port", "Protocol"), ("----", "----", "--------")]
        rows += [(p.name or "<unset>", str(p.port), p.protocol) for p in item.ports]
        widths = [max(len(row[k]) for row in rows) + 2 for k in (0, 1)]
        head += "Ports:\n" + "".join(
            f"  {a.ljust(widths[0])}{b.ljust(widths[1])}{c}\n" for a, b, c in rows
        )
    else:
        head += "Ports: <unset>\n"
    if not item.endpoints:
        return head + "Endpoints: <none>\n" + _events(case, f"endpointslice/{meta.name}")
    head += "Endpoints:\n"
    for each in item.endpoints:
        ready = str(each.conditions.ready is not False).lower()
        head += f"  - Addresses:  {', '.join(each.addresses)}\n    Conditions:\n"
        head += f"      Ready:    {ready}\n    Hostname:   {each.hostname or '<unset>'}\n"
        head += f"    TargetRef:  Pod/{each.targetRef.name}\n    NodeName:   {each.nodeName}\n"
        head += f"    Zone:       {each.zone}\n"
    return head + _events(case, f"endpointslice/{meta.name}")


def _pod(case: Case, item: Any) -> str:
    meta, container = item.metadata, item.spec.containers[0]
    pod = next(p for p in case.world.pods if p.scope == f"{meta.namespace}/{meta.name}")
    node = case.world.nodes[pod.place]
    started = stamp(pod.age_s).strftime(_TIME)
    lines: list[Line] = [
        (0, "Name:", meta.name),
        (0, "Namespace:", meta.namespace),
        (0, "Priority:", "0"),
        (0, "Service Account:", "default"),
        (0, "Node:", f"{node}/{case.world.node_address(pod.place)}"),
        (0, "Start Time:", started),
        *_mapping("Labels", meta.labels),
        (0, "Annotations:", "<none>"),
        (0, "Status:", "Running"),
        (0, "IP:", pod.address),
        (0, "IPs:", ""),
        (1, "IP:", pod.address),
        (0, "Controlled By:", f"ReplicaSet/{meta.name.rsplit('-', 1)[0]}"),
        (0, "Containers:", ""),
        (1, f"{container.name}:", ""),
    ]
    numbers = [(p.containerPort, p.protocol or "TCP") for p in container.ports]
    plural = "s" if len(numbers) > 1 else ""
    lines += [
        (2, "Image:", container.image),
        (2, f"Port{plural}:", ", ".join(f"{port}/{protocol}" for port, protocol in numbers)),
        (2, f"Host Port{plural}:", ", ".join(f"0/{protocol}" for _, protocol in numbers)),
    ]
    text = tabbed(lines)
    lines = [(2, "State:", "Running"), (3, "Started:", started), (2, "Ready:", "True"),
             (2, "Restart Count:", "0")]  # fmt: skip
    if container.resources:
        for title in ("Limits", "Requests"):
            lines.append((2, f"{title}:", ""))
            amounts = getattr(container.resources, title.lower()) or {}
            lines += [(3, f"{name}:", str(value)) for name, value in amounts.items()]
    variables = [(3, f"{each.name}:", str(each.value)) for each in container.env or []]
    lines += [(2, "Environment:", ""), *variables] if variables else [(2, "Environment:", "<none>")]
    text += tabbed(lines)
    rows = ("PodReadyToStartContainers", "Initialized", "Ready", "ContainersReady", "PodScheduled")
    text += "Conditions:\n  Type                        Status\n"
    text += "".join(f"  {name:<28}True\n" for name in rows)
    text += f"QoS Class:       {'Burstable' if container.resources else 'BestEffort'}\n"
    text += "Node-Selectors:  <none>\n"
    return text + _events(case, f"pod/{meta.name}")


def _node(case: Case, item: Any) -> str:
    name = item.metadata.name
    place = case.world.nodes.index(name)
    here = [pod for pod in case.world.pods if pod.place == place]
    lines: list[Line] = [(0, "Name:", name), (0, "Roles:", "<none>")]
    lines += _mapping("Labels", item.metadata.labels)
    lines += [
        (0, "Annotations:", "<none>"),
        (0, "Taints:", "<none>"),
        (0, "Unschedulable:", "false"),
    ]
    text = tabbed(lines)
    beat = stamp(20).strftime(_TIME)
    since = stamp(96 * 86_400).strftime(_TIME)
    text += "Conditions:\n"
    for row in (_CONDITION_HEADS, tuple("-" * len(word) for word in _CONDITION_HEADS)):
        text += (
            "  " + "".join(f"{w:<{n}}" for w, n in zip(row, _WIDTHS, strict=True)).rstrip() + "\n"
        )
    for kind, status, reason, message in _CONDITIONS:
        row = (kind, status, beat, since, reason, message)
        text += (
            "  " + "".join(f"{w:<{n}}" for w, n in zip(row, _WIDTHS, strict=True)).rstrip() + "\n"
        )
    text += f"Addresses:\n  InternalIP:  {case.world.node_address(place)}\n  Hostname:    {name}\n"
    text += f"Allocatable:\n  cpu:     {CPUS}\n  memory:  30Gi\n  pods:    110\n"
    text += f"PodCIDR:                      {item.spec.podCIDR}\n"
    text += f"Non-terminated Pods:          ({len(here)} in total)\n"
    width = max(len(pod.name) for pod in here) + 2 if here else 8
    text += f"  Namespace    {'Name'.ljust(width)}Age\n  ---------    {'----'.ljust(width)}---\n"
    text += "".join(f"  {p.namespace:<13}{p.name.ljust(width)}{age(p.age_s)}\n" for p in here)
    return text + _events(case, f"node/{name}")


_TIME = "%a, %d %b %Y %H:%M:%S +0000"
_CONDITION_HEADS = (
    "Type",
    "Status",
    "LastHeartbeatTime",
    "LastTransitionTime",
    "Reason",
    "Message",
)
_WIDTHS = (21, 8, 33, 33, 29, 0)
_CONDITIONS = (
    ("MemoryPressure", "False", "KubeletHasSufficientMemory", "kubelet has sufficient memory available"),
    ("DiskPressure", "False", "KubeletHasNoDiskPressure", "kubelet has no disk pressure"),
    ("PIDPressure", "False", "KubeletHasSufficientPID", "kubelet has sufficient PID available"),
    ("Ready", "True", "KubeletReady", "kubelet is posting ready status"),
)  # fmt: skip


def _policy(case: Case, item: Any) -> str:
    meta, spec = item.metadata, item.spec
    made = stamp(183 * 86_400).strftime("%Y-%m-%d %H:%M:%S +0000 UTC")
    text = tabbed(
        [(0, "Name:", meta.name), (0, "Namespace:", meta.namespace), (0, "Created on:", made),
         (0, "Labels:", "<none>"), (0, "Annotations:", "<none>")]
    )  # fmt: skip
    text += f"Spec:\n  PodSelector:     {labels_text(spec.podSelector.matchLabels)}\n"
    for direction, rules, side in (
        ("Ingress", spec.ingress, "from_"),
        ("Egress", spec.egress, "to"),
    ):
        if direction not in (spec.policyTypes or []):
            text += f"  Not affecting {direction.lower()} traffic\n"
            continue
        text += f"  Allowing {direction.lower()} traffic:\n"
        blocks = [_rule(rule, side, direction) for rule in rules or []]
        text += "    ----------\n".join(blocks) or (
            f"    <none> (Selected pods are isolated for {direction.lower()} connectivity)\n"
        )
    return text + f"  Policy Types: {', '.join(spec.policyTypes or [])}\n"


def _rule(rule: Any, side: str, direction: str) -> str:
    text = "".join(f"    To Port: {p.port}/{p.protocol or 'TCP'}\n" for p in rule.ports or [])
    text = text or "    To Port: <any> (traffic allowed to all ports)\n"
    word = "From" if direction == "Ingress" else "To"
    peers = getattr(rule, side, None) or []
    if not peers:
        restricted = "source" if direction == "Ingress" else "destination"
        return text + f"    {word}: <any> (traffic not restricted by {restricted})\n"
    for peer in peers:
        text += f"    {word}:\n"
        if peer.ipBlock is not None:
            text += f"      IPBlock:\n        CIDR: {peer.ipBlock.cidr}\n"
            text += f"        Except: {', '.join(peer.ipBlock.except_ or [])}\n"
        if peer.namespaceSelector is not None:
            text += f"      NamespaceSelector: {labels_text(peer.namespaceSelector.matchLabels)}\n"
        if peer.podSelector is not None:
            text += f"      PodSelector: {labels_text(peer.podSelector.matchLabels)}\n"
    return text


def _ingress(case: Case, item: Any) -> str:
    lines: list[Line] = [
        (0, "Name:", item.metadata.name),
        (0, "Labels:", "<none>"),
        (0, "Namespace:", item.metadata.namespace),
        (0, "Address:", "198.51.100.10"),
        (0, "Ingress Class:", item.spec.ingressClassName),
        (0, "Default backend:", "<default>"),
    ]
    text = tabbed(lines) + f"TLS:\n  shop-tls terminates {HOST}\nRules:\n"
    text += "  Host              Path  Backends\n  ----              ----  --------\n"
    text += f"  {HOST}\n"
    backends = _endpoints(case, "shop/checkout", "http")
    for path in item.spec.rules[0].http.paths:
        service = path.backend.service
        text += (
            f"                    {path.path}   {service.name}:{service.port.number} ({backends})\n"
        )
    text += tabbed(_mapping("Annotations", item.metadata.annotations, ": "))
    return text + _events(case, f"ingress/{item.metadata.name}")


def _events(case: Case, what: str) -> str:
    found = [event for event in events_of(case) if event[4] == what]
    if not found:
        return "Events:  <none>\n"
    text = "Events:\n  Type     Reason                      Age   Message\n"
    text += "  ----     ------                      ----  -------\n"
    for ago, _, kind, reason, _, message in found:
        text += f"  {kind:<9}{reason:<28}{age(ago):<6}{message}\n"
    return text


_DESCRIBERS: Mapping[str, Callable[[Case, Any], str]] = {
    "services": _service,
    "endpointslices": _slice,
    "pods": _pod,
    "nodes": _node,
    "networkpolicies": _policy,
    "ingresses": _ingress,
}
