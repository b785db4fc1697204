"""What lesson 9 claims: topology-aware routing."""

import math

from k8snet_lessons.control.topology import allocate_hints
from k8snet_lessons.course.claims.claim import (
    Claim,
    chosen,
    computed,
    documented,
    modeled,
    published,
)
from k8snet_lessons.course.claims.sources import (
    KEP_DISTRIBUTION,
    KEP_SAME_NODE,
    TOPOLOGY,
)
from k8snet_lessons.data.costs import cost

_CACHE = "kubernetes/endpointslice, topologycache: OverloadThreshold = 0.2"
_PRICES = "https://aws.amazon.com/ec2/pricing/on-demand/"
_PINGS = "https://xkyle.com/Measuring-AWS-Region-and-AZ-Latency"


def _with_hints() -> tuple[float, ...]:
    """Which numbers of endpoints, up to 9, get hints in three equal zones."""
    zones = {"a": 8.0, "b": 8.0, "c": 8.0}
    return tuple(float(n) for n in range(1, 10) if allocate_hints(zones, endpoints=n))


CLAIMS = (
    chosen("three zones, 4 pods"),
    computed(
        "With 4 endpoints there are no hints at all, and 67 % leave the zone",
        "2 of 3 zones",
        lambda: 100 * 2 / 3,
    ),
    modeled(
        "A Service with 3, 6, 7 or 9 endpoints would have them",
        "control.topology.allocate_hints, three equal zones: all sizes up to 9 with hints",
        _with_hints,
    ),
    documented("(since 1.27; before that", "Kubernetes: topology-mode annotation", TOPOLOGY),
    documented("more than 20 % above its fair load", _CACHE),
    documented("s·n / 1.2 endpoints", _CACHE),
    computed(
        "Three equal zones, 4 endpoints: each zone should have 1.33 and needs at least 1.11, so 2. "
        "Three times 2 is 6, and there are 4.",
        "4/3, 4/3/1.2, rounded up",
        lambda: 3 * math.ceil(4 / 3 / 1.2),
    ),
    computed(
        "8 endpoints: 2.67 each, at least 2.22, so 3. Three times 3 is 9.",
        "8/3, 8/3/1.2, rounded up",
        lambda: 3 * math.ceil(8 / 3 / 1.2),
    ),
    computed(
        "9 endpoints: 3 each, at least 2.5, so 3.", "9/3, 9/3/1.2, rounded up", lambda: 9 / 3 / 1.2
    ),
    documented("(stable since 1.33)", "KEP-4444", KEP_DISTRIBUTION),
    documented("stable in 1.35", "KEP-3015", KEP_SAME_NODE),
    documented("stable in 1.33", "KEP-4444: PreferClose", KEP_DISTRIBUTION),
    published(
        "0.01 USD out and 0.01 USD in, so 0.02 in all", "AWS: EC2 on-demand pricing", _PRICES
    ),
    Claim(
        "150 µs inside a zone is an estimate",
        "estimate",
        "network.same_zone_rtt_us",
        value=lambda: cost("network.same_zone_rtt_us"),
    ),
    Claim(
        "830 µs between zones a published mean",
        "published",
        "network.cross_zone_rtt_us",
        value=lambda: cost("network.cross_zone_rtt_us"),
    ),
    published(
        "best-of-50 pings between pairs of zones range from 0.25 to 3.37 ms",
        "K. Anderson, Measuring AWS Region and AZ Latency",
        _PINGS,
    ),
    documented(
        "within 100 km",
        "AWS: Availability Zones",
        "https://docs.aws.amazon.com/whitepapers/latest/aws-fault-isolation-boundaries/availability-zones.html",
    ),
    computed("(n - 1)/n of the requests cross", "1 of n zones is one's own", lambda: 1.0),
    documented("met within 20 %", _CACHE),
)
