"""Services at scale: what a first packet pays, and how long a node writes rules."""

import json
from functools import cache
from importlib.resources import files
from typing import Any

import numpy as np

from k8snet_lessons.control.scale import (
    MODES,
    Mode,
    ScaleCost,
    ServiceLoad,
    first_packet_us,
    sync_s,
)
from k8snet_lessons.data.measured import fits, load
from k8snet_lessons.figures._spec import Figure, duration_ticks
from k8snet_lessons.figures.palette import BLUE, GRAY, GREEN, INK, PURPLE, VERMILLION

COLORS: dict[Mode, str] = {
    "iptables": VERMILLION,
    "nftables": BLUE,
    "ipvs": GRAY,
    "ebpf": GREEN,
}
NAMES: dict[Mode, str] = {
    "iptables": "iptables",
    "nftables": "nftables",
    "ipvs": "IPVS",
    "ebpf": "eBPF",
}
_COUNTS = np.unique(np.geomspace(1, 50_000, 90).round())
_SERVICES_AXIS = {
    "title": "Services in the cluster (log scale)",
    "type": "log",
    "range": [0, 4.78],
    "tickvals": [1, 10, 100, 1_000, 10_000],
    "ticktext": ["1", "10", "100", "1,000", "10,000"],
}
_MARGIN = {"l": 66, "r": 16, "t": 12, "b": 46}


def first_packet(load_now: ServiceLoad, mode: Mode) -> Figure:
    """First-packet cost against the number of Services, all modes; the chosen one strong."""
    curves = [
        _curve(NAMES[each], _COUNTS, first_packet_us(each, _COUNTS, load_now.endpoints_per_service),
               COLORS[each], strong=each == mode)
        for each in MODES
    ]  # fmt: skip
    here = float(first_packet_us(mode, load_now.services, load_now.endpoints_per_service))
    return {
        "data": [*curves, _mark(load_now.services, here, COLORS[mode])],
        "layout": {
            "xaxis": dict(_SERVICES_AXIS),
            "yaxis": {
                "title": "cost (log scale)",
                "type": "log",
                "range": [-1.2, 3.2],
                **duration_ticks(),
            },
            "margin": {**_MARGIN, "t": 34},
            "showlegend": True,
            # Above the plot: a guess may be drawn at any height in it.
            "legend": {"orientation": "h", "y": 1.01, "yanchor": "bottom", "x": 0},
        },
    }


def sync_time(load_now: ServiceLoad, mode: Mode) -> Figure:
    """Time to write all rules and to write one change, against the number of Services."""
    each = load_now.endpoints_per_service
    full = sync_s(mode, _COUNTS, each, "full") * 1e6
    one = sync_s(mode, _COUNTS, each, "one change") * 1e6
    here = float(sync_s(mode, load_now.services, each, "one change")) * 1e6
    return {
        "data": [
            _curve("everything", _COUNTS, full, INK, strong=True),
            _curve("after one change", _COUNTS, one, COLORS[mode], strong=True),
            _mark(load_now.services, here, COLORS[mode]),
        ],
        "layout": {
            "xaxis": dict(_SERVICES_AXIS),
            "yaxis": {
                "title": "time to write (log scale)",
                "type": "log",
                "range": [0, 9.5],
                **duration_ticks(),
            },
            "margin": dict(_MARGIN),
            "showlegend": True,
            "legend": {"x": 0.02, "y": 0.98},
        },
    }


def cpu_by_mode(costs: list[ScaleCost]) -> Figure:
    """CPUs of one node that are busy with Services, by mode and by reason."""
    names = [NAMES[each.mode] for each in costs]
    sync = [0.0 if each.sync_cores != each.sync_cores else each.sync_cores for each in costs]
    parts = [
        ("first packets", [each.translation_cores for each in costs], PURPLE),
        ("writing changes", sync, GRAY),
    ]
    most = max(a + b for a, b in zip(parts[0][1], parts[1][1], strict=True))
    top = next((t for t in (0.01, 0.03, 0.1, 0.3, 1, 3, 10, 30, 100) if most <= t), 1000)
    return {
        "data": [
            {
                "type": "bar",
                "orientation": "h",
                "name": name,
                "y": names,
                "x": values,
                "marker": {"color": color},
                "hovertemplate": "%{x:.3~g} CPU<extra>" + name + "</extra>",
            }
            for name, values, color in parts
        ],
        "layout": {
            "barmode": "stack",
            "xaxis": {"title": "CPUs of the node that are busy with it", "range": [0, top]},
            "yaxis": {"autorange": "reversed", "title": "proxy mode"},
            "margin": {**_MARGIN, "l": 84},
            "showlegend": True,
            "legend": {"x": 0.98, "y": 0.04, "xanchor": "right", "yanchor": "bottom"},
        },
    }


@cache
def first_packet_evidence() -> tuple[dict[str, Any], ...]:
    """Measured minima of connect() above one straight to the pod, and published medians."""
    record = load("first-packet")
    direct = record.one("connect", mode="direct").minimum
    traces = []
    modes: tuple[tuple[str, Mode], ...] = (
        ("iptables-nft", "iptables"),
        ("nftables", "nftables"),
        ("ebpf", "ebpf"),
    )
    for measured, mode in modes:
        found = sorted(
            (float(each.where["services"] or 0), max(each.minimum - direct, 0.05))
            for each in record.find("connect", mode=measured, target="last")
        )
        name = f"{mode}, measured (Linux {record.machine.linux}, minimum)"
        traces.append(_points(name, found, COLORS[mode], "circle-open"))
    return (*traces, *_published("first packet", ("iptables", "nftables"), 1.0))


@cache
def sync_evidence(mode: Mode) -> tuple[dict[str, Any], ...]:
    """Measured loading times of a mode, and published ones."""
    record = load("loading")
    series = {
        "iptables": ("iptables-nft", "dispatch rewritten plus one"),
        "nftables": ("nftables, numgen", "one Service added"),
        "ebpf": ("ebpf", "one Service added"),
        "ipvs": None,
    }[mode]
    traces = []
    if series:
        measured, one = series
        for work, name, color in (
            (one, "one change", COLORS[mode]),
            ("full load", "everything", INK),
        ):
            found = sorted(
                (float(each.where["services"] or 0), each.median * 1e6)
                for each in record.find(work, mode=measured)
            )
            traces.append(
                _points(f"{name}, measured, 1 endpoint each", found, color, "circle-open")
            )
    return (*traces, *_published("full", (mode,), 1e6), *_published("one change", (mode,), 1e6))


@cache
def published() -> tuple[dict[str, Any], ...]:
    """Every published point, as it is stored."""
    text = files("k8snet_lessons.data").joinpath("published_services.json").read_text("utf-8")
    return tuple(json.loads(text)["points"])


def iptables_fit_residual_share() -> float:
    """The largest gap between the fitted line and the measured minima, as a share."""
    return fits()["translation.iptables.per_service_us"].worst_residual_share


def _published(panel: str, modes: tuple[Mode, ...], scale: float) -> list[dict[str, Any]]:
    traces = []
    for mode in modes:
        points = [p for p in published() if p["panel"] == panel and p["mode"] == mode]
        if not points:
            continue
        color = INK if panel == "full" else COLORS[mode]
        trace = _points(
            f"{mode}, published ({points[0]['status']}): {points[0]['source']}",
            [(p["services"], p["value"] * scale) for p in points], color, "diamond",
        )  # fmt: skip
        trace["text"] = [f"{p['label']} ({p['status']})" for p in points]
        trace["hovertemplate"] = "%{text}<extra>%{fullData.name}</extra>"
        traces.append(trace)
    return traces


def _curve(name: str, x: Any, y: Any, color: str, *, strong: bool) -> dict[str, Any]:
    return {
        "type": "scatter",
        "mode": "lines",
        "name": name,
        "x": x,
        "y": y,
        "line": {"color": color, "width": 3 if strong else 1.5},
        "opacity": 1 if strong else 0.75,
        "hovertemplate": "%{x:,.0f} Services<extra>" + name + "</extra>",
    }


def _mark(services: float, us: float, color: str) -> dict[str, Any]:
    return {
        "type": "scatter",
        "mode": "markers",
        "name": "this setting",
        "x": [services],
        "y": [us],
        "marker": {"color": color, "size": 11, "line": {"color": INK, "width": 1.5}},
        "showlegend": False,
        "hoverinfo": "skip",
    }


def _points(
    name: str, points: list[tuple[float, float]], color: str, symbol: str
) -> dict[str, Any]:
    return {
        "type": "scatter",
        "mode": "markers",
        "name": name,
        "x": [x for x, _ in points],
        "y": [y for _, y in points],
        "marker": {"color": color, "size": 9, "symbol": symbol, "line": {"width": 2}},
        "showlegend": False,
    }
