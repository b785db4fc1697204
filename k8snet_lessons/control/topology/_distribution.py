"""Which of the two ways of hinting a Service uses, and what it writes.

From kubernetes/endpointslice at daa4d01: ``reconciler.go`` uses ``trafficDistribution`` only
where ``hintsEnabled(annotations)`` is false, so the old annotation wins over the new field;
``trafficdist/trafficdist.go`` writes each ready endpoint's own zone (and, for PreferSameNode,
its own node), without looking at CPU and without a guard against overload.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Literal

from k8snet_lessons.control.topology._endpoint import ZoneEndpoint
from k8snet_lessons.control.topology._hints import allocate_hints
from k8snet_lessons.errors import InputError

MODE_ANNOTATION = "service.kubernetes.io/topology-mode"
DEPRECATED_ANNOTATION = "service.kubernetes.io/topology-aware-hints"

_SAME_ZONE = ("PreferSameZone", "PreferClose")
_SAME_NODE = "PreferSameNode"


@dataclass(frozen=True, slots=True)
class HintedEndpoints:
    """Endpoints with the hints the controller gave them.

    Attributes
    ----------
    endpoints : tuple of ZoneEndpoint
        The same endpoints in the same order, old hints replaced.
    heuristic : {"none", "cpu-proportional", "same-zone", "same-node"}
        Who wrote the hints.
    reason : str
        Why this heuristic, or why there are no hints.
    """

    endpoints: tuple[ZoneEndpoint, ...]
    heuristic: Literal["none", "cpu-proportional", "same-zone", "same-node"]
    reason: str


def annotation_enables_hints(annotations: Mapping[str, str]) -> bool:
    """Whether the annotations ask for hints in proportion to CPU.

    The oldest name, ``topology-aware-hints``, has the last word where both are set. Only
    ``Auto`` and ``auto`` count.

    Parameters
    ----------
    annotations : mapping of str to str

    Returns
    -------
    bool
    """
    value = annotations.get(DEPRECATED_ANNOTATION, annotations.get(MODE_ANNOTATION))
    return value in ("Auto", "auto")


def hint_endpoints(
    endpoints: Sequence[ZoneEndpoint],
    *,
    traffic_distribution: str | None = None,
    annotations: Mapping[str, str] | None = None,
    cpus: Mapping[str, float] | None = None,
) -> HintedEndpoints:
    """Write hints as the EndpointSlice controller does for one Service.

    Parameters
    ----------
    endpoints : sequence of ZoneEndpoint
    traffic_distribution : str, optional
        ``spec.trafficDistribution``: ``PreferSameZone``, ``PreferSameNode``, or
        ``PreferClose``, the old name of the first.
    annotations : mapping of str to str, optional
        The Service's; a ``topology-mode`` of ``Auto`` wins over the field.
    cpus : mapping of str to float, optional
        Allocatable CPU of each zone, for the annotation; none means it is not known.

    Returns
    -------
    HintedEndpoints

    Raises
    ------
    InputError
        If `traffic_distribution` is a value that the API server refuses.
    """
    allowed = (*_SAME_ZONE, _SAME_NODE)
    if traffic_distribution is not None and traffic_distribution not in allowed:
        raise InputError("spec.trafficDistribution", traffic_distribution, ", ".join(allowed))
    bare = tuple(replace(e, zone_hints=(), node_hints=()) for e in endpoints)

    if annotation_enables_hints(annotations or {}):
        over = (
            f"; it wins over trafficDistribution: {traffic_distribution}"
            if traffic_distribution
            else ""
        )
        hints = allocate_hints(cpus or {}, endpoints=bare)
        if not hints:
            return HintedEndpoints(bare, "none", hints.reason + over)
        hinted = tuple(
            replace(e, zone_hints=(zone,) if zone else ())
            for e, zone in zip(bare, hints.zones, strict=True)
        )
        return HintedEndpoints(hinted, "cpu-proportional", "the annotation asks for it" + over)

    if traffic_distribution is None:
        return HintedEndpoints(bare, "none", "the Service asks for no hints")
    to_node = traffic_distribution == _SAME_NODE
    hinted = tuple(
        replace(
            e,
            zone_hints=(e.zone,) if e.zone else (),
            node_hints=(e.node,) if to_node and e.node else (),
        )
        if e.ready
        else e
        for e in bare
    )
    return HintedEndpoints(
        hinted,
        "same-node" if to_node else "same-zone",
        f"trafficDistribution: {traffic_distribution}",
    )
