"""The kernel's connection table as a resource: how full it gets, and what happens then.

The entry of one flow, as a packet meets it, is in `k8snet_lessons.datapath.conntrack`;
this package counts them.
"""

from k8snet_lessons.datapath.nf_conntrack.clashes import race_loss_share, snat_refusals
from k8snet_lessons.datapath.nf_conntrack.client import (
    PROXIES,
    Proxy,
    Seen,
    SynLadder,
    ladder_of_kernel,
    syn_ladder,
    through_proxy,
)
from k8snet_lessons.datapath.nf_conntrack.counter import Counter, counter, gc_interval, saw_tooth
from k8snet_lessons.datapath.nf_conntrack.early_drop import chance as early_drop_chance
from k8snet_lessons.datapath.nf_conntrack.little import (
    level,
    seconds_to_full,
    sustainable_per_s,
)
from k8snet_lessons.datapath.nf_conntrack.occupancy import Occupancy, occupancy
from k8snet_lessons.datapath.nf_conntrack.pastes import (
    BurstLeft,
    burst_left,
    kernel_log_text,
    node_text,
    statistics_text,
)
from k8snet_lessons.datapath.nf_conntrack.process import occupancy_by_process
from k8snet_lessons.datapath.nf_conntrack.reading import NodeReading, read_node
from k8snet_lessons.datapath.nf_conntrack.sizing import (
    Memory,
    chain_length,
    cilium_tcp_max,
    kernel_buckets,
    kube_proxy_buckets,
    kube_proxy_max,
    memory,
)
from k8snet_lessons.datapath.nf_conntrack.spec import ConntrackSpec, Flow
from k8snet_lessons.datapath.nf_conntrack.states import TCP, UDP, Transition, diagram, next_state
from k8snet_lessons.datapath.nf_conntrack.states import walk as walk_states
from k8snet_lessons.datapath.nf_conntrack.timeouts import TIMEOUTS, Timeout, lifetime_s

__all__ = [
    "PROXIES",
    "TCP",
    "TIMEOUTS",
    "UDP",
    "BurstLeft",
    "ConntrackSpec",
    "Counter",
    "Flow",
    "Memory",
    "NodeReading",
    "Occupancy",
    "Proxy",
    "Seen",
    "SynLadder",
    "Timeout",
    "Transition",
    "burst_left",
    "chain_length",
    "cilium_tcp_max",
    "counter",
    "diagram",
    "early_drop_chance",
    "gc_interval",
    "kernel_buckets",
    "kernel_log_text",
    "kube_proxy_buckets",
    "kube_proxy_max",
    "ladder_of_kernel",
    "level",
    "lifetime_s",
    "memory",
    "next_state",
    "node_text",
    "occupancy",
    "occupancy_by_process",
    "race_loss_share",
    "read_node",
    "saw_tooth",
    "seconds_to_full",
    "snat_refusals",
    "statistics_text",
    "sustainable_per_s",
    "syn_ladder",
    "through_proxy",
    "walk_states",
]
