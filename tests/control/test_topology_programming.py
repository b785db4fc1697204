"""Traffic distribution and the Auto annotation, from manifest to programmed endpoints."""

import re

import pytest

from k8snet_lessons.cluster import Cluster, load_manifests
from k8snet_lessons.control import program
from k8snet_lessons.errors import InputError


def three_zones(service: str, replicas: int = 6, cpu: str = "4") -> Cluster:
    nodes = "".join(
        f"apiVersion: v1\nkind: Node\nmetadata: {{name: node-{z}, "
        f"labels: {{topology.kubernetes.io/zone: zone-{z}}}}}\n"
        f"status: {{allocatable: {{cpu: '{cpu}'}}}}\n---\n"
        for z in "abc"
    )
    return load_manifests(
        nodes + "apiVersion: apps/v1\nkind: Deployment\nmetadata: {name: web}\n"
        f"spec:\n  replicas: {replicas}\n  selector: {{matchLabels: {{app: web}}}}\n"
        "  template: {metadata: {labels: {app: web}}, spec: {containers: [{name: c}]}}\n---\n"
        f"apiVersion: v1\nkind: Service\n{service}"
    )


def used(cluster: Cluster, node: str) -> set[str]:
    text = program(cluster, node).to_text()
    return set(re.findall(r"--to-destination ([0-9.]+):", text))


def zone_of(cluster: Cluster, address: str) -> str:
    pod = cluster.pods[cluster.pod_at(address) or ""]
    return str(pod.spec.nodeName)[-1]


SPEC = "spec:\n  selector: {app: web}\n  ports: [{port: 80}]\n"


@pytest.mark.parametrize("wish", ["PreferSameZone", "PreferClose", "PreferSameNode"])
def test_traffic_distribution_keeps_traffic_near(wish: str) -> None:
    cluster = three_zones(f"metadata: {{name: web}}\n{SPEC}  trafficDistribution: {wish}\n")
    for zone in "abc":
        found = used(cluster, f"node-{zone}")
        assert len(found) == 2
        assert {zone_of(cluster, address) for address in found} == {zone}


@pytest.mark.parametrize("key", ["topology-mode: Auto", 'topology-aware-hints: "auto"'])
def test_the_annotation_shares_out_by_cpu(key: str) -> None:
    note = f"metadata: {{name: web, annotations: {{service.kubernetes.io/{key}}}}}\n"
    cluster = three_zones(note + SPEC)
    assert all(len(used(cluster, f"node-{zone}")) == 2 for zone in "abc")


def test_too_few_endpoints_for_a_fair_share_mean_no_hints() -> None:
    note = "metadata: {name: web, annotations: {service.kubernetes.io/topology-mode: Auto}}\n"
    # Four endpoints for three equal zones would overload one by more than a fifth.
    assert len(used(three_zones(note + SPEC, replicas=4), "node-a")) == 4


def test_unknown_cpu_means_no_hints() -> None:
    note = "metadata: {name: web, annotations: {service.kubernetes.io/topology-mode: Auto}}\n"
    assert len(used(three_zones(note + SPEC, cpu="0"), "node-a")) == 6
    with pytest.raises(InputError, match="allocatable cpu of node node-a"):
        used(three_zones(note + SPEC, cpu="?"), "node-a")


def test_the_annotation_wins_over_the_field() -> None:
    note = "metadata: {name: web, annotations: {service.kubernetes.io/topology-mode: Auto}}\n"
    cluster = three_zones(note + SPEC + "  trafficDistribution: PreferSameZone\n", replicas=4)
    assert len(used(cluster, "node-a")) == 4
