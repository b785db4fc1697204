"""What lesson 12 claims: the incident room."""

from k8snet_lessons.course.claims.claim import chosen, documented

CLAIMS = (
    chosen("zones lie 6 ms apart", "a setting of the simulated cluster"),
    documented(
        "to what kubectl 1.32.4 printed of the same objects",
        "tests/incidents/kubectl-1.32.4-describe.txt",
    ),
)
