"""Who is asked: idle pods over time, requests by pod, the load of each pod, what was lost."""

from collections.abc import Mapping, Sequence
from functools import cache
from typing import Any

import numpy as np

from k8snet_lessons.data.measured import load
from k8snet_lessons.figures._spec import Figure, decades
from k8snet_lessons.figures.palette import (
    BLUE,
    GRAY,
    GREEN,
    INK,
    PURPLE,
    VERMILLION,
)
from k8snet_lessons.traffic import TrafficRun

_MARGIN = {"l": 60, "r": 16, "t": 12, "b": 46}
#: Measured cases of the record ``grpc-pinning`` by the rule that they tried.
MEASURED: Mapping[str, tuple[str, ...]] = {
    "iptables": ("a Service",),
    "round_robin": ("HAProxy", "Envoy"),
    "pick_first": ("headless, pick_first",),
    "client_round_robin": ("headless, round_robin",),
}
_LOST = ("no connection", "refused", "cut off", "too late")


def idle_by_second(run: TrafficRun) -> np.ndarray:
    """Pods that listen and take nothing, in each second of a run."""
    at, rate = run.load_per_s(1.0)
    there = (run.life.listens_from[:, None] <= at[:-1]) & (
        run.life.listens_until[:, None] >= at[1:]
    )
    return np.asarray((there & (rate == 0)).sum(axis=0))


def over_time(run: TrafficRun) -> Figure:
    """Idle pods in each second, and below it the p99 of every three seconds."""
    spec = run.spec
    begin = -spec.scale_at_s
    end = spec.duration_s + begin
    idle = idle_by_second(run)
    windows = np.arange(0.0, spec.duration_s - 1e-9, 3.0)
    p99 = [run.percentile_us(99, at, min(at + 3.0, spec.duration_s)) / 1000 for at in windows]
    seen = [each for each in p99 if each == each] or [1.0]
    top = max(spec.all_pods * 1.1, 4.0)
    return {
        "data": [
            {
                "type": "scatter", "mode": "lines", "name": "idle pods",
                "x": np.arange(len(idle)) + 0.5 + begin, "y": idle,
                "line": {"color": VERMILLION, "width": 2.5, "shape": "hvh"},
                "hovertemplate": "%{y} idle pods at %{x:.0f} s<extra></extra>",
            },
            {
                "type": "scatter", "mode": "lines+text", "name": "scaled", "meta": "fixed",
                "x": [0, 0], "y": [0, top], "text": ["", " replicas changed"],
                "textposition": "bottom right", "textfont": {"color": INK, "size": 11},
                "line": {"color": INK, "width": 1.5, "dash": "dash"}, "hoverinfo": "skip",
            },
            {
                "type": "scatter", "mode": "lines", "name": "p99", "yaxis": "y2",
                "x": windows + 1.5 + begin, "y": p99,
                "line": {"color": BLUE, "width": 2.5},
                "hovertemplate": "p99 %{y:.3~g} ms at %{x:.0f} s<extra></extra>",
            },
        ],
        "layout": {
            "xaxis": {"title": "seconds since the number of replicas was changed",
                      "range": [begin, end], "dtick": 30, "anchor": "y2"},
            "yaxis": {"title": "idle pods", "range": [-0.04 * top, top], "domain": [0.42, 1]},
            "yaxis2": {"title": "p99 (ms)", "type": "log", "domain": [0, 0.33],
                       "range": decades(min(seen), max(seen), 10.0, 100.0),
                       "tickvals": [1, 10, 100, 1_000, 10_000, 100_000],
                       "ticktext": ["1", "10", "100", "1,000", "10,000", "100,000"]},
            "margin": dict(_MARGIN),
            "showlegend": False,
        },
    }  # fmt: skip


def by_pod(counts: Sequence[int]) -> Figure:
    """Share of the requests that each pod took, busiest first, and the fair share."""
    shares = np.sort(np.asarray(counts))[::-1] / max(1, sum(counts)) * 100
    fair = 100 / len(counts)
    top = next(each for each in (12, 30, 60, 110) if shares[0] < each * 0.95 or each == 110)
    return {
        "data": [
            {
                "type": "bar", "name": "model", "x": list(range(1, len(counts) + 1)),
                "y": shares, "marker": {"color": BLUE},
                "hovertemplate": "%{x}. busiest pod: %{y:.3~g} %<extra></extra>",
            },
            {
                "type": "scatter", "mode": "lines", "name": "fair share", "meta": "fixed",
                "x": [0.4, len(counts) + 0.6], "y": [fair, fair],
                "line": {"color": INK, "width": 1.5, "dash": "dash"},
                "hovertemplate": "fair share: %{y:.3~g} %<extra></extra>",
            },
        ],
        "layout": {
            "xaxis": {"title": "pods, busiest first (dashed: a fair share)",
                      "range": [0.4, len(counts) + 0.6]},
            "yaxis": {"title": "of all requests (%)", "range": [-0.04 * top, top]},
            "margin": dict(_MARGIN),
            "showlegend": False,
        },
    }  # fmt: skip


@cache
def by_pod_evidence(rule: str) -> tuple[dict[str, Any], ...]:
    """What real gRPC requests did under a rule, from 2 pods to 20; empty if not measured."""
    record = load("grpc-pinning")
    kernel = record.machine.linux
    traces = []
    for case, symbol, color in zip(
        MEASURED.get(rule, ()), ("circle-open", "diamond-open"), (VERMILLION, PURPLE), strict=False
    ):
        for series in record.find("requests", case=case, pods=20):
            counts = sorted(series.samples, reverse=True)
            traces.append({
                "type": "scatter", "mode": "markers",
                "name": f"{case}: measured (gRPC, Linux {kernel})",
                "x": list(range(1, len(counts) + 1)),
                "y": [100 * each / sum(counts) for each in counts],
                "marker": {"color": color, "size": 9, "symbol": symbol, "line": {"width": 2}},
                "hovertemplate": f"{case}, measured: %{{y:.3~g}} %<extra></extra>",
            })  # fmt: skip
    return tuple(traces)


def lost(found: Mapping[str, int]) -> Figure:
    """Requests without an answer, by cause."""
    values = [found[name] for name in _LOST]
    top = next((each for each in (10, 100, 1_000, 10_000) if max(values) < 0.8 * each),
               max(values) * 1.3)  # fmt: skip
    return {
        "data": [
            {
                "type": "bar", "orientation": "h", "name": "lost", "y": list(_LOST), "x": values,
                "text": [f"{each:,}" for each in values], "textposition": "outside",
                "cliponaxis": False, "marker": {"color": [GRAY, VERMILLION, PURPLE, GREEN]},
                "hovertemplate": "%{y}: %{x:,}<extra></extra>",
            }
        ],
        "layout": {
            "xaxis": {"title": "requests without an answer", "range": [0, top], "nticks": 5},
            "yaxis": {"autorange": "reversed"},
            "margin": {**_MARGIN, "l": 104, "r": 44},
            "showlegend": False,
        },
    }  # fmt: skip


def load_by_pod(run: TrafficRun) -> Figure:
    """A heat map: one row a pod, time to the right, requests a second as color."""
    at, rate = run.load_per_s(3.0)
    middle = (at[:-1] + at[1:]) / 2 - run.spec.scale_at_s
    listens = (run.life.listens_from[:, None] <= at[:-1]) & (
        run.life.listens_until[:, None] > at[:-1]
    )
    shown = [[float(f"{r:.3g}") if there or r else None for r, there in zip(row, up, strict=True)]
             for row, up in zip(rate, listens, strict=True)]  # fmt: skip
    capacity = run.spec.pod_workers * 1e6 / run.spec.service_us
    return {
        "data": [
            {
                "type": "heatmap", "name": "load", "meta": "fixed",
                "x": middle, "y": list(range(1, run.spec.all_pods + 1)), "z": shown,
                "zmin": 0, "zmax": capacity,
                "colorscale": [[0, "#eef2f6"], [0.02, "#cfe3f2"], [0.25, "#7db8e0"],
                               [0.6, BLUE], [1, "#00213a"]],
                "colorbar": {"title": {"text": "requests/s", "side": "right"}, "thickness": 12,
                             "tickfont": {"size": 11}},
                "hovertemplate": "pod %{y} at %{x:.0f} s: %{z:.3~g} requests/s<extra></extra>",
            }
        ],
        "layout": {
            "xaxis": {"title": "seconds since the number of replicas was changed (white: the pod "
                               "does not listen)",
                      "range": [-run.spec.scale_at_s, run.spec.duration_s - run.spec.scale_at_s],
                      "dtick": 30},
            "yaxis": {"title": "pod", "autorange": "reversed",
                      "dtick": 5 if run.spec.all_pods > 10 else 1, "tick0": 0},
            "margin": {**_MARGIN, "r": 30},
            "showlegend": False,
        },
    }  # fmt: skip
