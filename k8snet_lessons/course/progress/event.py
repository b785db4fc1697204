"""What is remembered: one event for each thing that a learner did.

Events are only ever added. Whatever is shown (the map, the cards that are due, the
certificate) is worked out from them anew, so two machines are merged by putting their
events together.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, Final
from uuid import uuid4

from k8snet_lessons.errors import InputError

#: Kind to the fields of its data, each with the types it may have.
KINDS: Final[Mapping[str, Mapping[str, tuple[type, ...]]]] = {
    "touch": {},
    "guess": {"question": (str,), "guess": (int, float, str), "answer": (int, float, str)},
    "answer": {"given": (str, int, float), "right": (bool,)},
    "check": {
        "status": (str,),
        "points": (int, float),
        "max_points": (int, float),
        "exercise_points": (int, float),
        "tasks": (int,),
    },
    "interview": {
        "points": (int, float),
        "max_points": (int, float),
        "own_points": (int, float),
        "missed": (list,),
    },
    "incident": {
        "suspicion": (str,),
        "named": (str,),
        "cause": (str,),
        "points": (int, float),
        "minutes": (int,),
        "shortest": (int,),
    },
    "review": {"right": (bool,)},
}
_LONGEST = 20_000
_MISSED = ("key", "question", "point", "lesson")


@dataclass(frozen=True)
class Event:
    """One thing done.

    Parameters
    ----------
    kind : str
        One of `KINDS`.
    subject : str
        What it was done to: an explorer, a question, a task, a session, a card.
    lesson : str
        Slug of the lesson, or ``""``.
    data : mapping
        What belongs to the kind, as plain JSON.
    at : datetime
        When, in UTC.
    id : str
        Unique; the same event recorded or imported twice counts once.
    """

    kind: str
    subject: str
    lesson: str = ""
    data: Mapping[str, Any] = field(default_factory=dict)
    at: datetime = field(default_factory=lambda: datetime.now(UTC))
    id: str = field(default_factory=lambda: uuid4().hex)

    def to_json(self) -> dict[str, Any]:
        """Return the event as plain data."""
        return {
            "id": self.id,
            "at": self.at.isoformat(),
            "kind": self.kind,
            "lesson": self.lesson,
            "subject": self.subject,
            "data": dict(self.data),
        }


def touched(explorer: str, lesson: str = "", at: datetime | None = None) -> Event:
    """Somebody turned this explorer's knobs; one event for each explorer and day."""
    when = at or datetime.now(UTC)
    return Event("touch", explorer, lesson, {}, when, f"touch:{explorer}:{when.date()}")


def guessed(
    explorer: str, lesson: str, question: str, guess: float | str, answer: float | str
) -> Event:
    """Somebody committed a guess; numbers in the unit of the question, or words."""
    shown = {"question": question, "guess": _plain(guess), "answer": _plain(answer)}
    return Event("guess", explorer, lesson, shown)


def answered(question: str, lesson: str, given: str | float, right: bool) -> Event:
    """Somebody answered a question of a quiz."""
    return Event("answer", question, lesson, {"given": _plain(given), "right": bool(right)})


def checked(
    lesson: str,
    task: str,
    *,
    status: str,
    points: float,
    max_points: float,
    exercise_points: float,
    tasks: int,
    misconceptions: Sequence[str] = (),
) -> Event:
    """Somebody had a task checked; `exercise_points` and `tasks` are the whole exercise's."""
    return Event(
        "check",
        f"{lesson}/{task}",
        lesson,
        {
            "status": status,
            "points": points,
            "max_points": max_points,
            "exercise_points": exercise_points,
            "tasks": tasks,
            "misconceptions": list(misconceptions),
        },
    )


def interviewed(
    session: str,
    *,
    points: float,
    max_points: float,
    own_points: float,
    missed: Sequence[Mapping[str, str]] = (),
    title: str = "",
    later: int = 0,
    at: datetime | None = None,
) -> Event:
    """Somebody held an interview to its end, or changed verdicts of it afterwards.

    Parameters
    ----------
    session : str
        Identifier of the session; one that is replayed counts once.
    points, max_points : float
        By the scorer's proposals.
    own_points : float
        By the learner's own verdicts.
    missed : sequence of mapping
        Each point missed or contradicted becomes a review card: ``key`` (unique, stable),
        ``question`` (the front), ``point`` (the back), ``lesson`` (slug).
    title : str
        What the interview was about.
    later : int
        How often verdicts were changed after the end: the last event of a session counts.
    """
    kept = [{name: str(one[name]) for name in _MISSED} for one in missed]
    data = {
        "title": title,
        "points": points,
        "max_points": max_points,
        "own_points": own_points,
        "gap": round(own_points - points, 2),
        "later": later,
        "missed": kept,
    }
    return Event(
        "interview",
        session,
        "13-mock-interview",
        data,
        at or datetime.now(UTC),
        f"interview:{session}" + (f":{later}" if later else ""),
    )


def concluded(
    incident: str,
    *,
    suspicion: str,
    named: str,
    cause: str,
    points: float,
    minutes: int,
    shortest: int,
    at: datetime | None = None,
) -> Event:
    """Somebody named the cause of an incident and applied a fix.

    Parameters
    ----------
    incident : str
        Its number; the first conclusion counts, for the debrief tells the cause.
    suspicion : str
        What it was taken for from the page alone, or ``""``.
    named, cause : str
        What it was taken for in the end, and what it was.
    points : float
        Of 100.
    minutes, shortest : int
        Simulated minutes spent, and those of the shortest path.
    """
    data = {
        "suspicion": suspicion,
        "named": named,
        "cause": cause,
        "points": points,
        "minutes": minutes,
        "shortest": shortest,
    }
    when = at or datetime.now(UTC)
    return Event("incident", incident, "12-incident-room", data, when, f"incident:{incident}")


def reviewed(card: str, lesson: str, right: bool, at: datetime | None = None) -> Event:
    """Somebody looked at a card again and knew it, or did not."""
    return Event("review", card, lesson, {"right": right}, at or datetime.now(UTC))


def without_overruled(events: Sequence[Event]) -> list[Event]:
    """Leave out what an interview came to before its verdicts were changed.

    Changes are counted, so that a clock that was set back in between misleads nobody.
    """
    last: dict[str, Event] = {}
    for event in events:
        if event.kind == "interview":
            known = last.get(event.subject)
            if known is None or _later(event) >= _later(known):
                last[event.subject] = event
    kept = {event.id for event in last.values()}
    return [event for event in events if event.kind != "interview" or event.id in kept]


def _later(event: Event) -> int:
    found = event.data.get("later", 0)
    return found if type(found) is int else 0


def read_event(entry: object, where: str = "") -> Event:
    """Make an event of plain data that may come from anywhere.

    Raises
    ------
    InputError
        With the field that does not fit.
    """
    if not isinstance(entry, dict):
        raise InputError("event", type(entry).__name__, "a mapping", where)
    kind = entry.get("kind")
    if not isinstance(kind, str) or kind not in KINDS:
        raise InputError("kind", kind, "one of " + ", ".join(KINDS), where)
    texts = {name: entry.get(name) for name in ("id", "subject", "lesson")}
    for name, value in texts.items():
        if not isinstance(value, str) or len(value) > 300 or not (value or name == "lesson"):
            raise InputError(name, value, "a text of at most 300 characters", where)
    try:
        at = datetime.fromisoformat(entry.get("at", ""))
        at = at.astimezone(UTC) if at.tzinfo else at.replace(tzinfo=UTC)
    except (TypeError, ValueError, OverflowError):
        raise InputError("at", entry.get("at"), "a time such as 2026-01-31T09:00", where) from None
    data = entry.get("data")
    if not isinstance(data, dict) or len(str(data)) > _LONGEST:
        raise InputError("data", type(data).__name__, "a mapping, not too large", where)
    for name, types in KINDS[kind].items():
        value = data.get(name)
        wrong = bool in types or not isinstance(value, bool)
        if not isinstance(value, types) or not wrong or _endless(value):
            allowed = " or ".join(one.__name__ for one in types)
            raise InputError(name, value, allowed, where)
    for missed in data.get("missed", []):
        if not isinstance(missed, dict) or not all(
            isinstance(missed.get(name), str) for name in _MISSED
        ):
            raise InputError("missed", missed, "a mapping of texts: " + ", ".join(_MISSED), where)
    return Event(str(kind), str(texts["subject"]), str(texts["lesson"]), data, at, str(texts["id"]))


def _plain(value: float | str) -> float | str:
    """A number that JSON can hold, whatever its type was; words for one that is not finite."""
    if isinstance(value, str):
        return value
    number = float(value)
    return number if math.isfinite(number) else str(number)


def _endless(value: object) -> bool:
    return isinstance(value, float) and not math.isfinite(value)
