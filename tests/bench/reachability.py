"""How much faster the reachability matrix is than asking for the verdict of every pair."""

import time

from k8snet_lessons.cluster import Cluster, load_manifests
from k8snet_lessons.datapath.policy import policy_verdict, reachability


def cluster_of(pods: int, policies: int) -> Cluster:
    parts = [
        f"""
---
apiVersion: v1
kind: Pod
metadata: {{name: p{i}, namespace: n{i % 5}, labels: {{app: a{i % 20}, tier: t{i % 3}}}}}
spec: {{containers: [{{name: c, image: i}}]}}
"""
        for i in range(pods)
    ] + [
        f"""
---
apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata: {{name: q{i}, namespace: n{i % 5}}}
spec:
  podSelector: {{matchLabels: {{app: a{i % 20}}}}}
  ingress:
  - from: [{{namespaceSelector: {{}}, podSelector: {{matchLabels: {{tier: t{i % 3}}}}}}}]
    ports: [{{port: 80}}]
"""
        for i in range(policies)
    ]
    return load_manifests("".join(parts))


def main() -> None:
    for pods, policies in ((50, 20), (200, 100)):
        cluster = cluster_of(pods, policies)
        start = time.perf_counter()
        matrix = reachability(cluster, 80)
        whole = time.perf_counter() - start
        pairs = [(a, b) for a in matrix.pods[:5] for b in matrix.pods[:5]]
        start = time.perf_counter()
        for src, dst in pairs:
            policy_verdict(cluster, src, dst, 80)
        one = (time.perf_counter() - start) / len(pairs)
        print(
            f"{pods} pods, {policies} policies: matrix {whole * 1e3:.0f} ms, "
            f"{one * pods * pods / whole:.0f} times faster than pair by pair"
        )


if __name__ == "__main__":
    main()
