"""The vectorised engine: the whole run hop by hop, each hop for all requests at once.

Most of the road is feed-forward, and there the result is exact. Two things reach back.
The rounds of a lookup queue behind other lookups' later rounds (:mod:`.coredns`), and a
full connection tracking table delays requests whose later flows the same table must then
judge. Both are solved by sweeps: each takes the waits or refusals of the one before and
is right up to a later instant.
"""

from dataclasses import dataclass

import numpy as np

from k8snet_lessons.sim.arrays import Floats
from k8snet_lessons.sim.coredns import Lookups, walk_lookups
from k8snet_lessons.sim.ending import cap_at_read_timeout, history
from k8snet_lessons.sim.fifo import stage_wait
from k8snet_lessons.sim.itinerary import HOPS, Itinerary
from k8snet_lessons.sim.passage import CONNECT, DOWNSTREAM, LOOKUP, NOT_FOUND, Passage
from k8snet_lessons.sim.tables import Attempts, Refusals, judge

__all__ = ["walk"]

TABLE_SWEEPS = 6
LOOKUP_SWEEPS = 2


@dataclass(frozen=True, kw_only=True, eq=False)
class Road:
    """The times of one sweep; arrays over requests, or over the m lookups."""

    queued_us: Floats
    served_us: Floats
    lookups: Lookups
    downstream_us: Floats


def walk(it: Itinerary, *, lookup_sweeps: int = LOOKUP_SWEEPS) -> Passage:
    """Return how the requests of an itinerary fare.

    Parameters
    ----------
    it : Itinerary
        What each request asks of each hop.
    lookup_sweeps : int
        How often to refine the waits at CoreDNS; it stops by itself when they settle.
    """
    at_ingress = it.arrival_us + it.client_forward_us
    at_ingress += it.balancer_forward_us
    at_ingress += it.entry_translation_us
    ingress_wait = stage_wait(it.worker, at_ingress, it.ingress_work_us, it.workers)
    dialed = at_ingress + ingress_wait
    dialed += it.ingress_work_us
    if it.connect_translation_us:
        dialed += it.opens * it.connect_translation_us

    judged = Refusals.none(it)
    for _ in range(TABLE_SWEEPS):
        refusals = judged
        road = _beyond_ingress(it, dialed, refusals, lookup_sweeps)
        attempts = Attempts.of(it, dialed, road.lookups, road.downstream_us)
        judged = judge(it, attempts)
        settled = judged.same_as(refusals)
        if settled:
            break
    return _passage(it, ingress_wait + it.ingress_work_us, road, attempts, refusals, settled)


def _beyond_ingress(it: Itinerary, dialed: Floats, refusals: Refusals, lookup_sweeps: int) -> Road:
    connected = dialed + it.handshake_us
    connected += it.handshake_zone_us
    if refusals.any:
        connected += refusals.connect_delay_us
    at_pod = connected + it.wire_us / 2
    at_pod += it.zone_us / 2
    if refusals.connect_failed.any():
        comes = np.flatnonzero(~refusals.connect_failed)
        queued = np.zeros(len(it))
        queued[comes] = stage_wait(
            it.pod[comes], at_pod[comes], it.pod_work_us[comes], it.pods, it.pod_concurrency
        )
    else:
        queued = stage_wait(it.pod, at_pod, it.pod_work_us, it.pods, it.pod_concurrency)
    served = at_pod + queued
    served += it.pod_work_us
    who = it.lookups.who
    start = served[who]
    if refusals.connect_failed.any():
        start = np.where(refusals.connect_failed[who], np.inf, start)
    dns_refused = refusals.dns_refused if refusals.any else None
    lookups = walk_lookups(it.lookups, start, dns_refused, sweeps=lookup_sweeps)
    downstream = lookups.end_us + it.downstream_translation_us
    if not it.lookups.found:
        downstream = np.full(len(downstream), np.inf)
    elif lookups.timed_out.any():
        downstream = np.where(lookups.timed_out, np.inf, downstream)
    return Road(
        queued_us=queued,
        served_us=served,
        lookups=lookups,
        downstream_us=downstream,
    )


def _passage(
    it: Itinerary,
    ingress_us: Floats,
    road: Road,
    attempts: Attempts,
    refusals: Refusals,
    settled: bool,
) -> Passage:
    n, plan, lookups = len(it), it.lookups, road.lookups
    dials_out = np.isfinite(road.downstream_us)
    out_translation = np.zeros(n)
    out_translation[plan.who] = dials_out * it.downstream_translation_us
    out_delay = np.zeros(n)
    looked = np.zeros(n)
    looked[plan.who] = lookups.end_us - road.served_us[plan.who]
    cause = np.zeros(n, dtype=np.uint8)
    if not plan.found:
        cause[plan.who] = NOT_FOUND
    cause[plan.who[lookups.timed_out]] = LOOKUP
    if refusals.any:
        out_delay[plan.who] = np.where(dials_out, refusals.downstream_delay_us, 0.0)
        cause[plan.who[dials_out & refusals.downstream_failed]] = DOWNSTREAM
    hop = np.empty((len(HOPS), n))
    np.add(it.client_forward_us, it.client_back_us, out=hop[0])
    np.add(it.balancer_forward_us, it.balancer_back_us, out=hop[1])
    hop[2] = ingress_us
    np.add(it.handshake_us, refusals.connect_delay_us, out=hop[3])
    hop[3] += out_delay
    np.add(it.entry_translation_us, it.opens * it.connect_translation_us, out=hop[4])
    hop[4] += out_translation
    hop[5] = it.wire_us
    np.add(it.zone_us, it.handshake_zone_us, out=hop[6])
    hop[7] = road.queued_us
    hop[8] = it.pod_work_us
    hop[9] = looked
    gone = refusals.connect_failed
    if gone.any():
        cause[gone] = CONNECT
        hop[3, gone] = it.connect_timeout_us
        hop[4, gone] = it.entry_translation_us[gone] + it.connect_translation_us
        hop[5:, gone] = 0.0
    cap_at_read_timeout(it, hop, cause, out_delay, out_translation)
    in_time = np.count_nonzero(lookups.visit_us <= it.end_us)
    return Passage(
        by_hop=hop,
        cause=cause,
        reached_pod=~gone,
        questions=2 * int((np.isfinite(lookups.sent_us) * lookups.attempts).sum()),
        visits=int(np.count_nonzero(np.isfinite(lookups.visit_us))),
        coredns_busy_share=in_time * plan.visit_us / (it.end_us * plan.coredns_replicas),
        history=history(it, attempts, refusals),
        settled=settled,
    )
