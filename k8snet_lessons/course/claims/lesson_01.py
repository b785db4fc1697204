"""What lesson 1 claims: the road from the load balancer to the pod."""

from k8snet_lessons.course.claims.claim import chosen, documented, recorded
from k8snet_lessons.course.claims.sources import IP_SYSCTL, VIRTUAL_IPS

_STATUSES = "proxy_statuses.json"

CLAIMS = (
    chosen("the packet of hop 3", "a place in the walk"),
    documented(
        "stable since Kubernetes 1.28",
        "ProxyTerminatingEndpoints, feature gates of Kubernetes",
        f"{VIRTUAL_IPS}#traffic-to-terminating-endpoints",
    ),
    recorded("nginx 1.22, HAProxy 2.6, Envoy 1.40", _STATUSES),
    recorded(
        "A refused connection is 502 at nginx and 503 at Envoy and HAProxy. "
        "A read time-out is 504 at all three.",
        _STATUSES,
    ),
    documented(
        "after 1, 3, 7, 15 ... s on kernels before 6.5, after 1, 2, 3, 4, 5, 7, 11 ... s on newer "
        "ones, where `…` is 4",
        "Linux, ip-sysctl: tcp_syn_retries, tcp_syn_linear_timeouts; record syn-retries",
        IP_SYSCTL,
    ),
    chosen("a p99 of 1.0 s over a median of 5 ms", "an example of what dropped SYNs look like"),
)
