"""Figures say what the outcome says, in axes that a reader can trust."""

import numpy as np
import pytest

from k8snet_lessons import Outcome, Scenario, simulate
from k8snet_lessons.figures import (
    conntrack_over_time,
    hop_shares,
    latency_percentiles,
    time_by_hop,
    to_plotly,
)
from k8snet_lessons.figures._spec import decades, duration, number_ticks
from k8snet_lessons.figures.palette import DARK_FOR_LIGHT, GRID, SKY_FILL


@pytest.fixture(scope="module")
def outcome() -> Outcome:
    return simulate(Scenario(), seed=1, requests=5_000)


@pytest.mark.parametrize("draw", [latency_percentiles, time_by_hop, conntrack_over_time])
def test_plotly_accepts_the_figure_and_every_axis_has_a_title(draw, outcome: Outcome) -> None:
    figure = draw(outcome)
    made = to_plotly(figure)
    assert len(made.data) == len(figure["data"])
    axes = {name: axis for name, axis in figure["layout"].items() if name[1:5] == "axis"}
    for name, axis in axes.items():
        named = axis.get("title") or axis.get("ticktext")
        assert named, f"{name} says neither what it is nor names its places"
        assert "range" in axis, "a fixed range: the curve moves, not the axis"


def test_marked_percentiles_are_the_outcomes(outcome: Outcome) -> None:
    marked = latency_percentiles(outcome)["data"][1]
    expected = [outcome.percentile(q) / 1e3 for q in (50, 99, 99.9)]
    np.testing.assert_allclose(marked["y"], expected)
    assert marked["text"][1] == f"p99  {duration(outcome.p99_us)}"


def test_the_curve_runs_through_the_marks(outcome: Outcome) -> None:
    curve, marked = latency_percentiles(outcome)["data"]
    drawn = np.interp(marked["x"], curve["x"], curve["y"])
    np.testing.assert_allclose(drawn, marked["y"], rtol=0.02)


@pytest.mark.parametrize("percentile", [50.0, 99.0])
def test_hops_add_up_to_the_latency_near_the_percentile(
    outcome: Outcome, percentile: float
) -> None:
    total = sum(hop_shares(outcome, percentile).values())
    assert total == pytest.approx(outcome.percentile(percentile), rel=0.08)


def test_a_hop_without_time_stands_off_the_axis() -> None:
    one_zone = simulate(Scenario(zones=1), seed=1, requests=2_000)
    figure = time_by_hop(one_zone)
    place = list(one_zone.by_hop).index("zone crossing")
    for trace in figure["data"][1:]:
        assert np.log10(trace["x"][place]) < figure["layout"]["xaxis"]["range"][0]


def test_conntrack_is_drawn_as_a_share_of_its_limit() -> None:
    full = simulate(Scenario(conntrack_max=32_768), seed=1, requests=4_000)
    limit, entries, failed = conntrack_over_time(full)["data"]
    assert limit["y"] == [100, 100]
    assert max(entries["y"]) == pytest.approx(100, abs=0.1)
    assert failed["yaxis"] == "y2"


def test_failed_share_counts_each_request_in_its_second() -> None:
    full = simulate(Scenario(conntrack_max=16_384), seed=1, requests=6_000)
    failed = conntrack_over_time(full)["data"][2]
    first = full.arrival_s < 0.5
    assert failed["y"][0] == pytest.approx(100 * full.failed[first].mean())


def test_everything_may_fail() -> None:
    none_left = simulate(
        Scenario(ingress_read_timeout_s=0.001, service_time_us=50_000,
                 service_time_distribution="deterministic"),
        seed=1, requests=500)  # fmt: skip
    assert none_left.failure_share == 1
    for draw in (latency_percentiles, time_by_hop, conntrack_over_time):
        to_plotly(draw(none_left))


@pytest.mark.parametrize(
    ("us", "text"),
    [(27_746, "27.7 ms"), (999.9, "1.00 ms"), (8.2, "8.20 µs"), (5_020_740, "5.02 s"),
     (152_000, "152 ms"), (float("nan"), "none")],
)  # fmt: skip
def test_durations_in_words(us: float, text: str) -> None:
    assert duration(us) == text


def test_a_log_axis_grows_by_whole_decades() -> None:
    assert decades(2.3, 45, 1, 100) == [0, 2]
    assert decades(2.3, 5021, 1, 100) == [0, 4]
    assert decades(0.4, 100, 1, 100) == [-1, 2]
    assert number_ticks([0, 2])["ticktext"][:4] == ["1", "2", "5", "10"]
    assert number_ticks([0, 4])["ticktext"] == ["1", "10", "100", "1,000", "10,000"]


def _luminance(color: str) -> float:
    channels = [int(color[i : i + 2], 16) / 255 for i in (1, 3, 5)]
    linear = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in channels]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def _contrast(one: str, other: str) -> float:
    low, high = sorted((_luminance(one), _luminance(other)))
    return (high + 0.05) / (low + 0.05)


@pytest.mark.parametrize("color", sorted(set(DARK_FOR_LIGHT) - {GRID, SKY_FILL}))
def test_colors_can_be_read_on_light_and_dark_pages(color: str) -> None:
    assert _contrast(color, "#ffffff") >= 4.5
    assert _contrast(DARK_FOR_LIGHT[color], "#111111") >= 4.5
