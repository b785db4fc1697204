"""The connection table against its limit: how it fills, who waits, and what would help."""

import math
from collections.abc import Sequence
from functools import cache
from typing import Any

from k8snet_lessons.data.measured import Record, load
from k8snet_lessons.datapath.nf_conntrack import ConntrackSpec
from k8snet_lessons.datapath.nf_conntrack.mean import MeanRun
from k8snet_lessons.figures._spec import Figure
from k8snet_lessons.figures.palette import BLUE, GRAY, GREEN, INK, SKY_FILL, VERMILLION

_MARGIN = {"l": 58, "r": 16, "t": 12, "b": 46}
_WAITS = ("at once", "1 s", "2 s", "3 s", "4 s", "≥ 5 s", "failed")
_TOP_PERCENT = 400


def fill(spec: ConntrackSpec, run: MeanRun) -> Figure:
    """Live entries over time as a share of the limit, the burst shaded, the first refusal marked.

    Turning the limit moves the curve and not the axis.
    """
    ends = [0, spec.burst_for_s]
    first = run.first_refusal_s
    at = [] if first is None else [max(0.0, first) - spec.burst_from_s]
    return {
        "data": [
            {
                "type": "scatter", "mode": "lines", "name": "burst", "meta": "fixed",
                "x": [ends[0], ends[0], ends[1], ends[1]], "y": [0, 118, 118, 0],
                "fill": "toself", "fillcolor": SKY_FILL, "line": {"width": 0},
                "hoverinfo": "skip", "showlegend": False,
            },
            {
                "type": "scatter", "mode": "lines+text", "name": "limit", "meta": "fixed",
                "x": [-30, 150], "y": [100, 100], "text": ["nf_conntrack_max", ""],
                "textposition": "top right", "textfont": {"color": INK, "size": 11},
                "line": {"color": INK, "width": 1.5, "dash": "dash"},
                "hoverinfo": "skip", "showlegend": False,
            },
            {
                "type": "scatter", "mode": "lines", "name": "live entries",
                "x": run.time_s - spec.burst_from_s, "y": 100 * run.live / spec.max_entries,
                "line": {"color": GREEN, "width": 3},
                "hovertemplate": "%{y:.3~g} % of the limit at %{x:.0f} s<extra></extra>",
            },
            {
                "type": "scatter", "mode": "markers+text", "name": "first refusal",
                "x": at, "y": [100.0] * len(at),
                "text": [f"first refusal, {each:.1f} s" for each in at],
                "textposition": "bottom right", "textfont": {"color": VERMILLION, "size": 12},
                "marker": {"color": VERMILLION, "size": 11},
                "hoverinfo": "skip", "showlegend": False,
            },
            {
                "type": "scatter", "mode": "lines", "name": "refused",
                "x": run.time_s[:-1] - spec.burst_from_s,
                "y": 100 * run.refused_share, "yaxis": "y2",
                "line": {"color": VERMILLION, "width": 2.5},
                "hovertemplate": "%{y:.3~g} % of the attempts at %{x:.0f} s<extra>refused</extra>",
            },
        ],
        "layout": {
            "xaxis": {"title": "seconds since the burst began (shaded)", "range": [-30, 150],
                      "tickvals": list(range(-30, 151, 30)), "anchor": "y2"},
            "yaxis": {"title": "live entries (%)", "range": [0, 118], "domain": [0.42, 1],
                      "tickvals": [0, 25, 50, 75, 100]},
            "yaxis2": {"title": "refused (%)", "range": [-4, 106], "domain": [0, 0.33],
                       "tickvals": [0, 50, 100]},
            "margin": dict(_MARGIN),
            "showlegend": False,
        },
    }  # fmt: skip


@cache
def _record() -> Record:
    return load("conntrack-full")  # once: it is looked into at every move of a knob


def recorded_refusals(burst_refused_s: float | None) -> tuple[dict[str, Any], ...]:
    """When six real tables refused first, in units of this setting's own moment.

    The tables of the record were small and their connections held open, so the moment they
    were due is limit / rate. How late each was, as a share, is laid on this setting's moment.
    """
    seen = _record().findings["by_setting"]
    late = [] if burst_refused_s is None else [
        (each["refused_after_s"] / each["predicted_s"], each) for each in seen
    ]  # fmt: skip
    return (
        {
            "type": "scatter", "mode": "markers", "name": "measured, scaled",
            "x": [share * (burst_refused_s or 0.0) for share, _ in late],
            "y": [100.0] * len(late),
            "text": [
                f"limit {each['max']:,} at {each['rate_per_s']:g}/s: refused after "
                f"{each['refused_after_s']:.3f} s, due {each['predicted_s']:g} s"
                for _, each in late
            ],
            "marker": {"color": INK, "size": 17, "symbol": "circle-open", "line": {"width": 2}},
            "hovertemplate": "%{text}<extra>%{fullData.name}</extra>",
            "showlegend": False,
        },
    )  # fmt: skip


def waits(run: MeanRun) -> Figure:
    """Shares of TCP connections by what refusals cost them."""
    shares = dict.fromkeys(_WAITS, 0.0)
    for wait_s, share in run.waited:
        shares[_wait_name(wait_s)] += 100 * share
    shares["failed"] = 100 * run.failed_share
    return {
        "data": [
            {
                "type": "bar", "name": "connections",
                "x": list(_WAITS), "y": list(shares.values()),
                "text": ["" if each < 0.05 else f"{each:.3g} %" for each in shares.values()],
                "textposition": "outside", "cliponaxis": False,
                "marker": {"color": [GREEN, *[BLUE] * 5, VERMILLION]},
                "hovertemplate": "%{x}: %{y:.3~g} %<extra></extra>",
            }
        ],
        "layout": {
            "xaxis": {"title": "connected after", "type": "category"},
            "yaxis": {"title": "new connections (%)", "range": [0, 115],
                      "tickvals": [0, 25, 50, 75, 100]},
            "margin": dict(_MARGIN),
            "showlegend": False,
        },
    }  # fmt: skip


def cures(held: Sequence[tuple[str, float]]) -> Figure:
    """How far one change alone takes the level of a burst without end, against the limit."""
    names = [name for name, _ in held]
    return {
        "data": [
            {
                "type": "bar", "orientation": "h", "name": "level",
                "y": names, "x": [min(share, _TOP_PERCENT) for _, share in held],
                "text": [f"{share:,.0f} %" for _, share in held],
                "textposition": "auto",
                "marker": {"color": [GRAY, *[BLUE] * (len(names) - 1)]},
                "hovertemplate": "%{y}: %{text}<extra></extra>",
            },
            {
                "type": "scatter", "mode": "lines", "name": "limit", "meta": "fixed",
                "x": [100, 100], "y": [names[0], names[-1]],
                "line": {"color": INK, "width": 1.5, "dash": "dash"},
                "hoverinfo": "skip",
            },
        ],
        "layout": {
            "xaxis": {"title": "level of the burst (% of the limit)", "range": [0, _TOP_PERCENT]},
            "yaxis": {"autorange": "reversed"},
            "margin": {**_MARGIN, "l": 104},
            "showlegend": False,
        },
    }  # fmt: skip


def _wait_name(wait_s: float) -> str:
    if wait_s >= 5:
        return "≥ 5 s"
    return _WAITS[math.floor(wait_s)]
