"""Inside the namespace: a DNS server that writes down what it is asked, and its clients.

Run by `k8snet_lessons.lab.resolvers` in namespaces of its own, as a script and without the
package on the path. Reads one order a line from standard input, writes one line for each.
"""

import ctypes
import fcntl
import json
import os
import select
import signal
import socket
import struct
import subprocess
import sys
import threading
import time
from pathlib import Path

QTYPES = {1: "A", 28: "AAAA"}
RCODES = {"NOERROR": 0, "FORMERR": 1, "SERVFAIL": 2, "NXDOMAIN": 3, "NOTIMP": 4, "REFUSED": 5}
ALIAS = b"\x07nowhere\x07invalid\x00"
MARK = b"\x04mark\x07invalid\x00"
IP_PKTINFO = 8  # linux/in.h; Python names it only where the C library does
SIOCSIFADDR, SIOCSIFFLAGS, MS_BIND = 0x8916, 0x8914, 4096


class Server:
    """Answers on UDP and TCP as the table of the current lookup says."""

    def __init__(self, addresses: list[str]) -> None:
        self.answers: dict[tuple[str, str], str | list[str]] = {}
        self.log: list[tuple[str, str]] = []
        self.addresses = {socket.inet_aton(address) for address in addresses}
        self.marks = threading.Semaphore(0)
        # One socket for every address, so that the log keeps the order of arrival.
        self.datagrams = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.datagrams.setsockopt(socket.IPPROTO_IP, IP_PKTINFO, 1)
        self.datagrams.bind(("0.0.0.0", 53))
        self.streams = socket.create_server(("0.0.0.0", 53), backlog=64)
        threading.Thread(target=self.serve, daemon=True).start()

    def serve(self) -> None:
        waiting = [self.datagrams, self.streams]
        while True:
            for ready in select.select(waiting, [], [])[0]:
                if ready is self.datagrams:
                    self.serve_datagram()
                elif ready is self.streams:
                    waiting.append(self.streams.accept()[0])
                elif not self.serve_stream(ready):
                    waiting.remove(ready)
                    ready.close()

    def serve_datagram(self) -> None:
        packet, control, _, peer = self.datagrams.recvmsg(4096, 64)
        ours = control[0][2][4:8]  # struct in_pktinfo: interface, local address, destination
        reply = self.reply(packet, "udp") if ours in self.addresses else None
        if reply:
            source = struct.pack("i", 0) + ours + bytes(4)
            self.datagrams.sendmsg([reply], [(socket.IPPROTO_IP, IP_PKTINFO, source)], 0, peer)

    def serve_stream(self, stream: socket.socket) -> bool:
        head = stream.recv(2, socket.MSG_WAITALL)
        if len(head) < 2:
            return False
        packet = stream.recv(struct.unpack("!H", head)[0], socket.MSG_WAITALL)
        reply = self.reply(packet, "tcp")
        if reply is None:
            return False
        stream.sendall(struct.pack("!H", len(reply)) + reply)
        return True

    def reply(self, packet: bytes, transport: str) -> bytes | None:
        if MARK in packet:
            self.marks.release()
            return None
        ident, _, _, _, _, _ = struct.unpack("!6H", packet[:12])
        labels: list[bytes] = []
        at = 12
        while at < len(packet) and packet[at]:
            labels.append(packet[at + 1 : at + 1 + packet[at]])
            at += packet[at] + 1
        if at + 5 > len(packet):
            return None  # no question in it: musl 1.2.3 sends this for a name with two final dots
        question = packet[12 : at + 5]
        qtype = QTYPES.get(struct.unpack("!H", packet[at + 1 : at + 3])[0], "?")
        qname = ".".join(map(text_of, labels)).lower() or "."
        self.log.append((qname, qtype))
        said = self.answers.get((qname, qtype), "NXDOMAIN")
        if said == "TIMEOUT":
            return None
        cut = False
        if isinstance(said, str) and said.endswith("+TC"):
            cut, said = True, said.removesuffix("+TC")
            if said == "NOERROR" and transport == "tcp":
                said = ["192.0.2.1"] if qtype == "A" else ["2001:db8::1"]
        cut = cut and transport == "udp"
        alias = said == "CNAME"
        if said == "NODATA" or alias:
            said = []
        addresses = said if isinstance(said, list) else []
        rcode = RCODES[said] if isinstance(said, str) else 0
        # A reply, recursion desired and available: what a resolver expects of a recursor.
        flags = 0x8180 | (0x0200 if cut else 0) | rcode
        records = b""
        for address in addresses:
            family = socket.AF_INET if qtype == "A" else socket.AF_INET6
            data = socket.inet_pton(family, address)
            records += struct.pack("!HHHIH", 0xC00C, 1 if qtype == "A" else 28, 1, 30, len(data))
            records += data
        if alias:
            records = struct.pack("!HHHIH", 0xC00C, 5, 1, 30, len(ALIAS)) + ALIAS
        head = struct.pack("!6H", ident, flags, 1, len(addresses) + alias, 0, 0)
        return head + question + records


def text_of(label: bytes) -> str:
    return "".join(
        f"\\{octet:03d}" if not 0x21 <= octet <= 0x7E
        else "\\" + chr(octet) if chr(octet) in '."();@$\\'
        else chr(octet)
        for octet in label
    )  # fmt: skip


def set_up(folder: Path, addresses: list[str]) -> None:
    control = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    fcntl.ioctl(control, SIOCSIFFLAGS, struct.pack("16sh22x", b"lo", 0x49))
    for number, address in enumerate(addresses):
        wanted = struct.pack("HH4s8x", socket.AF_INET, 0, socket.inet_aton(address))
        alias = f"lo:{number}".encode()
        fcntl.ioctl(control, SIOCSIFADDR, struct.pack("16s16s8x", alias, wanted))
    libc = ctypes.CDLL(None, use_errno=True)
    libc.mount(b"none", b"/", None, 1 << 18 | 1 << 14, None)  # private, recursively
    for name in ("resolv.conf", "hosts"):
        path = folder / name
        path.touch()
        target = os.path.realpath(f"/etc/{name}")
        if libc.mount(str(path).encode(), target.encode(), None, MS_BIND, None):
            raise OSError(ctypes.get_errno(), f"cannot lay a file over {target}")


def ask_program(command: list[str], name: str, bound_s: float) -> str:
    try:
        done = subprocess.run(
            [*command, os.fsencode(name)], capture_output=True, timeout=bound_s, check=False
        )
    except subprocess.TimeoutExpired:
        return "error killed"
    if done.returncode < 0:
        return f"error {signal.Signals(-done.returncode).name}"
    return done.stdout.decode(errors="replace")


def main() -> None:
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # it ends when the lab closes the pipe
    folder, addresses = Path(sys.argv[1]), sys.argv[2:]
    set_up(folder, addresses)
    server = Server(addresses)
    marker = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    for line in sys.stdin:
        order = json.loads(line)
        server.answers = {(name, qtype): said for name, qtype, said in order["answers"]}
        server.log = []
        (folder / "resolv.conf").write_bytes(os.fsencode(order["resolv_conf"]))
        start = time.monotonic()
        said = ask_program(order["client"], order["name"], order["bound_s"])
        took_s = time.monotonic() - start
        # What was sent has arrived once a datagram sent after it has.
        marker.sendto(bytes(12) + MARK + bytes(4), (addresses[0], 53))
        if not server.marks.acquire(timeout=60):
            raise RuntimeError("the server has stopped answering")
        words = [entry.partition(" ") for entry in said.splitlines()]
        result = {
            "queries": server.log,
            "addresses": [rest for word, _, rest in words if word == "address"],
            "error": next((rest for word, _, rest in words if word == "error"), ""),
            "took_s": round(took_s, 3),
        }
        try:
            os.write(1, (json.dumps(result) + "\n").encode())
        except BrokenPipeError:  # the lab was killed meanwhile
            os._exit(0)


if __name__ == "__main__":
    main()
