"""What a real NGINX did with slow and silent pods: points for a curve, and a table."""

from typing import Any

from k8snet_lessons.control.routing import ProxyTimeouts
from k8snet_lessons.data.measured import load
from k8snet_lessons.figures.palette import BLUE, VERMILLION
from k8snet_lessons.figures.tables import Table

_COLORS = {"GET": VERMILLION, "POST": BLUE}
_TRIED = (
    ("slow pod", 14, "a pod that needs 14 s"),
    ("slow pod", 20, "a pod that needs 20 s"),
    ("packets dropped", 0, "packets to the pod dropped"),
    ("port closed", 0, "the pod's port closed"),
    (
        "kept connection, closed as the request arrives",
        0,
        "a kept connection, closed by the pod as the request arrives",
    ),
    ("kept connection, closed before", 0, "a kept connection, closed by the pod before"),
)


def measured_points(limits: ProxyTimeouts) -> tuple[dict[str, Any], ...]:
    """One trace a method: waits recorded under these very time-outs; empty under any other."""
    record = load("edge-patience")
    told = {
        (each["method"], each["think_s"]): each["status"]
        for each in record.findings["answers"]
        if each["case"] == "slow pod" and _of(each) == limits
    }
    traces = []
    for method, color in _COLORS.items():
        found = [
            each
            for each in record.find("the client waits", case="slow pod", method=method)
            if _of(each.where) == limits
        ]
        traces.append(
            {
                "type": "scatter",
                "mode": "markers",
                "name": f"measured, {method}",
                "x": [each.where["think_s"] for each in found],
                "y": [each.median for each in found],
                "text": [f"{told[method, each.where['think_s']]}" for each in found],
                "hovertemplate": "%{x} s: %{text} after %{y:.2f} s<extra>NGINX</extra>",
                "marker": {"color": color, "symbol": "diamond-open", "size": 11},
            }
        )
    return tuple(traces)


def measured_table() -> Table:
    """What the client got with time-outs of 5 s and 15 s and three tries, by GET and by POST."""
    record = load("edge-patience")
    limits = ProxyTimeouts(5, 15, 3)
    rows = []
    for case, think_s, words in _TRIED:
        cells = []
        for method in _COLORS:
            each = next(
                told
                for told in record.findings["answers"]
                if (told["case"], told["think_s"], told["method"]) == (case, think_s, method)
                and _of(told) == limits
            )
            setting = {key: each[key] for key in ("read_s", "tries")}
            seconds = record.one(
                "the client waits", case=case, think_s=think_s, method=method, **setting
            ).median
            when = "at once" if seconds < 0.5 else f"after {seconds:.1f} s"
            begun = each.get("begun", 0)
            often = f", begun {begun} times" if begun > 1 else ""
            cells.append(f"{each['status']} {when}{often}")
        rows.append((words, *cells))
    nginx = record.machine.tools["nginx"].removeprefix("nginx version: ")
    return Table(
        ("what NGINX met", *_COLORS),
        tuple(rows),
        f"Connect 5 s, read 15 s, three tries; edge-patience record of {record.taken_at[:10]}, "
        f"{nginx}",
    )


def _of(setting: Any) -> ProxyTimeouts:
    return ProxyTimeouts(setting["connect_s"], setting["read_s"], setting["tries"])
