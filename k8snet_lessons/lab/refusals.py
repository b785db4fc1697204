"""What a client feels: silence, refusal, and packets that are too large to pass."""

import errno
import select
import socket
import time
from collections.abc import Callable

from k8snet_lessons.data.measured import Scalar, Series
from k8snet_lessons.lab import tunnels
from k8snet_lessons.lab.experiment import Experiment, Result, Run
from k8snet_lessons.lab.flows import SERVER_IP, echo_server, tracking_node
from k8snet_lessons.lab.hosts import Topology
from k8snet_lessons.lab.needs import NAMESPACES, link_kind, program
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
            if error == 0 and _has_peer(client):
                return "connected", time.monotonic() - start
    return errno.errorcode[error], time.monotonic() - start


def _has_peer(client: socket.socket) -> bool:
    try:
        client.getpeername()
    except OSError:
        return False
    return True


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
            patience_s = 4.0 if name == NO_POD else timeout_s
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
    """What ``count`` connections at once are told within half a second."""
    clients = []
    for _ in range(count):
        client = socket.socket()
        client.setblocking(False)
        client.connect_ex((address, port))
        clients.append(client)
    time.sleep(0.5)
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
    bound_s=(90.0, 30.0),
    body=_refusals,
)

_NO_ICMP = """
table ip silent {
  chain output { type filter hook output priority filter; policy accept;
    icmp type destination-unreachable drop; }
}
"""
_CLAMP = """
table ip clamp {
  chain forward { type filter hook forward priority mangle; policy accept;
    tcp flags syn tcp option maxseg size set rt mtu; }
}
"""


def transfer(address: str, port: int, size_bytes: int, timeout_s: float) -> tuple[int, float]:
    """Send ``size_bytes`` to an echo server; how many came back, and in how many seconds."""
    start = time.monotonic()
    back = 0
    with socket.create_connection((address, port), timeout=timeout_s) as client:
        client.sendall(bytes(size_bytes))
        while back < size_bytes and (left := start + timeout_s - time.monotonic()) > 0:
            client.settimeout(left)
            try:
                back += len(client.recv(65536))
            except TimeoutError:
                break
    return back, time.monotonic() - start


def _quieten(path: tunnels.Path) -> None:
    for node in path.nodes:
        node.run(["nft", "-f", "-"], _NO_ICMP)


def _clamp(path: tunnels.Path) -> None:
    _quieten(path)
    for node in path.nodes:
        node.run(["nft", "-f", "-"], _CLAMP)


def _probe(path: tunnels.Path) -> None:
    _quieten(path)
    for host in (path.client, path.server):
        host.set_sysctl("net.ipv4.tcp_mtu_probing", 1)


def _leave(path: tunnels.Path) -> None:
    """The misfit alone: the nodes still say what they cannot send on."""


MISFITS: dict[str, tuple[int | None, Callable[[tunnels.Path], None]]] = {
    "pod MTU as the tunnel's": (None, _leave),
    "pod MTU too large": (1500, _leave),
    "pod MTU too large, no ICMP": (1500, _quieten),
    "pod MTU too large, no ICMP, MSS clamped": (1500, _clamp),
    "pod MTU too large, no ICMP, tcp_mtu_probing=1": (1500, _probe),
}


def _mtu(run: Run) -> Result:
    timeout_s = 2.0 if run.quick else 25.0
    sizes = (100, 20_000)
    series = []
    came_back: list[dict[str, object]] = []
    with Topology() as topology:
        paths = {}
        for name, (pod_mtu_bytes, prepare) in MISFITS.items():
            # Hosts are named after how traffic is carried; a path of its own for each case.
            path = tunnels.build(topology, "vxlan", pod_mtu_bytes)
            prepare(path)
            serve(path.server, echo_server, SERVER_IP, PORT)
            paths[name] = path
        for size_bytes in sizes:
            run.progress(sizes.index(size_bytes) / len(sizes), f"{size_bytes} bytes there and back")
            for path in paths.values():
                path.client.start(transfer, SERVER_IP, PORT, size_bytes, timeout_s)
            for name, path in paths.items():
                back, seconds = path.client.result(timeout_s + 10)
                where: dict[str, Scalar] = {"case": name, "size_bytes": size_bytes}
                came_back.append({**where, "came_back_bytes": back})
                series.append(Series("there and back", "s", where, (round(seconds, 4),)))
    return Result(
        parameters={"timeout_s": timeout_s, "sizes_bytes": list(sizes), "tunnel": "vxlan, 1450"},
        series=tuple(series),
        findings={"came_back": came_back},
    )


MTU = Experiment(
    name="mtu",
    question="What becomes of a transfer whose packets do not fit the tunnel?",
    limits=(
        "Only TCP over one VXLAN hop is tried, and ICMP is lost by a rule on the nodes, where in "
        "the field a firewall between them or a mistaken policy does it."
    ),
    needs=(NAMESPACES, program("nft"), link_kind("vxlan")),
    tools=("nft",),
    bound_s=(90.0, 30.0),
    body=_mtu,
)
