"""Taking the record along: one small file, out of one machine and into another."""

import json
from collections.abc import Sequence
from datetime import UTC, datetime

from k8snet_lessons.course.progress.event import Event, read_event
from k8snet_lessons.errors import InputError

COURSE = "k8snet-lessons"
FORMAT = 1
FILE = "k8snet-progress.json"
CERTIFICATE = "k8snet-certificate.html"
_LARGEST = 20_000_000  # characters; a year of daily work is below one million


def write_file(events: Sequence[Event]) -> str:
    """Return the text of the file that holds these events."""
    lines = ",\n".join(json.dumps(one.to_json(), ensure_ascii=False) for one in events)
    head = json.dumps({"course": COURSE, "format": FORMAT, "written": f"{datetime.now(UTC):%F}"})
    return f'{head[:-1]}, "events": [\n{lines}\n]}}\n'


def read_file(text: str, name: str = FILE) -> list[Event]:
    """Return the events of such a file, each checked.

    Raises
    ------
    InputError
        If it is not one, or holds something that is no event; nothing is taken then.
    """
    if len(text) > _LARGEST:
        raise InputError("file", f"{len(text)} characters", "a file of this course", name)
    try:
        content = json.loads(text)
    except (ValueError, RecursionError):
        raise InputError(
            "file", text[:30], "JSON as `k8snet progress export` writes it", name
        ) from None
    if not isinstance(content, dict) or content.get("course") != COURSE:
        raise InputError("file", text[:30], "one that this course wrote", name)
    if content.get("format") != FORMAT:
        raise InputError(
            "format", content.get("format"), f"{FORMAT}; a newer course wrote it", name
        )
    events = content.get("events")
    if not isinstance(events, list):
        raise InputError("events", events, "a list", name)
    return [read_event(one, f"{name}, event {n}") for n, one in enumerate(events, 1)]
