"""The explorer of lesson 6: what a CNI model costs, by message size, rate and share."""

from collections.abc import Iterable, Mapping
from dataclasses import replace
from typing import Any, Final

from k8snet_lessons.datapath.cni import (
    MODELS,
    Load,
    performance,
    pod_mtu_bytes,
    trade_off,
)
from k8snet_lessons.explorers._knob import Knob
from k8snet_lessons.explorers._view import Number, Panel, Prediction, Row, View
from k8snet_lessons.explorers._widget import Explorer
from k8snet_lessons.figures import cni as figures

_FIELDS: Final = (
    "payload_bytes",
    "cross_node_share",
    "cores",
    "streams",
    "link_gbit_per_s",
    "underlay_mtu_bytes",
    "offloads",
)


def what_the_wire_costs() -> Explorer:
    """Return the explorer: message size, rate and share against goodput and CPU."""
    knobs = [
        Knob("model", "CNI model", "bgp", kind="choice", choices=figures.NAMES),
        Knob("payload_bytes", "Message size", 16_384, kind="log", min=1, max=1_000_000,
             slider=(64, 65_536), stops=(64, 256, 1_024, 1_400, 4_096, 16_384, 65_536),
             unit="bytes"),
        Knob("rate_per_s", "Messages", 20_000.0, kind="log", min=1, max=10_000_000,
             slider=(1_000, 1_000_000), unit="per s"),
        Knob("cross_node_share", "Share that leaves the node", 1.0, min=0, max=1, step=0.05,
             help="only that share is wrapped"),
        Knob("offloads", "Checksum and segmentation offload", True, kind="toggle"),
        Knob("underlay_mtu_bytes", "MTU between the nodes", 1_500, kind="choice",
             choices=(1_500, 9_000), group="more"),
        Knob("cores", "Cores of each node for networking", 4.0, min=0.5, max=64,
             slider=(1, 16), step=1, group="more"),
        Knob("streams", "Streams at once", 8, min=1, max=1_000, slider=(1, 32), step=1,
             group="more"),
        Knob("link_gbit_per_s", "Link", 10.0, kind="log", min=1, max=400, slider=(1, 100),
             unit="Gbit/s", group="more"),
    ]  # fmt: skip
    routed = performance("bgp").goodput_gbit_per_s
    guess = Prediction(
        f"Routed pods reach {routed:.2f} Gbit/s on this 10 Gbit/s link (messages of 16 KiB, "
        "offloads on). How much do they reach under VXLAN? (Gbit/s)",
        "Gbit/s",
        lambda view: view.number("most goodput"),
        settings={"model": "vxlan"},
        close_factor=1.03,
    )
    return Explorer(
        "What the wire costs",
        knobs,
        view,
        presets={
            "bulk, VXLAN": {"model": "vxlan"},
            "small messages, VXLAN": {
                "model": "vxlan", "payload_bytes": 64, "rate_per_s": 1_000_000.0,
            },
            "no offloads, VXLAN": {"model": "vxlan", "offloads": False},
            "encrypted": {"model": "wireguard"},
            "large MTU, VXLAN": {"model": "vxlan", "underlay_mtu_bytes": 9_000},
            "a published benchmark": {
                "model": "vxlan", "payload_bytes": 65_536, "underlay_mtu_bytes": 9_000,
                "link_gbit_per_s": 40.0, "rate_per_s": 50_000.0,
            },
        },
        prediction=guess,
        still="what-the-wire-costs",
        lesson=6,
    )  # fmt: skip


def view(settings: Mapping[str, Any], *, requests: int) -> View:
    """What the explorer shows at a setting. Closed forms: nothing is drawn at random."""
    model, rate = settings["model"], settings["rate_per_s"]
    load = Load(**{name: settings[name] for name in _FIELDS})
    found = performance(model, load)
    beside = trade_off(rate, load)
    at = beside.models.index(model)
    curves = figures.goodput_curves(
        {size: replace(load, payload_bytes=size) for size in figures.SIZES_BYTES}
    )
    name = figures.NAMES[model]
    limit = "the link" if found.limited_by == "link" else "the processors"
    carried = rate <= found.messages_per_s
    return View(
        headline=f"{name}: at most {found.goodput_gbit_per_s:.3g} Gbit/s, where {limit} "
        f"{'ends' if found.limited_by == 'link' else 'end'} it"
        + ("." if carried else "; the rate that is asked for is more than that."),
        panels=(
            Panel(
                "Most goodput by message size",
                figures.goodput(curves, model, (load.payload_bytes, found.goodput_gbit_per_s)),
                f"{name} reaches {found.goodput_gbit_per_s:.3g} Gbit/s with messages of "
                f"{load.payload_bytes:,} bytes; {limit} set the limit.",
                evidence=figures.published_points(load),
            ),
            Panel(
                "CPU at this rate, by model",
                figures.cpu_by_model(beside, model, 2 * load.cores),
                "; ".join(
                    f"{figures.NAMES[each]} {cores:.3g} cores"
                    for each, cores in zip(beside.models, beside.cores, strict=True)
                ),
            ),
        ),
        numbers=(
            Number("most goodput", found.goodput_gbit_per_s, "Gbit/s", main=True,
                   lower_is_better=False),
            Number("busy cores at this rate", float(beside.cores[at]), "cores"),
            Number("added round trip, idle", found.added_round_trip_us, "µs"),
            Number("bits that are headers", 100 * found.wire_overhead, "%"),
            Number("pod MTU", pod_mtu_bytes(model, load.underlay_mtu_bytes), "bytes", digits=5,
                   lower_is_better=None),
        ),
        notes=(
            "A small linear model: CPU time is stack, encapsulation and bytes. Its costs come from "
            "this course's overlay record; the cost of the cipher and of eBPF from a published "
            "benchmark. Ratios travel to other machines, absolute numbers do not.",
            "Wrapping was measured for VXLAN and is taken to cost the same for every tunnel. "
            "WireGuard's cipher is taken to spread over all cores; in the published runs it kept "
            "at most 3.4 of the receiver's busy.",
            "The added round trip is counted against plain routing; below zero, the datapath is "
            "shorter.",
        ),
        code=_code(model, load),
        csv=lambda: _rows(load, rate),
    )  # fmt: skip


def _code(model: str, load: Load) -> str:
    fields = ", ".join(f"{name}={getattr(load, name)!r}" for name in _FIELDS)
    return (
        "from k8snet_lessons.datapath.cni import Load, performance\n\n"
        f"performance({model!r}, Load({fields}))"
    )


def _rows(load: Load, rate_per_s: float) -> Iterable[Row]:
    found = trade_off(rate_per_s, load)
    for at, model in enumerate(MODELS):
        one = performance(model, load)
        yield {
            **{name: getattr(load, name) for name in _FIELDS},
            "model": model,
            "rate_per_s": rate_per_s,
            "goodput_gbit_per_s": one.goodput_gbit_per_s,
            "limited_by": one.limited_by,
            "cores": float(found.cores[at]),
            "added_round_trip_us": one.added_round_trip_us,
        }
