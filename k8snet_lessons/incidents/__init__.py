"""Incidents to solve: a small simulated cluster, a hidden fault, and an on-call's tools.

One `World` holds every setting. A fault changes it, a fix changes it, and all that can be seen
is computed from it by the course's models: rules and their verdicts, policies, connection
tables, queues, name servers, wires. So the tools agree with one another and with the traffic.

>>> from k8snet_lessons.incidents import Incident, causes, remedies
>>> incident = Incident(4)
>>> print(incident.page.splitlines()[0])
14:07 PAGE shop.example.com is out of its objectives since 13:27
>>> incident = incident.look("metrics")
>>> ended = incident.conclude("bank-slow", "restart-checkout")
>>> ended.right
False
"""

from k8snet_lessons.incidents._completions import completions
from k8snet_lessons.incidents.case import Case
from k8snet_lessons.incidents.debrief import Debrief
from k8snet_lessons.incidents.evidence import Look
from k8snet_lessons.incidents.faults import DECOYS, FAULTS, Fault, causes, drawn
from k8snet_lessons.incidents.fixes import FIXES, Fix, remedies
from k8snet_lessons.incidents.incident import Incident
from k8snet_lessons.incidents.replay import Replay, replay
from k8snet_lessons.incidents.shell import USAGE, Printed, run
from k8snet_lessons.incidents.traffic import Traffic, send
from k8snet_lessons.incidents.world import World

__all__ = [
    "DECOYS",
    "FAULTS",
    "FIXES",
    "USAGE",
    "Case",
    "Debrief",
    "Fault",
    "Fix",
    "Incident",
    "Look",
    "Printed",
    "Replay",
    "Traffic",
    "World",
    "causes",
    "completions",
    "drawn",
    "remedies",
    "replay",
    "run",
    "send",
]
