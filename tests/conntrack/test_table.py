"""Three ways to the same table: Little's law, whole arrays, and a process."""

import math
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from k8snet_lessons.datapath.nf_conntrack import (
    ConntrackSpec,
    early_drop_chance,
    level,
    occupancy,
    occupancy_by_process,
    seconds_to_full,
    sustainable_per_s,
)
from k8snet_lessons.datapath.nf_conntrack.early_drop import measured_chance
from k8snet_lessons.errors import InputError

SMALL = ConntrackSpec(
    max_entries=2_000, requests_per_s=10, udp_per_s=5, unanswered_per_s=2, burst_factor=5,
    horizon_s=120, buckets=4_096, early_drop=False,
)  # fmt: skip


@pytest.mark.parametrize(
    "change",
    [
        {},
        {"linear_syn": 0},
        {"max_entries": 0},
        {"keepalive_share": 0.9},
        {"burst_factor": 0.0},
        {"standing": 700, "connect_timeout_s": 1.0},
        {"max_entries": 1_000},
    ],
)
def test_arrays_and_process_agree_refusal_by_refusal(change):
    spec = replace(SMALL, **change)
    fast, slow = occupancy(spec, seed=3), occupancy_by_process(spec, seed=3)
    assert np.array_equal(fast.live, slow.live)
    assert np.array_equal(fast.refused, slow.refused)
    assert fast.first_refusal_s == slow.first_refusal_s
    assert (fast.failed_flows, fast.flows) == (slow.failed_flows, slow.flows)
    assert np.allclose(np.sort(fast.connect_delay_s), np.sort(slow.connect_delay_s))
    assert fast.live.max() <= spec.limit


def test_with_early_drop_they_agree_in_the_mean():
    spec = replace(SMALL, early_drop=True)
    fast = [occupancy(spec, seed=seed) for seed in range(12)]
    slow = [occupancy_by_process(spec, seed=seed) for seed in range(12)]
    for what in ("refused", "evicted"):
        quick = np.mean([getattr(one, what).sum() for one in fast])
        plain = np.mean([getattr(one, what).sum() for one in slow])
        assert quick == pytest.approx(plain, rel=0.04)
    assert np.mean([one.evicted.sum() for one in fast]) > 500


def test_littles_law_is_where_the_table_settles():
    spec = ConntrackSpec(max_entries=0, requests_per_s=400, udp_per_s=200, unanswered_per_s=10)
    live = np.concatenate([occupancy(spec, seed=seed).live for seed in range(10)])
    assert level(spec) == pytest.approx(400 * 120.2 + 200 * 30 + 10 * 120)
    assert live.mean() == pytest.approx(level(spec), rel=0.01)


@given(
    rate=st.floats(50, 400),
    factor=st.floats(2, 8),
    room=st.floats(0.2, 1.5),
    udp=st.floats(0, 200),
)
@settings(max_examples=25, deadline=None)
def test_the_first_refusal_comes_when_the_closed_form_says(rate, factor, room, udp):
    spec = ConntrackSpec(
        max_entries=0, requests_per_s=rate, udp_per_s=udp, burst_factor=factor, early_drop=False
    )
    spec = replace(spec, max_entries=math.ceil(level(spec) * (1 + room)))
    expected = seconds_to_full(spec)
    seen = occupancy(spec).first_refusal_s
    slack = 6 * math.sqrt(spec.max_entries) / (rate * (factor - 1)) + 0.2
    if expected is None:
        assert seen is None or seen > spec.burst_from_s + spec.burst_for_s - slack
    elif expected < spec.burst_for_s - slack:
        assert seen is not None
        assert seen - spec.burst_from_s == pytest.approx(expected, abs=slack)


def test_what_is_established_is_never_touched():
    spec = replace(SMALL, standing=1_500, burst_factor=50, early_drop=True)
    full = occupancy(spec)
    assert full.live.min() >= 1_500
    assert full.refused_attempts > 10_000


def test_a_maximum_of_zero_is_no_limit_as_in_the_kernel():
    spec = replace(SMALL, max_entries=0, burst_factor=100)
    assert occupancy(spec).refused_attempts == 0


def test_keeping_connections_is_worth_more_than_a_larger_table():
    base = ConntrackSpec(requests_per_s=1_200, burst_factor=2, early_drop=False)
    assert occupancy(base).refused_attempts > 0
    assert occupancy(replace(base, keepalive_share=0.5)).refused_attempts == 0
    assert occupancy(replace(base, time_wait_s=30.0)).refused_attempts == 0
    assert level(replace(base, keepalive_share=0.5)) == pytest.approx(level(base) / 2)


def test_the_seed_lesson_rate():
    assert sustainable_per_s(131_072, 120) == pytest.approx(1_092.27, abs=0.01)


@pytest.mark.parametrize(("unassured", "buckets"), [(500, 2_048), (500, 262_144), (4_000, 65_536)])
def test_early_drop_finds_what_the_density_says(unassured, buckets):
    thrown = measured_chance(unassured, buckets, 20_000, seed=5)
    assert thrown == pytest.approx(early_drop_chance(unassured, buckets), abs=0.03)


def test_early_drop_as_measured_on_a_kernel():
    # Linux 6.18, a table full of unanswered UDP: 301 of 301 newcomers got in with 2,048
    # buckets, 9 of 301 with 262,144.
    assert early_drop_chance(1_000, 2_048) > 0.999
    assert 301 * early_drop_chance(500, 262_144) == pytest.approx(9, abs=1)


def test_a_small_copy_has_the_same_shape():
    spec = ConntrackSpec(requests_per_s=1_000, burst_factor=4)
    whole, small = occupancy(spec), occupancy(spec.scaled(0.1))
    assert np.allclose(small.live / small.limit, whole.live / whole.limit, atol=0.02)


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"max_entries": -1}, "max_entries"),
        ({"max_entries": 1.5}, "max_entries"),
        ({"buckets": 0}, "buckets"),
        ({"requests_per_s": -1.0}, "requests_per_s"),
        ({"udp_per_s": float("nan")}, "udp_per_s"),
        ({"requests_per_s": 1e9}, "flows in the run"),
        ({"time_wait_s": 0.0}, "time_wait_s"),
        ({"time_wait_s": 0.1}, "lifetime of an entry"),
        ({"keepalive_share": 1.1}, "keepalive_share"),
        ({"standing": 200_000}, "standing"),
        ({"linear_syn": -1}, "tcp_syn_linear_timeouts"),
    ],
)
def test_what_cannot_be_is_refused_by_name(change, field):
    with pytest.raises(InputError) as caught:
        occupancy(ConntrackSpec(**change))
    assert caught.value.field == field
