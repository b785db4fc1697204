"""trafficDistribution, the annotation over it, and what kube-proxy does with the hints."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from k8snet_lessons.control.topology import (
    DEPRECATED_ANNOTATION,
    MODE_ANNOTATION,
    ZoneEndpoint,
    annotation_enables_hints,
    hint_endpoints,
    select_endpoints,
)
from k8snet_lessons.errors import InputError


@pytest.mark.parametrize(
    ("annotations", "on"),
    [
        ({}, False),
        ({MODE_ANNOTATION: "Auto"}, True),
        ({MODE_ANNOTATION: "auto"}, True),
        ({MODE_ANNOTATION: "AUTO"}, False),
        ({MODE_ANNOTATION: "Disabled"}, False),
        ({DEPRECATED_ANNOTATION: "auto"}, True),
        ({DEPRECATED_ANNOTATION: "Disabled", MODE_ANNOTATION: "Auto"}, False),
        ({DEPRECATED_ANNOTATION: "Auto", MODE_ANNOTATION: "Disabled"}, True),
    ],
)
def test_the_oldest_annotation_has_the_last_word(annotations, on):
    assert annotation_enables_hints(annotations) is on


THREE = (ZoneEndpoint("a", "n1"), ZoneEndpoint("b", "n2"), ZoneEndpoint("b", "n3"))


def test_the_old_annotation_wins_over_the_new_field():
    hinted = hint_endpoints(
        THREE,
        traffic_distribution="PreferSameNode",
        annotations={DEPRECATED_ANNOTATION: "auto"},
        cpus={"a": 1, "b": 2},
    )
    assert hinted.heuristic == "cpu-proportional"
    assert "wins over" in hinted.reason
    assert all(not e.node_hints for e in hinted.endpoints)


def test_the_annotation_that_cannot_be_met_does_not_fall_back_to_the_field():
    hinted = hint_endpoints(
        THREE[:2],
        traffic_distribution="PreferSameZone",
        annotations={MODE_ANNOTATION: "Auto"},
        cpus={"a": 1, "b": 1, "c": 1},
    )
    assert hinted.heuristic == "none"
    assert all(not e.zone_hints for e in hinted.endpoints)


def test_prefer_close_is_the_old_name_of_prefer_same_zone():
    old = hint_endpoints(THREE, traffic_distribution="PreferClose")
    new = hint_endpoints(THREE, traffic_distribution="PreferSameZone")
    assert old.endpoints == new.endpoints
    assert [e.zone_hints for e in new.endpoints] == [("a",), ("b",), ("b",)]
    assert all(not e.node_hints for e in new.endpoints)


def test_same_node_writes_both_hints_and_skips_what_is_unknown_or_not_ready():
    hinted = hint_endpoints(
        [
            *THREE,
            ZoneEndpoint(None, "n4"),
            ZoneEndpoint("a", None),
            ZoneEndpoint("a", "n5", ready=False),
        ],
        traffic_distribution="PreferSameNode",
    )
    assert [(e.zone_hints, e.node_hints) for e in hinted.endpoints] == [
        (("a",), ("n1",)),
        (("b",), ("n2",)),
        (("b",), ("n3",)),
        ((), ("n4",)),
        (("a",), ()),
        ((), ()),
    ]


def test_no_wish_removes_old_hints():
    stale = ZoneEndpoint("a", zone_hints=("z",), node_hints=("n",))
    hinted = hint_endpoints([stale])
    assert hinted.endpoints == (ZoneEndpoint("a"),)


def test_a_value_the_api_server_refuses_is_refused():
    with pytest.raises(InputError, match="trafficDistribution"):
        hint_endpoints(THREE, traffic_distribution="PreferLocal")


def endpoint(zone_hints="", node_hints="", **more):
    return ZoneEndpoint(
        "a",
        more.pop("node", "n"),
        zone_hints=tuple(zone_hints),
        node_hints=tuple(node_hints),
        **more,
    )


LEAVING = endpoint(ready=False, terminating=True)


@pytest.mark.parametrize(
    ("endpoints", "zone", "mode", "indices"),
    [
        ([endpoint("a"), endpoint("b"), endpoint("b")], "b", "same-zone", (1, 2)),
        ([endpoint("a"), endpoint("b"), endpoint()], "b", "cluster-wide", (0, 1, 2)),
        ([endpoint("a"), endpoint("b")], None, "cluster-wide", (0, 1)),
        ([endpoint("a"), endpoint("b")], "c", "cluster-wide", (0, 1)),
        # an unready endpoint hinted for this zone does not count, nor does one without hints
        ([endpoint("a"), endpoint("b", ready=False)], "b", "cluster-wide", (0,)),
        ([endpoint("a"), endpoint(ready=False)], "a", "same-zone", (0,)),
        ([endpoint("ab"), endpoint("b")], "a", "same-zone", (0,)),
        (
            [endpoint(ready=False, terminating=True), endpoint(ready=False)],
            "a",
            "cluster-wide",
            (0,),
        ),
        ([endpoint(ready=False, serving=False, terminating=True)], "a", "cluster-wide", ()),
        ([], "a", "cluster-wide", ()),
    ],
)
def test_a_node_heeds_hints_all_or_none(endpoints, zone, mode, indices):
    chosen = select_endpoints(endpoints, node="n", zone=zone)
    assert (chosen.mode, chosen.indices) == (mode, indices)
    assert chosen.reason
    assert chosen.verdict == ("forward" if indices else "reject")


def test_same_node_falls_back_to_the_zone_and_then_to_everyone():
    hinted = hint_endpoints(THREE, traffic_distribution="PreferSameNode").endpoints
    assert select_endpoints(hinted, node="n2", zone="b").indices == (1,)
    assert select_endpoints(hinted, node="other", zone="b").indices == (1, 2)
    assert select_endpoints(hinted, node="other", zone="z").indices == (0, 1, 2)


def test_local_looks_at_this_node_alone_and_never_falls_back():
    hinted = hint_endpoints(THREE, traffic_distribution="PreferSameZone").endpoints
    here = select_endpoints(hinted, node="n1", zone="b", internal_traffic_policy="Local")
    assert (here.indices, here.verdict) == ((0,), "forward")
    nobody = select_endpoints(hinted, node="n9", zone="b", internal_traffic_policy="Local")
    assert (nobody.indices, nobody.verdict) == ((), "drop")
    empty = select_endpoints([], node="n9", zone="b", internal_traffic_policy="Local")
    assert empty.verdict == "reject"
    leaving = ZoneEndpoint("a", "n1", ready=False, terminating=True)
    assert select_endpoints(
        [leaving, *THREE[1:]], node="n1", zone="a", internal_traffic_policy="Local"
    ).indices == (0,)
    with pytest.raises(InputError, match="internalTrafficPolicy"):
        select_endpoints(hinted, node="n1", zone="a", internal_traffic_policy="local")


@given(
    st.lists(
        st.builds(
            ZoneEndpoint,
            zone=st.sampled_from([None, "a", "b"]),
            node=st.sampled_from(["n1", "n2"]),
            ready=st.booleans(),
            terminating=st.booleans(),
        ),
        max_size=8,
    ),
    st.sampled_from([None, "PreferSameZone", "PreferSameNode"]),
    st.sampled_from([None, "a", "b", "c"]),
)
def test_hints_never_cost_a_node_its_last_endpoint(endpoints, distribution, zone):
    hinted = hint_endpoints(endpoints, traffic_distribution=distribution).endpoints
    chosen = select_endpoints(hinted, node="n1", zone=zone)
    plain = select_endpoints(endpoints, node="n1", zone=zone)
    assert bool(chosen.indices) == bool(plain.indices)
    assert set(chosen.indices) <= set(plain.indices)
