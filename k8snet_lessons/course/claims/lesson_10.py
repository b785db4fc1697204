"""What lesson 10 claims: connection pinning."""

from k8snet_lessons.course.claims.claim import Claim, chosen, computed, documented, recorded
from k8snet_lessons.course.claims.sources import GRPC_CONNECTIONS

_RESOLVE = "gRPC: GRPC_ARG_DNS_MIN_TIME_BETWEEN_RESOLUTIONS_MS, grpc-go MinResolutionInterval"
_NAMING = "https://github.com/grpc/grpc/blob/master/doc/naming.md"

CLAIMS = (
    Claim("Many people say 0", "chosen", "a wrong guess, to be refuted"),
    documented(
        "keeps 2 idle connections a host by default", "Go, net/http: DefaultMaxIdleConnsPerHost"
    ),
    documented("is that 2", "Go, net/http: DefaultMaxIdleConnsPerHost"),
    documented("at the earliest 30 s after it last asked", _RESOLVE, _NAMING),
    documented("The age is spread by 10 % either way", "gRFC A9", GRPC_CONNECTIONS),
    documented("An age below 30 s brings that news no sooner", _RESOLVE, _NAMING),
    computed(
        "5 clients with 2 channels and 20 pods make 200, and 500 clients with 2 channels and 200 "
        "pods 200,000",
        "500 x 2 x 200",
        lambda: 500 * 2 * 200,
    ),
    documented(
        "since Kubernetes 1.34",
        "KEP-3960: sleep action for preStop",
        "https://www.kubernetes.dev/resources/keps/3960/",
    ),
    recorded("know 18 more pods", "grpc-pinning"),
    recorded("until its 30 s were over", "grpc-pinning"),
    documented("is the age spread by 10 %", "gRFC A9", GRPC_CONNECTIONS),
    recorded("25 ms apart", "grpc-pinning"),
    recorded("in two minutes (`…`: 20 s)", "grpc-pinning"),
    documented("at most every 30 s", _RESOLVE, _NAMING),
    chosen(
        "pods x (1 - 1/pods)^connections idle", "a formula; its table is computed in the lesson"
    ),
)
