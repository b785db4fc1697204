"""The compiled policies on a real kernel: connections tried, and the verdicts the same.

One node forwards between pods in network namespaces of their own. Every ordered pair is
tried on TCP and UDP ports. What is refused must look like silence to the client.
"""

import os
import shutil
import socket
import sys
import threading
import time

import pytest

from k8snet_lessons.cluster import load_manifests
from k8snet_lessons.datapath.policy import policy_verdict, to_nftables

from .conftest import pod
from .generated import policy_set

pytestmark = [
    pytest.mark.kernel,
    pytest.mark.skipif(sys.platform != "linux", reason="network namespaces are Linux's"),
    pytest.mark.skipif(shutil.which("nft") is None, reason="nft is not installed"),
    pytest.mark.skipif(
        not hasattr(os, "geteuid") or os.geteuid() != 0, reason="namespaces need root here"
    ),
]

LAYOUT = {
    "shop/api": ("10.77.0.2", "app: api"),
    "shop/db": ("10.77.0.6", "app: db"),
    "shop/front": ("10.77.0.10", "app: front"),
    "ops/shell": ("10.77.0.14", "job: shell"),
    "ops/watch": ("10.77.0.18", "job: watch"),
}
PROBES = (("TCP", 80), ("TCP", 81), ("UDP", 80))
SERVED = "{name: web, containerPort: 80}, {name: dns, containerPort: 80, protocol: UDP}"
PODS = "".join(
    pod(*name.split("/"), labels, SERVED, address=address)
    for name, (address, labels) in LAYOUT.items()
) + "".join(
    f"\n---\napiVersion: v1\nkind: Namespace\nmetadata: {{name: {n}, labels: {{who: {n}}}}}\n"
    for n in ("shop", "ops")
)


def policy(name, namespace, spec):
    return (
        "\n---\napiVersion: networking.k8s.io/v1\nkind: NetworkPolicy\n"
        f"metadata: {{name: {name}, namespace: {namespace}}}\nspec: {spec}\n"
    )


CASES = {
    "none": "",
    "deny all of shop": policy("deny", "shop", "{podSelector: {}, policyTypes: [Ingress, Egress]}"),
    "one peer, one port": policy(
        "db", "shop", "{podSelector: {matchLabels: {app: db}}, ingress: [{from: [{podSelector: "
        "{matchLabels: {app: api}}}], ports: [{port: 80}]}]}"
    ),
    "and, or": policy(
        "db", "shop", "{podSelector: {matchLabels: {app: db}}, ingress: [{from: ["
        "{namespaceSelector: {matchLabels: {who: ops}}, podSelector: {matchLabels: {job: watch}}}, "
        "{podSelector: {matchLabels: {app: front}}}]}]}"
    ),
    "both directions": policy(
        "out", "ops", "{podSelector: {}, policyTypes: [Egress], egress: [{to: [{namespaceSelector: "
        "{}}], ports: [{port: 80}, {port: 80, protocol: UDP}]}]}"
    ) + policy("in", "shop", "{podSelector: {}, ingress: [{ports: [{port: 80, endPort: 81}]}]}"),
    "names of ports": policy(
        "out", "ops", "{podSelector: {}, policyTypes: [Egress], egress: [{ports: [{port: web}]}]}"
    ) + policy(
        "in", "shop", "{podSelector: {}, ingress: [{ports: [{port: dns, protocol: UDP}]}, "
        "{from: [{namespaceSelector: {matchLabels: {who: ops}}}], ports: [{port: web}]}]}"
    ),
    "blocks with holes": policy(
        "in", "shop", "{podSelector: {matchExpressions: [{key: app, operator: NotIn, values: "
        "[front]}]}, ingress: [{from: [{ipBlock: {cidr: 10.77.0.0/24, except: [10.77.0.12/30, "
        "10.77.0.14/32]}}]}]}"
    ) + policy(
        "out", "shop", "{podSelector: {matchLabels: {app: front}}, egress: [{to: [{ipBlock: "
        "{cidr: 0.0.0.0/0, except: [10.77.0.4/30]}}], ports: [{protocol: TCP}]}]}"
    ),
    "policies add up": policy("deny", "shop", "{podSelector: {}}")
    + policy("one", "shop", "{podSelector: {}, ingress: [{from: [{podSelector: {}}]}]}")
    + policy(
        "two", "shop", "{podSelector: {matchLabels: {app: api}}, ingress: [{from: "
        "[{namespaceSelector: {}}], ports: [{port: 81}]}]}"
    ),
}  # fmt: skip
CASES |= {f"drawn from seed {seed}": policy_set(seed) for seed in range(6)}


def answer(address: str, port: int, protocol: str) -> None:
    """Accept for ever, or echo datagrams for ever."""
    if protocol == "TCP":
        listener = socket.create_server((address, port), backlog=64)
        while True:
            listener.accept()[0].close()
    echo = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    echo.bind((address, port))
    while True:
        data, sender = echo.recvfrom(64)
        echo.sendto(data, sender)


SILENCE_S, PATIENCE_S = 0.8, 20.0


def patience_s(verdict):
    """How long to wait: silence is heard soon, and a busy machine may answer late."""
    return PATIENCE_S if verdict else SILENCE_S


def try_all(targets):
    """Try every (address, port, protocol, seconds to wait) at once; what came of each."""
    found = {}

    def attempt(address, port, protocol, timeout_s):
        kind = socket.SOCK_STREAM if protocol == "TCP" else socket.SOCK_DGRAM
        with socket.socket(socket.AF_INET, kind) as client:
            client.settimeout(timeout_s)
            try:
                client.connect((address, port))
                if protocol == "UDP":
                    client.send(b"?")
                    client.recv(8)
                found[address, port, protocol] = "connected"
            except TimeoutError:
                found[address, port, protocol] = "silence"
            except OSError as error:
                found[address, port, protocol] = type(error).__name__

    threads = [threading.Thread(target=attempt, args=target) for target in targets]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return found


@pytest.fixture(scope="module")
def node_and_pods():
    hosts = pytest.importorskip("k8snet_lessons.lab.hosts", exc_type=ImportError)
    pytest.importorskip("pyroute2")
    refused = pytest.importorskip("k8snet_lessons.lab.needs").NAMESPACES.missing()
    if refused:
        pytest.skip(f"no network namespaces here: {refused}")
    with hosts.Topology() as topology:
        node = topology.host("node")
        node.set_sysctl("net.ipv4.ip_forward", 1)
        pods = {}
        for index, (name, (address, _)) in enumerate(LAYOUT.items()):
            pods[name] = topology.host(name)
            gateway = f"10.77.0.{index * 4 + 1}"
            topology.connect(
                node, pods[name], f"{gateway}/30", f"{address}/30", (f"pod{index}", "eth0")
            )
            hosts.add_route(pods[name], "default", gateway)
            for protocol, port in PROBES:
                pods[name].background(answer, address, port, protocol)
        deadline = time.monotonic() + 45
        everywhere = [(a, port, proto, 1.0) for a, _ in LAYOUT.values() for proto, port in PROBES]
        while set(pods["ops/shell"].call(try_all, everywhere).values()) != {"connected"}:
            assert time.monotonic() < deadline, "the servers never came up"
        yield node, pods


@pytest.mark.parametrize("case", CASES)
def test_the_kernel_agrees_with_every_verdict(node_and_pods, case):
    node, pods = node_and_pods
    cluster = load_manifests(PODS + CASES[case])
    node.run(["nft", "-f", "-"], to_nftables(cluster))
    verdicts = {
        (name, LAYOUT[other][0], port, protocol): policy_verdict(
            cluster, name, other, port, protocol
        )
        for name in LAYOUT
        for other in LAYOUT
        for protocol, port in PROBES
        if other != name
    }
    for name, host in pods.items():
        tried = [(key[1:], verdict) for key, verdict in verdicts.items() if key[0] == name]
        host.start(try_all, [(*target, patience_s(verdict)) for target, verdict in tried])
    for name, host in pods.items():
        for target, came in host.result().items():
            verdict = verdicts[(name, *target)]
            assert came == ("connected" if verdict else "silence"), f"{name} to {target}: {verdict}"


def test_the_node_itself_is_never_refused_and_replies_pass(node_and_pods):
    node, pods = node_and_pods
    shut = policy("deny", "shop", "{podSelector: {}, policyTypes: [Ingress, Egress]}")
    opened = policy("in", "shop", "{podSelector: {matchLabels: {app: db}}, ingress: [{}]}")
    cluster = load_manifests(PODS + shut + opened)
    node.run(["nft", "-f", "-"], to_nftables(cluster))
    database = LAYOUT["shop/db"][0]
    asked = LAYOUT["shop/api"][0], 80, "TCP"
    assert what_came(node, *asked, PATIENCE_S) == "connected"
    # The database may send nothing of its own accord, and yet its answers arrive.
    assert what_came(pods["ops/watch"], database, 80, "UDP", PATIENCE_S) == "connected"
    assert what_came(pods["shop/db"], *asked, SILENCE_S) == "silence"


def test_a_connection_outlives_the_policy_that_forbids_its_like(node_and_pods):
    """Established flows pass by connection tracking, here as in most CNIs."""
    node, pods = node_and_pods
    node.run(["nft", "-f", "-"], to_nftables(load_manifests(PODS)))
    ruleset = to_nftables(load_manifests(PODS + policy("deny", "shop", "{podSelector: {}}")))
    database = LAYOUT["shop/db"][0]
    shell = pods["ops/shell"]
    assert shell.call(ask, database, 80, 33_333, b"first") == b"first"
    node.run(["nft", "-f", "-"], ruleset)
    assert shell.call(ask, database, 80, 33_333, b"second") == b"second"
    assert what_came(shell, database, 80, "TCP", SILENCE_S) == "silence"


def what_came(host, *target):
    (came,) = host.call(try_all, [target]).values()
    return came


def ask(address, port, source_port, text):
    """One datagram of the flow that has this source port."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as client:
        client.settimeout(PATIENCE_S)
        client.bind(("", source_port))
        client.connect((address, port))
        client.send(text)
        return client.recv(16)
