"""What the start notebook claims."""

from k8snet_lessons.course.claims.claim import chosen, documented

CLAIMS = (
    chosen("Take replicas down to 2, then to 1."),
    chosen("lower ndots to 2"),
    documented("the latency that 99 % of the requests stay under", "definition of a percentile"),
)
