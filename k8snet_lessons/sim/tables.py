"""The connection tracking tables of all nodes, against the flows of a sweep."""

from dataclasses import dataclass

import numpy as np

from k8snet_lessons.sim.arrays import Bools, Floats, Ints
from k8snet_lessons.sim.coredns import Lookups
from k8snet_lessons.sim.itinerary import Itinerary
from k8snet_lessons.sim.occupancy import entries_and_inserts
from k8snet_lessons.sim.table import Flows, admit

__all__ = ["Attempts", "Refusals", "judge"]


@dataclass(frozen=True, kw_only=True, eq=False)
class Attempts:
    """When the new flows of a run send their first packet.

    Attributes
    ----------
    opens : (a,) int array
        Requests that open a connection to their pod.
    dialed_us : (a,) array
        When the first SYN of each leaves.
    dns_us : (rounds, m) array
        When the first datagram of each round leaves; inf where there is none.
    downstream_us : (m,) array
        When the pod's own SYN leaves; inf where there is none.
    """

    opens: Ints
    dialed_us: Floats
    dns_us: Floats
    downstream_us: Floats

    @classmethod
    def of(
        cls, it: Itinerary, dialed_us: Floats, lookups: Lookups, downstream_us: Floats
    ) -> "Attempts":
        opens = np.flatnonzero(it.opens)
        return cls(
            opens=opens,
            dialed_us=dialed_us[opens],
            dns_us=lookups.sent_us,
            downstream_us=downstream_us,
        )


@dataclass(frozen=True, kw_only=True, eq=False)
class Refusals:
    """What the tables did to the flows of a run.

    Attributes
    ----------
    any : bool
        Whether any attempt was turned away.
    connect_delay_us : (n,) array
        What SYN retries added to the connection to the pod.
    connect_failed : (n,) bool array
        Whether it was given up.
    dns_refused : (rounds, m) int array
        Datagrams of each round that were dropped, counted from the first.
    downstream_delay_us : (m,) array
        What SYN retries added to the pod's own connection, up to its time-out.
    downstream_failed : (m,) bool array
        Whether it was given up.
    refused_us : (r,) array
        When attempts were turned away.
    made : dict of int to list of arrays
        By node, when the entries of each kind were made (for tables that turned any away).
    """

    any: bool
    connect_delay_us: Floats
    connect_failed: Bools
    dns_refused: Ints
    downstream_delay_us: Floats
    downstream_failed: Bools
    refused_us: Floats
    made: dict[int, list[Floats]]

    @classmethod
    def none(cls, it: Itinerary) -> "Refusals":
        n, m, rounds = len(it), len(it.lookups.who), len(it.lookups.rounds)
        return cls(
            any=False,
            connect_delay_us=np.zeros(n),
            connect_failed=np.zeros(n, dtype=np.bool_),
            dns_refused=np.zeros((rounds, m), dtype=np.int64),
            downstream_delay_us=np.zeros(m),
            downstream_failed=np.zeros(m, dtype=np.bool_),
            refused_us=np.zeros(0),
            made={},
        )

    def same_as(self, other: "Refusals") -> bool:
        """Whether both turned the same flows away as often."""
        if not (self.any or other.any):
            return True
        return (
            np.array_equal(self.connect_delay_us, other.connect_delay_us)
            and np.array_equal(self.connect_failed, other.connect_failed)
            and np.array_equal(self.dns_refused, other.dns_refused)
            and np.array_equal(self.downstream_delay_us, other.downstream_delay_us)
            and np.array_equal(self.downstream_failed, other.downstream_failed)
        )


def judge(it: Itinerary, attempts: Attempts) -> Refusals:
    """Return what each node's table does to the flows."""
    refusals = Refusals.none(it)
    table = it.table
    if table.evicts:
        return refusals
    refused_us = []
    found_any = False
    made: dict[int, list[Floats]] = {}
    for node in _may_fill(it, attempts):
        mine = np.flatnonzero(it.node[attempts.opens] == node)
        looks = np.flatnonzero(it.node[it.lookups.who] == node)
        if not _fills(it, attempts, int(node), mine, looks):
            continue
        inbound, outbound, *dns = admit(
            _flows(it, attempts, int(node), mine, looks),
            limit=table.limit,
            standing=int(table.standing[node]),
        )
        made[int(node)] = [one.made_us for one in (inbound, outbound, *dns)]
        refused_us += [one.refused_us for one in (inbound, outbound, *dns)]
        found_any = found_any or any(len(one.refused_us) for one in (inbound, outbound, *dns))
        who = attempts.opens[mine]
        refusals.connect_delay_us[who], refusals.connect_failed[who] = _delay(
            inbound.refused_attempts, table.syn_offsets_us, it.connect_timeout_us
        )
        refusals.downstream_delay_us[looks], refusals.downstream_failed[looks] = _delay(
            outbound.refused_attempts, table.downstream_offsets_us, it.downstream_timeout_us
        )
        for one in dns:
            per_round = one.refused_attempts.reshape(len(it.lookups.rounds), -1)
            refusals.dns_refused[:, looks] = np.maximum(refusals.dns_refused[:, looks], per_round)
    return Refusals(
        any=found_any,
        connect_delay_us=refusals.connect_delay_us,
        connect_failed=refusals.connect_failed,
        dns_refused=refusals.dns_refused,
        downstream_delay_us=refusals.downstream_delay_us,
        downstream_failed=refusals.downstream_failed,
        refused_us=np.concatenate([np.zeros(0), *refused_us]),
        made=made,
    )


def flow_counts(it: Itinerary, attempts: Attempts) -> Ints:
    """Return how many new flows each node's table sees."""
    nodes = len(it.table.standing)
    inbound = np.bincount(it.node[attempts.opens], minlength=nodes)
    looks = np.bincount(it.node[it.lookups.who], minlength=nodes)
    per_lookup = 1 + len(it.lookups.rounds) * it.lookups.flows_per_round
    counts: Ints = inbound + looks * per_lookup
    return counts


def _may_fill(it: Itinerary, attempts: Attempts) -> Ints:
    """Nodes whose table would not hold all flows of the run at once."""
    table = it.table
    most = table.standing + table.initial_tcp + table.initial_udp + flow_counts(it, attempts)
    return np.flatnonzero(most > table.limit)


def _fills(it: Itinerary, attempts: Attempts, node: int, mine: Ints, looks: Ints) -> bool:
    """Whether the table would ever go past its limit if it had none (bin by bin)."""
    _edges, entries, inserts = entries_and_inserts(
        it, node, _made_without_limit(it, attempts, mine, looks), end_us=None
    )
    return bool((entries[:-1] + inserts > it.table.limit).any())


def _made_without_limit(it: Itinerary, attempts: Attempts, mine: Ints, looks: Ints) -> list[Floats]:
    dns = attempts.dns_us[:, looks].ravel()
    return [
        attempts.dialed_us[mine],
        attempts.downstream_us[looks],
        *([dns] * it.lookups.flows_per_round),
    ]


def made_on(it: Itinerary, attempts: Attempts, refusals: Refusals, node: int) -> list[Floats]:
    """Return when the entries of each kind were made on a node."""
    if node in refusals.made:
        return refusals.made[node]
    mine = np.flatnonzero(it.node[attempts.opens] == node)
    looks = np.flatnonzero(it.node[it.lookups.who] == node)
    return _made_without_limit(it, attempts, mine, looks)


def _flows(it: Itinerary, attempts: Attempts, node: int, mine: Ints, looks: Ints) -> list[Flows]:
    table, plan = it.table, it.lookups
    inbound, outbound, *dns = _made_without_limit(it, attempts, mine, looks)
    # The tables' history before time 0 is one of TCP and one of UDP entries; it stands
    # with the first kind of each.
    kinds = [
        Flows(
            first_us=inbound,
            offsets_us=table.syn_offsets_us,
            life_us=table.tcp_life_us,
            initial=int(table.initial_tcp[node]),
        ),
        Flows(
            first_us=outbound,
            offsets_us=table.downstream_offsets_us,
            life_us=table.tcp_life_us,
            initial=0,
        ),
    ]
    for number, first in enumerate(dns):
        kinds.append(
            Flows(
                first_us=first,
                offsets_us=np.arange(float(plan.attempts)) * plan.retry_us,
                life_us=table.udp_life_us,
                initial=int(table.initial_udp[node]) if number == 0 else 0,
            )
        )
    return kinds


def _delay(refused: Ints, offsets_us: Floats, timeout_us: float) -> tuple[Floats, Bools]:
    """Return what the refusals cost, and whether all attempts were refused."""
    failed = refused >= len(offsets_us)
    delay = np.append(offsets_us, timeout_us)[refused]
    return delay, failed
