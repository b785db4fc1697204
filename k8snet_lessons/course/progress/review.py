"""Cards for what was missed, and when each is due.

A question answered wrongly, a misunderstanding that a check named, a point that an
interview missed: each becomes a card. The FSRS scheduler says when it is due again
(https://github.com/open-spaced-repetition/py-fsrs, its published default parameters, 90 %
wanted recall). The schedule is worked out anew from the events each time.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from k8snet_lessons.course.asked import Item, card, item
from k8snet_lessons.course.progress.event import Event, without_overruled
from k8snet_lessons.course.questions import Question, bank

if TYPE_CHECKING:
    from fsrs import Card as Schedule


@dataclass(frozen=True)
class Card:
    """Something missed, to be asked again.

    Parameters
    ----------
    item : Item
        What is asked: the question itself, or a card with a front and a back.
    due : datetime
        When, in UTC.
    misses : int
        How often it was missed.
    """

    item: Item
    due: datetime
    misses: int

    def is_due(self, now: datetime) -> bool:
        """Whether it is due by the end of this day, by the learner's own calendar."""
        return self.due.astimezone().date() <= now.astimezone().date()


@dataclass
class _Course:
    """One card on its way through the events."""

    schedule: "Schedule"
    misses: int = 0
    missed: datetime | None = None


def cards(events: Sequence[Event]) -> tuple[Card, ...]:
    """Return every card, the one that is due first in front."""
    events = without_overruled(events)
    reviews = [one for event in events for one in _reviews(event)]
    if not any(not known for _, _, known in reviews):
        return ()
    from fsrs import Card as Schedule
    from fsrs import Rating, Scheduler

    # No steps of minutes: a course is read over days. No fuzz: the same events, the same days.
    scheduler = Scheduler(learning_steps=(), relearning_steps=(), enable_fuzzing=False)
    courses: dict[str, _Course] = {}
    for key, at, known in reviews:
        if known and key not in courses:
            continue  # never missed: nothing to repeat
        course = courses.setdefault(key, _Course(Schedule(card_id=0)))
        if not known and course.missed is not None and at.date() == course.missed.date():
            continue  # a second miss on a day teaches the scheduler nothing
        rating = Rating.Good if known else Rating.Again
        course.schedule, _ = scheduler.review_card(course.schedule, rating, at)
        if not known:
            course.misses += 1
            course.missed = at
    items = _items(events)
    made = [
        Card(items[key], course.schedule.due, course.misses)
        for key, course in courses.items()
        if key in items
    ]
    return tuple(sorted(made, key=lambda one: (one.due, one.item.id)))


def due(all_cards: Sequence[Card], now: datetime | None = None) -> tuple[Card, ...]:
    """Return the cards that are due today."""
    moment = now or datetime.now(UTC)
    return tuple(one for one in all_cards if one.is_due(moment))


def _reviews(event: Event) -> list[tuple[str, datetime, bool]]:
    """What an event says about cards: key, when, known or not."""
    if event.kind in ("answer", "review"):
        return [(event.subject, event.at, event.data["right"])]
    if event.kind == "interview":
        return [(one["key"], event.at, False) for one in event.data["missed"]]
    if event.kind == "check":
        named = event.data.get("misconceptions")
        about = _by_misconception() if isinstance(named, list) and named else {}
        return [(about[one], event.at, False) for one in named or () if one in about]
    return []


def _items(events: Sequence[Event]) -> Mapping[str, Item]:
    """Everything that can be asked again; a question that the course dropped is not."""
    items = {one.id: item(one) for one in bank() if one.kind != "open"}
    for event in events:
        for one in event.data.get("missed", []) if event.kind == "interview" else []:
            items[one["key"]] = card(one["key"], one["lesson"], one["question"], one["point"])
    return items


def _by_misconception() -> Mapping[str, str]:
    """Misconception to the first question that has it among its wrong answers."""
    found: dict[str, str] = {}
    for question in bank():
        for name in _misconceptions(question):
            found.setdefault(name, question.id)
    return found


def _misconceptions(question: Question) -> list[str]:
    slips = question.numeric.slips if question.numeric is not None else ()
    named = [choice.misconception for choice in question.choices]
    return [one for one in (*named, *(slip.misconception for slip in slips)) if one]
