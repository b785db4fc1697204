"""Packets as they are on the wire, byte for byte.

dpkt builds the headers and their checksums and writes the capture file: it is small, plain
Python and imports in a quarter of a second, where scapy is thirteen times its size.

WireGuard's payload is shown as opaque bytes: nobody on the path can read it, and this course
holds no keys.
"""

import io
import zlib
from dataclasses import dataclass
from ipaddress import ip_address
from typing import Any, Literal

import dpkt
import numpy as np

from k8snet_lessons.datapath.cni._dissect import Layer, dissect
from k8snet_lessons.datapath.cni._headers import GeneveHeader, VxlanHeader, WireguardHeader
from k8snet_lessons.datapath.cni._models import (
    ETHERNET_BYTES,
    UDP_BYTES,
    Encapsulation,
    encapsulation,
    padded_bytes,
)
from k8snet_lessons.errors import InputError

_ETHER_TYPE = {4: dpkt.ethernet.ETH_TYPE_IP, 6: dpkt.ethernet.ETH_TYPE_IP6}
_PROTOCOL = {"tcp": dpkt.ip.IP_PROTO_TCP, "udp": dpkt.ip.IP_PROTO_UDP}
_HEX = frozenset("0123456789abcdef")
# RFC 7348, section 5: source ports of tunnels come from the dynamic range.
_FIRST_TUNNEL_PORT, _TUNNEL_PORTS = 49_152, 16_384
# The pod's node has routed the packet once; what the pod sends has 64.
_INNER_TTL, _OUTER_TTL = 63, 64


@dataclass(frozen=True, slots=True)
class PodPacket:
    """What the pod sends. Addresses decide the family.

    The MAC addresses are those inside a VXLAN or Geneve frame: a routed CNI puts the tunnel
    devices' own there, not the pods'.
    """

    src: str = "10.244.1.5"
    dst: str = "10.244.2.7"
    sport: int = 40_000
    dport: int = 8_080
    protocol: Literal["tcp", "udp"] = "tcp"
    payload: bytes = b""
    src_mac: str = "0a:58:0a:f4:01:05"
    dst_mac: str = "0a:58:0a:f4:02:07"


@dataclass(frozen=True, slots=True)
class NodePair:
    """The two nodes the packet travels between."""

    src: str = "192.168.50.11"
    dst: str = "192.168.50.12"
    src_mac: str = "52:54:00:00:00:11"
    dst_mac: str = "52:54:00:00:00:12"


@dataclass(frozen=True, slots=True)
class Frame:
    """A frame on the wire, without preamble and checksum, as a capture shows it.

    Attributes
    ----------
    data : bytes
    layers : tuple of Layer
        Every byte of `data` belongs to exactly one.
    plain_bytes : int
        Length of the same packet's frame without encapsulation.
    """

    data: bytes
    layers: tuple[Layer, ...]
    plain_bytes: int

    @property
    def overhead_bytes(self) -> int:
        """Bytes that encapsulation added on the wire."""
        return len(self.data) - self.plain_bytes

    def dump(self) -> str:
        """Write the bytes in hex with offsets, sixteen a line, each layer on lines of its own."""
        lines = []
        for layer in self.layers:
            lines.append(f"{layer.name} ({layer.length} bytes)")
            for start in range(layer.start, layer.stop, 16):
                part = self.data[start : min(start + 16, layer.stop)]
                lines.append(f"  {start:04x}  {part.hex(' ')}")
        return "\n".join(lines)


def build_frame(
    packet: PodPacket | None = None,
    encapsulated_by: str = "vxlan",
    nodes: NodePair | None = None,
    *,
    vni: int = 1,
    geneve_options: bytes = b"",
    udp_port: int | None = None,
    outer_udp_checksum: bool | None = None,
    tunnel_mtu_bytes: int = 65_535,
    counter: int = 0,
) -> Frame:
    """Build the frame that leaves the node for a packet of a pod.

    Parameters
    ----------
    packet : PodPacket, optional
    encapsulated_by : str
        ``none``, ``vxlan``, ``geneve``, ``ipip``, ``wireguard``, or a CNI model's name.
    nodes : NodePair, optional
    vni : int
        Network identifier of VXLAN and Geneve, 24 bits. A CNI uses one for all pods.
    geneve_options : bytes
        Options as they stand on the wire, a multiple of four bytes.
    udp_port : int, optional
        Destination port in place of the assigned one; Linux and Flannel use 8472 for VXLAN.
    outer_udp_checksum : bool, optional
        Without it the field is zero, as RFC 7348 wishes over IPv4; over IPv6 it is computed
        unless False is given.
    tunnel_mtu_bytes : int
        Bounds WireGuard's padding.
    counter : int
        WireGuard's, the number of packets sent before with the same key.

    Returns
    -------
    Frame

    Raises
    ------
    InputError
        If an address, a port or an identifier is none, or the families do not agree.

    Examples
    --------
    >>> frame = build_frame(PodPacket(payload=bytes(44)), "vxlan")
    >>> frame.plain_bytes, len(frame.data), frame.overhead_bytes
    (98, 148, 50)
    """
    packet = packet or PodPacket()
    nodes = nodes or NodePair()
    encap = encapsulation(encapsulated_by)
    inner_ip = _inner_packet(packet)
    if encap.name == "none":
        plain = _ethernet(nodes.src_mac, nodes.dst_mac, _family(packet.src), bytes(inner_ip))
        return Frame(plain, dissect(plain), len(plain))

    inner = bytes(inner_ip)
    plain_bytes = ETHERNET_BYTES + len(inner)
    if encap.inner_ethernet:
        inner = _ethernet(packet.src_mac, packet.dst_mac, _family(packet.src), inner)
    body = _tunnel_body(encap, inner, vni, geneve_options, tunnel_mtu_bytes, counter)
    if encap.outer_udp:
        datagram = dpkt.udp.UDP(
            sport=_tunnel_source_port(packet) if encap.name != "wireguard" else encap.udp_port,
            dport=_whole("udp_port", encap.udp_port if udp_port is None else udp_port, 1, 65_535),
            data=body,
        )
        datagram.ulen = UDP_BYTES + len(body)
        wanted = _family(nodes.src) == 6 if outer_udp_checksum is None else outer_udp_checksum
        outer = _ip(nodes.src, nodes.dst, dpkt.ip.IP_PROTO_UDP, datagram, checksum=wanted)
    else:
        protocol = dpkt.ip.IP_PROTO_IP6 if _family(packet.src) == 6 else dpkt.ip.IP_PROTO_IPIP
        outer = _ip(nodes.src, nodes.dst, protocol, body)
    data = _ethernet(nodes.src_mac, nodes.dst_mac, _family(nodes.src), outer)
    return Frame(data, dissect(data), plain_bytes)


def to_pcap(frames: list[Frame] | tuple[Frame, ...], interval_us: float = 1_000.0) -> bytes:
    """Write frames as a capture file that Wireshark and tcpdump open.

    Parameters
    ----------
    frames : sequence of Frame
    interval_us : float
        Time between them; the first is at zero, so that equal frames give equal files.

    Returns
    -------
    bytes
    """
    file = io.BytesIO()
    writer = dpkt.pcap.Writer(file, snaplen=262_144)
    for index, frame in enumerate(frames):
        writer.writepkt(frame.data, ts=index * interval_us / 1e6)
    return file.getvalue()


def _family(address: str) -> Literal[4, 6]:
    try:
        return 4 if ip_address(address).version == 4 else 6
    except ValueError:
        raise InputError("address", address, "an IPv4 or IPv6 address") from None


def _packed_pair(src: str, dst: str) -> tuple[bytes, bytes]:
    if _family(src) != _family(dst):
        raise InputError("dst", dst, f"an IPv{_family(src)} address like src, {src}")
    return ip_address(src).packed, ip_address(dst).packed


def _mac(text: str) -> bytes:
    parts = text.split(":")
    if len(parts) != 6 or not all(len(p) == 2 and set(p.lower()) <= _HEX for p in parts):
        raise InputError("MAC address", text, "six pairs of hex digits with colons")
    return bytes.fromhex("".join(parts))


def _whole(field: str, value: int, low: int, high: int) -> int:
    if isinstance(value, bool) or not isinstance(value, int) or not low <= value <= high:
        raise InputError(field, value, f"a whole number from {low} to {high}")
    return value


def _ethernet(src: str, dst: str, family: int, payload: bytes) -> bytes:
    frame = dpkt.ethernet.Ethernet(src=_mac(src), dst=_mac(dst), type=_ETHER_TYPE[family])
    return bytes(frame.pack_hdr()) + payload


def _ip(
    src: str, dst: str, protocol: int, data: Any, *, inner: bool = False, checksum: bool = True
) -> bytes:
    source, target = _packed_pair(src, dst)
    ttl = _INNER_TTL if inner else _OUTER_TTL
    if not checksum:
        # dpkt fills in a checksum of zero for an object, and leaves bytes alone.
        data = bytes(data)
    if len(source) == 4:
        packet = dpkt.ip.IP(src=source, dst=target, p=protocol, ttl=ttl, data=data)
        packet.len = 20 + len(data)
        # Linux asks path MTU discovery for what pods send, not for what its tunnels send.
        packet.df = int(inner)
        return bytes(packet)
    packet = dpkt.ip6.IP6(src=source, dst=target, nxt=protocol, hlim=ttl, data=data)
    packet.extension_hdrs = {}
    packet.p = protocol
    packet.plen = len(data)
    return bytes(packet)


def _inner_packet(packet: PodPacket) -> bytes:
    sport = _whole("sport", packet.sport, 0, 65_535)
    dport = _whole("dport", packet.dport, 0, 65_535)
    if packet.protocol == "tcp":
        flags = dpkt.tcp.TH_ACK | dpkt.tcp.TH_PUSH
        data = dpkt.tcp.TCP(sport=sport, dport=dport, seq=1, ack=1, flags=flags)
        data.data = packet.payload
    elif packet.protocol == "udp":
        data = dpkt.udp.UDP(sport=sport, dport=dport, data=packet.payload)
        data.ulen = UDP_BYTES + len(packet.payload)
    else:
        raise InputError("protocol", packet.protocol, "tcp, udp")
    if len(data) > 65_535 - 40:
        raise InputError("payload", f"{len(packet.payload)} bytes", "what fits one IP packet")
    return _ip(packet.src, packet.dst, _PROTOCOL[packet.protocol], data, inner=True)


def _tunnel_source_port(packet: PodPacket) -> int:
    """Spread flows over ports, so that switches and receive queues see many flows, not one.

    The kernel hashes the inner headers with a key of its own; any stable hash shows the point.
    """
    flow = f"{packet.src} {packet.dst} {packet.sport} {packet.dport} {packet.protocol}"
    return _FIRST_TUNNEL_PORT + zlib.crc32(flow.encode()) % _TUNNEL_PORTS


def _tunnel_body(
    encap: Encapsulation, inner: bytes, vni: int, options: bytes, mtu_bytes: int, counter: int
) -> bytes:
    if encap.name == "vxlan":
        return bytes(VxlanHeader(vni_reserved=_whole("vni", vni, 0, 2**24 - 1) << 8)) + inner
    if encap.name == "geneve":
        encap.overhead_bytes(geneve_option_bytes=len(options))
        header = GeneveHeader(
            version_option_length=len(options) // 4,
            vni_reserved=_whole("vni", vni, 0, 2**24 - 1) << 8,
        )
        return bytes(header) + options + inner
    if encap.name == "wireguard":
        header = WireguardHeader(receiver=1, counter=_whole("counter", counter, 0, 2**64 - 1))
        sealed = padded_bytes(encap, len(inner), mtu_bytes) + 16
        seed = np.random.default_rng([zlib.crc32(inner), counter])
        return bytes(header) + seed.bytes(sealed)
    return inner
