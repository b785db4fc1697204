"""How far one broken part reaches: faults, defenses, blast radius, and storms of retries."""

from k8snet_lessons.isolation.blast import Blast, blast, each_defense_alone, storm_spec
from k8snet_lessons.isolation.door import Restart, restarts
from k8snet_lessons.isolation.ejection import ejected_spans, may_eject, panics
from k8snet_lessons.isolation.faults import (
    ALONE_NAMES,
    BEARING_ON,
    DEFENSE_NAMES,
    FAULT_NAMES,
    Defenses,
    Fault,
    NodeClocks,
    node_clocks,
)
from k8snet_lessons.isolation.names import asked, lost_lookup_share, valid_share
from k8snet_lessons.isolation.storm import StormRun, storm
from k8snet_lessons.isolation.storm_process import storm_by_process
from k8snet_lessons.isolation.storm_spec import (
    StormSpec,
    attempts_at_the_bottom,
    can_outlive_trigger,
    drain_s,
    safe_ratio,
    storm_load_per_s,
    useful_queue,
)
from k8snet_lessons.isolation.walk import Walked, walk
from k8snet_lessons.isolation.world import EXAMPLE, Habits, Service, World, example

__all__ = [
    "ALONE_NAMES",
    "BEARING_ON",
    "DEFENSE_NAMES",
    "EXAMPLE",
    "FAULT_NAMES",
    "Blast",
    "Defenses",
    "Fault",
    "Habits",
    "NodeClocks",
    "Restart",
    "Service",
    "StormRun",
    "StormSpec",
    "Walked",
    "World",
    "asked",
    "attempts_at_the_bottom",
    "blast",
    "can_outlive_trigger",
    "drain_s",
    "each_defense_alone",
    "ejected_spans",
    "example",
    "lost_lookup_share",
    "may_eject",
    "node_clocks",
    "panics",
    "restarts",
    "safe_ratio",
    "storm",
    "storm_by_process",
    "storm_load_per_s",
    "storm_spec",
    "useful_queue",
    "valid_share",
    "walk",
]
