"""Opening many flows from inside a host, and counting what becomes of them."""

import re
import select
import selectors
import socket
import time
from dataclasses import dataclass

from k8snet_lessons.lab.hosts import Host, Topology, add_route

CLIENT_IP = "10.244.1.2"
SERVER_IP = "10.244.2.2"
TRACKING = """
table ip lab {
  chain forward { type filter hook forward priority filter; policy accept; ct state new accept; }
}
"""


def tracking_node(topology: Topology, tag: str) -> tuple[Host, Host, Host]:
    """Client, node and server in a row; only the node tracks connections."""
    client, node, server = (topology.host(f"{role}-{tag}") for role in ("client", "node", "server"))
    topology.connect(client, node, f"{CLIENT_IP}/24", "10.244.1.1/24", ("eth0", "veth1"))
    topology.connect(node, server, "10.244.2.1/24", f"{SERVER_IP}/24", ("veth2", "eth0"))
    add_route(client, "default", "10.244.1.1")
    add_route(server, "default", "10.244.2.1")
    node.set_sysctl("net.ipv4.ip_forward", 1)
    server.set_sysctl("net.core.somaxconn", 4096)
    node.run(["nft", "-f", "-"], TRACKING)
    return client, node, server


def tracked(node: Host) -> int:
    """The node's ``nf_conntrack_count``."""
    return int(node.sysctl("net.netfilter.nf_conntrack_count"))


def statistics(node: Host) -> dict[str, int]:
    """The node's conntrack counters, summed over CPUs, by the names of ``conntrack -S``."""
    totals: dict[str, int] = {}
    for name, value in re.findall(r"(\w+)=(\d+)", node.run(["conntrack", "-S"])):
        totals[name] = totals.get(name, 0) + int(value)
    totals.pop("cpu", None)
    return totals


def echo_server(address: str, port: int) -> None:
    """Send every TCP connection back what it sends, any number of them at once."""
    listener = socket.create_server((address, port), backlog=4096)
    waiting = selectors.DefaultSelector()
    waiting.register(listener, selectors.EVENT_READ)
    while True:
        for key, _ in waiting.select():
            if key.fileobj is listener:
                waiting.register(listener.accept()[0], selectors.EVENT_READ)
                continue
            connection = key.fileobj
            assert isinstance(connection, socket.socket)
            try:
                data = connection.recv(65536)
            except OSError:
                data = b""
            if data:
                connection.send(data)
            else:
                waiting.unregister(connection)
                connection.close()


@dataclass(frozen=True)
class Filled:
    """What became of connections opened at a steady rate into a table with a limit.

    Attributes
    ----------
    accepted : int
        How many connected before the first refusal.
    refused_after_s : float
        When the first refused connection was begun, counted from the first one; -1 if none was.
    alive : int
        How many of the accepted ones still exchanged data after the refusal.
    refused_syns : int
        How many SYNs the refused connection sent until it was given up.
    """

    accepted: int
    refused_after_s: float
    alive: int
    refused_syns: int


def fill_table(address: str, port: int, rate_per_s: float, limit: int, patience_s: float) -> Filled:
    """Open and hold connections at a steady rate until one is not answered at once."""
    held: list[socket.socket] = []
    start = time.monotonic()
    refused_after_s = -1.0
    syns = 0
    try:
        for i in range(limit):
            time.sleep(max(0.0, start + i / rate_per_s - time.monotonic()))
            client = socket.socket()
            client.setblocking(False)
            begun = time.monotonic()
            client.connect_ex((address, port))
            if _writable(client, patience_s):
                held.append(client)
                continue
            refused_after_s = begun - start
            syns = 1 + retransmits(client)
            client.close()
            break
        alive = sum(_echoes(each) for each in held)
    finally:
        for each in held:
            each.close()
    return Filled(len(held), refused_after_s, alive, syns)


def _writable(client: socket.socket, timeout_s: float) -> bool:
    # poll() rather than select(), which cannot take more than 1,024 descriptors.
    waiting = select.poll()
    waiting.register(client, select.POLLOUT)
    return bool(waiting.poll(timeout_s * 1000))


def has_peer(client: socket.socket) -> bool:
    """Whether this socket is connected."""
    try:
        client.getpeername()
    except OSError:
        return False
    return True


def retransmits(client: socket.socket) -> int:
    """How often this socket's SYN was sent again."""
    # struct tcp_info: state, ca_state, retransmits, ... one byte each
    return client.getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, 8)[2]


def _echoes(client: socket.socket) -> bool:
    client.settimeout(10)
    try:
        client.sendall(b"still here")
        return client.recv(64) == b"still here"
    except OSError:
        return False


def answered_datagrams(
    address: str, port: int, count: int, timeout_s: float, first_port: int = 0
) -> int:
    """Send one datagram from each of ``count`` sockets; how many got an answer in time."""
    poll = select.poll()
    clients = {}
    for i in range(count):
        client = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        client.bind(("", first_port + i if first_port else 0))
        client.setblocking(False)
        client.connect((address, port))
        poll.register(client, select.POLLIN)
        clients[client.fileno()] = client
        client.send(b"?")
    answered = 0
    deadline = time.monotonic() + timeout_s
    while clients and time.monotonic() < deadline:
        for number, _ in poll.poll(50):
            poll.unregister(number)
            clients.pop(number).close()
            answered += 1
    for client in clients.values():
        client.close()
    return answered


def udp_echo_server(address: str, port: int) -> None:
    """Send every datagram back."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as server:
        server.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1 << 22)
        server.bind((address, port))
        while True:
            data, where = server.recvfrom(2048)
            server.sendto(data, where)


def send_unanswered(
    address: str, port: int, count: int, first_port: int, rate_per_s: float = 0.0
) -> list[float]:
    """Send one datagram from each of ``count`` source ports; when each left, by the clock."""
    start = time.monotonic()
    sent = []
    for i in range(count):
        if rate_per_s:
            time.sleep(max(0.0, start + i / rate_per_s - time.monotonic()))
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as client:
            client.bind(("", first_port + i))
            client.sendto(b".", (address, port))
        sent.append(time.monotonic())
    return sent
