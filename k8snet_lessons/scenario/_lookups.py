"""The name lookups of a run, from the scenario's resolver settings."""

import numpy as np

from k8snet_lessons.scenario._ledger import Ledger
from k8snet_lessons.scenario._names import rounds
from k8snet_lessons.scenario._scenario import Scenario
from k8snet_lessons.scenario._translation import translation_us
from k8snet_lessons.sim.arrays import Floats, Ints
from k8snet_lessons.sim.itinerary import LookupPlan, LookupRound, OnTimeout
from k8snet_lessons.sim.variates import UnitVariates
from k8snet_lessons.traffic.choosing import evenly

QUESTIONS_PER_ROUND = 2  # A and AAAA


def lookup_plan(scenario: Scenario, ledger: Ledger, unit: UnitVariates) -> LookupPlan:
    """Return which requests look the name up, and what each round of it meets."""
    candidates, found = rounds(scenario)
    who = np.flatnonzero(unit.uniform("lookup") < scenario.lookup_share)
    if not candidates:  # /etc/hosts knows the name, or it is an address
        who = who[:0]
    attempts = int(ledger.use("dns.attempts"))
    # The published figure is a mean; its spread is taken as exponential.
    visit_us = QUESTIONS_PER_ROUND * ledger.use_knob("coredns_service_us")
    planned = []
    for part, candidate in enumerate(candidates):
        asks = np.ones(len(who), dtype=np.bool_)
        if scenario.node_local_dns:
            asks = unit.uniform("node cache", part)[who] >= ledger.use_knob("node_local_hit_share")
        upstream: Floats = np.zeros(len(who))
        if not candidate.in_cluster:
            missed = unit.uniform("upstream dns", part)[who] >= ledger.use_knob(
                "coredns_cache_hit_share"
            )
            upstream = (missed & asks).astype(np.float64) * ledger.use_knob("upstream_dns_rtt_us")
        planned.append(
            LookupRound(
                name=candidate.name,
                coredns=evenly(unit.uniform("coredns", part)[who], scenario.coredns_replicas),
                work_us=unit.exponential("coredns work", part)[who] * visit_us,
                asks_coredns=asks,
                upstream_us=upstream,
                lost_attempts=_lost(scenario, unit, part, attempts, who),
            )
        )
    bare = scenario.downstream_name.rstrip(".")
    return LookupPlan(
        who=who,
        rounds=tuple(planned),
        found=found,
        coredns_replicas=scenario.coredns_replicas,
        node_cache_us=ledger.use("dns.node_local_us") if scenario.node_local_dns else 0.0,
        exchange_us=_exchange_us(scenario, ledger),
        retry_us=1e6
        * ledger.use("dns.musl_retry_s" if scenario.resolver == "musl" else "dns.timeout_s"),
        attempts=attempts,
        on_timeout=_on_timeout(
            scenario, last_is_bare=bool(candidates) and candidates[-1].name == bare
        ),
        flows_per_round=_flows_per_round(scenario),
    )


def _exchange_us(scenario: Scenario, ledger: Ledger) -> float:
    """Network time of a round: a round trip, two packets, the first one translated.

    The kube-dns Service is taken to stand in the middle of the list. A node's own cache
    keeps its connection to CoreDNS, so nothing is translated anew. CoreDNS is taken to be
    in the pod's zone.
    """
    network = ledger.use("network.same_zone_rtt_us") + 2 * ledger.use(
        f"wire.{scenario.cni}.packet_us"
    )
    if scenario.node_local_dns:
        return network
    return network + translation_us(scenario, ledger, walked=0.5)


def _lost(scenario: Scenario, unit: UnitVariates, part: int, attempts: int, who: Ints) -> Ints:
    """Return how many attempts in a row are lost before one gets through.

    A round is lost when either of its two questions is; the resolver then asks again.
    The cache on the node speaks TCP, which repairs a loss by itself.
    """
    lost = np.zeros(len(who), dtype=np.int64)
    if scenario.dns_loss_share == 0.0 or scenario.node_local_dns:
        return lost
    either = 1 - (1 - scenario.dns_loss_share) ** QUESTIONS_PER_ROUND
    uniform = unit.uniform("loss", part)[who]
    # P(first k attempts all lost) = either^k: one uniform tells how many were.
    for k in range(1, attempts + 1):
        lost += uniform < either**k
    return lost


def _on_timeout(scenario: Scenario, *, last_is_bare: bool) -> OnTimeout:
    """glibc leaves the search list and tries the name itself; musl gives up; Go goes on."""
    if scenario.resolver == "go":
        return "go on"
    return "try the name itself" if scenario.resolver == "glibc" and last_is_bare else "stop"


def _flows_per_round(scenario: Scenario) -> int:
    """glibc and musl send A and AAAA from one socket, Go from two."""
    if scenario.node_local_dns:
        return 0
    return 2 if scenario.resolver == "go" else 1
