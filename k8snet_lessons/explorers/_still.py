"""Still pictures of explorers, for readers without a kernel."""

import base64
import json
from functools import cache
from importlib.resources import files
from typing import Any, cast

_HOME = files("k8snet_lessons") / "data" / "stills"


@cache
def still_png(name: str) -> str | None:
    """The still of that name as base64 text, or None where there is none."""
    picture = _HOME / f"{name}.png"
    return base64.b64encode(picture.read_bytes()).decode() if picture.is_file() else None


def still_numbers(name: str) -> dict[str, Any] | None:
    """The numbers that the still shows: settings, and label to value."""
    record = _HOME / f"{name}.json"
    if not record.is_file():
        return None
    return cast(dict[str, Any], json.loads(record.read_text(encoding="utf-8")))
