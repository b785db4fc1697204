"""What a wrong MTU does when nobody may say so.

A pod's interface promises an MTU. Where an encapsulated packet is larger than the smallest
link on the way, a router (or the node itself) drops it and answers with ICMP "fragmentation
needed" (IPv6: "packet too big"). A firewall that drops ICMP turns that into a black hole:
small packets pass, the connection stands, large ones vanish without a word.

TCP's clock in the hole is Linux's: retransmissions after 200 ms, doubling (the minimum
retransmission timer of a fast path); it gives up after ``tcp_retries2`` = 15 of them, 924.6 s
(Documentation/networking/ip-sysctl.rst). With ``tcp_mtu_probing`` = 1 the sender suspects a
hole when its timer fires and the first retransmission lies as far back as ``tcp_retries1`` = 3
of them take, 3.0 s; it then falls back to ``tcp_base_mss`` = 1024 (net/ipv4/tcp_timer.c). If
a small last segment arrives, its acknowledgment has the lost ones sent again at once, and
that is the firing at 3.0 s; if nothing arrives, the first retransmission is itself 0.2 s
late and it is the next, at 6.2 s. On Linux 6.18 it was 3.15 s and 6.5 to 6.9 s.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
import numpy.typing as npt

from k8snet_lessons.datapath.cni._models import (
    IP_BYTES,
    SMALLEST_MTU_BYTES,
    TCP_BYTES,
    TCP_TIMESTAMP_BYTES,
    UDP_BYTES,
    Family,
    check_mtu,
    pod_mtu_bytes,
)
from k8snet_lessons.errors import InputError

FIRST_RETRANSMISSION_US = 200_000.0
TCP_RETRIES1, TCP_RETRIES2 = 3, 15
TCP_BASE_MSS_BYTES = 1_024
INITIAL_WINDOW = 10
RETRANSMISSION_CAP_US = 120e6


@dataclass(frozen=True, slots=True)
class MtuPath:
    """A pod's view of the MTU, and the truth between the nodes.

    Attributes
    ----------
    pod_mtu_bytes : int
        What the pod's interface says.
    underlay_mtu_bytes : int
        The smallest MTU on the way between the nodes.
    encapsulated_by : str
        An encapsulation or a CNI model.
    discovery : {"works", "blocked", "switch"}
        ``works``: whoever drops is a router, such as the node itself before its tunnel, and
        its ICMP reaches the pod. ``blocked``: the same, and the ICMP is lost. ``switch``: a
        device of layer 2 drops; it answers nobody and fragments nothing.
    mtu_probing : bool
        ``net.ipv4.tcp_mtu_probing`` = 1 in the sending pod; the kernel's default is 0.
    family, outer_family : {4, 6}
        Between the pods, between the nodes.
    round_trip_us : float
    """

    pod_mtu_bytes: int = 1_500
    underlay_mtu_bytes: int = 1_500
    encapsulated_by: str = "vxlan"
    discovery: Literal["works", "blocked", "switch"] = "blocked"
    mtu_probing: bool = False
    family: Family = 4
    outer_family: Family = 4
    round_trip_us: float = 500.0

    @property
    def largest_that_fits_bytes(self) -> int:
        """Largest IP packet of the pod that survives the way."""
        return pod_mtu_bytes(self.encapsulated_by, self.underlay_mtu_bytes, self.outer_family)


@dataclass(frozen=True, slots=True)
class MtuFate:
    """What became of messages of several sizes. All arrays have shape (N,).

    Attributes
    ----------
    message_bytes : ndarray of int
    largest_packet_bytes : ndarray of int
        The largest IP packet each message is sent in.
    packets : ndarray of int
        Packets the message takes at first.
    vanished : ndarray of int
        How many of those are lost on the way, every time they are sent.
    delivered : ndarray of bool
    delay_us : ndarray
        Extra time until the whole message is there; inf where it never is.
    felt : ndarray of str
        What the application sees.
    """

    message_bytes: npt.NDArray[np.int64]
    largest_packet_bytes: npt.NDArray[np.int64]
    packets: npt.NDArray[np.int64]
    vanished: npt.NDArray[np.int64]
    delivered: npt.NDArray[np.bool_]
    delay_us: npt.NDArray[np.float64]
    felt: npt.NDArray[np.str_]


def give_up_us(retries: int = TCP_RETRIES2) -> float:
    """Time until a TCP sender that hears nothing gives the connection up.

    Parameters
    ----------
    retries : int
        ``net.ipv4.tcp_retries2``.

    Returns
    -------
    float

    Examples
    --------
    >>> give_up_us() / 1e6
    924.6
    """
    return math.fsum(
        min(FIRST_RETRANSMISSION_US * 2.0**n, RETRANSMISSION_CAP_US) for n in range(retries + 1)
    )


def send_messages(
    path: MtuPath, message_bytes: Sequence[int], protocol: Literal["tcp", "udp"] = "tcp"
) -> MtuFate:
    """Send one message of each size over a path whose MTU may be wrong.

    TCP messages go over a connection that is already open: its handshake is small and
    passes. A UDP datagram above the pod's own MTU leaves the pod in fragments. Over IPv4
    these carry no "don't fragment", and a router cuts them again: they arrive where a
    somewhat smaller datagram, whole and not to be cut, does not. Over IPv6 no router cuts
    anything, and one lost fragment loses the datagram.

    Parameters
    ----------
    path : MtuPath
    message_bytes : sequence of int
        Bytes the application writes; at least 1, UDP at most 65,507.
    protocol : {"tcp", "udp"}

    Returns
    -------
    MtuFate

    Raises
    ------
    InputError
        If an MTU is below its headers, or a size cannot be sent.
    """
    check_mtu("pod_mtu_bytes", path.pod_mtu_bytes, SMALLEST_MTU_BYTES[path.family])
    if protocol not in ("tcp", "udp"):
        raise InputError("protocol", protocol, "tcp, udp")
    if path.discovery not in ("works", "blocked", "switch"):
        raise InputError("discovery", path.discovery, "works, blocked, switch")
    sizes = np.asarray(message_bytes, dtype=np.int64).reshape(-1)
    most = 65_507 if protocol == "udp" else np.iinfo(np.int64).max
    for size in sizes[(sizes < 1) | (sizes > most)][:1]:
        raise InputError("message_bytes", int(size), f"1 to {most} bytes")
    return (_send_tcp if protocol == "tcp" else _send_udp)(path, sizes)


def _send_tcp(path: MtuPath, sizes: npt.NDArray[np.int64]) -> MtuFate:
    header = IP_BYTES[path.family] + TCP_BYTES + TCP_TIMESTAMP_BYTES
    segment = path.pod_mtu_bytes - header
    full, rest = np.divmod(sizes, segment)
    largest = np.where(full > 0, path.pod_mtu_bytes, rest + header)
    packets = full + (rest > 0)
    fits = path.largest_that_fits_bytes
    vanished = np.where(path.pod_mtu_bytes > fits, full, 0) + ((rest > 0) & (rest + header > fits))
    lost = vanished > 0

    delay = np.zeros(sizes.shape)
    felt = np.full(sizes.shape, "arrives", dtype="<U64")
    delivered = ~lost
    if path.discovery == "works":
        # The first large packet dies; its ICMP answer lowers the MSS and the data goes again.
        delay[lost] = path.round_trip_us
        felt[lost] = "arrives one round trip late, once"
        delivered = np.ones(sizes.shape, dtype=bool)
    elif path.mtu_probing and TCP_BASE_MSS_BYTES - TCP_TIMESTAMP_BYTES + header <= fits:
        # A last segment that fits arrives at once, if the first window reaches so far.
        heard = (vanished < packets) & (packets <= INITIAL_WINDOW)
        suspected = np.where(heard, TCP_RETRIES1 + 1, TCP_RETRIES1 + 2)
        delay[lost] = (FIRST_RETRANSMISSION_US * (2.0**suspected - 1))[lost]
        felt[lost] = "hangs for seconds, once, then arrives in small segments"
        delivered = np.ones(sizes.shape, dtype=bool)
    else:
        delay[lost] = math.inf
        felt[lost] = "connected, then silence: time-out in the application"
    return MtuFate(sizes, largest, packets, vanished, delivered, delay, felt)


def _send_udp(path: MtuPath, sizes: npt.NDArray[np.int64]) -> MtuFate:
    ip_header = IP_BYTES[path.family]
    whole = sizes + UDP_BYTES + ip_header
    # Fragments carry a multiple of eight bytes; IPv6 needs eight more for its fragment header.
    extra = 8 if path.family == 6 else 0
    room = (path.pod_mtu_bytes - ip_header - extra) // 8 * 8
    fragmented = whole > path.pod_mtu_bytes
    full, rest = np.divmod(sizes + UDP_BYTES, room)
    largest = np.where(fragmented, room + ip_header + extra, whole)
    packets = np.where(fragmented, full + (rest > 0), 1)
    fits = path.largest_that_fits_bytes
    big_fragments = np.where(room + ip_header + extra > fits, full, 0) + (
        (rest > 0) & (rest + ip_header + extra > fits)
    )
    if path.family == 4 and path.discovery != "switch":
        big_fragments = np.zeros_like(big_fragments)
    vanished = np.where(fragmented, big_fragments, (whole > fits).astype(np.int64))
    lost = vanished > 0
    # Even where ICMP works the datagram that met the small link is gone: UDP sends it once.
    felt = np.full(sizes.shape, "arrives", dtype="<U64")
    if path.discovery == "works":
        felt[lost] = "this one is lost; the kernel sends the next ones smaller"
    else:
        felt[lost] = "lost every time, and the sender is told nothing"
    delay = np.where(lost, math.inf, 0.0)
    return MtuFate(sizes, largest, packets, vanished, ~lost, delay, felt)
