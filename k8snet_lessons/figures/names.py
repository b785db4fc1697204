"""What names cost: a lookup's ladder of queries, the knee of CoreDNS, queries by name."""

from collections.abc import Sequence
from functools import cache
from typing import Any, Final

from k8snet_lessons.data.measured import Record, load
from k8snet_lessons.dns import Change, Lookup
from k8snet_lessons.figures._spec import Figure, duration_ticks
from k8snet_lessons.figures.palette import BLUE, GRAY, GREEN, INK, VERMILLION

ROWS = 12
LONGEST_NAME = 44  # octets of a name that a rung shows
_MARGIN = {"l": 62, "r": 16, "t": 12, "b": 46}


def _fitting(qname: str) -> str:
    """A name as long as a rung has room for, its reply behind it: the middle is left out."""
    if len(qname) <= LONGEST_NAME:
        return qname
    tail = qname[-(2 * LONGEST_NAME // 3) :]
    return f"{qname[: LONGEST_NAME - len(tail) - 1]}…{tail}"


def ladder(found: Lookup) -> Figure:
    """Each query of a lookup, from the first to the last, with what came back."""
    shown = found.queries[:ROWS]
    good = [query.reply == "addresses" for query in shown]
    texts = [
        f"{query.qtype.ljust(4)} {_fitting(query.qname)} <b>{'found' if ok else query.reply}</b>"
        for query, ok in zip(shown, good, strict=True)
    ]
    return {
        "data": [
            {
                "type": "scatter", "mode": "lines+markers+text", "name": "query",
                "x": [0.02] * len(shown), "y": list(range(1, len(shown) + 1)),
                "text": texts, "textposition": "middle right",
                "textfont": {"color": INK, "size": 10},
                "line": {"color": GRAY, "width": 2},
                "marker": {"color": [GREEN if ok else VERMILLION for ok in good], "size": 12},
                "hoverinfo": "skip",
            }
        ],
        "layout": {
            "xaxis": {"visible": False, "range": [0, 1]},
            "yaxis": {"title": "query, in the order sent", "range": [ROWS + 0.6, 0.4],
                      "tickvals": list(range(1, ROWS + 1)), "showgrid": False},
            "margin": {**_MARGIN, "l": 46, "r": 4, "b": 16},
            "showlegend": False,
        },
    }  # fmt: skip


def knee(curve: Sequence[tuple[float, float, float]], per_s: float, p99_us: float) -> Figure:
    """The 99th percentile against lookups a second, up to the replicas' capacity."""
    finite = p99_us < float("inf")
    return {
        "data": [
            {
                "type": "scatter", "mode": "lines", "name": "p99",
                "x": [rate for rate, _, _ in curve], "y": [p99 for _, p99, _ in curve],
                "text": [f"CoreDNS {100 * busy:.0f} % busy" for _, _, busy in curve],
                "line": {"color": BLUE, "width": 3},
                "hovertemplate": "%{x:,.0f} lookups/s, %{text}<extra></extra>",
            },
            {
                "type": "scatter", "mode": "markers+text", "name": "this setting",
                "x": [per_s], "y": [p99_us if finite else 10**5.5],
                "text": ["" if finite else "cannot keep up"], "textposition": "middle left",
                "textfont": {"color": VERMILLION, "size": 12},
                "marker": {"color": BLUE if finite else VERMILLION, "size": 11,
                           "line": {"color": INK, "width": 1.5}},
                "hoverinfo": "skip",
            },
        ],
        "layout": {
            "xaxis": {"title": "lookups per second (log scale)", "type": "log", "range": [2, 5.3],
                      "tickvals": [100, 1_000, 10_000, 100_000],
                      "ticktext": ["100", "1,000", "10,000", "100,000"]},
            "yaxis": {"title": "p99 (log scale)", "type": "log", "range": [1.8, 5.8],
                      **duration_ticks()},
            "margin": dict(_MARGIN),
            "showlegend": False,
        },
    }  # fmt: skip


def queries_by_name(changes: Sequence[Change]) -> Figure:
    """Queries of each name as set, and with glibc and ndots 5; those not found are marked."""
    names = [change.name for change in changes]
    lost = [not change.after.found for change in changes]
    return {
        "data": [
            {
                "type": "bar", "orientation": "h", "name": "as set",
                "y": names, "x": [len(change.after.queries) for change in changes],
                "text": ["not found" if gone else f"{len(change.after.queries)}"
                         for change, gone in zip(changes, lost, strict=True)],
                "textposition": "auto",
                "marker": {"color": [VERMILLION if gone else BLUE for gone in lost]},
                "hovertemplate": "%{y}: %{x} queries<extra>as set</extra>",
            },
            {
                "type": "scatter", "mode": "markers", "name": "glibc, ndots 5",
                "y": names, "x": [len(change.before.queries) for change in changes],
                "marker": {"color": INK, "size": 10, "symbol": "line-ns-open",
                           "line": {"width": 3}},
                "hovertemplate": "%{y}: %{x} queries<extra>glibc, ndots 5</extra>",
            },
        ],
        "layout": {
            "xaxis": {"title": "queries; black mark: glibc with ndots 5", "range": [0, 12],
                      "tickvals": [0, 2, 4, 6, 8, 10, 12]},
            "yaxis": {"autorange": "reversed", "automargin": True},
            "margin": {**_MARGIN, "l": 150},
            "showlegend": False,
        },
    }  # fmt: skip


#: The record's name of the same shape: what counts is dots, and where the name is meant to be.
_SHAPES: Final = {
    "api.stripe.com": "api.stripe.com",
    "api.stripe.com.": "api.stripe.com.",
    "payment-service": "payment",
    "ledger.payments": "payment.production",
    "ledger.payments.svc": "payment.production.svc",
}
_RECORDED: Final = {"glibc": "glibc", "musl": "musl-1.2.3", "go": "go"}


@cache
def _record() -> Record:
    return load("lookups")  # once: it is looked into at every move of a knob


def recorded_queries(
    names: Sequence[str], resolver: str, ndots: int, *, cloud: bool
) -> tuple[dict[str, Any], ...]:
    """Queries that a real resolver sent for names of the same shape; empty where none was asked.

    The record holds ndots 5, 2 and 1, and a cloud's search domain with ndots 5.
    """
    conf = "pod with a cloud's domain, ndots:5" if cloud and ndots == 5 else f"pod, ndots:{ndots}"
    record = _record()
    found = []
    for name in names:
        series = record.find("queries", resolver=_RECORDED[resolver], resolv_conf=conf,
                             name=_SHAPES.get(name, ""))  # fmt: skip
        if series and (not cloud or ndots == 5):
            found.append((name, series[0].minimum))
    return (
        {
            "type": "scatter", "mode": "markers", "name": f"measured, {_RECORDED[resolver]}",
            "y": [name for name, _ in found], "x": [count for _, count in found],
            "marker": {"color": INK, "size": 13, "symbol": "circle-open", "line": {"width": 2.5}},
            "hovertemplate": "%{x} queries reached the server<extra>%{fullData.name}</extra>",
            "showlegend": False,
        },
    )  # fmt: skip
