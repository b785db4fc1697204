"""Every experiment of the lab by its name, in the order in which to run them."""

from k8snet_lessons.lab.conntrack_full import CONNTRACK_FULL, EARLY_DROP
from k8snet_lessons.lab.conntrack_life import CONNTRACK_LIFE
from k8snet_lessons.lab.dns_race import DNS_RACE
from k8snet_lessons.lab.edge_patience import EDGE_PATIENCE
from k8snet_lessons.lab.experiment import Experiment
from k8snet_lessons.lab.first_packet import FIRST_PACKET
from k8snet_lessons.lab.grpc_pinning import GRPC_PINNING
from k8snet_lessons.lab.loading import LOADING
from k8snet_lessons.lab.lookups import LOOKUPS
from k8snet_lessons.lab.mtu import MTU
from k8snet_lessons.lab.nat import NAT
from k8snet_lessons.lab.overlay import OVERLAY
from k8snet_lessons.lab.policy_rules import POLICY_RULES
from k8snet_lessons.lab.proxy import PROXY
from k8snet_lessons.lab.refusals import REFUSALS
from k8snet_lessons.lab.retry_storm import RETRY_STORM
from k8snet_lessons.lab.syn_retries import SYN_RETRIES
from k8snet_lessons.lab.tls import TLS

EXPERIMENTS: dict[str, Experiment] = {
    each.name: each
    for each in (
        FIRST_PACKET,
        LOADING,
        CONNTRACK_FULL,
        EARLY_DROP,
        CONNTRACK_LIFE,
        SYN_RETRIES,
        NAT,
        DNS_RACE,
        LOOKUPS,
        REFUSALS,
        POLICY_RULES,
        MTU,
        OVERLAY,
        TLS,
        PROXY,
        EDGE_PATIENCE,
        RETRY_STORM,
        GRPC_PINNING,
    )
}
