"""The hole that a wrong MTU makes: who waits how long, what does not fit, what was measured."""

import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from k8snet_lessons.data.measured import load
from k8snet_lessons.datapath.cni import MtuFate, MtuPath, encapsulation
from k8snet_lessons.figures._spec import Figure
from k8snet_lessons.figures.palette import BLUE, GRAY, GREEN, INK, VERMILLION
from k8snet_lessons.figures.tables import Table

LARGEST_MESSAGE_BYTES = 65_507
_AT_ONCE_S, _NEVER_S = 1e-4, 5e3


def sizes_around(edges: Sequence[int]) -> tuple[int, ...]:
    """Message sizes for the curves: even on the log axis, and both sides of every edge."""
    even = np.geomspace(64, LARGEST_MESSAGE_BYTES, 160).round().astype(int)
    near = [size for edge in edges for size in (edge, edge + 1)]
    kept = {int(size) for size in (*even, *near) if 64 <= size <= LARGEST_MESSAGE_BYTES}
    return tuple(sorted(kept))


def waits(tcp: MtuFate, udp: MtuFate, here: tuple[str, int, float]) -> Figure:
    """How much longer a message takes, against its size: not at all, seconds, or for ever."""
    protocol, size, delay_us = here
    curves = [
        {
            "type": "scatter", "mode": "lines", "name": name,
            "x": fate.message_bytes, "y": _drawn(fate.delay_us),
            "line": {"color": color, "width": 3 if name.lower() == protocol else 1.5,
                     "dash": dash, "shape": "hv"},
            "text": fate.felt, "hovertemplate": "%{x:,} bytes: %{text}<extra></extra>",
        }
        for name, fate, color, dash in (
            ("TCP", tcp, BLUE, "solid"), ("UDP", udp, GRAY, "dash"))
    ]  # fmt: skip
    mark = {
        "type": "scatter", "mode": "markers", "name": "this setting",
        "x": [size], "y": _drawn(np.array([delay_us])),
        "marker": {"color": GREEN, "size": 12, "line": {"color": INK, "width": 1.5}},
        "hoverinfo": "skip",
    }  # fmt: skip
    return {
        "data": [*curves, mark],
        "layout": {
            "xaxis": {
                "title": "message size (bytes, log scale)", "type": "log", "range": [1.8, 4.85],
                "tickvals": [64, 256, 1024, 4096, 16384, 65536],
                "ticktext": ["64", "256", "1 Ki", "4 Ki", "16 Ki", "64 Ki"],
            },
            "yaxis": {
                "title": "extra wait (s, log scale)", "type": "log", "range": [-4.4, 4.2],
                "tickvals": [_AT_ONCE_S, 1e-3, 1e-2, 0.1, 1, 10, 100, _NEVER_S],
                "ticktext": ["none", "0.001", "0.01", "0.1", "1", "10", "100", "never"],
            },
            "margin": {"l": 66, "r": 16, "t": 12, "b": 46},
            "showlegend": True,
            "legend": {"orientation": "h", "y": 1.1, "x": 0},
        },
    }  # fmt: skip


def measured(path: MtuPath) -> tuple[dict[str, Any], ...]:
    """Points of the record that were taken at this very setting; empty at any other."""
    case = _case(path)
    if case is None:
        return ()
    record = load("mtu")
    back = {
        (each["case"], each["size_bytes"]): each["came_back_bytes"]
        for each in record.findings["came_back"]
    }
    x, y, symbols, words = [], [], [], []
    for size in record.parameters["sizes_bytes"]:
        seconds = record.one("there and back", case=case, size_bytes=size).median
        whole = back[case, size] == size
        x.append(size)
        # The echo crosses the same path twice: half of it is one way.
        y.append(seconds / 2 if whole else seconds)
        symbols.append("diamond" if whole else "triangle-up")
        words.append(f"{seconds:.3g} s there and back" if whole
                     else f"nothing came back in {seconds:.0f} s")  # fmt: skip
    return (
        {
            "type": "scatter", "mode": "markers", "name": "measured (TCP)", "x": x, "y": y,
            "text": words, "hovertemplate": "%{x:,} bytes: %{text}<extra>measured</extra>",
            "marker": {"color": VERMILLION, "size": 11, "symbol": symbols},
        },
    )  # fmt: skip


def largest_packet(path: MtuPath, packet_bytes: int, headers_bytes: int) -> Figure:
    """The message's largest packet, as the pod sends it and as it is wrapped, at its limits."""
    wrapping = encapsulation(path.encapsulated_by).overhead_bytes(path.outer_family)
    rows = ["between nodes", "from the pod"]
    lengths = [packet_bytes + wrapping, packet_bytes]
    limits = [path.underlay_mtu_bytes, path.pod_mtu_bytes]
    scale = 1_700 if max(*lengths, *limits) <= 1_700 else 9_600
    parts = (
        ("wrapping", [wrapping, 0], VERMILLION),
        ("pod's headers", [headers_bytes] * 2, GRAY),
        ("message", [packet_bytes - headers_bytes] * 2, BLUE),
    )
    return {
        "data": [
            *[
                {
                    "type": "bar", "orientation": "h", "name": name, "y": rows, "x": each,
                    "marker": {"color": color}, "width": 0.4,
                    "hovertemplate": f"{name}: %{{x:,}} bytes<extra></extra>",
                }
                for name, each, color in parts
            ],
            {
                "type": "scatter", "mode": "markers", "name": "MTU", "y": rows, "x": limits,
                "marker": {"color": INK, "symbol": "line-ns", "size": 52,
                           "line": {"color": INK, "width": 3}},
                "hovertemplate": "MTU %{x:,} bytes<extra></extra>", "showlegend": False,
            },
            {
                "type": "scatter", "mode": "text", "name": "MTU in words", "y": rows,
                "x": [max(pair) + 0.012 * scale for pair in zip(lengths, limits, strict=True)],
                "text": [f"MTU {each:,}" for each in limits], "textposition": "middle right",
                "textfont": {"color": INK, "size": 12},
                "hoverinfo": "skip", "showlegend": False,
            },
        ],
        "layout": {
            "barmode": "stack",
            "xaxis": {"title": "bytes that count against the MTU", "range": [0, 1.22 * scale]},
            "yaxis": {"type": "category"},
            "margin": {"l": 104, "r": 12, "t": 12, "b": 46},
            "showlegend": True,
            "legend": {"orientation": "h", "y": 1.12, "x": 0, "traceorder": "normal",
                       "font": {"size": 12}},
        },
    }  # fmt: skip


def measured_table() -> Table:
    """What a kernel did with 100 and 20,000 bytes over a tunnel of 1450: the record."""
    record = load("mtu")
    back = record.findings["came_back"]
    rows = []
    for case in dict.fromkeys(each["case"] for each in back):
        cells = []
        for each in back:
            if each["case"] != case:
                continue
            size = each["size_bytes"]
            seconds = record.one("there and back", case=case, size_bytes=size).median
            whole = each["came_back_bytes"] == size
            cells.append(f"{seconds:.3g} s" if whole else f"nothing in {seconds:.0f} s")
        rows.append((case, *cells))
    sizes = [f"{size:,} bytes" for size in record.parameters["sizes_bytes"]]
    return Table(
        ("pods over a VXLAN tunnel of 1450", *sizes),
        tuple(rows),
        f"An echo over TCP, there and back; mtu record of {record.taken_at[:10]}, "
        f"Linux {record.machine.linux}",
    )


def _drawn(delay_us: Any) -> list[float]:
    return [
        _NEVER_S if math.isinf(each) else max(_AT_ONCE_S, each / 1e6) for each in delay_us.tolist()
    ]


def _case(path: MtuPath) -> str | None:
    if path.encapsulated_by != "vxlan" or path.underlay_mtu_bytes != 1_500:
        return None
    if path.pod_mtu_bytes == 1_450 and not path.mtu_probing:
        return "pod MTU as the tunnel's"
    if path.pod_mtu_bytes != 1_500:
        return None
    return {
        ("works", False): "pod MTU too large",
        ("blocked", False): "pod MTU too large, no ICMP",
        ("blocked", True): "pod MTU too large, no ICMP, tcp_mtu_probing=1",
    }.get((path.discovery, path.mtu_probing))
