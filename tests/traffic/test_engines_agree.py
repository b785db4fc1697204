"""Whole arrays and SimPy processes: the same traffic, request by request."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from k8snet_lessons.traffic import (
    BALANCING,
    CLIENT_SIDE,
    LAYER_7,
    PROTOCOLS,
    TrafficSpec,
    serve,
    serve_by_process,
)

SMALL = TrafficSpec(requests_per_s=200, duration_s=24, scale_at_s=6, clients=4, service_us=8_000)
UP = replace(SMALL, max_age_s=6.0, min_resolution_s=4.0)
DOWN = replace(
    SMALL, pods=12, scaled_to=3, prestop_s=0.0, max_age_s=10.0, min_resolution_s=3.0,
    age_grace_s=0.004,
)  # fmt: skip
UNREADY = replace(SMALL, pods=3, scaled_to=8, readiness_probe=False, pod_workers=2)
WAYS = [
    (rule, protocol)
    for rule in BALANCING
    for protocol in (("http2",) if rule in CLIENT_SIDE else PROTOCOLS)
]
SPECS = {
    f"{name}, {rule}, {protocol}": replace(base, balancing=rule, protocol=protocol)
    for rule, protocol in WAYS
    for name, base in (("up", UP), ("down", DOWN), ("unready", UNREADY))
} | {
    "shared proxies in turn": replace(SMALL, balancing="round_robin", shared_proxies=3),
    "shared proxies, fewest": replace(
        DOWN, balancing="least_request", shared_proxies=2, deadline_s=0.03
    ),
    "no draining": replace(DOWN, prestop_s=2.0, drains=False),
    "killed while draining": replace(DOWN, termination_grace_s=0.01, service_us=20_000),
    "pods behind": replace(SMALL, requests_per_s=400, deadline_s=0.5),
    "every pod deleted is known for long": replace(DOWN, propagation_s=9.0, retry_s=0.3),
}


@st.composite
def traffic(draw):
    """Any traffic whatever, instants that fall together included."""
    rule, protocol = draw(st.sampled_from(WAYS))
    several = st.sampled_from
    return TrafficSpec(
        balancing=rule,
        protocol=protocol,
        requests_per_s=100,
        duration_s=draw(several((3.0, 8.0))),
        clients=draw(st.integers(1, 5)),
        connections_per_client=draw(st.integers(1, 4)),
        shared_proxies=draw(st.integers(0, 7)) if rule in LAYER_7 else 0,
        pods=draw(st.integers(1, 9)),
        scaled_to=draw(st.integers(1, 9)),
        scale_at_s=draw(several((0.0, 2.0, 30.0))),
        start_s=draw(several((0.0, 1.5))),
        readiness_probe=draw(st.booleans()),
        propagation_s=draw(several((0.0, 0.7, 3.0))),
        prestop_s=draw(several((0.0, 0.7, 2.0))),
        drains=draw(st.booleans()),
        termination_grace_s=draw(several((2.0, 30.0))),
        max_age_s=draw(several((0.3, 2.0, np.inf))),
        age_grace_s=draw(several((0.0, 0.01, np.inf))),
        min_resolution_s=draw(several((0.0, 0.5, 30.0))),
        retry_s=draw(several((0.05, 1.0))),
        service_us=draw(several((100.0, 40_000.0))),
        pod_workers=draw(st.integers(1, 3)),
        deadline_s=draw(several((0.02, 2.0))),
        keys=draw(several((1, 7))),
    )


@given(traffic())
@settings(max_examples=60, deadline=None, derandomize=True)
def test_any_traffic_request_by_request(spec):
    alike(serve(spec, seed=5), serve_by_process(spec, seed=5))


@pytest.mark.parametrize("name", SPECS)
def test_request_by_request(name):
    alike(serve(SPECS[name], seed=3), serve_by_process(SPECS[name], seed=3))


def alike(fast, slow):
    assert np.array_equal(fast.pod, slow.pod)
    assert np.array_equal(fast.cause, slow.cause)
    np.testing.assert_allclose(fast.latency_us, slow.latency_us, atol=0.1)
    if fast.opened:
        assert fast.opened == slow.opened


def test_the_cases_reach_every_way_to_lose_a_request():
    """A comparison proves nothing about what never happens in it."""
    seen = set()
    for spec in SPECS.values():
        seen |= set(np.unique(serve(spec, seed=3).cause).tolist())
    assert seen == {0, 1, 2, 3, 4}
