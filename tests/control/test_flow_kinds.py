"""Every kind of flow that kube-proxy's tests know, with cases of our own, rules and maps alike.

A case is a world, a flow, and where it must end: backends (``*`` after one that is
masqueraded), ``DROP``, ``REJECT``, or ``-`` for a packet that no Service wants.
"""

from typing import Literal, NamedTuple

import pytest
from kube_worlds import service_text, slice_text, world

from k8snet_lessons.cluster import Cluster
from k8snet_lessons.control import program
from k8snet_lessons.datapath import Packet, trace

THIS, OTHER = "this-node", "other-node"
NODE, OTHER_IP = "192.168.0.2", "192.168.0.3"
POD, OUT, LOOP = "10.0.0.2", "203.0.113.2", "127.0.0.1"
VIP, BALANCER, EXTERNAL = "172.30.0.41", "1.2.3.4", "192.168.99.11"
A, B, C = "10.180.0.1", "10.180.1.1", "10.180.0.3"  # here, elsewhere, here

READY = "{ready: true}"
LEAVING = "{ready: false, serving: true, terminating: true}"
GONE = "{ready: false, serving: false, terminating: true}"
UNREADY = "{ready: false}"


def one(
    *endpoints: tuple[str, str],
    body: str = "",
    node_port: int = 0,
    status: str = "",
    protocol: str = "TCP",
) -> Cluster:
    where = {A: THIS, B: OTHER, C: THIS}
    entries = ", ".join(
        f"{{addresses: [{ip}], nodeName: {where[ip]}, conditions: {state}}}"
        for ip, state in endpoints
    )
    extra = f", nodePort: {node_port}" if node_port else ""
    return world(
        service_text(
            "ns/svc", VIP, body, f"[{{name: p80, port: 80, protocol: {protocol}{extra}}}]", status
        ),
        slice_text("ns/svc", f"[{entries}]", f"[{{name: p80, port: 80, protocol: {protocol}}}]"),
    )


NODE_PORT = "  type: NodePort\n"
LOAD = "  type: LoadBalancer\n"
E_LOCAL = "  externalTrafficPolicy: Local\n"
I_LOCAL = "  internalTrafficPolicy: Local\n"
EXT = f"  externalIPs: [{EXTERNAL}]\n"
RANGES = "  loadBalancerSourceRanges: [203.0.113.0/25, 192.168.0.0/24]\n"
ONLY_OUT = "  loadBalancerSourceRanges: [203.0.113.0/25]\n"
LB = f"{{ip: {BALANCER}}}"
PROXY = f"{{ip: {BALANCER}, ipMode: Proxy}}"
BOTH = ((A, READY), (B, READY))


class Case(NamedTuple):
    name: str
    cluster: Cluster
    source: str
    target: str
    expected: str
    port: int = 80
    protocol: Literal["tcp", "udp", "sctp"] = "tcp"
    modes: tuple[str, ...] = ("iptables", "nftables")
    options: tuple[tuple[str, object], ...] = ()


CASES = [
    # cluster IPs
    Case("pod to cluster IP", one(*BOTH), POD, VIP, f"{A}, {B}"),
    Case("node to cluster IP", one(*BOTH), NODE, VIP, f"{A}*, {B}*"),
    Case("outsider to cluster IP", one(*BOTH), OUT, VIP, f"{A}*, {B}*"),
    Case("pod to itself through the Service", one((A, READY)), A, VIP, f"{A}*"),
    Case("one of two is itself", one(*BOTH), A, VIP, f"{A}*, {B}"),
    Case("UDP", one(*BOTH, protocol="UDP"), POD, VIP, f"{A}, {B}", protocol="udp"),
    Case("SCTP", one(*BOTH, protocol="SCTP"), POD, VIP, f"{A}, {B}", protocol="sctp"),
    Case("TCP Service asked over UDP, rules", one(*BOTH), POD, VIP, "-", protocol="udp",
         modes=("iptables",)),
    Case("TCP Service asked over UDP, maps", one(*BOTH), POD, VIP, "REJECT", protocol="udp",
         modes=("nftables",)),
    Case("wrong port, rules", one(*BOTH), POD, VIP, "-", port=81, modes=("iptables",)),
    Case("wrong port, maps", one(*BOTH), POD, VIP, "REJECT", port=81, modes=("nftables",)),
    Case("masquerade all", one(*BOTH), POD, VIP, f"{A}*, {B}*",
         options=(("masquerade_all", True),)),
    Case("pods not told apart", one(*BOTH), OUT, VIP, f"{A}, {B}",
         options=(("detect_local", False),)),
    # no endpoints
    Case("no endpoints, pod", one(), POD, VIP, "REJECT"),
    Case("no endpoints, node", one(), NODE, VIP, "REJECT"),
    Case("no endpoints, node port", one(body=NODE_PORT, node_port=3001), OUT, NODE, "REJECT",
         port=3001),
    Case("no endpoints, balancer", one(body=LOAD, status=LB), OUT, BALANCER, "REJECT"),
    Case("no endpoints, external IP", one(body=EXT), OUT, EXTERNAL, "REJECT"),
    Case("none ready", one((A, UNREADY)), POD, VIP, "REJECT"),
    # node ports
    Case("pod to node port", one(*BOTH, body=NODE_PORT, node_port=3001), POD, NODE,
         f"{A}*, {B}*", port=3001),
    Case("node to its own node port", one(*BOTH, body=NODE_PORT, node_port=3001), NODE, NODE,
         f"{A}*, {B}*", port=3001),
    Case("outsider to node port", one(*BOTH, body=NODE_PORT, node_port=3001), OUT, NODE,
         f"{A}*, {B}*", port=3001),
    Case("another node's port is not this node's", one(*BOTH, body=NODE_PORT, node_port=3001),
         POD, OTHER_IP, "-", port=3001),
    Case("loopback, rules", one(*BOTH, body=NODE_PORT, node_port=3001), LOOP, LOOP,
         f"{A}*, {B}*", port=3001, modes=("iptables",)),
    Case("loopback, maps", one(*BOTH, body=NODE_PORT, node_port=3001), LOOP, LOOP, "-",
         port=3001, modes=("nftables",)),
    Case("loopback switched off", one(*BOTH, body=NODE_PORT, node_port=3001), LOOP, LOOP, "-",
         port=3001, options=(("localhost_nodeports", False),)),
    Case("addresses chosen, this one", one(*BOTH, body=NODE_PORT, node_port=3001), OUT, NODE,
         f"{A}*, {B}*", port=3001, options=(("nodeport_addresses", ("192.168.0.0/24",)),)),
    Case("addresses chosen, not this one", one(*BOTH, body=NODE_PORT, node_port=3001), OUT, NODE,
         "-", port=3001, options=(("nodeport_addresses", ("10.99.0.0/16",)),)),
    Case("node port is no port of the cluster IP, rules",
         one(*BOTH, body=NODE_PORT, node_port=3001), POD, VIP, "-", port=3001,
         modes=("iptables",)),
    # balancers
    Case("outsider to balancer", one(*BOTH, body=LOAD, status=LB), OUT, BALANCER,
         f"{A}*, {B}*"),
    Case("balancer without VIP mode", one(*BOTH, body=LOAD, status=PROXY), OUT, BALANCER, "-"),
    Case("in the ranges", one(*BOTH, body=LOAD + RANGES, status=LB), OUT, BALANCER,
         f"{A}*, {B}*"),
    Case("outside the ranges", one(*BOTH, body=LOAD + RANGES, status=LB), "198.51.100.1",
         BALANCER, "DROP"),
    Case("a pod outside the ranges", one(*BOTH, body=LOAD + RANGES, status=LB), POD, BALANCER,
         "DROP"),
    Case("the node in the ranges", one(*BOTH, body=LOAD + RANGES, status=LB), NODE, BALANCER,
         f"{A}*, {B}*"),
    Case("the balancer's address as source, node in the ranges",
         one(*BOTH, body=LOAD + RANGES, status=LB), BALANCER, BALANCER, f"{A}*, {B}*"),
    Case("the balancer's address as source, node outside",
         one(*BOTH, body=LOAD + ONLY_OUT, status=LB), BALANCER, BALANCER, "DROP"),
    Case("ranges do not hold for node ports",
         one(*BOTH, body=LOAD + RANGES, status=LB, node_port=3001), "198.51.100.1", NODE,
         f"{A}*, {B}*", port=3001),
    # external IPs
    Case("external IP", one(*BOTH, body=EXT), OUT, EXTERNAL, f"{A}*, {B}*"),
    Case("external IP, Local", one(*BOTH, body=NODE_PORT + EXT + E_LOCAL), OUT, EXTERNAL, A),
    Case("external IP, Local, pod", one(*BOTH, body=NODE_PORT + EXT + E_LOCAL), POD, EXTERNAL,
         f"{A}, {B}"),
    # externalTrafficPolicy: Local
    Case("Local, outsider to node port", one(*BOTH, body=NODE_PORT + E_LOCAL, node_port=3001),
         OUT, NODE, A, port=3001),
    Case("Local, pod to node port", one(*BOTH, body=NODE_PORT + E_LOCAL, node_port=3001), POD,
         NODE, f"{A}, {B}", port=3001),
    Case("Local, node to node port", one(*BOTH, body=NODE_PORT + E_LOCAL, node_port=3001), NODE,
         NODE, f"{A}*, {B}*", port=3001),
    Case("Local, outsider to balancer", one(*BOTH, body=LOAD + E_LOCAL, status=LB), OUT,
         BALANCER, A),
    Case("Local, none here, outsider", one((B, READY), body=LOAD + E_LOCAL, status=LB), OUT,
         BALANCER, "DROP"),
    Case("Local, none here, pod", one((B, READY), body=LOAD + E_LOCAL, status=LB), POD, BALANCER,
         B),
    Case("Local, none here, node port",
         one((B, READY), body=NODE_PORT + E_LOCAL, node_port=3001), OUT, NODE, "DROP", port=3001),
    Case("Local, none at all", one(body=LOAD + E_LOCAL, status=LB), OUT, BALANCER, "REJECT"),
    Case("Local says nothing of the cluster IP", one(*BOTH, body=LOAD + E_LOCAL, status=LB), POD,
         VIP, f"{A}, {B}"),
    # internalTrafficPolicy: Local
    Case("internal Local", one(*BOTH, body=I_LOCAL), POD, VIP, A),
    Case("internal Local, none here", one((B, READY), body=I_LOCAL), POD, VIP, "DROP"),
    Case("internal Local, none at all", one(body=I_LOCAL), POD, VIP, "REJECT"),
    Case("internal Local says nothing of node ports",
         one(*BOTH, body=NODE_PORT + I_LOCAL, node_port=3001), OUT, NODE, f"{A}*, {B}*",
         port=3001),
    # terminating endpoints
    Case("ready ones first", one((A, LEAVING), (B, READY)), POD, VIP, B),
    Case("leaving ones if no other", one((A, LEAVING), (B, GONE)), POD, VIP, A),
    Case("gone ones never", one((A, GONE), (B, GONE)), POD, VIP, "REJECT"),
    Case("Local: a leaving one here before a ready one elsewhere",
         one((A, LEAVING), (B, READY), body=LOAD + E_LOCAL, status=LB), OUT, BALANCER, A),
    Case("Local: a ready one here before a leaving one here",
         one((A, LEAVING), (C, READY), body=LOAD + E_LOCAL, status=LB), OUT, BALANCER, C),
    Case("Local: pods go to ready ones anywhere",
         one((A, LEAVING), (B, READY), body=LOAD + E_LOCAL, status=LB), POD, BALANCER, B),
    Case("internal Local: a leaving one here",
         one((A, LEAVING), (B, READY), body=I_LOCAL), POD, VIP, A),
    Case("Local: all gone here", one((A, GONE), (B, READY), body=LOAD + E_LOCAL, status=LB), OUT,
         BALANCER, "DROP"),
    # health-check ports and strangers
    Case("health check port", one(*BOTH, body=LOAD + E_LOCAL + "  healthCheckNodePort: 30500\n",
                                  status=LB), OUT, NODE, "-", port=30500),
    Case("no Service's business", one(*BOTH), POD, "198.51.100.80", "-"),
]  # fmt: skip


@pytest.mark.parametrize(
    ("case", "mode"),
    [(case, mode) for case in CASES for mode in case.modes],
    ids=[f"{case.name} ({mode})" for case in CASES for mode in case.modes],
)
def test_flow(case: Case, mode: str) -> None:
    ruleset = program(case.cluster, THIS, mode, **dict(case.options))
    origin: Literal["pod", "host", "external"] = "pod"
    if case.source in (NODE, LOOP, BALANCER):
        origin = "host"
    elif not case.source.startswith("10."):
        origin = "external"
    packet = Packet(case.source, case.target, case.port, case.protocol)
    ends = set()
    for outcome in trace(ruleset, packet, origin=origin).outcomes:
        if outcome.verdict != "accept":
            ends.add(outcome.verdict.upper())
        elif outcome.packet.dst == case.target and outcome.packet.dport == case.port:
            ends.add("-")
        else:
            assert outcome.packet.dport == 80
            ends.add(outcome.packet.dst + ("*" if outcome.masqueraded else ""))
    assert ", ".join(sorted(ends)) == case.expected


def test_no_case_is_there_twice() -> None:
    assert len({case.name for case in CASES}) == len(CASES)
