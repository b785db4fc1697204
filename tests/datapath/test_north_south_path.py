"""The walk from balancer to pod: consistent in itself, and with the rules of a node."""

import json
from xml.etree import ElementTree

import pytest

from k8snet_lessons.cluster import load_manifests
from k8snet_lessons.control import program
from k8snet_lessons.datapath import Packet, trace
from k8snet_lessons.datapath.faults import FAULTS, PROXIES, client_sees, proxy_record
from k8snet_lessons.datapath.path import Addresses, Edge, every_edge, walk
from k8snet_lessons.errors import InputError
from k8snet_lessons.figures.palette import VERMILLION
from k8snet_lessons.figures.path import describe, faults_html, hops_html, path_svg

EDGES = every_edge()
AT = Addresses()


def test_there_are_sixty_four_edges():
    assert len(EDGES) == len(set(EDGES)) == 64


@pytest.mark.parametrize("edge", EDGES, ids=repr)
def test_a_road_has_no_gaps(edge):
    path = walk(edge)
    assert path.hops[0].key == "client"
    assert path.hops[-1].key == "app"
    for before, after in zip(path.hops, path.hops[1:], strict=False):
        if before.after is not None:
            assert after.before == before.after
        else:
            assert after.before is None
            assert before.place == after.place == "ingress"
    for hop in path.hops:
        if hop.hook == "nat PREROUTING":
            assert hop.rewritten == ("dst",)
        elif hop.hook == "nat POSTROUTING":
            assert hop.rewritten == ("src",)
        elif hop.key != "balancer":
            assert hop.rewritten == ()


@pytest.mark.parametrize("edge", EDGES, ids=repr)
def test_who_is_seen_as_the_caller(edge):
    path = walk(edge)
    arrives_as = (
        AT.client
        if edge.load_balancer == "l4" and edge.keeps_client_address
        else AT.balancer_inside
    )
    masked = edge.target == "node_port" and edge.external_traffic_policy == "Cluster"
    assert path.ingress_sees == (AT.node_a if masked else arrives_as)
    assert path.app_sees in (AT.ingress_a, AT.ingress_b)
    assert path.rewrites == (edge.ingress_mode == "cluster_ip") + (
        0 if edge.target == "pod_ip" else 1 + masked
    )
    assert any(hop.encrypted for hop in path.hops)
    assert not path.hops[-1].encrypted


def test_tls_is_carried_to_where_it_ends():
    ends_early = walk(Edge(tls_terminates_at="load_balancer"))
    assert [hop.key for hop in ends_early.hops if hop.encrypted] == ["client"]
    ends_late = walk(Edge(tls_terminates_at="ingress"))
    arriving = next(n for n, hop in enumerate(ends_late.hops) if hop.key == "ingress")
    assert all(hop.encrypted for hop in ends_late.hops[:arriving])


def test_a_reply_is_the_packet_turned_round():
    flow = walk().hops[1].after
    assert flow.reply.reply == flow
    assert (flow.reply.src, flow.reply.dport) == (flow.dst, flow.sport)


@pytest.mark.parametrize("name", ["load_balancer", "target", "keeps_client_address"])
def test_an_unknown_way_to_build_the_edge_is_named(name):
    with pytest.raises(InputError, match=name):
        Edge(**{name: "sideways"})


WORLD = """
apiVersion: v1
kind: Node
metadata: {name: node-a}
spec: {podCIDR: 10.244.1.0/24}
status: {addresses: [{type: InternalIP, address: 10.0.1.11}]}
---
apiVersion: v1
kind: Node
metadata: {name: node-b}
spec: {podCIDR: 10.244.2.0/24}
status: {addresses: [{type: InternalIP, address: 10.0.1.12}]}
---
apiVersion: v1
kind: Service
metadata: {name: ingress, namespace: edge}
spec:
  type: NodePort
  externalTrafficPolicy: POLICY
  clusterIP: 10.96.0.7
  selector: {app: ingress}
  ports: [{port: 443, targetPort: 8000, nodePort: 31390}]
---
apiVersion: discovery.k8s.io/v1
kind: EndpointSlice
metadata: {name: ingress-1, namespace: edge, labels: {kubernetes.io/service-name: ingress}}
addressType: IPv4
ports: [{port: 8000, protocol: TCP}]
endpoints:
- {addresses: [10.244.1.5], nodeName: node-a, conditions: {ready: true}}
- {addresses: [10.244.2.5], nodeName: node-b, conditions: {ready: true}}
"""


@pytest.mark.parametrize("policy", ["Cluster", "Local"])
def test_the_rules_of_the_node_do_what_the_walk_says(policy):
    """kube-proxy's own rules, walked packet by packet, agree with the small world."""
    rules = program(load_manifests(WORLD.replace("POLICY", policy)), node="node-a")
    told = walk(Edge(external_traffic_policy=policy))
    hop = next(hop for hop in told.hops if hop.key == "node-port")
    packet = Packet(
        src=hop.before.src, sport=hop.before.sport, dst=hop.before.dst, dport=hop.before.dport
    )
    found = trace(rules, packet, origin="external", local_addresses=["10.0.1.11"])
    wanted = f"{hop.after.dst}:{hop.after.dport}"
    masked = {one.backend: one.masqueraded for one in found.outcomes}
    assert wanted in masked
    assert masked[wanted] == any(hop.key == "masquerade" for hop in told.hops)
    if policy == "Local":
        assert set(masked) == {wanted}
    else:
        assert len(masked) == 2


@pytest.mark.parametrize("edge", EDGES, ids=repr)
def test_every_picture_is_whole(edge):
    path = walk(edge)
    for step in (None, *range(len(path.hops))):
        drawn = ElementTree.fromstring(path_svg(path, step, guess="<&>"))
        texts = [element.text for element in drawn.iter() if element.text]
        if step is not None:
            hop = path.hops[step]
            for flow in (hop.before, hop.after):
                if flow is not None:
                    assert f"{flow.src}:{flow.sport}" in texts
                    assert f"{flow.dst}:{flow.dport}" in texts
        assert describe(path, step) in texts
    assert hops_html(path).count("<tr>") == len(path.hops) + 1


def test_the_whole_road_gives_no_rewrite_away():
    svg = path_svg(walk())
    assert VERMILLION not in svg
    assert "becomes" not in svg
    assert "masquerade" not in svg.lower()
    assert "kernel on node B" in describe(walk())
    assert VERMILLION in path_svg(walk(), 3)


def test_the_fault_table_follows_the_measurement():
    answers = proxy_record()["answers"]
    assert all(answers[proxy]["healthy"]["status"] == 200 for proxy in PROXIES)
    assert answers["nginx"]["refused"]["status"] == 502
    assert answers["nginx"]["dropped"]["status"] == 504
    assert answers["envoy"]["dropped"]["status"] == 503
    assert all(answers[proxy]["slow"]["status"] == 504 for proxy in PROXIES)
    for fault in FAULTS:
        assert client_sees(fault)
        assert fault.source
        if fault.measured:
            assert any(fault.measured in answers[proxy] for proxy in PROXIES)
    assert faults_html().count("<tr>") == len(FAULTS) + 1
    assert json.dumps(proxy_record())
