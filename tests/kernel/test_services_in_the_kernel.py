"""The model against Linux: the same rules, real connections, the same backends as often.

For clusters made up at random, the rules that the course programs are loaded into a
network namespace; connections are opened from a pod, from outside and from the node, and
the backends that get them are compared with what the trace of the same rules says.
"""

import random
import shutil
import subprocess
from collections import Counter
from dataclasses import dataclass
from typing import Literal

import pytest
from node_network import (
    NODE,
    NODE6,
    OUTSIDE,
    OUTSIDE6,
    PATIENCE_S,
    SILENCE_S,
    NodeNetwork,
    pod6,
    why_not,
)

from k8snet_lessons.cluster import Cluster, load_manifests
from k8snet_lessons.control import program
from k8snet_lessons.control.rules import Jump
from k8snet_lessons.datapath import Packet, parse_iptables_save, trace
from k8snet_lessons.datapath.steps import Translated

REASON = why_not()
pytestmark = [pytest.mark.kernel, pytest.mark.skipif(bool(REASON), reason=REASON)]

CLIENT = "10.244.0.9"
HERE = ["10.244.0.1", "10.244.0.2", "10.244.0.3"]
THERE = ["10.244.1.1", "10.244.1.2"]
PORT = 8080

# How the rules of a mode are loaded.
LOADERS = {
    "iptables-nft": ("iptables", ["iptables-nft-restore"]),
    "iptables-legacy": ("iptables", ["iptables-legacy-restore"]),
    "nftables": ("nftables", ["nft", "-f", "-"]),
}

# Chi-square that chance alone passes once in a million, by degrees of freedom (NIST/SEMATECH
# e-Handbook, 1.3.6.7.4, gives the method; the values are the quantiles at 1 - 1e-6).
CHI_SQUARE_LIMIT = {1: 23.93, 2: 27.63, 3: 30.66, 4: 33.38}
CONNECTIONS = 240


@dataclass(frozen=True)
class Case:
    """A connection to try: from where, to where."""

    what: str
    client: str
    address: str
    port: int
    protocol: Literal["tcp", "udp"] = "tcp"

    @property
    def origin(self) -> str:
        return {"node": "host", "outside": "external"}.get(self.client, "pod")

    @property
    def source(self) -> str:
        v6 = ":" in self.address
        if self.client == "node":
            return "127.0.0.1" if self.address == "127.0.0.1" else NODE6 if v6 else NODE
        if self.client == "outside":
            return OUTSIDE6 if v6 else OUTSIDE
        return pod6(self.client) if v6 else self.client


def manifests(seed: int) -> tuple[str, list[Case]]:
    """A cluster at random: Services of each kind, and what to try on them."""
    rng = random.Random(seed)
    parts = [
        f"apiVersion: v1\nkind: Node\nmetadata: {{name: here}}\n"
        f"status: {{addresses: [{{type: InternalIP, address: {NODE}}}]}}\n",
        "apiVersion: v1\nkind: Node\nmetadata: {name: there}\n"
        "status: {addresses: [{type: InternalIP, address: 192.168.0.3}]}\n",
    ]
    cases: list[Case] = []

    def add(name: str, spec: str, chosen: list[str], kind: str = "ClusterIP") -> None:
        ip = f"172.30.{seed}.{len(parts)}"
        port = rng.randint(1, 20000)
        node_port = rng.randint(30000, 32767)
        nodes = f", nodePort: {node_port}" if kind != "ClusterIP" else ""
        balancer = f"198.51.100.{len(parts)}" if kind == "LoadBalancer" else ""
        status = f"status: {{loadBalancer: {{ingress: [{{ip: {balancer}}}]}}}}\n"
        parts.append(
            f"apiVersion: v1\nkind: Service\nmetadata: {{name: {name}, namespace: ns}}\n"
            f"spec: {{type: {kind}, clusterIP: {ip}, ports: [{{name: p, port: {port}, "
            f"targetPort: {PORT}{nodes}}}]{spec}}}\n" + (status if balancer else "")
        )
        slots = ", ".join(
            f"{{addresses: [{pod}], nodeName: {'there' if pod in THERE else 'here'}}}"
            for pod in chosen
        )
        parts.append(
            "apiVersion: discovery.k8s.io/v1\nkind: EndpointSlice\n"
            f"metadata: {{name: {name}-1, namespace: ns, "
            f"labels: {{kubernetes.io/service-name: {name}}}}}\n"
            f"addressType: IPv4\nendpoints: [{slots}]\nports: [{{name: p, port: {PORT}}}]\n"
        )
        cases.extend(Case(f"{name}: cluster IP", client, ip, port) for client in (CLIENT, "node"))
        if nodes:
            cases.extend(
                Case(f"{name}: node port", client, NODE, node_port)
                for client in (CLIENT, "outside", "node")
            )
        if balancer:
            cases.extend(
                Case(f"{name}: balancer", client, balancer, port)
                for client in (CLIENT, "outside", "node")
            )
        if spec == "" and chosen and chosen[0] in HERE:
            cases.append(Case(f"{name}: hairpin", chosen[0], ip, port))

    def some(pods: list[str], low: int) -> list[str]:
        return rng.sample(pods, rng.randint(low, min(4, len(pods))))

    add("plain", "", [*rng.sample(HERE, 2), *some(THERE, 1)])
    add("ported", "", some(HERE + THERE, 2), "NodePort")
    add("kept", ", externalTrafficPolicy: Local", [*some(HERE, 1), THERE[0]], "NodePort")
    add("absent", ", externalTrafficPolicy: Local", some(THERE, 1), "NodePort")
    add("inner", ", internalTrafficPolicy: Local", [*some(HERE, 1), THERE[1]])
    add("nobody", "", [], "NodePort")
    add("ranged", ", loadBalancerSourceRanges: [203.0.113.0/24]", some(HERE, 2), "LoadBalancer")
    add("kept-lb", ", externalTrafficPolicy: Local", [HERE[0], THERE[0]], "LoadBalancer")
    # A pod in the node's own network namespace.
    add("hosted", "", [NODE, *some(HERE, 1)], "NodePort")
    return "---\n".join(parts), cases


def more_manifests(v6: bool) -> tuple[str, list[Case]]:
    """Services of the rarer kinds: external IPs, closed ranges, leaving endpoints, UDP, IPv6."""
    node, pod = (NODE6, pod6) if v6 else (NODE, str)
    vip, extra = ("fd00:10:96::", "2001:db8:99::") if v6 else ("172.30.77.", "198.51.100.")
    parts = [
        f"apiVersion: v1\nkind: Node\nmetadata: {{name: here}}\n"
        f"status: {{addresses: [{{type: InternalIP, address: {node!r}}}]}}\n",
    ]
    cases: list[Case] = []

    def add(
        name: str, spec: str, chosen: dict[str, str], lb: str = "", protocol: str = "TCP"
    ) -> None:
        number = len(parts)
        node_port = 31000 + number
        parts.append(
            f"apiVersion: v1\nkind: Service\nmetadata: {{name: {name}, namespace: ns}}\n"
            f"spec: {{clusterIP: {vip + str(number)!r}, ports: [{{name: p, port: 80, "
            f"protocol: {protocol}, targetPort: {PORT}, nodePort: {node_port}}}]{spec}}}\n"
            + (f"status: {{loadBalancer: {{ingress: [{{ip: {lb!r}}}]}}}}\n" if lb else "")
        )
        slots = ", ".join(
            f"{{addresses: [{pod(one)!r}], nodeName: {'there' if one in THERE else 'here'}"
            f"{state and f', conditions: {state}'}}}"
            for one, state in chosen.items()
        )
        parts.append(
            f"apiVersion: discovery.k8s.io/v1\nkind: EndpointSlice\nmetadata: {{name: {name}-1, "
            f"namespace: ns, labels: {{kubernetes.io/service-name: {name}}}}}\n"
            f"addressType: {'IPv6' if v6 else 'IPv4'}\nendpoints: [{slots}]\n"
            f"ports: [{{name: p, port: {PORT}, protocol: {protocol}}}]\n"
        )
        targets = [(vip + str(number), 80, (CLIENT, "node"))]
        targets += [(node, node_port, (CLIENT, "outside", "node"))]
        targets += [(lb, 80, (CLIENT, "outside", "node"))] if lb else []
        targets += [(extra + "9", 80, (CLIENT, "outside", "node"))] if "externalIPs" in spec else []
        transport: Literal["tcp", "udp"] = "udp" if protocol == "UDP" else "tcp"
        cases.extend(
            Case(name, client, address, port, transport)
            for address, port, clients in targets
            for client in clients
        )
        if chosen and not spec.count("Local"):
            cases.append(
                Case(f"{name}: hairpin", next(iter(chosen)), vip + str(number), 80, transport)
            )

    ready = dict.fromkeys([*HERE[:2], THERE[0]], "")
    add("outer", f", type: NodePort, externalIPs: ['{extra}9']", ready)
    elsewhere = f"['{'2001:db8:77::/64' if v6 else '203.0.113.128/25'}']"
    add(
        "closed", f", type: LoadBalancer, loadBalancerSourceRanges: {elsewhere}", ready, extra + "8"
    )
    leaving = "{ready: false, serving: true, terminating: true}"
    states = {HERE[0]: leaving, HERE[1]: "{ready: false}", THERE[0]: ""}
    add("leaving", ", type: NodePort, externalTrafficPolicy: Local", states)
    if not v6:
        add("datagrams", ", type: NodePort", ready, protocol="UDP")
        add("nobody", ", type: NodePort", {}, protocol="UDP")
    return "---\n".join(parts), cases


def cluster_of(text: str) -> Cluster:
    blocks = ["fd00:10:244::/56"] if NODE6 in text else ["10.244.0.0/16"]
    return load_manifests(text, pod_cidrs=blocks)


@pytest.fixture(scope="module")
def network():
    with NodeNetwork([CLIENT, *HERE, *THERE]) as made:
        for pod in HERE + THERE:
            made.listen(pod, PORT)
            made.listen_udp(pod, PORT)
        made.listen("node", PORT)
        yield made


def loaded(network: NodeNetwork, loader: str, cluster: Cluster):
    """The ruleset of a mode, loaded into the node."""
    mode, command = LOADERS[loader]
    if shutil.which(command[0]) is None:
        pytest.skip(f"{command[0]} is not installed")
    if cluster.pod_cidrs[0].startswith("fd") and mode == "iptables":
        command = [command[0].replace("ip", "ip6", 1)]
    network.forget()
    ruleset = program(cluster, "here", mode)
    network.load(command, ruleset.to_text())
    return ruleset


def disagreement(network: NodeNetwork, ruleset, case: Case) -> str:
    """How the kernel differs from the model; empty where it does not."""
    packet = Packet(case.source, case.address, case.port, case.protocol)
    ask = network.ask_udp if case.protocol == "udp" else network.connect
    found = trace(ruleset, packet, case.origin)
    model = found.backends()
    sources = {o.backend: o.packet.src for o in found.outcomes if o.verdict == "accept"}
    tries = CONNECTIONS
    if len(model) == 1:
        # Silence takes long to hear.
        (end,) = model
        tries = {"drop": 1, "reject": 3}.get(end, 12)
    seen: Counter[str] = Counter()
    timeout_s = SILENCE_S if "drop" in model else PATIENCE_S
    for _ in range(tries):
        end, peer = ask(case.client, case.address, case.port, case.source, timeout_s)
        seen[end] += 1
        if end not in model:
            return f"{case}: {end}, but the model knows only {sorted(model)}"
        if peer and peer != sources[end]:
            return f"{case}: {end} sees {peer}, the model says {sources[end]}"
    if seen.keys() != model.keys():
        return f"{case}: {dict(seen)}, but the model knows {sorted(model)}"
    distance = sum((seen[b] - tries * p) ** 2 / (tries * p) for b, p in model.items())
    if len(model) > 1 and distance > CHI_SQUARE_LIMIT[len(model) - 1]:
        return f"{case}: {dict(seen)} is too far from {model}"
    return ""


@pytest.mark.parametrize("seed", [1, 2, 3])
@pytest.mark.parametrize("loader", LOADERS)
def test_connections_go_where_the_model_says(network: NodeNetwork, loader: str, seed: int) -> None:
    text, cases = manifests(seed)
    ruleset = loaded(network, loader, cluster_of(text))
    wrong = [problem for case in cases if (problem := disagreement(network, ruleset, case))]
    assert not wrong, "\n".join(wrong)


@pytest.mark.parametrize("v6", [False, True], ids=["IPv4", "IPv6"])
@pytest.mark.parametrize("loader", LOADERS)
def test_the_rarer_kinds_of_service(network: NodeNetwork, loader: str, v6: bool) -> None:
    text, cases = more_manifests(v6)
    ruleset = loaded(network, loader, cluster_of(text))
    wrong = [problem for case in cases if (problem := disagreement(network, ruleset, case))]
    assert not wrong, "\n".join(wrong)


def test_localhost_to_a_node_port(network: NodeNetwork) -> None:
    text, cases = manifests(5)
    ruleset = loaded(network, "iptables-nft", cluster_of(text))
    port = next(c.port for c in cases if c.what == "ported: node port")
    assert not disagreement(network, ruleset, Case("localhost", "node", "127.0.0.1", port))


@pytest.mark.parametrize("loader", LOADERS)
def test_affinity_keeps_a_client_with_its_backend(network: NodeNetwork, loader: str) -> None:
    text, _ = manifests(6)
    text += (
        "---\napiVersion: v1\nkind: Service\nmetadata: {name: sticky, namespace: ns}\n"
        "spec: {clusterIP: 172.30.99.1, sessionAffinity: ClientIP, "
        f"ports: [{{name: p, port: 80, targetPort: {PORT}}}]}}\n"
        "---\napiVersion: discovery.k8s.io/v1\nkind: EndpointSlice\nmetadata: {name: sticky-1, "
        "namespace: ns, labels: {kubernetes.io/service-name: sticky}}\naddressType: IPv4\n"
        f"endpoints: [{{addresses: [{HERE[0]}]}}, {{addresses: [{HERE[1]}]}}, "
        f"{{addresses: [{THERE[0]}]}}]\nports: [{{name: p, port: {PORT}}}]\n"
    )
    ruleset = loaded(network, loader, cluster_of(text))
    model = trace(ruleset, Packet(CLIENT, "172.30.99.1", 80), "pod").backends()
    first, _ = network.connect(CLIENT, "172.30.99.1", 80)
    assert first in model
    # Without affinity, twenty in a row on one of three happen once in 3**20.
    assert {network.connect(CLIENT, "172.30.99.1", 80)[0] for _ in range(20)} == {first}
    again = trace(ruleset, Packet(CLIENT, "172.30.99.1", 80), "pod", affinity=first)
    assert again.backends() == {first: 1}


def test_only_the_first_packet_of_a_connection_meets_the_nat_table(network: NodeNetwork) -> None:
    """The kernel's own counters, read with the course's own parser."""
    text, cases = manifests(7)
    ruleset = loaded(network, "iptables-nft", cluster_of(text))
    case = next(c for c in cases if c.what == "plain: cluster IP" and c.client == CLIENT)
    seen = Counter(network.connect(CLIENT, case.address, case.port)[0] for _ in range(40))
    with network.inside("node"):
        saved = subprocess.run(["iptables-nft-save", "-c"], capture_output=True, text=True)
    counted = parse_iptables_save(saved.stdout)
    nat = counted.tables["nat"].chains
    assert nat["PREROUTING"].rules[0].counters[0] == 40
    # A handshake and a reset are three packets or more, and the filter table meets them all.
    forward = counted.tables["filter"].chains["FORWARD"].rules
    met = next(rule.counters[0] for rule in forward if rule.target == Jump("KUBE-FORWARD"))
    assert met >= 3 * 40
    # Each backend's DNAT rule was met as often as the backend got a connection.
    outcomes = trace(ruleset, Packet(CLIENT, case.address, case.port), "pod").outcomes
    for outcome in outcomes:
        chain = next(s.chain for s in outcome.steps if isinstance(s, Translated))
        assert nat[chain].rules[-1].counters[0] == seen[outcome.backend]
