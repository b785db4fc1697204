"""What a packet meets on a node: rules, conntrack, verdicts."""

from importlib import import_module
from typing import TYPE_CHECKING, Any

from k8snet_lessons.datapath.conntrack import Conntrack, Entry
from k8snet_lessons.datapath.netfilter import DumpError, parse_iptables_save
from k8snet_lessons.datapath.outcome import Outcome, Trace
from k8snet_lessons.datapath.packet import Packet
from k8snet_lessons.datapath.reach import Reach, reachable
from k8snet_lessons.datapath.recent import RecentLists
from k8snet_lessons.datapath.tracing import trace

if TYPE_CHECKING:
    from k8snet_lessons.datapath.policy import Verdict as Verdict
    from k8snet_lessons.datapath.policy import policy_verdict as policy_verdict

# Policies need the Kubernetes object model, which walking a dump does not.
_LAZY = {
    "Verdict": "k8snet_lessons.datapath.policy",
    "policy_verdict": "k8snet_lessons.datapath.policy",
}

__all__ = [
    "Conntrack",
    "DumpError",
    "Entry",
    "Outcome",
    "Packet",
    "Reach",
    "RecentLists",
    "Trace",
    "Verdict",
    "parse_iptables_save",
    "policy_verdict",
    "reachable",
    "trace",
]


def __getattr__(name: str) -> Any:
    if name not in _LAZY:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(_LAZY[name]), name)
