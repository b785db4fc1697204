"""The seed's Service, its annotation and its field, read from manifests."""

import pytest

from k8snet_lessons.cluster import load_manifests
from k8snet_lessons.control.topology import cpus_of, endpoints_of, hint_service, select_endpoints
from k8snet_lessons.errors import InputError


def node(name, zone, cpu="4", ready="True", more=""):
    return f"""
---
apiVersion: v1
kind: Node
metadata: {{name: {name}, labels: {{topology.kubernetes.io/zone: {zone}{more}}}}}
status: {{allocatable: {{cpu: {cpu}}}, conditions: [{{type: Ready, status: '{ready}'}}]}}
"""


def pods(nodes):
    return "".join(
        f"""
---
apiVersion: v1
kind: Pod
metadata: {{name: order-{index}, namespace: production, labels: {{app: order-processor}}}}
spec: {{nodeName: {where}, containers: [{{name: c, image: i}}]}}
"""
        for index, where in enumerate(nodes)
    )


def service(annotations="{}", field=""):
    return f"""
---
apiVersion: v1
kind: Service
metadata: {{name: order-service, namespace: production, annotations: {annotations}}}
spec: {{selector: {{app: order-processor}}, ports: [{{port: 8080}}]{field}}}
"""


NODES = node("n1", "a") + node("n2", "b", "3500m") + node("n3", "b", "500m")
OLD = "{service.kubernetes.io/topology-aware-hints: auto}"
NAME = "production/order-service"


def test_cpus_are_read_as_quantities():
    assert cpus_of(load_manifests(NODES)) == {"a": 4.0, "b": 4.0}
    control_plane = ", node-role.kubernetes.io/control-plane: ''"
    more = NODES + node("cp", "c", more=control_plane) + node("sick", "c", ready="False")
    assert cpus_of(load_manifests(more)) == {"a": 4.0, "b": 4.0}
    assert cpus_of(load_manifests(NODES + node("bare", "c", "0"))) == {}
    with pytest.raises(InputError, match="n9"):
        cpus_of(load_manifests(NODES + node("n9", "c", "'four'")))


def test_each_address_family_is_shared_out_for_itself():
    """Two families of three endpoints are not six: 3 are enough for three zones, 4 are not."""
    nodes = "".join(node(f"n{zone}", zone) for zone in "abc")
    text = ""
    for count, family in ((3, "IPv4"), (4, "IPv6")):
        listed = "".join(
            f"- {{addresses: ['{address}{at}'], zone: {'abca'[at]}, nodeName: n{'abca'[at]}}}\n"
            for at in range(count)
            for address in ("10.0.0." if family == "IPv4" else "fd00::",)
        )
        text += f"""
---
apiVersion: discovery.k8s.io/v1
kind: EndpointSlice
metadata: {{name: order-{family.lower()}, namespace: production,
  labels: {{kubernetes.io/service-name: order-service}}}}
addressType: {family}
ports: [{{port: 8080}}]
endpoints:
{listed}"""
    hinted = hint_service(load_manifests(nodes + text + service(OLD)), NAME)
    assert [each.zone_hints for each in hinted.endpoints] == [("a",), ("b",), ("c",)] + [()] * 4
    assert hinted.heuristic == "cpu-proportional"


def test_the_seeds_annotation_shares_endpoints_by_cpu():
    cluster = load_manifests(NODES + pods(["n1", "n1", "n1", "n2"]) + service(OLD))
    hinted = hint_service(cluster, NAME)
    assert hinted.heuristic == "cpu-proportional"
    assert sorted(e.zone_hints for e in hinted.endpoints) == [("a",), ("a",), ("b",), ("b",)]


def test_the_seeds_annotation_does_nothing_with_one_zone_short_of_pods():
    cluster = load_manifests(NODES + pods(["n1"]) + service(OLD))
    hinted = hint_service(cluster, NAME)
    assert hinted.heuristic == "none"
    assert "1 ready endpoint cannot serve 2 zones" in hinted.reason
    chosen = select_endpoints(hinted.endpoints, node="n2", zone="b")
    assert chosen.mode == "cluster-wide"


def test_the_annotation_wins_over_the_field():
    field = ", trafficDistribution: PreferSameNode"
    text = NODES + pods(["n1", "n1", "n1", "n2"])
    both = hint_service(load_manifests(text + service(OLD, field)), NAME)
    assert both.heuristic == "cpu-proportional"
    alone = hint_service(load_manifests(text + service("{}", field)), NAME)
    assert alone.heuristic == "same-node"
    assert [e.node_hints for e in alone.endpoints] == [(e.node,) for e in alone.endpoints]


def test_hints_in_a_slice_are_kept_as_they_stand():
    text = """
apiVersion: v1
kind: Service
metadata: {name: s, namespace: d}
spec: {ports: [{port: 80}]}
---
apiVersion: discovery.k8s.io/v1
kind: EndpointSlice
metadata: {name: s-1, namespace: d, labels: {kubernetes.io/service-name: s}}
addressType: IPv4
ports: [{port: 80}]
endpoints:
- {addresses: [10.0.0.1], zone: a, nodeName: n1, hints: {forZones: [{name: b}]}}
- {addresses: [10.0.0.2], conditions: {ready: false, serving: true, terminating: true}}
"""
    first, second = endpoints_of(load_manifests(text), "d/s")
    assert (first.zone, first.node, first.zone_hints, first.ready) == ("a", "n1", ("b",), True)
    assert (second.ready, second.serving, second.terminating) == (False, True, True)
    with pytest.raises(InputError):
        endpoints_of(load_manifests(text), "d/other")
