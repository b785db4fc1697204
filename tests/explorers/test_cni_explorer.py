"""The explorer and the tables of lesson 6 against the models they draw."""

import pytest

from k8snet_lessons.datapath.cni import MODELS, Load, performance, published_throughput
from k8snet_lessons.explorers.cni import what_the_wire_costs
from k8snet_lessons.figures.cni import (
    NAMES,
    black_hole_table,
    frame_table,
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


def test_the_hole_begins_behind_what_fits_and_datagrams_come_out_of_it():
    rows = {row[0]: row[1:] for row in black_hole_table().rows}
    assert rows["1,398"][0] == "arrives" != rows["1,399"][0]
    assert [rows[n][1] == "arrives" for n in ("1,422", "1,423", "2,000")] == [True, False, True]


def test_what_the_lesson_says_of_the_published_figures():
    rows = [e for e in published_throughput() if e.streams == 8 and e.link_gbit_per_s == 40]
    clear = [e.tcp_gbit_per_s for e in rows if e.encapsulation != "wireguard"]
    secret = [e.tcp_gbit_per_s for e in rows if e.encapsulation == "wireguard"]
    assert max(clear) / min(clear) < 1.03
    assert all(0.18 < each / max(clear) < 0.22 for each in secret)
    assert len(published_table().rows) == len(rows)
