"""The explorer and the tables of lesson 6 against the models they draw."""

import math

import pytest

from k8snet_lessons.datapath.cni import (
    MODELS,
    Load,
    judgment,
    performance,
    published_throughput,
)
from k8snet_lessons.explorers.cni import what_the_wire_costs
from k8snet_lessons.explorers.wrong_mtu import wrong_mtu
from k8snet_lessons.figures.cni import (
    NAMES,
    frame_table,
    judgment_table,
    overhead_table,
    published_table,
)


def test_every_model_has_a_name():
    assert set(NAMES) == set(MODELS)


def test_the_mark_lies_on_the_models_value():
    explorer = what_the_wire_costs()
    explorer.set(model="vxlan", payload_bytes=1_024, offloads=False)
    truth = performance("vxlan", Load(payload_bytes=1_024, offloads=False)).goodput_gbit_per_s
    assert explorer.view.number("most goodput") == pytest.approx(truth)
    assert explorer.view.panels[0].figure["data"][-1]["y"] == [truth]


def test_traffic_that_stays_on_its_node_pays_for_no_tunnel():
    explorer = what_the_wire_costs()
    cores = {}
    for model in ("bgp", "vxlan"):
        explorer.set(model=model, cross_node_share=0.0, payload_bytes=64)
        cores[model] = explorer.view.number("busy cores at this rate")
    assert cores["vxlan"] == pytest.approx(cores["bgp"])


@pytest.mark.parametrize(
    ("change", "mark_moves", "bars_move"),
    [
        ({"payload_bytes": 64}, True, True),
        ({"rate_per_s": 200_000.0}, False, True),
        ({"cross_node_share": 0.5}, True, True),
        ({"offloads": False}, False, True),
        ({"underlay_mtu_bytes": 9_000}, True, False),
    ],
)
def test_the_trade_off_moves_with_size_rate_share_offloads_and_mtu(change, mark_moves, bars_move):
    explorer = what_the_wire_costs()
    explorer.load("bulk, VXLAN")

    def drawn():
        goodput, cpu = (panel.figure["data"] for panel in explorer.view.panels)
        return goodput[-1]["y"], cpu[0]["x"]

    before = drawn()
    explorer.set(**change)
    assert [a != b for a, b in zip(before, drawn(), strict=True)] == [mark_moves, bars_move]


def test_small_messages_are_ended_by_the_processors_and_bulk_by_the_link():
    explorer = what_the_wire_costs()
    explorer.load("small messages, VXLAN")
    assert "the processors end it" in explorer.view.headline
    explorer.load("bulk, VXLAN")
    assert "the link ends it" in explorer.view.headline


def test_a_guess_of_a_tenth_too_low_is_not_close():
    assert "too low" in what_the_wire_costs().commit(8.2)


def test_the_frame_and_the_mtu_lose_fifty_bytes_each():
    assert "so 50 more" in str(frame_table("vxlan"))
    row = next(each for each in overhead_table().rows if each[0] == "vxlan")
    assert row[1:] == ("50", "70", "1,450", "1,410")


def waits(explorer, **settings):
    explorer.set(**settings)
    return explorer.view.number("extra wait")


def test_the_hole_begins_behind_what_fits_and_datagrams_come_out_of_it():
    explorer = wrong_mtu()
    assert [waits(explorer, message_bytes=n) for n in (64, 1_398)] == [0, 0]
    assert [waits(explorer, message_bytes=n) for n in (1_399, 20_000)] == [math.inf, math.inf]
    explorer.set(protocol="udp")
    assert [waits(explorer, message_bytes=n) for n in (1_422, 1_423, 2_000)] == [0, math.inf, 0]


def test_every_knob_of_the_hole_moves_the_wait_or_the_limit():
    explorer = wrong_mtu()
    for change, wait, fits in (
        ({"discovery": "works"}, 0.0005, 1_450),
        ({"probing": True}, 6.2, 1_450),
        ({"pod_mtu": 1_450}, 0, 1_450),
        ({"underlay_mtu": 9_000}, 0, 8_950),
        ({"tunnel": "none"}, 0, 1_500),
        ({"tunnel": "wireguard"}, math.inf, 1_440),
        ({"message_bytes": 64}, 0, 1_450),
        ({"discovery": "switch", "protocol": "udp"}, math.inf, 1_450),
    ):
        explorer.load("the hole")
        assert waits(explorer, **change) == pytest.approx(wait), change
        assert explorer.view.number("largest pod packet that fits") == fits


def test_measured_points_stand_beside_the_settings_they_were_taken_at():
    explorer = wrong_mtu()
    (hole,) = explorer.view.panels[0].evidence
    assert hole["marker"]["symbol"] == ["diamond", "triangle-up"]
    assert hole["y"][1] > 20, "nothing came back until the client gave up"
    explorer.load("tcp_mtu_probing")
    (late,) = explorer.view.panels[0].evidence
    assert late["y"][1] == pytest.approx(waits(explorer), rel=0.1)
    explorer.set(tunnel="geneve")
    assert explorer.view.panels[0].evidence == ()


def test_the_bars_of_the_packet_end_where_its_headers_add_up_to():
    explorer = wrong_mtu()
    *parts, limits, _ = explorer.view.panels[1].figure["data"]
    assert [sum(part["x"][row] for part in parts) for row in (0, 1)] == [1_550, 1_500]
    assert limits["x"] == [1_500, 1_500]


def test_a_guess_of_the_mtu_itself_is_too_high():
    assert "too high by 3.7 %" in wrong_mtu().commit(1_450)
    assert "exactly right" in wrong_mtu().commit(1_398)


def test_what_the_lesson_says_of_the_published_figures():
    rows = [e for e in published_throughput() if e.streams == 8 and e.link_gbit_per_s == 40]
    clear = [e.tcp_gbit_per_s for e in rows if e.encapsulation != "wireguard"]
    secret = [e.tcp_gbit_per_s for e in rows if e.encapsulation == "wireguard"]
    assert max(clear) / min(clear) < 1.03
    assert all(0.18 < each / max(clear) < 0.22 for each in secret)
    assert len(published_table().rows) == len(rows)


def test_the_model_stands_beside_the_published_figures_and_near_the_clear_ones():
    header = published_table().header
    assert header.count("model") == 2
    for _, _, one, one_model, eight, eight_model, _ in published_table().rows[1:]:
        assert float(eight_model) == pytest.approx(float(eight), rel=0.25)
        assert float(one_model) == pytest.approx(float(one), rel=0.35) or float(one) < 10


def test_no_model_is_said_to_isolate_by_itself():
    rows = {row[0]: row for row in judgment_table().rows}
    assert all(judgment(name).isolation.startswith("None by itself") for name in MODELS)
    assert rows["WireGuard"][2] != rows["VXLAN"][2] == rows["routed"][2]


def test_published_points_show_where_link_and_streams_are_theirs():
    explorer = what_the_wire_costs()
    assert explorer.view.panels[0].evidence == ()
    explorer.load("a published benchmark")
    (points,) = explorer.view.panels[0].evidence
    assert len(points["y"]) == 10
    assert all("pod MTU" in words and "8 streams" in words for words in points["text"])
