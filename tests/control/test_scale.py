"""What Services cost by the thousand: against counts, records, and published figures."""

import json
import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from k8snet_lessons.cluster import synthetic_cluster
from k8snet_lessons.control import program
from k8snet_lessons.control.scale import (
    MODES,
    ServiceLoad,
    first_packet_us,
    nat_rules,
    scale_cost,
    sync_s,
)
from k8snet_lessons.data.measured import load
from k8snet_lessons.errors import InputError
from k8snet_lessons.figures.scale import published


@pytest.mark.parametrize(("services", "endpoints"), [(1, 1), (7, 3), (20, 5)])
def test_the_closed_form_counts_what_is_programmed(services, endpoints):
    text = program(synthetic_cluster(services, endpoints), mode="iptables").to_text()
    nat = text.split("*nat")[1].split("COMMIT")[0]
    own = [
        line
        for line in nat.splitlines()
        if line.startswith(("-A KUBE-SVC-", "-A KUBE-SEP-"))
        or (line.startswith("-A KUBE-SERVICES") and "-j KUBE-SVC-" in line)
    ]
    assert len(own) == nat_rules(services, endpoints) - nat_rules(0, 1)


def test_only_iptables_grows_with_the_number_of_services():
    counts = np.array([1, 100, 10_000])
    for mode in MODES:
        cost_us = first_packet_us(mode, counts)
        assert (np.diff(cost_us) > 0).all() == (mode == "iptables")


def test_the_mean_over_all_places_is_the_cost_half_way():
    places = np.linspace(0, 1, 10_001)
    each = [float(first_packet_us("iptables", 10_001, 1, place=p)) for p in places]
    assert np.mean(each) == pytest.approx(float(first_packet_us("iptables", 10_001, 1, place=0.5)))


def test_the_curve_goes_through_the_measured_medians():
    for series in load("loading").find("one Service added", mode="nftables, numgen"):
        services = series.where["services"]
        assert float(sync_s("nftables", services, 1, "one change")) == pytest.approx(series.median)


def test_published_figures_lie_in_the_models_neighbourhood():
    """Other hardware, other versions: the same order of magnitude is all that can be asked."""
    for point in published():
        if point["panel"] == "first packet":
            continue
        endpoints = round(point.get("endpoints", point["services"]) / point["services"])
        model_s = float(sync_s(point["mode"], point["services"], endpoints, point["panel"]))
        assert 0.1 < model_s / point["value"] < 10, point


def test_every_published_figure_names_its_source_and_status():
    for point in published():
        assert point["source"]
        assert point["status"] in ("verified", "secondary", "digitised")
    assert json.dumps(published())


@given(
    services=st.integers(1, 50_000),
    reuse=st.floats(1, 1e6),
    changes=st.floats(0, 1e4),
    mode=st.sampled_from(MODES),
)
def test_costs_are_finite_and_reuse_never_hurts(services, reuse, changes, mode):
    one = scale_cost(mode, ServiceLoad(services=services, changes_per_s=changes))
    kept = scale_cost(
        mode,
        ServiceLoad(services=services, changes_per_s=changes, requests_per_connection=reuse),
    )
    assert kept.per_request_us <= one.per_request_us
    assert 0 < one.first_packet_us < math.inf
    assert mode == "ipvs" or 0 <= one.sync_cores <= 1


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("services", 0),
        ("services", True),
        ("endpoints_per_service", 1_001),
        ("requests_per_connection", 0.5),
        ("changes_per_s", -1),
        ("new_connections_per_s", math.nan),
    ],
)
def test_a_wrong_value_is_named(field, value):
    with pytest.raises(InputError, match=field):
        ServiceLoad(**{field: value})
