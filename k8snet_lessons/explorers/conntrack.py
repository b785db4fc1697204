"""The explorer of lesson 5: a node's connection table, its limit, and a burst."""

import math
from collections.abc import Iterable, Mapping
from dataclasses import replace
from typing import Any

from k8snet_lessons.datapath.nf_conntrack import (
    ConntrackSpec,
    chain_length,
    level,
    memory,
)
from k8snet_lessons.datapath.nf_conntrack.mean import MeanRun, mean_run
from k8snet_lessons.errors import InputError
from k8snet_lessons.explorers._knob import Knob
from k8snet_lessons.explorers._view import Number, Panel, Prediction, Row, View
from k8snet_lessons.explorers._widget import Explorer
from k8snet_lessons.figures import conntrack_table as figures

_MIB = 2**20
_WHOLE = ("max_entries", "buckets", "standing", "linear_syn")
_FIELDS = (
    "max_entries", "buckets", "standing", "requests_per_s", "time_wait_s", "udp_per_s",
    "unanswered_per_s", "connect_timeout_s", "burst_factor", "linear_syn",
)  # fmt: skip


def connection_table() -> Explorer:
    """Return the explorer: size, rate, time-outs, reuse and a burst against refusals."""
    knobs = [
        Knob("max_entries", "nf_conntrack_max", 131_072, kind="log", min=1_024, max=4_194_304,
             slider=(32_768, 1_048_576), stops=tuple(2**n for n in range(15, 21)),
             unit="entries"),
        Knob("requests_per_s", "Requests crossing the node", 800.0, kind="log", min=1,
             max=50_000, slider=(100, 5_000), unit="per s"),
        Knob("keepalive", "Requests on a connection that is already open", 0.0, min=0, max=100,
             step=5, unit="%", help="Keep-alive: only the others open a connection"),
        Knob("burst_factor", "Burst of 60 s", 3.0, min=1, max=100, slider=(1, 10),
             step=0.5, unit="times"),
        Knob("time_wait_s", "TIME_WAIT time-out", 120.0, min=5, max=240, slider=(10, 120),
             step=5, unit="s", help="nf_conntrack_tcp_timeout_time_wait"),
        Knob("linear_syn", "The clients' kernel", 4, kind="choice", group="more",
             choices={4: "6.5 or newer", 0: "older than 6.5"}),
        Knob("connect_timeout_s", "The clients' connect time-out", 5.0, min=1, max=130,
             slider=(1, 30), step=1, unit="s", group="more"),
        Knob("standing", "Long-lived connections", 0, kind="number", min=0, max=4_000_000,
             group="more", help="Established throughout, and never refused anything"),
        Knob("udp_per_s", "DNS lookups, new UDP flows", 0.0, min=0, max=10_000,
             slider=(0, 2_000), step=50, unit="per s", group="more"),
        Knob("unanswered_per_s", "SYNs that nobody answers", 0.0, min=0, max=5_000,
             slider=(0, 500), step=10, unit="per s", group="more"),
        Knob("buckets", "nf_conntrack_buckets", 65_536, kind="choice", group="more",
             choices={n: f"{n:,}" for n in (16_384, 65_536, 262_144)}),
    ]  # fmt: skip
    guess = Prediction(
        "800 new connections a second are usual, and the limit is 131,072 entries. Traffic "
        "triples. How many seconds into the burst is the first connection refused?",
        "s",
        lambda view: view.number("first refusal after the burst began"),
        settings={"requests_per_s": 800.0, "burst_factor": 3.0, "max_entries": 131_072,
                  "keepalive": 0.0, "time_wait_s": 120.0, "standing": 0, "udp_per_s": 0.0,
                  "unanswered_per_s": 0.0},
        axis="x",
        minimum=None,  # zero is a fair guess
    )  # fmt: skip
    return Explorer(
        "A connection table and a burst",
        knobs,
        view,
        presets={
            "quiet day": {"burst_factor": 1.0},
            "twice the limit": {"max_entries": 262_144},
            "TIME_WAIT 30 s": {"time_wait_s": 30.0},
            "half reused": {"keepalive": 50.0},
            "a SYN flood": {"requests_per_s": 500.0, "burst_factor": 1.0,
                            "unanswered_per_s": 1_000.0},
        },
        prediction=guess,
        still="connection-table",
        lesson=5,
    )  # fmt: skip


def specification(settings: Mapping[str, Any]) -> ConntrackSpec:
    """The table and its load at a setting of the knobs."""
    if settings["standing"] > settings["max_entries"]:
        raise InputError("standing", settings["standing"],
                         f"at most nf_conntrack_max, {settings['max_entries']:,}")  # fmt: skip
    fields = {name: settings[name] for name in _FIELDS}
    fields |= {name: int(fields[name]) for name in _WHOLE}
    return ConntrackSpec(**fields, keepalive_share=settings["keepalive"] / 100)


def view(settings: Mapping[str, Any], *, requests: int) -> View:
    """What the explorer shows at a setting. Means: nothing is drawn at random."""
    spec = specification(settings)
    run = mean_run(spec)
    full = memory(spec.max_entries, spec.buckets).total_bytes / _MIB
    first = math.nan
    if run.first_refusal_s is not None:
        first = max(0.0, run.first_refusal_s - spec.burst_from_s)
    held = cures(spec)
    return View(
        headline=_headline(spec, run),
        panels=(
            Panel("Live entries, as a share of the limit", figures.fill(spec, run),
                  f"At most {100 * float(run.live.max()) / spec.max_entries:.0f} % of "
                  f"{spec.max_entries:,} entries.", "tall",
                  evidence=figures.recorded_refusals(None if math.isnan(first) else first)),
            Panel("What new TCP connections met", figures.waits(run),
                  f"{100 * run.failed_share:.1f} % of the connections failed."),
            Panel("Where this burst would level off", figures.cures(held),
                  "; ".join(f"{name}: {share:.0f} % of the limit" for name, share in held)),
        ),
        numbers=(
            Number("first refusal after the burst began", first, "s", main=True,
                   lower_is_better=False),
            Number("live entries on a usual day", level(spec), "", digits=6),
            Number("level the burst would reach", level(spec, in_burst=True), "", digits=6),
            Number("connections that failed", 100 * run.failed_share, "%"),
            Number("refused packets, retries included (drop=)", float(run.refused.sum().round()),
                   "", digits=6),
            Number("thrown out early (early_drop=)", float(run.evicted.sum().round()), "",
                   digits=6),
            Number("kernel memory when full", full, "MiB"),
            Number("entries in a bucket when full", chain_length(spec.max_entries, spec.buckets)),
        ),
        notes=_notes(settings),
        code=_code(settings),
        csv=lambda: _rows(run),
    )  # fmt: skip


def cures(spec: ConntrackSpec) -> tuple[tuple[str, float], ...]:
    """Percent of the limit that a burst without end would fill: as it is, and with one change."""
    changes = (
        ("as set", spec),
        ("limit times 4", replace(spec, max_entries=4 * spec.max_entries)),
        ("TIME_WAIT 30 s", replace(spec, time_wait_s=min(30.0, spec.time_wait_s))),
        ("9 in 10 reuse", replace(spec, keepalive_share=max(0.9, spec.keepalive_share))),
    )
    return tuple((name, 100 * level(each, in_burst=True) / each.limit) for name, each in changes)


def _headline(spec: ConntrackSpec, run: MeanRun) -> str:
    if run.first_refusal_s is None:
        top = float(run.live.max())
        if run.evicted.any():
            return (
                "The table is full, and still nobody is refused: each newcomer takes the place "
                "of an unanswered flow nearby (early drop)."
            )
        return (
            f"The table holds: at most {top:,.0f} of {spec.max_entries:,} entries are alive, "
            f"and nobody is refused."
        )
    late = run.first_refusal_s - spec.burst_from_s
    when = f"{late:.1f} s into the burst" if late > 0 else "before the burst begins"
    return (
        f"The table is full {when}. Open connections notice nothing; of the new TCP connections "
        f"of these three minutes {100 * run.failed_share:.0f} % fail."
    )


def _notes(settings: Mapping[str, Any]) -> tuple[str, ...]:
    notes = [
        "The model counts live entries. The kernel compares its counter with the limit, and the "
        "counter also holds expired entries until they are collected: a real node can refuse "
        "somewhat earlier.",
        "Not modeled: after a refusal the kernel's collector, when it next comes round, also "
        "removes closing connections until the table is 95 % full.",
        "The mean over all flows. A second program draws each flow and agrees.",
        "Memory: 320 bytes an entry, 128 for its extensions, 8 a bucket.",
    ]
    if settings["keepalive"]:
        notes.append("Connections kept open have an entry each: set them as long-lived ones.")
    return tuple(notes)


def _code(settings: Mapping[str, Any]) -> str:
    spec = specification(settings)
    fields = ", ".join(f"{name}={getattr(spec, name)!r}" for name in _FIELDS)
    return (
        "from k8snet_lessons.datapath.nf_conntrack import ConntrackSpec, occupancy\n\n"
        f"occupancy(ConntrackSpec({fields}, keepalive_share={spec.keepalive_share!r}), seed=1)"
    )


def _rows(run: MeanRun) -> Iterable[Row]:
    for second, time_s in enumerate(run.time_s[:-1]):
        yield {
            "time_s": float(time_s),
            "live_entries": float(run.live[second]),
            "refused_in_this_second": float(run.refused[second]),
            "evicted_in_this_second": float(run.evicted[second]),
        }
