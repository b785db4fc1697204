"""What a wall of many peers adds to packets: curves of the model, points of the record."""

from typing import Any

import numpy as np

from k8snet_lessons.data.costs import cost
from k8snet_lessons.data.measured import fits, load
from k8snet_lessons.datapath.policy import Form, wall_cost
from k8snet_lessons.figures._spec import Figure
from k8snet_lessons.figures.palette import BLUE, GREEN, INK, VERMILLION

NAMES: dict[Form, str] = {
    "rules": "a rule for each peer",
    "set": "one set",
    "untracked": "a rule each, every packet",
}
_RECORDED: dict[Form, str] = {**NAMES, "untracked": "a rule for each peer, every packet"}
_STYLE: dict[Form, tuple[str, str]] = {
    "rules": (VERMILLION, "solid"),
    "set": (BLUE, "dash"),
    "untracked": (GREEN, "dot"),
}
# Each curve is a straight line, so a short axis for few peers shows what a long one would hide.
_SPANS = ((1_000, 10.0), (20_000, 200.0))


def new_connection(peers: float, form: Form) -> Figure:
    """What each way of writing the wall adds to connect(), against the number of peers."""
    here = float(wall_cost([peers], form).first_us[0])
    return _plot("first_us", "added to connect() (µs)", peers, here)


def later_packet(peers: float, form: Form) -> Figure:
    """What each way of writing the wall adds to every later packet."""
    here = float(wall_cost([peers], form).later_us[0])
    return _plot("later_us", "added to each later packet (µs)", peers, here)


def _plot(field: str, title: str, peers: float, here: float) -> Figure:
    most, top_us = next(each for each in _SPANS if peers <= each[0])
    drawn = np.linspace(1, most, 40)
    return {
        "data": [
            *[
                {
                    "type": "scatter", "mode": "lines", "name": NAMES[form],
                    "x": drawn, "y": getattr(wall_cost(drawn, form), field),
                    "line": {"color": color, "width": 2.5, "dash": dash},
                    "hovertemplate": "%{x:,.0f} peers: %{y:.2f} µs<extra>" + NAMES[form]
                    + "</extra>",
                }
                for form, (color, dash) in _STYLE.items()
            ],
            {
                "type": "scatter", "mode": "markers", "name": "this setting",
                "x": [peers], "y": [here],
                "marker": {"color": INK, "size": 11, "symbol": "x"},
            },
        ],
        "layout": {
            "xaxis": {
                "title": "peers that the policy admits", "range": [-0.02 * most, 1.02 * most],
            },
            "yaxis": {"title": title, "range": [-0.03 * top_us, top_us]},
            "margin": {"l": 62, "r": 16, "t": 12, "b": 46},
            "showlegend": True,
            "legend": {"y": 1, "x": 0.02, "font": {"size": 12}},
        },
    }  # fmt: skip


def measured_points(packet: str) -> tuple[dict[str, Any], ...]:
    """What the record has of one packet ("connect" or "second send"), above no policy at all."""
    record = load("policy-rules")
    traces = []
    for form, (color, _) in _STYLE.items():
        found = sorted(
            record.find(packet, form=_RECORDED[form]), key=lambda each: each.where["peers"] or 0
        )
        # Without connection tracking a packet costs less from the start: it has its own floor.
        untracked = form == "untracked"
        bare = found[0] if untracked else record.one(packet, form="no policy")
        floor = _level(bare) - (_walked(packet) if untracked else 0.0)
        traces.append(
            {
                "type": "scatter", "mode": "markers", "name": "measured",
                "showlegend": form == "rules",
                "x": [each.where["peers"] for each in found],
                "y": [round(_level(each) - floor, 3) for each in found],
                "hovertemplate": "%{x:,} peers: %{y:.2f} µs"
                f"<extra>measured, {NAMES[form]}</extra>",
                "marker": {"color": color, "symbol": "diamond-open", "size": 10},
            }
        )  # fmt: skip
    return tuple(traces)


def misfit_share() -> float:
    """How far the fitted line of rules lies from the levels it was fitted to, at most."""
    return fits()["policy.rule_us"].worst_residual_share


def _level(series: Any) -> float:
    """The median of the minima of blocks, as the costs are fitted on."""
    return float(np.median(series.samples))


def _walked(packet: str) -> float:
    """What one peer costs without tracking: once for a packet, twice for a connect()."""
    return cost("policy.untracked_rule_us") * (2 if packet == "connect" else 1)
