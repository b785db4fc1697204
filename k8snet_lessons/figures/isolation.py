"""The blast radius as pictures: who fails when, how much, and what each defense saves."""

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from k8snet_lessons.figures._spec import Figure
from k8snet_lessons.figures.palette import (
    BLUE,
    GRAY,
    GREEN,
    INK,
    PURPLE,
    SKY_FILL,
    VERMILLION,
)
from k8snet_lessons.isolation import Blast

_MARGIN = {"l": 58, "r": 16, "t": 12, "b": 46}
_LINES = ((BLUE, "solid"), (VERMILLION, "dash"), (GREEN, "dot"), (PURPLE, "dashdot"))
#: Steps of the heat map in percent; the first is as good as none.
STEPS = (0.1, 1.0, 5.0, 25.0)
_STEP_NAMES = ("none", "to 1 %", "to 5 %", "to 25 %", "more")
# One hue from faint to full: reads without color vision, and on a dark page.
_STEP_COLORS = (
    "rgba(128, 138, 150, 0.2)",
    *(f"rgba(192, 74, 0, {alpha})" for alpha in (0.22, 0.45, 0.72, 1.0)),
)
_TOPS = (5, 12, 30, 60, 105)
_EVERY_S = 2


def error_rates(found: Blast, lasts_s: float) -> Figure:
    """Share of each namespace's user requests that fail, over time; the fault is shaded."""
    rates = {name: 100 * found.of_namespace(name) for name in found.namespaces}
    worst = max(float(rate.max()) for rate in rates.values())
    top = next((t for t in _TOPS if worst < 0.96 * t), _TOPS[-1])
    end = min(lasts_s, float(found.time_s[-1]))
    shade = {
        "type": "scatter", "mode": "lines", "name": "fault", "meta": "fixed",
        "x": [0, 0, end, end], "y": [0, _TOPS[-1], _TOPS[-1], 0],
        "fill": "toself", "fillcolor": SKY_FILL, "line": {"width": 0},
        "hoverinfo": "skip", "showlegend": False,
    }  # fmt: skip
    lines = [
        {
            "type": "scatter", "mode": "lines", "name": name,
            "x": found.time_s[::_EVERY_S], "y": rate[::_EVERY_S],
            "line": {"color": color, "width": 2.5, "dash": dash},
            "hovertemplate": "%{y:.3~g} % at %{x:.0f} s<extra>" + name + "</extra>",
        }
        for (name, rate), (color, dash) in zip(rates.items(), _LINES, strict=True)
    ]  # fmt: skip
    return {
        "data": [shade, *lines],
        "layout": {
            "xaxis": {"title": "seconds since the fault began (shaded)", "range": [-30, 450],
                      "tickvals": [0, 60, 120, 180, 240, 300, 360, 420]},
            "yaxis": {"title": "users' requests that fail (%)", "range": [0, top]},
            "margin": {**_MARGIN, "t": 46},  # room for two lines of names
            "showlegend": True,
            "legend": {"orientation": "h", "y": 1.01, "yanchor": "bottom", "x": 0},
        },
    }  # fmt: skip


def _binned(shares: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    return 100 * shares[:, : shares.shape[1] // _EVERY_S * _EVERY_S : _EVERY_S]


def heat_map(found: Blast) -> Figure:
    """Services against time: of the calls to each, whoever makes them, how many fail."""
    percent = _binned(found.calls_failed)
    steps = len(_STEP_COLORS)
    scale = [[edge / steps, color] for k, color in enumerate(_STEP_COLORS) for edge in (k, k + 1)]
    return {
        "data": [
            {
                "type": "heatmap", "meta": "fixed",
                "x": found.time_s[::_EVERY_S][: percent.shape[1]],
                "y": list(found.services),
                "z": np.digitize(percent, STEPS).tolist(),
                "zmin": -0.5, "zmax": steps - 0.5, "colorscale": scale, "ygap": 2,
                "colorbar": {"tickvals": list(range(steps)), "ticktext": list(_STEP_NAMES),
                             "thickness": 12, "tickfont": {"size": 11}},
                "hovertemplate": "%{y} at %{x:.0f} s<extra></extra>",
            }
        ],
        "layout": {
            "xaxis": {"title": "seconds since the fault began", "range": [-30, 450],
                      "tickvals": [0, 120, 240, 360]},
            "yaxis": {"autorange": "reversed"},
            "margin": {**_MARGIN, "l": 128},
        },
    }  # fmt: skip


def saved(rows: Sequence[tuple[str, float]]) -> Figure:
    """Failed requests: with what is set, with nothing, and with each defense alone."""
    names = [name for name, _ in rows]
    most = max(*(value for _, value in rows), 1.0)
    return {
        "data": [
            {
                "type": "bar", "orientation": "h", "name": "failed requests",
                "y": names, "x": [value for _, value in rows],
                "text": [f"{value:,.0f}" for _, value in rows], "textposition": "outside",
                "cliponaxis": False,
                "marker": {"color": [GREEN, GRAY, *[BLUE] * (len(names) - 2)]},
                "hovertemplate": "%{y}: %{text}<extra></extra>",
            }
        ],
        "layout": {
            "xaxis": {"title": "users' requests that fail in 450 s", "range": [0, 1.2 * most],
                      "nticks": 5, "tickformat": ",d"},
            "yaxis": {"autorange": "reversed"},
            "margin": {**_MARGIN, "l": 172, "r": 24},
            "showlegend": False,
        },
    }  # fmt: skip


def storm_rates(
    time_s: npt.NDArray[np.float64],
    percent: dict[str, npt.NDArray[np.float64]],
    trigger_for_s: float,
) -> Figure:
    """What clients send and what comes back in time, in percent of the server's capacity."""
    looks = {
        "attempts sent": (VERMILLION, "solid", 2.5),
        "answered in time": (GREEN, "solid", 3),
        "new requests": (GRAY, "dot", 1.5),
    }
    top = 420
    return {
        "data": [
            {
                "type": "scatter", "mode": "lines", "name": "trigger", "meta": "fixed",
                "x": [0, 0, trigger_for_s, trigger_for_s], "y": [0, top, top, 0],
                "fill": "toself", "fillcolor": SKY_FILL, "line": {"width": 0},
                "hoverinfo": "skip", "showlegend": False,
            },
            {
                "type": "scatter", "mode": "lines", "name": "capacity",
                "x": [-5, 25], "y": [100, 100],
                "line": {"color": INK, "width": 1.5, "dash": "dash"},
                "hovertemplate": "the server's capacity<extra></extra>",
            },
            *(
                {
                    "type": "scatter", "mode": "lines", "name": name,
                    "x": time_s, "y": percent[name],
                    "line": {"color": color, "dash": dash, "width": width},
                    "hovertemplate": "%{y:.0f} % at %{x:.0f} s<extra>" + name + "</extra>",
                }
                for name, (color, dash, width) in looks.items()
            ),
        ],
        "layout": {
            "xaxis": {"title": "seconds since the server slowed down (shaded)",
                      "range": [-5, 25]},
            "yaxis": {"title": "of the server's capacity (%)", "range": [0, top],
                      "tickvals": [0, 100, 200, 300, 400]},
            "margin": {**_MARGIN, "t": 28},
            "showlegend": True,
            "legend": {"orientation": "h", "y": 1.1, "x": 0},
        },
    }  # fmt: skip


def measured_rates(
    time_s: Sequence[float], attempts: Sequence[float], useful: Sequence[float]
) -> list[Figure]:
    """The same, as measured on loopback: traces to lay over `storm_rates`."""
    return [
        {
            "type": "scatter", "mode": "markers", "name": f"measured: {name}",
            "x": list(time_s), "y": list(values), "showlegend": False,
            "marker": {"color": color, "symbol": symbol, "size": 7,
                       "line": {"width": 1, "color": INK}},
            "hovertemplate": "%{y:.0f} % at %{x:.0f} s<extra>measured: " + name + "</extra>",
        }
        for name, values, color, symbol in (
            ("attempts sent", attempts, VERMILLION, "diamond"),
            ("answered in time", useful, GREEN, "circle"),
        )
    ]  # fmt: skip


def waiting_room(
    time_s: npt.NDArray[np.float64],
    seconds: npt.NDArray[np.float64],
    timeout_s: float,
    limit_s: float,
) -> Figure:
    """The queue as seconds of work, against the time-out and the queue's limit."""
    top = 1.15 * max(limit_s, timeout_s, 0.1)
    return {
        "data": [
            {
                "type": "scatter", "mode": "lines", "name": "wait of a newcomer",
                "x": time_s, "y": seconds, "line": {"color": BLUE, "width": 2.5},
                "hovertemplate": "%{y:.2~f} s at %{x:.0f} s<extra>wait</extra>",
            },
            {
                "type": "scatter", "mode": "lines", "name": "the clients' time-out",
                "x": [-5, 25], "y": [timeout_s] * 2,
                "line": {"color": INK, "width": 1.5, "dash": "dash"},
                "hovertemplate": "%{y:.2~f} s<extra>time-out</extra>",
            },
        ],
        "layout": {
            "xaxis": {"title": "seconds since the server slowed down", "range": [-5, 25]},
            "yaxis": {"title": "work in the queue (s)", "range": [0, top]},
            "margin": {**_MARGIN, "t": 28},
            "showlegend": True,
            "legend": {"orientation": "h", "y": 1.12, "x": 0},
        },
    }  # fmt: skip


def storm_loads(retries: Sequence[int], percent: Sequence[float], here: int) -> Figure:
    """Attempts when everything fails, by the number of retries, against the capacity."""
    return {
        "data": [
            {
                "type": "bar", "name": "storm load",
                "x": [str(each) for each in retries], "y": list(percent),
                # At the foot of the bars, clear of the dashed line.
                "text": [f"{each:.0f}" for each in percent], "textposition": "inside",
                "insidetextanchor": "start", "textangle": 0, "textfont": {"color": "white"},
                "marker": {"color": [BLUE if each == here else GRAY for each in retries]},
                "hovertemplate": "%{x} retries: %{y:.0f} %<extra></extra>",
            },
            {
                "type": "scatter", "mode": "lines", "name": "capacity", "meta": "fixed",
                "x": [str(retries[0]), str(retries[-1])], "y": [100, 100],
                "line": {"color": INK, "width": 1.5, "dash": "dash"}, "hoverinfo": "skip",
            },
        ],
        "layout": {
            "xaxis": {"title": "retries a request may make", "type": "category"},
            "yaxis": {"title": "of the capacity (%)", "range": [0, 600]},
            "margin": dict(_MARGIN),
            "showlegend": False,
        },
    }  # fmt: skip
