"""Situations that operators write policies for, each with who must pass and who must not."""

import pytest

from k8snet_lessons.cluster import load_manifests
from k8snet_lessons.datapath.policy import policy_verdict

from .conftest import pod

TOWN = (
    """
---
apiVersion: v1
kind: Namespace
metadata: {name: prod, labels: {stage: live, team: operations}}
---
apiVersion: v1
kind: Namespace
metadata: {name: dev, labels: {stage: test}}
"""
    + pod("prod", "web", "app: shop, role: web", "{name: http, containerPort: 8000}")
    + pod("prod", "db", "app: shop, role: db", "{containerPort: 6379}")
    + pod("prod", "search", "app: shop, role: search")
    + pod("prod", "prober", "type: monitoring")
    + pod("dev", "web", "app: shop, role: web")
    + pod("dev", "prober", "type: monitoring")
    + pod("dev", "stray", "app: other")
    + pod("kube-system", "dns", "k8s-app: kube-dns")
)
WORLD_OUTSIDE = "198.51.100.77"


def spec(text):
    return (
        "\n---\napiVersion: networking.k8s.io/v1\nkind: NetworkPolicy\n"
        f"metadata: {{name: p, namespace: prod}}\nspec: {text}\n"
    )


CASES = {
    "shut one application": (
        "{podSelector: {matchLabels: {role: web}}, ingress: []}",
        [],
        [("prod/db", "prod/web", 8000), ("dev/stray", "prod/web", 8000)],
        [("prod/db", "prod/search", 80)],
    ),
    "only the application itself": (
        "{podSelector: {matchLabels: {app: shop, role: db}}, ingress: [{from: "
        "[{podSelector: {matchLabels: {app: shop}}}]}]}",
        [("prod/web", "prod/db", 6379), ("prod/search", "prod/db", 6379)],
        [("prod/prober", "prod/db", 6379), ("dev/web", "prod/db", 6379)],
        [],
    ),
    "close the namespace to others": (
        "{podSelector: {matchLabels: }, ingress: [{from: [{podSelector: {}}]}]}",
        [("prod/prober", "prod/web", 8000)],
        [("dev/web", "prod/web", 8000), (WORLD_OUTSIDE, "prod/web", 8000)],
        [("prod/web", "dev/web", 8000)],
    ),
    "all namespaces, but not the world": (
        "{podSelector: {matchLabels: {role: web}}, ingress: [{from: [{namespaceSelector: {}}]}]}",
        [("dev/stray", "prod/web", 8000), ("kube-system/dns", "prod/web", 8000)],
        [(WORLD_OUTSIDE, "prod/web", 8000)],
        [],
    ),
    "a null from is everybody, the world too": (
        "{podSelector: {matchLabels: {role: web}}, ingress: [{from: }]}",
        [("dev/stray", "prod/web", 8000), (WORLD_OUTSIDE, "prod/web", 8000)],
        [],
        [],
    ),
    "a labeled namespace": (
        "{podSelector: {matchLabels: {role: web}}, ingress: [{from: "
        "[{namespaceSelector: {matchLabels: {stage: test}}}]}]}",
        [("dev/stray", "prod/web", 8000)],
        [("prod/db", "prod/web", 8000), ("kube-system/dns", "prod/web", 8000)],
        [],
    ),
    "monitoring of one team's namespaces": (
        "{podSelector: {matchLabels: {role: web}}, ingress: [{from: [{namespaceSelector: "
        "{matchLabels: {team: operations}}, podSelector: {matchLabels: {type: monitoring}}}]}]}",
        [("prod/prober", "prod/web", 8000)],
        [("dev/prober", "prod/web", 8000), ("prod/db", "prod/web", 8000)],
        [],
    ),
    "the world on one port": (
        "{podSelector: {matchLabels: {role: web}}, ingress: [{ports: [{port: 8000}]}]}",
        [(WORLD_OUTSIDE, "prod/web", 8000), ("dev/stray", "prod/web", 8000)],
        [(WORLD_OUTSIDE, "prod/web", 5000)],
        [],
    ),
    "one port, by its name, for one label": (
        "{podSelector: {matchLabels: {role: web}}, ingress: [{ports: [{port: http}], "
        "from: [{podSelector: {matchLabels: {type: monitoring}}}]}]}",
        [("prod/prober", "prod/web", 8000)],
        [("prod/prober", "prod/web", 5000), ("prod/db", "prod/web", 8000)],
        [],
    ),
    "several selectors": (
        "{podSelector: {matchLabels: {role: db}}, ingress: [{from: ["
        "{podSelector: {matchLabels: {app: shop, role: search}}}, "
        "{podSelector: {matchLabels: {app: shop, role: web}}}]}]}",
        [("prod/search", "prod/db", 6379), ("prod/web", "prod/db", 6379)],
        [("prod/prober", "prod/db", 6379), ("dev/web", "prod/db", 6379)],
        [],
    ),
    "no way out": (
        "{podSelector: {matchLabels: {role: web}}, policyTypes: [Egress], egress: []}",
        [("dev/stray", "prod/web", 8000)],
        [("prod/web", "kube-system/dns", 53), ("prod/web", WORLD_OUTSIDE, 443)],
        [("prod/db", WORLD_OUTSIDE, 443)],
    ),
    "out to the cluster's DNS alone": (
        "{podSelector: {matchLabels: {role: web}}, policyTypes: [Egress], egress: [{to: "
        "[{namespaceSelector: {matchLabels: {kubernetes.io/metadata.name: kube-system}}, "
        "podSelector: {matchLabels: {k8s-app: kube-dns}}}], ports: [{port: 53, protocol: UDP}, "
        "{port: 53, protocol: TCP}]}]}",
        [("prod/web", "kube-system/dns", 53)],
        [("prod/web", WORLD_OUTSIDE, 443), ("prod/web", "kube-system/dns", 80)],
        [],
    ),
    "out to any pod, not to the world": (
        "{podSelector: {matchLabels: {role: web}}, policyTypes: [Egress], egress: [{to: "
        "[{namespaceSelector: {}}]}]}",
        [("prod/web", "dev/stray", 9), ("prod/web", "prod/db", 6379)],
        [("prod/web", WORLD_OUTSIDE, 443)],
        [],
    ),
}


@pytest.mark.parametrize("name", CASES)
def test_recipe(name):
    text, allowed, denied, untouched = CASES[name]
    cluster = load_manifests(TOWN + spec(text))
    for src, dst, port in [*allowed, *untouched]:
        verdict = policy_verdict(cluster, src, dst, port)
        assert verdict, verdict.because
    for src, dst, port in denied:
        verdict = policy_verdict(cluster, src, dst, port)
        assert not verdict
        assert "prod/p" in verdict.because
