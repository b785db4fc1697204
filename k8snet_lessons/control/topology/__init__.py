"""Keeping traffic in its zone: who hints, who heeds the hints, what it saves and where it hurts.

Three steps, each a pure function:

1. `hint_endpoints` (or `allocate_hints` for the old annotation alone) is the EndpointSlice
   controller: it writes hints beside endpoints, or says why it does not.
2. `select_endpoints` is kube-proxy on one node: it heeds the hints, or says why not.
3. `spread_traffic` sends load through both and gives shares, latency, money and heat.

`hint_service`, `endpoints_of` and `cpus_of` ask the same of manifests.
"""

from k8snet_lessons.control.topology._cluster import (
    cpus_of,
    endpoints_of,
    hint_service,
    zone_endpoint,
)
from k8snet_lessons.control.topology._distribution import (
    DEPRECATED_ANNOTATION,
    MODE_ANNOTATION,
    HintedEndpoints,
    annotation_enables_hints,
    hint_endpoints,
)
from k8snet_lessons.control.topology._endpoint import ZoneEndpoint
from k8snet_lessons.control.topology._hints import (
    OVERLOAD_THRESHOLD,
    Allocation,
    Hints,
    NodeCpu,
    allocate_hints,
    giving_and_receiving_zones,
    is_overloaded,
    zone_cpus,
)
from k8snet_lessons.control.topology._selection import Selection, heed_hints, select_endpoints
from k8snet_lessons.control.topology._spread import (
    ClientGroup,
    CrossZonePath,
    TrafficSpread,
    spread_traffic,
)

__all__ = [
    "DEPRECATED_ANNOTATION",
    "MODE_ANNOTATION",
    "OVERLOAD_THRESHOLD",
    "Allocation",
    "ClientGroup",
    "CrossZonePath",
    "HintedEndpoints",
    "Hints",
    "NodeCpu",
    "Selection",
    "TrafficSpread",
    "ZoneEndpoint",
    "allocate_hints",
    "annotation_enables_hints",
    "cpus_of",
    "endpoints_of",
    "giving_and_receiving_zones",
    "heed_hints",
    "hint_endpoints",
    "hint_service",
    "is_overloaded",
    "select_endpoints",
    "spread_traffic",
    "zone_cpus",
    "zone_endpoint",
]
