"""What a packet meets on a node: rules, conntrack, verdicts."""

from k8snet_lessons.datapath.conntrack import Conntrack, Entry
from k8snet_lessons.datapath.netfilter import DumpError, parse_iptables_save, trace
from k8snet_lessons.datapath.outcome import Outcome, Trace
from k8snet_lessons.datapath.packet import Packet
from k8snet_lessons.datapath.recent import RecentLists

__all__ = [
    "Conntrack",
    "DumpError",
    "Entry",
    "Outcome",
    "Packet",
    "RecentLists",
    "Trace",
    "parse_iptables_save",
    "trace",
]
