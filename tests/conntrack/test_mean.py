"""The table in the mean, against the draw of every flow and against the closed forms."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from k8snet_lessons.datapath.nf_conntrack import (
    ConntrackSpec,
    level,
    occupancy,
    seconds_to_full,
)
from k8snet_lessons.datapath.nf_conntrack.mean import mean_run
from k8snet_lessons.errors import InputError
from k8snet_lessons.explorers.conntrack import connection_table, view
from k8snet_lessons.figures.conntrack_tables import node_table

LOADS = (
    {"requests_per_s": 80.0, "burst_factor": 3.0},
    {"requests_per_s": 80.0, "burst_factor": 3.0, "linear_syn": 0},
    {"requests_per_s": 50.0, "burst_factor": 3.0, "udp_per_s": 60.0, "unanswered_per_s": 10.0},
    {"requests_per_s": 60.0, "burst_factor": 4.0, "standing": 4_000, "time_wait_s": 60.0},
)


@pytest.mark.parametrize("load", LOADS)
def test_the_mean_agrees_with_the_draw_of_every_flow(load):
    spec = ConntrackSpec(max_entries=13_107, buckets=6_554, **load)
    drawn, mean = [occupancy(spec, seed=seed) for seed in range(4)], mean_run(spec)
    assert mean.refused.sum() == pytest.approx(
        np.mean([each.refused_attempts for each in drawn]), rel=0.08, abs=0.01 * drawn[0].flows
    )
    assert mean.evicted.sum() == pytest.approx(
        np.mean([each.evicted.sum() for each in drawn]), rel=0.08, abs=20
    )
    failed = [np.isinf(each.connect_delay_s).mean() for each in drawn]
    assert mean.failed_share == pytest.approx(np.mean(failed), abs=0.02)
    assert np.abs(mean.live - drawn[0].live).max() < 0.04 * spec.max_entries


@given(
    rate=st.floats(1, 2_000),
    factor=st.floats(1, 10),
    reuse=st.floats(0, 1),
    limit=st.integers(1_000, 1_000_000),
)
@settings(max_examples=40, deadline=None)
def test_it_starts_at_littles_law_and_fills_when_the_closed_form_says(rate, factor, reuse, limit):
    spec = ConntrackSpec(max_entries=limit, requests_per_s=rate, burst_factor=factor,
                         keepalive_share=reuse)  # fmt: skip
    run = mean_run(spec)
    assert (run.live <= limit * (1 + 1e-9)).all()
    if level(spec) < 0.99 * limit:
        assert run.live[0] == pytest.approx(level(spec), rel=0.01, abs=1)
    expected = seconds_to_full(spec)
    if expected and run.first_refusal_s is not None:
        assert run.first_refusal_s == pytest.approx(spec.burst_from_s + expected, abs=1.01)


def test_the_shares_of_the_waits_add_up():
    run = mean_run(ConntrackSpec(requests_per_s=800.0, burst_factor=3.0))
    assert sum(share for _, share in run.waited) + run.failed_share == pytest.approx(1)
    assert [wait for wait, _ in run.waited] == [0, 1, 2, 3, 4]


@pytest.mark.parametrize("preset", list(connection_table().presets))
def test_every_preset_of_the_explorer_shows_a_sentence(preset):
    explorer = connection_table()
    explorer.load(preset)
    shown = view(explorer.settings, requests=20_000)
    assert shown.headline
    assert len(list(shown.csv())) == 180


def test_more_long_lived_connections_than_entries_are_refused_by_name():
    asked = {**connection_table().settings, "standing": 200_000}
    with pytest.raises(InputError, match="standing"):
        view(asked, requests=20_000)


def test_a_paste_without_a_limit_is_refused():
    with pytest.raises(InputError, match="nf_conntrack_max"):
        node_table("nf_conntrack_count = 5")


def test_a_flood_that_makes_room_fails_nobody_not_even_a_trace_of_one():
    run = mean_run(ConntrackSpec(requests_per_s=500, unanswered_per_s=1_000))
    assert run.evicted.sum() > 100_000
    assert run.failed_share == 0.0
