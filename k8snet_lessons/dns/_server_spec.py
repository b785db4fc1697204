"""What a cluster's DNS is made of."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from types import MappingProxyType

from k8snet_lessons.data.costs import cost
from k8snet_lessons.dns._plan import PlannedName, plan, read_conf
from k8snet_lessons.dns._pod import pod_resolv_conf
from k8snet_lessons.dns._resolvconf import ResolvConf
from k8snet_lessons.errors import InputError

# coredns plugin/cache: the plugin's own caps, and the numbers of the usual Corefile.
PLUGIN_SUCCESS_CAP_S = 3_600.0
PLUGIN_DENIAL_CAP_S = 1_800.0
COREFILE_CACHE_S = 30.0  # "cache 30" caps both
# kubernetes cluster/addons/dns: coredns.yaml.base sets ttl 30; the plugin's default is 5.
KUBERNETES_TTL_S = 30.0
# kubernetes cluster/addons/dns/nodelocaldns/nodelocaldns.yaml: for the cluster's names
# "success 9984 30" and "denial 9984 5", for all others "cache 30", which caps both.
NODE_CACHE_S = 30.0
NODE_CLUSTER_DENIAL_S = 5.0
# coredns plugin/forward: how long it waits for an upstream before it asks again.
FORWARD_READ_TIMEOUT_S = 2.0
# coredns plugin/cache: prefetch AMOUNT [DURATION] [PERCENTAGE%]
PREFETCH_WINDOW_S = 60.0
PREFETCH_LAST_SHARE = 0.10

EXAMPLE_ZONE: Mapping[str, Sequence[str]] = MappingProxyType(
    {
        "payment-service.production.svc.cluster.local": ("10.96.14.7",),
        "ledger.payments.svc.cluster.local": ("10.96.20.9",),
        "api.stripe.com": ("192.0.2.10",),
    }
)


@dataclass(frozen=True, kw_only=True)
class DnsSpec:
    """A cluster's lookups and the servers that answer them.

    Attributes
    ----------
    lookups_per_s : float
        Lookups of the whole cluster, Poisson.
    names : tuple of (name, weight)
        What the applications look up, and how often.
    resolv_conf, resolver : str
        The pods' file, and whose resolver reads it.
    zone : mapping
        What exists, name to addresses; everything else is NXDOMAIN.
    cluster_domain : str
    replicas : int
        CoreDNS pods behind the Service; a socket's questions go to one of them at random.
    service_us : float
        Work of one replica for one question, exponential around this mean.
    cache_success_s, cache_denial_s : float
        Caps of the cache plugin for names outside the cluster.
    prefetch : int
        ``prefetch AMOUNT``: asks of a minute that make a name be fetched again before it
        expires; 0 is off, as by default.
    serve_stale_s : float
        How long an expired answer may still be served; 0 is off.
    autopath : bool
        Whether CoreDNS walks the search list by itself at the first question.
    upstream_us : float
        Round trip to the resolver outside, exponential around this mean.
    upstream_loss_share : float
        Of these round trips; each costs CoreDNS its read time-out of 2 s.
    ttl_s, negative_ttl_s : float
        What the world's servers say of answers and of denials.
    network_us : float
        Round trip from pod to CoreDNS.
    loss_share : float
        Datagram round trips lost between pod and CoreDNS.
    race_share : float
        On old kernels, rounds in which the A or AAAA datagram is dropped because both
        confirm the same new conntrack entry at once (``insert_failed``). Since Linux 5.6 both
        are kept (``clash_resolve``): 0.
    node_cache : bool
        NodeLocal DNSCache on each node: no conntrack entry, TCP to CoreDNS for cluster names,
        its own forward for the others.
    nodes : int
        Over which lookups and node caches are spread evenly.
    node_cache_us : float
        Round trip to the cache on the node.
    """

    lookups_per_s: float = 2_000.0
    names: tuple[tuple[str, float], ...] = (
        ("payment-service", 0.5),
        ("ledger.payments", 0.2),
        ("api.stripe.com", 0.3),
    )
    resolv_conf: str = field(default_factory=lambda: pod_resolv_conf(namespace="production").text)
    resolver: str = "glibc"
    zone: Mapping[str, Sequence[str]] = field(default_factory=lambda: EXAMPLE_ZONE)
    cluster_domain: str = "cluster.local"
    replicas: int = 2
    service_us: float = cost("dns.coredns_query_us")
    cache_success_s: float = COREFILE_CACHE_S
    cache_denial_s: float = COREFILE_CACHE_S
    prefetch: int = 0
    serve_stale_s: float = 0.0
    autopath: bool = False
    upstream_us: float = cost("dns.upstream_rtt_us")
    upstream_loss_share: float = 0.0
    ttl_s: float = 60.0
    negative_ttl_s: float = 900.0
    network_us: float = cost("network.same_zone_rtt_us")
    loss_share: float = 0.0
    race_share: float = 0.0
    node_cache: bool = False
    nodes: int = 20
    node_cache_us: float = cost("dns.node_local_us")

    def __post_init__(self) -> None:
        for name in ("lookups_per_s", "service_us"):
            _number(name, getattr(self, name), above_zero=True)
        for name in ("cache_success_s", "cache_denial_s", "serve_stale_s", "upstream_us", "ttl_s",
                     "negative_ttl_s", "network_us", "node_cache_us"):  # fmt: skip
            _number(name, getattr(self, name), above_zero=False)
        for name in ("upstream_loss_share", "loss_share", "race_share"):
            share = getattr(self, name)
            if not 0 <= share < 1:
                raise InputError(name, share, "a share from 0 to below 1")
        for name, least in (("replicas", 1), ("nodes", 1), ("prefetch", 0)):
            value = getattr(self, name)
            if isinstance(value, bool) or not isinstance(value, int) or value < least:
                raise InputError(name, value, f"a whole number from {least}")
        if not self.plan:
            raise InputError("names", self.names, "at least one name")

    @cached_property
    def plan(self) -> tuple[PlannedName, ...]:
        """What each name makes the resolver ask."""
        return plan(self.names, self.resolv_conf, self.resolver, self.zone, self.cluster_domain)

    @cached_property
    def conf(self) -> ResolvConf:
        """The pods' configuration as their resolver reads it."""
        return read_conf(self.resolv_conf, self.resolver)

    @property
    def one_socket(self) -> bool:
        """Whether both questions of a round share a socket, and so a replica: not in Go."""
        return self.conf.resolver != "go"


def node_cap_s(*, in_cluster: bool, exists: bool) -> float:
    """The longest that the cache on a node keeps an answer."""
    return NODE_CLUSTER_DENIAL_S if in_cluster and not exists else NODE_CACHE_S


def _number(field_name: str, value: float, *, above_zero: bool) -> None:
    if not math.isfinite(value) or value < 0 or (above_zero and value == 0):
        allowed = "a finite number above zero" if above_zero else "a finite number, not negative"
        raise InputError(field_name, value, allowed)
