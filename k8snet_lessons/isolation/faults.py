"""What can break, and what can be set up against it; with the clocks that decide how long."""

from dataclasses import dataclass
from types import MappingProxyType
from typing import Final, Literal, get_args

from k8snet_lessons.errors import InputError
from k8snet_lessons.isolation._checks import number, whole

# kube-controller-manager --node-monitor-grace-period: 50 s since 1.32 (CHANGELOG-1.32,
# #126287), 40 s before.
NODE_MONITOR_GRACE_S: Final = 50.0
# kubelet's lease is renewed every 10 s: up to so much of the grace period has run already.
LEASE_EVERY_S: Final = 10.0
# kube-controller-manager --node-monitor-period: it looks every 5 s.
NODE_MONITOR_PERIOD_S: Final = 5.0
# From the pods' Ready=False to every node's rules. estimate: the controller and the proxies
# each work in batches; kube-proxy's minSyncPeriod is 1 s.
PROPAGATION_S: Final = 1.0
# plugin/pkg/admission/defaulttolerationseconds: tolerations of not-ready and unreachable.
TOLERATION_S: Final = 300.0
# estimate: schedule, pull from a cache, start, become ready.
POD_START_S: Final = 20.0
# estimate: three failed checks ten seconds apart, as clouds' balancers come set up.
BALANCER_NOTICES_S: Final = 30.0
# cluster/addons/dns/nodelocaldns/nodelocaldns.yaml: success 9984 30, denial 9984 5
CACHE_SUCCESS_S: Final = 30.0
CACHE_DENIAL_S: Final = 5.0
# coredns plugin/cache, serve_stale [DURATION]: 1h by default; off unless it is written.
SERVE_STALE_S: Final = 3_600.0
# resolv.conf(5), options timeout: how long glibc waits for an answer.
RESOLVER_TIMEOUT_S: Final = 5.0

FaultKind = Literal[
    "coredns-down",
    "coredns-slow",
    "coredns-loss",
    "ingress-flood",
    "ingress-down",
    "ingress-restart",
    "node-lost",
    "node-drain",
    "zone-cut",
    "conntrack-full",
    "retry-storm",
]

#: Fault, in words.
FAULT_NAMES: Final = MappingProxyType(
    {
        "coredns-down": "CoreDNS is down",
        "coredns-slow": "CoreDNS is slow",
        "coredns-loss": "DNS loses datagrams",
        "ingress-flood": "a batch tenant floods the ingress",
        "ingress-down": "one of three ingress proxies crashes",
        "ingress-restart": "the ingress proxies restart, one by one",
        "node-lost": "a node is lost",
        "node-drain": "two nodes are drained at once",
        "zone-cut": "a zone is cut off",
        "conntrack-full": "conntrack is full on one node",
        "retry-storm": "the ledger is slow for a while, callers retry",
    }
)


@dataclass(frozen=True, kw_only=True)
class Fault:
    """One thing that goes wrong at time 0.

    Attributes
    ----------
    kind : str
        A key of `FAULT_NAMES`.
    lasts_s : float
        How long. A lost node does not come back; a drain and a restart take what they take.
    slow_s : float
        ``coredns-slow``: what one answer takes.
    loss_share : float
        ``coredns-loss``: round trips between pods and CoreDNS that are lost.
    flood_factor : float
        ``ingress-flood``: what low-priority tenants send, against a usual day.
    refused_share : float
        ``conntrack-full``: packets of new flows that find no room.
    node : int
        ``node-lost``, ``conntrack-full``: which one.
    drained : tuple of int
        ``node-drain``: which ones, all at once.
    zone : str
        ``zone-cut``: which one. The control plane is in the others.
    """

    kind: FaultKind
    lasts_s: float = 120.0
    slow_s: float = 1.5
    loss_share: float = 0.01
    flood_factor: float = 60.0
    refused_share: float = 0.9
    node: int = 3
    drained: tuple[int, ...] = (1, 2)
    zone: str = "c"

    def __post_init__(self) -> None:
        if self.kind not in get_args(FaultKind):
            raise InputError("kind", self.kind, "one of " + ", ".join(get_args(FaultKind)))
        number("lasts_s", self.lasts_s, 1, 3_600)
        number("slow_s", self.slow_s, 0.01, RESOLVER_TIMEOUT_S)
        number("loss_share", self.loss_share, 0, 0.5)
        number("flood_factor", self.flood_factor, 1, 1_000)
        number("refused_share", self.refused_share, 0, 1)
        whole("node", self.node, 0, 10_000)
        for node in self.drained:
            whole("drained", node, 0, 10_000)


@dataclass(frozen=True, kw_only=True)
class Defenses:
    """What is set up in advance.

    Attributes
    ----------
    node_cache : bool
        NodeLocal DNSCache on every node.
    serve_stale : bool
        ``serve_stale`` (immediate, 1 h) in the node cache's Corefile. Without a node cache it
        would stand in CoreDNS, and be gone with it.
    same_zone : bool
        ``trafficDistribution: PreferSameZone`` on all Services.
    other_pod : bool
        A call that cannot connect is tried once more, on another endpoint, each try with half
        of the deadline.
    ejection : bool
        Outlier detection at every caller, as Envoy's: out after five failures in a row.
    max_ejection_percent : int
        Share of a Service's endpoints that may be out at a time; Envoy's default is 10.
    bulkhead : bool
        An ingress class of their own, with proxies of its own, for low-priority tenants.
    bulkhead_share : float
        The part of the ingress capacity that it gets.
    shedding : bool
        A full ingress refuses low priority first.
    disruption_budget : bool
        PodDisruptionBudget ``maxUnavailable: 1`` on all services.
    retry_budget : bool
        The ledger's callers keep to a retry budget of 20 %.
    short_queue : bool
        The ledger refuses what it could not answer in time.
    circuit_breaker : bool
        The ledger's callers together have no more attempts under way than it answers within half
        of their time-out (Envoy's ``max_requests``); further ones fail at once.
    drain : bool
        An ingress proxy that is to stop fails its health check first, and serves on for as long
        as the balancer takes to notice.
    """

    node_cache: bool = False
    serve_stale: bool = False
    same_zone: bool = False
    other_pod: bool = False
    ejection: bool = False
    max_ejection_percent: int = 10
    bulkhead: bool = False
    bulkhead_share: float = 0.2
    shedding: bool = False
    disruption_budget: bool = False
    retry_budget: bool = False
    short_queue: bool = False
    circuit_breaker: bool = False
    drain: bool = False

    def __post_init__(self) -> None:
        number("bulkhead_share", self.bulkhead_share, 0.01, 0.99)
        whole("max_ejection_percent", self.max_ejection_percent, 0, 100)


#: The switches among the defenses, in words.
DEFENSE_NAMES: Final = MappingProxyType(
    {
        "node_cache": "NodeLocal DNS cache",
        "serve_stale": "serve stale in that cache",
        "same_zone": "prefer the same zone",
        "other_pod": "try another pod once",
        "ejection": "outlier ejection",
        "bulkhead": "ingress class of their own",
        "shedding": "shed low priority first",
        "disruption_budget": "PodDisruptionBudget",
        "retry_budget": "retry budget of 20 %",
        "short_queue": "short queue",
        "circuit_breaker": "circuit breaker at the callers",
        "drain": "ingress drains first",
    }
)

#: The same where one stands alone: stale answers are nothing without the cache.
ALONE_NAMES: Final = MappingProxyType({**DEFENSE_NAMES, "serve_stale": "node cache, serving stale"})

#: The defenses that bear on each fault, for good or ill; the others change nothing.
BEARING_ON: Final = MappingProxyType(
    {
        "coredns-down": ("node_cache", "serve_stale"),
        "coredns-slow": ("node_cache", "serve_stale"),
        "coredns-loss": ("node_cache",),
        "ingress-flood": ("bulkhead", "shedding"),
        "ingress-down": ("bulkhead",),
        "ingress-restart": ("drain", "bulkhead"),
        "node-lost": ("other_pod", "ejection", "same_zone", "disruption_budget"),
        "node-drain": ("disruption_budget", "same_zone"),
        "zone-cut": ("same_zone", "other_pod", "node_cache", "serve_stale", "ejection"),
        "conntrack-full": ("node_cache", "other_pod", "same_zone"),
        "retry-storm": ("retry_budget", "short_queue", "circuit_breaker"),
    }
)


@dataclass(frozen=True)
class NodeClocks:
    """When the cluster notices that a node is gone, and when it has made up for it.

    Attributes
    ----------
    not_ready_s : (float, float)
        Earliest and latest: the last lease may be as old as its interval, and the controller
        looks from time to time. The others count from the grace period.
    endpoints_gone_s : float
        When the last node has taken its pods out of its rules.
    evicted_s, replaced_s : float
        When the pods are deleted, and when their successors are ready.
    """

    not_ready_s: tuple[float, float]
    endpoints_gone_s: float
    evicted_s: float
    replaced_s: float


def node_clocks(
    *,
    grace_s: float = NODE_MONITOR_GRACE_S,
    toleration_s: float = TOLERATION_S,
    start_s: float = POD_START_S,
) -> NodeClocks:
    """The clocks of a lost node; a PodDisruptionBudget enters into none of them.

    Examples
    --------
    >>> node_clocks().endpoints_gone_s, node_clocks().replaced_s
    (51.0, 370.0)
    """
    number("grace_s", grace_s, 1, 3_600)
    number("toleration_s", toleration_s, 0, 86_400)
    number("start_s", start_s, 0, 3_600)
    return NodeClocks(
        not_ready_s=(max(0.0, grace_s - LEASE_EVERY_S), grace_s + NODE_MONITOR_PERIOD_S),
        endpoints_gone_s=grace_s + PROPAGATION_S,
        evicted_s=grace_s + toleration_s,
        replaced_s=grace_s + toleration_s + start_s,
    )
