"""Points of a rubric as bars, colored and patterned by the verdict on each."""

from collections.abc import Sequence

from k8snet_lessons.figures._spec import Figure
from k8snet_lessons.figures.palette import GRAY, GREEN, VERMILLION

_LOOK = {
    "made": (GREEN, ""),
    "contradicted": (VERMILLION, "x"),
    "missing": (GRAY, "."),
}


def verdict_bars(points: Sequence[tuple[str, float, str]]) -> Figure:
    """Return the bars.

    Parameters
    ----------
    points : sequence of (str, float, str)
        Name, weight, and ``"made"``, ``"missing"`` or ``"contradicted"``, the first on top.
    """
    names = [name for name, _, _ in points]
    traces = [
        {
            "type": "bar",
            "orientation": "h",
            "name": verdict,
            "y": names,
            "x": [weight if said == verdict else 0 for _, weight, said in points],
            "marker": {"color": color, "pattern": {"shape": shape}},
            "hovertemplate": "%{y}: " + verdict + "<extra></extra>",
        }
        for verdict, (color, shape) in _LOOK.items()
    ]
    most = max(weight for _, weight, _ in points)
    return {
        "data": traces,
        "layout": {
            "barmode": "stack",
            "showlegend": True,
            "xaxis": {"title": "weight of the point", "range": [0, most * 1.05]},
            "yaxis": {"autorange": "reversed", "automargin": True},
            "legend": {
                "orientation": "h",
                "x": -0.5,
                "y": 1.16,
                "entrywidth": 74,
                "traceorder": "normal",
                "font": {"size": 11},
            },
        },
    }
