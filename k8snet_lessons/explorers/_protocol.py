"""What travels to the browser: only what changed, arrays as bytes.

A frame is a JSON object and a list of buffers. An array is written in the object as
``{"$": index, "t": "float64"}`` and its bytes are the buffer of that index. The first
frame is whole; a later one names the frame it builds on (``base``), so that a view that
missed one asks for a whole frame instead of drawing a mixture.
"""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

Json = dict[str, Any]
_PLAIN = frozenset((str, int, float, bool))


def same(a: Any, b: Any) -> bool:
    """Whether two pieces of a figure are equal, arrays included."""
    if a is b:
        return True
    if (
        type(a) in _PLAIN and type(b) in _PLAIN
    ):  # most of a figure is; a frame has some two hundred of them
        return bool(a == b) or (a != a and b != b)
    if isinstance(a, np.ndarray) or isinstance(b, np.ndarray):
        a, b = np.asarray(a), np.asarray(b)
        numbers = a.dtype.kind == b.dtype.kind == "f"
        return a.shape == b.shape and bool(np.array_equal(a, b, equal_nan=numbers))
    if isinstance(a, Mapping) and isinstance(b, Mapping):
        return a.keys() == b.keys() and all(same(a[key], b[key]) for key in a)
    if isinstance(a, list | tuple) and isinstance(b, list | tuple):
        return len(a) == len(b) and all(map(same, a, b))
    return bool(a == b) or (a != a and b != b)


def pack(value: Any, buffers: list[bytes]) -> Any:
    """Plain data with each numeric array replaced by a reference to its bytes."""
    if isinstance(value, np.ndarray) and value.dtype.kind in "fiub" and value.ndim == 1:
        array = np.ascontiguousarray(value, dtype=np.float64)
        buffers.append(array.tobytes())
        return {"$": len(buffers) - 1, "t": "float64"}
    if isinstance(value, np.ndarray):
        return value.tolist()
    if isinstance(value, np.generic):
        return value.item()
    if isinstance(value, Mapping):
        return {str(key): pack(item, buffers) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [pack(item, buffers) for item in value]
    return value


def panel_change(old: Json | None, new: Json, buffers: list[bytes]) -> Json | None:
    """How to turn one panel into another: None, a patch, or the whole panel."""
    if old is None or [set(t) for t in old["data"]] != [set(t) for t in new["data"]]:
        return {"whole": pack(new, buffers)}
    patch = [
        [index, key, pack(trace[key], buffers)]
        for index, (trace, before) in enumerate(zip(new["data"], old["data"], strict=True))
        for key in trace
        if not same(trace[key], before[key])
    ]
    change: Json = {"patch": patch} if patch else {}
    for key in new.keys() - {"data"}:
        if not same(new[key], old.get(key)):
            change[key] = pack(new[key], buffers)
    return change or None


def frame_change(old: Json | None, new: Json) -> tuple[Json, list[bytes]]:
    """A frame as the browser needs it, given the one that it has.

    Parameters
    ----------
    old : dict or None
        What the browser has; None when it has nothing.
    new : dict
        What it shall show. ``panels`` is a list of panels, each with a list ``data``.

    Returns
    -------
    message : dict
        Only the keys that changed.
    buffers : list of bytes
        The arrays that changed.
    """
    buffers: list[bytes] = []
    panels: Sequence[Json] = new.get("panels", [])
    before: Sequence[Json | None] = (old or {}).get("panels", [])
    if len(before) != len(panels):
        before = [None] * len(panels)
        old = {k: v for k, v in (old or {}).items() if k != "panels"} or None
    changes = [panel_change(a, b, buffers) for a, b in zip(before, panels, strict=True)]
    message: Json = {
        key: pack(value, buffers)
        for key, value in new.items()
        if key != "panels" and (old is None or not same(value, old.get(key)))
    }
    message["panels"] = changes
    return message, buffers
