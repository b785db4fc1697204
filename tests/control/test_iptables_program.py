"""iptables rules against kube-proxy's own test suite, its closed forms, and the real tool."""

import re
import shutil
import subprocess
from collections.abc import Callable
from fractions import Fraction
from typing import Any

import pytest
from kube_worlds import NODES, service_text, slice_text, world
from lightkube.models import discovery_v1

from k8snet_lessons.cluster import Cluster, load_manifests, synthetic_cluster
from k8snet_lessons.control import program
from k8snet_lessons.control.names import iptables_hash, nft_name
from k8snet_lessons.control.rules import IptablesRuleset, Jump, Recent, Statistic, exact_probability
from k8snet_lessons.errors import InputError

LOCAL, REMOTE = "this-node", "other-node"
# Rules in the built-in chains that lead to kube-proxy's own.
JUMPS_NAT, JUMPS_FILTER = 3, 11


def endpoints(*entries: str) -> str:
    return "[" + ", ".join(f"{{{entry}}}" for entry in entries) + "]"


def at(ip: str, node: str = LOCAL, extra: str = "") -> str:
    return f"addresses: [{ip}], nodeName: {node}{', ' + extra if extra else ''}"


def texts(ruleset: IptablesRuleset, table: str, chain: str) -> list[str]:
    pattern = f"-A {chain} "
    sections = ruleset.to_text().split("COMMIT")
    section = next(part for part in sections if f"*{table}\n" in part)
    return [line[len(pattern) :] for line in section.splitlines() if line.startswith(pattern)]


class TestNames:
    def test_iptables_chains(self, vectors: Callable[[str], Any]) -> None:
        for case in vectors("chain-names")["iptables"]:
            name = iptables_hash(case["service_port_name"], case["protocol"], case["endpoint"])
            assert f"KUBE-{case['kind']}-{name}" == case["chain"]

    def test_nft_chains(self, vectors: Callable[[str], Any]) -> None:
        for case in vectors("chain-names")["nftables"]:
            assert case["prefix"] + nft_name(case["name"]) == case["chain"]

    def test_a_name_too_long_for_nft_is_cut(self) -> None:
        assert len(nft_name("x" * 300)) == 240
        assert nft_name("x" * 300).endswith("...")


class TestCounts:
    # The vectors are from v1.26. Since then kube-proxy writes two more rules: one in
    # KUBE-FIREWALL, against packets for loopback from outside, which localhost node ports
    # bring with them; and a last one in each KUBE-FW chain, which only says what follows.
    @pytest.mark.parametrize("kind", ["ClusterIP", "LoadBalancer"])
    def test_generated_rule_counts(self, vectors: Callable[[str], Any], kind: str) -> None:
        for case in vectors("iptables-rule-counts")[kind]:
            services, count = case["services"], case["endpoints"]
            ruleset = program(_counting_cluster(kind, services, count))
            firewalls = services if kind == "LoadBalancer" and count else 0
            assert ruleset.tables["nat"].rule_count - JUMPS_NAT == case["nat"] + firewalls
            assert ruleset.tables["filter"].rule_count - JUMPS_FILTER == case["filter"] + 1

    def test_localhost_node_ports_cost_one_rule(self) -> None:
        ruleset = program(synthetic_cluster(0, 0), localhost_nodeports=False)
        assert ruleset.tables["filter"].rule_count - JUMPS_FILTER == 3

    def test_probabilities(self, vectors: Callable[[str], Any]) -> None:
        for n, text in vectors("iptables-rule-counts")["compute_probability"].items():
            assert f"{float(Fraction(1, int(n))):.10f}" == text
            assert exact_probability(text) == Fraction(1, int(n))

    def test_large_clusters_lose_their_comments(self) -> None:
        small, large = synthetic_cluster(10, 100), synthetic_cluster(10, 101)
        assert "ns-0/svc-0:http -> " in program(small).to_text()
        assert "ns-0/svc-0:http -> " not in program(large).to_text()
        assert program(large).tables["nat"].rule_count == 3 + 5 + 10 * (2 + 3 * 101)


def _counting_cluster(kind: str, services: int, count: int) -> Cluster:
    """Make kube-proxy's counting world: a node port, an external IP, one source range."""
    if kind == "ClusterIP":
        return synthetic_cluster(services, count)
    parts = []
    for index in range(services):
        parts.append(
            service_text(
                f"ns/svc{index}",
                f"10.96.0.{index + 1}",
                "  type: LoadBalancer\n"
                f"  externalIPs: [1.2.3.{index + 1}]\n"
                "  loadBalancerSourceRanges: [1.2.3.4/32]\n",
                status=f"{{ip: 4.3.2.{index + 1}}}",
            )
        )
        entries = endpoints(*(at(f"10.0.{index}.{n + 1}") for n in range(count)))
        parts.append(slice_text(f"ns/svc{index}", entries))
    return load_manifests(NODES + "".join(parts), pod_cidrs=["10.0.0.0/8"])


class TestRules:
    """The rules kube-proxy v1.37 writes, word for word, kind by kind."""

    def test_cluster_ip(self) -> None:
        ruleset = program(
            world(service_text("ns1/svc1", "172.30.0.41"), slice_text("ns1/svc1", ONE)), LOCAL
        )
        assert texts(ruleset, "nat", "KUBE-SERVICES")[0] == (
            '-m comment --comment "ns1/svc1:p80 cluster IP" -m tcp -p tcp -d 172.30.0.41 '
            "--dport 80 -j KUBE-SVC-XPGD46QRK7WJZT7O"
        )
        assert texts(ruleset, "nat", "KUBE-SVC-XPGD46QRK7WJZT7O") == [
            '-m comment --comment "ns1/svc1:p80 cluster IP" -m tcp -p tcp -d 172.30.0.41 '
            "--dport 80 ! -s 10.0.0.0/8 -j KUBE-MARK-MASQ",
            '-m comment --comment "ns1/svc1:p80 -> 10.180.0.1:80" -j KUBE-SEP-SXIVWICOYRO3J4NJ',
        ]
        assert texts(ruleset, "nat", "KUBE-SEP-SXIVWICOYRO3J4NJ") == [
            "-m comment --comment ns1/svc1:p80 -s 10.180.0.1 -j KUBE-MARK-MASQ",
            "-m comment --comment ns1/svc1:p80 -m tcp -p tcp -j DNAT "
            "--to-destination 10.180.0.1:80",
        ]

    def test_node_port_is_the_last_rule(self) -> None:
        ruleset = program(
            world(
                service_text("ns1/svc1", "172.30.0.41", NODE_PORT, PORT_3001),
                slice_text("ns1/svc1", ONE),
            ),
            LOCAL,
        )
        assert texts(ruleset, "nat", "KUBE-SERVICES")[-1].endswith(
            'this must be the last rule in this chain" -m addrtype --dst-type LOCAL '
            "-j KUBE-NODEPORTS"
        )
        assert texts(ruleset, "nat", "KUBE-NODEPORTS") == [
            "-m comment --comment ns1/svc1:p80 -m tcp -p tcp --dport 3001 "
            "-j KUBE-EXT-XPGD46QRK7WJZT7O"
        ]
        assert texts(ruleset, "nat", "KUBE-EXT-XPGD46QRK7WJZT7O") == [
            '-m comment --comment "masquerade traffic for ns1/svc1:p80 external destinations" '
            "-j KUBE-MARK-MASQ",
            "-j KUBE-SVC-XPGD46QRK7WJZT7O",
        ]

    def test_external_traffic_policy_local(self) -> None:
        body = NODE_PORT + "  externalTrafficPolicy: Local\n"
        two = endpoints(at("10.180.0.1", REMOTE), at("10.180.2.1"))
        ruleset = program(
            world(
                service_text("ns1/svc1", "172.30.0.41", body, PORT_3001),
                slice_text("ns1/svc1", two),
            ),
            LOCAL,
        )
        assert texts(ruleset, "nat", "KUBE-EXT-XPGD46QRK7WJZT7O") == [
            '-m comment --comment "pod traffic for ns1/svc1:p80 external destinations" '
            "-s 10.0.0.0/8 -j KUBE-SVC-XPGD46QRK7WJZT7O",
            '-m comment --comment "masquerade LOCAL traffic for ns1/svc1:p80 external '
            'destinations" -m addrtype --src-type LOCAL -j KUBE-MARK-MASQ',
            '-m comment --comment "route LOCAL traffic for ns1/svc1:p80 external destinations" '
            "-m addrtype --src-type LOCAL -j KUBE-SVC-XPGD46QRK7WJZT7O",
            "-j KUBE-SVL-XPGD46QRK7WJZT7O",
        ]
        assert len(texts(ruleset, "nat", "KUBE-SVL-XPGD46QRK7WJZT7O")) == 1
        assert len(texts(ruleset, "nat", "KUBE-SVC-XPGD46QRK7WJZT7O")) == 3

    def test_no_local_endpoint_is_dropped_but_short_circuited(self) -> None:
        body = NODE_PORT + "  externalTrafficPolicy: Local\n"
        ruleset = program(
            world(
                service_text("ns1/svc1", "172.30.0.41", body, PORT_3001),
                slice_text("ns1/svc1", endpoints(at("10.180.0.1", REMOTE))),
            ),
            LOCAL,
        )
        assert texts(ruleset, "filter", "KUBE-EXTERNAL-SERVICES") == [
            '-m comment --comment "ns1/svc1:p80 has no local endpoints" -m addrtype '
            "--dst-type LOCAL -m tcp -p tcp --dport 3001 -j DROP"
        ]
        assert len(texts(ruleset, "nat", "KUBE-EXT-XPGD46QRK7WJZT7O")) == 3

    def test_internal_traffic_policy_local_without_endpoint(self) -> None:
        body = "  internalTrafficPolicy: Local\n"
        ruleset = program(
            world(
                service_text("ns1/svc1", "172.30.0.41", body),
                slice_text("ns1/svc1", endpoints(at("10.180.0.1", REMOTE))),
            ),
            LOCAL,
        )
        assert texts(ruleset, "filter", "KUBE-SERVICES") == [
            '-m comment --comment "ns1/svc1:p80 has no local endpoints" -m tcp -p tcp '
            "-d 172.30.0.41 --dport 80 -j DROP"
        ]
        assert ruleset.tables["nat"].rule_count == 3 + 5

    def test_no_endpoints_is_refused(self) -> None:
        ruleset = program(
            world(
                service_text(
                    "ns1/svc1",
                    "172.30.0.41",
                    "  type: LoadBalancer\n  externalIPs: [192.168.99.11]\n",
                    PORT_3001,
                    "{ip: 1.2.3.4}",
                )
            ),
            LOCAL,
        )
        words = '-m comment --comment "ns1/svc1:p80 has no endpoints" '
        assert texts(ruleset, "filter", "KUBE-SERVICES") == [
            words + "-m tcp -p tcp -d 172.30.0.41 --dport 80 -j REJECT"
        ]
        assert texts(ruleset, "filter", "KUBE-EXTERNAL-SERVICES") == [
            words + "-m tcp -p tcp -d 192.168.99.11 --dport 80 -j REJECT",
            words + "-m tcp -p tcp -d 1.2.3.4 --dport 80 -j REJECT",
            words + "-m addrtype --dst-type LOCAL -m tcp -p tcp --dport 3001 -j REJECT",
        ]

    def test_source_ranges_and_health_check(self) -> None:
        body = (
            "  type: LoadBalancer\n  externalTrafficPolicy: Local\n  healthCheckNodePort: 30000\n"
            "  loadBalancerSourceRanges: ['203.0.113.0/25', ' 192.168.0.0/24']\n"
        )
        ruleset = program(
            world(
                service_text("ns5/svc5", "172.30.0.45", body, PORT_3001, "{ip: 5.6.7.8}"),
                slice_text("ns5/svc5", ONE),
            ),
            LOCAL,
        )
        [chain] = [n for n in ruleset.tables["nat"].chains if n.startswith("KUBE-FW-")]
        external = chain.replace("FW", "EXT")
        words = '-m comment --comment "ns5/svc5:p80 loadbalancer IP" '
        assert texts(ruleset, "nat", chain) == [
            f"{words}-s 203.0.113.0/25 -j {external}",
            f"{words}-s 192.168.0.0/24 -j {external}",
            # the node itself is in a range, so it may also use the balancer's address
            f"{words}-s 5.6.7.8 -j {external}",
            '-m comment --comment "other traffic to ns5/svc5:p80 will be dropped by '
            'KUBE-PROXY-FIREWALL"',
        ]
        assert texts(ruleset, "filter", "KUBE-PROXY-FIREWALL") == [
            f'-m comment --comment "ns5/svc5:p80 traffic not accepted by {chain}" -m tcp -p tcp '
            "-d 5.6.7.8 --dport 80 -j DROP"
        ]
        assert texts(ruleset, "filter", "KUBE-NODEPORTS") == [
            '-m comment --comment "ns5/svc5:p80 health check node port" -m tcp -p tcp '
            "--dport 30000 -j ACCEPT"
        ]

    def test_a_balancer_that_keeps_its_own_address_is_not_captured(self) -> None:
        text = service_text(
            "ns/svc",
            "172.30.0.41",
            "  type: LoadBalancer\n",
            PORT_3001,
            "{ip: 1.2.3.4, ipMode: Proxy}",
        )
        ruleset = program(world(text, slice_text("ns/svc", ONE)), LOCAL)
        assert "1.2.3.4" not in ruleset.to_text()

    def test_session_affinity(self) -> None:
        body = (
            "  sessionAffinity: ClientIP\n"
            "  sessionAffinityConfig: {clientIP: {timeoutSeconds: 60}}\n"
        )
        two = endpoints(at("10.180.0.1"), at("10.180.0.2"))
        ruleset = program(
            world(service_text("ns1/svc1", "172.30.0.41", body), slice_text("ns1/svc1", two)),
            LOCAL,
        )
        chain = ruleset.tables["nat"].chains["KUBE-SVC-XPGD46QRK7WJZT7O"]
        kinds = [
            next((type(m) for m in rule.matches if isinstance(m, Recent | Statistic)), None)
            for rule in chain.rules
        ]
        assert kinds == [None, Recent, Recent, Statistic, None]
        assert texts(ruleset, "nat", chain.name)[1] == (
            '-m comment --comment "ns1/svc1:p80 -> 10.180.0.1:80" -m recent --name '
            "KUBE-SEP-SXIVWICOYRO3J4NJ --rcheck --seconds 60 --reap -j KUBE-SEP-SXIVWICOYRO3J4NJ"
        )
        assert texts(ruleset, "nat", "KUBE-SEP-SXIVWICOYRO3J4NJ")[1] == (
            "-m comment --comment ns1/svc1:p80 -m recent --name KUBE-SEP-SXIVWICOYRO3J4NJ --set "
            "-m tcp -p tcp -j DNAT --to-destination 10.180.0.1:80"
        )

    def test_terminating_endpoints_serve_when_no_other_does(self) -> None:
        leaving = "conditions: {ready: false, serving: true, terminating: true}"
        dead = "conditions: {ready: false, serving: false, terminating: true}"
        both = endpoints(
            at("10.180.0.1", LOCAL, leaving), at("10.180.0.2"), at("10.180.0.3", LOCAL, dead)
        )
        last = endpoints(at("10.180.0.1", LOCAL, leaving), at("10.180.0.3", LOCAL, dead))
        used = []
        for entries in (both, last):
            text = program(
                world(service_text("ns1/svc1", "172.30.0.41"), slice_text("ns1/svc1", entries)),
                LOCAL,
            ).to_text()
            used.append(re.findall(r"--to-destination (\S+)", text))
        assert used == [["10.180.0.2:80"], ["10.180.0.1:80"]]

    @pytest.mark.parametrize(
        ("hints", "expected"),
        [
            (("zone-a", "zone-b"), ["10.180.0.1"]),
            (("zone-a", ""), ["10.180.0.1", "10.180.0.2"]),
            (("zone-b", "zone-b"), ["10.180.0.1", "10.180.0.2"]),
        ],
    )
    def test_zone_hints_are_all_or_nothing(
        self, hints: tuple[str, str], expected: list[str]
    ) -> None:
        entries = endpoints(
            *(
                at(f"10.180.0.{n}", REMOTE, f"hints: {{forZones: [{{name: {z}}}]}}" if z else "")
                for n, z in enumerate(hints, 1)
            )
        )
        cluster = world(service_text("ns1/svc1", "172.30.0.41"), slice_text("ns1/svc1", entries))
        found = re.findall(r"--to-destination (\S+):80", program(cluster, LOCAL).to_text())
        assert found == expected

    @pytest.mark.skipif(
        not hasattr(discovery_v1, "ForNode"), reason="this lightkube-models has no node hints"
    )
    def test_node_hints_come_before_zone_hints(self) -> None:
        hint = "hints: {{forZones: [{{name: zone-a}}], forNodes: [{{name: {}}}]}}"
        entries = endpoints(
            at("10.180.0.1", LOCAL, hint.format(LOCAL)),
            at("10.180.0.2", REMOTE, hint.format(REMOTE)),
        )
        cluster = world(service_text("ns1/svc1", "172.30.0.41"), slice_text("ns1/svc1", entries))
        found = re.findall(r"--to-destination (\S+):80", program(cluster, LOCAL).to_text())
        assert found == ["10.180.0.1"]

    def test_masquerade_all_and_no_detector(self) -> None:
        cluster = world(service_text("ns1/svc1", "172.30.0.41"), slice_text("ns1/svc1", ONE))
        chain = "KUBE-SVC-XPGD46QRK7WJZT7O"
        everything = texts(program(cluster, LOCAL, masquerade_all=True), "nat", chain)
        assert everything[0].endswith("--dport 80 -j KUBE-MARK-MASQ")
        assert len(texts(program(cluster, LOCAL, detect_local=False), "nat", chain)) == 1

    def test_node_port_addresses(self) -> None:
        cluster = world(
            service_text("ns1/svc1", "172.30.0.41", NODE_PORT, PORT_3001),
            slice_text("ns1/svc1", ONE),
        )
        some = program(cluster, LOCAL, nodeport_addresses="192.168.0.0/24")
        assert texts(some, "nat", "KUBE-SERVICES")[-1].endswith("-d 192.168.0.2 -j KUBE-NODEPORTS")
        assert texts(some, "filter", "KUBE-FIREWALL") == []
        no_loopback = program(cluster, LOCAL, localhost_nodeports=False)
        assert texts(no_loopback, "nat", "KUBE-SERVICES")[-1].endswith(
            "--dst-type LOCAL ! -d 127.0.0.0/8 -j KUBE-NODEPORTS"
        )

    def test_ipv6(self) -> None:
        text = (
            NODES
            + service_text("ns/svc", "'fd00:10:96::10'", NODE_PORT, PORT_3001)
            + slice_text("ns/svc", endpoints(at("'fd00:10:244::0:5'")))
        )
        ruleset = program(load_manifests(text), LOCAL, family=6)
        assert "--to-destination [fd00:10:244::5]:80" in ruleset.to_text()
        assert "! -d ::1/128 -j KUBE-NODEPORTS" in ruleset.to_text()
        assert "127.0.0.0/8" not in ruleset.to_text()

    def test_headless_and_external_name_are_not_programmed(self) -> None:
        text = service_text("ns/a", "None") + service_text("ns/b", "10.96.0.9").replace(
            "  clusterIP: 10.96.0.9\n", "  type: ExternalName\n  externalName: example.com\n"
        )
        assert program(load_manifests(text)).tables["nat"].rule_count == 3 + 5

    def test_nfacct_counters(self) -> None:
        cluster = world(
            service_text("ns1/svc1", "172.30.0.41", NODE_PORT, PORT_3001),
            slice_text("ns1/svc1", ONE),
        )
        ruleset = program(cluster, LOCAL, nfacct=True)
        assert texts(ruleset, "nat", "KUBE-NODEPORTS")[0] == (
            "-m comment --comment ns1/svc1:p80 -m tcp -p tcp -d 127.0.0.0/8 --dport 3001 "
            "-m nfacct --nfacct-name localhost_nps_accepted_pkts -j KUBE-EXT-XPGD46QRK7WJZT7O"
        )

    def test_every_jump_lands(self, masquerade_world: Cluster) -> None:
        ruleset = program(masquerade_world, LOCAL)
        for table in ruleset.tables.values():
            for chain in table:
                for rule in chain.rules:
                    if isinstance(rule.target, Jump):
                        assert rule.target.chain in table.chains


ONE = "[{addresses: [10.180.0.1], nodeName: this-node}]"
NODE_PORT = "  type: NodePort\n"
PORT_3001 = "[{name: p80, port: 80, nodePort: 3001}]"


class TestInput:
    @pytest.mark.parametrize(
        ("arguments", "words"),
        [
            ({"mode": "ebtables"}, "iptables, nftables"),
            ({"node": "nowhere"}, "node-0"),
            ({"masqueradeAll": True}, "masquerade_all"),
            ({"masquerade_bit": 32}, "0 to 31"),
            ({"cluster_cidr": "10.0.0.0"}, "block"),
            ({"nodeport_addresses": ["x"]}, "primary"),
            ({"family": 5}, "4 or 6"),
        ],
    )
    def test_arguments(self, arguments: dict[str, Any], words: str) -> None:
        with pytest.raises(InputError, match=words):
            program(synthetic_cluster(1, 1), **arguments)

    def test_form(self) -> None:
        with pytest.raises(InputError, match="restore"):
            program(synthetic_cluster(1, 1)).to_text("xml")  # type: ignore[arg-type]


def _needs(tool: str) -> str:
    found = shutil.which(tool)
    if found is None:
        pytest.skip(f"{tool} is not installed")
    probe = subprocess.run(["unshare", "-n", "true"], capture_output=True, check=False)
    if probe.returncode:
        pytest.skip("network namespaces are not allowed here: run as root")
    return found


@pytest.mark.kernel
@pytest.mark.parametrize("backend", ["nft", "legacy"])
class TestTheRealTool:
    def test_accepts_it(self, backend: str, masquerade_world: Cluster) -> None:
        tool = _needs(f"iptables-{backend}-restore")
        affinity = synthetic_cluster(3, 3, service_type="LoadBalancer", affinity=True)
        for cluster in (masquerade_world, affinity, synthetic_cluster(2, 0)):
            for form in ("restore", "save"):
                text = program(cluster).to_text(form)  # type: ignore[arg-type]
                done = subprocess.run(
                    ["unshare", "-n", tool, "--test"],
                    input=text,
                    capture_output=True,
                    text=True,
                    check=False,
                )
                assert done.returncode == 0, done.stderr

    def test_prints_back_the_save_form(self, backend: str, masquerade_world: Cluster) -> None:
        restore = _needs(f"iptables-{backend}-restore")
        save = _needs(f"iptables-{backend}-save")
        ruleset = program(masquerade_world, LOCAL)
        done = subprocess.run(
            ["unshare", "-n", "sh", "-c", f"{restore} && {save}"],
            input=ruleset.to_text(),
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, done.stderr
        assert _tables(done.stdout) == _tables(ruleset.to_text("save"))


def _tables(text: str) -> dict[str, list[str]]:
    tables: dict[str, list[str]] = {}
    name = ""
    for line in text.splitlines():
        if line.startswith("*"):
            name = line
        elif line and not line.startswith("#"):
            tables.setdefault(name, []).append(line)
    return tables
