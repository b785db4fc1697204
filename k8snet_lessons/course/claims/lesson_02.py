"""What lesson 2 claims: the ClusterIP illusion."""

from fractions import Fraction

from k8snet_lessons.course.claims.claim import chosen, computed, documented

CLAIMS = (
    chosen("a connection to port 8080 of that address"),
    computed(
        "The second rule matches with probability 1/2.",
        "two endpoints are left: one of them",
        lambda: float(2 * Fraction(1, 2)),
    ),
    computed(
        "2/3 times 1/2 is 1/3", "2/3 x 1/2", lambda: float(3 * Fraction(2, 3) * Fraction(1, 2))
    ),
    computed(
        "…, …, …, 1/2, and always", "1/(n-i+1) for i = n-1", lambda: float(2 * Fraction(1, 2))
    ),
    computed("…, …, …, 1: every endpoint", "1/(n-i+1) for i = n", lambda: 1.0),
    documented(
        "a chain's name may have only 28 characters",
        "Linux: XT_EXTENSION_MAXNAMELEN is 29, the end mark included; kube-proxy's comment on "
        "chain names",
        "https://github.com/kubernetes/kubernetes/blob/master/pkg/proxy/iptables/proxier.go",
    ),
)
