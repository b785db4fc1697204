"""Objects as the API server returns them: what was declared, with defaults and status."""

import hashlib
import uuid
from collections.abc import Mapping
from datetime import datetime
from typing import Any, Final

from k8snet_lessons.incidents.case import Case, stamp
from k8snet_lessons.incidents.layout import BALANCER, CPUS
from k8snet_lessons.incidents.world import Pod

#: Days since an object of a namespace was made; nodes have an age of their own.
DAYS: Final[Mapping[str, int]] = {"edge": 212, "kube-system": 305, "shop": 183}
NODE_DAYS: Final = 96
VERSION: Final = "v1.36.2"
KERNEL: Final = "6.12.57+deb13-amd64"
SYSTEM: Final = "Debian GNU/Linux 13 (trixie)"
RUNTIME: Final = "containerd://2.1.4"
Object = dict[str, Any]


def stated(moment: datetime) -> str:
    """A moment as it stands in an object."""
    return moment.strftime("%Y-%m-%dT%H:%M:%SZ")


def declared(case: Case, item: Any) -> Object:
    """One object as plain data.

    Parameters
    ----------
    case : Case
    item : object
        Of the cluster, as the course declares it.

    Returns
    -------
    dict
        With the fields that an API server fills in and ``kubectl`` prints.
    """
    made: Object = item.to_dict()
    meta = made["metadata"]
    space = meta.get("namespace", "")
    if made["kind"] == "Pod":
        pod = next(p for p in case.world.pods if p.scope == f"{space}/{meta['name']}")
        return _pod(case, made, pod)
    meta["creationTimestamp"] = stated(stamp(86_400 * DAYS.get(space, NODE_DAYS)))
    if made["kind"] == "Node":
        return _node(case, made)
    if made["kind"] == "Service":
        made["spec"]["ipFamilyPolicy"] = "SingleStack"
        if made["spec"].get("type") == "NodePort":
            made["spec"].setdefault("externalTrafficPolicy", "Cluster")
    if made["kind"] == "Ingress":
        made["status"] = {"loadBalancer": {"ingress": [{"ip": BALANCER}]}}
    return made


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()


_CONDITIONS = (
    "PodReadyToStartContainers", "Initialized", "Ready", "ContainersReady", "PodScheduled",
)  # fmt: skip


def _pod(case: Case, made: Object, pod: Pod) -> Object:
    began = stated(stamp(pod.age_s))
    meta, spec = made["metadata"], made["spec"]
    meta["creationTimestamp"] = began
    owner = pod.name.rsplit("-", 1)[0]
    meta["ownerReferences"] = [
        {"apiVersion": "apps/v1", "blockOwnerDeletion": True, "controller": True,
         "kind": "ReplicaSet", "name": owner}
    ]  # fmt: skip
    spec |= {
        "automountServiceAccountToken": False,
        "dnsPolicy": "ClusterFirst",
        "priority": 0,
        "restartPolicy": "Always",
        "serviceAccountName": pod.app if pod.app == "coredns" else "default",
        "terminationGracePeriodSeconds": 30,
        "tolerations": [
            {"effect": "NoExecute", "key": f"node.kubernetes.io/{state}", "operator": "Exists",
             "tolerationSeconds": 300}
            for state in ("not-ready", "unreachable")
        ],
    }  # fmt: skip
    status = made["status"]
    status["hostIP"] = case.world.node_address(pod.place)
    status["startTime"] = began
    status["qosClass"] = "Burstable" if "resources" in spec["containers"][0] else "BestEffort"
    status["conditions"] = [
        {"lastTransitionTime": began, "status": "True", "type": kind} for kind in _CONDITIONS
    ]
    status["containerStatuses"] = [
        {
            "containerID": f"containerd://{_digest(pod.name)}",
            "image": each["image"],
            "imageID": f"{each['image'].rpartition(':')[0]}@sha256:{_digest(each['image'])}",
            "name": each["name"],
            "ready": True,
            "restartCount": 0,
            "started": True,
            "state": {"running": {"startedAt": began}},
        }
        for each in spec["containers"]
    ]
    return made


#: Type, status, reason, message, in the order in which a kubelet reports them.
_HEALTH = (
    ("MemoryPressure", "False", "KubeletHasSufficientMemory",
     "kubelet has sufficient memory available"),
    ("DiskPressure", "False", "KubeletHasNoDiskPressure", "kubelet has no disk pressure"),
    ("PIDPressure", "False", "KubeletHasSufficientPID", "kubelet has sufficient PID available"),
    ("Ready", "True", "KubeletReady", "kubelet is posting ready status"),
)  # fmt: skip


def _node(case: Case, made: Object) -> Object:
    meta, status = made["metadata"], made["status"]
    meta["labels"] |= {"kubernetes.io/arch": "amd64", "kubernetes.io/os": "linux"}
    since = meta["creationTimestamp"]
    status["conditions"] = [
        {"lastHeartbeatTime": stated(stamp(20)), "lastTransitionTime": since,
         "message": message, "reason": reason, "status": state, "type": kind}
        for kind, state, reason, message in _HEALTH
    ]  # fmt: skip
    status["addresses"].append({"address": meta["name"], "type": "Hostname"})
    status["capacity"] = {"cpu": str(CPUS), "memory": "32Gi", "pods": "110"}
    name = meta["name"]
    status["nodeInfo"] = {
        "architecture": "amd64",
        "bootID": str(uuid.uuid5(uuid.NAMESPACE_DNS, f"boot.{name}")),
        "containerRuntimeVersion": RUNTIME,
        "kernelVersion": KERNEL,
        "kubeletVersion": VERSION,
        "machineID": uuid.uuid5(uuid.NAMESPACE_DNS, f"machine.{name}").hex,
        "operatingSystem": "linux",
        "osImage": SYSTEM,
        "systemUUID": str(uuid.uuid5(uuid.NAMESPACE_DNS, f"system.{name}")),
    }
    return made
