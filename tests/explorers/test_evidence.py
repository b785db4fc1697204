"""Explorers whose subject was measured lay the measurements over their curves."""

import pytest

from k8snet_lessons.data.measured import load
from k8snet_lessons.explorers import main_road
from k8snet_lessons.explorers.conntrack import connection_table
from k8snet_lessons.explorers.names import name_ladder


def laid_over(explorer):
    return [trace for panel in explorer.view.panels for trace in panel.evidence]


@pytest.mark.parametrize("resolver", ["glibc", "musl", "go"])
@pytest.mark.parametrize("ndots", [1, 2, 5])
def test_recorded_queries_lie_on_the_bars(resolver, ndots):
    explorer = name_ladder()
    explorer.uncover()
    explorer.set(resolver=resolver, ndots=ndots)
    (points,) = laid_over(explorer)
    bars = explorer.view.panels[2].figure["data"][0]
    said = dict(zip(bars["y"], bars["x"], strict=True))
    assert len(points["y"]) == 4
    assert [said[name] for name in points["y"]] == points["x"]


def test_what_was_not_recorded_has_no_points():
    explorer = name_ladder()
    explorer.uncover()
    for settings in ({"ndots": 4}, {"ndots": 2, "cloud": True}):
        explorer.set(**settings)
        assert laid_over(explorer)[0]["x"] == []


def test_real_tables_refuse_when_the_model_does():
    explorer = connection_table()
    explorer.uncover()
    (points,) = laid_over(explorer)
    first = explorer.view.number("first refusal after the burst began")
    assert len(points["x"]) == 6
    assert points["x"] == pytest.approx([first] * 6, rel=0.002)
    explorer.set(burst_factor=1)
    assert laid_over(explorer)[0]["x"] == []


def test_the_main_road_shows_what_was_measured_of_its_hops():
    road = main_road()
    points, origins = laid_over(road)
    hops = road.view.panels[1].figure["layout"]["yaxis"]["ticktext"]
    where = [hops[place] for place in points["y"]]
    assert set(where) == {"ingress", "service translation"}
    # The first and the last of a thousand Services stand to both sides of the mean.
    first, last = points["x"][-2:]
    typical = road.view.panels[1].figure["data"][1]["x"][hops.index("service translation")]
    assert first < typical < last
    record = load("proxy").one("CPU a request", proxy="nginx, TLS, 10 kB, access log")
    assert points["x"][: len(record.samples)] == list(record.samples)
    assert "estimate" in origins["text"][1]

    road.set(proxy_mode="ipvs")
    points, origins = laid_over(road)
    assert {hops[place] for place in points["y"]} == {"ingress"}, "IPVS was not measured"
    said = dict(zip((hops[place] for place in origins["y"]), origins["text"], strict=True))
    assert said["service translation"].strip() == "estimate"
