"""Bytes on the wire: sizes by arithmetic, checksums by hand, captures by another reader."""

import io
import shutil
import struct
import subprocess

import dpkt
import pytest
from hypothesis import given
from hypothesis import strategies as st

from k8snet_lessons.datapath.cni import (
    ENCAPSULATIONS,
    NodePair,
    PodPacket,
    build_frame,
    dissect,
    encapsulation,
    to_pcap,
)
from k8snet_lessons.errors import InputError

V6_PODS = {"src": "fd00:10::5", "dst": "fd00:20::7"}
V6_NODES = NodePair(src="2001:db8::11", dst="2001:db8::12")


def ones_complement(*parts: bytes) -> int:
    """The internet checksum of RFC 1071, written out: add 16-bit words, fold the carries."""
    data = b"".join(parts)
    data += b"\0" * (len(data) % 2)
    total = sum(struct.unpack(f">{len(data) // 2}H", data))
    while total >> 16:
        total = (total & 0xFFFF) + (total >> 16)
    return total ^ 0xFFFF


def layer(frame, name, nth=0):
    return [each for each in frame.layers if each.name == name][nth]


def body(frame, name, nth=0):
    found = layer(frame, name, nth)
    return frame.data[found.start : found.stop]


@pytest.mark.parametrize(
    ("name", "nodes", "added"),
    [
        ("none", NodePair(), 0),
        ("vxlan", NodePair(), 50),
        ("vxlan", V6_NODES, 70),
        ("geneve", NodePair(), 50),
        ("ipip", NodePair(), 20),
        ("ipip", V6_NODES, 40),
        # 84 bytes of packet are padded to 96, then 60 are added
        ("wireguard", NodePair(), 72),
        ("wireguard", V6_NODES, 92),
    ],
)
def test_growth_on_the_wire(name, nodes, added):
    frame = build_frame(PodPacket(payload=bytes(44)), name, nodes)
    assert frame.plain_bytes == 98
    assert frame.overhead_bytes == added
    assert len(frame.data) == 98 + added


def test_the_headers_of_vxlan_stand_where_the_rfc_puts_them():
    frame = build_frame(PodPacket(payload=bytes(44)), "vxlan", vni=0x123456)
    assert [(each.name, each.start, each.stop, each.outer) for each in frame.layers] == [
        ("Ethernet", 0, 14, True),
        ("IPv4", 14, 34, True),
        ("UDP", 34, 42, True),
        ("VXLAN", 42, 50, True),
        ("Ethernet", 50, 64, False),
        ("IPv4", 64, 84, False),
        ("TCP", 84, 104, False),
        ("Payload", 104, 148, False),
    ]
    assert body(frame, "VXLAN") == bytes.fromhex("0800000012345600")
    assert frame.data[36:38] == (4789).to_bytes(2, "big")
    assert frame.data[38:40] == (148 - 34).to_bytes(2, "big")
    assert frame.data[40:42] == b"\0\0"


def test_an_ip_checksum_worked_out_on_paper():
    """4500 0086 0000 0000 4011 ---- c0a8 320b c0a8 320c: sum 22ce7, folded 2ce9, inverted."""
    frame = build_frame(PodPacket(payload=bytes(44)), "vxlan")
    header = body(frame, "IPv4")
    total = 0x4500 + 0x0086 + 0x4011 + 0xC0A8 + 0x320B + 0xC0A8 + 0x320C
    folded = (total & 0xFFFF) + (total >> 16)
    assert header[10:12] == (0xFFFF - folded).to_bytes(2, "big")


@pytest.mark.parametrize("name", ["none", "vxlan", "geneve", "ipip"])
@pytest.mark.parametrize("protocol", ["tcp", "udp"])
@pytest.mark.parametrize("pods", [{}, V6_PODS])
def test_every_checksum_adds_up(name, protocol, pods):
    packet = PodPacket(**pods, protocol=protocol, payload=b"odd length of bytes")
    frame = build_frame(packet, name, V6_NODES)
    parsed = dpkt.ethernet.Ethernet(frame.data)
    for each in frame.layers:
        if each.name == "IPv4":
            assert ones_complement(frame.data[each.start : each.stop]) == 0
    ip = [each for each in frame.layers if each.name in ("IPv4", "IPv6")][-1]
    segment = frame.data[ip.stop :]
    number = {"tcp": 6, "udp": 17}[protocol]
    at = ip.start + (12 if ip.name == "IPv4" else 8)
    addresses = frame.data[at : at + (8 if ip.name == "IPv4" else 32)]
    pseudo = addresses + struct.pack(">II", len(segment), number)
    assert ones_complement(pseudo, segment) == 0
    assert parsed.type in (0x0800, 0x86DD)


def test_the_outer_udp_checksum_is_zero_over_ipv4_and_present_over_ipv6():
    over_v4 = build_frame(encapsulated_by="vxlan")
    over_v6 = build_frame(encapsulated_by="vxlan", nodes=V6_NODES)
    asked_for = build_frame(encapsulated_by="vxlan", outer_udp_checksum=True)
    forbidden = build_frame(encapsulated_by="vxlan", nodes=V6_NODES, outer_udp_checksum=False)
    assert body(over_v4, "UDP")[6:8] == body(forbidden, "UDP")[6:8] == b"\0\0"
    for frame, at, size in ((over_v6, 22, 32), (asked_for, 26, 8)):
        outer = layer(frame, "UDP")
        datagram = frame.data[outer.start :]
        pseudo = frame.data[at : at + size] + struct.pack(">II", len(datagram), 17)
        assert ones_complement(pseudo, datagram) == 0


def test_geneve_carries_options_and_says_how_long_they_are():
    option = bytes.fromhex("0102800100000005")
    frame = build_frame(PodPacket(payload=bytes(44)), "geneve", geneve_options=option)
    assert frame.overhead_bytes == 58
    assert body(frame, "Geneve") == bytes.fromhex("0200655800000100") + option
    with pytest.raises(InputError):
        build_frame(encapsulated_by="geneve", geneve_options=bytes(5))


def test_wireguard_shows_its_header_and_nothing_of_the_packet():
    secret = b"a password nobody should see"
    frame = build_frame(PodPacket(payload=secret), "wireguard", counter=7)
    assert body(frame, "WireGuard") == struct.pack("<IIQ", 4, 1, 7)
    assert secret not in frame.data
    assert (layer(frame, "Encrypted packet and tag").length - 16) % 16 == 0
    assert build_frame(PodPacket(payload=secret), "wireguard", counter=7) == frame


def test_wireguard_does_not_pad_beyond_its_mtu():
    full = build_frame(PodPacket(payload=bytes(1420 - 40)), "wireguard", tunnel_mtu_bytes=1420)
    assert full.overhead_bytes == 60


def test_two_flows_between_the_same_nodes_differ_in_the_outer_source_port():
    ports = {
        int.from_bytes(build_frame(PodPacket(sport=port)).data[34:36], "big")
        for port in range(40_000, 40_050)
    }
    assert len(ports) > 40
    assert all(49_152 <= port <= 65_535 for port in ports)


def test_pods_ask_for_path_mtu_discovery_and_tunnels_do_not():
    frame = build_frame(encapsulated_by="vxlan")
    assert body(frame, "IPv4", 0)[6] & 0x40 == 0
    assert body(frame, "IPv4", 1)[6] & 0x40


@given(
    st.sampled_from(sorted(ENCAPSULATIONS)),
    st.binary(max_size=1400),
    st.sampled_from(["tcp", "udp"]),
    st.integers(1024, 4000),
    st.booleans(),
)
def test_every_byte_belongs_to_exactly_one_field_or_payload(name, payload, protocol, port, v6):
    packet = PodPacket(**(V6_PODS if v6 else {}), payload=payload, protocol=protocol, dport=port)
    frame = build_frame(packet, name)
    position = 0
    for each in frame.layers:
        assert each.start == position
        inside = each.start
        for field in each.fields:
            assert field.start == inside
            inside = field.stop
        assert inside <= each.stop
        position = each.stop
    assert position == len(frame.data)
    if name != "wireguard":
        added = encapsulation(name).overhead_bytes()
        assert frame.overhead_bytes == added
        assert payload in frame.data


def test_a_capture_reads_back():
    frames = [build_frame(PodPacket(payload=bytes(n)), "vxlan") for n in (0, 100, 1400)]
    reader = dpkt.pcap.Reader(io.BytesIO(to_pcap(frames, interval_us=500)))
    assert reader.datalink() == dpkt.pcap.DLT_EN10MB
    read = list(reader)
    assert [data for _, data in read] == [frame.data for frame in frames]
    assert [round(when * 1e6) for when, _ in read] == [0, 500, 1000]


@pytest.mark.skipif(shutil.which("tcpdump") is None, reason="tcpdump is not installed")
def test_another_program_reads_the_capture_and_finds_no_wrong_checksum(tmp_path):
    names = ("none", "vxlan", "geneve", "ipip", "wireguard")
    frames = [build_frame(PodPacket(payload=b"hello"), name) for name in names]
    frames += [build_frame(PodPacket(**V6_PODS), "vxlan", V6_NODES)]
    file = tmp_path / "frames.pcap"
    file.write_bytes(to_pcap(frames))
    shown = subprocess.run(
        ["tcpdump", "-nn", "-vv", "-r", str(file)], capture_output=True, text=True, check=True
    ).stdout
    assert "VXLAN, flags [I] (0x08), vni 1" in shown
    assert "Geneve, Flags [none], vni 0x1" in shown
    assert "incorrect" not in shown
    assert "bad cksum" not in shown
    assert shown.count("(correct)") >= 4


def test_the_dump_shows_all_bytes_under_the_names_of_their_layers():
    frame = build_frame(PodPacket(payload=b"hello"))
    text = frame.dump()
    digits = "".join(
        line.split("  ", 2)[2].replace(" ", "") for line in text.splitlines() if line[:2] == "  "
    )
    assert bytes.fromhex(digits) == frame.data
    assert "VXLAN (8 bytes)" in text


@pytest.mark.parametrize(
    ("packet", "more"),
    [
        ({"src": "10.0.0.300"}, {}),
        ({"src": "fd00::1"}, {}),
        ({"sport": 70_000}, {}),
        ({"protocol": "icmp"}, {}),
        ({"src_mac": "zz:00:00:00:00:00"}, {}),
        ({"payload": bytes(70_000)}, {}),
        ({}, {"vni": 2**24}),
        ({}, {"encapsulated_by": "gre"}),
        ({}, {"nodes": NodePair(src="2001:db8::1")}),
        ({}, {"udp_port": 0}),
    ],
)
def test_what_no_packet_can_carry_is_refused(packet, more):
    with pytest.raises(InputError):
        build_frame(PodPacket(**packet), **more)


def test_a_frame_cut_short_is_refused():
    with pytest.raises(InputError):
        dissect(build_frame().data[:30])
