"""How full the table is over time, computed for all flows at once, and exactly.

Over a second, every expiry and every attempt is known beforehand: no entry lives less than
a second and no client tries again sooner. The limit then reflects the count: with
``Y`` the count if nobody were refused, the refusals so far are the running maximum of
``Y - limit``.

Early drop is the one simplification: the newcomers let in during a second replace unassured
entries at the second's end, spread evenly over their ages.
"""

from collections import deque
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from k8snet_lessons.datapath.nf_conntrack.early_drop import chance
from k8snet_lessons.datapath.nf_conntrack.spec import ConntrackSpec, Floats

Ints = npt.NDArray[np.int64]

__all__ = ["Occupancy", "occupancy"]


@dataclass(frozen=True, kw_only=True, eq=False)
class Occupancy:
    """How a table filled, second by second.

    Attributes
    ----------
    time_s : (t,) array
        Whole seconds from the start.
    live : (t,) array
        Entries that have not expired, at each instant.
    refused : (t - 1,) array
        Attempts refused in each second; the kernel's ``drop``.
    evicted : (t - 1,) array
        Unassured entries thrown out for a newcomer in each second; ``early_drop``.
    first_refusal_s : float or None
    flows : int
        First attempts from the start on.
    failed_flows : int
        Flows whose every attempt was refused before their client gave up.
    connect_delay_s : (m,) array
        For the TCP flows from the start on, what retries cost; inf for those that failed.
        Those still trying at the end are left out.
    limit : float
    """

    time_s: Floats
    live: Ints
    refused: Ints
    evicted: Ints
    first_refusal_s: float | None
    flows: int
    failed_flows: int
    connect_delay_s: Floats
    limit: float

    @property
    def refused_attempts(self) -> int:
        """Every refused packet, retries included."""
        return int(self.refused.sum())


class _Kind:
    """The entries of one kind of flow: when they expire, in order, in chunks."""

    def __init__(self, life_s: float, assured: bool) -> None:
        self.life_s = life_s
        self.assured = assured
        self.chunks: deque[Floats] = deque()
        self.count = 0

    def admit(self, at_s: Floats) -> None:
        if len(at_s):
            self.chunks.append(at_s + self.life_s)
            self.count += len(at_s)

    def expire(self, before_s: float) -> Floats:
        due = []
        while self.chunks and self.chunks[0][0] < before_s:
            first = self.chunks.popleft()
            cut = int(np.searchsorted(first, before_s))
            due.append(first[:cut])
            if cut < len(first):
                self.chunks.appendleft(first[cut:])
        gone = np.concatenate(due) if due else np.empty(0)
        self.count -= len(gone)
        return gone

    def evict(self, number: int) -> None:
        """Throw out `number` entries, evenly over all ages."""
        every = np.concatenate(list(self.chunks))
        out = (np.arange(number) + 0.5) * len(every) / number
        left = np.delete(every, out.astype(np.int64))
        self.chunks = deque([left] if len(left) else [])
        self.count -= number


def occupancy(spec: ConntrackSpec, *, seed: int = 1) -> Occupancy:
    """Walk a table through its flows.

    Parameters
    ----------
    spec : ConntrackSpec
    seed : int
        Of the arrivals, and of the luck at early drop.

    Returns
    -------
    Occupancy
        The same, refusal by refusal, as `process.occupancy_by_process` gives for a table
        without early drop.
    """
    arrivals = spec.arrivals(seed)
    seconds = int(np.ceil(spec.horizon_s))
    start = -int(np.ceil(max((flow.life_s for flow in spec.flows), default=0.0)))
    edges = np.arange(start, seconds + 1)
    live, calm = _without_limit(spec, arrivals, edges)
    run = _Run(spec, arrivals, seed, edges, live)
    if calm < len(edges) - 1:
        run.walk(calm)
    return run.result()


def _without_limit(
    spec: ConntrackSpec, arrivals: tuple[Floats, ...], edges: Ints
) -> tuple[Ints, int]:
    """Entries at each edge if nobody were refused, and the first second that could overflow."""
    begun = np.zeros(len(edges), dtype=np.int64)
    live = np.full(len(edges), spec.standing, dtype=np.int64)
    for flow, at in zip(spec.flows, arrivals, strict=True):
        so_far = np.searchsorted(at, edges)
        begun += so_far
        live += so_far - np.searchsorted(at, edges - flow.life_s)
    # In a second at most everything that begins is added to what was there.
    highest = live[:-1] + np.diff(begun)
    over = np.flatnonzero(highest > spec.limit)
    return live, int(over[0]) if len(over) else len(edges) - 1


@dataclass(frozen=True, eq=False)
class _Attempts:
    """Attempts of one kind of flow, all the same step of their ladder, in order of time."""

    kind: int
    attempt: int
    number: Ints
    at_s: Floats


class _Run:
    """One walk, second by second, from the first that could overflow."""

    def __init__(
        self, spec: ConntrackSpec, arrivals: tuple[Floats, ...], seed: int, edges: Ints, live: Ints
    ) -> None:
        self.spec = spec
        self.arrivals = arrivals
        self.edges = edges
        self.live = live
        self.rng = np.random.default_rng([seed, 1_000])
        self.refused = np.zeros(len(edges) - 1, dtype=np.int64)
        self.evicted = np.zeros(len(edges) - 1, dtype=np.int64)
        self.first_refusal_s: float | None = None
        self.failed = 0
        self.delays = [np.zeros(len(at)) for at in arrivals]
        # For each second, the attempts that are due in it.
        self.due: dict[int, list[_Attempts]] = {}

    def walk(self, calm: int) -> None:
        spec = self.spec
        self.kinds = [_Kind(flow.life_s, flow.assured) for flow in spec.flows]
        begin = float(self.edges[calm])
        for kind, at in zip(self.kinds, self.arrivals, strict=True):
            kind.admit(at[np.searchsorted(at, begin - kind.life_s) : np.searchsorted(at, begin)])
        bounds = [np.searchsorted(at, self.edges) for at in self.arrivals]
        for second in range(calm, len(self.edges) - 1):
            self._second(second, [bound[second : second + 2] for bound in bounds])
            total = spec.standing + sum(kind.count for kind in self.kinds)
            self.live[second + 1] = total

    def _second(self, second: int, slices: list[Ints]) -> None:
        spec = self.spec
        loose = sum(kind.count for kind in self.kinds if not kind.assured)
        there = spec.standing + sum(kind.count for kind in self.kinds)
        gone = [kind.expire(float(self.edges[second + 1])) for kind in self.kinds]
        parts = self.due.pop(second, [])
        parts += [
            _Attempts(index, 0, np.arange(low, high), self.arrivals[index][low:high])
            for index, (low, high) in enumerate(slices)
            if high > low
        ]
        at = np.concatenate([part.at_s for part in parts]) if parts else np.empty(0)
        let_in = np.ones(len(at), dtype=np.bool_)
        if there + len(at) > spec.limit:
            let_in = self._admission(there, at, np.concatenate(gone))
            self._early_drop(second, loose, let_in)
            self._count(second, at[~let_in])
        end = 0
        admitted: list[list[Floats]] = [[] for _ in self.kinds]
        for part in parts:
            begin, end = end, end + len(part.at_s)
            mine = let_in[begin:end]
            admitted[part.kind].append(part.at_s[mine])
            self._follow(second, part, mine)
        for kind, chunks in zip(self.kinds, admitted, strict=True):
            if chunks:
                kind.admit(np.sort(np.concatenate(chunks)) if len(chunks) > 1 else chunks[0])

    def _admission(self, there: int, at: Floats, gone: Floats) -> npt.NDArray[np.bool_]:
        """Whether each attempt finds room: the count reflected at the limit."""
        # An entry that ends at the very instant of an attempt makes room for it.
        order = np.argsort(np.concatenate([gone, at]), kind="stable")
        is_attempt = order >= len(gone)
        steps = is_attempt.astype(np.int64)
        steps *= 2
        steps -= 1
        over = np.cumsum(steps, out=steps)
        over += there - int(self.spec.limit)
        refusals = np.maximum.accumulate(np.maximum(over, 0, out=over), out=over)
        refused_here = np.flatnonzero(refusals[1:] > refusals[:-1]) + 1
        let_in = np.ones(len(at), dtype=np.bool_)
        let_in[order[refused_here] - len(gone)] = False
        if len(order) and refusals[0] > 0:
            let_in[order[0] - len(gone)] = False
        return let_in

    def _early_drop(self, second: int, loose: int, let_in: npt.NDArray[np.bool_]) -> None:
        """Let some of the refused in after all, each in place of an unassured entry."""
        turned = np.flatnonzero(~let_in)
        if not (self.spec.early_drop and loose and len(turned)):
            return
        lucky = turned[self.rng.random(len(turned)) < chance(loose, self.spec.buckets)]
        kinds = [kind for kind in self.kinds if not kind.assured and kind.count]
        available = np.array([kind.count for kind in kinds], dtype=np.int64)
        lucky = lucky[: int(available.sum())]  # no more can be replaced than are there
        if len(lucky):
            let_in[lucky] = True
            self.evicted[second] = len(lucky)
            shares = self.rng.multivariate_hypergeometric(available, len(lucky))
            for kind, share in zip(kinds, shares, strict=True):
                if share:
                    kind.evict(int(share))

    def _count(self, second: int, refused_s: Floats) -> None:
        self.refused[second] = len(refused_s)
        if len(refused_s) and self.first_refusal_s is None:
            self.first_refusal_s = float(refused_s.min())

    def _follow(self, second: int, part: "_Attempts", let_in: npt.NDArray[np.bool_]) -> None:
        """What becomes of the flows behind some attempts: connected, tried again, given up."""
        retries_s = self.spec.flows[part.kind].retries_s
        delay_s = self.delays[part.kind]
        waited_s = retries_s[part.attempt - 1] if part.attempt else 0.0
        if waited_s:
            delay_s[part.number[let_in]] = waited_s
        if let_in.all():
            return
        number, at = part.number[~let_in], part.at_s[~let_in]
        if part.attempt == len(retries_s):
            delay_s[number] = np.inf
            self.failed += int((self.arrivals[part.kind][number] >= 0).sum())
            return
        # The ladder's steps are whole seconds: all of them fall due in the same second.
        gap_s = retries_s[part.attempt] - waited_s
        again = _Attempts(part.kind, part.attempt + 1, number, at + gap_s)
        self.due.setdefault(second + int(gap_s), []).append(again)

    def result(self) -> Occupancy:
        zero = int(np.searchsorted(self.edges, 0))
        counts = [at[np.searchsorted(at, 0.0) :] for at in self.arrivals]
        for pending in self.due.values():
            for part in pending:
                self.delays[part.kind][part.number] = np.nan
        tcp = [i for i, flow in enumerate(self.spec.flows) if flow.name == "TCP"]
        delays = np.empty(0)
        if tcp:
            delays = self.delays[tcp[0]][len(self.delays[tcp[0]]) - len(counts[tcp[0]]) :]
            delays = delays[~np.isnan(delays)]
        return Occupancy(
            time_s=self.edges[zero:].astype(np.float64),
            live=self.live[zero:],
            refused=self.refused[zero:],
            evicted=self.evicted[zero:],
            first_refusal_s=self.first_refusal_s,
            flows=sum(map(len, counts)),
            failed_flows=self.failed,
            connect_delay_s=delays,
            limit=self.spec.limit,
        )
