"""Where translation reaches its limits: ports to masquerade with, and backends that have gone."""

import errno
import socket
import time
from pathlib import Path

from k8snet_lessons.data.measured import Series
from k8snet_lessons.lab.experiment import Experiment, Result, Run
from k8snet_lessons.lab.flows import (
    SERVER_IP,
    echo_server,
    has_peer,
    retransmits,
    statistics,
    tracking_node,
)
from k8snet_lessons.lab.hosts import Host, Topology, until_there
from k8snet_lessons.lab.needs import NAMESPACES, program
from k8snet_lessons.lab.traffic import serve, serve_datagrams

TCP_PORT, UDP_PORT = 8080, 5300
VIP = "10.96.0.10"
PODS = (SERVER_IP, "10.244.2.3")


def connect_many(address: str, port: int, count: int, expected: int) -> tuple[int, int, int]:
    """Open ``count`` connections at once; how many connected, how many not, and their SYNs.

    Those expected are waited for, and then a moment longer for any that are not.
    """
    clients = []
    for _ in range(count):
        client = socket.socket()
        client.setblocking(False)
        client.connect_ex((address, port))
        clients.append(client)
    deadline = time.monotonic() + 10
    while sum(map(has_peer, clients)) < expected and time.monotonic() < deadline:
        time.sleep(0.02)
    time.sleep(0.3)
    refused = [client for client in clients if not has_peer(client)]
    syns = 0
    for client in refused:
        syns += 1 + retransmits(client)
        client.close()
    for client in clients:
        client.close()
    return count - len(refused), len(refused), syns


def _masquerade(first: int, count: int) -> str:
    return f"""
table ip egress {{
  chain post {{
    type nat hook postrouting priority srcnat; policy accept;
    oifname "veth2" meta l4proto tcp masquerade to :{first}-{first + count - 1}
  }}
}}
"""


def _backend(pod_ip: str) -> str:
    return f"""
table ip svc
delete table ip svc
table ip svc {{
  chain pre {{
    type nat hook prerouting priority dstnat; policy accept;
    ip daddr {VIP} tcp dport {TCP_PORT} dnat to {pod_ip}
    ip daddr {VIP} udp dport {UDP_PORT} dnat to {pod_ip}
  }}
}}
"""


def name_server(address: str, port: int) -> None:
    """Answer every datagram with the address it came to."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as server:
        server.bind((address, port))
        while True:
            _, where = server.recvfrom(512)
            server.sendto(address.encode(), where)


class _Asker:
    """Asks from one source port again and again."""

    def __init__(self, source_port: int) -> None:
        self.source_port = source_port

    def who_answers(self, address: str, port: int) -> str:
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as client:
            client.bind(("", self.source_port))
            client.settimeout(10)
            client.sendto(b"?", (address, port))
            try:
                return client.recv(64).decode()
            except TimeoutError:
                return "no answer"
            except OSError as error:
                return errno.errorcode.get(error.errno or 0, str(error))


def outlive(address: str, port: int, folder: str, patience_s: float) -> list[bool]:
    """Echo three times over one connection before something is done, and three times after.

    A file ``ready`` in the folder says that it may be done, a file ``done`` that it was.
    Returns whether each came back.
    """
    good = []
    with socket.create_connection((address, port), timeout=30) as client:
        for i in range(6):
            if i == 3:
                Path(folder, "ready").touch()
                until_there(Path(folder, "done"))
                client.settimeout(patience_s)
            try:
                client.sendall(b"%d" % i)
                good.append(client.recv(16) == b"%d" % i)
            except OSError:
                good.append(False)
    return good


def _ports(run: Run, topology: Topology) -> tuple[list[Series], list[dict[str, int]]]:
    series, told = [], []
    for ports, attempts in ((50, 80),) if run.quick else ((50, 80), (50, 200), (200, 260)):
        client, node, server = tracking_node(topology, f"snat{ports}-{attempts}")
        serve(server, echo_server, SERVER_IP, TCP_PORT)
        node.run(["nft", "-f", "-"], _masquerade(40_000, ports))
        before = statistics(node)
        connected, refused, syns = client.call(connect_many, SERVER_IP, TCP_PORT, attempts, ports)
        after = statistics(node)
        where = {"ports": ports, "attempts": attempts}
        series.append(Series("connected", "connections", where, (connected,)))
        failed = after["insert_failed"] - before["insert_failed"]
        dropped = after["drop"] - before["drop"]
        told.append(
            {
                **where,
                "connected": connected,
                "refused": refused,
                "refused_syns": syns,
                "insert_failed": failed,
                "drop": dropped,
            }
        )
    return series, told


def _gone_backend(client: Host, node: Host, server: Host) -> dict[str, object]:
    server.call(_add_address, PODS[1])
    for pod_ip in PODS:
        serve_datagrams(server, name_server, pod_ip, UDP_PORT)
    node.run(["nft", "-f", "-"], _backend(PODS[0]))
    asker = _Asker(33_333)
    story: dict[str, object] = {"before": client.call(asker.who_answers, VIP, UDP_PORT)}
    node.run(["nft", "-f", "-"], _backend(PODS[1]))
    story["rules now name the second pod"] = client.call(asker.who_answers, VIP, UDP_PORT)
    other = _Asker(33_334)
    story["a new flow"] = client.call(other.who_answers, VIP, UDP_PORT)
    node.run(["conntrack", "-D", "-p", "udp", "--orig-dst", VIP])
    story["after conntrack -D"] = client.call(asker.who_answers, VIP, UDP_PORT)
    return story


# What is removed, and how long an echo is waited for after it: where none is lost, long.
_REMOVALS = {
    "the chain was flushed": (["flush", "chain", "ip", "svc", "pre"], 20.0),
    # The last NAT chain takes the kernel's NAT hooks with it, and nothing translates any more.
    "the table was deleted": (["delete", "table", "ip", "svc"], 1.0),
}


def _removed_rules(topology: Topology, what: str) -> dict[str, int]:
    removal, patience_s = _REMOVALS[what]
    client, node, server = tracking_node(topology, what)
    serve(server, echo_server, PODS[0], TCP_PORT)
    node.run(["nft", "-f", "-"], _backend(PODS[0]))
    folder = topology.directory / what.replace(" ", "-")
    folder.mkdir()
    client.start(outlive, VIP, TCP_PORT, str(folder), patience_s)
    until_there(folder / "ready")
    node.run(["nft", *removal])
    (folder / "done").touch()
    echoed = client.result(90)
    fresh, _, _ = client.call(connect_many, VIP, TCP_PORT, 1, 0)
    return {"echoes": len(echoed), "came_back": sum(echoed), "new_connections": fresh}


def _body(run: Run) -> Result:
    with Topology() as topology:
        run.progress(0.0, "more connections than ports to masquerade with")
        series, exhausted = _ports(run, topology)
        run.progress(0.6, "a UDP flow whose backend has gone")
        gone = _gone_backend(*tracking_node(topology, "gone"))
        run.progress(0.8, "a TCP connection whose rules have gone")
        removed = {what: _removed_rules(topology, what) for what in _REMOVALS}
    return Result(
        parameters={"virtual_ip": VIP, "pods": list(PODS)},
        series=tuple(series),
        findings={
            "masquerade": exhausted,
            "udp_flow_answered_by": gone,
            "tcp_connection_after": removed,
        },
    )


def _add_address(address: str) -> None:
    from pyroute2 import IPRoute

    with IPRoute() as netlink:
        index = netlink.link_lookup(ifname="eth0")[0]
        netlink.addr("add", index=index, address=address, prefixlen=24)


NAT = Experiment(
    name="nat",
    question="What happens when translation runs out of ports, or its backend has gone?",
    limits=(
        "The port range is cut to tens of ports, where a node has tens of thousands to each "
        "destination; the rules stand for a Service's and are not kube-proxy's, which also "
        "deletes stale UDP entries itself."
    ),
    needs=(NAMESPACES, program("nft", "conntrack")),
    tools=("nft", "conntrack"),
    bound_s=(120.0, 120.0),
    body=_body,
)
