"""When a client whose SYN is never answered sends it again, by kernel setting."""

import socket
import struct
import time

from k8snet_lessons.data.measured import Series
from k8snet_lessons.lab.errors import LabError
from k8snet_lessons.lab.experiment import Experiment, Result, Run
from k8snet_lessons.lab.flows import SERVER_IP, tracking_node
from k8snet_lessons.lab.hosts import Topology
from k8snet_lessons.lab.needs import NAMESPACES, program
from k8snet_lessons.lab.traffic import tap_on

_SO_TIMESTAMPNS = 35  # asm-generic/socket.h; Python names it only from 3.14 on
LINEAR = "net.ipv4.tcp_syn_linear_timeouts"
_SILENCE = """
table ip silence {
  chain forward { type filter hook forward priority filter; policy accept; tcp dport 8080 drop; }
}
"""


def syn_times_s(address: str, port: int, watch_s: float) -> tuple[float, ...]:
    """Connect to where nobody answers; when each SYN left this host, from the first one.

    The kernel itself notes when a frame left, so it does not matter when this process runs.
    """
    times = []
    with tap_on("eth0") as tap, socket.socket() as client:
        tap.setsockopt(socket.SOL_SOCKET, _SO_TIMESTAMPNS, 1)
        time.sleep(0.2)  # the kernel begins to note times a moment after it was asked to
        client.setblocking(False)
        client.connect_ex((address, port))
        deadline = time.monotonic() + watch_s
        while True:
            tap.settimeout(max(0.001, deadline - time.monotonic()))
            try:
                frame, notes, _, _ = tap.recvmsg(256, 64)
            except TimeoutError:
                break
            # Ethernet 14, IPv4 20: then TCP, whose flags stand at byte 13.
            is_tcp = frame[12:14] == b"\x08\x00" and frame[23] == 6
            if is_tcp and frame[47] & 0x02 and struct.unpack("!H", frame[36:38])[0] == port:
                seconds, nanoseconds = struct.unpack("@ll", notes[0][2])
                times.append(seconds + nanoseconds / 1e9)
    since_first = [round(each - times[0], 4) for each in times]
    return tuple(each for each in since_first if each <= watch_s)


def _body(run: Run) -> Result:
    watch_s = 4.6 if run.quick else 36.0
    series = []
    with Topology() as topology:
        waiting = {}
        for linear in (0, 4):
            client, node, _ = tracking_node(topology, f"linear{linear}")
            node.run(["nft", "-f", "-"], _SILENCE)
            try:
                default = client.sysctl(LINEAR)
            except LabError:
                default = "absent"  # the setting came with Linux 6.5
            if default != "absent":
                client.set_sysctl(LINEAR, linear)
            elif linear:
                continue
            retries = client.sysctl("net.ipv4.tcp_syn_retries")
            client.start(syn_times_s, SERVER_IP, 8080, watch_s)
            waiting[linear] = client
        start = time.monotonic()
        while (elapsed := time.monotonic() - start) < watch_s:
            run.progress(elapsed / watch_s, "waiting for every SYN")
            time.sleep(0.2)
        for linear, client in waiting.items():
            times = client.result(watch_s + 60)
            series.append(Series("SYN sent", "s", {"tcp_syn_linear_timeouts": linear}, times))
    return Result(
        parameters={"watch_s": watch_s},
        series=tuple(series),
        findings={
            "kernel_default_tcp_syn_linear_timeouts": default,
            "tcp_syn_retries": int(retries),
        },
    )


SYN_RETRIES = Experiment(
    name="syn-retries",
    question="When does a client send its SYN again if nobody answers?",
    limits=(
        "The packets are dropped by a rule, which to the client is the same silence as a full "
        "conntrack table; watched until the sixth or so, not until the client gives up."
    ),
    needs=(NAMESPACES, program("nft")),
    tools=("nft",),
    bound_s=(120.0, 120.0),
    body=_body,
)
