"""The main road: Scenario (frozen) -> simulate() -> Outcome (arrays)."""

from k8snet_lessons.scenario._knobs import Knob
from k8snet_lessons.scenario._outcome import Conntrack, Outcome, PerPod
from k8snet_lessons.scenario._scenario import Scenario, knobs
from k8snet_lessons.scenario._simulate import simulate
from k8snet_lessons.sim.itinerary import HOPS
from k8snet_lessons.sim.passage import CAUSES

__all__ = [
    "CAUSES",
    "HOPS",
    "Conntrack",
    "Knob",
    "Outcome",
    "PerPod",
    "Scenario",
    "knobs",
    "simulate",
]
