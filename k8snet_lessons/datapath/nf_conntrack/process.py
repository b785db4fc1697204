"""The same table as a SimPy process: slow, and to be read from top to bottom."""

from collections.abc import Generator
from typing import TYPE_CHECKING, Any

import numpy as np

from k8snet_lessons.datapath.nf_conntrack.early_drop import chance
from k8snet_lessons.datapath.nf_conntrack.occupancy import Occupancy
from k8snet_lessons.datapath.nf_conntrack.spec import ConntrackSpec, Flow

if TYPE_CHECKING:
    import simpy


class Table:
    """The table: a count, and the unassured entries that may have to go."""

    def __init__(self, env: "simpy.Environment", spec: ConntrackSpec, seed: int) -> None:
        self.env = env
        self.spec = spec
        self.count = spec.standing
        self.unassured: list[simpy.Event] = []
        self.place: dict[simpy.Event, int] = {}
        self.rng = np.random.default_rng([seed, 1_000])
        self.refused_s: list[float] = []
        self.evicted_s: list[float] = []

    def insert(self, assured: bool) -> "simpy.Event | None":
        """A new entry, as the event of its eviction; None if it is refused."""
        if self.count >= self.spec.limit and not self._early_drop():
            self.refused_s.append(self.env.now)
            return None
        self.count += 1
        evicted = self.env.event()
        if not assured:
            self.place[evicted] = len(self.unassured)
            self.unassured.append(evicted)
        return evicted

    def remove(self, entry: "simpy.Event") -> None:
        """An entry has expired or is thrown out."""
        self.count -= 1
        if entry in self.place:
            hole, last = self.place.pop(entry), self.unassured.pop()
            if last is not entry:
                self.unassured[hole], self.place[last] = last, hole

    def _early_drop(self) -> bool:
        loose = len(self.unassured)
        if not (self.spec.early_drop and loose):
            return False
        if self.rng.random() >= chance(loose, self.spec.buckets):
            return False
        victim = self.unassured[int(self.rng.integers(loose))]
        self.remove(victim)
        victim.succeed()
        self.evicted_s.append(self.env.now)
        return True


def _connection(
    table: Table, flow: Flow, delays: list[float]
) -> Generator["simpy.Event", Any, None]:
    """One flow: it tries until it is let in or its client gives up, lives, and expires."""
    env = table.env
    began = env.now
    entry = table.insert(flow.assured)
    for retry_s in flow.retries_s:
        if entry is not None:
            break
        yield env.timeout(began + retry_s - env.now)
        entry = table.insert(flow.assured)
    if began >= 0:
        delays.append(env.now - began if entry is not None else float("inf"))
    if entry is None:
        return
    expiry = env.timeout(flow.life_s)
    yield expiry | entry
    if not entry.triggered:
        table.remove(entry)


def _source(
    table: Table, flow: Flow, at: list[float], delays: list[float]
) -> Generator["simpy.Event", Any, None]:
    for when in at:
        yield table.env.timeout(when - table.env.now)
        table.env.process(_connection(table, flow, delays))


def _observer(table: Table, live: list[int], seconds: int) -> Generator["simpy.Event", Any, None]:
    for second in range(seconds + 1):
        yield table.env.timeout(second - table.env.now)
        live.append(table.count)


def occupancy_by_process(spec: ConntrackSpec, *, seed: int = 1) -> Occupancy:
    """What `occupancy` computes, from the same arrivals, event by event."""
    import simpy

    seconds = int(np.ceil(spec.horizon_s))
    start = -int(np.ceil(max((flow.life_s for flow in spec.flows), default=0.0)))
    env = simpy.Environment(initial_time=start)
    table = Table(env, spec, seed)
    live: list[int] = []
    delays: list[list[float]] = [[] for _ in spec.flows]
    arrivals = spec.arrivals(seed)
    for flow, at, seen in zip(spec.flows, arrivals, delays, strict=True):
        env.process(_source(table, flow, at.tolist(), seen))
    env.process(_observer(table, live, seconds))
    # Retries after the horizon are not followed: their flows have no outcome.
    env.run(until=seconds + 1e-9)

    def in_seconds(at_s: list[float]) -> Any:
        return np.histogram([at for at in at_s if at >= 0], bins=np.arange(seconds + 1))[0]

    tcp = [seen for flow, seen in zip(spec.flows, delays, strict=True) if flow.name == "TCP"]
    return Occupancy(
        time_s=np.arange(seconds + 1, dtype=np.float64),
        live=np.array(live, dtype=np.int64),
        refused=in_seconds(table.refused_s),
        evicted=in_seconds(table.evicted_s),
        first_refusal_s=table.refused_s[0] if table.refused_s else None,
        flows=sum(int((at >= 0).sum()) for at in arrivals),
        failed_flows=sum(np.isinf(seen).sum() for seen in delays),
        connect_delay_s=np.array(tcp[0]) if tcp else np.empty(0),
        limit=spec.limit,
    )
