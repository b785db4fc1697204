"""A small closed-form model for the explorer's own tests: one M/M/1 queue."""

from typing import Any

import numpy as np

from k8snet_lessons.errors import InputError
from k8snet_lessons.explorers import Explorer, Knob, Number, Panel, Prediction, View

KNOBS = (
    Knob("load_per_s", "Offered load", 100, min=1, max=1000, step=10, unit="requests/s"),
    Knob("service_us", "Service time", 2000, kind="log", min=10, max=100_000, unit="µs"),
    Knob("wire", "Wire", "vxlan", kind="choice", choices=("vxlan", "bgp")),
    Knob("cache", "Cache", False, kind="toggle", group="more"),
    Knob("name", "Name", "web", kind="text", group="more"),
)


def view(settings: dict[str, Any], *, requests: int) -> View:
    """Mean and p99 of the time in an M/M/1 queue: -ln(1 - q) / (mu - lambda)."""
    service_us = settings["service_us"] * (0.5 if settings["cache"] else 1)
    spare_per_s = 1e6 / service_us - settings["load_per_s"]
    if spare_per_s <= 0:
        raise InputError("load_per_s", settings["load_per_s"], "less than the server can do")
    share = 1 - 10 ** -np.linspace(0.05, 4, 200)
    latency_ms = -np.log(1 - share) / spare_per_s * 1e3
    overhead_ms = 0.5 if settings["wire"] == "vxlan" else 0.0
    line = {"type": "scatter", "mode": "lines", "x": -np.log10(1 - share)}
    line |= {"y": latency_ms + overhead_ms, "line": {"color": "#0065a3", "width": 2.5}}
    limit = {"type": "scatter", "mode": "lines", "x": [0, 4], "y": [100, 100], "meta": "fixed"}
    axes = {
        "xaxis": {"title": "percentile", "range": [0, 4]},
        "yaxis": {"title": "latency (ms)", "type": "log", "range": [-1, 4]},
    }
    p99 = Number("p99 latency", -np.log(0.01) / spare_per_s * 1e3 + overhead_ms, "ms", main=True)
    mean = Number("mean latency", 1e3 / spare_per_s + overhead_ms, "ms")
    measured = {"type": "scatter", "mode": "markers", "x": [1.0, 2.0], "y": [5.0, 9.0]}
    return View(
        f"p99 is {p99.text} with {settings['name']}.",
        (
            Panel("Latency", {"data": [line, limit], "layout": axes}, p99.text, "tall", [measured]),
            Panel("Mean", {"data": [{**line, "y": latency_ms * 0 + mean.value}], "layout": axes}),
        ),
        (p99, mean),
        notes=("Service time is exponential.",),
        code=f"queue(load_per_s={settings['load_per_s']})",
        csv=lambda: [{"share": s, "latency_ms": y} for s, y in zip(share, latency_ms, strict=True)],
    )


def explorer(**options: Any) -> Explorer:
    return Explorer("One queue", KNOBS, view, presets={"busy": {"load_per_s": 400}}, **options)


def asked() -> Explorer:
    question = Prediction(
        "At 400 requests/s, what is p99?",
        "ms",
        lambda seen: seen.number("p99 latency"),
        settings={"load_per_s": 400},
    )
    return explorer(prediction=question)
