"""The explorer of lesson 9: what keeps a Service's traffic in its zone, and what that costs."""

from collections.abc import Iterable, Mapping
from dataclasses import replace
from typing import Any

from k8snet_lessons.control.zones import (
    Policy,
    ZonedOutcome,
    ZonedService,
    spread_evenly,
    zoned_outcome,
)
from k8snet_lessons.explorers._knob import Knob
from k8snet_lessons.explorers._view import Number, Panel, Prediction, Row, View
from k8snet_lessons.explorers._widget import Explorer
from k8snet_lessons.figures import zones as figures

_CURVES: tuple[Policy, ...] = ("none", "auto", "zone")
_COUNTS = range(1, 31)


def topology_aware_routing() -> Explorer:
    """Return the explorer: zones, CPUs, endpoints, skew and policy against share and cost."""
    knobs = [
        Knob("policy", "The Service asks for", "auto", kind="choice", choices=figures.NAMES),
        Knob("internal", "internalTrafficPolicy", "Cluster", kind="choice",
             choices=("Cluster", "Local"), help="Local: endpoints of the own node, or none"),
        Knob("endpoints", "Ready endpoints", 9, min=1, max=300, slider=(1, 30), step=1),
        Knob("zones", "Zones", 3, min=2, max=6, slider=(2, 6), step=1),
        Knob("skew", "Load of zone a", 1.0, kind="log",
             min=0.01, max=1_000, slider=(1, 20), unit="× each other"),
        Knob("placement", "Endpoints are placed", "even", kind="choice",
             choices={"even": "evenly over the zones", "first": "half of them in zone a"}),
        Knob("cpus_a", "CPUs of zone a", 8, min=1, max=10_000, slider=(1, 64), step=1),
        Knob("cpus_other", "CPUs of each other zone", 8, min=1, max=10_000, slider=(1, 64),
             step=1),
        Knob("nodes", "Nodes in each zone", 3, min=1, max=100, slider=(1, 10), step=1,
             group="more"),
        Knob("rate_per_s", "Requests of all clients", 2_000.0, kind="log", min=1, max=1e7,
             slider=(100, 100_000), unit="per s", group="more"),
        Knob("capacity_per_s", "One endpoint can serve", 300.0, kind="log", min=1, max=1e6,
             slider=(10, 10_000), unit="per s", group="more"),
        Knob("kilobytes", "A request and its answer", 12.0, kind="log", min=0.1, max=1e5,
             slider=(1, 1_000), unit="kB", group="more"),
    ]  # fmt: skip
    guess = Prediction(
        "Three equal zones, equal clients, and the annotation topology-mode: Auto. The Service "
        "has 4 ready endpoints. What share of the requests leaves its zone? (%)",
        "%",
        lambda view: view.number("leaves its zone"),
        panel=2,
        settings={"endpoints": 4},
        minimum=None,  # zero is a fair guess
        close_factor=1.2,
    )
    return Explorer(
        "Traffic and its zone",
        knobs,
        view,
        presets={
            "no hints": {"policy": "none"},
            "annotation, 9 endpoints": {},
            "annotation, 8 endpoints": {"endpoints": 8},
            "annotation and field": {"endpoints": 8, "policy": "both"},
            "hot zone": {"policy": "zone", "skew": 4.0},
            "same node": {"policy": "node", "endpoints": 12},
            "Local, a node without": {"policy": "none", "internal": "Local", "endpoints": 6},
        },
        prediction=guess,
        still="topology-aware-routing",
        lesson=9,
    )


def view(settings: Mapping[str, Any], *, requests: int) -> View:
    """What the explorer shows at a setting: expected values, nothing is drawn at random."""
    service = _service(settings, settings["endpoints"])
    outcome = zoned_outcome(service)
    traffic = outcome.traffic
    peak = 100 * outcome.peak_utilization
    curves = {policy: [_crossing(settings, n, policy) for n in _COUNTS] for policy in _CURVES}
    return View(
        headline=_headline(service, outcome),
        panels=(
            Panel(
                "Endpoints and hints",
                figures.endpoints_and_hints(service, outcome),
                "; ".join(
                    f"zone {zone}: {count} run there, {outcome.hints_by_zone[zone]} hinted for it"
                    for zone, count in service.endpoints.items()
                ),
            ),
            Panel(
                "The busiest endpoint of each zone",
                figures.busiest_by_zone(outcome),
                "; ".join(f"zone {z}: {100 * u:.0f} %" for z, u in outcome.peak_by_zone.items()),
            ),
            Panel(
                "What leaves its zone, by number of endpoints",
                figures.crossing_by_count(
                    _COUNTS, curves, (settings["endpoints"], traffic.cross_zone_share)
                ),
                f"{100 * traffic.cross_zone_share:.0f} % at {settings['endpoints']} endpoints.",
                "wide",
            ),
        ),
        numbers=(
            Number("leaves its zone", 100 * traffic.cross_zone_share, "%", main=True),
            Number("leaves its node", 100 * outcome.cross_node_share, "%"),
            Number("dropped: no endpoint on its node", 100 * outcome.dropped_share, "%"),
            Number("transfer between zones", traffic.transfer_cost_per_month, "USD a month"),
            Number("mean network round trip", traffic.mean_rtt_us, "µs"),
            Number("busiest endpoint", peak, "% busy"),
            Number("busiest endpoint over the mean", traffic.hottest_over_mean, ""),
        ),
        notes=_notes(service, outcome),
        code=_code(service),
        csv=lambda: _rows(settings),
    )


def _service(settings: Mapping[str, Any], endpoints: int) -> ZonedService:
    zones = tuple("abcdef"[: settings["zones"]])
    if settings["placement"] == "first":
        half = (endpoints + 1) // 2
        placed = {"a": half} | spread_evenly(endpoints - half, zones[1:])
    else:
        placed = spread_evenly(endpoints, zones)
    weights = {zone: settings["skew"] if zone == "a" else 1.0 for zone in zones}
    whole = sum(weights.values())
    return ZonedService(
        endpoints=placed,
        rate_per_s={zone: settings["rate_per_s"] * w / whole for zone, w in weights.items()},
        cpus={zone: settings["cpus_a" if zone == "a" else "cpus_other"] for zone in zones},
        policy=settings["policy"],
        capacity_per_s=settings["capacity_per_s"],
        kilobytes=settings["kilobytes"],
        internal_traffic_policy=settings["internal"],
        nodes_per_zone=settings["nodes"],
    )


def _crossing(settings: Mapping[str, Any], endpoints: int, policy: Policy) -> float:
    """Ask about hints alone: no number of nodes changes them, and Local does not read them."""
    service = replace(
        _service(settings, endpoints),
        policy=policy,
        internal_traffic_policy="Cluster",
        nodes_per_zone=1,
    )
    return zoned_outcome(service).traffic.cross_zone_share


def _headline(service: ZonedService, outcome: ZonedOutcome) -> str:
    said = (
        f"{100 * outcome.traffic.cross_zone_share:.0f} % of the requests leave their zone, for "
        f"{outcome.traffic.transfer_cost_per_month:,.0f} USD a month."
    )
    if outcome.dropped_share:
        said += f" {100 * outcome.dropped_share:.0f} % are dropped: their node has no endpoint."
    if service.policy != "none" and outcome.hinted.heuristic == "none":
        said += " There are no hints, although the Service asks for them."
    if outcome.peak_utilization >= 1:
        hot = max(outcome.peak_by_zone, key=lambda zone: outcome.peak_by_zone[zone])
        said += f" Zone {hot} has an endpoint that gets more than it can serve."
    return said


def _notes(service: ZonedService, outcome: ZonedOutcome) -> tuple[str, ...]:
    reason = outcome.hinted.reason.replace("; it wins", "; the annotation wins")
    notes = [f"The controller: {reason}."]
    routes = zip(outcome.clients, outcome.traffic.modes, outcome.traffic.reasons, strict=True)
    wide = [
        f"Nodes in zone {group.zone} route cluster-wide: {why}."
        for group, mode, why in routes
        if mode == "cluster-wide" and outcome.hinted.heuristic != "none"
    ]
    notes += dict.fromkeys(wide)
    if service.internal_traffic_policy == "Local":
        notes.append(
            "internalTrafficPolicy: Local looks at no hints: this node's endpoints or none. The "
            "curves below are those of Cluster."
        )
    notes.append(
        "0.01 USD a gigabyte for the sender and again for the receiver (AWS list price), a month "
        "of 730 hours, gigabytes of 10⁹ bytes. Equal shares over the endpoints a node may use: "
        "long-lived connections are less even."
    )
    return tuple(notes)


def _code(service: ZonedService) -> str:
    return (
        "from k8snet_lessons.control.zones import ZonedService, zoned_outcome\n\n"
        f"zoned_outcome({service!r})"
    )


def _rows(settings: Mapping[str, Any]) -> Iterable[Row]:
    for policy in figures.NAMES:
        for count in _COUNTS:
            service = replace(_service(settings, count), policy=policy)
            outcome = zoned_outcome(service)
            yield {
                "policy": policy,
                "endpoints": count,
                "cross_zone_share": outcome.traffic.cross_zone_share,
                "dropped_share": outcome.dropped_share,
                "usd_per_month": outcome.traffic.transfer_cost_per_month,
                "peak_utilization": outcome.peak_utilization,
            }
