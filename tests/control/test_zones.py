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


def test_the_same_node_comes_first_then_the_same_zone():
    """Two endpoints of each zone on nodes 1 and 2; node 3 has none and goes on to its zone."""
    found = zoned_outcome(service({"a": 2, "b": 2, "c": 2}, "node"))
    assert found.traffic.modes == ("same-node", "same-node", "same-zone") * 3
    assert found.traffic.cross_zone_share == 0
    assert found.cross_node_share == pytest.approx(1 / 3)
    everywhere = zoned_outcome(service({"a": 2, "b": 2, "c": 2}, "none"))
    assert everywhere.cross_node_share == pytest.approx((2 / 3) * (5 / 6) + 1 / 3)


def test_a_node_with_one_endpoint_more_cools_it():
    """Four endpoints on three nodes: the two that share a node get half of what the others get."""
    found = zoned_outcome(service({"a": 4, "b": 4, "c": 4}, "node"))
    assert found.traffic.load_per_s[:4] == pytest.approx([100 / 6, 100 / 3, 100 / 3, 100 / 6])
    assert found.traffic.hottest_over_mean == pytest.approx(4 / 3)


def test_local_drops_what_a_node_without_an_endpoint_sends():
    found = zoned_outcome(
        service({"a": 2, "b": 2, "c": 0}, "zone", internal_traffic_policy="Local")
    )
    assert found.dropped_share == pytest.approx(5 / 9)
    assert found.cross_node_share == 0
    assert set(found.traffic.modes) == {"local"}
    with pytest.raises(InputError, match="internalTrafficPolicy"):
        zoned_outcome(service({"a": 1}, internal_traffic_policy="Here"))


@given(st.sampled_from(["none", "auto", "zone", "both"]), st.integers(1, 5))
def test_only_node_policies_see_how_many_nodes_there_are(policy, nodes):
    endpoints = {"a": 4, "b": 3, "c": 2}
    one, many = (
        zoned_outcome(service(endpoints, policy, nodes_per_zone=n)).traffic for n in (1, nodes)
    )
    assert many.load_per_s == pytest.approx(one.load_per_s)
    assert many.cross_zone_share == pytest.approx(one.cross_zone_share)


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
        ({"nodes_per_zone": 0}, "nodes_per_zone"),
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
