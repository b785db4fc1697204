"""The black hole on a real kernel: what passes, what vanishes, and how long TCP stays in it.

Four namespaces in a row; the link in the middle carries 1450 bytes, as a tunnel over 1500
would, and the pods believe in 1500.
"""

import os
import shutil
import socket
import sys
import time

import pytest

from k8snet_lessons.datapath.cni import MtuPath, send_messages

pytestmark = [
    pytest.mark.kernel,
    pytest.mark.skipif(sys.platform != "linux", reason="network namespaces are Linux's"),
    pytest.mark.skipif(shutil.which("nft") is None, reason="nft is not installed"),
    pytest.mark.skipif(
        not hasattr(os, "geteuid") or os.geteuid() != 0, reason="namespaces need root here"
    ),
]

SERVER = "10.3.0.2"
NO_ICMP = """\
table ip hole {
  chain out {
    type filter hook output priority filter;
    icmp type destination-unreachable drop
  }
}
"""


def sink(address, port):
    """Read as many bytes as the client announces, then say so; one client after another."""
    listener = socket.create_server((address, port), backlog=8)
    while True:
        client, _ = listener.accept()
        with client:
            client.settimeout(45)
            try:
                left = int(client.recv(8))
                while left > 0:
                    data = client.recv(65_536)
                    if not data:
                        break
                    left -= len(data)
                client.sendall(b"all")
            except (OSError, ValueError):
                continue


def send(address, port, size, timeout_s):
    """Seconds until a message of this size has arrived on an open connection; None for never."""
    with socket.create_connection((address, port), timeout=20) as client:
        client.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        client.settimeout(timeout_s)
        client.sendall(b"%8d" % size)
        time.sleep(0.05)
        start = time.perf_counter()
        client.sendall(bytes(size))
        try:
            client.recv(8)
        except TimeoutError:
            return None
        return time.perf_counter() - start


def ask(address, port, size, timeout_s):
    """Whether a datagram of this size is answered."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as client:
        client.settimeout(timeout_s)
        client.sendto(bytes(size), (address, port))
        try:
            client.recv(16)
        except TimeoutError:
            return False
        return True


def answer(address, port):
    server = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    server.bind((address, port))
    while True:
        _, sender = server.recvfrom(65_536)
        server.sendto(b"all", sender)


@pytest.fixture
def hole():
    hosts = pytest.importorskip("k8snet_lessons.lab.hosts", exc_type=ImportError)
    traffic = pytest.importorskip("k8snet_lessons.lab.traffic", exc_type=ImportError)
    pytest.importorskip("pyroute2")
    refused = pytest.importorskip("k8snet_lessons.lab.needs").NAMESPACES.missing()
    if refused:
        pytest.skip(f"no network namespaces here: {refused}")
    with hosts.Topology() as topology:
        pod, left, right, server = (topology.host(n) for n in ("pod", "left", "right", "server"))
        topology.connect(pod, left, "10.1.0.2/24", "10.1.0.1/24", ("eth0", "pod"))
        topology.connect(
            left, right, "10.2.0.1/24", "10.2.0.2/24", ("wire", "wire"), mtu_bytes=1450
        )
        topology.connect(right, server, "10.3.0.1/24", "10.3.0.2/24", ("pod", "eth0"))
        for node in (left, right):
            node.set_sysctl("net.ipv4.ip_forward", 1)
        hosts.add_route(pod, "default", "10.1.0.1")
        hosts.add_route(server, "default", "10.3.0.1")
        hosts.add_route(left, "10.3.0.0/24", "10.2.0.2")
        hosts.add_route(right, "10.1.0.0/24", "10.2.0.1")
        server.background(answer, SERVER, 53)
        traffic.serve(server, sink, SERVER, 80)
        deadline = time.monotonic() + 45
        while not pod.call(ask, SERVER, 53, 10, 1.0):
            assert time.monotonic() < deadline
        yield pod, left


def test_large_messages_vanish_exactly_where_the_model_says(hole):
    pod, left = hole
    left.run(["nft", "-f", "-"], NO_ICMP)
    sizes = [100, 1398, 1399, 5_000]
    arrives = send_messages(MtuPath(), sizes).delivered.tolist()
    # What is to arrive is waited for as long as a busy machine may need.
    came = [
        pod.call(send, SERVER, 80, size, 20.0 if expected else 1.0) is not None
        for size, expected in zip(sizes, arrives, strict=True)
    ]
    assert came == arrives
    # Larger ones leave the pod in fragments, which the router cuts again.
    sizes = [100, 1422, 1423, 1472, 1473, 3_000]
    arrives = send_messages(MtuPath(), sizes, "udp").delivered.tolist()
    came = [
        pod.call(ask, SERVER, 53, size, 20.0 if expected else 0.5)
        for size, expected in zip(sizes, arrives, strict=True)
    ]
    assert came == arrives


def test_where_icmp_passes_everything_arrives(hole):
    pod, _ = hole
    sizes = [100, 1399, 5_000, 100_000]
    assert all(pod.call(send, SERVER, 80, size, 20.0) is not None for size in sizes)
    assert send_messages(MtuPath(discovery="works"), sizes).delivered.all()


def test_probing_waits_as_long_as_the_kernels_timers_make_it(hole):
    pod, left = hole
    left.run(["nft", "-f", "-"], NO_ICMP)
    pod.set_sysctl("net.ipv4.tcp_mtu_probing", 1)
    sizes = [5_000, 1_399]
    expected = send_messages(MtuPath(mtu_probing=True), sizes).delay_us / 1e6
    for size, least in zip(sizes, expected, strict=True):
        took = pod.call(send, SERVER, 80, size, 25.0)
        assert took is not None
        # Never sooner than the timers allow; the next firing would be twice as late.
        assert least <= took < 2 * least
