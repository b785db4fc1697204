"""What is programmed on a node: Services written as iptables, nftables, IPVS and eBPF data."""

from k8snet_lessons.control.program import program
from k8snet_lessons.control.services import NodeView, ServicePort, node_view

__all__ = ["NodeView", "ServicePort", "node_view", "program"]
