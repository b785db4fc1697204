"""CNI models as pictures and tables: goodput, CPU, and bytes."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from k8snet_lessons.datapath.cni import (
    ENCAPSULATIONS,
    JUDGMENTS,
    MODELS,
    Load,
    PodPacket,
    PublishedThroughput,
    TradeOff,
    build_frame,
    encapsulation,
    mss_bytes,
    performance,
    pod_mtu_bytes,
    published_throughput,
    recorded_measurement,
)
from k8snet_lessons.figures._spec import Figure
from k8snet_lessons.figures.palette import BLUE, GRAY, INK, VERMILLION
from k8snet_lessons.figures.tables import Table

NAMES = {
    "bgp": "routed",
    "ebpf": "routed, eBPF",
    "ipip": "IP in IP",
    "vxlan": "VXLAN",
    "vxlan+ebpf": "VXLAN, eBPF",
    "geneve": "Geneve",
    "wireguard": "WireGuard",
    "wireguard+ebpf": "WireGuard, eBPF",
}
# What the published runs come to: iperf3 writes 128 KiB at a time, beyond the plot's end.
PUBLISHED_BYTES = 65_536
PUBLISHED_LOAD = Load(payload_bytes=PUBLISHED_BYTES, link_gbit_per_s=40.0, underlay_mtu_bytes=9_000)
SIZES_BYTES = tuple(int(n) for n in np.unique(np.geomspace(64, 65_536, 60).round()))


def goodput(curves: dict[str, Sequence[float]], model: str, here: tuple[int, float]) -> Figure:
    """Most application bytes a second against message size, the chosen model strong."""
    return {
        "data": [
            *[
                {
                    "type": "scatter",
                    "mode": "lines",
                    "name": NAMES[each],
                    "x": SIZES_BYTES,
                    "y": curves[each],
                    "line": {"color": GRAY, "width": 1.5},
                    "hovertemplate": "%{x:,} bytes: %{y:.3~g} Gbit/s<extra>"
                    + NAMES[each]
                    + "</extra>",
                }
                for each in NAMES
            ],
            # The chosen one once more, so that it lies on top of the others.
            {
                "type": "scatter",
                "mode": "lines",
                "name": NAMES[model],
                "x": SIZES_BYTES,
                "y": curves[model],
                "line": {"color": BLUE, "width": 3},
                "hoverinfo": "skip",
            },
            {
                "type": "scatter",
                "mode": "markers",
                "name": "this setting",
                "x": [here[0]],
                "y": [here[1]],
                "marker": {"color": BLUE, "size": 11, "line": {"color": INK, "width": 1.5}},
                "hoverinfo": "skip",
            },
        ],
        "layout": {
            "xaxis": {
                "title": "message size (bytes, log scale)",
                "type": "log",
                "range": [1.75, 4.9],
                "tickvals": [64, 256, 1024, 4096, 16384, 65536],
                "ticktext": ["64", "256", "1 Ki", "4 Ki", "16 Ki", "64 Ki"],
            },
            "yaxis": {
                "title": "most goodput (Gbit/s, log scale)",
                "type": "log",
                "range": [-1.5, 2.1],
                "tickvals": [0.1, 0.3, 1, 3, 10, 30, 100],
                "ticktext": ["0.1", "0.3", "1", "3", "10", "30", "100"],
            },
            "margin": {"l": 66, "r": 16, "t": 12, "b": 46},
            "showlegend": False,
        },
    }


def cpu_by_model(found: TradeOff, model: str, available: float) -> Figure:
    """CPU cores that both nodes keep busy at this rate, by model."""
    order = list(NAMES)
    cores = [float(found.cores[found.models.index(each)]) for each in order]
    most = max(*cores, available)
    top = next((t for t in (0.1, 0.3, 1, 3, 10, 30, 100, 300) if most <= t), 1_000)
    names = [NAMES[each] for each in order]
    return {
        "data": [
            {
                "type": "bar",
                "orientation": "h",
                "name": "cores",
                "y": names,
                "x": cores,
                "marker": {"color": [BLUE if each == model else GRAY for each in order]},
                "hovertemplate": "%{x:.3~g} cores<extra></extra>",
            },
            {
                "type": "scatter",
                "mode": "lines",
                "name": "cores that there are",
                "x": [available, available],
                "y": [names[0], names[-1]],
                "line": {"color": INK, "width": 2, "dash": "dash"},
                "meta": "fixed",
            },
        ],
        "layout": {
            "xaxis": {"title": "busy CPU cores, both nodes", "range": [0, top]},
            "yaxis": {"autorange": "reversed"},
            "margin": {"l": 128, "r": 16, "t": 12, "b": 46},
            "showlegend": False,
        },
    }


def goodput_curves(load_at: dict[int, Load]) -> dict[str, Sequence[float]]:
    """The ceiling of each model over the message sizes."""
    return {
        each: tuple(performance(each, load_at[size]).goodput_gbit_per_s for size in SIZES_BYTES)
        for each in NAMES
    }


def frame_table(name: str = "vxlan", payload_bytes: int = 44) -> Table:
    """Every header of a real frame, in the order of its bytes."""
    frame = build_frame(PodPacket(payload=bytes(payload_bytes)), name)
    rows = tuple(
        (
            f"{layer.start} to {layer.stop - 1}",
            layer.name,
            f"{layer.stop - layer.start}",
            "added" if layer.outer else "inside",
        )
        for layer in frame.layers
    )
    return Table(
        ("bytes", "header", "length", "whose"),
        rows,
        f"A frame between nodes: {len(frame.data)} bytes with {name}, {frame.plain_bytes} without, "
        f"so {frame.overhead_bytes} more",
    )


def overhead_table(underlay_mtu_bytes: int = 1_500) -> Table:
    """What each encapsulation takes from the pod's MTU, and what that leaves."""
    rows = []
    for name in ENCAPSULATIONS:
        taken = [encapsulation(name).overhead_bytes(family) for family in (4, 6)]
        mtu = pod_mtu_bytes(name, underlay_mtu_bytes)
        over_ipv6 = "IPv4 only here" if name == "ipip" else f"{taken[1]}"
        rows.append((name, f"{taken[0]}", over_ipv6, f"{mtu:,}", f"{mss_bytes(mtu):,}"))
    return Table(
        (
            "encapsulation",
            "bytes over IPv4",
            "bytes over IPv6",
            "pod MTU over IPv4",
            "TCP MSS (IPv4 pods)",
        ),
        tuple(rows),
        f"What the pod's MTU loses, {underlay_mtu_bytes:,} bytes between the nodes",
    )


def judgment_table() -> Table:
    """What each model asks of its surroundings, argued; a combination is judged by its tunnel."""
    rows = [
        (NAMES[model], found.operations, found.confidentiality, found.breaks_when)
        for model, found in JUDGMENTS.items()
    ]
    return Table(
        ("model", "what must be set up and watched", "who may read the packets", "fails when"),
        tuple(rows),
    )


def published_points(load: Load) -> tuple[dict[str, Any], ...]:
    """Published throughput taken on such a link with so many streams, over the ceilings."""
    found = [
        each
        for each in published_throughput()
        if each.streams == load.streams and each.link_gbit_per_s == load.link_gbit_per_s
    ]
    if not found:
        return ()
    words = [
        f"{each.setup}: {each.tcp_gbit_per_s:.3g} Gbit/s, pod MTU {each.pod_mtu_bytes:,}, "
        f"{each.streams} streams"
        for each in found
    ]
    return (
        {
            "type": "scatter", "mode": "markers", "name": "published",
            "x": [PUBLISHED_BYTES] * len(found), "y": [each.tcp_gbit_per_s for each in found],
            "text": words, "hovertemplate": "%{text}<extra>published</extra>",
            "marker": {"color": VERMILLION, "size": 9, "symbol": "diamond"},
        },
    )  # fmt: skip


def published_table() -> Table:
    """Published throughput of one benchmark beside the model, with MTU, streams and busy cores."""
    by_setup: dict[str, dict[int, PublishedThroughput]] = {}
    for each in published_throughput():
        if each.link_gbit_per_s == PUBLISHED_LOAD.link_gbit_per_s:
            by_setup.setdefault(each.setup, {})[each.streams] = each
    rows = []
    for setup, found in by_setup.items():
        any_of_them = found[8]
        cells = []
        for streams in (1, 8):
            model = _model_of(any_of_them)
            said = performance(model, replace(PUBLISHED_LOAD, streams=streams)) if model else None
            cells += [
                f"{found[streams].tcp_gbit_per_s:.1f}",
                f"{said.goodput_gbit_per_s:.1f}" if said else "",
            ]
        rows.append(
            (
                setup,
                f"{any_of_them.pod_mtu_bytes:,}",
                *cells,
                f"{any_of_them.receiver_cores:.1f}" if any_of_them.receiver_cores else "",
            )
        )
    return Table(
        (
            "setup",
            "pod MTU",
            "1 stream",
            "model",
            "8 streams",
            "model",
            "receiver's busy cores (8 streams)",
        ),
        tuple(rows),
        "TCP, Gbit/s, on a 40 Gbit/s link: published (InfraBuilder, 2024), and this course's model "
        f"with {PUBLISHED_LOAD.cores:.0f} cores a node",
    )


def _model_of(published: PublishedThroughput) -> str:
    if published.setup.startswith("no CNI"):
        return ""
    return next(
        name
        for name, model in MODELS.items()
        if (model.encapsulation, model.datapath) == (published.encapsulation, published.datapath)
    )


def round_trip_table() -> Table:
    """The course's own small round trips, routed and through VXLAN."""
    found = recorded_measurement()
    rows = (
        ("routed", f"{found.direct_round_trip_us:.1f} µs"),
        ("through VXLAN", f"{found.tunnel_round_trip_us:.1f} µs"),
    )
    return Table(
        ("carried", "least round trip, median of rounds"),
        rows,
        f"Pings of 56 bytes between network namespaces, one virtual machine; {found.source}",
    )
