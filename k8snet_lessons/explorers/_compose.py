"""One picture from several: the setting now, the pinned one, measurements, a guess."""

import math
from collections.abc import Mapping
from typing import Any

from k8snet_lessons.explorers._protocol import Json
from k8snet_lessons.explorers._view import Panel, Prediction, View, change, with_unit
from k8snet_lessons.figures.palette import GRAY, PURPLE

#: An axis grows by so many times its length to show a guess that is far too high.
_LONGEST = 19


def panel_data(
    now: Panel,
    pinned: Panel | None,
    evidence: bool,
    guess: float | None,
    prediction: Prediction | None,
) -> Json:
    """One panel as the browser draws it."""
    traces = [_as_pinned(t) for t in pinned.figure["data"]] if pinned else []
    traces = [t for t in traces if t is not None]
    # Bars stand beside the pinned ones: in a stack they would begin where those end.
    beside = {"offsetgroup": "now"} if pinned else {}
    traces += [
        {**trace, **beside} if trace.get("type") == "bar" else dict(trace)
        for trace in now.figure["data"]
    ]
    if evidence:
        traces += [dict(trace) for trace in now.evidence]
    layout = _layout(now.figure["layout"], pinned.figure["layout"] if pinned else {})
    if guess is not None and prediction is not None:
        traces.append(_guess_line(now.figure, prediction, guess))
        layout = _with_room(layout, f"{prediction.axis}axis", guess)
    return {
        "title": now.title,
        "summary": now.summary,
        "size": now.size,
        "layout": layout,
        "data": traces,
    }


def _layout(now: Mapping[str, Any], pinned: Mapping[str, Any]) -> Json:
    """The layout now, its axes wide enough for the pinned setting as well."""
    layout = dict(now)
    for name, axis in now.items():
        if name[1:5] != "axis" or "range" not in axis or "range" not in pinned.get(name, {}):
            continue
        (low, high), (a, b) = axis["range"], pinned[name]["range"]
        if low <= high:
            layout[name] = {**axis, "range": [min(low, a), max(high, b)]}
    return layout


def _with_room(layout: Json, name: str, guess: float) -> Json:
    """The layout, its axis long enough to show the guess, unless that would hide the curve."""
    axis = layout.get(name, {})
    if "range" not in axis:
        return layout
    low, high = axis["range"]
    logarithmic = axis.get("type") == "log"
    if low >= high or (logarithmic and guess <= 0):
        return layout
    place = math.log10(guess) if logarithmic else guess
    length = high - low
    if low <= place <= high or not low - length <= place <= high + _LONGEST * length:
        return layout
    beyond = 1.08  # its words stand above the line
    wide = [low, low + beyond * (place - low)] if place > high else [place - 0.05 * length, high]
    return {**layout, name: {**axis, "range": wide}}


def _as_pinned(trace: Mapping[str, Any]) -> dict[str, Any] | None:
    """A trace of the pinned setting: gray, dotted, without its labels.

    A trace whose ``meta`` is ``"fixed"`` is the same for every setting (a limit, a scale)
    and is not drawn twice.
    """
    if trace.get("meta") == "fixed":
        return None
    gray = dict(trace)
    mode = str(trace.get("mode", "lines"))
    gray["mode"] = mode.replace("+text", "") if mode != "text" else "none"
    gray.pop("text", None)
    gray["name"] = f"pinned: {trace.get('name', '')}"
    gray["showlegend"] = False
    gray["opacity"] = 0.9
    gray.pop("fill", None)
    gray["line"] = {**trace.get("line", {}), "color": GRAY, "dash": "dot"}
    marker = {k: v for k, v in trace.get("marker", {}).items() if k in ("size", "symbol")}
    symbol = str(marker.get("symbol", "circle"))
    if isinstance(marker.get("symbol", ""), str) and not symbol.endswith("-open"):
        marker["symbol"] = symbol + "-open"
    marker["line"] = {"width": 1.5, "color": GRAY}
    gray["marker"] = {**marker, "color": GRAY}
    if trace.get("type") == "bar":
        gray["marker"] = {"color": "rgba(0,0,0,0)", "line": marker["line"]}
        gray["offsetgroup"] = "pinned"
        gray.pop("line")
        gray.pop("mode")
    return gray


def _guess_line(figure: Mapping[str, Any], prediction: Prediction, guess: float) -> dict[str, Any]:
    """The learner's guess, straight through the plot."""
    along, across = ("x", "y") if prediction.axis == "y" else ("y", "x")
    axis = figure["layout"].get(f"{along}axis", {})
    names = [each for each in figure["data"][0].get(along, ()) if isinstance(each, str)]
    low: Any
    high: Any
    if names:  # an axis of names: numbers would become names of their own
        low, high = names[0], names[-1]
    else:
        low, high = axis.get("range", (0, 1))
    if axis.get("type") == "log":
        low, high = 10.0**low, 10.0**high
    return {
        "type": "scatter",
        "mode": "lines+text",
        "name": "your guess",
        along: [low, high],
        across: [guess, guess],
        "text": [f"your guess: {with_unit(guess, prediction.unit)}", ""],
        "textposition": "top right",
        "textfont": {"color": PURPLE, "shadow": "auto"},  # legible on a bar, too
        "line": {"color": PURPLE, "width": 2, "dash": "dash"},
        "hoverinfo": "skip",
        "cliponaxis": False,
        "showlegend": False,
    }


def table(now: View, pinned: View | None) -> list[list[str]]:
    """The numbers as text: label, now; with a pinned setting also pinned and change."""
    if pinned is None:
        return [[n.label, n.text] for n in now.numbers]
    before = {n.label: n for n in pinned.numbers}
    rows = []
    for number in now.numbers:
        old = before.get(number.label)
        if old is None:
            rows.append([number.label, number.text, "", ""])
        else:
            rows.append([number.label, number.text, old.text, change(old.value, number.value)])
    return rows


def comparison(now: View, pinned: View, turned: str) -> str:
    """What the change of setting did to the number that matters, in words."""
    number = now.main or (now.numbers[0] if now.numbers else None)
    if number is None:
        return f"Pinned A against B ({turned})."
    before = next((n for n in pinned.numbers if n.label == number.label), number)
    return (
        f"{number.label}: {before.text} pinned (A), {number.text} now (B): "
        f"{change(before.value, number.value)}. Changed: {turned}."
    )
