"""Deployments and their ReplicaSets, as far as a world's pods tell of them."""

from typing import Any

from k8snet_lessons.incidents.case import Case, stamp
from k8snet_lessons.incidents.layout import former_template
from k8snet_lessons.incidents.tools.declared import DAYS, stated

APPS = {"edge-proxy": "edge", "checkout": "shop", "ledger": "shop", "coredns": "kube-system"}


def replica_sets(case: Case, app: str) -> list[tuple[str, int, int]]:
    """ReplicaSets of an application as (name, pods, age in seconds), the newest last."""
    found: dict[str, tuple[int, int]] = {}
    for pod in case.world.pods_of(app):
        name = pod.name.rsplit("-", 1)[0]
        count, _ = found.get(name, (0, 0))
        found[name] = (count + 1, pod.age_s)
    made = [(name, count, age_s) for name, (count, age_s) in found.items()]
    made.sort(key=lambda each: -each[2])
    former = f"{app}-{former_template(case.world, app)}"
    if former not in found:  # scaled to nothing by the last rollout, and kept
        made.insert(0, (former, 0, DAYS[APPS[app]] * 86_400))
    if len(made) == 1:  # a ReplicaSet is older than the pods that it has now
        made = [(made[0][0], made[0][1], max(made[0][2], case.world.pods_of(app)[0].age_s))]
    return made


def paused(case: Case, app: str) -> bool:
    """Whether a rollout stands still with pods of two templates."""
    return sum(count > 0 for _, count, _ in replica_sets(case, app)) > 1


def deployments(case: Case) -> list[Any]:
    """Every Deployment of the cluster."""
    return [_deployment(case, app, space) for app, space in APPS.items()]


def _deployment(case: Case, app: str, space: str) -> Any:
    from lightkube.models.apps_v1 import Deployment

    pods = case.world.pods_of(app)
    newest = case.world.cluster.pod(pods[-1].scope).to_dict()
    template = {
        "metadata": {
            "labels": {
                key: value
                for key, value in newest["metadata"]["labels"].items()
                if key != "pod-template-hash"
            }
        },
        "spec": {key: value for key, value in newest["spec"].items() if key != "nodeName"},
    }
    stopped = paused(case, app)
    updated = replica_sets(case, app)[-1][1]
    progress = ("Unknown", "DeploymentPaused") if stopped else ("True", "NewReplicaSetAvailable")
    status: dict[str, Any] = {
        "availableReplicas": len(pods),
        "conditions": [
            {"type": "Available", "status": "True", "reason": "MinimumReplicasAvailable"},
            {"type": "Progressing", "status": progress[0], "reason": progress[1]},
        ],
        "readyReplicas": len(pods),
        "replicas": len(pods),
        "updatedReplicas": updated,
    }
    spec: dict[str, Any] = {
        "replicas": len(pods),
        "selector": {"matchLabels": {"app": app}},
        "strategy": {
            "rollingUpdate": {"maxSurge": "25%", "maxUnavailable": "25%"},
            "type": "RollingUpdate",
        },
        "template": template,
    }
    if stopped:
        spec["paused"] = True
    revision = 4 + (len(replica_sets(case, app)) > 1)
    return Deployment.from_dict(
        {
            "apiVersion": "apps/v1",
            "kind": "Deployment",
            "metadata": {
                "annotations": {"deployment.kubernetes.io/revision": str(revision)},
                "creationTimestamp": stated(stamp(86_400 * DAYS[space])),
                "labels": {"app": app},
                "name": app,
                "namespace": space,
            },
            "spec": spec,
            "status": status,
        }
    )
