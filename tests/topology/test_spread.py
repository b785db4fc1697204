"""Shares, money and heat against figures worked out by hand."""

import math

import numpy as np
import pytest

from k8snet_lessons.control.topology import (
    ClientGroup,
    CrossZonePath,
    ZoneEndpoint,
    hint_endpoints,
    spread_traffic,
)
from k8snet_lessons.data.costs import cost
from k8snet_lessons.errors import InputError

SIX = tuple(ZoneEndpoint(zone) for zone in "aabbcc")
EVEN = tuple(ClientGroup(zone, 100.0) for zone in "abc")
ROUND = CrossZonePath(same_zone_rtt_us=250, cross_zone_rtt_us=1000)


def test_without_hints_two_thirds_of_the_traffic_of_three_zones_crosses():
    spread = spread_traffic(EVEN, SIX, path=ROUND)
    assert spread.cross_zone_share == pytest.approx(2 / 3)
    assert spread.load_per_s == pytest.approx(np.full(6, 50.0))
    assert spread.hottest_over_mean == pytest.approx(1)
    assert spread.mean_rtt_us == pytest.approx(250 / 3 + 1000 * 2 / 3)


def test_with_hints_nothing_crosses():
    hinted = hint_endpoints(SIX, traffic_distribution="PreferSameZone").endpoints
    spread = spread_traffic(EVEN, hinted, path=ROUND)
    assert spread.cross_zone_share == 0
    assert spread.transfer_cost_per_month == 0
    assert spread.mean_rtt_us == 250
    assert spread.modes == ("same-zone",) * 3


def test_the_bill_is_bytes_times_price_on_both_ends():
    path = CrossZonePath(request_bytes=1000, response_bytes=9000, price_per_gb_each_way=0.01)
    spread = spread_traffic([ClientGroup("a", 100.0)], [ZoneEndpoint("b")], path=path)
    # 100/s * 10 kB = 1 MB/s; 730 h * 3600 s = 2.628e6 s; 2628 GB at two cents
    assert spread.transfer_cost_per_month == pytest.approx(2628 * 0.02)


def test_skewed_load_makes_a_hot_zone_that_hints_cannot_cool():
    skewed = (ClientGroup("a", 800.0), ClientGroup("b", 100.0), ClientGroup("c", 100.0))
    hinted = hint_endpoints(SIX, traffic_distribution="PreferSameZone").endpoints
    hot = spread_traffic(skewed, hinted, capacity_per_s=300.0)
    even = spread_traffic(skewed, SIX, capacity_per_s=300.0)
    assert hot.load_per_s == pytest.approx([400, 400, 50, 50, 50, 50])
    assert hot.hottest_over_mean == pytest.approx(2.4)
    assert hot.utilization[0] == pytest.approx(4 / 3)
    assert math.isinf(hot.response_us[0])
    assert hot.response_us[2] == pytest.approx(1e6 / 250)
    assert even.hottest_over_mean == pytest.approx(1)
    assert np.isfinite(even.response_us).all()


def test_load_is_conserved_or_counted_as_unserved():
    groups = (ClientGroup("a", 10.0, "n1"), ClientGroup("a", 5.0, "n2"))
    endpoints = (ZoneEndpoint("a", "n1"), ZoneEndpoint("a", "n1", ready=False))
    spread = spread_traffic(groups, endpoints, internal_traffic_policy="Local")
    assert spread.load_per_s.sum() == pytest.approx(10)
    assert spread.unserved_per_s == pytest.approx(5)
    assert spread.load_per_s.sum() + spread.unserved_per_s == pytest.approx(15)
    assert spread.hottest_over_mean == pytest.approx(1)


def test_the_default_path_is_that_of_the_cost_table():
    spread = spread_traffic(EVEN, SIX)
    near, far = cost("network.same_zone_rtt_us"), cost("network.cross_zone_rtt_us")
    assert spread.mean_rtt_us == pytest.approx(near / 3 + far * 2 / 3)


def test_nobody_at_all():
    spread = spread_traffic([], [])
    assert spread.share.shape == (0, 0)
    assert math.isnan(spread.cross_zone_share)
    assert spread.transfer_cost_per_month == 0


@pytest.mark.parametrize("rate", [-1.0, math.nan, math.inf])
def test_rates_are_checked(rate):
    with pytest.raises(InputError):
        spread_traffic([ClientGroup("a", rate)], SIX)
    with pytest.raises(InputError):
        spread_traffic(EVEN, SIX, capacity_per_s=rate if rate != math.inf else 0.0)
