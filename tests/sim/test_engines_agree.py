"""The two engines walk one itinerary and must agree, request by request."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scenarios import any_scenario

from k8snet_lessons.scenario import Scenario
from k8snet_lessons.scenario._compile import compile_itinerary
from k8snet_lessons.sim import processes, vector
from k8snet_lessons.sim.itinerary import HOPS

PRESETS = Scenario.presets()

# Each turns on a part of the road that the presets leave off.
CASES = {
    **PRESETS,
    "cluster ip, zones, Go, loss": Scenario(
        ingress_mode="cluster_ip",
        proxy_mode="nftables",
        topology="prefer_same_zone",
        resolver="go",
        dns_loss_share=0.02,
        replicas=4,
    ),
    "read time-outs behind NodeLocal": Scenario(
        node_local_dns=True,
        service_time_distribution="lognormal",
        load_balancer="l7",
        target="pod_ip",
        ingress_read_timeout_s=0.02,
    ),
    "musl gives up": Scenario(resolver="musl", dns_loss_share=0.1, lookup_share=0.3),
    "musl at ndots 1": Scenario(resolver="musl", ndots=1, downstream_name="pay.production"),
    "glibc tries the name itself": Scenario(dns_loss_share=0.2),
    "full table, glibc": Scenario(conntrack_max=56_000),
    "full table, musl, classic ladder": Scenario(
        conntrack_max=40_000, resolver="musl", syn_ladder="classic"
    ),
    "full table, Go, loss": Scenario(conntrack_max=60_000, resolver="go", dns_loss_share=0.02),
    "full table, long-lived connections": Scenario(
        conntrack_max=30_000, balancing="connection", replicas=5
    ),
    "LRU map": Scenario(conntrack_max=40_000, proxy_mode="ebpf"),
    "CoreDNS overloaded": Scenario(coredns_service_us=2_000, coredns_replicas=1),
    "pods overloaded": Scenario(replicas=1, service_time_distribution="deterministic"),
    "nobody looks anything up": Scenario(lookup_share=0.0, ingress_workers=1, ingress_replicas=1),
}


def both_agree(scenario: Scenario, seed: int, requests: int) -> None:
    itinerary, _ = compile_itinerary(scenario, seed=seed, requests=requests)
    arrays = vector.walk(itinerary, exact=True)
    events = processes.walk(itinerary)
    for hop, ours, theirs in zip(HOPS, arrays.by_hop, events.by_hop, strict=True):
        np.testing.assert_allclose(ours, theirs, rtol=1e-9, atol=1e-3, err_msg=hop)
    np.testing.assert_array_equal(arrays.cause, events.cause)
    np.testing.assert_array_equal(arrays.reached_pod, events.reached_pod)
    assert arrays.questions == events.questions
    assert arrays.visits == events.visits
    assert arrays.coredns_busy_share == pytest.approx(events.coredns_busy_share)
    np.testing.assert_array_equal(arrays.history.entries, events.history.entries)
    np.testing.assert_array_equal(arrays.history.refused, events.history.refused)
    assert arrays.history.evicted == events.history.evicted


@pytest.mark.parametrize("name", CASES)
def test_request_by_request(name: str) -> None:
    both_agree(CASES[name], seed=3, requests=2_000)


@given(scenario=any_scenario(tables=True), seed=st.integers(0, 9), requests=st.integers(1, 250))
@settings(max_examples=80, deadline=None)
def test_request_by_request_whatever_the_setting(
    scenario: Scenario, seed: int, requests: int
) -> None:
    both_agree(scenario, seed, requests)


def test_an_lru_map_smaller_than_the_standing_connections() -> None:
    """Then a long-lived connection's entry is what has to go."""
    full = Scenario(proxy_mode="ebpf", balancing="connection", connections=50, conntrack_max=3)
    both_agree(full, seed=3, requests=200)


def test_the_cases_reach_every_way_to_fail() -> None:
    """A comparison proves nothing about what never happens in it."""
    seen = set()
    for scenario in CASES.values():
        itinerary, _ = compile_itinerary(scenario, seed=3, requests=2_000)
        seen |= set(np.unique(vector.walk(itinerary).cause).tolist())
    itinerary, _ = compile_itinerary(PRESETS["conntrack_burst"], seed=3, requests=60_000)
    seen |= set(np.unique(vector.walk(itinerary).cause).tolist())
    assert seen == {0, 1, 2, 3, 4, 5}


@pytest.mark.parametrize("load_per_s", [300.0, 1_200.0, 3_000.0])
def test_sweeps_are_right_in_distribution_at_light_load(load_per_s: float) -> None:
    """What a slider shows skips the last refinement of the waits at CoreDNS."""
    scenario = Scenario(offered_load_per_s=load_per_s, replicas=10)
    itinerary, _ = compile_itinerary(scenario, seed=5, requests=20_000)
    quick, exact = vector.walk(itinerary), vector.walk(itinerary, exact=True)
    looked = itinerary.lookups.who
    ours, theirs = np.sort(quick.by_hop[9][looked]), np.sort(exact.by_hop[9][looked])
    for q in (0.5, 0.9, 0.99, 0.999):
        place = int(q * len(looked))
        assert ours[place] == pytest.approx(theirs[place], rel=0.02)
    assert ours.mean() == pytest.approx(theirs.mean(), rel=0.01)
