"""What is declared: Kubernetes manifests in, typed objects out.

`load_manifests` reads YAML and completes it as a control plane would; the `Cluster` it gives
is what every other room of the course starts from.
"""

from k8snet_lessons.cluster.load import load_manifests
from k8snet_lessons.cluster.model import (
    Cluster,
    OpaqueObject,
    cluster_ips,
    node_addresses,
    pod_addresses,
    selector_matches,
    slice_service,
)
from k8snet_lessons.cluster.problems import ManifestError, Problem
from k8snet_lessons.cluster.synthetic import synthetic_cluster

__all__ = [
    "Cluster",
    "ManifestError",
    "OpaqueObject",
    "Problem",
    "cluster_ips",
    "load_manifests",
    "node_addresses",
    "pod_addresses",
    "selector_matches",
    "slice_service",
    "synthetic_cluster",
]
