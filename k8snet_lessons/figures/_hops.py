"""Where the time goes, hop by hop, for a typical request and for a slow one."""

from collections.abc import Mapping

import numpy as np

from k8snet_lessons.figures._spec import Figure, decades, duration_ticks
from k8snet_lessons.figures.palette import BLUE, GRID, VERMILLION
from k8snet_lessons.scenario import HOPS, Outcome

#: Requests averaged around a percentile: enough of them to be steady, few enough to be alike.
_AROUND = {50.0: (45.0, 55.0), 99.0: (98.5, 99.5)}
#: Where a hop of no time stands: left of the axis, which begins at 1 µs, and so not seen.
_OFF_THE_AXIS_US = 0.01


def hop_shares(outcome: Outcome, percentile: float) -> Mapping[str, float]:
    """Mean time at each hop of the requests whose latency is near a percentile.

    Parameters
    ----------
    outcome : Outcome
        What was simulated.
    percentile : float
        50 averages the requests between p45 and p55, 99 those between p98.5 and p99.5.

    Returns
    -------
    mapping of str to float
        Microseconds by hop; they add up to the mean latency of those requests. NaN when no
        request succeeded.
    """
    low, high = _AROUND.get(percentile, (percentile - 0.5, min(100.0, percentile + 0.5)))
    near = (outcome.latency_us >= outcome.percentile(low)) & ~outcome.failed
    near &= outcome.latency_us <= outcome.percentile(high)
    which = np.flatnonzero(near)
    if not len(which):
        return dict.fromkeys(outcome.by_hop, float("nan"))
    return {hop: float(spent_us[which].mean()) for hop, spent_us in outcome.by_hop.items()}


def time_by_hop(outcome: Outcome) -> Figure:
    """Time at each hop on a log scale: requests near p50, and requests near p99.

    Dots, not bars: a bar on a log scale has no true length. The log scale keeps hops of
    microseconds in sight beside those of milliseconds.
    """
    typical = np.array(list(hop_shares(outcome, 50.0).values()))
    slow = np.array(list(hop_shares(outcome, 99.0).values()))
    largest = float(np.nanmax([*typical, *slow, 1.0]))
    typical, slow = (np.maximum(us, _OFF_THE_AXIS_US) for us in (typical, slow))
    places = np.arange(len(HOPS), dtype=float)
    gaps = np.full(len(HOPS), np.nan)
    return {
        "data": [
            {
                "type": "scatter",
                "mode": "lines",
                "name": "from p50 to p99",
                "showlegend": False,
                "x": np.column_stack([typical, slow, gaps]).ravel(),
                "y": np.column_stack([places, places, gaps]).ravel(),
                "line": {"color": GRID, "width": 4},
                "hoverinfo": "skip",
            },
            _dots("near p50", typical, places, BLUE, "circle"),
            _dots("near p99", slow, places, VERMILLION, "diamond"),
        ],
        "layout": {
            "xaxis": {
                "title": "mean time (log scale)",
                "type": "log",
                "range": decades(1.0, largest, 1.0, 1e5),
                **duration_ticks(every=2),
                "tickangle": 0,
            },
            "yaxis": {
                "range": [len(HOPS) - 0.5, -0.5],
                "tickvals": list(range(len(HOPS))),
                "ticktext": list(HOPS),
            },
            "height": 262,
            "margin": {"l": 118, "r": 16, "t": 22, "b": 40},
            "showlegend": True,
            "legend": {
                "orientation": "h",
                "x": 0,
                "y": 1.0,
                "yanchor": "bottom",
                "font": {"size": 12},
            },
        },
    }


def _dots(name: str, us: object, places: object, color: str, symbol: str) -> Figure:
    return {
        "type": "scatter",
        "mode": "markers",
        "name": name,
        "x": us,
        "y": places,
        "marker": {"color": color, "size": 9, "symbol": symbol},
        "hovertemplate": "%{y}: %{x:,.3~r} µs<extra>" + name + "</extra>",
        "showlegend": True,
    }
