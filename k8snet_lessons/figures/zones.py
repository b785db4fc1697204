"""Traffic between zones: who is hinted for whom, what crosses, and which endpoint is hot."""

from collections.abc import Mapping, Sequence
from typing import Any

from k8snet_lessons.control.topology import allocate_hints
from k8snet_lessons.control.zones import Policy, ZonedOutcome, ZonedService
from k8snet_lessons.figures._spec import Figure
from k8snet_lessons.figures.palette import BLUE, GRAY, GREEN, INK, PURPLE, VERMILLION
from k8snet_lessons.figures.tables import Table

NAMES: dict[Policy, str] = {
    "none": "no hints",
    "auto": "annotation: Auto",
    "zone": "field: PreferSameZone",
    "node": "field: PreferSameNode",
    "both": "annotation and field",
}
_COLORS: dict[Policy, str] = {
    "none": GRAY,
    "auto": VERMILLION,
    "zone": BLUE,
    "node": GREEN,
    "both": PURPLE,
}
_MARGIN = {"l": 60, "r": 16, "t": 12, "b": 46}


def endpoints_and_hints(service: ZonedService, outcome: ZonedOutcome) -> Figure:
    """Endpoints that run in each zone beside those hinted for it."""
    zones = list(service.endpoints)
    top = max(*service.endpoints.values(), *outcome.hints_by_zone.values(), 4) * 1.15
    return _bars(
        zones,
        (
            ("run in the zone", [service.endpoints[z] for z in zones], GRAY),
            ("hinted for the zone", [outcome.hints_by_zone[z] for z in zones], GREEN),
        ),
        "endpoints",
        top,
    )


def busiest_by_zone(outcome: ZonedOutcome) -> Figure:
    """Utilization of the busiest endpoint in each zone, with the line where a queue has no end."""
    zones = list(outcome.peak_by_zone)
    values = [100 * outcome.peak_by_zone[z] for z in zones]
    top = next((t for t in (120, 250, 500, 1_000) if max(values) < t), max(values) * 1.1)
    figure = _bars(zones, (("busiest endpoint", values, BLUE),), "utilization (%)", top)
    figure["data"].append(
        {
            "type": "scatter",
            "mode": "lines",
            "name": "all it can do",
            "x": zones,
            "y": [100.0] * len(zones),
            "line": {"color": VERMILLION, "dash": "dash"},
            "meta": "fixed",
        }
    )
    return figure


def crossing_by_count(
    counts: Sequence[int],
    curves: Mapping[Policy, Sequence[float]],
    here: tuple[int, float],
) -> Figure:
    """Cross-zone share against the number of endpoints, one curve a policy."""
    data: list[dict[str, Any]] = [
        {
            "type": "scatter",
            "mode": "lines+markers",
            "name": NAMES[policy],
            "x": list(counts),
            "y": [100 * share for share in shares],
            "line": {"color": _COLORS[policy], "width": 2},
            "marker": {"size": 5},
            "hovertemplate": "%{x} endpoints: %{y:.0f} %<extra>" + NAMES[policy] + "</extra>",
        }
        for policy, shares in curves.items()
    ]
    data.append(
        {
            "type": "scatter",
            "mode": "markers",
            "name": "this setting",
            "x": [here[0]],
            "y": [100 * here[1]],
            "marker": {"color": GREEN, "size": 11, "line": {"color": INK, "width": 1.5}},
            "showlegend": False,
        }
    )
    return {
        "data": data,
        "layout": {
            "xaxis": {"title": "ready endpoints", "range": [0, max(counts) + 1]},
            "yaxis": {"title": "leave their zone (%)", "range": [-4, 104]},
            "margin": dict(_MARGIN),
            "showlegend": True,
            "legend": {"orientation": "h", "y": 1.16, "x": 0},
        },
    }


def hint_table(counts: Sequence[int] = (2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12)) -> Table:
    """Whether three equal zones get hints, for Services with few endpoints."""
    rows = []
    for count in counts:
        found = allocate_hints(["a", "b", "c"], [8, 8, 8], count)
        shares = ", ".join(f"{zone} {n}" for zone, n in found.by_zone.items())
        least = sum(each.minimum for each in found.allocations.values())
        rows.append((str(count), str(least) if found else "", shares or found.reason))
    return Table(
        ("ready endpoints", "minimums, added up", "hints for each zone, or why there are none"),
        tuple(rows),
        "Annotation topology-mode: Auto, three zones with the same CPU, endpoints spread evenly",
    )


def _bars(
    zones: list[str], parts: Sequence[tuple[str, list[Any], str]], title: str, top: float
) -> Figure:
    return {
        "data": [
            {
                "type": "bar",
                "name": name,
                "x": zones,
                "y": values,
                "marker": {"color": color},
                "hovertemplate": "zone %{x}: %{y:.3~g}<extra>" + name + "</extra>",
            }
            for name, values, color in parts
        ],
        "layout": {
            "barmode": "group",
            "xaxis": {"title": "zone", "type": "category"},
            "yaxis": {"title": title, "range": [0, top]},
            "margin": dict(_MARGIN),
            "showlegend": True,
            "legend": {"orientation": "h", "y": 1.16, "x": 0},
        },
    }
