"""Frames: a browser that applies the changes has the picture that Python has."""

import copy
from typing import Any

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from k8snet_lessons.explorers._protocol import frame_change, pack, same

values = st.one_of(
    st.lists(st.floats(allow_nan=True, width=32), max_size=4).map(np.array),
    st.lists(st.sampled_from(["a", "b", ""]), max_size=3),
    st.sampled_from(["lines", "markers", None, 3, {"color": "red"}, {"color": "blue"}]),
)
traces = st.fixed_dictionaries({"x": values, "y": values}, optional={"name": values})
panels = st.fixed_dictionaries(
    {"title": st.sampled_from("ab"), "layout": st.sampled_from([{"h": 1}, {"h": 2}]),
     "data": st.lists(traces, max_size=3)}
)  # fmt: skip
frames = st.fixed_dictionaries(
    {"headline": st.sampled_from(["one", "two"]), "panels": st.lists(panels, max_size=3)}
)


def unpack(value: Any, buffers: list[bytes]) -> Any:
    if isinstance(value, dict) and "$" in value:
        return np.frombuffer(buffers[value["$"]])
    if isinstance(value, dict):
        return {key: unpack(item, buffers) for key, item in value.items()}
    if isinstance(value, list):
        return [unpack(item, buffers) for item in value]
    return value


def applied(old: dict[str, Any], message: dict[str, Any], buffers: list[bytes]) -> dict[str, Any]:
    """What the browser makes of a change; the same steps as in plots.js."""
    new = {**old, **unpack({k: v for k, v in message.items() if k != "panels"}, buffers)}
    before = copy.deepcopy(old.get("panels", []))
    new["panels"] = []
    for index, change in enumerate(message["panels"]):
        if change is None:
            new["panels"].append(before[index])
        elif "whole" in change:
            new["panels"].append(unpack(change["whole"], buffers))
        else:
            panel = before[index]
            change = unpack(change, buffers)
            for trace, key, value in change.pop("patch", []):
                panel["data"][trace][key] = value
            new["panels"].append({**panel, **change})
    return new


@given(st.lists(frames, min_size=2, max_size=5))
def test_applying_the_changes_gives_the_frame(sequence: list[dict[str, Any]]) -> None:
    have: dict[str, Any] = {}
    sent = None
    for frame in sequence:
        message, buffers = frame_change(sent, frame)
        have = applied(have, message, buffers)
        assert same(have, unpack(pack(frame, whole := []), whole))
        sent = frame


@given(frames)
def test_a_frame_that_did_not_change_costs_nothing(frame: dict[str, Any]) -> None:
    message, buffers = frame_change(frame, copy.deepcopy(frame))
    assert message == {"panels": [None] * len(frame["panels"])}
    assert buffers == []
