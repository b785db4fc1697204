"""The learner's own record: what was done, on this machine and nowhere else.

Other rooms call `record` with one of the events below. It never raises, and where
recording is off it does nothing:

>>> from k8snet_lessons.course.progress import answered, record
>>> record(answered("05-what-fills", "05-conntrack-exhaustion", "120,000", right=True))
''

`history` gives the events back; `k8snet_lessons.course.progress.standing` says what they
amount to. Where the record is kept: `place`.
"""

from functools import cache
from pathlib import Path
from threading import Thread

from k8snet_lessons.course.progress.event import (
    Event,
    answered,
    checked,
    concluded,
    guessed,
    interviewed,
    read_event,
    reviewed,
    touched,
)
from k8snet_lessons.course.progress.keeper import Keeper
from k8snet_lessons.course.progress.place import lesson_here, on_binder, place

__all__ = [
    "Event",
    "answered",
    "checked",
    "concluded",
    "guessed",
    "history",
    "interviewed",
    "keeper",
    "lesson_here",
    "on_binder",
    "place",
    "record",
    "record_soon",
    "reviewed",
    "touched",
]


@cache
def _keeper(path: Path) -> Keeper:
    return Keeper(path)


def keeper() -> Keeper | None:
    """Return this process's keeper of the record, or None where nothing is recorded."""
    path = place()
    return None if path is None else _keeper(path)


def record(event: Event) -> str:
    """Keep an event; never raises.

    Returns
    -------
    str
        ``""``, or one line for the learner when the record could not be kept in its usual
        place; each such line comes once.
    """
    try:
        kept = keeper()
        return "" if kept is None else kept.keep([read_event(event.to_json())])
    except Exception as error:
        return f"Your progress is not recorded: {error}"


def record_soon(event: Event) -> None:
    """Keep an event from a thread of its own, so that no knob waits for the disk."""
    if place() is not None:
        Thread(target=record, args=(event,), name="k8snet-progress").start()


def history() -> tuple[list[Event], str]:
    """Return all events, oldest first, and one line on what stands in the way, or ``""``."""
    try:
        kept = keeper()
        return ([], "") if kept is None else kept.events()
    except Exception as error:
        return [], f"The record of your progress cannot be read: {error}"
