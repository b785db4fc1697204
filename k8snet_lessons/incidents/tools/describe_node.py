"""``kubectl describe node``."""

from k8snet_lessons.incidents.case import Case
from k8snet_lessons.incidents.tools.declared import Object, declared
from k8snet_lessons.incidents.tools.described import mapping, moment, since
from k8snet_lessons.incidents.tools.get import objects


def describe_node(case: Case, item: Object) -> str:
    """A node and what runs on it, its tabs unresolved."""
    meta, status, spec = item["metadata"], item["status"], item["spec"]
    text = f"Name:\t{meta['name']}\nRoles:\t<none>\n" + mapping("Labels", meta["labels"])
    text += mapping("Annotations", meta.get("annotations"), ": ")
    text += f"CreationTimestamp:\t{moment(meta['creationTimestamp'])}\n"
    text += "Taints:\t<none>\nUnschedulable:\tfalse\n"
    beat = status["conditions"][0]["lastHeartbeatTime"]
    text += f"Lease:\n  HolderIdentity:\t{meta['name']}\n  AcquireTime:\t<unset>\n"
    text += f"  RenewTime:\t{moment(beat)}\nConditions:\n"
    heads = ("Type", "Status", "LastHeartbeatTime", "LastTransitionTime", "Reason", "Message")
    text += "  " + "\t".join(heads) + "\n  " + "\t".join("-" * len(head) for head in heads) + "\n"
    for each in status["conditions"]:
        text += (
            f"  {each['type']} \t{each['status']} \t{moment(each['lastHeartbeatTime'])} "
            f"\t{moment(each['lastTransitionTime'])} \t{each['reason']} \t{each['message']}\n"
        )
    text += "Addresses:\n"
    text += "".join(f"  {each['type']}:\t{each['address']}\n" for each in status["addresses"])
    for title in ("capacity", "allocatable"):
        text += f"{title.title()}:\n"
        text += "".join(f"  {name}:\t{value}\n" for name, value in sorted(status[title].items()))
    info = status["nodeInfo"]
    text += "System Info:\n" + "".join(f"  {label}:\t{info[key]}\n" for label, key in _SYSTEM)
    text += f"PodCIDR:\t{spec['podCIDR']}\nPodCIDRs:\t{','.join(spec['podCIDRs'])}\n"
    return text + _hosted(case, meta["name"])


_SYSTEM = (
    ("Machine ID", "machineID"), ("System UUID", "systemUUID"), ("Boot ID", "bootID"),
    ("Kernel Version", "kernelVersion"), ("OS Image", "osImage"),
    ("Operating System", "operatingSystem"), ("Architecture", "architecture"),
    ("Container Runtime Version", "containerRuntimeVersion"), ("Kubelet Version", "kubeletVersion"),
)  # fmt: skip


def _hosted(case: Case, node: str) -> str:
    """The pods of a node and what they ask for; the room's nodes have 8 CPUs and 30 GiB."""
    here = [declared(case, item) for item in objects(case, "pods", None)]
    here = [pod for pod in here if pod["spec"]["nodeName"] == node]
    text = f"Non-terminated Pods:\t({len(here)} in total)\n"
    heads = ("CPU Requests", "CPU Limits", "Memory Requests", "Memory Limits", "Age")
    text += "  Namespace\tName\t\t" + "\t".join(heads) + "\n"
    text += "  ---------\t----\t\t" + "\t".join("-" * len(head) for head in heads) + "\n"
    total = dict.fromkeys(_AMOUNTS, 0)
    for pod in here:
        meta, asked = pod["metadata"], pod["spec"]["containers"][0].get("resources", {})
        cells = []
        for title, name in _AMOUNTS:
            amount = asked.get(title, {}).get(name, "0")
            number = int(amount.rstrip("mMi"))
            total[title, name] += number
            cells.append(f"{amount} ({100 * number // _ALL[name]}%)")
        text += f"  {meta['namespace']}\t{meta['name']}\t\t" + "\t".join(cells)
        text += f"\t{since(meta['creationTimestamp'])}\n"
    text += "Allocated resources:\n  (Total limits may be over 100 percent, i.e., overcommitted.)\n"
    text += "  Resource\tRequests\tLimits\n  --------\t--------\t------\n"
    for name, unit in (("cpu", "m"), ("memory", "Mi")):
        cells = []
        for title in ("requests", "limits"):
            number = total[title, name]
            cells.append(f"{number}{unit if number else ''} ({100 * number // _ALL[name]}%)")
        text += f"  {name}\t" + "\t".join(cells) + "\n"
    return text + "  ephemeral-storage\t0 (0%)\t0 (0%)\n"


_AMOUNTS = (("requests", "cpu"), ("limits", "cpu"), ("requests", "memory"), ("limits", "memory"))
#: Allocatable, in thousandths of a CPU and in MiB.
_ALL = {"cpu": 8_000, "memory": 30 * 1024}
