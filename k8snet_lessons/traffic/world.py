"""What the processes of a run share: a clock, the pods' workers, who knows of whom, the record.

The clock counts whole nanoseconds, so that "until then" and "from then" are the same instant.
"""

from collections.abc import Generator
from typing import TYPE_CHECKING, Any

import numpy as np

from k8snet_lessons.traffic.choosing import Kernel
from k8snet_lessons.traffic.endpoints import Endpoints, endpoints
from k8snet_lessons.traffic.luck import Luck
from k8snet_lessons.traffic.spec import TrafficSpec

if TYPE_CHECKING:
    import simpy

Steps = Generator["simpy.Event", Any, None]
_NS = 1e9
_FOREVER = 1 << 62


def ns(seconds: float) -> int:
    """Return an instant on the clock of the processes."""
    return round(min(max(seconds * _NS, -_FOREVER), _FOREVER))


class World:
    """The cluster of one run, as its processes see it.

    Parameters
    ----------
    env : simpy.Environment
    spec : TrafficSpec
    seed : int
    """

    def __init__(self, env: "simpy.Environment", spec: TrafficSpec, seed: int) -> None:
        import simpy

        self.env, self.spec = env, spec
        self.life: Endpoints = endpoints(spec)
        self.luck = Luck(spec, seed)
        self.arrival_s = self.luck.arrival_s
        n = len(self.arrival_s)
        self.work_us = self.luck.unit.exponential("service")[:n] * spec.service_us
        self.choice = self.luck.unit.uniform("choice")[:n]
        self.second = self.luck.unit.uniform("second choice")[:n]
        self.workers = [simpy.Resource(env, spec.pod_workers) for _ in range(spec.all_pods)]
        self.kernel = Kernel(
            spec.balancing,
            max(spec.clients, spec.shared_proxies),
            spec.all_pods,
            self.luck.server_order,
        )
        self.pod = np.full(n, -1, dtype=np.int16)
        self.latency_us = np.full(n, np.nan)
        self.retires_s = np.full(n, np.inf)
        self.opened = 0

    @property
    def now_s(self) -> float:
        return float(self.env.now / _NS)

    def until(self, end_s: float) -> "simpy.Event":
        """An event at an instant."""
        return self.env.timeout(max(0, ns(end_s) - int(self.env.now)))

    def listens(self, pod: int) -> bool:
        """Whether a pod takes a new connection now."""
        now = self.env.now
        return bool(ns(self.life.listens_from[pod]) <= now < ns(self.life.listens_until[pod]))

    def known(self, at_s: float | None = None) -> list[int]:
        """The pods that others count with."""
        at = self.now_s if at_s is None else at_s
        return [int(pod) for pod in self.life.known_at(at)]

    def work(self, request: int, pod: int) -> Steps:
        """One request in a pod: it waits for a worker, and is worked on."""
        self.pod[request] = pod
        if not self.listens(pod):
            return
        began = self.env.now
        with self.workers[pod].request() as turn:
            yield turn
            yield self.env.timeout(ns(self.work_us[request] / 1e6))
        self.latency_us[request] = (self.env.now - began) / 1e3
