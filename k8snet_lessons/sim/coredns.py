"""Name lookups as whole arrays: rounds in sequence, CoreDNS replicas as queues."""

from dataclasses import dataclass, replace

import numpy as np

from k8snet_lessons.sim.arrays import Bools, Floats, Ints
from k8snet_lessons.sim.fifo import stage_wait
from k8snet_lessons.sim.itinerary import LookupPlan
from k8snet_lessons.sim.visits import waits_in_order

__all__ = ["Lookups", "walk_lookups", "work_up_to"]

# Up to the first load one sweep leaves the 99.9th percentile of the lookup within 2 %, up to
# the second two do; from about twice that on sweeps stop converging.
ONE_SWEEP_UP_TO = 0.12
SWEEP_UP_TO = 0.25


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
    visit_us : (rounds, m) array
        When each round reached CoreDNS; inf where it did not.
    attempts : int
        Datagrams sent, for A and AAAA together.
    light_waits_us : (rounds, m) array or None
        The waits at CoreDNS, where it is so lightly loaded that they hardly depend on
        exactly when the rounds come.
    """

    end_us: Floats
    timed_out: Bools
    sent_us: Floats
    visit_us: Floats
    attempts: int
    light_waits_us: Floats | None = None


def walk_lookups(plan: LookupPlan, start_us: Floats, *, exact: bool = False) -> Lookups:
    """Walk every lookup through its rounds.

    A round queues behind the rounds of all other lookups, later rounds of earlier lookups
    included, so the waits depend on the times and the times on the waits. While CoreDNS is
    lightly loaded one or two sweeps over whole arrays settle that, each with the waits of
    the one before. Under load the visits are taken one by one, in the order of time.

    Parameters
    ----------
    plan : LookupPlan
        What is looked up.
    start_us : (m,) array
        When each lookup starts.
    exact : bool
        Take the visits one by one at any load.
    """
    walker = _Walker(plan, start_us)
    unhindered = walker.walk(walker.no_wait)
    if not len(start_us):
        return unhindered
    span = float(start_us.max() - start_us.min())
    load = work_up_to(plan, unhindered, np.finfo(float).max) / max(
        span * plan.coredns_replicas, 1.0
    )
    if exact or load > SWEEP_UP_TO:
        return walker.walk(waits_in_order(plan, start_us))
    replica = np.concatenate([one.coredns for one in plan.rounds])
    work = np.concatenate([one.work_us for one in plan.rounds])
    wait = walker.no_wait
    for sweep in range(1 if load <= ONE_SWEEP_UP_TO else 2):
        if sweep:
            walker.walk(wait)
        wait = _waits(plan, walker.visit_us, replica, work)
    return replace(walker.walk(wait), light_waits_us=wait)


def _waits(plan: LookupPlan, visit_us: Floats, replica: Ints, work: Floats) -> Floats:
    """Return the wait of every visit, if these are their times."""
    visit = visit_us.ravel()
    comes = visit < np.inf
    if comes.all():
        waits = stage_wait(replica, visit, work, plan.coredns_replicas)
    else:
        waits = np.zeros(len(visit))
        waits[comes] = stage_wait(replica[comes], visit[comes], work[comes], plan.coredns_replicas)
    shaped: Floats = waits.reshape(visit_us.shape)
    return shaped


def work_up_to(plan: LookupPlan, lookups: Lookups, end_us: float) -> float:
    """Return the work that visits up to `end_us` brought to CoreDNS."""
    in_time = lookups.visit_us <= end_us
    return float(
        sum(one.work_us[here].sum() for one, here in zip(plan.rounds, in_time, strict=True))
    )


class _Walker:
    """All lookups of a run side by side, from round to round."""

    def __init__(self, plan: LookupPlan, start_us: Floats) -> None:
        self.plan = plan
        self.start_us = start_us
        self.budget_us = plan.attempts * plan.retry_us
        shape = (len(plan.rounds), len(plan.who))
        self.no_wait: Floats = np.zeros(shape)
        self.sent_us: Floats = np.empty(shape)
        self.visit_us: Floats = np.empty(shape)
        half = plan.exchange_us / 2
        # What passes before a round reaches CoreDNS, and after its wait there.
        self.lead_us = half + plan.node_cache_us
        self.tail_us = [one.work_us + one.upstream_us for one in plan.rounds]
        for tail in self.tail_us:
            tail += half
        self.loses = [bool(one.lost_attempts.any()) for one in plan.rounds]

    def walk(self, wait: Floats) -> Lookups:
        """Walk with these waits at CoreDNS, a (rounds, m) array."""
        plan, budget = self.plan, self.budget_us
        now = self.start_us
        timed_out = np.zeros(len(plan.who), dtype=np.bool_)
        skips = timed_out  # after a time-out: not the candidates between, only the name itself
        attempts = 0
        for number, one in enumerate(plan.rounds):
            last = number == len(plan.rounds) - 1
            absent = timed_out if last else timed_out | skips
            everybody = not absent.any()
            asked_at = now if everybody else np.where(absent, np.inf, now)
            self.sent_us[number] = asked_at
            answered = self._ask(number, asked_at, wait[number])
            attempts += len(absent) - int(np.count_nonzero(absent))
            if self.loses[number]:
                tries = np.minimum(one.lost_attempts, plan.attempts - 1)
                attempts += int(tries[~absent].sum())
            slowest = wait[number].max(initial=0.0) + self.tail_us[number].max(initial=0.0)
            if everybody and not self.loses[number] and slowest + self.lead_us < budget:
                now = answered
                continue
            late = ~absent & (answered > now + budget)
            now = np.where(absent, now, np.where(late, now + budget, answered))
            if last or plan.on_timeout == "stop":
                timed_out = timed_out | late
            elif plan.on_timeout == "try the name itself":
                skips = skips | late
        return Lookups(
            end_us=now,
            timed_out=timed_out,
            sent_us=self.sent_us,
            visit_us=self.visit_us,
            attempts=attempts,
        )

    def _ask(self, number: int, asked_at: Floats, wait: Floats) -> Floats:
        """Return when each round is answered; inf where no attempt gets through."""
        plan, one = self.plan, self.plan.rounds[number]
        visit = self.visit_us[number]
        np.add(asked_at, self.lead_us, out=visit)
        if self.loses[number]:
            visit += one.lost_attempts * plan.retry_us
            visit[one.lost_attempts >= plan.attempts] = np.inf
        answered: Floats = visit + wait
        answered += self.tail_us[number]
        if plan.node_cache_us:
            cached = ~one.asks_coredns
            visit[cached] = np.inf
            answered[cached] = asked_at[cached] + plan.node_cache_us
        return answered
