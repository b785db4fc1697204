"""Pods that workloads make, with names and nodes that are the same every time."""

import copy
from collections.abc import Iterable, Mapping
from typing import Any

from lightkube.models import core_v1, meta_v1

from k8snet_lessons.cluster._addresses import stable_number
from k8snet_lessons.errors import InputError

# The size Kubernetes is tested for: 150,000 pods in all.
MAX_PODS = 150_000
KINDS = ("Deployment", "ReplicaSet", "ReplicationController", "StatefulSet", "DaemonSet", "Job")

# Kubernetes leaves out vowels and look-alikes from generated names.
_ALPHABET = "bcdfghjklmnpqrstvwxz2456789"


def short_hash(key: str, length: int) -> str:
    """Make a name suffix such as Kubernetes generates, but from a hash."""
    number = stable_number(key)
    letters = []
    for _ in range(length):
        number, digit = divmod(number, len(_ALPHABET))
        letters.append(_ALPHABET[digit])
    return "".join(letters)


def make_pods(
    workloads: Mapping[str, Mapping[str, Any]],
    given: Mapping[str, Any],
    nodes: Mapping[str, Any],
) -> dict[str, Any]:
    """Make the pods of all workloads that have none yet.

    A workload whose pods are among those given (by ``ownerReferences``) makes none, and so
    does a Deployment whose ReplicaSet is given: that is what a dump of a cluster looks like.

    Parameters
    ----------
    workloads : mapping of kind to mapping of str to model
    given : mapping of str to model
    nodes : mapping of str to model
        For DaemonSets, one pod on each node that takes it.

    Returns
    -------
    dict of str to model
        Pods without addresses, keyed ``"namespace/name"``.

    Raises
    ------
    InputError
        If there would be more than 150,000 pods.
    """
    owned = _owners(given.values())
    for replica_set in workloads.get("ReplicaSet", {}).values():
        owned |= _owners([replica_set])
    pods: dict[str, Any] = {}
    for kind in KINDS:
        for scope, workload in workloads.get(kind, {}).items():
            namespace, _, name = scope.partition("/")
            if (kind, scope) in owned:
                continue
            count = _count(kind, workload)
            if len(pods) + len(given) + count > MAX_PODS:
                raise InputError(f"{kind} {scope}: replicas", count, f"at most {MAX_PODS} pods")
            for pod in _pods_of(kind, namespace, name, workload, count, nodes):
                pods.setdefault(f"{namespace}/{pod.metadata.name}", pod)
    return pods


def _owners(objects: Iterable[Any]) -> set[tuple[str, str]]:
    return {
        (owner.kind, f"{obj.metadata.namespace or 'default'}/{owner.name}")
        for obj in objects
        for owner in obj.metadata.ownerReferences or []
    }


def _count(kind: str, workload: Any) -> int:
    spec = workload.spec
    if spec is None or kind == "DaemonSet":
        return 0
    if kind == "Job":
        completions = spec.completions if spec.completions is not None else 1
        parallelism = spec.parallelism if spec.parallelism is not None else 1
        return max(0, min(parallelism, completions)) if not spec.suspend else 0
    return spec.replicas if spec.replicas is not None else 1


def _pods_of(
    kind: str, namespace: str, name: str, workload: Any, count: int, nodes: Mapping[str, Any]
) -> Iterable[Any]:
    scope = f"{kind}/{namespace}/{name}"
    template = workload.spec.template if workload.spec else None
    if template is None or template.spec is None:
        return
    labels = dict((template.metadata.labels if template.metadata else None) or {})
    if kind == "DaemonSet":
        for node in nodes.values():
            if takes(node, template.spec):
                pod_name = f"{name}-{short_hash(f'{scope}/{node.metadata.name}', 5)}"
                pod = _pod(template, namespace, pod_name, labels, kind, name)
                pod.spec.nodeName = node.metadata.name
                yield pod
        return
    able = able_nodes(template.spec, nodes)
    for index in range(count):
        if kind == "StatefulSet":
            pod_name = f"{name}-{index}"
            identity = {
                "apps.kubernetes.io/pod-index": str(index),
                "statefulset.kubernetes.io/pod-name": pod_name,
            }
            pod = _pod(template, namespace, pod_name, {**labels, **identity}, kind, name)
            pod.spec.hostname = pod.spec.hostname or pod_name
            pod.spec.subdomain = pod.spec.subdomain or workload.spec.serviceName
        elif kind == "Deployment":
            template_hash = short_hash(scope, 10)
            pod_name = f"{name}-{template_hash}-{short_hash(f'{scope}/{index}', 5)}"
            with_hash = {**labels, "pod-template-hash": template_hash}
            pod = _pod(template, namespace, pod_name, with_hash, kind, name)
        else:
            pod_name = f"{name}-{short_hash(f'{scope}/{index}', 5)}"
            pod = _pod(template, namespace, pod_name, labels, kind, name)
        if pod.spec.nodeName is None and able:
            pod.spec.nodeName = able[(stable_number(scope) + index) % len(able)]
        yield pod


def _pod(
    template: Any, namespace: str, name: str, labels: dict[str, str], kind: str, owner: str
) -> Any:
    meta = meta_v1.ObjectMeta(
        name=name,
        namespace=namespace,
        labels=labels,
        annotations=template.metadata.annotations if template.metadata else None,
        ownerReferences=[
            meta_v1.OwnerReference(apiVersion="apps/v1", kind=kind, name=owner, uid="")
        ],
    )
    return core_v1.Pod(apiVersion="v1", kind="Pod", metadata=meta, spec=copy.copy(template.spec))


def able_nodes(spec: Any, nodes: Mapping[str, Any]) -> list[str]:
    """Name the nodes that take a pod; pods go to them in turn."""
    return [name for name, node in nodes.items() if takes(node, spec)]


def takes(node: Any, spec: Any) -> bool:
    """Whether a node takes a pod: node selector, cordon and taints (no affinity rules)."""
    labels = node.metadata.labels or {}
    if any(labels.get(key) != value for key, value in (spec.nodeSelector or {}).items()):
        return False
    if node.spec is None:
        return True
    if node.spec.unschedulable:
        return False
    taints = (taint for taint in node.spec.taints or [] if taint.effect != "PreferNoSchedule")
    tolerations = spec.tolerations or []
    return all(any(_tolerates(item, taint) for item in tolerations) for taint in taints)


def _tolerates(toleration: Any, taint: Any) -> bool:
    if toleration.effect and toleration.effect != taint.effect:
        return False
    if toleration.operator == "Exists":
        return not toleration.key or toleration.key == taint.key
    return bool(toleration.key == taint.key and (toleration.value or "") == (taint.value or ""))
