"""The main road's explorer: its knobs are the Scenario's, its numbers the Outcome's."""

import pytest

from k8snet_lessons import Scenario, simulate
from k8snet_lessons.errors import InputError
from k8snet_lessons.explorers import main_road
from k8snet_lessons.explorers._main_road import MAIN, MORE, code_for, scenario_of, view
from k8snet_lessons.explorers._protocol import same

DEFAULTS = {"situation": "default"} | {n: getattr(Scenario(), n) for n in (*MAIN, *MORE)}


def test_the_four_knobs_come_first_and_the_others_are_folded() -> None:
    knobs = main_road().spec["knobs"]
    shown = [knob["name"] for knob in knobs if knob["group"] == "main"]
    assert shown == ["replicas", "ndots", "conntrack_max", "cni"]
    assert {knob["name"] for knob in knobs if knob["group"] == "more"} == set(MORE)


def test_text_form() -> None:
    assert repr(main_road()) == (
        "<Explorer 'The main road: load balancer to pod': situation='default', replicas=3, "
        "ndots=5, conntrack_max=262144, cni='vxlan', offered_load_per_s=1200.0, services=1000, "
        "proxy_mode='iptables', node_local_dns=False, topology='cluster', "
        "ingress_mode='endpoints'>"
    )


@pytest.mark.parametrize("name", sorted(Scenario.presets()))
def test_a_preset_is_the_scenario_of_that_name(name: str) -> None:
    settings = main_road()._desk.preset(name)
    assert scenario_of(settings) == Scenario.presets()[name]


def test_numbers_are_those_of_the_simulation() -> None:
    seen = view({**DEFAULTS, "replicas": 2}, requests=4_000)
    outcome = simulate(Scenario(replicas=2), seed=1, requests=4_000)
    assert seen.number("p99 latency") == pytest.approx(outcome.p99_us / 1e3)
    assert seen.number("failed") == 100 * outcome.failure_share


def test_every_knob_moves_the_picture() -> None:
    before = view(DEFAULTS, requests=4_000)
    turned = {
        "replicas": 2, "ndots": 1, "conntrack_max": 32_768, "cni": "wireguard",
        "offered_load_per_s": 1600, "services": 30_000, "proxy_mode": "nftables",
        "node_local_dns": True, "topology": "prefer_same_zone", "ingress_mode": "cluster_ip",
    }  # fmt: skip
    assert set(turned) == {*MAIN, *MORE}
    for name, value in turned.items():
        after = view({**DEFAULTS, name: value}, requests=4_000)
        pairs = zip(before.panels, after.panels, strict=True)
        assert not all(same(a.figure["data"], b.figure["data"]) for a, b in pairs), name


def test_the_code_reproduces_the_numbers(capsys: pytest.CaptureFixture[str]) -> None:
    scenario = Scenario.presets()["dns_amplification"]
    code = code_for(scenario).split("for draw")[0].replace("100_000", "2_000")
    names: dict[str, object] = {}
    exec(code, names)
    outcome = simulate(scenario, seed=1, requests=2_000)
    assert names["scenario"] == scenario
    assert capsys.readouterr().out == f"{outcome}\n"


def test_estimates_are_named() -> None:
    notes = " ".join(view(DEFAULTS, requests=1_000).notes)
    assert "estimates, not measurements" in notes


def test_what_a_preset_sets_besides_the_knobs_is_said() -> None:
    settings = main_road()._desk.preset("conntrack_burst")
    notes = view(settings, requests=1_000).notes
    burst = Scenario.presets()["conntrack_burst"].burst_factor
    assert f"burst factor {burst:g}" in notes[0]


def test_a_burst_that_is_not_over_is_said_so() -> None:
    settings = main_road()._desk.preset("conntrack_burst")
    assert view(settings, requests=4_000).headline.startswith("In the first ")


@pytest.mark.parametrize("value", [0, -1, 10_001, 2.5, "many"])
def test_out_of_range_names_the_field_and_what_is_allowed(value: object) -> None:
    with pytest.raises(InputError, match=r"replicas is .*allowed: a whole number from 1 to 10000"):
        main_road().set(replicas=value)


def test_csv_has_a_row_a_percentile_and_a_column_a_hop() -> None:
    seen = view(DEFAULTS, requests=4_000)
    assert seen.csv is not None
    rows = list(seen.csv())
    assert rows[98]["percentile"] == 99
    hops = [key for key in rows[98] if key not in ("percentile", "latency_us")]
    total = sum(float(str(rows[98][hop])) for hop in hops)
    assert total == pytest.approx(float(str(rows[98]["latency_us"])), rel=0.05)
