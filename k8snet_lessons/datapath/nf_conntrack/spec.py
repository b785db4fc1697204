"""What meets a table: flows, their rates and lifetimes, and the table's limits."""

import math
from dataclasses import dataclass, replace
from functools import cached_property, lru_cache

import numpy as np
import numpy.typing as npt

from k8snet_lessons.datapath.nf_conntrack.client import syn_ladder
from k8snet_lessons.datapath.nf_conntrack.timeouts import lifetime_s
from k8snet_lessons.errors import InputError

Floats = npt.NDArray[np.float64]

#: More entries than these in one run would not fit a laptop's memory.
MAX_FLOWS = 20_000_000


@dataclass(frozen=True)
class Flow:
    """One kind of flow.

    Attributes
    ----------
    name : str
    per_s : float
        New flows a second, outside the burst.
    life_s : float
        From the insertion of an entry to its end: what the flow lasts plus the time-out of
        its last state. The same for all flows of a kind; occupancy in the long run depends
        on its mean alone.
    assured : bool
        Whether early drop spares its entries.
    retries_s : tuple of float
        When a refused client tries again, counted from its first attempt.
    in_burst : bool
        Whether the burst multiplies it.
    """

    name: str
    per_s: float
    life_s: float
    assured: bool
    retries_s: tuple[float, ...]
    in_burst: bool


@dataclass(frozen=True, kw_only=True)
class ConntrackSpec:
    """A node's table and what it has to hold.

    Attributes
    ----------
    max_entries : int
        ``nf_conntrack_max``; 0 means no limit, as in the kernel.
    buckets : int
        ``nf_conntrack_buckets``.
    standing : int
        Entries that stay throughout: established connections.
    requests_per_s : float
        Requests that cross the node.
    keepalive_share : float
        Share of them that ride on a connection that is already there.
    hold_s : float
        How long a new connection lasts before it is closed.
    time_wait_s : float
        ``nf_conntrack_tcp_timeout_time_wait``.
    udp_per_s : float
        New UDP flows a second, DNS lookups say: answered, and over within two seconds.
    udp_timeout_s : float
        ``nf_conntrack_udp_timeout``.
    unanswered_per_s : float
        SYNs that nobody answers: a scan, a flood, a dead backend.
    syn_sent_s : float
        ``nf_conntrack_tcp_timeout_syn_sent``.
    burst_factor, burst_from_s, burst_for_s : float
        Requests and lookups are multiplied by the factor for a while.
    horizon_s : float
        How long to look. The table has reached its usual level at the start.
    connect_timeout_s : float
        When a client gives up.
    linear_syn : int
        ``net.ipv4.tcp_syn_linear_timeouts`` of the clients: 4 since Linux 6.5, 0 before.
    early_drop : bool
        Whether the kernel's search for an unassured entry is modeled.
    """

    max_entries: int = 131_072
    buckets: int = 65_536
    standing: int = 0
    requests_per_s: float = 1_000.0
    keepalive_share: float = 0.0
    hold_s: float = 0.2
    time_wait_s: float = float(lifetime_s("nf_conntrack_tcp_timeout_time_wait"))
    udp_per_s: float = 0.0
    udp_timeout_s: float = float(lifetime_s("nf_conntrack_udp_timeout"))
    unanswered_per_s: float = 0.0
    syn_sent_s: float = float(lifetime_s("nf_conntrack_tcp_timeout_syn_sent"))
    burst_factor: float = 1.0
    burst_from_s: float = 30.0
    burst_for_s: float = 60.0
    horizon_s: float = 180.0
    connect_timeout_s: float = 5.0
    linear_syn: int = 4
    early_drop: bool = True

    def __post_init__(self) -> None:
        _whole("max_entries", self.max_entries, 0, "a whole number; 0 for no limit")
        _whole("buckets", self.buckets, 1, "a whole number from 1")
        _whole("standing", self.standing, 0, "a whole number, not negative")
        if self.max_entries and self.standing > self.max_entries:
            raise InputError("standing", self.standing, f"at most max_entries {self.max_entries}")
        for name in ("requests_per_s", "udp_per_s", "unanswered_per_s", "hold_s", "burst_from_s",
                     "burst_for_s", "burst_factor"):  # fmt: skip
            _number(name, getattr(self, name), zero=True)
        for name in ("time_wait_s", "udp_timeout_s", "syn_sent_s", "horizon_s",
                     "connect_timeout_s"):  # fmt: skip
            _number(name, getattr(self, name), zero=False)
        if not 0 <= self.keepalive_share <= 1:
            raise InputError("keepalive_share", self.keepalive_share, "a share from 0 to 1")
        shortest = min((flow.life_s for flow in self.flows), default=math.inf)
        if shortest < 1:
            raise InputError("lifetime of an entry", shortest, "at least 1 s")
        expected = sum(self.expected(flow, self.horizon_s) for flow in self.flows)
        if expected > MAX_FLOWS:
            allowed = f"rates and horizon_s that make at most {MAX_FLOWS:,} flows"
            raise InputError("flows in the run", round(expected), allowed)

    @cached_property
    def flows(self) -> tuple[Flow, ...]:
        """The kinds of flow with a rate above zero."""
        ladder = syn_ladder(linear=self.linear_syn).within(self.connect_timeout_s)[1:]
        kinds = (
            Flow("TCP", self.requests_per_s * (1 - self.keepalive_share),
                 self.hold_s + self.time_wait_s, True, ladder, True),
            # glibc asks again after 5 s, once (resolv.conf: timeout, attempts).
            Flow("UDP", self.udp_per_s, self.udp_timeout_s, False, (5.0,), True),
            Flow("unanswered SYN", self.unanswered_per_s, self.syn_sent_s, False, (), False),
        )  # fmt: skip
        return tuple(flow for flow in kinds if flow.per_s > 0)

    def scaled(self, share: float) -> "ConntrackSpec":
        """The same table in small: rates, limit, buckets and standing entries times `share`.

        A preview while a knob is in motion: the curve has the same shape and more noise.
        """
        if not 0 < share <= 1:
            raise InputError("share", share, "a number above 0, at most 1")
        return replace(
            self,
            max_entries=math.ceil(self.max_entries * share),
            buckets=math.ceil(self.buckets * share),
            standing=int(self.standing * share),
            requests_per_s=self.requests_per_s * share,
            udp_per_s=self.udp_per_s * share,
            unanswered_per_s=self.unanswered_per_s * share,
        )

    @property
    def limit(self) -> float:
        """The most entries there can be; infinite for a maximum of 0."""
        return self.max_entries or math.inf

    def expected(self, flow: Flow, until_s: float) -> float:
        """Flows of a kind that are expected from one lifetime before the start."""
        return float(self._cumulated(flow, np.array([until_s]))[0])

    def _knots(self, flow: Flow) -> tuple[Floats, Floats]:
        """Instants between which the rate is constant, and the flows expected until each."""
        end = self.burst_from_s + self.burst_for_s
        at = np.array([-flow.life_s, self.burst_from_s, end, max(end, self.horizon_s) + 1.0])
        factor = self.burst_factor if flow.in_burst else 1.0
        rates = flow.per_s * np.array([1.0, factor, 1.0])
        return at, np.concatenate([[0.0], np.cumsum(np.diff(at) * rates)])

    def _cumulated(self, flow: Flow, at: Floats) -> Floats:
        cumulated: Floats = np.interp(at, *self._knots(flow))
        return cumulated

    def arrivals(self, seed: int) -> tuple[Floats, ...]:
        """First attempts of each kind, sorted, from one lifetime before the start: Poisson.

        One unit Poisson process for a kind and a seed is stretched by the rates, so that a
        knob shows its effect and not the luck of the draw.
        """
        drawn = []
        for number, flow in enumerate(self.flows):
            at, expected = self._knots(flow)
            total = self.expected(flow, self.horizon_s)
            unit = _unit_poisson(seed, number, 1 << math.ceil(math.log2(total + 64)))
            times = np.empty(int(np.searchsorted(unit, total)))
            for left in range(len(at) - 1):
                low, high = np.searchsorted(unit[: len(times)], expected[left : left + 2])
                if high > low:
                    pace = (at[left + 1] - at[left]) / (expected[left + 1] - expected[left])
                    np.subtract(unit[low:high], expected[left], out=times[low:high])
                    times[low:high] *= pace
                    times[low:high] += at[left]
            drawn.append(times)
        return tuple(drawn)


@lru_cache(maxsize=12)
def _unit_poisson(seed: int, number: int, count: int) -> Floats:
    """A Poisson process of rate 1, as far as `count` on the clock, never to be written to."""
    rng = np.random.default_rng([seed, number])
    drawn = int(count + 8 * math.sqrt(count) + 32)
    unit = np.cumsum(rng.standard_exponential(drawn))
    unit.setflags(write=False)
    return unit


def _whole(field: str, value: int, minimum: int, allowed: str) -> None:
    if isinstance(value, bool) or not isinstance(value, int | np.integer) or value < minimum:
        raise InputError(field, value, allowed)


def _number(field: str, value: float, *, zero: bool) -> None:
    if not (isinstance(value, int | float | np.number) and math.isfinite(value)):
        raise InputError(field, value, "a finite number")
    if value < 0 or (value == 0 and not zero):
        raise InputError(field, value, "not negative" if zero else "above zero")
