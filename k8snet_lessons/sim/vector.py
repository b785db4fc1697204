"""The vectorised engine: the whole run hop by hop, each hop for all requests at once.

The road is feed-forward but for two places. The rounds of a lookup queue behind other
lookups' later rounds (:mod:`.coredns` refines the waits in sweeps), and a full connection
tracking table couples everything on its node (:mod:`.coupled` takes over for such a run).
"""

import numpy as np

from k8snet_lessons.sim.arrays import Floats, Ints
from k8snet_lessons.sim.beyond import Beyond, cap_at_read_timeout
from k8snet_lessons.sim.coredns import walk_lookups, work_up_to
from k8snet_lessons.sim.coupled import walk_coupled
from k8snet_lessons.sim.fifo import stage_wait
from k8snet_lessons.sim.itinerary import Itinerary
from k8snet_lessons.sim.occupancy import (
    entries_and_inserts,
    fullest_node,
    history,
)
from k8snet_lessons.sim.passage import CONNECT, LOOKUP, NOT_FOUND, Passage

__all__ = ["walk"]


def walk(it: Itinerary, *, exact: bool = False) -> Passage:
    """Return how the requests of an itinerary fare.

    Parameters
    ----------
    it : Itinerary
        What each request asks of each hop.
    exact : bool
        Spend the time to be exact about waits at a lightly loaded CoreDNS too.
    """
    at_ingress = it.arrival_us + it.client_forward_us
    at_ingress += it.balancer_forward_us
    at_ingress += it.entry_translation_us
    ingress_us = stage_wait(it.worker, at_ingress, it.ingress_work_us, it.workers)
    ingress_us += it.ingress_work_us
    dialed = at_ingress
    dialed += ingress_us
    if it.connect_translation_us:
        dialed += it.opens * it.connect_translation_us
    beyond = _beyond_ingress(it, dialed, exact)
    return _passage(it, ingress_us, beyond)


def _beyond_ingress(it: Itinerary, dialed_us: Floats, exact: bool) -> Beyond:
    """Return how requests fare beyond the ingress.

    First as if no table ever filled; where one would, once more event by event.
    """
    n, plan = len(it), it.lookups
    at_pod = dialed_us + it.handshake_us
    at_pod += it.handshake_zone_us
    at_pod += it.wire_us / 2
    at_pod += it.zone_us / 2
    queued = stage_wait(it.pod, at_pod, it.pod_work_us, it.pods, it.pod_concurrency)
    served = at_pod
    served += queued
    served += it.pod_work_us
    lookups = walk_lookups(plan, served[plan.who], exact=exact)

    cause = np.zeros(n, dtype=np.uint8)
    dials_out = ~lookups.timed_out
    if not plan.found:
        cause[plan.who] = NOT_FOUND
        dials_out = np.zeros(len(plan.who), dtype=np.bool_)
    cause[plan.who[lookups.timed_out]] = LOOKUP
    looked = np.zeros(n)
    looked[plan.who] = lookups.end_us - served[plan.who]
    out_translation = np.zeros(n)
    out_translation[plan.who] = dials_out * it.downstream_translation_us
    out_us = lookups.end_us + it.downstream_translation_us
    out_us[~dials_out] = np.inf

    def made_on(node: int) -> list[Floats]:
        mine: Ints = np.flatnonzero(it.opens & (it.node == node))
        looks: Ints = np.flatnonzero(it.node[plan.who] == node)
        sent = lookups.sent_us[:, looks].ravel()
        return [dialed_us[mine], out_us[looks], np.repeat(sent, plan.flows_per_round)]

    if not it.table.evicts:
        fullest_first = np.argsort(-it.most_entries)
        crowded = it.most_entries[fullest_first] > it.table.limit
        for node in fullest_first[crowded].tolist():
            _edges, entries, inserts = entries_and_inserts(it, node, made_on(node), end_us=None)
            if (entries[:-1] + inserts > it.table.limit).any():
                return walk_coupled(it, dialed_us, lookups.light_waits_us)
    return Beyond(
        connect_delay_us=np.zeros(n),
        queued_us=queued,
        looked_us=looked,
        out_translation_us=out_translation,
        out_delay_us=np.zeros(n),
        cause=cause,
        questions=2 * lookups.attempts,
        visits=int(np.count_nonzero(lookups.visit_us < np.inf)),
        coredns_work_us=work_up_to(plan, lookups, it.end_us),
        made_us=made_on(fullest_node(it)),
        refused_us=np.zeros(0),
    )


def _passage(it: Itinerary, ingress_us: Floats, beyond: Beyond) -> Passage:
    """Book what happened hop by hop."""
    connect = it.handshake_us + beyond.connect_delay_us
    connect += beyond.out_delay_us
    translation = it.entry_translation_us + beyond.out_translation_us
    if it.connect_translation_us:
        translation += it.opens * it.connect_translation_us
    hop = [
        it.client_forward_us + it.client_back_us,
        it.balancer_forward_us + it.balancer_back_us,
        ingress_us,
        connect,
        translation,
        it.wire_us,
        it.zone_us + it.handshake_zone_us,
        beyond.queued_us,
        it.pod_work_us,
        beyond.looked_us,
    ]
    gone = beyond.cause == CONNECT
    if gone.any():
        connect[gone] = beyond.connect_delay_us[gone]
        hop[5:] = [np.where(gone, 0.0, spent) for spent in hop[5:]]
    hop = cap_at_read_timeout(it, hop, beyond.cause, beyond.out_delay_us, beyond.out_translation_us)
    return Passage(
        by_hop=hop,
        cause=beyond.cause,
        reached_pod=~gone,
        questions=beyond.questions,
        visits=beyond.visits,
        coredns_busy_share=beyond.coredns_work_us / (it.end_us * it.lookups.coredns_replicas),
        history=history(it, fullest_node(it), beyond.made_us, beyond.refused_us),
    )
