"""The blast radius: by hand where a hand suffices, and request by request."""

import math
from dataclasses import replace

import numpy as np
import pytest

from k8snet_lessons.errors import InputError
from k8snet_lessons.isolation import (
    BEARING_ON,
    DEFENSE_NAMES,
    EXAMPLE,
    FAULT_NAMES,
    Defenses,
    Fault,
    Habits,
    Service,
    World,
    asked,
    blast,
    each_defense_alone,
    ejected_spans,
    example,
    lost_lookup_share,
    may_eject,
    node_clocks,
    panics,
    valid_share,
    walk,
)


def failed(found, user, at_s):
    second = int(np.flatnonzero(found.time_s > at_s)[0])
    return float(found.users_failed[found.users.index(user), second])


# --- request by request -------------------------------------------------------------------


def thinned(share):
    """The example with less traffic, and no pod near its capacity."""
    calm = example(Habits(ledger_load=0.4))
    services = tuple(replace(s, entry_per_s=s.entry_per_s * share) for s in calm.services)
    return replace(calm, services=services, ingress_per_s=calm.ingress_per_s * share)


CASES = [
    ("coredns-down", {}),
    ("coredns-down", {"node_cache": True}),
    ("coredns-down", {"node_cache": True, "serve_stale": True}),
    ("coredns-slow", {}),
    ("coredns-slow", {"node_cache": True}),
    ("coredns-loss", {}),
    ("ingress-flood", {}),
    ("ingress-flood", {"bulkhead": True}),
    ("ingress-flood", {"shedding": True}),
    ("ingress-down", {}),
    ("ingress-down", {"bulkhead": True}),
    ("ingress-restart", {}),
    ("ingress-restart", {"drain": True}),
    ("ingress-restart", {"bulkhead": True}),
    ("node-lost", {}),
    ("node-lost", {"same_zone": True}),
    ("node-lost", {"ejection": True, "max_ejection_percent": 40}),
    ("node-drain", {}),
    ("node-drain", {"disruption_budget": True}),
    ("zone-cut", {}),
    ("zone-cut", {"node_cache": True}),
    ("zone-cut", {"same_zone": True, "other_pod": True}),
    ("conntrack-full", {}),
    ("conntrack-full", {"node_cache": True, "other_pod": True}),
]


@pytest.mark.parametrize(("kind", "switches"), CASES)
def test_every_request_walked_and_the_mean_agree(kind, switches):
    world, fault, defenses = thinned(0.1), Fault(kind=kind, lasts_s=45), Defenses(**switches)
    mean = blast(world, fault, defenses)
    drawn = walk(world, fault, defenses, seed=1, seconds=54)
    assert drawn.users == mean.users
    # Windows between the clocks: the balancer notices at 30 s, the fault ends at 45.
    for begin, end in ((2, 20), (31, 45), (52, 54)):
        expected = mean.users_failed[:, 30 + begin : 30 + end].mean(axis=1)
        count = drawn.requests[:, begin:end].sum(axis=1)
        seen = drawn.failed[:, begin:end].sum(axis=1) / np.maximum(count, 1)
        # Requests that share a cache entry fail together: twice the binomial's error, and 2 %.
        error = 8 * np.sqrt(expected * (1 - expected) / np.maximum(count, 1)) + 0.02
        assert (np.abs(seen - expected) <= error).all(), (begin, seen, expected)


def test_what_is_beyond_a_pods_capacity_fails_in_both():
    world = replace(example(Habits(ledger_load=0.9)), ingress_per_s=1e6)
    world = replace(
        world, services=tuple(replace(s, entry_per_s=s.entry_per_s / 8) for s in world.services)
    )
    fault = Fault(kind="node-lost")
    mean = blast(world, fault)
    # Two pods of three carry 0.9 x 3 = 2.7: what is over 2 fails.
    assert failed(mean, "payments/checkout", 100) == pytest.approx(0.7 / 2.7)
    drawn = walk(world, fault, seed=1, seconds=100)
    share = drawn.failed[:, 85:].sum(axis=1) / drawn.requests[:, 85:].sum(axis=1)
    assert share[0] == pytest.approx(0.7 / 2.7, abs=0.06)


# --- by hand --------------------------------------------------------------------------------


def test_one_percent_becomes_three():
    found = blast(EXAMPLE, Fault(kind="coredns-loss", loss_share=0.01))
    s = EXAMPLE.new_connection_share
    good = 1.0
    for rounds in (1, 2, 1, 4):  # cart; checkout; and there ledger and api.stripe.com
        good *= 1 - s * (1 - 0.99 ** (2 * rounds))
    assert failed(found, "shop/web", 10) == pytest.approx(1 - good)
    assert failed(found, "shop/web", 10) == pytest.approx(0.0314, abs=0.0005)


def test_the_node_cache_bridges_at_most_its_ttl():
    found = blast(EXAMPLE, Fault(kind="coredns-down"), Defenses(node_cache=True))
    rate = 300 / 6 * 0.2  # search/api asks for search/index from each of its six nodes
    for at_s in (3.5, 14.5, 27.5):
        held = rate * (30 - at_s) / (1 + 30 * rate)
        assert failed(found, "search/api", at_s - 0.5) == pytest.approx(0.2 * (1 - held))
    assert failed(found, "search/api", 31) == pytest.approx(0.2)


def test_serve_stale_needs_a_cache_that_lives():
    fault = Fault(kind="coredns-down")
    bare = blast(EXAMPLE, fault).failed_requests
    assert blast(EXAMPLE, fault, Defenses(serve_stale=True)).failed_requests == bare
    both = blast(EXAMPLE, fault, Defenses(node_cache=True, serve_stale=True))
    assert both.failed_requests < 0.001 * bare


def test_a_disruption_budget_does_nothing_about_a_lost_node():
    for kind, helps in (("node-lost", False), ("node-drain", True)):
        bare = blast(EXAMPLE, Fault(kind=kind)).failed_requests
        kept = blast(EXAMPLE, Fault(kind=kind), Defenses(disruption_budget=True)).failed_requests
        assert (kept < bare / 2) if helps else (kept == bare)


def test_the_same_zone_isolates_a_cut_and_worsens_a_lost_node():
    same = Defenses(same_zone=True)
    cut, lost = Fault(kind="zone-cut"), Fault(kind="node-lost")
    assert blast(EXAMPLE, cut, same).failed_requests < blast(EXAMPLE, cut).failed_requests
    assert blast(EXAMPLE, lost, same).failed_requests > blast(EXAMPLE, lost).failed_requests
    # With one ledger pod in each zone, a third of all is lost until the endpoint goes.
    at_30 = failed(blast(EXAMPLE, lost, same), "payments/checkout", 30)
    assert at_30 == pytest.approx(1 / 3, abs=0.01)


def test_a_bulkhead_keeps_a_flood_among_its_own():
    fault = Fault(kind="ingress-flood")
    assert blast(EXAMPLE, fault).suffering() == ("shop", "payments", "search", "reports")
    assert blast(EXAMPLE, fault, Defenses(bulkhead=True)).suffering() == ("reports",)


def test_the_retry_storm_outlives_its_trigger_unless_something_ends_it():
    fault = Fault(kind="retry-storm", lasts_s=20)
    bare = blast(EXAMPLE, fault)
    assert failed(bare, "shop/web", 440) > 0.99
    assert failed(bare, "search/api", 440) == 0
    for switch in ("retry_budget", "short_queue", "circuit_breaker"):
        kept = blast(EXAMPLE, fault, Defenses(**{switch: True}))
        assert failed(kept, "shop/web", 440) < 1e-3, switch


@pytest.mark.parametrize("kind", FAULT_NAMES)
def test_only_the_defenses_that_are_said_to_bear_on_a_fault_do(kind):
    fault = Fault(kind=kind)
    alone = each_defense_alone(EXAMPLE, fault)
    for name in set(DEFENSE_NAMES) - set(BEARING_ON[kind]) - {"same_zone"}:
        found = blast(EXAMPLE, fault, Defenses(**{name: True})).failed_requests
        assert found == pytest.approx(alone[""], rel=1e-9), name
    assert set(alone) == {"", *BEARING_ON[kind]}


@pytest.mark.parametrize("kind", FAULT_NAMES)
def test_shares_are_shares_and_nothing_fails_before(kind):
    found = blast(EXAMPLE, Fault(kind=kind), Defenses(node_cache=True))
    before = found.time_s < 0
    assert found.calls_failed[:, before].max() < 1e-9
    assert found.users_failed[:, before].max() < 1e-9
    assert 0.005 < found.users_failed.max() <= 1 or kind == "coredns-loss"


def test_a_rolling_restart_loses_one_proxys_share_while_each_is_away_and_nothing_if_it_drains():
    found = blast(EXAMPLE, Fault(kind="ingress-restart"))
    for at_s, share in ((5, 1 / 3), (25, 1 / 3), (55, 1 / 3), (61, 0.0)):
        assert failed(found, "shop/web", at_s) == pytest.approx(share), at_s
    usual = sum(each.entry_per_s for each in EXAMPLE.services)
    assert found.failed_requests == pytest.approx(usual / 3 * 60)
    assert blast(EXAMPLE, Fault(kind="ingress-restart"), Defenses(drain=True)).failed_requests == 0
    # What is left of the ingress must carry it: two proxies of three do.
    crowded = replace(EXAMPLE, ingress_per_s=usual * 1.2)
    drained = blast(crowded, Fault(kind="ingress-restart"), Defenses(drain=True))
    assert failed(drained, "shop/web", 35) == pytest.approx(1 - 0.8)


# --- the pieces -----------------------------------------------------------------------------


def test_the_clocks_of_a_lost_node():
    clocks = node_clocks()
    assert clocks.not_ready_s == (40, 55)
    assert (clocks.endpoints_gone_s, clocks.evicted_s, clocks.replaced_s) == (51, 350, 370)
    assert node_clocks(toleration_s=30).replaced_s == 100


def test_rounds_are_those_of_the_search_list():
    assert asked("shop", "shop/cart").rounds == 1
    assert asked("reports", "payments/ledger").rounds == 2
    assert asked("payments", "api.stripe.com").rounds == 4
    assert lost_lookup_share(0.01, 4) == pytest.approx(0.0773, abs=1e-4)


@pytest.mark.parametrize("limit_s", [4.0, 30.0, 45.0])
def test_the_age_of_a_cached_answer_is_that_of_a_renewal_process(limit_s):
    rate, ttl_s, rng = 0.08, 30.0, np.random.default_rng(1)
    cycles = ttl_s + rng.exponential(1 / rate, 200_000)
    fetched = np.cumsum(cycles)
    instants = rng.uniform(fetched[0], fetched[-1], 200_000)
    ages = instants - fetched[np.searchsorted(fetched, instants, side="right") - 1]
    expected = float(valid_share(np.array(rate), ttl_s, np.array(limit_s)))
    assert (ages < limit_s).mean() == pytest.approx(expected, abs=0.006)


def test_envoy_ejects_none_of_nine_by_default():
    assert [may_eject(n) for n in (1, 9, 10, 19, 20)] == [0, 0, 1, 1, 2]
    assert may_eject(3, 34) == 1
    # The panic threshold is crossed below half, not at half.
    assert [panics(4, k) for k in range(5)] == [False, False, False, True, True]
    assert not panics(10, 10, threshold_percent=0)


def test_an_endpoint_is_out_for_longer_each_time():
    spans = ejected_spans(attempts_per_s=5.0, timeout_s=1.0, until_s=120.0)
    assert spans == ((2.0, 32.0), (34.0, 94.0), (96.0, 120.0))


@pytest.mark.parametrize(
    ("make", "field"),
    [
        (lambda: Fault(kind="sunspots"), "kind"),
        (lambda: Fault(kind="coredns-loss", loss_share=0.9), "loss_share"),
        (lambda: Defenses(bulkhead_share=0), "bulkhead_share"),
        (lambda: Habits(ledger_pods=0), "ledger_pods"),
        (lambda: replace(EXAMPLE, deadline_s=math.inf), "deadline_s"),
        (lambda: replace(EXAMPLE, ingress_nodes=(99,)), "ingress_nodes"),
        (
            lambda: World(
                zones=("a",), ingress_nodes=(0,), coredns_nodes=(0,),
                services=(
                    Service(name="x/a", nodes=(0,), calls=("x/b",)),
                    Service(name="x/b", nodes=(0,), calls=("x/a",)),
                ),
            ),
            "calls",
        ),
        (
            lambda: World(
                zones=("a",), ingress_nodes=(0,), coredns_nodes=(0,),
                services=(Service(name="x/a", nodes=(0,), calls=("x/z",)),),
            ),
            "x/a: calls",
        ),
        (lambda: walk(EXAMPLE, Fault(kind="retry-storm"), seed=1), "kind"),
    ],
)  # fmt: skip
def test_what_cannot_be_meant_is_refused_by_name(make, field):
    with pytest.raises(InputError) as error:
        make()
    assert error.value.field == field
