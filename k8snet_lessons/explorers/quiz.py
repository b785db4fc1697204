"""Questions at the end of a lesson: answered with the keyboard, explained at once."""

from collections.abc import Mapping, Sequence
from typing import Any

import traitlets

from k8snet_lessons.course.anatomy import quiz as reading_form
from k8snet_lessons.course.asked import Item, Told, item
from k8snet_lessons.course.curriculum import find
from k8snet_lessons.course.progress import (
    Event,
    answered,
    history,
    on_binder,
    place,
    record,
    reviewed,
)
from k8snet_lessons.course.questions import quiz_questions
from k8snet_lessons.errors import InputError
from k8snet_lessons.explorers._code import style
from k8snet_lessons.explorers._page import Page, page_code

KEPT = (
    "Answers are kept on this machine only. What you miss comes up for review in the start "
    "notebook."
)
BINDER = "Binder deletes this machine: before you leave, save your progress in the start notebook."


class Quiz(Page):
    """Questions, one at a time.

    Parameters
    ----------
    title : str
        Heading.
    items : sequence of Item
        What is asked, in order.
    reading : str
        The same as Markdown, for readers without a kernel.
    remember : bool
        Whether answers from earlier days are shown as given.

    Examples
    --------
    >>> asked = quiz("05")
    >>> asked.answer("05-what-fills", "120,000").right
    True
    """

    _esm = page_code("questions", "quiz")
    _css = style("quiz")
    spec = traitlets.Dict().tag(sync=True)
    answers = traitlets.Dict().tag(sync=True)
    kept = traitlets.Unicode().tag(sync=True)

    def __init__(
        self, title: str, items: Sequence[Item], reading: str = "", remember: bool = True
    ) -> None:
        self._reading = reading
        super().__init__(kept=_kept())
        self.pose(title, items, remember)
        self.on_msg(self._take)

    @property
    def reading(self) -> str:
        """The questions as Markdown, each answer unfolding to what it is worth."""
        return self._reading

    def pose(self, title: str, items: Sequence[Item], remember: bool) -> None:
        """Ask these, in place of what was asked."""
        self._items = {one.id: one for one in items}
        self.answers = self._remembered() if remember else {}
        self.spec = {
            "title": title,
            "items": [one.spec() for one in items],
            "again": remember,
        }

    def answer(self, question: str, given: object) -> Told:
        """Answer a question; what was answered already is told again and not recorded.

        Raises
        ------
        InputError
            When there is no such question here, or `given` is no answer to it.
        """
        asked = self._item(question)
        told = asked.judge(given)
        if question not in self.answers:
            self.kept = record(self._event(asked, told)) or self.kept
            self.answers = {**self.answers, question: _shown(asked, told)}
        return told

    def again(self) -> None:
        """Ask everything anew; earlier answers stay in the record."""
        self.answers = {}

    def _event(self, asked: Item, told: Told) -> Event:
        if asked.kind == "card":
            return reviewed(asked.id, asked.lesson, told.right)
        return answered(asked.id, asked.lesson, told.given, told.right)

    def _item(self, question: str) -> Item:
        if question not in self._items:
            raise InputError("question", question, "one of " + ", ".join(self._items))
        return self._items[question]

    def _remembered(self) -> dict[str, Any]:
        """The last answer to each question, as far as it still is an answer to it."""
        found = {}
        for event in history()[0]:
            asked = self._items.get(event.subject)
            if event.kind == "answer" and asked is not None:
                try:
                    found[asked.id] = _shown(asked, asked.judge(event.data["given"]))
                except InputError:
                    found.pop(asked.id, None)
        return found

    def _take(self, _: Any, message: Mapping[str, Any], __: Any) -> None:
        """Obey the page; what it may send is checked like any other input."""
        try:
            self._act(message)
        except InputError as error:
            self.send({"kind": "error", "text": str(error)})

    def _act(self, message: Mapping[str, Any]) -> None:
        name = str(message.get("id", ""))
        if message.get("kind") == "again":
            self.again()
        elif message.get("kind") == "turn":
            self.send({"kind": "back", "id": name, "html": self._item(name).back})
        elif message.get("kind") == "answer":
            asked, given = self._item(name), message.get("given")
            if asked.kind == "choice" and type(given) is int:
                given = asked.choices[given] if 0 <= given < len(asked.choices) else given
            self.answer(name, given)

    def __repr__(self) -> str:
        return f"<Quiz {self.spec['title']!r}: {len(self._items)} questions>"


def _shown(asked: Item, told: Told) -> dict[str, Any]:
    chosen = asked.choices.index(told.given) if asked.kind == "choice" else -1
    return {
        "given": told.given,
        "right": told.right,
        "because": list(told.because),
        "key": told.key,
        "chosen": chosen,
    }


def _kept() -> str:
    if place() is None:
        return ""
    return BINDER if on_binder() else KEPT


def quiz(lesson: str) -> Quiz:
    """Return the questions of a lesson, found by its number or slug."""
    here = find(lesson)
    items = [item(one) for one in quiz_questions(here.slug)]
    about = f": {here.title}" if here.kind == "lesson" else ""
    return Quiz(f"Check yourself{about}", items, reading_form(here))
