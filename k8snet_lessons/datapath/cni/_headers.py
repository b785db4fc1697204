"""Tunnel headers in dpkt's own terms; dpkt brings Ethernet, IP, UDP and TCP itself."""

import dpkt

GENEVE_CARRIES_ETHERNET = 0x6558
WIREGUARD_DATA = 4


class VxlanHeader(dpkt.Packet):  # type: ignore[misc]
    """RFC 7348: flags, 24 bits of VNI, the rest reserved."""

    __hdr__ = (("flags", "B", 0x08), ("reserved", "3s", b"\0\0\0"), ("vni_reserved", "I", 0))


class GeneveHeader(dpkt.Packet):  # type: ignore[misc]
    """RFC 8926: like VXLAN, with a protocol type and room for options."""

    __hdr__ = (
        ("version_option_length", "B", 0),
        ("flags", "B", 0),
        ("protocol_type", "H", GENEVE_CARRIES_ETHERNET),
        ("vni_reserved", "I", 0),
    )


class WireguardHeader(dpkt.Packet):  # type: ignore[misc]
    """Transport data message: little-endian type, receiver and counter."""

    __byte_order__ = "<"
    __hdr__ = (("message_type", "I", WIREGUARD_DATA), ("receiver", "I", 0), ("counter", "Q", 0))
