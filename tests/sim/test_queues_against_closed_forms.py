"""Both engines, and the queue forms under them, against queueing theory and an event loop."""

import math
from dataclasses import replace
from heapq import heapreplace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from k8snet_lessons.scenario import Scenario, simulate
from k8snet_lessons.sim.fifo import single_server_wait, stage_wait
from k8snet_lessons.sim.many_servers import many_servers_wait

# A road on which nothing but the pod takes time.
BARE = Scenario(
    client_rtt_us=0.0,
    ingress_service_us=0.0,
    client_new_connection_share=0.0,
    ingress_new_connection_share=0.0,
    lookup_share=0.0,
    nodes=1,
    replicas=1,
    pod_concurrency=1,
    service_time_us=1_000.0,
)


def erlang_c(servers: int, load: float) -> float:
    """Return the probability of waiting in M/M/c with `load` erlangs offered."""
    terms = [load**k / math.factorial(k) for k in range(servers)]
    last = load**servers / math.factorial(servers) * servers / (servers - load)
    return last / (sum(terms) + last)


def one_after_the_other(arrival: np.ndarray, work: np.ndarray, servers: int) -> np.ndarray:
    free = [-np.inf] * servers
    wait = []
    for now, need in zip(arrival.tolist(), work.tolist(), strict=True):
        begin = max(now, free[0])
        heapreplace(free, begin + need)
        wait.append(begin - now)
    return np.array(wait)


@pytest.mark.parametrize(("utilization", "tolerance"), [(0.3, 0.02), (0.7, 0.05)])
def test_mm1_mean_wait_and_tail(utilization: float, tolerance: float) -> None:
    run = simulate(replace(BARE, offered_load_per_s=utilization * 1_000), seed=11, requests=400_000)
    expected = utilization / (1 - utilization) * 1_000
    assert run.by_hop["pod queue"].mean() == pytest.approx(expected, rel=tolerance)
    # The time in the system is exponential with rate mu - lambda.
    in_system = run.by_hop["pod queue"] + run.by_hop["pod service"]
    p99 = math.log(100) * 1_000 / (1 - utilization)
    assert np.percentile(in_system, 99) == pytest.approx(p99, rel=2 * tolerance)


@pytest.mark.parametrize("utilization", [0.3, 0.6])
def test_md1_mean_wait(utilization: float) -> None:
    scenario = replace(
        BARE,
        offered_load_per_s=utilization * 1_000,
        service_time_distribution="deterministic",
    )
    run = simulate(scenario, seed=12, requests=400_000)
    expected = utilization / (2 * (1 - utilization)) * 1_000
    assert run.by_hop["pod queue"].mean() == pytest.approx(expected, rel=0.03)


def test_ingress_is_split_md1() -> None:
    """Random choice among workers splits a Poisson stream into Poisson streams."""
    scenario = replace(
        BARE,
        tls_terminates_at="none",
        ingress_service_us=1_000.0,
        ingress_replicas=2,
        ingress_workers=4,
        offered_load_per_s=0.5 * 8_000,
        service_time_us=0.0,
    )
    run = simulate(scenario, seed=13, requests=400_000)
    assert run.by_hop["ingress"].mean() - 1_000 == pytest.approx(500, rel=0.03)


@pytest.mark.parametrize(("servers", "utilization"), [(2, 0.5), (4, 0.5), (8, 0.8)])
def test_mmc_mean_wait(servers: int, utilization: float) -> None:
    scenario = replace(
        BARE, pod_concurrency=servers, offered_load_per_s=utilization * servers * 1_000
    )
    run = simulate(scenario, seed=14, requests=400_000)
    load = utilization * servers
    expected = erlang_c(servers, load) / (servers - load) * 1_000
    assert run.by_hop["pod queue"].mean() == pytest.approx(expected, rel=0.06)
    waits = run.by_hop["pod queue"] > 1e-6
    assert waits.mean() == pytest.approx(erlang_c(servers, load), rel=0.03)


def test_lognormal_work_keeps_its_mean() -> None:
    """Pollaczek and Khinchine: the wait grows with the squared variation, here 1 + 4."""
    scenario = replace(BARE, offered_load_per_s=300.0, service_time_distribution="lognormal")
    run = simulate(scenario, seed=15, requests=500_000)
    assert run.by_hop["pod service"].mean() == pytest.approx(1_000, rel=0.02)
    assert run.by_hop["pod queue"].mean() == pytest.approx(0.3 / (2 * 0.7) * 5_000, rel=0.15)


def test_coredns_is_mm1_per_replica() -> None:
    """One round a lookup, so that the stream is Poisson but for the pod's shuffling."""
    scenario = replace(
        BARE,
        offered_load_per_s=5_000.0,
        service_time_us=0.0,
        lookup_share=1.0,
        ndots=0,
        coredns_replicas=2,
        coredns_service_us=100.0,
        coredns_cache_hit_share=1.0,
        conntrack_max=10_000_000,
    )
    run = simulate(scenario, seed=16, requests=150_000)
    assert run.coredns_utilization == pytest.approx(0.5, rel=0.02)
    spent = run.by_hop["name lookup"]
    assert spent.mean() - spent.min() == pytest.approx(200 / (1 - 0.5), rel=0.04)


@pytest.mark.parametrize("engine", ["vector", "simpy"])
def test_littles_law(engine: str) -> None:
    """Requests on the road, counted as they come and go: arrival rate times mean latency."""
    run = simulate(Scenario(), seed=17, requests=4_000, engine=engine)  # type: ignore[arg-type]
    gone_us = np.sort(run.arrival_s * 1e6 + run.latency_us)
    end = gone_us[-1]
    moments = np.linspace(0, end, 20_001)
    inside = np.searchsorted(run.arrival_s * 1e6, moments) - np.searchsorted(gone_us, moments)
    rate_per_us = len(run) / end
    assert inside.mean() == pytest.approx(rate_per_us * run.latency_us.mean(), rel=0.02)


@given(
    seed=st.integers(0, 10_000),
    n=st.integers(1, 400),
    servers=st.integers(1, 20),
    utilization=st.floats(0.05, 1.5),
    whole=st.booleans(),
)
@settings(max_examples=150, deadline=None)
def test_many_servers_is_the_event_loop(
    seed: int, n: int, servers: int, utilization: float, whole: bool
) -> None:
    """Ties included: whole numbers make many."""
    draw = np.random.default_rng(seed)
    gaps = draw.exponential(10 / (servers * utilization), n)
    work = draw.exponential(10, n)
    if whole:
        gaps, work = np.round(gaps), np.round(work)
    arrival = np.cumsum(gaps)
    cut = int(draw.integers(0, n + 1))
    bounds = np.array([0, cut, n])
    expected = np.concatenate(
        [
            one_after_the_other(arrival[part], work[part], servers)
            for part in (slice(0, cut), slice(cut, n))
        ]
    )
    got = many_servers_wait(arrival, work, bounds, servers)
    np.testing.assert_allclose(got, expected, atol=1e-9)


@pytest.mark.parametrize("servers", [2, 4, 7])
@pytest.mark.parametrize("utilization", [0.2, 0.5, 0.68, 0.71, 0.95])
def test_many_servers_in_long_streams(servers: int, utilization: float) -> None:
    """Long enough for chapters to be walked side by side and merged again."""
    draw = np.random.default_rng(servers)
    arrival = np.cumsum(draw.exponential(1 / (servers * utilization), 20_000))
    work = draw.exponential(1.0, 20_000)
    got = many_servers_wait(arrival, work, np.array([0, 20_000]), servers)
    np.testing.assert_allclose(got, one_after_the_other(arrival, work, servers), atol=1e-8)


def test_a_stage_takes_customers_in_any_order() -> None:
    draw = np.random.default_rng(5)
    arrival, work = draw.random(3_000) * 1_000, draw.exponential(1.0, 3_000)
    queue = draw.integers(0, 5, 3_000)
    got = stage_wait(queue, arrival, work, queues=6)
    for q in range(5):
        mine = np.flatnonzero(queue == q)
        mine = mine[np.argsort(arrival[mine])]
        expected = one_after_the_other(arrival[mine], work[mine], 1)
        np.testing.assert_allclose(got[mine], expected, atol=1e-9)
        np.testing.assert_allclose(
            single_server_wait(arrival[mine], work[mine]), expected, atol=1e-9
        )
