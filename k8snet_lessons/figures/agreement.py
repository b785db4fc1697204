"""Model and measurement of the same thing, side by side, and how far they lie apart."""

import math
from typing import Any

from k8snet_lessons.figures._agreements import Agreement, agreements
from k8snet_lessons.figures._spec import Figure, number_ticks
from k8snet_lessons.figures.palette import BLUE, GRAY, INK, VERMILLION
from k8snet_lessons.figures.tables import Table

__all__ = ["Agreement", "agreement_table", "agreements", "gaps", "side_by_side"]


def agreement_table() -> Table:
    """Every agreement with its largest gap, widest last."""
    rows = [
        (
            each.what,
            f"record {each.record}",
            each.kind,
            str(len(each.x)),
            f"{each.largest_gap_percent:+.3g} %" if each.largest_gap_percent else "none",
        )
        for each in sorted(agreements(), key=lambda one: abs(one.largest_gap_percent))
    ]
    return Table(
        ("what", "measured in", "the model is", "settings", "largest gap"),
        tuple(rows),
        "Model against measurement: how far the model lies above (+) or below (-), at worst",
    )


def side_by_side(here: Agreement) -> Figure:
    """Model as a line with small marks, measurement as open circles."""
    return {
        "data": [
            _trace("model", here.x, here.model, BLUE, mode="lines+markers", size=5),
            _trace("measured", here.x, here.measured, VERMILLION, mode="markers", size=11),
        ],
        "layout": {
            "xaxis": _axis(here.x_title, here.x, log=here.log_x),
            "yaxis": _axis(here.y_title, (*here.model, *here.measured), log=here.log_y),
            "margin": {"l": 72, "r": 16, "t": 12, "b": 48},
            "showlegend": True,
            "legend": {"x": 0.02, "y": 0.98},
        },
    }


def gaps(here: Agreement) -> Figure:
    """How far the model lies from the measurement at each setting, in percent."""
    reach = max(1.0, *(abs(gap) for gap in here.gaps_percent if gap == gap)) * 1.25
    return {
        "data": [
            {
                "type": "scatter", "mode": "lines", "name": "no gap", "meta": "fixed",
                "x": [min(here.x), max(here.x)], "y": [0, 0], "line": {"color": INK, "width": 1},
                "hoverinfo": "skip", "showlegend": False,
            },
            _trace("gap", here.x, here.gaps_percent, GRAY, mode="markers", size=9),
        ],
        "layout": {
            "xaxis": _axis(here.x_title, here.x, log=here.log_x),
            "yaxis": {"title": "model above measurement (%)", "range": [-reach, reach]},
            "margin": {"l": 72, "r": 16, "t": 12, "b": 48},
        },
    }  # fmt: skip


def _trace(name: str, x: Any, y: Any, color: str, *, mode: str, size: int) -> dict[str, Any]:
    symbol = "circle-open" if name == "measured" else "circle"
    return {
        "type": "scatter",
        "mode": mode,
        "name": name,
        "x": list(x),
        "y": list(y),
        "line": {"color": color, "width": 2},
        "marker": {"color": color, "size": size, "symbol": symbol, "line": {"width": 2}},
        "hovertemplate": "%{y:.4~g} at %{x:,.4~g}<extra>" + name + "</extra>",
    }


def _axis(title: str, values: tuple[float, ...], *, log: bool) -> dict[str, Any]:
    if not log:
        top = max(values)
        low = min(values)
        room = 0.06 * (top - low or 1.0)
        return {"title": title, "range": [min(0.0, low) - room, top + 2 * room]}
    low, top = math.log10(min(values)), math.log10(max(values))
    bounds = [low - 0.15, top + 0.15]
    return {"title": title, "type": "log", "range": bounds, **number_ticks(bounds)}
