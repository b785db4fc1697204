"""The explorer of the hole that a wrong MTU makes: what fits, what vanishes, who waits how long."""

from collections.abc import Iterable, Mapping
from typing import Any, Literal, cast

from k8snet_lessons.datapath.cni import MtuPath, send_messages
from k8snet_lessons.explorers._knob import Knob
from k8snet_lessons.explorers._view import Number, Panel, Prediction, Row, View
from k8snet_lessons.explorers._widget import Explorer
from k8snet_lessons.figures import wrong_mtu as figures

_TUNNELS = {
    "none": "none: routed",
    "vxlan": "VXLAN",
    "geneve": "Geneve, no options",
    "ipip": "IP in IP",
    "wireguard": "WireGuard",
}
_DISCOVERY = {
    "works": "reaches the pod",
    "blocked": "is dropped on the way",
    "switch": "is never sent: a switch drops",
}
# IPv4 20, and TCP 20 with its timestamps 12, or UDP 8.
_HEADER_BYTES: Mapping[str, int] = {"tcp": 52, "udp": 28}


def wrong_mtu() -> Explorer:
    """Return the explorer: MTUs, message size and lost ICMP against what the sender feels."""
    knobs = [
        Knob("pod_mtu", "MTU of the pods", 1_500, kind="log", min=68, max=65_535,
             slider=(1_280, 9_000),
             stops=(1_280, 1_400, 1_420, 1_440, 1_450, 1_460, 1_480, 1_500, 8_940, 8_950, 9_000),
             unit="bytes", help="what the pod's interface promises"),
        Knob("underlay_mtu", "MTU between the nodes", 1_500, kind="log", min=200,
             max=65_535, slider=(1_280, 9_000), stops=(1_280, 1_400, 1_450, 1_500, 9_000),
             unit="bytes", help="the smallest on the way"),
        Knob("tunnel", "Encapsulation", "vxlan", kind="choice", choices=_TUNNELS),
        Knob("discovery", "The ICMP answer", "blocked", kind="choice",
             choices=_DISCOVERY,
             help="\u201cfragmentation needed\u201d, on which path MTU discovery rests"),
        Knob("message_bytes", "Message size", 20_000, kind="log", min=1, max=65_507,
             slider=(64, 65_507), stops=(64, 256, 1_024, 1_398, 1_399, 1_448, 4_096, 20_000,
                                         65_507), unit="bytes"),
        Knob("protocol", "Sent over", "tcp", kind="choice",
             choices={"tcp": "an open TCP connection", "udp": "one UDP datagram"}),
        Knob("probing", "tcp_mtu_probing = 1", False, kind="toggle",
             help="in the sending pod; the kernel's default is 0"),
    ]  # fmt: skip
    guess = Prediction(
        "Pods believe in 1500, VXLAN runs on 1500, and the ICMP messages are dropped. How large "
        "may a message over TCP be and still arrive? (bytes)",
        "bytes",
        lambda view: view.number("largest pod packet that fits") - _HEADER_BYTES["tcp"],
        settings={},
        axis="x",
        close_factor=1.02,
    )
    return Explorer(
        "The hole that a wrong MTU makes",
        knobs,
        view,
        presets={
            "the hole": {},
            "a health check": {"message_bytes": 64},
            "ICMP gets through": {"discovery": "works"},
            "tcp_mtu_probing": {"probing": True},
            "pod MTU set right": {"pod_mtu": 1_450},
            "a large datagram": {"protocol": "udp"},
            "IP in IP": {"tunnel": "ipip"},
        },
        prediction=guess,
        still="wrong-mtu",
        lesson=6,
    )


def path_at(settings: Mapping[str, Any]) -> MtuPath:
    """The path between two pods at a setting of the knobs."""
    return MtuPath(
        pod_mtu_bytes=settings["pod_mtu"],
        underlay_mtu_bytes=settings["underlay_mtu"],
        encapsulated_by=settings["tunnel"],
        discovery=settings["discovery"],
        mtu_probing=settings["probing"],
    )


def view(settings: Mapping[str, Any], *, requests: int) -> View:
    """What the explorer shows at a setting. Arithmetic and Linux's timers: nothing is random."""
    path = path_at(settings)
    protocol = cast(Literal["tcp", "udp"], settings["protocol"])
    size = settings["message_bytes"]
    one = send_messages(path, [size], protocol)
    fits = path.largest_that_fits_bytes
    edges = [room - each for room in (fits, path.pod_mtu_bytes) for each in _HEADER_BYTES.values()]
    sizes = figures.sizes_around([edge for edge in edges if edge > 0])
    tcp, udp = send_messages(path, sizes), send_messages(path, sizes, "udp")
    packet, lost, packets = (
        int(each[0]) for each in (one.largest_packet_bytes, one.vanished, one.packets)
    )
    felt = str(one.felt[0])
    return View(
        headline=f"{size:,} bytes over {protocol.upper()}: {felt}."
        + (f" {lost} of {_packets(packets)} too large for the way." if lost else ""),
        panels=(
            Panel(
                "How much longer a message takes",
                figures.waits(
                    tcp,
                    udp,
                    (protocol, size, float(one.delay_us[0])),
                ),
                f"At {size:,} bytes: {felt}.",
                evidence=figures.measured(path),
            ),
            Panel(
                "Its largest packet, and what may pass",
                figures.largest_packet(path, packet, _HEADER_BYTES[protocol]),
                f"The pod sends {packet:,} bytes and may send {path.pod_mtu_bytes:,}; wrapped, "
                f"{packet + path.underlay_mtu_bytes - fits:,} of at most "
                f"{path.underlay_mtu_bytes:,}.",
            ),
        ),
        numbers=(
            Number("extra wait", float(one.delay_us[0]) / 1e6, "s", main=True),
            Number("packets of this message", packets, "", lower_is_better=None),
            Number("of these too large for the way", lost, ""),
            Number("largest pod packet that fits", fits, "bytes", digits=5,
                   lower_is_better=False),
            Number("the pod's MTU above that", path.pod_mtu_bytes - fits, "bytes", digits=5,
                   lower_is_better=None),
        ),
        notes=(
            "IPv4 inside and outside; the connection is open already, its handshake was small "
            "enough. TCP's clock is Linux's (tcp_retries2, tcp_mtu_probing); a round trip of "
            "0.5 ms is assumed.",
            "UDP sends once: a wait of \u201cnever\u201d is a lost datagram. Where ICMP works, the "
            "kernel sends the next ones smaller.",
            "Measurements exist for VXLAN over 1500 and pod MTUs of 1450 and 1500; the points are "
            "half of an echo there and back, the transfer itself included.",
        ),
        code=(
            "from k8snet_lessons.datapath.cni import MtuPath, send_messages\n\n"
            f"send_messages({path!r}, [{size}], {protocol!r})"
        ),
        csv=lambda: _rows(settings, sizes),
    )  # fmt: skip


def _packets(count: int) -> str:
    return "1 packet is" if count == 1 else f"{count} packets are"


def _rows(settings: Mapping[str, Any], sizes: Iterable[int]) -> Iterable[Row]:
    path, wanted = path_at(settings), list(sizes)
    protocols: tuple[Literal["tcp", "udp"], ...] = ("tcp", "udp")
    for protocol in protocols:
        fate = send_messages(path, wanted, protocol)
        for index, size in enumerate(wanted):
            yield {
                "protocol": protocol,
                "message_bytes": size,
                "packets": int(fate.packets[index]),
                "too_large": int(fate.vanished[index]),
                "delivered": bool(fate.delivered[index]),
                "extra_wait_s": float(fate.delay_us[index]) / 1e6,
                "felt": str(fate.felt[index]),
            }
