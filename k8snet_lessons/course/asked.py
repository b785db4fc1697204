"""A question as it stands on a page: its words as HTML, and what an answer is told.

>>> from k8snet_lessons.course.questions import question
>>> item = choosing(question("05-what-fills"))
>>> item.judge("50").right, item.judge("120,000").right
(False, True)
"""

from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from typing import Any, Literal, cast

from k8snet_lessons.course.numbers import pose
from k8snet_lessons.course.questions import Question
from k8snet_lessons.errors import InputError


@dataclass(frozen=True)
class Told:
    """What an answer is told.

    Parameters
    ----------
    right : bool
    given : str
        The answer as it is kept in the record.
    because : tuple of str
        HTML: for each choice why it is right or wrong; for a number or a card one text.
    key : int
        Index of the right choice, or -1.
    """

    right: bool
    given: str
    because: tuple[str, ...]
    key: int = -1


@dataclass(frozen=True)
class Item:
    """One thing asked.

    Parameters
    ----------
    id : str
        The question's, or the card's.
    lesson : str
        Slug of its lesson.
    kind : {"choice", "number", "card"}
        A card is answered in one's head: its back is shown, and the learner says whether
        it was known.
    prompt : str
        HTML.
    judge : callable
        From an answer to `Told`; `InputError` for what is no answer.
    level : str
        The question's, or ``""``.
    output : str
        Text to be read, or ``""``.
    choices, options : tuple of str
        Text of each choice, as an answer is given, and the same as HTML.
    unit : str
        Of the number asked for.
    back : str
        HTML of a card's other side.
    """

    id: str
    lesson: str
    kind: Literal["choice", "number", "card"]
    prompt: str
    judge: Callable[[object], Told]
    level: str = ""
    output: str = ""
    choices: tuple[str, ...] = ()
    options: tuple[str, ...] = ()
    unit: str = ""
    back: str = ""

    def spec(self) -> dict[str, Any]:
        """What the page needs to ask it; nothing in it gives the answer away."""
        return {
            "id": self.id,
            "kind": self.kind,
            "prompt": self.prompt,
            "level": self.level,
            "output": self.output,
            "options": list(self.options),
            "unit": self.unit,
        }


def item(question: Question) -> Item:
    """Return a question of the bank as an item.

    Raises
    ------
    InputError
        For an open one, which takes an interview.
    """
    if question.choices:
        return choosing(question)
    if question.numeric is not None:
        return numeric(question)
    raise InputError("kind", question.kind, "choice, read or numeric", question.id)


def choosing(question: Question) -> Item:
    """Return a *choice* or *read* question as an item."""
    texts = [choice.text for choice in question.choices]
    key = next(n for n, choice in enumerate(question.choices) if choice.right)
    because = tuple(rich(choice.because) for choice in question.choices)

    def judge(given: object) -> Told:
        if given not in texts:
            raise InputError("answer", given, "one of the choices", question.id)
        return Told(given == texts[key], str(given), because, key)

    return Item(
        id=question.id,
        lesson=question.lesson,
        kind="choice",
        prompt=rich(question.prompt),
        judge=judge,
        level=question.level,
        output=question.output,
        choices=tuple(texts),
        options=tuple(rich(text) for text in texts),
    )


def numeric(question: Question) -> Item:
    """Return a *numeric* question with its first numbers drawn."""
    posed = pose(question)

    def judge(given: object) -> Told:
        try:
            value = float(str(given).replace(",", "").strip())
        except ValueError:
            raise InputError("answer", given, f"a number ({posed.unit})") from None
        told = posed.judge(value)
        return Told(told.right, str(given), (rich(told.because),))

    return Item(
        id=question.id,
        lesson=question.lesson,
        kind="number",
        prompt=rich(posed.prompt),
        judge=judge,
        level=question.level,
        unit=posed.unit,
    )


def card(key: str, lesson: str, front: str, back: str) -> Item:
    """Return a card: a front, a back, and the learner's own word for it."""

    def judge(given: object) -> Told:
        if given not in ("known", "missed"):
            raise InputError("answer", given, "known or missed", key)
        return Told(given == "known", str(given), (rich(back),))

    return Item(key, lesson, "card", rich(front), judge, back=rich(back))


@cache
def _markdown() -> Callable[[str], str]:
    import mistune

    return cast(Callable[[str], str], mistune.create_markdown(escape=True))


def rich(text: str) -> str:
    """Return Markdown as HTML; HTML inside it is shown as text. One paragraph comes bare."""
    made = _markdown()(text).strip()
    if made.startswith("<p>") and made.endswith("</p>") and made.count("<p>") == 1:
        made = made[3:-4]
    return made
