"""Name lookups as whole arrays: rounds in sequence, CoreDNS replicas as queues."""

from dataclasses import dataclass

import numpy as np

from k8snet_lessons.sim.arrays import Bools, Floats, Ints
from k8snet_lessons.sim.fifo import stage_wait
from k8snet_lessons.sim.itinerary import LookupPlan, LookupRound

__all__ = ["Lookups", "walk_lookups"]


@dataclass(frozen=True, kw_only=True, eq=False)
class Lookups:
    """How m lookups fared.

    Attributes
    ----------
    end_us : (m,) array
        When each ended, with an address or without.
    timed_out : (m,) bool array
        Whether it ended without one.
    sent_us : (rounds, m) array
        When each round's first datagram left; inf where the round was not needed.
    attempts : (rounds, m) int array
        Datagrams each round sent.
    visit_us : (rounds, m) array
        When each round reached CoreDNS; inf where it did not.
    """

    end_us: Floats
    timed_out: Bools
    sent_us: Floats
    attempts: Ints
    visit_us: Floats


def walk_lookups(
    plan: LookupPlan, start_us: Floats, refused: Ints | None, *, sweeps: int
) -> Lookups:
    """Walk every lookup through its rounds.

    A round queues behind the rounds of all other lookups, later rounds of earlier lookups
    included, so the waits depend on the times and the times on the waits. Each sweep takes
    the waits of the one before (the first takes none) and is right up to a later instant;
    far from saturation two sweeps leave nothing to mend.

    Parameters
    ----------
    plan : LookupPlan
        What is looked up.
    start_us : (m,) array
        When each lookup starts; inf where it never does.
    refused : (rounds, m) int array or None
        How many datagrams of each round found the connection tracking table full.
    sweeps : int
        How often to refine the waits at most.
    """
    wait: Floats = np.zeros((len(plan.rounds), len(plan.who)))
    replica = np.concatenate([one.coredns for one in plan.rounds])
    for _ in range(sweeps):
        visit = _rounds(plan, start_us, refused, wait).visit_us.ravel()
        comes = np.isfinite(visit)
        new = np.zeros(len(visit))
        everyone = bool(comes.all())
        work = np.full(len(visit) if everyone else int(comes.sum()), plan.visit_us)
        if everyone:
            new = stage_wait(replica, visit, work, plan.coredns_replicas)
        else:
            new[comes] = stage_wait(replica[comes], visit[comes], work, plan.coredns_replicas)
        refined = new.reshape(wait.shape)
        settled = np.array_equal(refined, wait)
        wait = refined
        if settled:
            break
    return _rounds(plan, start_us, refused, wait)


def _rounds(plan: LookupPlan, start_us: Floats, refused: Ints | None, wait: Floats) -> Lookups:
    shape = (len(plan.rounds), len(plan.who))
    sent, visit = np.empty(shape), np.empty(shape)
    attempts = np.ones(shape, dtype=np.int64)
    now = start_us
    timed_out = np.zeros(len(plan.who), dtype=np.bool_)
    to_bare = np.zeros(len(plan.who), dtype=np.bool_)
    for number, one in enumerate(plan.rounds):
        last = number == len(plan.rounds) - 1
        asked_at = now
        if not last and to_bare.any():
            asked_at = np.where(to_bare, np.inf, asked_at)
        if timed_out.any():
            asked_at = np.where(timed_out, np.inf, asked_at)
        failed = (
            one.lost_attempts if refused is None else np.maximum(one.lost_attempts, refused[number])
        )
        sent[number] = asked_at
        answered, visit[number], late = _one_round(plan, one, asked_at, failed, wait[number])
        if late is None:
            now = (
                answered
                if not (to_bare.any() or timed_out.any())
                else np.where(np.isfinite(asked_at), answered, now)
            )
            continue
        asked = np.isfinite(asked_at)
        late &= asked
        attempts[number] = np.minimum(failed + 1, plan.attempts)
        now = np.where(asked, np.where(late, asked_at + _budget(plan), answered), now)
        if plan.on_timeout == "stop" or last:
            timed_out |= late
        elif plan.on_timeout == "try the name itself":
            to_bare |= late
    return Lookups(end_us=now, timed_out=timed_out, sent_us=sent, attempts=attempts, visit_us=visit)


def _budget(plan: LookupPlan) -> float:
    return plan.attempts * plan.retry_us


def _one_round(
    plan: LookupPlan, one: LookupRound, asked_at: Floats, failed: Ints, wait: Floats
) -> tuple[Floats, Floats, Bools | None]:
    """Return (answered, reached CoreDNS, answer too late or None where none can be)."""
    half = plan.exchange_us / 2
    cached = plan.node_cache_us > 0.0 or not one.asks_coredns.all()
    fails = bool(failed.any())
    reached = asked_at + (half + plan.node_cache_us)
    if fails:
        reached = reached + failed * plan.retry_us
    answered = reached + wait
    answered += one.upstream_us
    answered += plan.visit_us + half
    if cached:
        answered = np.where(one.asks_coredns, answered, asked_at + plan.node_cache_us)
        reached = np.where(one.asks_coredns, reached, np.inf)
    slowest = wait.max(initial=0.0) + one.upstream_us.max(initial=0.0) + plan.visit_us
    if not fails and slowest + plan.exchange_us + plan.node_cache_us <= _budget(plan):
        return answered, reached, None
    late = (failed >= plan.attempts) | (answered > asked_at + _budget(plan))
    # A datagram that no attempt gets through never arrives; a late answer's question does.
    return answered, np.where(failed >= plan.attempts, np.inf, reached), late
