"""``kubectl describe``: what kubectl's ``pkg/describe/describe.go`` (1.36) writes, line for line."""

from collections.abc import Callable, Mapping
from typing import Any

from k8snet_lessons.incidents.case import Case, not_found
from k8snet_lessons.incidents.tools.declared import Object, declared
from k8snet_lessons.incidents.tools.describe_node import describe_node
from k8snet_lessons.incidents.tools.described import mapping, moment
from k8snet_lessons.incidents.tools.events import described
from k8snet_lessons.incidents.tools.get import GROUPS, Asked, get, kind_of, labels_text, objects
from k8snet_lessons.incidents.tools.rollouts import replica_sets
from k8snet_lessons.incidents.tools.tabwriter import tabbed


def describe(case: Case, word: str, names: list[str], namespace: str, every: bool = False) -> str:
    """Describe objects of a kind; a name may be begun only, as kubectl allows."""
    kind = kind_of(word)
    if kind == "events":
        return get(case, Asked(word, namespace=namespace, every=every))
    found = objects(case, kind, None if every or kind == "nodes" else namespace)
    known = {item.metadata.name: item for item in found}
    begun = [known[name] for name in known if len(names) == 1 and name.startswith(names[0])]
    if begun and names[0] not in known:  # kubectl ends each of these with an empty line
        return "".join(_written(case, kind, declared(case, item)) + "\n" for item in begun)
    for name in names:
        if name not in known:
            raise not_found(GROUPS.get(kind, kind), name)
    found = [known[name] for name in names] or found
    if not found:
        return f"No resources found in {namespace} namespace.\n"
    return "\n\n".join(_written(case, kind, declared(case, item)) for item in found)


def _written(case: Case, kind: str, item: Object) -> str:
    meta = item["metadata"]
    text = _DESCRIBERS[kind](case, item)
    if kind != "networkpolicies":
        about = f"{kind.removesuffix('es') if kind == 'ingresses' else kind[:-1]}/{meta['name']}"
        text += described(case, about, meta.get("namespace", ""))
    # Where there are events kubectl flushes its columns first.
    return "".join(tabbed(part) for part in text.split("\f"))


def _head(item: Object) -> str:
    meta = item["metadata"]
    text = f"Name:\t{meta['name']}\nNamespace:\t{meta['namespace']}\n"
    text += mapping("Labels", meta.get("labels"))
    return text + mapping("Annotations", meta.get("annotations"), ": ")


def _service(case: Case, item: Object) -> str:
    spec, meta = item["spec"], item["metadata"]
    addresses = ",".join(spec.get("clusterIPs") or [spec["clusterIP"]])
    text = _head(item) + (
        f"Selector:\t{labels_text(spec['selector'])}\nType:\t{spec['type']}\n"
        f"IP Family Policy:\t{spec['ipFamilyPolicy']}\n"
        f"IP Families:\t{','.join(spec['ipFamilies'])}\n"
        f"IP:\t{spec['clusterIP']}\nIPs:\t{addresses}\n"
    )
    for port in spec["ports"]:
        name, protocol = port.get("name") or "<unset>", port["protocol"]
        text += f"Port:\t{name}\t{port['port']}/{protocol}\n"
        text += f"TargetPort:\t{port['targetPort']}/{protocol}\n"
        if port.get("nodePort"):
            text += f"NodePort:\t{name}\t{port['nodePort']}/{protocol}\n"
        scope = f"{meta['namespace']}/{meta['name']}"
        text += f"Endpoints:\t{_endpoints(case, scope, port.get('name') or '')}\n"
    text += f"Session Affinity:\t{spec['sessionAffinity']}\n"
    if spec.get("externalTrafficPolicy"):
        text += f"External Traffic Policy:\t{spec['externalTrafficPolicy']}\n"
    text += f"Internal Traffic Policy:\t{spec['internalTrafficPolicy']}\n"
    if spec.get("trafficDistribution"):
        text += f"Traffic Distribution:\t{spec['trafficDistribution']}\n"
    return text


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
    # A slice without endpoints gives an empty list, no slice at all the word.
    return ",".join(found) if case.world.cluster.slices_of(scope) else "<none>"


def _slice(case: Case, item: Object) -> str:
    text = _head(item) + f"AddressType:\t{item['addressType']}\n"
    if item.get("ports"):
        text += "Ports:\n  Name\tPort\tProtocol\n  ----\t----\t--------\n"
        for port in item["ports"]:
            text += f"  {port.get('name') or '<unset>'}\t{port['port']}\t{port['protocol']}\n"
    else:
        text += "Ports: <unset>\n"
    if not item.get("endpoints"):
        return text + "Endpoints: <none>\n"
    text += "Endpoints:\n"
    for each in item["endpoints"]:
        ready = str(each["conditions"].get("ready") is not False).lower()
        text += (
            f"  - Addresses:\t{', '.join(each['addresses'])}\n    Conditions:\n"
            f"      Ready:\t{ready}\n    Hostname:\t{each.get('hostname') or '<unset>'}\n"
            f"    TargetRef:\tPod/{each['targetRef']['name']}\n    NodeName:\t{each['nodeName']}\n"
            f"    Zone:\t{each['zone']}\n"
        )
    return text


def _pod(case: Case, item: Object) -> str:
    meta, spec, status = item["metadata"], item["spec"], item["status"]
    text = f"Name:\t{meta['name']}\nNamespace:\t{meta['namespace']}\n"
    text += (
        f"Priority:\t{spec['priority']}\nService Account:\t{spec['serviceAccountName']}\n"
        f"Node:\t{spec['nodeName']}/{status['hostIP']}\n"
        f"Start Time:\t{moment(status['startTime'])}\n"
    )
    text += mapping("Labels", meta.get("labels"))
    text += mapping("Annotations", meta.get("annotations"), ": ")
    text += f"Status:\t{status['phase']}\nIP:\t{status['podIP']}\nIPs:\n"
    text += "".join(f"  IP:\t{each['ip']}\n" for each in status["podIPs"])
    text += f"Controlled By:\tReplicaSet/{meta['ownerReferences'][0]['name']}\nContainers:\n"
    for container, state in zip(spec["containers"], status["containerStatuses"], strict=True):
        text += _container(container, state)
    text += "Conditions:\n  Type\tStatus\n"
    text += "".join(f"  {each['type']} \t{each['status']} \n" for each in status["conditions"])
    text += f"Volumes:\t<none>\nQoS Class:\t{status['qosClass']}\nNode-Selectors:\t<none>\n"
    kept = [
        f"{each['key']}:{each['effect']} op={each['operator']} for {each['tolerationSeconds']}s"
        for each in spec["tolerations"]
    ]
    return text + "Tolerations:\t" + "\n\t".join(kept) + "\n"


def _container(container: Object, state: Object | None) -> str:
    """A container of a pod, or without a state of a pod template."""
    numbers = [(port["containerPort"], port.get("protocol", "TCP")) for port in container["ports"]]
    plural = "s" if len(numbers) > 1 else ""
    text = f"  {container['name']}:\n"
    if state is not None:
        text += f"    Container ID:\t{state['containerID']}\n"
    text += f"    Image:\t{container['image']}\n"
    if state is not None:
        text += f"    Image ID:\t{state['imageID']}\n"
    text += (
        f"    Port{plural}:\t{', '.join(f'{port}/{protocol}' for port, protocol in numbers)}\n"
        f"    Host Port{plural}:\t{', '.join(f'0/{protocol}' for _, protocol in numbers)}\n"
    )
    if state is not None:
        started = moment(state["state"]["running"]["startedAt"])
        text += f"    State:\tRunning\n      Started:\t{started}\n    Ready:\tTrue\n"
        text += f"    Restart Count:\t{state['restartCount']}\n"
    for title in ("limits", "requests"):
        amounts = container.get("resources", {}).get(title)
        if amounts:
            text += f"    {title.title()}:\n"
            text += "".join(f"      {name}:\t{amounts[name]}\n" for name in sorted(amounts))
    if "readinessProbe" in container:
        text += f"    Readiness:\t{_probe(container['readinessProbe'])}\n"
    variables = container.get("env", [])
    text += "    Environment:" + ("\n" if variables else "\t<none>\n")
    text += "".join(f"      {each['name']}:\t{each['value']}\n" for each in variables)
    return text + "    Mounts:\t<none>\n"


def _probe(probe: Object) -> str:
    times = (
        f"delay=0s timeout={probe['timeoutSeconds']}s period={probe['periodSeconds']}s "
        f"#success={probe['successThreshold']} #failure={probe['failureThreshold']}"
    )
    if "grpc" in probe:
        return f"grpc <pod>:{probe['grpc']['port']}  {times}"
    asked = probe["httpGet"]
    return f"http-get {asked['scheme'].lower()}://:{asked['port']}{asked['path']} {times}"


def _policy(case: Case, item: Object) -> str:
    spec = item["spec"]
    made = item["metadata"]["creationTimestamp"].replace("T", " ").replace("Z", " +0000 UTC")
    meta = item["metadata"]
    text = f"Name:\t{meta['name']}\nNamespace:\t{meta['namespace']}\nCreated on:\t{made}\n"
    text += mapping("Labels", meta.get("labels"))
    text += mapping("Annotations", meta.get("annotations"), ": ")
    text += f"Spec:\n  PodSelector:     {labels_text(spec['podSelector'].get('matchLabels'))}\n"
    for direction, side in (("Ingress", "from"), ("Egress", "to")):
        if direction not in spec["policyTypes"]:
            text += f"  Not affecting {direction.lower()} traffic\n"
            continue
        text += f"  Allowing {direction.lower()} traffic:\n"
        blocks = [_rule(rule, side, direction) for rule in spec.get(direction.lower(), [])]
        text += "    ----------\n".join(blocks) or (
            f"    <none> (Selected pods are isolated for {direction.lower()} connectivity)\n"
        )
    return text + f"  Policy Types: {', '.join(spec['policyTypes'])}\n"


def _rule(rule: Any, side: str, direction: str) -> str:
    text = "".join(
        f"    To Port: {port['port']}/{port.get('protocol', 'TCP')}\n"
        for port in rule.get("ports", [])
    )
    text = text or "    To Port: <any> (traffic allowed to all ports)\n"
    word = "From" if direction == "Ingress" else "To"
    peers = rule.get(side) or []
    if not peers:
        restricted = "source" if direction == "Ingress" else "destination"
        return text + f"    {word}: <any> (traffic not restricted by {restricted})\n"
    for peer in peers:
        text += f"    {word}:\n"
        if "ipBlock" in peer:
            text += f"      IPBlock:\n        CIDR: {peer['ipBlock']['cidr']}\n"
            text += f"        Except: {', '.join(peer['ipBlock'].get('except', []))}\n"
        for key in ("namespaceSelector", "podSelector"):
            if key in peer:
                label = f"{key[0].upper()}{key[1:]}"
                text += f"      {label}: {labels_text(peer[key].get('matchLabels'))}\n"
    return text


def _ingress(case: Case, item: Object) -> str:
    meta, spec = item["metadata"], item["spec"]
    text = f"Name:\t{meta['name']}\n" + mapping("Labels", meta.get("labels"))
    address = item["status"]["loadBalancer"]["ingress"][0]["ip"]
    text += (
        f"Namespace:\t{meta['namespace']}\nAddress:\t{address}\n"
        f"Ingress Class:\t{spec['ingressClassName']}\nDefault backend:\t<default>\nTLS:\n"
    )
    for each in spec["tls"]:
        text += f"  {each['secretName']} terminates {','.join(each['hosts'])}\n"
    text += "Rules:\n  Host\tPath\tBackends\n  ----\t----\t--------\n"
    for rule in spec["rules"]:
        text += f"  {rule['host']}\t\n"
        for path in rule["http"]["paths"]:
            to = path["backend"]["service"]
            ends = _endpoints(case, f"{meta['namespace']}/{to['name']}", "http")
            text += f"    \t{path['path']} \t{to['name']}:{to['port']['number']} ({ends})\n"
    return text + mapping("Annotations", meta.get("annotations"), ": ")


def _deployment(case: Case, item: Object) -> str:
    meta, spec, status = item["metadata"], item["spec"], item["status"]
    text = f"Name:\t{meta['name']}\nNamespace:\t{meta['namespace']}\n"
    text += f"CreationTimestamp:\t{moment(meta['creationTimestamp'])}\n"
    text += mapping("Labels", meta["labels"])
    text += mapping("Annotations", meta["annotations"], ": ")
    text += (
        f"Selector:\t{labels_text(spec['selector']['matchLabels'])}\n"
        f"Replicas:\t{spec['replicas']} desired | {status['updatedReplicas']} updated | "
        f"{status['replicas']} total | {status['availableReplicas']} available | 0 unavailable\n"
        "StrategyType:\tRollingUpdate\nMinReadySeconds:\t0\n"
        "RollingUpdateStrategy:\t25% max unavailable, 25% max surge\nPod Template:\n"
    )
    template = spec["template"]
    text += mapping("  Labels", template["metadata"]["labels"]) + "  Containers:\n"
    text += "".join(" " + _container(each, None) for each in template["spec"]["containers"])
    text += "  Volumes:\t<none>\n  Node-Selectors:\t<none>\n  Tolerations:\t<none>\n"
    text += "Conditions:\n  Type\tStatus\tReason\n  ----\t------\t------\n"
    for each in status["conditions"]:
        text += f"  {each['type']} \t{each['status']}\t{each['reason']}\n"
    *old, new = [
        f"{name} ({count}/{count} replicas created)"
        for name, count, _ in replica_sets(case, meta["name"])
    ]
    return text + f"OldReplicaSets:\t{', '.join(old) or '<none>'}\nNewReplicaSet:\t{new}\n"


_DESCRIBERS: Mapping[str, Callable[[Case, Object], str]] = {
    "services": _service,
    "endpointslices": _slice,
    "pods": _pod,
    "nodes": describe_node,
    "networkpolicies": _policy,
    "ingresses": _ingress,
    "deployments": _deployment,
}
