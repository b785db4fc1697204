"""What clients and servers do inside hosts: small functions that `Host.call` can carry."""

import gc
import resource
import select
import socket
import struct
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from k8snet_lessons.lab.errors import LabError
from k8snet_lessons.lab.hosts import Host

# Whoever has to come up first is waited for this long: a busy machine starts programs slowly.
PATIENCE_S = 45.0
_EVERY_PROTOCOL = 0x0003  # ETH_P_ALL
_RESET_ON_CLOSE = struct.pack("ii", 1, 0)


def serve(host: Host, server: Callable[..., Any], address: str, port: int, *args: Any) -> None:
    """Run ``server(address, port, *args)`` in the host; return once it listens on the TCP port."""
    host.background(server, address, port, *args)
    until_it_listens(host, port)


def serve_datagrams(
    host: Host, server: Callable[..., Any], address: str, port: int, *args: Any
) -> None:
    """Run ``server(address, port, *args)`` in the host; return once it has bound the UDP port."""
    host.background(server, address, port, *args)
    if not host.call(_until, "/proc/net/udp", f"{_as_the_kernel_prints(address)}:{port:04X}", "07"):
        raise LabError(f"host {host.name}: nobody takes datagrams on {address}:{port}")


def until_it_listens(host: Host, port: int) -> None:
    """Return once something in the host listens on the TCP port, whatever its address."""
    if not host.call(_until, "/proc/net/tcp", f":{port:04X}", "0A"):
        raise LabError(f"host {host.name}: nothing listens on port {port} after {PATIENCE_S:g} s")


def _until(table: str, local_ends_with: str, state: str) -> bool:
    deadline = time.monotonic() + PATIENCE_S
    while time.monotonic() < deadline:
        for line in Path(table).read_text().splitlines()[1:]:
            local, _, found = line.split()[1:4]
            if local.endswith(local_ends_with) and found == state:
                return True
        time.sleep(0.005)
    return False


def _as_the_kernel_prints(address: str) -> str:
    # /proc/net prints the four bytes as one number of this machine's byte order.
    return f"{struct.unpack('=I', socket.inet_aton(address))[0]:08X}"


def hold_open_server(address: str, port: int, poll_ms: int = 2) -> None:
    """Accept connections for ever without ever being woken by one.

    The accept queue is drained by the clock, so that a measured connect() does not pay for
    waking this process on another CPU. Connections that the client has reset are dropped.
    """
    listener = socket.create_server((address, port), backlog=4096)
    listener.setblocking(False)
    held: list[socket.socket] = []
    while True:
        time.sleep(poll_ms / 1000)
        while select.select([listener], [], [], 0)[0]:
            held.append(listener.accept()[0])
        for connection in held[:-16]:
            connection.close()
        del held[:-16]


def connect_times_ns(address: str, port: int, count: int) -> list[tuple[int, int, int]]:
    """Connect ``count`` times; time connect() and the first two one-byte sends, in ns.

    On a veth pair all of the path runs inside the system call, receiver included, so a send
    costs what its packet costs. Each connection is reset, which leaves no TIME_WAIT behind.
    """
    clock = time.perf_counter_ns
    where = (address, port)
    times: list[tuple[int, int, int]] = []
    gc.disable()
    try:
        for _ in range(count):
            client = socket.socket()
            client.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET_ON_CLOSE)
            client.settimeout(None)
            start = clock()
            client.connect(where)
            connected = clock()
            client.send(b"x")
            sent = clock()
            client.send(b"y")
            times.append((connected - start, sent - connected, clock() - sent))
            client.close()
    finally:
        gc.enable()
    return times


def ping_times_ns(address: str, count: int, payload_bytes: int) -> list[int]:
    """Send ``count`` ICMP echo requests in turn; the round-trip time of each, in ns.

    The other end's kernel answers within the same system call on a veth pair, so no process
    has to be woken and what is timed is the path itself, there and back. Needs the caller's
    group in ``net.ipv4.ping_group_range``.
    """
    clock = time.perf_counter_ns
    times = []
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM, socket.IPPROTO_ICMP) as probe:
        probe.settimeout(10)
        probe.connect((address, 0))
        gc.disable()
        try:
            for sequence in range(count):
                echo = struct.pack("!BBHHH", 8, 0, 0, 0, sequence) + bytes(payload_bytes)
                start = clock()
                probe.send(echo)
                probe.recv(2048)
                times.append(clock() - start)
        finally:
            gc.enable()
    return times


def discard_server(address: str, port: int) -> None:
    """Read whatever each connection sends, one connection after another.

    When the client has finished, the CPU seconds of this process are sent back to it.
    """
    listener = socket.create_server((address, port), backlog=16)
    buffer = bytearray(1 << 18)
    while True:
        connection, _ = listener.accept()
        before = _cpu_seconds()
        with connection:
            try:
                while connection.recv_into(buffer):
                    pass
                connection.sendall(struct.pack("!d", _cpu_seconds() - before))
            except OSError:
                continue


def bulk_send(address: str, port: int, seconds: float) -> tuple[int, float, float]:
    """Send as fast as the connection takes it; return bytes, seconds, CPU seconds of both ends."""
    chunk = bytes(1 << 17)
    sent = 0
    before = _cpu_seconds()
    with socket.create_connection((address, port), timeout=30) as client:
        start = time.perf_counter()
        while time.perf_counter() - start < seconds:
            sent += client.send(chunk)
        client.shutdown(socket.SHUT_WR)
        (server_cpu,) = struct.unpack("!d", client.recv(8, socket.MSG_WAITALL))
        elapsed = time.perf_counter() - start
    return sent, elapsed, _cpu_seconds() - before + server_cpu


def send_datagrams(address: str, port: int, payload: bytes, count: int, pause_s: float) -> None:
    """Send the same UDP payload a few times."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as client:
        for _ in range(count):
            client.sendto(payload, (address, port))
            time.sleep(pause_s)


def tap_on(interface: str) -> socket.socket:
    """A socket that sees every frame of one interface.

    It is opened for no protocol and bound to all of them: one that is opened for all hears
    every interface of the host until it is bound.
    """
    tap = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, 0)
    tap.bind((interface, _EVERY_PROTOCOL))
    return tap


def capture_frame(interface: str, marker: bytes, timeout_s: float) -> int:
    """Length of the first frame that came in by ``interface`` with ``marker``; 0 if none came.

    What goes out is passed over: the ICMP error that answers a datagram quotes it, marker and
    all, in a frame that is longer.
    """
    with tap_on(interface) as tap:
        tap.settimeout(0.05)
        deadline = time.monotonic() + timeout_s
        while time.monotonic() < deadline:
            try:
                frame, source = tap.recvfrom(1 << 16)
            except TimeoutError:
                continue
            if marker in frame and source[2] != socket.PACKET_OUTGOING:
                return len(frame)
    return 0


def largest_frame(interface: str, seconds: float) -> int:
    """Length of the largest frame seen on ``interface`` within ``seconds``."""
    largest = 0
    with tap_on(interface) as tap:
        tap.settimeout(0.05)
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline:
            try:
                largest = max(largest, len(tap.recv(1 << 17)))
            except TimeoutError:
                continue
    return largest


def _cpu_seconds() -> float:
    usage = resource.getrusage(resource.RUSAGE_SELF)
    return usage.ru_utime + usage.ru_stime
