"""What a name costs: stub resolvers, and the servers that they ask."""

from k8snet_lessons.dns._breaks import Change, Setting, breaks, zone_answers
from k8snet_lessons.dns._lookup import Lookup, lookup, queries
from k8snet_lessons.dns._names import POD_HOSTS
from k8snet_lessons.dns._pod import PodResolvConf, pod_resolv_conf
from k8snet_lessons.dns._resolvconf import RELEASES, RESOLVERS, Note, ResolvConf, parse_resolv_conf
from k8snet_lessons.dns._wire import Answers, Query

__all__ = [
    "POD_HOSTS",
    "RELEASES",
    "RESOLVERS",
    "Answers",
    "Change",
    "Lookup",
    "Note",
    "PodResolvConf",
    "Query",
    "ResolvConf",
    "Setting",
    "breaks",
    "lookup",
    "parse_resolv_conf",
    "pod_resolv_conf",
    "queries",
    "zone_answers",
]
