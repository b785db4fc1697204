"""The life of each pod as others see it: when it listens, when it is known, when it goes.

On the way up a pod has to start, pass its readiness probe, and become known to every node.
On the way down two things begin at the same moment and race: the endpoint is withdrawn, which
takes a while to be known everywhere, and the kubelet runs preStop and then sends SIGTERM.
Source: https://kubernetes.io/docs/concepts/workloads/pods/pod-lifecycle/#pod-termination.
"""

import math
from dataclasses import dataclass

import numpy as np

from k8snet_lessons.sim.arrays import Floats, Ints
from k8snet_lessons.traffic.spec import TrafficSpec


@dataclass(frozen=True, eq=False)
class Endpoints:
    """Instants of each pod's life, in seconds; arrays of shape (pods,).

    Attributes
    ----------
    listens_from, listens_until : float arrays
        Between them a new connection is accepted. At the end a draining pod says GOAWAY on
        the open ones.
    gone : float array
        When whatever it still worked on is lost.
    known_from, known_until : float arrays
        Between them others send new connections (or, at layer 7, requests) to it.
    """

    listens_from: Floats
    listens_until: Floats
    gone: Floats
    known_from: Floats
    known_until: Floats

    def known_at(self, at_s: float) -> Ints:
        """Pods that others count with at an instant, in order."""
        return np.flatnonzero((self.known_from <= at_s) & (at_s < self.known_until))

    def changes(self, until_s: float) -> list[float]:
        """Instants within (0, until_s) at which the set of known pods changes."""
        at = np.unique(np.concatenate([self.known_from, self.known_until]))
        return [float(each) for each in at[(at > 0) & (at < until_s)]]


def endpoints(spec: TrafficSpec) -> Endpoints:
    """Return the life of every pod of a run."""
    count = spec.all_pods
    pod = np.arange(count)
    new, old = pod >= spec.pods, pod >= spec.scaled_to
    starts = spec.scale_at_s + spec.start_s
    ready = starts if spec.readiness_probe else spec.scale_at_s
    stops = spec.scale_at_s + spec.prestop_s
    killed = spec.scale_at_s + spec.termination_grace_s if spec.drains else stops
    return Endpoints(
        listens_from=np.where(new, starts, -math.inf),
        listens_until=np.where(old, stops, math.inf),
        gone=np.where(old, killed, math.inf),
        known_from=np.where(new, ready + spec.propagation_s, -math.inf),
        known_until=np.where(old, spec.scale_at_s + spec.propagation_s, math.inf),
    )
