"""Axes that every figure shares, and the way from plain data to a plotly Figure."""

import math
from collections.abc import Mapping
from typing import Any

from k8snet_lessons.figures.palette import GRID, INK

#: A plotly figure as plain data.
Figure = dict[str, Any]

_UNITS_US = ((1e6, "s"), (1e3, "ms"), (1.0, "µs"))


def duration(us: float) -> str:
    """A duration in its readable unit, three significant digits: ``27.7 ms``."""
    if us != us:
        return "none"
    size, unit = next((u for u in _UNITS_US if abs(us) >= 0.9995 * u[0]), _UNITS_US[-1])
    value = us / size
    digits = 0 if abs(value) >= 99.95 else 1 if abs(value) >= 9.995 else 2
    return f"{value:,.{digits}f} {unit}"


def decades(low: float, high: float, least: float, most: float) -> list[float]:
    """Range of a log axis, in powers of ten: whole decades, so that it seldom moves.

    Parameters
    ----------
    low, high : float
        What has to be seen.
    least, most : float
        The range covers these in any case.
    """
    bottom = math.floor(math.log10(min(low, least)) + 1e-9) if low > 0 else math.log10(least)
    top = math.ceil(math.log10(max(high, most)) - 1e-9) if math.isfinite(high) else most
    return [float(bottom), float(top)]


def number_ticks(bounds: list[float]) -> dict[str, list[Any]]:
    """Ticks of a log axis as plain numbers: 1, 2, 5 a decade, or 1 where there are many."""
    first, last = math.floor(bounds[0]), math.ceil(bounds[1])
    steps = (1, 2, 5) if last - first <= 2 else (1,)
    values = [step * 10.0**exponent for exponent in range(first, last + 1) for step in steps]
    return {"tickvals": values, "ticktext": [f"{value:,.10g}" for value in values]}


def duration_ticks(unit_us: float = 1.0, every: int = 1) -> dict[str, list[Any]]:
    """Ticks of a log axis at whole decades, from 0.1 µs to 1,000 s, in words.

    With `every` 2, each second decade has a word: a narrow panel has no room for more.
    """
    exponents = range(-1, 10)
    texts = []
    for exponent in exponents:
        size, unit = next((u for u in _UNITS_US if 10**exponent >= u[0]), _UNITS_US[-1])
        texts.append("" if exponent % every else f"{10**exponent / size:g} {unit}")
    return {"tickvals": [10**e / unit_us for e in exponents], "ticktext": texts}


def to_plotly(figure: Mapping[str, Any]) -> Any:
    """A ``plotly.graph_objects.Figure`` of the same picture, on a white page."""
    import plotly.graph_objects as go

    made = go.Figure(data=list(figure["data"]), layout=dict(figure["layout"]))
    made.update_layout(
        template="none",
        paper_bgcolor="white",
        plot_bgcolor="white",
        font={"color": INK, "size": 12},
        showlegend=False,
    )
    made.update_xaxes(gridcolor=GRID, zeroline=False)
    made.update_yaxes(gridcolor=GRID, zeroline=False)
    return made
