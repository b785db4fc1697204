"""The linear cost model against its own closed forms, and the published figures beside it."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from k8snet_lessons.datapath.cni import (
    JUDGMENTS,
    MODELS,
    CpuCosts,
    Load,
    TunnelMeasurement,
    costs_from,
    judgment,
    performance,
    published_throughput,
    recorded_measurement,
    trade_off,
)
from k8snet_lessons.errors import InputError

COSTS = CpuCosts(stack_us=2.0, encapsulation_us=1.0, copy_ns_per_byte=0.5)
UNLIMITED = 1e9


def test_costs_solve_the_equations_they_come_from():
    s_us, c_ns = 2.0, 0.9
    measured = TunnelMeasurement(
        10.0, 13.0, c_ns + s_us * 1e3 / 65_536, c_ns + s_us * 1e3 / 1448, "made up"
    )
    costs = costs_from(measured)
    assert costs.stack_us == pytest.approx(s_us)
    assert costs.copy_ns_per_byte == pytest.approx(c_ns)
    assert costs.encapsulation_us == pytest.approx(1.5)


def test_contradictory_measurements_are_refused():
    with pytest.raises(InputError):
        costs_from(TunnelMeasurement(10.0, 9.0, 1.0, 2.0, "a tunnel faster than none"))
    with pytest.raises(InputError):
        costs_from(TunnelMeasurement(10.0, 12.0, 2.0, 1.0, "offloads that cost"))


def test_the_record_of_this_course_gives_costs():
    measured = recorded_measurement()
    costs = costs_from()
    assert measured.source
    assert 0.1 < costs.stack_us < 50
    assert 0.1 < costs.encapsulation_us < 20
    assert 0.01 < costs.copy_ns_per_byte < 10


def test_small_packets_are_limited_by_cpu_and_large_ones_by_the_link():
    small = performance("bgp", Load(payload_bytes=64, cores=1, streams=1), COSTS)
    large = performance("bgp", Load(payload_bytes=65_536, cores=8, streams=8), COSTS)
    assert small.limited_by == "cpu"
    # each node bears half of 2 us + 64 * 0.5 ns
    assert small.packets_per_s == pytest.approx(1e6 / (2.032 / 2))
    assert large.limited_by == "link"
    assert large.goodput_gbit_per_s == pytest.approx(10 * 1448 / (1500 + 38))


def test_offloads_narrow_the_gap_for_large_messages_and_not_for_small_ones():
    def ratio(payload, offloads):
        load = Load(
            payload_bytes=payload, offloads=offloads, cores=1, streams=1, link_gbit_per_s=UNLIMITED
        )
        tunnel, plain = (performance(m, load, COSTS) for m in ("vxlan", "bgp"))
        return tunnel.goodput_gbit_per_s / plain.goodput_gbit_per_s

    assert ratio(65_536, True) == pytest.approx((2 + 32.768) / (3 + 32.768))
    assert ratio(65_536, False) < 0.8
    assert ratio(64, True) == pytest.approx(ratio(64, False))
    assert ratio(64, True) == pytest.approx(2.032 / 3.032)


def test_one_flow_keeps_to_one_core_but_its_cipher_does_not():
    def goodput(model, streams):
        load = Load(streams=streams, cores=8, link_gbit_per_s=UNLIMITED)
        return performance(model, load, COSTS).goodput_gbit_per_s

    assert goodput("vxlan", 8) == pytest.approx(8 * goodput("vxlan", 1))
    assert goodput("vxlan", 9) == goodput("vxlan", 8)
    assert goodput("wireguard", 8) < 8 * goodput("wireguard", 1)


def test_a_tunnel_costs_nothing_to_traffic_that_stays_on_its_node():
    load = Load(cross_node_share=0.0)
    plain, tunnel = (performance(m, load, COSTS) for m in ("bgp", "wireguard"))
    assert tunnel.added_round_trip_us == plain.added_round_trip_us == 0
    assert tunnel.cpu_us_per_message == plain.cpu_us_per_message
    assert math.isinf(plain.link_limit_gbit_per_s)


def test_datapath_and_encapsulation_move_independently():
    load = Load(payload_bytes=64)
    cpu = {m: performance(m, load, COSTS).cpu_us_per_message for m in MODELS}
    assert cpu["bgp"] - cpu["ebpf"] == pytest.approx(cpu["vxlan"] - cpu["vxlan+ebpf"])
    assert cpu["vxlan"] - cpu["bgp"] == pytest.approx(cpu["vxlan+ebpf"] - cpu["ebpf"])


@given(
    st.sampled_from(sorted(MODELS)),
    st.integers(1, 200_000),
    st.floats(0, 1),
    st.integers(1, 16),
    st.integers(1, 32),
    st.sampled_from([1500, 9000]),
    st.booleans(),
)
def test_goodput_never_passes_the_link_and_overhead_is_a_share(
    model, payload, share, cores, streams, mtu, offloads
):
    load = Load(payload, share, cores, streams, 10.0, mtu, offloads)
    result = performance(model, load)
    assert result.goodput_gbit_per_s > 0
    assert result.goodput_gbit_per_s * share <= 10
    assert 0 < result.wire_overhead < 1
    bigger = performance(model, Load(payload, share, cores, streams, 10.0, mtu, True))
    assert bigger.goodput_gbit_per_s >= result.goodput_gbit_per_s * (1 - 1e-9)


def test_the_trade_off_queues_and_then_breaks():
    idle, busy, broken = (trade_off(rate, Load(cores=1)) for rate in (0.0, 20_000.0, 1e7))
    assert (busy.round_trip_us >= idle.round_trip_us).all()
    assert [math.isinf(each) for each in broken.round_trip_us] == [True] * len(MODELS)
    assert (idle.cores == 0).all()
    assert busy.cores == pytest.approx(trade_off(10_000.0, Load(cores=1)).cores * 2)


@pytest.mark.parametrize(
    "load",
    [
        Load(payload_bytes=0),
        Load(payload_bytes=1.5),
        Load(cross_node_share=1.1),
        Load(cores=0),
        Load(streams=0),
        Load(link_gbit_per_s=math.nan),
        Load(underlay_mtu_bytes=60),
    ],
)
def test_loads_are_checked(load):
    with pytest.raises(InputError):
        performance("vxlan", load)


def test_names_and_rates_are_checked():
    with pytest.raises(InputError):
        performance("flannel")
    with pytest.raises(InputError):
        trade_off(-1.0)
    with pytest.raises(InputError):
        judgment("flannel")


def test_published_figures_carry_mtu_streams_and_source():
    figures = published_throughput()
    assert {each.encapsulation for each in figures} == {
        "none",
        "vxlan",
        "geneve",
        "ipip",
        "wireguard",
    }
    for each in figures:
        assert each.source.startswith("https://github.com/InfraBuilder/")
        assert 0 < each.tcp_gbit_per_s <= each.link_gbit_per_s
        assert each.pod_mtu_bytes in range(1400, 9001)


def test_published_figures_say_that_mtu_matters_more_than_encapsulation():
    by = {(each.setup, each.pod_mtu_bytes): each for each in published_throughput()}
    small, large = (
        by["Calico 3.16, MTU as installed", 1440],
        by["Calico 3.16, MTU set by hand", 8940],
    )
    assert large.udp_gbit_per_s > 4 * small.udp_gbit_per_s
    eight = [e for e in published_throughput() if e.streams == 8 and e.encapsulation != "wireguard"]
    assert max(e.tcp_gbit_per_s for e in eight) / min(e.tcp_gbit_per_s for e in eight) < 1.05


def test_the_model_orders_what_was_published_the_same_way():
    published = {
        (e.encapsulation, e.datapath): e.tcp_gbit_per_s
        for e in published_throughput()
        if e.streams == 1 and e.link_gbit_per_s == 40 and "Calico" in e.setup
    }
    load = Load(
        payload_bytes=65_536, cores=8, streams=1, link_gbit_per_s=40, underlay_mtu_bytes=9000
    )
    model = {name: performance(name, load).goodput_gbit_per_s for name in MODELS}
    assert published["wireguard", "netfilter"] < published["none", "netfilter"]
    assert published["none", "netfilter"] < published["none", "ebpf"]
    assert model["wireguard"] < model["bgp"] < model["ebpf"]


def test_no_judgment_claims_isolation():
    for name in MODELS:
        assert judgment(name).isolation.startswith("None by itself")
    assert set(JUDGMENTS) == {name for name in MODELS if "+" not in name}
