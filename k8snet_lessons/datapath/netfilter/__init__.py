"""Linux packet filtering: dumps read into rules, and packets walked through them."""

from k8snet_lessons.datapath.netfilter._fields import DumpError
from k8snet_lessons.datapath.netfilter.dump import parse_iptables_save
from k8snet_lessons.datapath.netfilter.tracing import Circumstances, trace_rules

__all__ = ["Circumstances", "DumpError", "parse_iptables_save", "trace_rules"]
