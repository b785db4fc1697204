"""The explorers of lesson 11 against the models that they draw."""

import math

import pytest

from k8snet_lessons.explorers.isolation import blast_radius, isolation_playground, view
from k8snet_lessons.explorers.storm import retry_storm
from k8snet_lessons.figures import isolation_tables as tables
from k8snet_lessons.isolation import DEFENSE_NAMES, EXAMPLE, FAULT_NAMES, Defenses, Fault, blast


def test_the_guess_is_about_one_percent():
    assert "too low by a factor of 3.1" in blast_radius().commit(1)


@pytest.mark.parametrize("kind", FAULT_NAMES)
def test_every_fault_is_drawn_as_the_model_has_it(kind):
    explorer = isolation_playground()
    explorer.set(kind=kind, node_cache=True)
    found = blast(EXAMPLE, Fault(kind=kind), Defenses(node_cache=True))
    shown = explorer.view.number("users' requests that fail")
    assert shown == pytest.approx(found.failed_requests, abs=1e-6)
    lines, heat, bars = (panel.figure["data"] for panel in explorer.view.panels)
    assert [each["name"] for each in lines[1:]] == list(found.namespaces)
    assert lines[1]["y"][40] == pytest.approx(100 * found.of_namespace("shop")[80])
    assert heat[0]["y"] == list(found.services)
    assert bars[0]["x"][0] == pytest.approx(shown)
    assert len(list(explorer.view.csv())) == len(found.time_s)


def test_every_knob_of_the_cluster_reaches_the_model():
    start = dict(isolation_playground().settings)
    turned = {
        "coredns-loss": {"new_connections": 50.0, "loss": 5.0, "deadline_s": 6.0},
        "coredns-slow": {"slow_s": 0.2},
        "ingress-flood": {"flood_factor": 200.0},
        "conntrack-full": {"refused": 20.0},
        "node-lost": {"ledger_pods": 12, "ledger_load": 20.0},
    }
    for kind, knobs in turned.items():
        before = view(start | {"kind": kind}, requests=1).main
        for name, value in knobs.items():
            after = view(start | {"kind": kind, name: value}, requests=1).main
            assert after.value != before.value, (kind, name)
    flood = start | {"kind": "ingress-flood", "bulkhead": True}
    assert (
        view(flood | {"bulkhead_share": 80.0}, requests=1).main.value
        > view(flood, requests=1).main.value
    )
    lost = start | {"kind": "node-lost", "ejection": True}
    assert (
        view(lost | {"max_ejection_percent": 50}, requests=1).main.value
        < view(lost, requests=1).main.value
    )


def test_the_code_beside_the_plot_gives_the_plot():
    explorer = isolation_playground()
    explorer.set(kind="zone-cut", same_zone=True, new_connections=40.0, ledger_pods=6)
    names: dict[str, object] = {}
    *setup, last = explorer.view.code.splitlines()
    exec("\n".join(setup), names)
    found = eval(last, names)
    assert found.failed_requests == explorer.view.number("users' requests that fail")


def test_measurements_lie_over_the_settings_that_were_measured_and_no_others():
    explorer = retry_storm()
    for settings in ({}, {"budgeted": True}, {"queue_s": 0.4}, {"retries": 0}):
        explorer.set(**{"budgeted": False, "queue_s": 2.0, "retries": 3} | settings)
        attempts, useful = explorer.view.panels[0].evidence
        assert len(attempts["x"]) == len(useful["y"]) == 30
        drawn = explorer.view.panels[0].figure["data"][3]["y"]
        assert useful["y"][-1] == pytest.approx(float(drawn[-1]), abs=25), settings
    explorer.set(load=70.0)
    assert not explorer.view.panels[0].evidence


def test_the_storms_headline_says_what_becomes_of_it():
    explorer = retry_storm()
    assert explorer.view.headline.startswith("The storm outlives its trigger")
    assert math.isinf(explorer.view.number("until at most 1 % fail again"))
    explorer.set(budgeted=True)
    assert explorer.view.headline.startswith("It is over")
    explorer.set(budgeted=False, limit=True)
    assert "outlives" not in explorer.view.headline
    explorer.set(limit=False, load=20.0)
    assert "outlives" not in explorer.view.headline


def test_tables_say_what_the_models_say():
    rows = {row[0]: row for row in tables.radius_table().rows}
    assert list(rows) == list(FAULT_NAMES.values())
    assert rows["two nodes are drained at once"][-1].startswith("PodDisruptionBudget")
    assert rows["DNS loses datagrams"][1] == "3.1 %"
    assert [row[-1] for row in tables.storm_table().rows] == ["yes", "no", "no", "no"]
    assert ("9", "0", "4", "5") in tables.ejection_table().rows
    assert tables.depth_table().rows[2][:4] == ("3", "8", "27", "64")
    assert tables.clock_table().rows[0][2] == "51 s"
    assert tables.felt_table().rows[0][1] == "ECONNREFUSED"
    assert tables.loss_table().rows[2][-1] == "7.7 %"


def test_every_switch_has_a_knob():
    assert set(DEFENSE_NAMES) < set(isolation_playground().settings)
