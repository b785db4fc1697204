"""The connection tracking table as a run finds it."""

import numpy as np

from k8snet_lessons.scenario._ledger import Ledger
from k8snet_lessons.scenario._placement import Placement
from k8snet_lessons.scenario._scenario import Scenario
from k8snet_lessons.sim.arrays import Floats, Ints
from k8snet_lessons.sim.itinerary import LookupPlan, TablePlan

US_PER_S = 1e6

# When a SYN that gets no answer is sent, in seconds after the first; at the last figure the
# kernel gives up. Linux Documentation/networking/ip-sysctl.rst: tcp_syn_retries = 6, and
# from Linux 6.5 on tcp_syn_linear_timeouts = 4 more of 1 s before the time-out doubles.
SYN_LADDERS_S = {
    "linear": (0.0, 1.0, 2.0, 3.0, 4.0, 5.0, 7.0, 11.0, 19.0, 35.0, 67.0, 131.0),
    "classic": (0.0, 1.0, 3.0, 7.0, 15.0, 31.0, 63.0, 127.0),
}


def patience_us(scenario: Scenario, timeout_s: float) -> float:
    """Return when a connection without an answer is given up, by program or by kernel."""
    return min(timeout_s, SYN_LADDERS_S[scenario.syn_ladder][-1]) * US_PER_S


def table_plan(
    scenario: Scenario, ledger: Ledger, where: Placement, lookups: LookupPlan
) -> TablePlan:
    """Return the tables in the steady state of the base load, before any burst.

    Little's law: a rate of new flows times the time an entry stays. A table that could not
    hold as much starts full.
    """
    load = scenario.offered_load_per_s
    share = np.bincount(where.node, minlength=scenario.nodes) / len(where.pod)
    inbound = scenario.ingress_new_connection_share if scenario.balancing == "request" else 0.0
    udp_s = ledger.use("conntrack.udp_s")
    tcp = load * (inbound + scenario.lookup_share) * scenario.time_wait_s * share
    flows = len(lookups.rounds) * lookups.flows_per_round
    udp = load * scenario.lookup_share * flows * udp_s * share
    held = np.bincount(where.pod_node, weights=where.held_by_pod, minlength=scenario.nodes)
    standing: Ints = np.minimum(held.astype(np.int64), scenario.conntrack_max)
    ledger.use_knob("conntrack_max")
    ledger.use_knob("time_wait_s")
    room = scenario.conntrack_max - standing
    shrink = np.minimum(1.0, room / np.maximum(tcp + udp, 1.0))
    return TablePlan(
        limit=scenario.conntrack_max,
        evicts=scenario.proxy_mode == "ebpf",
        standing=standing,
        initial_tcp=np.floor(tcp * shrink).astype(np.int64),
        initial_udp=np.floor(udp * shrink).astype(np.int64),
        tcp_life_us=scenario.time_wait_s * US_PER_S,
        udp_life_us=udp_s * US_PER_S,
        syn_offsets_us=_attempts(scenario, scenario.ingress_connect_timeout_s),
        downstream_offsets_us=_attempts(scenario, scenario.downstream_connect_timeout_s),
    )


def _attempts(scenario: Scenario, timeout_s: float) -> Floats:
    offsets = np.asarray(SYN_LADDERS_S[scenario.syn_ladder][:-1]) * US_PER_S
    return offsets[offsets < patience_us(scenario, timeout_s)]
