"""What is programmed on a node: Services written as iptables, nftables, IPVS and eBPF data.

The public names are loaded on first use, so that one part of the room does not cost the
loading of the others.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from k8snet_lessons.control.decision import Decision as Decision
    from k8snet_lessons.control.decision import Flow as Flow
    from k8snet_lessons.control.programming import program as program
    from k8snet_lessons.control.routing import explain_route as explain_route
    from k8snet_lessons.control.routing import route as route
    from k8snet_lessons.control.service_port import ServicePort as ServicePort
    from k8snet_lessons.control.services import NodeView as NodeView
    from k8snet_lessons.control.services import node_view as node_view
    from k8snet_lessons.control.topology import allocate_hints as allocate_hints
    from k8snet_lessons.control.updates import UpdateCost as UpdateCost
    from k8snet_lessons.control.updates import update_cost as update_cost

_HOME = {
    "Decision": "k8snet_lessons.control.decision",
    "Flow": "k8snet_lessons.control.decision",
    "NodeView": "k8snet_lessons.control.services",
    "ServicePort": "k8snet_lessons.control.service_port",
    "UpdateCost": "k8snet_lessons.control.updates",
    "allocate_hints": "k8snet_lessons.control.topology",
    "explain_route": "k8snet_lessons.control.routing",
    "node_view": "k8snet_lessons.control.services",
    "program": "k8snet_lessons.control.programming",
    "route": "k8snet_lessons.control.routing",
    "update_cost": "k8snet_lessons.control.updates",
}

__all__ = [
    "Decision",
    "Flow",
    "NodeView",
    "ServicePort",
    "UpdateCost",
    "allocate_hints",
    "explain_route",
    "node_view",
    "program",
    "route",
    "update_cost",
]


def __getattr__(name: str) -> Any:
    try:
        home = _HOME[name]
    except KeyError:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}") from None
    return getattr(import_module(home), name)


def __dir__() -> list[str]:
    return sorted(set(globals()) | set(__all__))
