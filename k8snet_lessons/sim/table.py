"""A connection tracking table with a limit, exactly, with whole arrays.

Inside a window no longer than the first retry and the shortest lifetime, every attempt
and every expiry is known before the window begins: retries come from refusals in earlier
windows, expiries from entries made in earlier ones. The limit is then a reflection. With
steps of +1 for an attempt and -1 for an expiry, the attempts that do not fit are those at
which the running maximum of the overshoot grows.
"""

from dataclasses import dataclass

import numpy as np

from k8snet_lessons.sim.arrays import Floats, Ints
from k8snet_lessons.sim.itinerary import initial_expiries

__all__ = ["Admission", "Flows", "admit"]

_LONGEST_WINDOW_US = 1e6


@dataclass(frozen=True, kw_only=True, eq=False)
class Flows:
    """New flows of one kind that reach one table.

    Attributes
    ----------
    first_us : (n,) array
        When each sends its first packet; in any order.
    offsets_us : (k,) array
        When it tries, counted from the first packet; the first is 0.
    life_us : float
        How long its entry stays.
    initial : int
        Entries of this kind from before time 0, evenly spaced in age.
    """

    first_us: Floats
    offsets_us: Floats
    life_us: float
    initial: int


@dataclass(frozen=True, kw_only=True, eq=False)
class Admission:
    """What became of the flows of one kind.

    Attributes
    ----------
    refused_attempts : (n,) int array
        How many attempts of each flow found the table full; the number of its offsets if
        all did.
    made_us : (n,) array
        When its entry was made; inf if never.
    refused_us : (r,) array
        The time of every refusal.
    """

    refused_attempts: Ints
    made_us: Floats
    refused_us: Floats


def admit(kinds: list[Flows], *, limit: int, standing: int) -> list[Admission]:
    """Return which attempts a table of `limit` entries accepts.

    Parameters
    ----------
    kinds : list of Flows
        The flows, by kind.
    limit : int
        Entries the table can hold.
    standing : int
        Entries that stay for good.
    """
    flows = _Merged(kinds)
    occupied = standing + sum(kind.initial for kind in kinds)
    window = min(
        [_LONGEST_WINDOW_US]
        + [kind.life_us for kind in kinds]
        + [float(kind.offsets_us[1]) for kind in kinds if len(kind.offsets_us) > 1]
    )
    edge = 0.0
    while flows.unfinished():
        # Where nothing tries for a while, only expiries pass.
        edge = max(edge, np.floor(flows.next_attempt_us() / window) * window) + window
        at, who = flows.attempts_before(edge)
        expiry = flows.expiries_before(edge)
        if occupied + len(at) <= limit:
            refused = np.zeros(len(at), dtype=np.bool_)
            occupied += len(at) - len(expiry)
        else:
            order = np.argsort(np.concatenate((expiry, at)), kind="stable")
            step = np.concatenate((np.full(len(expiry), -1), np.ones(len(at), dtype=np.int64)))
            reach = occupied + np.cumsum(step[order])
            overshoot = np.maximum(np.maximum.accumulate(reach) - limit, 0)
            occupied = int(reach[-1] - overshoot[-1])
            grew = np.empty(len(order), dtype=np.bool_)
            grew[order] = np.diff(overshoot, prepend=0) > 0
            refused = grew[len(expiry) :]
        flows.settle(at, who, refused)
    return flows.admissions()


class _Merged:
    """All flows of a table in one stream, with what is still to come of them."""

    def __init__(self, kinds: list[Flows]) -> None:
        self._kinds = kinds
        self._kind = np.repeat(np.arange(len(kinds)), [len(kind.first_us) for kind in kinds])
        self._first = np.concatenate([kind.first_us for kind in kinds])
        self._tried = np.zeros(len(self._first), dtype=np.int64)
        self._made = np.full(len(self._first), np.inf)
        self._refusals: list[Floats] = []
        self._refused_kind: list[Ints] = []
        self._offsets = np.full(
            (len(kinds), max(len(kind.offsets_us) for kind in kinds) + 1), np.inf
        )
        for row, kind in enumerate(kinds):
            self._offsets[row, : len(kind.offsets_us)] = kind.offsets_us
        self._life = np.array([kind.life_us for kind in kinds])
        order = np.argsort(self._first)
        order = order[: np.searchsorted(self._first[order], np.inf)]
        self._fresh, self._fresh_at = order, self._first[order]
        self._next = 0
        self._retry_who = np.zeros(0, dtype=np.int64)
        self._retry_at = np.zeros(0)
        # Entries of a kind expire in the order in which they were made.
        self._expiring = [
            [initial_expiries(kind.initial, kind.life_us)] if kind.initial else [] for kind in kinds
        ]

    def unfinished(self) -> bool:
        return self._next < len(self._fresh) or len(self._retry_at) > 0

    def next_attempt_us(self) -> float:
        fresh = self._fresh_at[self._next] if self._next < len(self._fresh) else np.inf
        return float(min(fresh, self._retry_at.min(initial=np.inf)))

    def attempts_before(self, edge: float) -> tuple[Floats, Ints]:
        """Take the attempts before `edge`, sorted by time."""
        end = self._next + int(np.searchsorted(self._fresh_at[self._next :], edge))
        at, who = self._fresh_at[self._next : end], self._fresh[self._next : end]
        self._next = end
        due = self._retry_at < edge
        if due.any():
            at = np.concatenate((at, self._retry_at[due]))
            who = np.concatenate((who, self._retry_who[due]))
            order = np.argsort(at, kind="stable")
            at, who = at[order], who[order]
            self._retry_at, self._retry_who = self._retry_at[~due], self._retry_who[~due]
        return at, who

    def expiries_before(self, edge: float) -> Floats:
        """Take the expiries before `edge`."""
        taken = []
        for batches in self._expiring:
            while batches and batches[0][0] < edge:
                cut = int(np.searchsorted(batches[0], edge))
                taken.append(batches[0][:cut])
                if cut < len(batches[0]):
                    batches[0] = batches[0][cut:]
                    break
                batches.pop(0)
        return np.concatenate(taken) if taken else np.zeros(0)

    def settle(self, at: Floats, who: Ints, refused: np.ndarray) -> None:
        """Note entries made and refusals; a refused flow tries again while it may."""
        made = who[~refused]
        self._made[made] = at[~refused]
        for kind, batches in enumerate(self._expiring):
            mine = self._made[made[self._kind[made] == kind]]
            if len(mine):
                batches.append(mine + self._life[kind])
        if refused.any():
            again = who[refused]
            self._tried[again] += 1
            self._refusals.append(at[refused])
            self._refused_kind.append(self._kind[again])
            next_at = self._first[again] + self._offsets[self._kind[again], self._tried[again]]
            hopes = np.isfinite(next_at)
            self._retry_at = np.concatenate((self._retry_at, next_at[hopes]))
            self._retry_who = np.concatenate((self._retry_who, again[hopes]))

    def admissions(self) -> list[Admission]:
        refused_us = np.concatenate([np.zeros(0), *self._refusals])
        refused_kind = np.concatenate([np.zeros(0, dtype=np.int64), *self._refused_kind])
        return [
            Admission(
                refused_attempts=self._tried[self._kind == kind],
                made_us=self._made[self._kind == kind],
                refused_us=refused_us[refused_kind == kind],
            )
            for kind in range(len(self._kinds))
        ]
