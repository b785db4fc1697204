"""The connection tracking table against its limit, and the requests that failed, over time."""

import numpy as np

from k8snet_lessons.figures._spec import Figure
from k8snet_lessons.figures.palette import GREEN, INK, VERMILLION
from k8snet_lessons.scenario import Outcome

#: Seconds shown. Fixed, so that the curve moves and not the axis; long enough for a burst.
SHOWN_S = 20.0


def conntrack_over_time(outcome: Outcome) -> Figure:
    """Fill of the fullest table, and the share of requests that fail, second by second.

    The fill is a share of the limit: turning the limit moves the curve and not the axis. A
    request counts in the second in which its client started it.
    """
    table = outcome.conntrack
    fill = 100.0 * table.entries / table.limit
    edges_s = np.arange(0.0, SHOWN_S + 0.5, 0.5)
    started, _ = np.histogram(outcome.arrival_s, edges_s)
    failed, _ = np.histogram(outcome.arrival_s[outcome.failed], edges_s)
    with np.errstate(invalid="ignore"):
        share = 100.0 * failed / started
    middle_s = (edges_s[:-1] + edges_s[1:]) / 2
    return {
        "data": [
            {
                "type": "scatter",
                "mode": "lines+text",
                "name": "limit",
                "meta": "fixed",
                "x": [0, SHOWN_S],
                "y": [100, 100],
                "text": ["100 % of conntrack max", ""],
                "textposition": "top right",
                "textfont": {"color": INK, "size": 11},
                "line": {"color": INK, "width": 1.5, "dash": "dash"},
                "hoverinfo": "skip",
            },
            {
                "type": "scatter",
                "mode": "lines",
                "name": "entries",
                "x": table.time_s,
                "y": fill,
                "line": {"color": GREEN, "width": 2.5},
                "hovertemplate": "%{y:.3~g} % of the limit at %{x:.1f} s<extra></extra>",
            },
            {
                "type": "scatter",
                "mode": "lines",
                "name": "failed",
                "x": middle_s,
                "y": share,
                "yaxis": "y2",
                "line": {"color": VERMILLION, "width": 2.5},
                "hovertemplate": "%{y:.3~g} % failed at %{x:.1f} s<extra></extra>",
            },
        ],
        "layout": {
            "xaxis": {"title": "time (s)", "range": [0, SHOWN_S], "anchor": "y2"},
            "yaxis": {
                "title": "entries (%)",
                "range": [0, 125],
                "tickvals": [0, 50, 100],
                "domain": [0.5, 1],
            },
            "yaxis2": {
                "title": "failed (%)",
                "range": [-4, 104],
                "tickvals": [0, 50, 100],
                "domain": [0, 0.4],
            },
            "height": 216,
            "margin": {"l": 58, "r": 16, "t": 6, "b": 40},
        },
    }
