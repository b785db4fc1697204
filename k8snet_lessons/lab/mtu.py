"""What becomes of packets that are too large for a tunnel, and who can tell the sender."""

import socket
import time
from collections.abc import Callable

from k8snet_lessons.data.measured import Scalar, Series
from k8snet_lessons.lab import tunnels
from k8snet_lessons.lab.experiment import Experiment, Result, Run
from k8snet_lessons.lab.flows import SERVER_IP, echo_server
from k8snet_lessons.lab.hosts import Topology
from k8snet_lessons.lab.needs import NAMESPACES, link_kind, program
from k8snet_lessons.lab.traffic import serve

PORT = 8080

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
    timeout_s = 5.0 if run.quick else 25.0
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
                back, seconds = path.client.result(timeout_s + 60)
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
    bound_s=(120.0, 120.0),
    body=_mtu,
)
