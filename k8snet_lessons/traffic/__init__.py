"""Who is asking, over which connections, and which pod each request comes to."""

from k8snet_lessons.traffic.choosing import Kernel, evenly, maglev_table
from k8snet_lessons.traffic.endpoints import Endpoints, endpoints
from k8snet_lessons.traffic.ledger import Ledger, ledger
from k8snet_lessons.traffic.odds import (
    chance_of_idle,
    expected_idle,
    expected_imbalance,
    refused_requests,
    still_old_share,
)
from k8snet_lessons.traffic.outcome import CAUSES, TrafficRun
from k8snet_lessons.traffic.process import serve_by_process
from k8snet_lessons.traffic.resolution import Resolver
from k8snet_lessons.traffic.ring import ring_table
from k8snet_lessons.traffic.serving import serve
from k8snet_lessons.traffic.spec import (
    BALANCING,
    CLIENT_SIDE,
    LAYER_4,
    LAYER_7,
    PROTOCOLS,
    TrafficSpec,
)

__all__ = [
    "BALANCING",
    "CAUSES",
    "CLIENT_SIDE",
    "LAYER_4",
    "LAYER_7",
    "PROTOCOLS",
    "Endpoints",
    "Kernel",
    "Ledger",
    "Resolver",
    "TrafficRun",
    "TrafficSpec",
    "chance_of_idle",
    "endpoints",
    "evenly",
    "expected_idle",
    "expected_imbalance",
    "ledger",
    "maglev_table",
    "refused_requests",
    "ring_table",
    "serve",
    "serve_by_process",
    "still_old_share",
]
