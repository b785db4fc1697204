"""Every byte of a frame with the name of the field it belongs to."""

import struct
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv6Address
from typing import Any

import dpkt

from k8snet_lessons.datapath.cni._headers import GeneveHeader, VxlanHeader, WireguardHeader
from k8snet_lessons.datapath.cni._models import ENCAPSULATIONS
from k8snet_lessons.errors import InputError


@dataclass(frozen=True, slots=True)
class Field:
    """One field of a header: where it stands in the frame, and what it says."""

    name: str
    start: int
    stop: int
    value: str


@dataclass(frozen=True, slots=True)
class Layer:
    """One header (or the payload): bytes ``start`` up to, not including, ``stop``."""

    name: str
    start: int
    stop: int
    outer: bool
    fields: tuple[Field, ...] = ()

    @property
    def length(self) -> int:
        """Bytes in this layer."""
        return self.stop - self.start


def dissect(data: bytes) -> tuple[Layer, ...]:
    """Name every byte of a frame.

    Tunnels are known by their UDP port (4789, 8472, 6081, 51820) or IP protocol (4, 41).

    Parameters
    ----------
    data : bytes
        A frame as captured: Ethernet first.

    Returns
    -------
    tuple of Layer
        In order, without gaps.

    Raises
    ------
    InputError
        If the frame ends inside a header.
    """
    found: list[tuple[str, int, int, tuple[Field, ...]]] = []
    tunnel_end = 0
    position, kind = 0, "Ethernet"
    while kind and position < len(data):
        if kind == "payload":
            found.append(("Payload", position, len(data), ()))
            break
        if kind == "sealed":
            found.append(("Encrypted packet and tag", position, len(data), ()))
            tunnel_end = position
            break
        header, name = _HEADERS[kind]
        size = header.__hdr_len__
        if position + size > len(data):
            raise InputError("frame", f"{len(data)} bytes", f"at least {position + size}: {name}")
        fields = _fields(header, data, position)
        after = position + _length(kind, data, position, size)
        found.append((name, position, after, fields))
        following = _next(kind, data, position)
        if kind in _TUNNELS or following in ("IPv4 in IP", "IPv6 in IP"):
            tunnel_end = after
        kind = following.removesuffix(" in IP")
        position = after
    return tuple(
        Layer(name, start, stop, start < tunnel_end, fields) for name, start, stop, fields in found
    )


_HEADERS: dict[str, tuple[Any, str]] = {
    "Ethernet": (dpkt.ethernet.Ethernet, "Ethernet"),
    "IPv4": (dpkt.ip.IP, "IPv4"),
    "IPv6": (dpkt.ip6.IP6, "IPv6"),
    "tcp": (dpkt.tcp.TCP, "TCP"),
    "udp": (dpkt.udp.UDP, "UDP"),
    "vxlan": (VxlanHeader, "VXLAN"),
    "geneve": (GeneveHeader, "Geneve"),
    "wireguard": (WireguardHeader, "WireGuard"),
}
_TUNNELS = ("vxlan", "geneve", "wireguard")
_TUNNEL_PORTS_KNOWN = {
    **{each.udp_port: each.name for each in ENCAPSULATIONS.values() if each.udp_port},
    8472: "vxlan",
}
_IP_CARRIES = {4: "IPv4 in IP", 41: "IPv6 in IP", 6: "tcp", 17: "udp"}


def _length(kind: str, data: bytes, position: int, size: int) -> int:
    if kind == "IPv4":
        return max(size, (data[position] & 0x0F) * 4)
    if kind == "tcp":
        return max(size, (data[position + 12] >> 4) * 4)
    if kind == "geneve":
        return size + (data[position] & 0x3F) * 4
    return size


def _next(kind: str, data: bytes, position: int) -> str:
    if kind == "Ethernet":
        (ether_type,) = struct.unpack_from(">H", data, position + 12)
        return {0x0800: "IPv4", 0x86DD: "IPv6"}.get(ether_type, "payload")
    if kind in ("IPv4", "IPv6"):
        return _IP_CARRIES.get(data[position + (9 if kind == "IPv4" else 6)], "payload")
    if kind == "udp":
        (port,) = struct.unpack_from(">H", data, position + 2)
        return _TUNNEL_PORTS_KNOWN.get(port, "payload")
    return {"vxlan": "Ethernet", "geneve": "Ethernet", "wireguard": "sealed"}.get(kind, "payload")


_FIELD_NAMES = {
    "_v_hl": "version and header length",
    "_flags_offset": "flags and fragment offset",
    "_v_fc_flow": "version, class and flow label",
    "_off_flags": "header length and flags",
    "tos": "type of service",
    "len": "total length",
    "p": "protocol",
    "sum": "checksum",
    "plen": "payload length",
    "nxt": "next header",
    "hlim": "hop limit",
    "sport": "source port",
    "dport": "destination port",
    "ulen": "length",
    "src": "source",
    "dst": "destination",
    "win": "window",
    "urp": "urgent pointer",
    "type": "EtherType",
    "vni_reserved": "VNI and reserved",
    "ttl": "TTL",
    "id": "identification",
    "seq": "sequence number",
    "ack": "acknowledgment number",
}
_IN_HEX = frozenset(
    {"sum", "type", "_flags_offset", "_off_flags", "_v_fc_flow", "_v_hl", "flags", "protocol_type"}
)


def _fields(header: Any, data: bytes, position: int) -> tuple[Field, ...]:
    order = getattr(header, "__byte_order__", ">")
    fields = []
    for name, form, _ in header.__hdr__:
        size = struct.calcsize(order + form)
        (value,) = struct.unpack_from(order + form, data, position)
        fields.append(
            Field(
                _FIELD_NAMES.get(name, name.replace("_", " ")),
                position,
                position + size,
                _shown(name, value, size),
            )
        )
        position += size
    return tuple(fields)


def _shown(name: str, value: Any, size: int) -> str:
    if isinstance(value, bytes):
        if size == 6:
            return value.hex(":")
        if size == 4:
            return str(IPv4Address(value))
        return str(IPv6Address(value)) if size == 16 else f"0x{value.hex()}"
    if name == "vni_reserved":
        return str(value >> 8)
    return f"0x{value:0{2 * size}x}" if name in _IN_HEX else str(value)
