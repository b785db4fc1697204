"""Zone hints against the controller's own test cases and against what must always hold."""

import json
import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from k8snet_lessons.control.topology import (
    NodeCpu,
    ZoneEndpoint,
    allocate_hints,
    giving_and_receiving_zones,
    is_overloaded,
    zone_cpus,
)
from k8snet_lessons.errors import InputError


@pytest.fixture(scope="module")
def vectors(vector_file):
    return json.loads(vector_file("topology-hints.json").read_text())


def test_giving_and_receiving_zones_match_the_recorded_cases(vectors):
    for case in vectors["giving_receiving"]:
        giving, receiving = giving_and_receiving_zones(case["desired"], case["allocated"])
        assert (giving, receiving) == (case["giving"], case["receiving"]), case["name"]


def test_allocations_match_the_recorded_cases(vectors):
    for case in vectors["add_hints"]:
        hints = allocate_hints(case["cpu_ratios"] or {}, endpoints=case["endpoints"])
        assert dict(hints.by_zone) == (case["expected"] or {}), case["name"]
        assert bool(hints) == (case["expected"] is not None)
        assert bool(hints.reason) == (case["expected"] is None)


def test_one_endpoint_of_the_fullest_zone_serves_its_neighbor():
    """The controller's case 'slices to create and update within 3 zone threshold'."""
    zones = ["a", "b", "c", "c", "a", "a", "a", "b", "c", "a"]
    hints = allocate_hints(["a", "b", "c"], [0.35, 0.35, 0.30], zones)
    assert hints.zones == ("b", "b", "c", "c", "a", "a", "a", "b", "c", "a")
    assert hints.moved == (0,)
    assert hints.by_zone == {"a": 4, "b": 3, "c": 3}


def test_endpoints_that_are_not_ready_are_neither_counted_nor_hinted():
    endpoints = [
        ZoneEndpoint("a"),
        ZoneEndpoint("b"),
        ZoneEndpoint("b", ready=False),
        ZoneEndpoint(None, ready=False),
    ]
    hints = allocate_hints({"a": 0.45, "b": 0.55}, endpoints=endpoints)
    assert hints.zones == ("a", "b", None, None)


@pytest.mark.parametrize(
    ("cpus", "endpoints", "word"),
    [
        ({}, 5, "zone label"),
        ({"a": 4}, 5, "one zone"),
        ({"a": 4, "b": 4, "c": 4}, 2, "cannot serve 3 zones"),
        ({"a": 4, "b": 4, "c": 4}, 0, "cannot serve 3 zones"),
        # ceil(4/3/1.2) = 2 for each of three zones is more than the four there are
        ({"a": 4, "b": 4, "c": 4}, 4, "20%"),
        ({"a": 4, "b": 4}, ["a", "b", None, "b"], "has no zone"),
        ({"a": 4, "b": 0}, 4, "zone label"),
    ],
)
def test_no_hints_come_with_a_reason(cpus, endpoints, word):
    hints = allocate_hints(cpus, endpoints=endpoints)
    assert not hints
    assert hints.zones == ()
    assert word in hints.reason
    assert hints.event


def test_few_endpoints_switch_the_feature_off_and_on_again():
    """Three equal zones: 4 endpoints are too few, 5 are too few, 3 and 6 are fine."""
    on = [n for n in range(1, 13) if allocate_hints(["a", "b", "c"], [1, 1, 1], n)]
    expected = [n for n in range(3, 13) if 3 * math.ceil(n / 3 / 1.2) <= n]
    assert on == expected
    assert 3 in on
    assert 4 not in on


def test_three_ways_to_say_the_same_endpoints():
    by_list = allocate_hints(["a", "b"], [2, 2], ["a", "b", "a", "b"])
    by_count = allocate_hints(["a", "b"], {"a": 2, "b": 2}, {"a": 2, "b": 2})
    by_number = allocate_hints({"a": 2000, "b": 2000}, endpoints=4)
    assert by_list.by_zone == by_count.by_zone == by_number.by_zone == {"a": 2, "b": 2}


ROLE = "node-role.kubernetes.io"


def node(zone, cpus, **more):
    return NodeCpu(zone, cpus, **more)


@pytest.mark.parametrize(
    ("nodes", "expected"),
    [
        ([], {}),
        ([node("a", 1)], {"a": 1}),
        ([node("a", 1), node("a", 2), node("b", 1)], {"a": 3, "b": 1}),
        ([node("a", 1), node("b", 1, ready=False)], {"a": 1}),
        (
            [node("a", 1), node("b", 2, labels={"node-role.kubernetes.io/control-plane": ""})],
            {"a": 1},
        ),
        ([node("a", 1), node("b", 2, labels={"node-role.kubernetes.io/master": ""})], {"a": 1}),
        ([node("a", 1), node(None, 2)], {}),
        ([node("a", 1), node("b", 0)], {}),
    ],
)
def test_cpu_is_counted_as_the_controller_counts_it(nodes, expected):
    assert zone_cpus(nodes) == expected


@pytest.mark.parametrize(
    "arguments",
    [
        {"zones": ["a", "b"], "cpus": [1]},
        {"zones": ["a", "a"], "cpus": [1, 1]},
        {"zones": ["a"], "cpus": {"b": 1}},
        {"zones": ["a", "b"], "cpus": [1, -1]},
        {"zones": ["a", "b"], "cpus": [1, math.nan]},
        {"zones": ["a", "b"]},
        {"zones": {"a": 1}, "cpus": [1]},
        {"zones": "ab", "cpus": [1, 1]},
        {"zones": {"a": 1, "b": 1}, "endpoints": -1},
        {"zones": {"a": 1, "b": 1}, "endpoints": {"a": -1}},
        {"zones": {"a": 1, "b": 1}, "endpoints": 2.5},
        {"zones": {"a": 1, "b": 1}, "endpoints": ["a", 3]},
    ],
)
def test_input_that_does_not_fit_is_refused(arguments):
    with pytest.raises(InputError):
        allocate_hints(**arguments)


SPREAD = st.dictionaries(st.sampled_from("abcde"), st.integers(1, 40), min_size=2).flatmap(
    lambda cpus: st.tuples(
        st.just(cpus), st.lists(st.sampled_from(sorted(cpus)), min_size=1, max_size=60)
    )
)


@given(SPREAD)
def test_hints_keep_every_endpoint_once_and_no_zone_far_below_its_minimum(case):
    cpus, zones = case
    hints = allocate_hints(cpus, endpoints=zones)
    if not hints:
        assert hints.reason
        return
    assert sum(hints.by_zone.values()) == len(zones)
    assert sorted(hints.moved) == [
        i for i, (home, to) in enumerate(zip(zones, hints.zones, strict=True)) if home != to
    ]
    for zone in cpus:
        assert hints.by_zone.get(zone, 0) >= hints.allocations[zone].minimum - 1


def test_a_small_zone_can_be_left_with_nothing_although_its_minimum_is_one():
    """Worked by hand from getGivingAndReceivingZones: c wants 7.06 and always asks loudest."""
    hints = allocate_hints({"a": 1, "b": 1, "c": 15}, endpoints=["a"] * 8)
    assert hints.by_zone == {"a": 1, "c": 7}
    assert hints.allocations["b"].minimum == 1


@given(SPREAD, st.integers(1, 1000))
def test_only_the_ratio_of_cpus_counts(case, factor):
    cpus, zones = case
    scaled = {zone: cpu * factor for zone, cpu in cpus.items()}
    assert (
        allocate_hints(cpus, endpoints=zones).by_zone
        == allocate_hints(scaled, endpoints=zones).by_zone
    )


def test_growth_elsewhere_overloads_old_hints():
    assert not is_overloaded({}, {"a": 1})
    assert is_overloaded({"a": 2}, {})
    assert is_overloaded({"a": 2}, {"a": 1, "b": 1})
    assert not is_overloaded({"a": 2, "b": 2}, {"a": 1, "b": 1})
    assert is_overloaded({"a": 2, "b": 2}, {"a": 1, "b": 3})
