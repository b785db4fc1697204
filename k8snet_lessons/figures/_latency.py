"""The latency distribution, as percentiles on a scale of nines."""

import numpy as np

from k8snet_lessons.figures._spec import Figure, decades, duration, number_ticks
from k8snet_lessons.figures.palette import BLUE, INK, SKY_FILL
from k8snet_lessons.scenario import Outcome

#: Percentiles drawn: evenly spaced in nines, so that the tail has as much room as the body.
_NINES = np.linspace(0.0, 3.3, 140)
_PERCENTILES = (1 - 10.0**-_NINES) * 100
_MARKED = (50.0, 99.0, 99.9)
_TICKS = (50.0, 90.0, 99.0, 99.9)


def nines(percentile: float) -> float:
    """Place of a percentile on the scale of nines: p90 is 1, p99 is 2."""
    return float(-np.log10(1 - percentile / 100))


def latency_percentiles(outcome: Outcome) -> Figure:
    """Latency of the requests that succeeded, against the percentile.

    A percentile plot answers "how slow are the slowest 1 %" at a glance, where a histogram
    hides the tail in a few pixels. p50, p99 and p99.9 are marked.
    """
    latency_ms = outcome.percentiles(_PERCENTILES) / 1e3
    marked_ms = outcome.percentiles(_MARKED) / 1e3
    labels = [
        f"p{q:g}  {duration(ms * 1e3)}" for q, ms in zip(_MARKED, marked_ms.tolist(), strict=True)
    ]
    low, high = np.nan_to_num([latency_ms[0], latency_ms[-1]], nan=1.0).tolist()
    bounds = decades(low, high, 1.0, 100.0)
    return {
        "data": [
            {
                "type": "scatter",
                "mode": "lines",
                "name": "latency",
                "x": _NINES,
                "y": latency_ms,
                "fill": "tozeroy",
                "fillcolor": SKY_FILL,
                "line": {"color": BLUE, "width": 2.5},
                "hovertemplate": "%{y:.3~g} ms<extra></extra>",
            },
            {
                "type": "scatter",
                "mode": "markers+text",
                "name": "marked percentiles",
                "x": [nines(q) for q in _MARKED],
                "y": marked_ms,
                "text": labels,
                "textposition": ["bottom right", "top left", "top left"],
                "textfont": {"color": INK, "size": 13},
                "marker": {"color": BLUE, "size": 9},
                "hoverinfo": "skip",
                "cliponaxis": False,
            },
        ],
        "layout": {
            "xaxis": {
                "title": "percentile of successful requests",
                "range": [0, 3.35],
                "tickvals": [nines(q) for q in _TICKS],
                "ticktext": [f"p{q:g}" for q in _TICKS],
                "tickangle": 0,
            },
            "yaxis": {
                "title": "latency (ms, log scale)",
                "type": "log",
                "range": bounds,
                **number_ticks(bounds),
            },
            "margin": {"l": 62, "r": 16, "t": 12, "b": 46},
        },
    }
