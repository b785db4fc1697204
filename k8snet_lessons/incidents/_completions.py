"""Words that may stand where a command line ends."""

from collections.abc import Sequence

from k8snet_lessons.incidents import _inside, _ssh
from k8snet_lessons.incidents._kubectl import NAMESPACES
from k8snet_lessons.incidents.case import Case
from k8snet_lessons.incidents.layout import BANK_NAME
from k8snet_lessons.incidents.tools import metrics
from k8snet_lessons.incidents.tools.get import KIND_WORDS


def completions(case: Case, line: str) -> list[str]:
    """Words that may stand where the line ends, sorted.

    Parameters
    ----------
    case : Case
    line : str
        What is typed so far; the last word may be begun.
    """
    words = line.split(" ")
    begun, before = words[-1], [word for word in words[:-1] if word]
    return sorted({word for word in _candidates(case, before) if word.startswith(begun)})


def _candidates(case: Case, before: list[str]) -> Sequence[str]:
    if not before:
        return ("metrics", "kubectl", "ssh", "help")
    if before[-1] in ("-n", "--namespace"):
        return NAMESPACES
    if before[0] == "metrics":
        return tuple(metrics.BOARDS) if len(before) == 1 else ()
    if before[0] == "ssh":
        return _on_node(case, before)
    return _to_kubectl(case, before) if before[0] == "kubectl" else ()


def _on_node(case: Case, before: list[str]) -> Sequence[str]:
    nodes = case.world.nodes
    if len(before) < 3:
        return nodes if len(before) == 1 else tuple(_ssh.TOOLS)
    behind: dict[str, Sequence[str]] = {
        "conntrack": ("-S", "-C"),
        "iptables-save": ("-t", "nat", "filter"),
        "ip": ("link",),
        "ping": ("-M", "do", "-s", "-c", *nodes),
        "tcpdump": ("-i", "any", "eth0", "vxlan0", "-c", "host", "port", "tcp", "udp"),
        "sysctl": ("net.netfilter", "net.ipv4", "-a"),
    }
    return behind.get(before[2], ())


def _to_kubectl(case: Case, before: list[str]) -> Sequence[str]:
    world = case.world
    pods = [pod.name for pod in world.pods]
    apps = ("edge-proxy", "checkout", "ledger", "coredns")
    deployments = [f"deploy/{app}" for app in apps]
    if len(before) == 1:
        return ("get", "describe", "logs", "top", "exec", "rollout")
    if "--" in before:
        return (*_inside.TOOLS, "/etc/resolv.conf", "-v", "-tn", "-tni", BANK_NAME, "+search")
    options = ("-n", "-o", "wide", "yaml", "-A", "-l", "--tail", "--")
    if before[1] in ("get", "describe"):
        named = (*(service.metadata.name for service in world.cluster.services.values()), *pods)
        return tuple(KIND_WORDS) if len(before) == 2 else (*named, *world.nodes, *options)
    if before[1] == "top":
        return ("pods", "nodes", *options)
    if before[1] == "rollout":
        return ("status", "history", *deployments, *options)
    return (*pods, *deployments, *options)
