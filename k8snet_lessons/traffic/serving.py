"""A run with whole arrays: who asks, which pod, how long, and what is lost."""

import numpy as np
import numpy.typing as npt

from k8snet_lessons.sim.arrays import Floats
from k8snet_lessons.sim.fifo import single_server_wait
from k8snet_lessons.sim.many_servers import many_servers_wait
from k8snet_lessons.traffic.assigning import assign
from k8snet_lessons.traffic.endpoints import Endpoints, endpoints
from k8snet_lessons.traffic.ledger import ledger
from k8snet_lessons.traffic.luck import Luck
from k8snet_lessons.traffic.one_by_one import one_by_one
from k8snet_lessons.traffic.outcome import (
    ANSWERED,
    CUT_OFF,
    NO_CONNECTION,
    REFUSED,
    TOO_LATE,
    TrafficRun,
)
from k8snet_lessons.traffic.road import road_us
from k8snet_lessons.traffic.spec import LAYER_4, TrafficSpec


def looks_at_the_queues(spec: TrafficSpec) -> bool:
    """Whether the choice depends on what is still being worked on: one request at a time."""
    at_layer_4 = spec.balancing in LAYER_4
    return (
        spec.balancing == "least_request"
        or (at_layer_4 and spec.protocol == "http1")
        or (spec.balancing == "ipvs_lc" and spec.protocol == "per_request")
    )


def serve(spec: TrafficSpec, seed: int = 1) -> TrafficRun:
    """Run the traffic of a spec.

    Parameters
    ----------
    spec : TrafficSpec
    seed : int
        The same seed at two settings draws the same luck: they differ by their settings.
    """
    life, luck = endpoints(spec), Luck(spec, seed)
    work_us = luck.unit.exponential("service")[: len(luck.arrival_s)] * spec.service_us
    retires = None
    opened = 0
    if looks_at_the_queues(spec):
        pod, latency_us = one_by_one(spec, life, luck, work_us)
        book = None if spec.protocol == "http1" and spec.balancing in LAYER_4 else ledger(
            spec, life, luck)  # fmt: skip
    else:
        book = ledger(spec, life, luck)
        assigned = assign(spec, book, luck)
        pod, retires = assigned.pod, assigned.retires_s
        latency_us = _queue(spec, life, luck.arrival_s, pod, work_us)
        if spec.protocol == "http2" and spec.balancing in (*LAYER_4, "pick_first"):
            opened = int((book.begin_s > 0).sum())
    cause = causes(spec, life, luck.arrival_s, pod, latency_us, retires)
    latency_us += road_us(spec)
    return TrafficRun(spec, luck.arrival_s, pod, latency_us, work_us, cause, life, book, opened)


def listens(life: Endpoints, arrival_s: Floats, pod: npt.NDArray[np.int16]) -> np.ndarray:
    """Whether the pod of each request takes it; False where there is none."""
    heard: np.ndarray = pod >= 0
    if np.isfinite(life.listens_from).any():
        heard &= arrival_s >= life.listens_from[pod]
    if np.isfinite(life.listens_until).any():
        heard &= arrival_s < life.listens_until[pod]
    return heard


def causes(
    spec: TrafficSpec,
    life: Endpoints,
    arrival_s: Floats,
    pod: npt.NDArray[np.int16],
    latency_us: Floats,
    retires_s: Floats | None,
) -> npt.NDArray[np.uint8]:
    """Say of each request whether it was answered, and if not, why."""
    cause = np.full(len(pod), ANSWERED, dtype=np.uint8)
    cause[latency_us > spec.deadline_s * 1e6] = TOO_LATE
    if np.isfinite(life.gone).any():
        finish_s = arrival_s + latency_us / 1e6
        cause[(pod >= 0) & (finish_s > life.gone[pod])] = CUT_OFF
    if retires_s is not None and np.isfinite(spec.age_grace_s):
        cause[arrival_s + latency_us / 1e6 > retires_s + spec.age_grace_s] = CUT_OFF
    cause[~listens(life, arrival_s, pod)] = REFUSED
    cause[pod < 0] = NO_CONNECTION
    return cause


def _queue(
    spec: TrafficSpec,
    life: Endpoints,
    arrival_s: Floats,
    pod: npt.NDArray[np.int16],
    work_us: Floats,
) -> Floats:
    """Return the time in the pod of each request; NaN where no pod takes it."""
    queue = pod.astype(np.uint16)
    nobody = ~listens(life, arrival_s, pod)
    some_lost = bool(nobody.any())
    if some_lost:
        queue[nobody] = spec.all_pods
    # A radix sort: stable, so that each pod's requests stay in order of time.
    order = np.argsort(queue, kind="stable")
    bounds = np.concatenate(([0], np.cumsum(np.bincount(queue, minlength=spec.all_pods))))
    bounds = bounds[: spec.all_pods + 1]
    order = order[: bounds[-1]]
    arrival_us = arrival_s[order] * 1e6
    work = work_us[order]
    if spec.pod_workers > 1:
        wait = many_servers_wait(arrival_us, work, bounds, spec.pod_workers)
    else:
        wait = np.empty(len(order))
        for begin, end in zip(bounds[:-1].tolist(), bounds[1:].tolist(), strict=True):
            if end > begin:
                wait[begin:end] = single_server_wait(arrival_us[begin:end], work[begin:end])
    wait += work
    latency = np.full(len(pod), np.nan) if some_lost else np.empty(len(pod))
    latency[order] = wait
    return latency
