"""CoreDNS, its caches and what lies behind: closed forms, convolution, and a process."""

from dataclasses import replace

import numpy as np
import pytest

from k8snet_lessons.dns._delay import erlang_cdf, mass, run_sum, workload_tail
from k8snet_lessons.dns.caching import hit_ratio, kept_s
from k8snet_lessons.dns.servers import DnsSpec, serve
from k8snet_lessons.dns.servers_process import serve_by_process
from k8snet_lessons.errors import InputError

# A slow server, so that a load is reached with few lookups.
SLOW = DnsSpec(lookups_per_s=300, service_us=200.0, replicas=2, network_us=1_000.0)


@pytest.mark.parametrize(
    "change",
    [
        {},
        {"resolver": "musl"},
        {"resolver": "go", "lookups_per_s": 600},
        {"resolv_conf": SLOW.resolv_conf.replace("ndots:5", "ndots:1")},
        {"names": (("api.stripe.com.", 1.0),)},
        {"autopath": True},
        {"node_cache": True, "nodes": 3},
        {"ttl_s": 0.1, "cache_success_s": 0.1, "cache_denial_s": 0.1},
        {"lookups_per_s": 1_200},
    ],
    ids=["plain", "musl", "go", "ndots 1", "rooted", "autopath", "node cache", "short ttl", "busy"],
)
def test_the_convolution_and_the_process_agree(change):
    spec = replace(SLOW, **change)
    fast = serve(spec)
    slow = serve_by_process(spec, lookups=2_500, warm_up_s=1_500 / spec.lookups_per_s)
    assert np.mean(fast.latency_us) == pytest.approx(np.mean(slow), rel=0.06)
    for q in (40, 90):  # half of the lookups have one round: the median lies on an edge
        seen = np.percentile(slow, q, method="lower")
        assert fast.percentile(q) == pytest.approx(seen, rel=0.10)


def test_lost_datagrams_cost_five_seconds_each():
    spec = replace(SLOW, loss_share=0.01)
    fast = serve(spec)
    slow = serve_by_process(spec, lookups=3_000, warm_up_s=2.0)
    assert fast.retried_share == pytest.approx(np.mean(slow > 4.9e6), rel=0.3)
    assert fast.percentile(99) > 5e6
    assert serve(replace(spec, node_cache=True)).retried_share == 0


def test_the_race_of_old_kernels_spares_go_and_the_node_cache():
    spec = replace(SLOW, race_share=0.02)
    assert serve(spec).retried_share > 0.02
    assert serve(replace(spec, resolver="go")).retried_share == 0
    assert serve(replace(spec, node_cache=True)).retried_share == 0


def test_a_pair_of_questions_waits_as_the_khinchine_formula_says():
    per_us, service_us = 0.004, 100.0
    rho = 2 * per_us * service_us
    tail = workload_tail(per_us, service_us, 2)
    mean = sum(weight / theta for weight, theta in tail)
    # Pollaczek-Khinchine: lambda E[S^2] / 2 (1 - rho), with S Erlang-2 of second moment 6 s^2.
    assert mean == pytest.approx(per_us * 6 * service_us**2 / (2 * (1 - rho)))
    assert sum(weight for weight, _ in tail) == pytest.approx(rho)
    ((weight, theta),) = workload_tail(0.008, 100.0, 1)
    assert (weight, theta) == pytest.approx((0.8, 0.002))


def test_a_sum_of_repeated_waits_keeps_its_mean():
    edges = (np.arange(4_096) + 0.5) * 0.02
    runs = [1 - 0.7 * np.exp(-edges / (m + 1)) for m in range(4)]
    at = edges - 0.01
    means = [float(run_sum(runs, same) @ at) for same in (0.0, 0.5, 1.0)]
    assert means == pytest.approx([2.8, 2.8, 2.8], rel=0.01)
    assert mass(erlang_cdf(edges, 1.0, 3)) @ at == pytest.approx(3.0, rel=0.01)


@pytest.mark.parametrize(
    ("rate", "options"),
    [
        (0.5, {}),
        (20.0, {}),
        (3.0, {"prefetch": True}),
        (1.0, {"serve_stale_s": 2.0}),
    ],
)
def test_hit_ratios_by_walking_poisson_questions(rate, options):
    rng = np.random.default_rng(8)
    at = np.cumsum(rng.exponential(1 / rate, 200_000))
    ttl_s, window = 2.0, options.get("serve_stale_s", 0.0)
    fetched, hits = -np.inf, 0
    for now in at:
        age = now - fetched
        hits += age < ttl_s + window
        renew = age >= ttl_s or (options.get("prefetch") and age >= 0.9 * ttl_s)
        fetched = now if renew else fetched
    expected = hit_ratio(rate, kept_s(rate, ttl_s, **options))
    assert hits / len(at) == pytest.approx(expected, abs=0.004)


def test_each_switch_and_its_effect():
    plain = serve(DnsSpec())
    # Half the lookups are found at once, a fifth at the second name, the rest at the fourth.
    assert plain.questions_per_lookup == pytest.approx(2 * (0.5 * 1 + 0.2 * 2 + 0.3 * 4))
    two = DnsSpec().resolv_conf.replace("ndots:5", "ndots:2")
    assert serve(DnsSpec(resolv_conf=two)).questions_per_lookup < plain.questions_per_lookup
    auto = serve(DnsSpec(autopath=True))
    assert auto.questions_per_lookup == 2
    assert auto.utilization == pytest.approx(plain.utilization)
    node = serve(DnsSpec(node_cache=True))
    assert node.utilization < plain.utilization / 5
    assert node.percentile(50) < plain.percentile(50) / 2
    both = serve(DnsSpec(node_cache=True, autopath=True))
    assert both.questions_per_lookup == plain.questions_per_lookup


def test_the_queue_bends_and_then_breaks():
    capacity = 2 / (29.7e-6 * 4.2)
    p99 = [serve(DnsSpec(lookups_per_s=rho * capacity)).percentile(99) for rho in (0.2, 0.6, 0.95)]
    assert p99[1] / p99[0] < 2 < p99[2] / p99[1]
    broken = serve(DnsSpec(lookups_per_s=1.1 * capacity))
    assert broken.utilization > 1
    assert np.isinf(broken.latency_us).all()
    assert broken.failed_share == 1


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"lookups_per_s": -1.0}, "lookups_per_s"),
        ({"lookups_per_s": 0.0}, "lookups_per_s"),
        ({"replicas": 0}, "replicas"),
        ({"service_us": float("inf")}, "service_us"),
        ({"loss_share": 1.0}, "loss_share"),
        ({"names": ()}, "names"),
        ({"names": (("a", -1.0), ("b", 2.0))}, "names: weight of a"),
        ({"resolver": "bind"}, "resolver"),
    ],
)
def test_what_cannot_be_is_refused_by_name(change, field):
    with pytest.raises(InputError) as caught:
        DnsSpec(**change)
    assert caught.value.field == field
