"""MTU and MSS arithmetic, and the black hole."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from k8snet_lessons.datapath.cni import (
    MODELS,
    MtuPath,
    PodPacket,
    build_frame,
    encapsulation,
    give_up_us,
    mss_bytes,
    pod_mtu_bytes,
    send_messages,
)
from k8snet_lessons.errors import InputError


@pytest.mark.parametrize(
    ("name", "underlay", "family", "expected"),
    [
        ("vxlan", 1500, 4, 1450),
        ("vxlan", 1500, 6, 1430),
        ("vxlan", 9000, 4, 8950),
        ("geneve", 1500, 4, 1450),
        ("ipip", 1500, 4, 1480),
        ("wireguard", 1500, 4, 1440),
        ("wireguard", 1500, 6, 1420),
        ("bgp", 1500, 4, 1500),
        ("ebpf", 9001, 4, 9001),
    ],
)
def test_pod_mtu(name, underlay, family, expected):
    assert pod_mtu_bytes(name, underlay, family) == expected


def test_ovn_loses_eight_more_to_its_option():
    assert pod_mtu_bytes("geneve", 1500, geneve_option_bytes=8) == 1442


@given(st.sampled_from(sorted(MODELS)), st.integers(1400, 9000))
def test_a_full_packet_exactly_fills_the_underlay(name, underlay):
    mtu = pod_mtu_bytes(name, underlay)
    packet = PodPacket(payload=bytes(mss_bytes(mtu)))
    frame = build_frame(packet, name, tunnel_mtu_bytes=mtu)
    assert len(frame.data) - 14 == underlay


@pytest.mark.parametrize("mtu", [0, -1, 67, 70_000, 1500.0, True])
def test_an_mtu_below_its_headers_is_refused(mtu):
    with pytest.raises(InputError):
        pod_mtu_bytes("vxlan", mtu)
    with pytest.raises(InputError):
        mss_bytes(mtu)


def test_an_mtu_that_leaves_no_room_for_a_packet_inside_is_refused():
    assert pod_mtu_bytes("vxlan", 118) == 68
    with pytest.raises(InputError, match="underlay_mtu_bytes is 117"):
        pod_mtu_bytes("vxlan", 117)
    with pytest.raises(InputError):
        mss_bytes(1279, family=6)
    with pytest.raises(InputError):
        encapsulation("vxlan").overhead_bytes(5)


SIZES = [1, 1398, 1399, 1448, 1449, 100_000]


def test_a_pod_that_forgot_the_fifty_bytes_loses_exactly_the_large_packets():
    fate = send_messages(MtuPath(pod_mtu_bytes=1500), SIZES)
    # 1450 fit; a TCP packet is 52 bytes of headers and the data
    assert fate.delivered.tolist() == [True, True, False, False, False, False]
    assert fate.vanished.tolist() == [0, 0, 1, 1, 1, 69]
    assert np.isinf(fate.delay_us[2:]).all()
    assert "silence" in fate.felt[2]


def test_udp_is_lost_whole_or_cut_again():
    """1422 + 8 + 20 = 1450; above 1472 the pod itself cuts, and over IPv4 so does the router."""
    sizes = [1422, 1423, 1472, 1473, 3000]
    router = send_messages(MtuPath(pod_mtu_bytes=1500), sizes, "udp")
    assert router.delivered.tolist() == [True, False, False, True, True]
    switch = send_messages(MtuPath(pod_mtu_bytes=1500, discovery="switch"), sizes, "udp")
    assert switch.delivered.tolist() == [True, False, False, False, False]
    assert switch.packets.tolist() == [1, 1, 1, 2, 3]
    assert switch.vanished.tolist() == [0, 1, 1, 1, 2]
    six = send_messages(MtuPath(pod_mtu_bytes=1500, family=6), [1402, 1403, 3000], "udp")
    assert six.delivered.tolist() == [True, False, False]


def test_discovery_costs_one_round_trip():
    told = send_messages(MtuPath(discovery="works", round_trip_us=800), SIZES)
    assert told.delivered.all()
    assert told.delay_us.tolist() == [0, 0, 800, 800, 800, 800]


def test_probing_costs_three_seconds_where_something_arrives_and_six_where_nothing_does():
    """1500 bytes are a full segment and a small one; of 20,000 the first window is all full."""
    probing = send_messages(MtuPath(mtu_probing=True), [1398, 1399, 1448, 1500, 2896, 20_000])
    assert probing.delivered.all()
    assert (probing.delay_us / 1e6).tolist() == pytest.approx([0, 6.2, 6.2, 3.0, 6.2, 6.2])


def test_probing_does_not_help_below_its_floor():
    path = MtuPath(mtu_probing=True, underlay_mtu_bytes=1_000)
    assert send_messages(path, [2000]).delivered.tolist() == [False]


def test_a_right_mtu_loses_nothing():
    path = MtuPath(pod_mtu_bytes=1450)
    for protocol in ("tcp", "udp"):
        fate = send_messages(path, [1, 1398, 1399, 65_000], protocol)
        assert fate.delivered.all()
        assert (fate.vanished == 0).all()


def test_the_kernel_gives_up_after_the_time_its_documentation_names():
    assert give_up_us() == pytest.approx(924.6e6)


@given(
    st.integers(1300, 9000),
    st.integers(1400, 9000),
    st.lists(st.integers(1, 60_000), min_size=1, max_size=20),
    st.sampled_from(["tcp", "udp"]),
    st.sampled_from([4, 6]),
)
def test_black_holes_only_open_where_the_pod_believes_too_much(mtu, underlay, sizes, proto, family):
    path = MtuPath(mtu, underlay, discovery="switch", family=family)
    fate = send_messages(path, sizes, proto)
    if mtu <= path.largest_that_fits_bytes:
        assert fate.delivered.all()
    assert (fate.delivered == (fate.vanished == 0)).all()
    assert (fate.vanished <= fate.packets).all()
    assert (fate.largest_packet_bytes <= mtu).all()
    fits = fate.largest_packet_bytes <= path.largest_that_fits_bytes
    assert (fate.delivered == fits).all()


@pytest.mark.parametrize(
    ("path", "sizes", "protocol"),
    [
        (MtuPath(pod_mtu_bytes=60), [1], "tcp"),
        (MtuPath(), [0], "tcp"),
        (MtuPath(), [65_508], "udp"),
        (MtuPath(), [1], "sctp"),
        (MtuPath(discovery="maybe"), [1], "tcp"),
        (MtuPath(encapsulated_by="gre"), [1], "tcp"),
        (MtuPath(family=6, pod_mtu_bytes=1200), [1], "tcp"),
    ],
)
def test_impossible_paths_are_refused(path, sizes, protocol):
    with pytest.raises(InputError):
        send_messages(path, sizes, protocol)


def test_infinite_delay_is_exactly_what_is_not_delivered():
    fate = send_messages(MtuPath(), SIZES)
    assert (np.isinf(fate.delay_us) == ~fate.delivered).all()
    assert math.isinf(fate.delay_us.max())
