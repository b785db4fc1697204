"""A Service in several zones: shares and money against closed forms."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from k8snet_lessons.control.zones import POLICIES, ZonedService, spread_evenly, zoned_outcome
from k8snet_lessons.errors import InputError
from k8snet_lessons.explorers.zones import topology_aware_routing, view


def service(endpoints, policy="none", rates=None, **more):
    rates = rates or dict.fromkeys(endpoints, 100.0)
    return ZonedService(endpoints, rates, dict.fromkeys(endpoints, 8), policy, **more)


@given(
    st.lists(st.integers(1, 20), min_size=2, max_size=6),
    st.floats(1, 1e5),
)
def test_without_hints_all_but_one_nth_crosses_and_is_billed_twice(counts, kilobytes):
    endpoints = dict(zip("abcdef", counts, strict=False))
    zones = len(endpoints)
    found = zoned_outcome(service(endpoints, kilobytes=kilobytes)).traffic
    assert found.cross_zone_share == pytest.approx((zones - 1) / zones)
    gigabytes = (zones - 1) * 100 * kilobytes * 1e3 * 730 * 3600 / 1e9
    assert found.transfer_cost_per_month == pytest.approx(gigabytes * 0.02)


@pytest.mark.parametrize("count", range(1, 20))
def test_the_annotation_wins_over_the_field_even_where_it_yields_nothing(count):
    endpoints = spread_evenly(count, ("a", "b", "c"))
    both, auto = (zoned_outcome(service(endpoints, policy)) for policy in ("both", "auto"))
    assert both.traffic.cross_zone_share == auto.traffic.cross_zone_share
    assert bool(sum(auto.hints_by_zone.values())) == (count not in (1, 2, 4, 5, 8, 11))


def test_local_routing_heats_the_zone_that_sends_most():
    rates = {"a": 400.0, "b": 100.0, "c": 100.0}
    found = zoned_outcome(service({"a": 2, "b": 2, "c": 2}, "zone", rates, capacity_per_s=250))
    assert found.traffic.cross_zone_share == 0
    assert found.peak_by_zone == pytest.approx({"a": 0.8, "b": 0.2, "c": 0.2})


def test_a_zone_without_endpoints_goes_everywhere():
    found = zoned_outcome(service({"a": 2, "b": 2, "c": 0}, "zone"))
    assert found.traffic.cross_zone_share == pytest.approx(1 / 3)


@pytest.mark.parametrize("policy", POLICIES)
def test_the_explorer_shows_every_policy_with_traces_of_one_shape(policy):
    explorer = topology_aware_routing()
    for zones in (2, 6):
        shown = view({**explorer.settings, "policy": policy, "zones": zones}, requests=1)
        assert [len(panel.figure["data"]) for panel in shown.panels] == [2, 2, 4]


@pytest.mark.parametrize(
    ("change", "named"),
    [
        ({"policy": "near"}, "policy"),
        ({"endpoints": {"a": 0, "b": 0}}, "endpoints"),
        ({"endpoints": {"a": -1, "b": 2}}, "zone a"),
        ({"cpus": {"a": 8}}, "cpus"),
    ],
)
def test_a_wrong_value_is_named(change, named):
    fields = {
        "endpoints": {"a": 1, "b": 1},
        "rate_per_s": {"a": 1.0, "b": 1.0},
        "cpus": {"a": 8, "b": 8},
    }
    with pytest.raises(InputError, match=named):
        ZonedService(**(fields | change))
