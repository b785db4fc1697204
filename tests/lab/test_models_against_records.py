"""The models say what was measured, within what each measurement allows."""

import math

import pytest

from k8snet_lessons.data import measured
from k8snet_lessons.datapath.cni import pod_mtu_bytes
from k8snet_lessons.datapath.nf_conntrack import early_drop_chance
from k8snet_lessons.datapath.nf_conntrack.client import syn_ladder
from k8snet_lessons.dns import queries
from k8snet_lessons.lab.lookups import ANSWERS, RESOLV_CONFS


@pytest.mark.parametrize(
    "series", measured.load("early-drop").series, ids=lambda each: str(each.where["buckets"])
)
def test_early_drop_finds_room_as_often_as_the_buckets_say(series):
    record = measured.load("early-drop")
    tries = record.parameters["attempts"] * len(series.samples)
    share = sum(series.samples) / tries
    expected = early_drop_chance(series.where["max"], series.where["buckets"])
    # Four standard errors of a binomial share, and a point for entries that come and go.
    allowed = 4 * math.sqrt(expected * (1 - expected) / tries) + 0.01
    assert share == pytest.approx(expected, abs=allowed)


@pytest.mark.parametrize("linear", [0, 4])
def test_syns_leave_when_the_ladder_says(linear):
    series = measured.load("syn-retries").one("SYN sent", tcp_syn_linear_timeouts=linear)
    watched_s = measured.load("syn-retries").parameters["watch_s"]
    expected = syn_ladder(linear=linear).within(watched_s)
    assert len(series.samples) == len(expected)
    # The timer wheel rounds up, more coarsely the longer the wait: late, never early.
    for at_s, rung_s in zip(series.samples, expected, strict=True):
        assert rung_s <= at_s < 1.05 * rung_s + 0.05


def test_the_first_refusal_comes_when_the_table_is_full():
    record = measured.load("conntrack-full")
    for series in record.find("first refusal"):
        predicted_s = series.where["max"] / series.where["rate_per_s"]
        assert series.samples[0] == pytest.approx(predicted_s, abs=0.01)


@pytest.mark.parametrize(
    ("carried", "family"), [("routed", 4), ("vxlan", 4), ("vxlan over IPv6", 6)]
)
def test_the_kernel_gives_a_tunnel_the_mtu_that_the_model_does(carried, family):
    record = measured.load("overlay")
    recorded = record.findings["pod_mtu_bytes"][carried]
    if carried == "routed":
        assert recorded == record.parameters["wire_mtu_bytes"]
    else:
        assert recorded == pod_mtu_bytes("vxlan", 1500, outer_family=family)


@pytest.mark.parametrize(
    "series",
    measured.load("lookups").series,
    ids=lambda each: f"{each.where['resolver']} {each.where['name']} {each.where['resolv_conf']}",
)
def test_a_lookup_costs_as_many_queries_as_the_model_sends(series):
    asked = queries(
        series.where["name"],
        RESOLV_CONFS[series.where["resolv_conf"]],
        resolver=series.where["resolver"].partition("-")[0],
        answers=ANSWERS,
    )
    assert (len(asked),) == series.samples
