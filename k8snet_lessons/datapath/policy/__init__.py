"""NetworkPolicy: who may open a connection to whom, why, and what a change would change."""

from k8snet_lessons.datapath.policy._cost import FORMS, Form, WallCost, wall_cost
from k8snet_lessons.datapath.policy._ends import End, end_of
from k8snet_lessons.datapath.policy._matrix import Reachability, isolation, reachability
from k8snet_lessons.datapath.policy._nftables import to_nftables
from k8snet_lessons.datapath.policy._rules import Peer, Policy, Port, Rule, read_policies
from k8snet_lessons.datapath.policy._sets import (
    ExactCheck,
    Flow,
    PolicyDiff,
    SmallestPolicy,
    allows_exactly,
    diff_policies,
    smallest_policy,
    with_policies,
)
from k8snet_lessons.datapath.policy._verdict import DirectionVerdict, Verdict, policy_verdict

__all__ = [
    "FORMS",
    "DirectionVerdict",
    "End",
    "ExactCheck",
    "Flow",
    "Form",
    "Peer",
    "Policy",
    "PolicyDiff",
    "Port",
    "Reachability",
    "Rule",
    "SmallestPolicy",
    "Verdict",
    "WallCost",
    "allows_exactly",
    "diff_policies",
    "end_of",
    "isolation",
    "policy_verdict",
    "reachability",
    "read_policies",
    "smallest_policy",
    "to_nftables",
    "wall_cost",
    "with_policies",
]
