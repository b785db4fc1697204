"""What the model says of connections, held to closed forms and to what is known."""

import math
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from k8snet_lessons.errors import InputError
from k8snet_lessons.traffic import (
    Kernel,
    Resolver,
    TrafficSpec,
    chance_of_idle,
    endpoints,
    expected_idle,
    expected_imbalance,
    refused_requests,
    ring_table,
    serve,
    still_old_share,
)
from k8snet_lessons.traffic.road import road_us

PINNED = TrafficSpec()
AFTER_S = 90.0


def test_eighteen_of_twenty_pods_stay_idle():
    run = serve(PINNED)
    assert run.idle(AFTER_S) == 18
    assert run.counts(AFTER_S)[2:].sum() == 0


@pytest.mark.parametrize("rule", ["round_robin", "least_request"])
def test_a_proxy_that_parses_requests_wakes_every_pod(rule):
    run = serve(replace(PINNED, balancing=rule))
    assert run.idle(AFTER_S) == 0
    assert run.imbalance(AFTER_S) < 1.15


@pytest.mark.parametrize("rule", ["iptables", "ipvs_rr", "ipvs_lc", "maglev", "pick_first"])
def test_no_rule_for_connections_helps_a_connection_that_is_open(rule):
    assert serve(replace(PINNED, balancing=rule)).idle(AFTER_S) == 18


def test_round_robin_in_the_client_never_asks_again_unless_something_ends():
    asleep = serve(replace(PINNED, balancing="client_round_robin"))
    assert asleep.idle(AFTER_S) == 18
    retired = replace(PINNED, balancing="client_round_robin", max_age_s=30.0)
    assert serve(retired).idle(AFTER_S) == 0


def test_a_channel_asks_again_after_thirty_seconds_at_the_earliest():
    spec = replace(PINNED, balancing="client_round_robin", max_age_s=5.0, scale_at_s=10.0,
                   duration_s=60.0)  # fmt: skip
    run = serve(spec)
    # The first answer is of 0 s, and connections end all the time.
    assert run.idle(20.0, 30.0) == 18
    assert run.idle(31.0) == 0


def test_pick_first_passes_over_an_address_that_refuses():
    shrunk = replace(PINNED, pods=20, scaled_to=4, prestop_s=0.0, propagation_s=10.0,
                     service_us=200.0)  # fmt: skip
    assert sum(serve(replace(shrunk, balancing="pick_first")).lost().values()) == 0
    behind_a_vip = serve(shrunk).lost()
    assert behind_a_vip["no connection"] > 100


@given(pods=st.integers(1, 40), connections=st.integers(0, 80))
@settings(deadline=None, max_examples=40)
def test_idle_pods_are_balls_in_bins(pods, connections):
    chance = chance_of_idle(pods, connections)
    assert chance.sum() == pytest.approx(1.0)
    mean = float((chance * np.arange(pods + 1)).sum())
    assert mean == pytest.approx(expected_idle(pods, connections), abs=1e-9)


@pytest.mark.parametrize(("pods", "connections"), [(20, 10), (20, 200), (7, 3)])
def test_the_expected_imbalance_is_what_throwing_balls_gives(pods, connections):
    thrown = np.random.default_rng(5).multinomial(connections, [1 / pods] * pods, size=40_000)
    measured = thrown.max(axis=1).mean() / (connections / pods)
    assert expected_imbalance(pods, connections) == pytest.approx(measured, rel=0.01)


def test_channels_opened_on_twenty_pods_leave_idle_what_the_closed_form_says():
    spec = replace(PINNED, pods=20, requests_per_s=400, duration_s=1.0, scale_at_s=0.0)
    idle = [serve(spec, seed=seed).book.held_at(0.5, 20) == 0 for seed in range(400)]
    mean = float(np.sum(idle, axis=1).mean())
    spread = math.sqrt((chance_of_idle(20, 10) * np.arange(21) ** 2).sum()
                       - expected_idle(20, 10) ** 2)  # fmt: skip
    assert mean == pytest.approx(expected_idle(20, 10), abs=5 * spread / 20)


@pytest.mark.parametrize("after_s", [5.0, 15.0, 27.0, 31.0])
def test_old_connections_go_as_the_closed_form_says(after_s):
    spec = replace(PINNED, clients=400, connections_per_client=10, max_age_s=30.0,
                   requests_per_s=10, scale_at_s=0.001, start_s=0.0, propagation_s=0.0,
                   duration_s=60.0, pods=1, scaled_to=1_000)  # fmt: skip
    held = serve(spec).book.held_at(after_s, 1_000)
    # Of a new opening one in a thousand falls on the old pod again.
    assert held[0] / 4_000 == pytest.approx(still_old_share(after_s, 30.0), abs=0.03)


@pytest.mark.parametrize("prestop_s", [0.0, 1.0, 4.0])
def test_a_missing_prestop_costs_what_is_sent_until_the_news_is_everywhere(prestop_s):
    spec = replace(PINNED, balancing="round_robin", pods=20, scaled_to=10, propagation_s=3.0,
                   requests_per_s=2_000, prestop_s=prestop_s, duration_s=60.0)  # fmt: skip
    expected = refused_requests(2_000, 20, 10, 3.0, prestop_s)
    lost = serve(spec).lost()["refused"]
    assert lost == pytest.approx(expected, abs=5 * math.sqrt(expected) + 1e-9)


def test_draining_saves_what_is_in_the_pod_and_so_does_a_sleep_that_is_long_enough():
    spec = replace(PINNED, balancing="round_robin", pods=20, scaled_to=10, requests_per_s=5_000,
                   prestop_s=0.0, duration_s=35.0, service_us=3_500)  # fmt: skip
    assert serve(spec).lost()["cut off"] == 0
    abrupt = replace(spec, drains=False)
    assert serve(abrupt).lost()["cut off"] > 10
    assert serve(replace(abrupt, prestop_s=5.0)).lost()["cut off"] == 0


def test_without_a_readiness_probe_pods_get_requests_before_they_listen():
    spec = replace(PINNED, balancing="round_robin", pods=10)
    assert serve(spec).lost()["refused"] == 0
    early = serve(replace(spec, readiness_probe=False)).lost()["refused"]
    expected = 800 * 10 / 20 * (spec.start_s - spec.propagation_s)
    assert early == pytest.approx(expected, rel=0.1)


def test_a_short_grace_cuts_long_requests_off():
    spec = replace(PINNED, max_age_s=5.0, service_us=20_000, pods=20, clients=40)
    assert serve(spec).lost()["cut off"] == 0
    assert serve(replace(spec, age_grace_s=0.001)).lost()["cut off"] > 20


def test_work_for_nobody_is_counted():
    spec = replace(PINNED, requests_per_s=1_500, scaled_to=2, deadline_s=0.2, duration_s=30.0)
    run = serve(spec)
    late = run.latency_us > 0.2e6 + 1_000
    assert run.lost()["too late"] == pytest.approx(late.sum(), rel=0.02)
    assert run.wasted_work_s == pytest.approx(run.lost()["too late"] * 0.002, rel=0.1)


def test_a_large_pool_stays_where_it_was_opened_and_a_small_one_does_not():
    pool = replace(PINNED, protocol="http1")
    assert serve(replace(pool, connections_per_client=50)).idle(AFTER_S) > 0
    assert serve(pool).idle(AFTER_S) == 0


def test_most_keys_stay_on_their_pod_when_one_more_comes():
    before, after = ring_table(tuple(range(19)), 5_000), ring_table(tuple(range(20)), 5_000)
    moved = before != after
    # One in twenty has to; some others too, since each pod's share of the ring shrinks.
    assert 0.03 < moved.mean() < 0.12
    assert (after[moved] == 19).mean() > 0.4


def test_every_node_goes_round_its_own_list():
    """As kube-proxy adds servers: in no order, and in another one on each node."""
    lists = [[3, 0, 1, 2], [1, 2, 3, 0]]
    kernel = Kernel("ipvs_rr", nodes=2, pods=4, server_order=lambda node: lists[node])
    for node, expected in ((0, [1, 2, 3, 0, 1]), (1, [3, 0, 1, 2, 3])):
        assert [kernel.choose(node, range(4), 0.5, 0.0) for _ in range(5)] == expected


def test_ipvs_with_few_connections_leaves_as_many_idle_as_chance():
    """2 of 20 pods for each of 5 nodes, whatever the others chose: 20 x 0.9^5 = 11.8 idle."""
    spec = TrafficSpec(
        balancing="ipvs_rr",
        clients=5,
        connections_per_client=2,
        pods=20,
        scaled_to=20,
        duration_s=1.0,
        scale_at_s=0.0,
        requests_per_s=10.0,
    )
    idle = []
    for seed in range(60):
        book = serve(spec, seed=seed).book
        idle.append(20 - int((book.held_at(0.0, 20) > 0).sum()))
    assert 11.3 < sum(idle) / len(idle) < 12.3


def test_ipvs_remembers_who_was_just_used():
    kernel = Kernel("ipvs_lc", nodes=1, pods=3, server_order=lambda node: [0, 1, 2])
    for expected in (0, 1, 2, 0):
        pod = kernel.choose(0, [0, 1, 2], 0.0, 0.0)
        assert pod == expected
        kernel.opened(0, pod)
        kernel.closed(0, pod, 0.0)
    assert kernel.choose(0, [0, 1, 2], 0.0, 121.0) == 0


def test_a_look_up_that_comes_too_soon_is_kept():
    resolver = Resolver(30.0)
    assert not resolver.ask(12.0)
    assert not resolver.advance(29.9)
    assert resolver.advance(31.0)
    assert resolver.resolved_s == 30.0
    assert not resolver.ask(31.0)
    assert resolver.ask(60.0)


def test_a_pod_on_its_way_out_is_known_and_listens_for_a_while():
    life = endpoints(replace(PINNED, pods=3, scaled_to=1, propagation_s=2.0, prestop_s=5.0))
    assert life.known_at(31.9).tolist() == [0, 1, 2]
    assert life.known_at(32.0).tolist() == [0]
    assert life.listens_until.tolist() == [math.inf, 35.0, 35.0]
    assert life.gone.tolist() == [math.inf, 60.0, 60.0]


def test_the_same_seed_meets_the_same_luck():
    one, other = serve(PINNED), serve(replace(PINNED, balancing="round_robin"))
    assert np.array_equal(one.arrival_s, other.arrival_s)
    assert np.array_equal(one.work_us, other.work_us)
    faster = serve(replace(PINNED, requests_per_s=850))
    assert np.allclose(faster.arrival_s[:1_000] * 850, one.arrival_s[:1_000] * 800)


def test_loads_add_up():
    run = serve(replace(PINNED, duration_s=100.5))
    at, load = run.load_per_s(2.0)
    assert (load * np.diff(at)).sum() == pytest.approx(len(run.arrival_s))
    assert load.shape == (20, 51)
    assert run.imbalance(AFTER_S) >= 10


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"protocol": "http3"}, "protocol"),
        ({"balancing": "random"}, "balancing"),
        ({"clients": 0}, "clients"),
        ({"pods": 2.5}, "pods"),
        ({"scaled_to": True}, "scaled_to"),
        ({"requests_per_s": -1.0}, "requests_per_s"),
        ({"requests_per_s": 1e9}, "requests in the run"),
        ({"duration_s": math.inf}, "duration_s"),
        ({"max_age_s": 0.0}, "max_age_s"),
        ({"max_age_s": math.nan}, "max_age_s"),
        ({"max_age_s": 1e-4, "connections_per_client": 500}, "openings in the run"),
        ({"prestop_s": 40.0}, "prestop_s"),
        ({"drains": "yes"}, "drains"),
        ({"protocol": "http1", "balancing": "pick_first"}, "protocol"),
        ({"shared_proxies": 2}, "shared_proxies"),
    ],
)
def test_what_cannot_be_is_refused_by_name(change, field):
    with pytest.raises(InputError) as caught:
        replace(PINNED, **change)
    assert caught.value.field == field


def test_questions_about_a_run_that_make_no_sense_are_refused():
    run = serve(replace(PINNED, duration_s=40.0))
    for ask in (lambda: run.counts(50.0), lambda: run.load_per_s(0.0), lambda: run.idle(-1.0),
                lambda: expected_idle(0, 1), lambda: still_old_share(1.0, 0.0)):  # fmt: skip
        with pytest.raises(InputError):
            ask()


@pytest.mark.parametrize("load", [0.5, 0.9])
def test_two_choices_wait_as_the_supermarket_model_says(load):
    """Mitzenmacher 1996: with two choices of many queues the mean time in the system is the sum
    of load^(2^i - 2), in units of service; with one choice it would be 1 / (1 - load)."""
    spec = TrafficSpec(
        requests_per_s=50 * 500 * load, duration_s=8, balancing="least_request", shared_proxies=1,
        pods=50, scaled_to=50, deadline_s=60,
    )  # fmt: skip
    run = serve(spec, seed=3)
    settled = run.arrival_s > 2
    spent = (run.latency_us[settled].mean() - road_us(spec)) / spec.service_us
    assert spent == pytest.approx(sum(load ** (2**i - 2) for i in range(1, 12)), rel=0.04)
    assert spent < 0.7 / (1 - load)


@pytest.mark.parametrize(
    ("change", "idle"),
    [
        ({"clients": 1, "connections_per_client": 1}, 19),
        ({"balancing": "ring_hash", "keys": 1}, 19),
        ({"clients": 1, "connections_per_client": 3, "balancing": "ipvs_rr"}, 17),
        ({"clients": 1, "connections_per_client": 3, "balancing": "ipvs_lc"}, 17),
        ({"pods": 1, "scaled_to": 1}, 0),
    ],
)
def test_the_smallest_cases(change, idle):
    """One channel is one pod, one key is one pod, one node's scheduler never doubles up."""
    run = serve(TrafficSpec(**{"pods": 20, "scaled_to": 20, **change}), seed=2)
    assert run.idle(60) == idle
    assert run.counts().sum() == len(run.arrival_s)


def test_an_age_shorter_than_a_request_cuts_nothing_off_as_long_as_the_grace_lasts():
    spec = TrafficSpec(pods=5, scaled_to=5, max_age_s=0.05, service_us=50_000, requests_per_s=50)
    assert not any(serve(spec).lost().values())
    cut = serve(replace(spec, age_grace_s=0.0)).lost()
    assert cut["cut off"] > 0.5 * 50 * 120
    assert cut["refused"] == cut["no connection"] == 0
