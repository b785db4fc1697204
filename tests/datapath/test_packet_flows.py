"""Every kind of flow that kube-proxy's own tests know, through the programmed rules."""

from dataclasses import replace
from fractions import Fraction
from typing import Any

import pytest
from flow_worlds import (
    BLOCKED,
    NODE,
    NODE6,
    OTHER,
    OUTSIDE,
    OUTSIDE6,
    POD,
    POD6,
    SECOND,
    Flow,
    endpoints,
    service,
    world,
)

from k8snet_lessons.control import program
from k8snet_lessons.datapath import Packet, parse_iptables_save, trace

VIP, EXTERNAL_IP, LB, LB2 = "172.30.0.41", "192.168.99.11", "1.2.3.4", "5.6.7.8"
HERE, THERE = "10.180.0.1@here", "10.180.1.1@there"
BOTH = "10.180.0.1:80, 10.180.1.1:80"
ONE = "10.180.0.1:80"
LOCAL_EXT = "  externalTrafficPolicy: Local\n  healthCheckNodePort: 30000\n"
ALL_WAYS = f"  externalIPs: [{EXTERNAL_IP}]\n"
DNS_PORTS = """
  - {name: http, port: 80}
  - {name: https, port: 443, targetPort: 8443}
  - {name: dns-udp, port: 53, protocol: UDP}
  - {name: dns-tcp, port: 53, targetPort: 5353}
  - {name: dns-sctp, port: 53, protocol: SCTP}"""
DNS_SLICE = """
- {name: http, port: 80}
- {name: https, port: 8443}
- {name: dns-udp, port: 53, protocol: UDP}
- {name: dns-tcp, port: 5353}
- {name: dns-sctp, port: 53, protocol: SCTP}"""

CASES: dict[str, tuple[list[str], dict[str, Any], list[Flow]]] = {
    "no endpoints": (
        [service(kind="LoadBalancer", spec=ALL_WAYS, lb=f"{{ip: {LB}}}")],
        {},
        [
            Flow(POD, VIP, 80, "REJECT"),
            Flow(NODE, VIP, 80, "REJECT"),
            Flow(OUTSIDE, EXTERNAL_IP, 80, "REJECT"),
            Flow(POD, NODE, 3001, "REJECT"),
            Flow(NODE, NODE, 3001, "REJECT"),
            Flow(OUTSIDE, NODE, 3001, "REJECT"),
            Flow(POD, LB, 80, "REJECT"),
            Flow(OUTSIDE, LB, 80, "REJECT"),
        ],
    ),
    "several ports and protocols": (
        [
            service("one", "172.30.0.40"),
            endpoints("10.180.0.1@here", name="one"),
            service(ports=DNS_PORTS),
            endpoints(HERE, THERE, ports=DNS_SLICE),
        ],
        {},
        [
            Flow("10.180.0.2", "172.30.0.40", 80, ONE),
            Flow("10.180.0.1", "172.30.0.40", 80, ONE, True),
            Flow(POD, VIP, 80, BOTH),
            Flow(POD, VIP, 443, "10.180.0.1:8443, 10.180.1.1:8443"),
            Flow(POD, VIP, 53, "10.180.0.1:5353, 10.180.1.1:5353"),
            Flow(POD, VIP, 53, "10.180.0.1:53, 10.180.1.1:53", protocol="udp"),
            Flow(POD, VIP, 53, "10.180.0.1:53, 10.180.1.1:53", protocol="sctp"),
            Flow(POD, VIP, 80, "", protocol="udp"),
            Flow(POD, "172.30.0.40", 443, ""),
            Flow(POD, OTHER, 80, ""),
        ],
    ),
    "load balancer with source ranges": (
        [
            service(
                kind="LoadBalancer",
                spec='  loadBalancerSourceRanges: [192.168.0.0/24, " 203.0.113.0/25"]\n',
                lb=f"{{ip: {LB}}}, {{ip: {LB2}}}",
            ),
            endpoints("10.180.0.1@there"),
        ],
        {},
        [
            Flow(POD, VIP, 80, ONE),
            Flow(OUTSIDE, NODE, 3001, ONE, True),
            Flow(BLOCKED, NODE, 3001, ONE, True),
            Flow(OUTSIDE, LB, 80, ONE, True),
            Flow(OUTSIDE, LB2, 80, ONE, True),
            Flow(BLOCKED, LB, 80, "DROP"),
            Flow(BLOCKED, LB2, 80, "DROP"),
            Flow(POD, LB, 80, "DROP"),
            Flow(POD, LB2, 80, "DROP"),
            Flow(NODE, LB, 80, ONE, True),
            Flow(NODE, LB2, 80, ONE, True),
            Flow(LB, LB, 80, ONE, True),
            Flow(LB2, LB2, 80, ONE, True),
        ],
    ),
    "external policy Local": (
        [
            service(kind="LoadBalancer", spec=LOCAL_EXT + ALL_WAYS, lb=f"{{ip: {LB}}}"),
            endpoints(HERE, THERE),
        ],
        {},
        [
            Flow(POD, VIP, 80, BOTH),
            Flow(POD, EXTERNAL_IP, 80, BOTH),
            Flow(OUTSIDE, EXTERNAL_IP, 80, ONE),
            Flow(POD, LB, 80, BOTH),
            Flow(OUTSIDE, LB, 80, ONE),
            Flow(POD, NODE, 3001, BOTH),
            Flow(OUTSIDE, NODE, 3001, ONE),
            Flow(NODE, LB, 80, BOTH, True),
            Flow(NODE, NODE, 3001, BOTH, True),
            Flow(OUTSIDE, NODE, 30000, "ACCEPT"),
        ],
    ),
    "external policy Local, nobody here": (
        [
            service(kind="LoadBalancer", spec=LOCAL_EXT + ALL_WAYS, lb=f"{{ip: {LB}}}"),
            endpoints("10.180.1.1@there"),
        ],
        {},
        [
            Flow(POD, VIP, 80, "10.180.1.1:80"),
            Flow(POD, LB, 80, "10.180.1.1:80"),
            Flow(NODE, LB, 80, "10.180.1.1:80", True),
            Flow(OUTSIDE, LB, 80, "DROP"),
            Flow(OUTSIDE, EXTERNAL_IP, 80, "DROP"),
            Flow(OUTSIDE, NODE, 3001, "DROP"),
        ],
    ),
    "external policy Cluster": (
        [
            service(kind="LoadBalancer", spec=ALL_WAYS, lb=f"{{ip: {LB}}}"),
            endpoints(HERE, THERE),
        ],
        {},
        [
            Flow(POD, VIP, 80, BOTH),
            Flow(POD, EXTERNAL_IP, 80, BOTH, True),
            Flow(OUTSIDE, EXTERNAL_IP, 80, BOTH, True),
            Flow(POD, LB, 80, BOTH, True),
            Flow(OUTSIDE, LB, 80, BOTH, True),
            Flow(POD, NODE, 3001, BOTH, True),
            Flow(OUTSIDE, NODE, 3001, BOTH, True),
            Flow(OUTSIDE, VIP, 80, BOTH, True),
            Flow(OUTSIDE, NODE, 3002, ""),
        ],
    ),
    "internal policy Local": (
        [service(spec="  internalTrafficPolicy: Local\n"), endpoints(HERE, THERE)],
        {},
        [Flow(POD, VIP, 80, ONE), Flow(NODE, VIP, 80, ONE, True)],
    ),
    "internal policy Local, nobody here": (
        [service(spec="  internalTrafficPolicy: Local\n"), endpoints("10.180.1.1@there")],
        {},
        [Flow(POD, VIP, 80, "DROP"), Flow(NODE, VIP, 80, "DROP")],
    ),
    "terminating endpoints give way to ready ones": (
        [
            service(kind="LoadBalancer", spec=LOCAL_EXT, lb=f"{{ip: {LB}}}"),
            endpoints("10.0.1.1@here", "10.0.1.3@here~", "10.0.1.4@here~!", "10.0.1.5@there"),
        ],
        {},
        [
            Flow(POD, VIP, 80, "10.0.1.1:80, 10.0.1.5:80"),
            Flow(OUTSIDE, LB, 80, "10.0.1.1:80"),
        ],
    ),
    "terminating endpoints serve where no ready one is": (
        [
            service(kind="LoadBalancer", spec=LOCAL_EXT, lb=f"{{ip: {LB}}}"),
            endpoints("10.0.1.2@here~", "10.0.1.3@here~", "10.0.1.4@here~!", "10.0.1.5@there"),
        ],
        {},
        [
            Flow(POD, VIP, 80, "10.0.1.5:80"),
            Flow(OUTSIDE, LB, 80, "10.0.1.2:80, 10.0.1.3:80"),
        ],
    ),
    "terminating endpoints elsewhere": (
        [
            service(kind="LoadBalancer", spec=LOCAL_EXT, lb=f"{{ip: {LB}}}"),
            endpoints("10.0.1.5@there~"),
        ],
        {},
        [Flow(POD, VIP, 80, "10.0.1.5:80"), Flow(OUTSIDE, LB, 80, "DROP")],
    ),
    "terminating endpoints, policy Cluster": (
        [
            service(kind="LoadBalancer", lb=f"{{ip: {LB}}}"),
            endpoints("10.0.1.2@here~", "10.0.1.4@here~!", "10.0.1.5@there~"),
        ],
        {},
        [
            Flow(POD, VIP, 80, "10.0.1.2:80, 10.0.1.5:80"),
            Flow(OUTSIDE, LB, 80, "10.0.1.2:80, 10.0.1.5:80", True),
        ],
    ),
    "no endpoint is of any use": (
        [
            service(kind="LoadBalancer", spec=LOCAL_EXT, lb=f"{{ip: {LB}}}"),
            endpoints("10.0.1.5@here~!", "10.0.1.6@there!"),
        ],
        {},
        [Flow(POD, VIP, 80, "REJECT"), Flow(OUTSIDE, LB, 80, "REJECT")],
    ),
    "a balancer that is a proxy keeps its address": (
        [
            service(kind="LoadBalancer", lb=f"{{ip: {LB}, ipMode: Proxy}}"),
            endpoints(HERE, THERE),
        ],
        {},
        [Flow(POD, LB, 80, ""), Flow(OUTSIDE, NODE, 3001, BOTH, True)],
    ),
    "health check port without node ports on that address": (
        [service(kind="LoadBalancer", spec=LOCAL_EXT), endpoints(HERE)],
        {"nodeport_addresses": ["127.0.0.0/8"]},
        [Flow(LB, NODE, 30000, "ACCEPT"), Flow(LB, NODE, 3001, "")],
    ),
    "nobody is told from outsiders": (
        [service(), endpoints(HERE, THERE)],
        {"detect_local": False},
        [Flow(POD, VIP, 80, BOTH), Flow(OUTSIDE, VIP, 80, BOTH)],
    ),
    "everything is masqueraded": (
        [service(), endpoints(HERE, THERE)],
        {"masquerade_all": True},
        [Flow(POD, VIP, 80, BOTH, True), Flow(OUTSIDE, VIP, 80, BOTH, True)],
    ),
}

BOTH6 = "[fd00:10:180::1]:80, [fd00:10:180::2:1]:80"
PORTS4 = [service(kind="NodePort"), endpoints(HERE, THERE)]
PORTS6 = [
    service(kind="NodePort", ip="fd00:172:30::41", spec="  ipFamilies: [IPv6]\n"),
    endpoints("fd00:10:180::1@here", "fd00:10:180::2:1@there"),
]
NODE_PORTS: dict[str, tuple[list[str], dict[str, Any], list[Flow]]] = {
    "on all addresses": (
        PORTS4,
        {},
        [
            Flow(OUTSIDE, NODE, 3001, BOTH, True),
            Flow(NODE, NODE, 3001, BOTH, True),
            Flow(OUTSIDE, SECOND, 3001, BOTH, True),
            Flow("127.0.0.1", "127.0.0.1", 3001, BOTH, True),
        ],
    ),
    "not on localhost": (
        PORTS4,
        {"localhost_nodeports": False},
        [
            Flow(OUTSIDE, NODE, 3001, BOTH, True),
            Flow(OUTSIDE, SECOND, 3001, BOTH, True),
            Flow("127.0.0.1", "127.0.0.1", 3001, ""),
        ],
    ),
    "on chosen addresses": (
        PORTS4,
        {"localhost_nodeports": False, "nodeport_addresses": ["192.168.0.0/24", "127.0.0.1/32"]},
        [
            Flow(OUTSIDE, NODE, 3001, BOTH, True),
            Flow(OUTSIDE, SECOND, 3001, ""),
            Flow("127.0.0.1", "127.0.0.1", 3001, ""),
        ],
    ),
    "IPv6": (
        PORTS6,
        {"family": 6, "cluster_cidr": "fd00:10::/64"},
        [
            Flow(POD6, "fd00:172:30::41", 80, BOTH6),
            Flow(OUTSIDE6, NODE6, 3001, BOTH6, True),
            Flow(NODE6, NODE6, 3001, BOTH6, True),
            Flow("::1", "::1", 3001, ""),
        ],
    ),
}


def ends_of(ruleset: Any, flow: Flow) -> tuple[str, bool]:
    """All ends of a flow in the words of kube-proxy's test; masqueraded must be of one mind."""
    packet = Packet(flow.source, flow.target, flow.port, flow.protocol)
    found = trace(ruleset, packet, flow.origin)
    assert sum(o.probability for o in found.outcomes) == 1
    ends, masqueraded = [], set()
    for outcome in found.outcomes:
        assert outcome.probability == Fraction(1, len(found.outcomes))
        if outcome.verdict != "accept":
            ends.append(outcome.verdict.upper())
        elif outcome.packet.destination != packet.destination:
            ends.append(outcome.packet.destination)
            masqueraded.add(outcome.masqueraded)
    assert len(masqueraded) < 2
    return ", ".join(sorted(ends)), masqueraded == {True}


@pytest.mark.parametrize("name", [*CASES, *NODE_PORTS])
def test_flows(name: str) -> None:
    parts, options, flows = {**CASES, **NODE_PORTS}[name]
    ruleset = program(world(*parts), "here", "iptables", **options)
    # A dump does not say what the node's addresses are.
    parsed = replace(
        parse_iptables_save(ruleset.to_text()), local_addresses=ruleset.local_addresses
    )
    for read in (ruleset, parsed):
        for flow in flows:
            wanted = ("" if flow.ends == "ACCEPT" else flow.ends), flow.masqueraded
            assert ends_of(read, flow) == wanted, flow


def test_a_health_check_port_is_let_in_by_a_rule_of_its_own() -> None:
    parts, options, _ = CASES["external policy Local"]
    ruleset = program(world(*parts), "here", **options)
    (outcome,) = trace(ruleset, Packet(OUTSIDE, NODE, 30000), "external").outcomes
    last = outcome.steps[-1] if outcome.steps[-1].table == "filter" else outcome.steps[-2]
    assert (last.chain, last.what, outcome.ended_at) == ("KUBE-NODEPORTS", "ACCEPT", "INPUT")


def test_what_comes_for_localhost_from_outside_is_dropped() -> None:
    ruleset = program(world(*PORTS4), "here")
    (outcome,) = trace(ruleset, Packet(OUTSIDE, "127.0.0.1", 22), "external").outcomes
    assert (outcome.verdict, outcome.steps[-1].chain) == ("drop", "KUBE-FIREWALL")


@pytest.mark.parametrize("form", ["restore", "save"])
@pytest.mark.parametrize("name", [*CASES, *NODE_PORTS])
def test_flows_through_the_text_alone(name: str, form: Any) -> None:
    """A dump does not say which addresses are the node's; its own rules give them away."""
    parts, options, flows = {**CASES, **NODE_PORTS}[name]
    ruleset = program(world(*parts), "here", "iptables", **options)
    parsed = parse_iptables_save(ruleset.to_text(form))
    for flow in flows:
        wanted = ("" if flow.ends == "ACCEPT" else flow.ends), flow.masqueraded
        assert ends_of(parsed, flow) == wanted, flow


def test_a_dump_reads_back_as_what_was_programmed() -> None:
    parts, options, _ = CASES["external policy Local"]
    ruleset = program(world(*parts), "here", **options)
    for form in ("restore", "save"):
        parsed = parse_iptables_save(ruleset.to_text(form))
        for name, table in ruleset.tables.items():
            for chain in table:
                read = parsed.tables[name].chains[chain.name]
                assert [(set(rule.matches), rule.target) for rule in read.rules] == [
                    (set(rule.matches), rule.target) for rule in chain.rules
                ]
