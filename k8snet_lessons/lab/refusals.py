"""What a client feels when its packets are dropped, and when they are rejected."""

import errno
import select
import socket
import time

from k8snet_lessons.data.measured import Series
from k8snet_lessons.lab.experiment import Experiment, Result, Run
from k8snet_lessons.lab.flows import SERVER_IP, echo_server, has_peer, tracking_node
from k8snet_lessons.lab.hosts import Topology
from k8snet_lessons.lab.needs import NAMESPACES, program
from k8snet_lessons.lab.traffic import serve

PORT = 8080
OPEN_PORT = 8081


def felt(address: str, port: int, timeout_s: float) -> tuple[str, float]:
    """What connect() says, by the name of its error, and after how many seconds.

    A socket counts as connected only if it has a peer: one that is merely writable may have
    had its error taken by somebody else.
    """
    start = time.monotonic()
    with socket.socket() as client:
        client.setblocking(False)
        error = client.connect_ex((address, port))
        waiting = select.poll()
        waiting.register(client, select.POLLOUT)
        while error in (0, errno.EINPROGRESS):
            left_s = start + timeout_s - time.monotonic()
            if left_s <= 0:
                return "no answer", time.monotonic() - start
            if not waiting.poll(left_s * 1000):
                continue
            error = client.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR)
            if error == 0 and has_peer(client):
                return "connected", time.monotonic() - start
    return errno.errorcode[error], time.monotonic() - start


def _rule(verdict: str) -> str:
    return f"""
table ip verdicts {{
  chain forward {{
    type filter hook forward priority filter; policy accept;
    tcp dport {PORT} {verdict}
  }}
}}
"""


NO_POD = "an address that no pod has"
NO_ROUTE = "a ClusterIP without rules or route"
VERDICTS = {
    "drop": "drop",
    "reject with icmp port-unreachable": "reject with icmp type port-unreachable",
    "reject with tcp reset": "reject with tcp reset",
    "reject with icmp admin-prohibited": "reject with icmp type admin-prohibited",
}


def _refusals(run: Run) -> Result:
    timeout_s = 1.2 if run.quick else 5.0
    rounds = 3 if run.quick else 10
    series = []
    said_by: dict[str, str] = {}
    cases: list[tuple[str, str, str, int]] = [
        (name, verdict, SERVER_IP, PORT) for name, verdict in VERDICTS.items()
    ]
    cases += [
        ("no rule, nothing listens", "", SERVER_IP, PORT),
        ("no rule, a server listens", "", SERVER_IP, OPEN_PORT),
        (NO_POD, "", "10.244.2.77", PORT),
        (NO_ROUTE, "", "10.96.0.10", 80),
    ]
    bursts: dict[str, dict[str, int]] = {}
    with Topology() as topology:
        for i, (name, verdict, address, port) in enumerate(cases):
            run.progress(i / len(cases), name)
            client, node, server = tracking_node(topology, f"{i}")
            serve(server, echo_server, SERVER_IP, OPEN_PORT)
            if verdict:
                node.run(["nft", "-f", "-"], _rule(verdict))
            # Whoever is told something is told at once, whenever this machine comes to it.
            patience_s = timeout_s if name == "drop" else 20.0
            said, seconds = client.call(felt, address, port, patience_s)
            times = [seconds]
            if name not in ("drop", NO_POD, NO_ROUTE):
                if verdict:
                    bursts[name] = client.call(_burst, address, port, 20)
                # The kernel limits the rate of ICMP errors, and this is about one at a time.
                node.set_sysctl("net.ipv4.icmp_ratelimit", 0)
                times = [client.call(felt, address, port, patience_s)[1] for _ in range(rounds)]
            said_by[name] = said
            microseconds = tuple(round(each * 1e6, 1) for each in times)
            series.append(Series("connect() returns", "us", {"case": name}, microseconds))
    return Result(
        parameters={"timeout_s": timeout_s, "rounds": rounds, "burst": 20},
        series=tuple(series),
        findings={"said": said_by, "burst_of_20": bursts},
    )


def _burst(address: str, port: int, count: int) -> dict[str, int]:
    """What ``count`` connections at once are told, until half a second brings nothing more."""
    clients = []
    waiting = select.poll()
    for _ in range(count):
        client = socket.socket()
        client.setblocking(False)
        client.connect_ex((address, port))
        waiting.register(client, select.POLLOUT)
        clients.append(client)
    while told := waiting.poll(500):
        for number, _ in told:
            waiting.unregister(number)
    said: dict[str, int] = {}
    for client in clients:
        error = client.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR)
        name = errno.errorcode[error] if error else "no answer"
        said[name] = said.get(name, 0) + 1
        client.close()
    return said


REFUSALS = Experiment(
    name="refusals",
    question="What does a client feel when a packet is dropped, and when it is rejected?",
    limits=(
        "The rules stand on one node in nftables' own syntax, not in the form of any network "
        "plugin; which of the verdicts a plugin uses is the plugin's choice."
    ),
    needs=(NAMESPACES, program("nft")),
    tools=("nft",),
    bound_s=(120.0, 120.0),
    body=_refusals,
)
