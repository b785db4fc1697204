"""One node in network namespaces: pods on veth pairs, a client outside, real sockets.

Everything is made under a prefix of this process and taken away again. Sockets are opened
by stepping into a namespace and back (``setns`` moves only the calling thread).
"""

import ctypes
import errno
import os
import selectors
import shutil
import socket
import struct
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from itertools import cycle
from typing import Any

from k8snet_lessons.control.service_port import ip_and_port

NODE, OUTSIDE = "192.168.0.2", "203.0.113.2"
NODE6, OUTSIDE6 = "2001:db8::2", "2600:5200::1"
_GATEWAY6 = "fe80::1"
_CLONE_NEWNET = 0x40000000
_LIBC = ctypes.CDLL(None, use_errno=True)
# Silence is heard soon; whoever is to be answered may have to wait on a busy machine.
SILENCE_S, PATIENCE_S = 0.4, 20.0
# Close with a reset, so that no TIME-WAIT stands in the way of the next connection.
_RESET = struct.pack("ii", 1, 0)


def why_not() -> str:
    """Why namespaces cannot be had here; empty if they can."""
    if not hasattr(os, "geteuid") or os.geteuid() != 0:
        return "needs root, to make network namespaces"
    if shutil.which("ip") is None:
        return "needs the ip command (iproute2)"
    probe = f"k8snet-probe-{os.getpid()}"
    made = subprocess.run(["ip", "netns", "add", probe], capture_output=True, text=True)
    if made.returncode:
        return f"`ip netns add` does not work: {made.stderr.strip()}"
    subprocess.run(["ip", "netns", "del", probe], check=False)
    return ""


@dataclass
class NodeNetwork:
    """A node's namespace, its pods, and a client outside.

    Parameters
    ----------
    pods : list of str
        Addresses; each gets a namespace of its own.
    """

    pods: list[str]
    listeners: dict[Any, str] = field(default_factory=dict)
    udp_listeners: dict[Any, str] = field(default_factory=dict)
    selector: selectors.BaseSelector = field(default_factory=selectors.DefaultSelector)
    udp_selector: selectors.BaseSelector = field(default_factory=selectors.DefaultSelector)
    ports: Iterator[int] = field(default_factory=lambda: cycle(range(33000, 60000)))

    @property
    def prefix(self) -> str:
        return f"k8snet{os.getpid()}"

    def name(self, what: str) -> str:
        """The namespace of ``"node"``, ``"outside"`` or a pod's address."""
        return f"{self.prefix}-{what}"

    def __enter__(self) -> "NodeNetwork":
        try:
            self._build()
        except BaseException:
            self.close()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _build(self) -> None:
        node = self.name("node")
        for what in ("node", "outside", *self.pods):
            run("ip", "netns", "add", self.name(what))
            run("ip", "-n", self.name(what), "link", "set", "lo", "up")
        run("ip", "-n", node, "link", "add", "eth0", "type", "veth", "peer", "name", "eth0",
            "netns", self.name("outside"))  # fmt: skip
        run("ip", "-n", node, "addr", "add", f"{NODE}/24", "dev", "eth0")
        run("ip", "-n", node, "link", "set", "eth0", "up")
        outside = self.name("outside")
        run("ip", "-n", outside, "addr", "add", "192.168.0.100/24", "dev", "eth0")
        run("ip", "-n", outside, "addr", "add", f"{OUTSIDE}/32", "dev", "lo")
        run("ip", "-n", outside, "link", "set", "eth0", "up")
        run("ip", "-n", outside, "route", "add", "default", "via", NODE, "src", OUTSIDE)
        run("ip", "-n", node, "route", "add", "default", "via", "192.168.0.100")
        for index, pod in enumerate(self.pods):
            inside = self.name(pod)
            run("ip", "-n", node, "link", "add", f"veth{index}", "type", "veth", "peer", "name",
                "eth0", "netns", inside)  # fmt: skip
            # MASQUERADE takes the address of the interface a packet leaves by.
            run("ip", "-n", node, "addr", "add", f"{NODE}/32", "dev", f"veth{index}")
            run("ip", "-n", node, "link", "set", f"veth{index}", "up")
            run("ip", "-n", inside, "addr", "add", f"{pod}/32", "dev", "eth0")
            run("ip", "-n", inside, "link", "set", "eth0", "up")
            run("ip", "-n", inside, "route", "add", NODE, "dev", "eth0")
            run("ip", "-n", inside, "route", "add", "default", "via", NODE)
            run("ip", "-n", node, "route", "add", f"{pod}/32", "dev", f"veth{index}", "src", NODE)
        self._build_v6()
        with self.inside("node"):
            for path, value in (
                ("ipv4/ip_forward", "1"),
                ("ipv6/conf/all/forwarding", "1"),
                ("ipv6/icmp/ratelimit", "0"),
                ("ipv4/conf/all/rp_filter", "0"),
                ("ipv4/conf/default/rp_filter", "0"),
                ("ipv4/conf/all/send_redirects", "0"),
                ("ipv4/conf/all/route_localnet", "1"),
                # Else the kernel keeps quiet about the second refusal within a second.
                ("ipv4/icmp_ratelimit", "0"),
            ):
                with open(f"/proc/sys/net/{path}", "w") as file:
                    file.write(value)

    def _build_v6(self) -> None:
        """Give everybody an IPv6 address as well."""
        node, outside = self.name("node"), self.name("outside")
        for name, address, device in (
            (node, f"{NODE6}/64", "eth0"),
            (outside, "2001:db8::100/64", "eth0"),
            (outside, f"{OUTSIDE6}/128", "lo"),
        ):
            run("ip", "-n", name, "addr", "add", address, "dev", device, "nodad")
        run("ip", "-n", outside, "route", "add", "default", "via", NODE6)
        run("ip", "-n", node, "-6", "route", "add", "default", "via", "2001:db8::100")
        for index, pod in enumerate(self.pods):
            inside, device = self.name(pod), f"veth{index}"
            for address in (f"{_GATEWAY6}/64", f"{NODE6}/128"):
                run("ip", "-n", node, "addr", "add", address, "dev", device, "nodad")
            run("ip", "-n", inside, "addr", "add", f"{pod6(pod)}/128", "dev", "eth0", "nodad")
            run("ip", "-n", inside, "-6", "route", "add", "default", "via", _GATEWAY6,
                "dev", "eth0")  # fmt: skip
            run("ip", "-n", node, "-6", "route", "add", f"{pod6(pod)}/128", "dev", device,
                "src", NODE6)  # fmt: skip

    def close(self) -> None:
        """Close all sockets and delete all namespaces, whatever state they are in."""
        for listener in (*self.listeners, *self.udp_listeners):
            listener.close()
        self.listeners.clear()
        self.udp_listeners.clear()
        self.selector.close()
        self.udp_selector.close()
        for what in ("node", "outside", *self.pods):
            subprocess.run(["ip", "netns", "del", self.name(what)], capture_output=True)

    @contextmanager
    def inside(self, what: str) -> Iterator[None]:
        """Be in a namespace for a while."""
        home = os.open("/proc/thread-self/ns/net", os.O_RDONLY)
        there = os.open(f"/run/netns/{self.name(what)}", os.O_RDONLY)
        try:
            _setns(there)
            yield
        finally:
            _setns(home)
            os.close(there)
            os.close(home)

    def load(self, command: list[str], text: str) -> None:
        """Feed rules to a tool inside the node."""
        with self.inside("node"):
            done = subprocess.run(command, input=text, capture_output=True, text=True)
        if done.returncode:
            raise AssertionError(f"{' '.join(command)}: {done.stderr}")

    def forget(self) -> None:
        """Remove all rules and all connections of the node."""
        with self.inside("node"):
            attempt("nft", "flush", "ruleset")
            attempt("conntrack", "-F")
            for table in ("raw", "mangle", "nat", "filter"):
                for flag in ("-F", "-X"):
                    for tool in ("iptables-legacy", "ip6tables-legacy"):
                        attempt(tool, "-t", table, flag)

    def listen(self, pod: str, port: int) -> None:
        """Open a port in a pod, or in the node itself."""
        ends = (NODE, NODE6) if pod == "node" else (pod, pod6(pod))
        for family, address in zip((socket.AF_INET, socket.AF_INET6), ends, strict=True):
            with self.inside(pod):
                listener = socket.socket(family)
                if family == socket.AF_INET6:
                    listener.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
                listener.bind(("", port))
                listener.listen(512)
            listener.setblocking(False)
            self.listeners[listener] = ip_and_port(address, port)
            self.selector.register(listener, selectors.EVENT_READ)

    def listen_udp(self, pod: str, port: int) -> None:
        """Open a UDP port in a pod."""
        with self.inside(pod):
            listener = socket.socket(type=socket.SOCK_DGRAM)
            listener.bind(("", port))
        self.udp_listeners[listener] = f"{pod}:{port}"
        self.udp_selector.register(listener, selectors.EVENT_READ)

    def ask_udp(
        self, client: str, address: str, port: int, source: str, timeout_s: float = PATIENCE_S
    ) -> tuple[str, str]:
        """Send one datagram and have it answered; `connect` says what is returned."""
        deadline = time.monotonic() + timeout_s
        with self.inside(client), socket.socket(type=socket.SOCK_DGRAM) as sock:
            sock.bind((source, next(self.ports)))
            sock.connect((address, port))
            sock.setblocking(False)
            try:
                sock.send(b"?")
                while time.monotonic() < deadline:
                    for key, _ in self.udp_selector.select(timeout=0.02):
                        _, peer = key.fileobj.recvfrom(16)  # type: ignore[union-attr]
                        key.fileobj.sendto(b"!", peer)  # type: ignore[union-attr]
                        sock.settimeout(PATIENCE_S)
                        assert sock.recv(16) == b"!"
                        return self.udp_listeners[key.fileobj], peer[0]
                    # A refusal comes as an ICMP error, and the socket tells it when it reads.
                    with suppress(BlockingIOError):
                        sock.recv(1)
            except (ConnectionRefusedError, PermissionError):
                # A sender on the node itself is told at once: "not permitted".
                return "reject", ""
        return "drop", ""

    def connect(
        self,
        client: str,
        address: str,
        port: int,
        source: str = "",
        timeout_s: float = PATIENCE_S,
    ) -> tuple[str, str]:
        """Open one connection from a namespace.

        Parameters
        ----------
        timeout_s : float, optional
            How long to wait for an answer; `SILENCE_S` where none is expected.

        Returns
        -------
        end : str
            The backend that got it, ``"reject"`` (refused) or ``"drop"`` (silence).
        seen : str
            The source address the backend saw.
        """
        family = socket.AF_INET6 if ":" in address else socket.AF_INET
        with self.inside(client), socket.socket(family) as sock:
            sock.settimeout(timeout_s)
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET)
            # A port of its own: reused, it would meet the entry of a connection just closed.
            sock.bind((source, next(self.ports)))
            try:
                sock.connect((address, port))
            except TimeoutError:
                return "drop", ""
            except OSError as error:
                if error.errno == errno.ECONNREFUSED:
                    return "reject", ""
                raise
            return self._accepted()

    def _accepted(self) -> tuple[str, str]:
        deadline = time.monotonic() + PATIENCE_S
        while time.monotonic() < deadline:
            for key, _ in self.selector.select(timeout=0.1):
                connection, peer = key.fileobj.accept()  # type: ignore[union-attr]
                connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET)
                connection.close()
                return self.listeners[key.fileobj], peer[0]
        raise AssertionError("a connection was made, but nobody accepted it")


def pod6(pod: str) -> str:
    """The IPv6 address of a pod that is called by its IPv4 one."""
    third, fourth = pod.split(".")[2:]
    return f"fd00:10:244:{third}::{fourth}" if third != "0" else f"fd00:10:244::{fourth}"


def run(*command: str) -> None:
    """Run a command; its complaint is the error."""
    done = subprocess.run(command, capture_output=True, text=True)
    if done.returncode:
        raise AssertionError(f"{' '.join(command)}: {done.stderr.strip()}")


def attempt(*command: str) -> None:
    """Run a command if it is there, whatever comes of it."""
    if shutil.which(command[0]) is not None:
        subprocess.run(command, capture_output=True)


def _setns(descriptor: int) -> None:
    if _LIBC.setns(descriptor, _CLONE_NEWNET):
        raise OSError(ctypes.get_errno(), "setns")
