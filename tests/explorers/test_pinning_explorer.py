"""Lesson 10: what it asks, what each rule leaves idle, and what was measured of it."""

import pytest

from k8snet_lessons.explorers.pinning import CHOOSERS, connection_pinning, specification, view
from k8snet_lessons.figures.pinning import MEASURED, by_pod_evidence
from k8snet_lessons.traffic import expected_idle


@pytest.fixture(scope="module")
def explorer():
    return connection_pinning()


def shown(explorer, **change):
    """The view with every knob at its default but these."""
    return view({**explorer._desk.defaults, **change}, requests=1_000)


def test_the_question_is_about_balls_in_bins():
    explorer = connection_pinning()
    assert "30 s" in explorer._desk.prediction.question
    assert explorer.commit(0).endswith("too low.")
    assert explorer.view.number("idle pods") == pytest.approx(expected_idle(20, 10), abs=1.5)


@pytest.mark.parametrize("rule", CHOOSERS)
def test_every_rule_is_drawn_and_says_what_it_leaves_idle(explorer, rule):
    now = shown(explorer, balancing=rule)
    by_request = rule in ("round_robin", "least_request", "ring_hash")
    assert now.number("idle pods") == pytest.approx(0 if by_request else 18, abs=0.2)
    assert ("All 20 pods work" in now.headline) is by_request
    assert len(now.panels) == 4
    bars, heat = now.panels[1].figure["data"][0], now.panels[3].figure["data"][0]
    assert sum(bars["y"]) == pytest.approx(100)
    assert len(heat["z"]) == 20


def test_measured_counts_lie_behind_the_setting_that_was_measured(explorer):
    for rule, cases in MEASURED.items():
        evidence = shown(explorer, balancing=rule).panels[1].evidence
        assert [each["name"].split(":")[0] for each in evidence] == list(cases)
        for trace in evidence:
            assert sum(trace["y"]) == pytest.approx(100)
    assert not shown(explorer, scaled_to=12).panels[1].evidence
    assert not shown(explorer, max_age_s=30).panels[1].evidence
    assert by_pod_evidence("ring_hash") == ()


def test_a_missing_prestop_shows_as_refused_requests(explorer):
    away = {"balancing": "round_robin", "pods": 20, "scaled_to": 10}
    assert shown(explorer, **away, prestop_s=0.0).number("requests without an answer") > 100
    assert shown(explorer, **away, prestop_s=2.0).number("requests without an answer") == 0


def test_knobs_that_mean_nothing_together_are_passed_over(explorer):
    odd = {"balancing": "pick_first", "protocol": "http1", "shared_proxies": 2}
    spec = specification({**explorer._desk.defaults, **odd})
    assert (spec.protocol, spec.shared_proxies) == ("http2", 0)


def test_the_code_gives_what_is_shown(explorer):
    now = shown(explorer, max_age_s=30, connections_per_client=8)
    names = {}
    exec(now.code, names)
    assert names["run"].lost() == {"no connection": 0, "refused": 0, "cut off": 0, "too late": 0}
    idle = sum(names["run"].idle(at, at + 1) for at in range(120, 150)) / 30
    assert idle == pytest.approx(now.number("idle pods"))
