"""The Scenario refuses what it cannot mean; the Outcome says what happened."""

from dataclasses import FrozenInstanceError, fields, replace
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from scenarios import any_scenario

from k8snet_lessons.data.costs import cost
from k8snet_lessons.errors import InputError
from k8snet_lessons.scenario import CAUSES, HOPS, Scenario, knobs, simulate

PRESETS = Scenario.presets()


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("replicas", 0),
        ("replicas", True),
        ("replicas", 2.5),
        ("replicas", "3"),
        ("replicas", None),
        ("replicas", np.float64(3.0)),
        ("ndots", -1),
        ("ndots", 16),
        ("conntrack_max", 0),
        ("cni", "VXLAN"),
        ("cni", 3),
        ("cni", None),
        ("offered_load_per_s", 0.0),
        ("offered_load_per_s", float("nan")),
        ("offered_load_per_s", float("inf")),
        ("offered_load_per_s", True),
        ("lookup_share", 1.01),
        ("lookup_share", np.nan),
        ("node_local_dns", 1),
        ("node_local_dns", "yes"),
        ("downstream_name", ""),
        ("downstream_name", "bad name"),
        ("downstream_name", ".com"),
        ("downstream_name", "a" * 64 + ".com"),
        ("search_domains", "cluster.local"),
        ("search_domains", ("cluster.local", 3)),
        ("search_domains", ("x",) * 33),
        ("connected_replicas", 0),
        ("syn_ladder", "exponential"),
    ],
)
def test_a_bad_value_is_refused_by_name(field: str, value: Any) -> None:
    with pytest.raises(InputError) as refusal:
        Scenario(**{field: value})
    assert refusal.value.field == field
    assert refusal.value.value is value
    assert field in str(refusal.value)
    assert refusal.value.allowed in str(refusal.value)


def test_numpy_scalars_become_python_values() -> None:
    scenario = Scenario(
        replicas=np.int32(4),  # type: ignore[arg-type]
        lookup_share=np.float32(0.25),  # type: ignore[arg-type]
        offered_load_per_s=800,
        node_local_dns=np.bool_(True),  # type: ignore[arg-type]
        search_domains=["cluster.local"],  # type: ignore[arg-type]
    )
    assert scenario == Scenario(
        replicas=4,
        lookup_share=0.25,
        offered_load_per_s=800.0,
        node_local_dns=True,
        search_domains=("cluster.local",),
    )
    assert type(scenario.replicas) is int
    assert type(scenario.lookup_share) is float
    assert type(scenario.node_local_dns) is bool
    assert hash(scenario) == hash(replace(scenario))


def test_a_scenario_cannot_be_changed_and_takes_keywords_only() -> None:
    with pytest.raises(FrozenInstanceError):
        Scenario().replicas = 4  # type: ignore[misc]
    with pytest.raises(TypeError):
        Scenario(1200.0)  # type: ignore[call-arg]


def test_every_field_has_a_knob_that_accepts_its_own_bounds() -> None:
    assert list(knobs()) == [field.name for field in fields(Scenario)]
    for name, knob in knobs().items():
        assert knob.default == getattr(Scenario(), name)
        assert knob.label
        assert knob.help.endswith(".")
        for edge in (knob.minimum, knob.maximum, *knob.choices, *(knob.slider or ())):
            if edge is not None:
                value = int(edge) if knob.kind == "whole" else edge  # type: ignore[call-overload]
                assert getattr(Scenario(**{name: value}), name) == value


@pytest.mark.parametrize(
    ("argument", "value"),
    [
        ("seed", -1),
        ("seed", 1.0),
        ("seed", True),
        ("requests", 0),
        ("requests", 10**9),
        ("requests", "many"),
        ("engine", "numba"),
        ("engine", None),
        ("scenario", {"replicas": 3}),
    ],
)
def test_simulate_refuses_bad_arguments(argument: str, value: Any) -> None:
    with pytest.raises(InputError) as refusal:
        simulate(**{argument: value})
    assert refusal.value.field == argument


@pytest.mark.parametrize("name", PRESETS)
def test_an_outcome_is_whole(name: str) -> None:
    run = simulate(PRESETS[name], seed=2, requests=30_000)
    assert len(run) == 30_000
    assert tuple(run.by_hop) == HOPS
    total = sum(run.by_hop[hop] for hop in HOPS)
    np.testing.assert_allclose(total, run.latency_us)
    assert all((hop >= 0).all() and np.isfinite(hop).all() for hop in run.by_hop.values())
    assert (np.diff(run.arrival_s) >= 0).all()
    np.testing.assert_array_equal(run.failed, run.cause != "")
    assert set(np.unique(run.cause)) <= set(CAUSES)
    assert sum(run.causes.values()) == run.failed.sum()
    assert run.failure_share == run.failed.mean()
    good = run.latency_us[~run.failed]
    for q in (0, 12.5, 50, 99, 99.9, 100):
        assert run.percentile(q) == pytest.approx(np.percentile(good, q))
    assert 0 <= run.pod.min() <= run.pod.max() < PRESETS[name].replicas
    assert run.per_pod.requests.sum() == np.count_nonzero(run.cause != CAUSES[1])
    table = run.conntrack
    assert len(table.time_s) == len(table.entries) == len(table.refused) + 1
    assert table.time_s[-1] == pytest.approx(run.arrival_s[-1])
    assert table.entries.max() <= table.limit == PRESETS[name].conntrack_max
    assert run.estimates
    assert all(one.status == "estimate" and one.source for one in run.estimates)


def test_the_default_is_healthy() -> None:
    plain = simulate(requests=100_000)
    named = simulate(
        Scenario(replicas=3, ndots=5, conntrack_max=262144, cni="vxlan"), requests=100_000
    )
    np.testing.assert_array_equal(plain.latency_us, named.latency_us)
    assert not plain.failed.any()
    assert 5_000 < plain.p50_us < 15_000
    assert 20_000 < plain.p99_us < 50_000
    assert plain.dns_queries_per_request == pytest.approx(8 * 0.5, rel=0.02)


def test_the_incidents_hurt_and_their_cures_work() -> None:
    runs = {name: simulate(scenario, seed=4) for name, scenario in PRESETS.items()}
    for name, run in runs.items():
        if name.endswith("_fixed"):
            assert not run.failed.any()
            assert run.p99_us < 50_000
    assert runs["dns_amplification"].dns_queries_per_request == pytest.approx(10, rel=0.02)
    assert runs["dns_amplification"].p99_us > 5_000_000
    assert runs["conntrack_burst"].conntrack.entries.max() == 131_072
    assert runs["conntrack_burst"].failure_share > 0.02
    assert runs["pinned_2_to_20"].per_pod.idle == 18
    assert runs["pinned_2_to_20_fixed"].per_pod.idle == 0
    assert runs["pinned_2_to_20"].p99_us > 2 * runs["pinned_2_to_20_fixed"].p99_us


def test_a_preview_of_the_burst_shows_the_table_full() -> None:
    run = simulate(PRESETS["conntrack_burst"], requests=20_000)
    assert run.conntrack.entries.max() == run.conntrack.limit
    assert run.conntrack.refused.sum() > 0


# Common random numbers: a knob changes what it acts on, and nothing else.


def test_ndots_below_the_names_dots_changes_nothing() -> None:
    name = "db.production.svc.cluster.local."
    five = simulate(Scenario(ndots=5, downstream_name=name), requests=5_000)
    four = simulate(Scenario(ndots=4, downstream_name=name), requests=5_000)
    np.testing.assert_array_equal(five.latency_us, four.latency_us)


def test_ndots_leaves_every_other_hop_alone() -> None:
    five, two = (simulate(Scenario(ndots=n), requests=20_000) for n in (5, 2))
    for hop in HOPS:
        if hop != "name lookup":
            np.testing.assert_array_equal(five.by_hop[hop], two.by_hop[hop])
    looked = five.by_hop["name lookup"] > 0
    np.testing.assert_array_equal(looked, two.by_hop["name lookup"] > 0)
    assert five.by_hop["name lookup"][looked].mean() > 2 * two.by_hop["name lookup"][looked].mean()


def test_replicas_leave_arrivals_and_work_alone() -> None:
    few, many = (simulate(Scenario(replicas=n), requests=20_000) for n in (3, 30))
    np.testing.assert_array_equal(few.arrival_s, many.arrival_s)
    for hop in ("client network", "load balancer", "ingress", "pod service", "name lookup"):
        if hop == "name lookup":  # who looks up, not how long it queues
            np.testing.assert_array_equal(few.by_hop[hop] > 0, many.by_hop[hop] > 0)
        else:
            np.testing.assert_array_equal(few.by_hop[hop], many.by_hop[hop])
    assert few.by_hop["pod queue"].mean() > 50 * many.by_hop["pod queue"].mean()


def test_a_room_in_the_table_is_worth_nothing_while_there_is_room() -> None:
    runs = [simulate(Scenario(conntrack_max=m), requests=10_000) for m in (100_000, 10_000_000)]
    np.testing.assert_array_equal(runs[0].latency_us, runs[1].latency_us)


def test_load_stretches_one_pattern_of_arrivals() -> None:
    slow, fast = (
        simulate(Scenario(offered_load_per_s=rate), requests=5_000) for rate in (500.0, 1_000.0)
    )
    np.testing.assert_allclose(slow.arrival_s, 2 * fast.arrival_s)


def test_a_preview_is_the_beginning_of_the_whole() -> None:
    preview, whole = (simulate(requests=n) for n in (2_000, 20_000))
    np.testing.assert_array_equal(preview.arrival_s, whole.arrival_s[:2_000])
    np.testing.assert_array_equal(preview.pod, whole.pod[:2_000])
    np.testing.assert_array_equal(
        preview.by_hop["pod service"], whole.by_hop["pod service"][:2_000]
    )


def test_seeds_differ_and_repeat() -> None:
    first, again, other = (simulate(seed=seed, requests=3_000) for seed in (1, 1, 2))
    np.testing.assert_array_equal(first.latency_us, again.latency_us)
    assert not np.array_equal(first.latency_us, other.latency_us)


def test_a_burst_has_its_rate() -> None:
    scenario = Scenario(burst_factor=4.0, burst_start_s=5.0, burst_duration_s=10.0, replicas=20)
    arrivals = simulate(scenario, requests=60_000).arrival_s
    inside = np.count_nonzero((arrivals >= 5) & (arrivals < 15))
    assert inside == pytest.approx(4 * 1_200 * 10, rel=0.02)
    assert np.count_nonzero(arrivals < 5) == pytest.approx(1_200 * 5, rel=0.05)


# What the knobs do, each against arithmetic that can be done by hand.


@pytest.mark.parametrize(
    ("name", "ndots", "resolver", "domains", "per_lookup"),
    [
        ("api.stripe.com", 5, "glibc", 3, 8),
        ("api.stripe.com", 5, "glibc", 4, 10),
        ("api.stripe.com", 2, "glibc", 3, 2),
        ("api.stripe.com", 3, "glibc", 3, 8),
        ("api.stripe.com.", 5, "glibc", 3, 2),
        ("payments", 5, "glibc", 3, 2),
        ("payments.production", 5, "musl", 3, 4),
        ("payments.other.svc", 5, "go", 3, 6),
        ("payments.other.svc", 2, "go", 3, 8),
        ("pay.production.svc.cluster.local", 5, "glibc", 3, 8),
        ("pay.production.svc.cluster.local", 4, "musl", 3, 2),
    ],
)
def test_questions_per_lookup(
    name: str, ndots: int, resolver: str, domains: int, per_lookup: int
) -> None:
    search = (*Scenario().search_domains, "eu-west-1.compute.internal")[:domains]
    scenario = Scenario(
        downstream_name=name,
        ndots=ndots,
        resolver=resolver,
        search_domains=search,
        lookup_share=1.0,
    )
    run = simulate(scenario, requests=500)
    assert run.dns_queries_per_request == per_lookup
    assert not run.failed.any()


def test_ndots_1_breaks_musl_for_a_service_in_another_words() -> None:
    scenario = Scenario(
        resolver="musl", ndots=1, downstream_name="pay.production", lookup_share=1.0
    )
    run = simulate(scenario, requests=500)
    assert set(run.cause) == {"name not found"}
    assert not simulate(replace(scenario, resolver="glibc"), requests=500).failed.any()


def test_a_table_in_its_steady_state_stays_there() -> None:
    """Little's law: entries are the rate of new flows times the time they stay."""
    scenario = Scenario(nodes=1, replicas=4, conntrack_max=10_000_000)
    run = simulate(scenario, requests=300_000)
    rate = 1_200.0
    expected = rate * (0.2 + 0.5) * 120 + rate * 0.5 * 4 * 30
    np.testing.assert_allclose(run.conntrack.entries, expected, rtol=0.02)


def test_connection_failures_take_the_proxys_patience() -> None:
    scenario = Scenario(conntrack_max=100, ingress_connect_timeout_s=2.5, lookup_share=0.0)
    run = simulate(scenario, requests=5_000)
    failed = run.cause == "conntrack full: connect timeout"
    assert failed.any()
    np.testing.assert_allclose(run.by_hop["connect"][failed], 2_500_000)
    assert (run.by_hop["pod service"][failed] == 0).all()
    # Requests on connections that stand are not touched.
    reused = run.by_hop["connect"] == 0
    assert not run.failed[reused].any()


@pytest.mark.parametrize(("ladder", "rungs"), [("linear", {0, 1, 2, 3, 4}), ("classic", {0, 1, 3})])
def test_syn_retries_follow_the_kernels_ladder(ladder: str, rungs: set[int]) -> None:
    scenario = Scenario(conntrack_max=9_000, lookup_share=0.0, syn_ladder=ladder)
    run = simulate(scenario, requests=30_000)
    new = (run.by_hop["connect"] > 0) & ~run.failed
    waited_s = np.floor(run.by_hop["connect"][new] / 1e6).astype(int)
    assert set(waited_s.tolist()) <= rungs
    assert len(set(waited_s.tolist())) > 1


def test_the_kernel_gives_up_where_the_proxy_would_wait_for_ever() -> None:
    scenario = Scenario(
        conntrack_max=1,
        lookup_share=0.0,
        ingress_connect_timeout_s=3_600.0,
        ingress_read_timeout_s=3_600.0,
        time_wait_s=1_000.0,
    )
    for ladder, given_up_s in (("linear", 131), ("classic", 127)):
        run = simulate(replace(scenario, syn_ladder=ladder), requests=500)
        np.testing.assert_allclose(run.by_hop["connect"][run.failed], given_up_s * 1e6)
        assert run.failed.any()


def test_an_lru_map_never_refuses() -> None:
    run = simulate(Scenario(conntrack_max=30_000, proxy_mode="ebpf"), requests=10_000)
    assert not run.failed.any()
    assert run.conntrack.refused.sum() == 0
    assert run.conntrack.evicted > 0


def test_node_local_cache_makes_no_entries_and_loses_nothing() -> None:
    lossy = Scenario(dns_loss_share=0.05)
    plain, cached = simulate(lossy), simulate(replace(lossy, node_local_dns=True))
    assert plain.by_hop["name lookup"].max() > 5_000_000
    assert cached.by_hop["name lookup"].max() < 1_000_000
    assert cached.conntrack.entries[0] < plain.conntrack.entries[0] - 20_000


def test_zone_crossing_is_the_share_of_pods_elsewhere() -> None:
    run = simulate(Scenario(ingress_new_connection_share=0.0))
    crossing = run.by_hop["zone crossing"]
    assert set(np.unique(crossing)) == {0.0, cost("network.cross_zone_rtt_us")}
    assert np.mean(crossing > 0) == pytest.approx(2 / 3, abs=0.01)
    near = simulate(Scenario(topology="prefer_same_zone", ingress_new_connection_share=0.0))
    assert (near.by_hop["zone crossing"] == 0).all()


def test_translation_costs_a_walk_under_iptables_only() -> None:
    def mean(mode: str, services: int) -> float:
        scenario = Scenario(proxy_mode=mode, services=services)
        run = simulate(scenario, requests=2_000)
        return float(run.by_hop["service translation"].mean())

    assert mean("iptables", 20_000) > 10 * mean("iptables", 100)
    for mode in ("nftables", "ipvs", "ebpf"):
        assert mean(mode, 20_000) == mean(mode, 100)


def test_wire_counts_packets_and_their_overhead() -> None:
    """1 + 10 packets; VXLAN makes them smaller, so 2 + 11, and each costs bytes and CPU."""
    base = Scenario(zones=1, request_bytes=1_448, response_bytes=14_480, cni="bgp")
    bgp = simulate(base, requests=100).by_hop["wire"][0]
    vxlan = simulate(replace(base, cni="vxlan"), requests=100).by_hop["wire"][0]
    rtt, encapsulation = cost("network.same_zone_rtt_us"), cost("wire.vxlan.packet_us")
    assert bgp == pytest.approx(rtt + (15_928 + 11 * 90) * 8 / 10_000)
    assert vxlan == pytest.approx(rtt + (15_928 + 13 * 140) * 8 / 10_000 + 13 * encapsulation)


def test_read_timeout_caps_what_the_client_sees() -> None:
    run = simulate(Scenario(ingress_read_timeout_s=0.01), requests=20_000)
    late = run.cause == "ingress read timeout"
    assert 0.1 < late.mean() < 0.9
    patient = simulate(Scenario(), requests=20_000)
    np.testing.assert_array_equal(run.latency_us[~late], patient.latency_us[~late])
    after_send = sum(run.by_hop[hop] for hop in HOPS[5:]) + run.by_hop["service translation"]
    assert after_send[late].max() < 10_000 + 100 + 830
    assert (run.latency_us[late] <= patient.latency_us[late]).all()


@given(scenario=any_scenario())
@settings(max_examples=60, deadline=None)
def test_any_setting_of_the_knobs_can_be_simulated(scenario: Scenario) -> None:
    run = simulate(scenario, requests=300)
    assert np.isfinite(run.latency_us).all()
    assert (run.latency_us >= 0).all()
    assert all((hop >= -1e-6).all() for hop in run.by_hop.values())
    np.testing.assert_allclose(sum(run.by_hop[hop] for hop in HOPS), run.latency_us, atol=1e-6)
    assert sum(run.causes.values()) == np.count_nonzero(run.failed)
    np.testing.assert_array_equal(run.failed, run.cause_code > 0)
    assert (run.conntrack.entries >= 0).all()
    assert run.conntrack.entries.max() <= scenario.conntrack_max


@pytest.mark.parametrize(
    ("knob", "values"),
    [
        ("offered_load_per_s", (100.0, 600.0, 1200.0, 1800.0, 2200.0, 2400.0)),
        ("service_time_us", (100.0, 1000.0, 5000.0, 7000.0, 9000.0)),
        ("services", (0, 1000, 30_000, 1_000_000)),
        ("coredns_service_us", (10.0, 100.0, 200.0, 400.0)),
        ("zone_rtt_us", (0.0, 100.0, 830.0, 4000.0)),
        ("client_rtt_us", (0.0, 2000.0, 200_000.0)),
        ("response_bytes", (0, 20_000, 10_000_000)),
    ],
)
def test_more_of_what_costs_time_never_saves_any(knob: str, values: tuple[Any, ...]) -> None:
    """With common random numbers that holds for every run, not only in the long run."""
    means = [
        simulate(replace(Scenario(), **{knob: value}), requests=10_000).latency_us.mean()
        for value in values
    ]
    assert means == sorted(means)
    assert means[-1] > means[0]


def test_more_patience_or_room_never_fails_more() -> None:
    burst = PRESETS["conntrack_burst"]
    for base, knob, values in (
        (Scenario(), "ingress_read_timeout_s", (0.001, 0.01, 0.02, 0.05, 1.0)),
        (burst, "conntrack_max", (65_536, 98_304, 131_072, 196_608)),
    ):
        failed = [
            simulate(replace(base, **{knob: value}), requests=40_000).failure_share
            for value in values
        ]
        assert failed == sorted(failed, reverse=True)
        assert failed[0] > failed[-1] == 0
