"""What lesson 11 claims: failure isolation."""

from k8snet_lessons.course.claims.claim import (
    chosen,
    computed,
    documented,
    modeled,
    recorded,
)
from k8snet_lessons.isolation import EXAMPLE, Fault, blast, node_clocks, restarts

_LIFECYCLE = "Kubernetes: node-monitor-grace-period, CHANGELOG-1.32"
_NODES = "https://kubernetes.io/docs/concepts/architecture/nodes/"
_TAINTS = "https://kubernetes.io/docs/concepts/scheduling-eviction/taint-and-toleration/"
_CACHE = "https://coredns.io/plugins/cache/"
_BREAKERS = (
    "https://www.envoyproxy.io/docs/envoy/latest/api-v3/config/cluster/v3/circuit_breaker.proto"
)
_OUTLIERS = (
    "https://www.envoyproxy.io/docs/envoy/latest/api-v3/config/cluster/v3/outlier_detection.proto"
)
_RESOLVER = "resolv.conf(5): timeout"
_STORM = "a setting of the example and of record retry-storm"


def _shop_percent() -> float:
    fault = Fault(kind="coredns-loss", lasts_s=120.0)
    return 100 * float(blast(EXAMPLE, fault).of_namespace("shop").max())


CLAIMS = (
    modeled("One percent becomes 3.1 % for the shop", "isolation.blast", _shop_percent),
    documented("A lost one costs the resolver 5 s", _RESOLVER),
    chosen("and callers here wait 2 s"),
    documented(
        "renews a lease every 10 s; 50 s without one (`…`, 40 s before 1.32)", _LIFECYCLE, _NODES
    ),
    documented("they tolerate the taint for 300 s", "DefaultTolerationSeconds", _TAINTS),
    computed(
        "Three pods at 70 % have no room for a third of it more: 1.05 is more than 1.",
        "0.7 x 3 / 2",
        lambda: 0.7 * 3 / 2,
    ),
    documented(
        "30 s for names of the cluster",
        "CoreDNS' Corefile: ttl 30 of the kubernetes plugin",
        _CACHE,
    ),
    documented(
        "so protection shrinks evenly over 30 s",
        "CoreDNS' Corefile: ttl 30 of the kubernetes plugin",
        _CACHE,
    ),
    documented(
        "Since 2026 a third word bounds that wait",
        "coredns/coredns pull request 8070",
        "https://github.com/coredns/coredns/pull/8070",
    ),
    documented("the other zones drop its endpoints after 50 s", _LIFECYCLE, _NODES),
    chosen(
        "hears of it by health checks that fail, after 30 s in this cluster",
        "BALANCER_NOTICES_S: three failed checks ten seconds apart, an estimate",
    ),
    chosen("the successor is ready after 20 s", "POD_START_S, an estimate"),
    chosen("serves on until the balancer has left it (30 s)", "BALANCER_NOTICES_S, an estimate"),
    modeled(
        "The price is time, 150 s instead of 60",
        "isolation.door.restarts",
        lambda: (restarts(3, drain=True)[-1].back_s, restarts(3, drain=False)[-1].back_s),
    ),
    chosen("Clients wait 0.5 s and then try again", _STORM),
    chosen("A server that is 60 % busy slows down for 5 s. What happens after these 5 s?", _STORM),
    computed(
        "each request comes four times: 60 % becomes 240 % of the capacity",
        "0.6 x (1 + 3)",
        lambda: 100 * 0.6 * 4,
    ),
    computed(
        "a newcomer waits 2 s, and its client is gone after 0.5 s", "100 / (50/s)", lambda: 100 / 50
    ),
    documented(
        "20 % and 10 a second in Finagle and in Linkerd's ServiceProfiles, 20 % of the active "
        "requests in Envoy",
        "Finagle: RetryBudget; Linkerd: ServiceProfile; Envoy: retry_budget",
        _BREAKERS,
    ),
    computed("capacity / requests - 1", "the room that retries may take", lambda: 1.0),
    documented(
        "1,024 connections, pending requests and requests under way, and 3 retries at a time",
        "Envoy: circuit breakers, defaults",
        _BREAKERS,
    ),
    documented(
        "after five failures in a row it is out for 30 s, then for 60 s",
        "Envoy: outlier detection, consecutive_5xx and base_ejection_time",
        _OUTLIERS,
    ),
    documented(
        "since Envoy 1.31 that has to be asked for",
        "Envoy: max_ejection_percent, release notes",
        _OUTLIERS,
    ),
    chosen("30 requests a second against a capacity of 50, slowed to a fifth for 5 s", _STORM),
    recorded("14 s and more after the slow spell", "retry-storm"),
    recorded("though the server had been well for 14 s", "retry-storm"),
    documented("with 5 s in the latencies", _RESOLVER),
    documented("everybody's 503", "a proxy without free workers or over its limits answers 503"),
    documented("50 s of errors, then minutes of slowness", _LIFECYCLE, _NODES),
    documented("For 30 s. And a node without", "NodeLocal DNSCache: success 9984 30", _CACHE),
    modeled(
        "some 50 s until its endpoints go, some 6 min until its pods are made up for",
        "isolation.node_clocks",
        lambda: (round(node_clocks().replaced_s / 60),),
    ),
    computed("requests x (1 + retries) reach the capacity", "see above", lambda: 1.0),
)
