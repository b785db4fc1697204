"""The model against real gRPC: counts by pod in the record ``grpc-pinning``."""

import numpy as np
import pytest

from k8snet_lessons.data.measured import load
from k8snet_lessons.traffic import (
    TrafficSpec,
    chance_of_idle,
    expected_idle,
    refused_requests,
    serve,
)

RECORD = load("grpc-pinning")
BEFORE_S = RECORD.parameters["seconds_before"]


def measured_idle(case):
    return RECORD.one("idle pods", case=case).samples


def modeled_idle(seed=1, **change):
    """Idle pods in each second after the change, for as long as it was measured."""
    seconds = len(measured_idle(change.pop("case")))
    spec = TrafficSpec(
        requests_per_s=RECORD.parameters["requests_per_s"], duration_s=BEFORE_S + seconds,
        clients=RECORD.parameters["channels"], connections_per_client=1, scale_at_s=BEFORE_S,
        start_s=0.0, propagation_s=0.0, service_us=100.0, **change,
    )  # fmt: skip
    run = serve(spec, seed=seed)
    return [run.idle(BEFORE_S + second, BEFORE_S + second + 1) for second in range(seconds)]


@pytest.mark.parametrize(
    ("case", "change"),
    [
        ("a Service", {}),
        ("headless, pick_first", {"balancing": "pick_first"}),
        ("headless, round_robin", {"balancing": "client_round_robin"}),
        ("HAProxy", {"balancing": "round_robin", "shared_proxies": 1}),
        ("Envoy", {"balancing": "round_robin", "shared_proxies": 1}),
    ],
)
def test_who_is_idle_is_what_the_model_says(case, change):
    assert list(measured_idle(case)) == modeled_idle(case=case, **change)


def test_a_channel_of_short_connections_learns_of_new_pods_after_thirty_seconds():
    case = "headless, round_robin, age 1 s"
    modeled = modeled_idle(case=case, balancing="client_round_robin", max_age_s=1.0)
    measured = list(measured_idle(case))
    assert measured == modeled
    assert measured.index(0) == 30 - BEFORE_S
    assert RECORD.findings["dns_asked_at_s"][case][10] == pytest.approx(30.0, abs=0.2)


def test_retired_connections_spread_as_in_the_model():
    case = "a Service, age 1 s"
    modeled = np.mean([modeled_idle(seed, case=case, max_age_s=1.0) for seed in range(30)], axis=0)
    measured = np.array(measured_idle(case))
    # The first generation is chosen anew within 1.1 s; after that every second is alike.
    assert measured[2:].mean() == pytest.approx(modeled[2:].mean(), abs=1.0)


def test_the_server_retires_a_connection_within_ten_percent_of_its_age():
    once = [each for each in RECORD.one("between two pods").samples if each < 1.5]
    assert len(once) > 150
    # A channel is asked 40 times a second, so a change shows up to 25 ms late, or early; now
    # and then the client's process had to wait for a CPU, which shows as a longer life.
    low, high = np.quantile(once, (0.03, 0.9))
    assert 0.9 - 0.03 < low < high < 1.1 + 0.03
    assert np.mean(once) == pytest.approx(RECORD.parameters["max_connection_age_s"], abs=0.03)


def test_channels_opened_on_twenty_pods_are_balls_in_bins():
    idle = np.array(RECORD.one("idle pods", case="channels opened on 20 pods").samples, dtype=int)
    expected = chance_of_idle(20, 10)
    mean = idle.mean()
    deviation = np.sqrt((expected * (np.arange(21) - expected_idle(20, 10)) ** 2).sum())
    assert mean == pytest.approx(expected_idle(20, 10), abs=4 * deviation / np.sqrt(len(idle)))
    assert expected[idle].min() > 1e-4


def test_a_missing_prestop_costs_the_rate_times_the_news():
    setting, lost = RECORD.parameters["leaving"], RECORD.findings["unanswered_leaving"]
    expected = refused_requests(
        setting["requests_per_s"], setting["pods"], setting["of_which_leave"],
        setting["rules_follow_after_s"], 0.0,
    )  # fmt: skip
    assert lost["preStop 0 s"] == pytest.approx(expected, rel=0.4)
    assert lost["preStop 1.5 s"] == 0


def test_nothing_was_lost_by_any_cure():
    assert set(RECORD.findings["unanswered"].values()) == {0}
