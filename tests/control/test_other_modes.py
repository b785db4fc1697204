"""nftables, IPVS and eBPF: their text, their own ways, and their agreement with iptables."""

import shutil
import subprocess
from fractions import Fraction
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from kube_worlds import NODES, service_text, slice_text, world

from k8snet_lessons.cluster import Cluster, load_manifests, synthetic_cluster
from k8snet_lessons.control import program
from k8snet_lessons.control.decision import Flow
from k8snet_lessons.control.ebpf import Frontend
from k8snet_lessons.control.maglev import lookup_table, murmur3_128
from k8snet_lessons.datapath import Packet, trace
from k8snet_lessons.errors import InputError

LOCAL, REMOTE, NODE = "this-node", "other-node", "192.168.0.2"
POD, OUTSIDE = "10.0.0.2", "203.0.113.9"
MODES = ("nftables", "ipvs", "ebpf")


def iptables_shares(cluster: Cluster, flow: Flow) -> dict[str, Fraction]:
    """What walking the iptables rules says about a flow."""
    packet = Packet(flow.source, flow.destination, flow.port, flow.protocol)
    result = trace(program(cluster, LOCAL), packet, origin=flow.origin)
    shares: dict[str, Fraction] = {}
    for outcome in result.outcomes:
        if outcome.verdict == "accept" and outcome.packet.dst != flow.destination:
            ip = outcome.packet.dst
            name = f"[{ip}]:{outcome.packet.dport}" if ":" in ip else f"{ip}:{outcome.packet.dport}"
            shares[name] = shares.get(name, Fraction(0)) + outcome.probability
    return shares


@st.composite
def services(draw: st.DrawFn) -> list[dict[str, Any]]:
    made = []
    for index in range(draw(st.integers(1, 3))):
        kind = draw(st.sampled_from(["ClusterIP", "NodePort", "LoadBalancer"]))
        made.append(
            {
                "name": f"ns{index}/svc{index}",
                "ip": f"172.30.0.{index + 1}",
                "type": kind,
                "protocol": draw(st.sampled_from(["TCP", "UDP"])),
                "affinity": draw(st.booleans()),
                "external": draw(st.sampled_from(["Cluster", "Local"])),
                "internal": draw(st.sampled_from(["Cluster", "Local"])),
                "endpoints": draw(
                    st.lists(
                        st.tuples(
                            st.sampled_from([LOCAL, REMOTE]),
                            st.sampled_from(["ready", "leaving", "unready"]),
                        ),
                        max_size=5,
                    )
                ),
            }
        )
    return made


CONDITIONS = {
    "ready": "{ready: true}",
    "leaving": "{ready: false, serving: true, terminating: true}",
    "unready": "{ready: false, serving: false}",
}


def built(made: list[dict[str, Any]]) -> Cluster:
    parts = []
    for index, item in enumerate(made):
        outside = item["type"] != "ClusterIP"
        body = f"  type: {item['type']}\n  internalTrafficPolicy: {item['internal']}\n"
        body += f"  externalTrafficPolicy: {item['external']}\n" if outside else ""
        body += "  sessionAffinity: ClientIP\n" if item["affinity"] else ""
        node_port = f", nodePort: {31000 + index}" if outside else ""
        ports = f"[{{name: p80, port: 80, protocol: {item['protocol']}{node_port}}}]"
        status = f"{{ip: 198.51.100.{index + 1}}}" if item["type"] == "LoadBalancer" else ""
        parts.append(service_text(item["name"], item["ip"], body, ports, status))
        entries = ", ".join(
            f"{{addresses: [10.180.{index}.{n + 1}], nodeName: {node}, "
            f"conditions: {CONDITIONS[state]}}}"
            for n, (node, state) in enumerate(item["endpoints"])
        )
        target = f"[{{name: p80, port: 8080, protocol: {item['protocol']}}}]"
        parts.append(slice_text(item["name"], f"[{entries}]", target))
    return world(*parts)


def flows(made: list[dict[str, Any]]) -> list[tuple[dict[str, Any], Flow]]:
    found = []
    for index, item in enumerate(made):
        protocol = item["protocol"].lower()
        targets = [(item["ip"], 80)]
        if item["type"] != "ClusterIP":
            targets.append((NODE, 31000 + index))
        if item["type"] == "LoadBalancer":
            targets.append((f"198.51.100.{index + 1}", 80))
        sources = [(POD, "pod"), (NODE, "host"), (OUTSIDE, "external")]
        if made[0]["endpoints"] and made[0]["endpoints"][0][0] == LOCAL:
            sources.append(("10.180.0.1", "pod"))
        for ip, port in targets:
            for source, origin in sources:
                found.append((item, Flow(source, ip, port, protocol, origin)))  # type: ignore[arg-type]
    return found


def ipvs_cannot(item: dict[str, Any], flow: Flow) -> bool:
    """Whether one list of real servers for every asker gives another answer than the rules."""
    if flow.destination == item["ip"]:
        return bool(item["internal"] == "Local" and item["type"] != "ClusterIP")
    return bool(item["external"] == "Local" and flow.origin != "external")


@settings(max_examples=60, deadline=None)
@given(services())
def test_all_modes_reach_the_same_backends_with_the_same_odds(made: list[dict[str, Any]]) -> None:
    cluster = built(made)
    rulesets = {mode: program(cluster, LOCAL, mode) for mode in MODES}
    for item, flow in flows(made):
        expected = iptables_shares(cluster, flow)
        for mode, ruleset in rulesets.items():
            if mode == "ipvs" and ipvs_cannot(item, flow):
                continue
            decision = ruleset.lookup(flow)  # type: ignore[union-attr]
            assert decision.backends == expected, (mode, flow)
            assert sum(decision.backends.values()) in (0, 1)


@settings(max_examples=40, deadline=None)
@given(services())
def test_nftables_decides_and_masquerades_as_iptables_does(made: list[dict[str, Any]]) -> None:
    cluster = built(made)
    nft = program(cluster, LOCAL, mode="nftables")
    rules = program(cluster, LOCAL)
    for _item, flow in flows(made):
        packet = Packet(flow.source, flow.destination, flow.port, flow.protocol)
        outcomes = trace(rules, packet, origin=flow.origin).outcomes
        decision = nft.lookup(flow)
        if flow.origin == "host" and flow.destination.startswith("198.51.100."):
            # iptables mode hooks KUBE-EXTERNAL-SERVICES into INPUT and FORWARD, not OUTPUT:
            # from the node itself, a balancer without endpoints is simply asked.
            continue
        assert {outcome.verdict for outcome in outcomes} == {decision.verdict}
        masqueraded = {
            f"{o.packet.dst}:{o.packet.dport}" for o in outcomes if o.masqueraded and o.backend
        }
        # A pod that reaches itself: nftables looks for local pods only, which is enough.
        assert decision.masqueraded == masqueraded, flow


class TestNftables:
    def test_words(self) -> None:
        text = program(
            world(
                service_text("ns1/svc1", "172.30.0.41"),
                slice_text("ns1/svc1", "[{addresses: [10.180.0.1], nodeName: this-node}]"),
            ),
            LOCAL,
            mode="nftables",
        ).to_text()
        chain = "service-ULMVA6XW-ns1/svc1/tcp/p80"
        for line in (
            f"add element ip kube-proxy service-ips {{ 172.30.0.41 . tcp . 80 : goto {chain} }}",
            f"add rule ip kube-proxy {chain} meta l4proto tcp dnat to 10.180.0.1:80",
            "add element ip kube-proxy hairpin-connections { 10.180.0.1 . 10.180.0.1 . tcp . 80 }",
        ):
            assert line in text.splitlines()

    def test_strange_ports_and_addresses_of_the_service_block(self) -> None:
        ruleset = program(synthetic_cluster(1, 1), mode="nftables")
        assert ruleset.lookup(Flow("10.128.0.9", "10.0.0.10", 81)).verdict == "reject"
        assert ruleset.lookup(Flow("10.128.0.9", "10.0.0.99", 80)).verdict == "drop"
        assert ruleset.lookup(Flow("10.128.0.9", "192.0.2.1", 80)).verdict == "accept"

    def test_node_ports_on_loopback_are_not_served(self) -> None:
        cluster = synthetic_cluster(1, 2, service_type="NodePort")
        flow = Flow("127.0.0.1", "127.0.0.1", 30000, origin="host")
        for addresses in ((), ("0.0.0.0/0",)):
            ruleset = program(cluster, mode="nftables", nodeport_addresses=addresses)
            assert not ruleset.lookup(flow).backends

    def test_affinity(self) -> None:
        ruleset = program(synthetic_cluster(1, 3, affinity=True), mode="nftables")
        known = Flow("10.128.0.9", "10.0.0.10", 80, affinity="10.128.0.3:8080")
        assert ruleset.lookup(known).backends == {"10.128.0.3:8080": 1}
        assert "flags dynamic,timeout ; timeout 10800s" in ruleset.to_text()

    def test_source_ranges(self) -> None:
        body = "  type: LoadBalancer\n  loadBalancerSourceRanges: [203.0.113.0/24]\n"
        cluster = world(
            service_text("ns/svc", "172.30.0.41", body, status="{ip: 1.2.3.4}"),
            slice_text("ns/svc", "[{addresses: [10.180.0.1], nodeName: this-node}]"),
        )
        for mode in MODES:
            ruleset = program(cluster, LOCAL, mode)
            inside = Flow(OUTSIDE, "1.2.3.4", 80, origin="external")
            elsewhere = inside._replace(source="198.51.100.1")
            assert ruleset.lookup(inside).backends, mode  # type: ignore[union-attr]
            assert ruleset.lookup(elsewhere).verdict == "drop", mode  # type: ignore[union-attr]

    @pytest.mark.kernel
    @pytest.mark.parametrize("family", [4, 6])
    def test_the_real_tool_accepts_it(self, family: int) -> None:
        if shutil.which("nft") is None:
            pytest.skip("nft is not installed")
        if subprocess.run(["unshare", "-n", "true"], capture_output=True, check=False).returncode:
            pytest.skip("network namespaces are not allowed here: run as root")
        clusters = [
            synthetic_cluster(3, 3, service_type="LoadBalancer", affinity=True),
            synthetic_cluster(2, 0, service_type="NodePort"),
        ]
        if family == 6:
            text = NODES + service_text("ns/svc", "'fd00:10:96::10'", "  type: NodePort\n")
            text += slice_text("ns/svc", "[{addresses: ['fd00:10:244::5'], nodeName: this-node}]")
            clusters = [load_manifests(text)]
        for cluster in clusters:
            for addresses in ((), ("0.0.0.0/0", "::/0")):
                ruleset = program(
                    cluster, mode="nftables", family=family, nodeport_addresses=addresses
                )
                done = subprocess.run(
                    ["unshare", "-n", "nft", "-c", "-f", "-"],
                    input=ruleset.to_text(),
                    capture_output=True,
                    text=True,
                    check=False,
                )
                assert done.returncode == 0, done.stderr


class TestIpvs:
    def test_text(self) -> None:
        ruleset = program(synthetic_cluster(1, 2, affinity=True), mode="ipvs")
        assert ruleset.to_text() == (
            "-A -t 10.0.0.10:80 -s rr -p 10800\n"
            "-a -t 10.0.0.10:80 -r 10.128.0.2:8080 -m -w 1\n"
            "-a -t 10.0.0.10:80 -r 10.128.0.3:8080 -m -w 1\n"
        )
        assert "create KUBE-CLUSTER-IP hash:ip,port family inet" in ruleset.ipset_text()
        assert "add KUBE-CLUSTER-IP 10.0.0.10,tcp:80" in ruleset.ipset_text().splitlines()

    def test_the_number_of_iptables_rules_does_not_grow(self) -> None:
        few = program(synthetic_cluster(5, 3), mode="ipvs").rules.rule_count
        many = program(synthetic_cluster(500, 3), mode="ipvs").rules.rule_count
        assert few == many

    def test_local_policy_without_local_endpoint_loses_answers(self) -> None:
        body = "  type: NodePort\n  externalTrafficPolicy: Local\n"
        cluster = world(
            service_text("ns/svc", "172.30.0.41", body, "[{name: p80, port: 80, nodePort: 31000}]"),
            slice_text("ns/svc", "[{addresses: [10.180.0.1], nodeName: other-node}]"),
        )
        ruleset = program(cluster, LOCAL, mode="ipvs")
        assert ruleset.lookup(Flow(POD, NODE, 31000)).backends == {"10.180.0.1:80": 1}
        lost = ruleset.lookup(Flow(OUTSIDE, NODE, 31000, origin="external"))
        assert (lost.verdict, lost.backends) == ("drop", {})

    def test_scheduler(self) -> None:
        assert " -s sh" in program(synthetic_cluster(1, 1), mode="ipvs", scheduler="sh").to_text()
        with pytest.raises(InputError, match="rr, wrr"):
            program(synthetic_cluster(1, 1), mode="ipvs", scheduler="best")


class TestEbpf:
    def test_text(self) -> None:
        lines = program(synthetic_cluster(1, 2), mode="ebpf").to_text().splitlines()
        assert lines[0].split() == [
            "SERVICE",
            "ADDRESS",
            "BACKEND",
            "ADDRESS",
            "(REVNAT_ID)",
            "(SLOT)",
        ]
        assert lines[1].split("   ")[0] == "10.0.0.10:80/TCP (0)"
        assert lines[1].endswith("0.0.0.0:0 (1) (0) [ClusterIP]")
        assert lines[3].endswith("10.128.0.3:8080/TCP (1) (2)")

    def test_two_scopes(self) -> None:
        body = "  type: NodePort\n  externalTrafficPolicy: Local\n"
        cluster = world(
            service_text("ns/svc", "172.30.0.41", body, "[{name: p80, port: 80, nodePort: 31000}]"),
            slice_text("ns/svc", "[{addresses: [10.180.0.1], nodeName: other-node}]"),
        )
        ruleset = program(cluster, LOCAL, mode="ebpf")
        assert "192.168.0.2:31000/TCP/i (0)" in ruleset.to_text()
        assert "[NodePort, Local, two-scopes]" in ruleset.to_text()
        assert ruleset.lookup(Flow(POD, NODE, 31000)).backends == {"10.180.0.1:80": 1}
        refused = ruleset.lookup(Flow(OUTSIDE, NODE, 31000, origin="external"))
        assert (refused.verdict, refused.backends) == ("reject", {})

    def test_only_what_crosses_nodes_from_outside_is_masqueraded(self) -> None:
        two = "[{addresses: [10.180.0.1], nodeName: this-node}, "
        two += "{addresses: [10.180.1.1], nodeName: other-node}]"
        cluster = world(
            service_text(
                "ns/svc",
                "172.30.0.41",
                "  type: NodePort\n",
                "[{name: p80, port: 80, nodePort: 31000}]",
            ),
            slice_text("ns/svc", two),
        )
        ruleset = program(cluster, LOCAL, mode="ebpf")
        outside = ruleset.lookup(Flow(OUTSIDE, NODE, 31000, origin="external"))
        assert outside.masqueraded == {"10.180.1.1:80"}
        assert not ruleset.lookup(Flow(POD, NODE, 31000)).masqueraded

    def test_maglev_is_for_traffic_from_outside(self) -> None:
        cluster = synthetic_cluster(1, 3, service_type="NodePort")
        ruleset = program(cluster, mode="ebpf", algorithm="maglev", maglev_table_size=251)
        outside = ruleset.lookup(Flow(OUTSIDE, "192.168.1.11", 30000, origin="external"))
        assert sum(outside.backends.values()) == 1
        assert {share.denominator for share in outside.backends.values()} == {251}
        inside = ruleset.lookup(Flow(POD, "192.168.1.11", 30000))
        assert set(inside.backends.values()) == {Fraction(1, 3)}
        table = ruleset.maglev_table(Frontend("192.168.1.11", 30000, "tcp"))
        assert len(table) == 251


class TestMaglev:
    @pytest.mark.parametrize(
        ("data", "seed", "expected"),
        [
            # The reference implementation's own results for these inputs.
            (b"", 0, (0, 0)),
            (b"hello", 0, (0xCBD8A7B341BD9B02, 0x5B1E906A48AE1D19)),
            (b"hello, world", 0, (0x342FAC623A5EBC8E, 0x4CDCBC079642414D)),
            (
                b"The quick brown fox jumps over the lazy dog.",
                0,
                (0xCD99481F9EE902C9, 0x695DA1A38987B6E7),
            ),
        ],
    )
    def test_murmur3(self, data: bytes, seed: int, expected: tuple[int, int]) -> None:
        assert murmur3_128(data, seed) == expected

    @settings(max_examples=20, deadline=None)
    @given(st.integers(1, 60))
    def test_shares_are_even_to_one_slot(self, count: int) -> None:
        table = lookup_table([f"10.0.0.{n}:80/TCP" for n in range(count)], 1021)
        slots = [int((table == n).sum()) for n in range(count)]
        assert sum(slots) == 1021
        # Backends take turns, so that nobody is more than one slot ahead.
        assert max(slots) - min(slots) <= 1

    def test_order_does_not_matter(self) -> None:
        names = [f"10.0.0.{n}:80/TCP" for n in range(7)]
        one, other = lookup_table(names, 251), lookup_table(names[::-1], 251)
        assert [names[n] for n in one] == [names[::-1][n] for n in other]

    def test_losing_a_backend_moves_little_else(self) -> None:
        names = [f"10.0.0.{n}:80/TCP" for n in range(10)]
        before = [names[n] for n in lookup_table(names)]
        after = [names[n] for n in lookup_table(names[:-1])]
        moved = sum(a != b for a, b in zip(before, after, strict=True) if a != names[-1])
        assert 0 < moved / len(before) < 0.05

    @pytest.mark.parametrize(
        ("names", "size", "words"),
        [
            (["a"], 100, "16381"),
            (["a", "a"], 251, "different"),
            ([str(n) for n in range(252)], 251, "at most 251"),
        ],
    )
    def test_input(self, names: list[str], size: int, words: str) -> None:
        with pytest.raises(InputError, match=words):
            lookup_table(names, size)
        assert lookup_table([]).size == 0


def test_ipv6_in_every_mode() -> None:
    two = "[{addresses: ['fd00:10:244::5'], nodeName: this-node}, "
    two += "{addresses: ['fd00:10:244::0:6'], nodeName: other-node}]"
    text = NODES + service_text("ns/svc", "'fd00:10:96::10'", "  type: NodePort\n")
    cluster = load_manifests(text + slice_text("ns/svc", two))
    pod, target = "fd00:10:244::99", "fd00:10:96::10"
    shares = {
        f"[{outcome.packet.dst}]:{outcome.packet.dport}": outcome.probability
        for outcome in trace(
            program(cluster, LOCAL, family=6), Packet(pod, target, 80), origin="pod"
        ).outcomes
    }
    assert shares == {"[fd00:10:244::5]:80": Fraction(1, 2), "[fd00:10:244::6]:80": Fraction(1, 2)}
    for mode in MODES:
        ruleset = program(cluster, LOCAL, mode, family=6)
        assert ruleset.lookup(Flow(pod, target, 80)).backends == shares  # type: ignore[union-attr]
    assert "[fd00:10:96::10]:80" in program(cluster, LOCAL, mode="ipvs", family=6).to_text()
