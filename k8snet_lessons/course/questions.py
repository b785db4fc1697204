"""The question bank: questions as data, one YAML file a lesson in ``questions/``.

To add a question, add an entry to the lesson's file; `load` checks it against the shape
below and names what does not fit.
"""

from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from typing import Any, Literal

from k8snet_lessons.errors import InputError

Level = Literal["screen", "senior", "staff"]
LEVELS = ("screen", "senior", "staff")
KINDS = ("choice",)


@dataclass(frozen=True)
class Choice:
    """One answer on offer, and what to say to someone who takes it."""

    text: str
    because: str
    right: bool = False
    misconception: str = ""


@dataclass(frozen=True)
class Question:
    """One question: what is asked, what may be answered, where the truth is written.

    Parameters
    ----------
    id : str
        Unique over the course; begins with the lesson's number: ``01-who-ends-tls``.
    lesson : str
        Slug of its lesson.
    kind : str
        ``"choice"``.
    level : {"screen", "senior", "staff"}
        How deep an interviewer must dig to ask it.
    concepts : tuple of str
        What it is about, as tags.
    prompt : str
        The question, in Markdown.
    choices : tuple of Choice
        At least three, exactly one right; every wrong one names its misconception.
    source : tuple of str
        Where the answer can be checked.
    """

    id: str
    lesson: str
    kind: str
    level: Level
    concepts: tuple[str, ...]
    prompt: str
    choices: tuple[Choice, ...]
    source: tuple[str, ...]


@cache
def questions(lesson: str) -> tuple[Question, ...]:
    """Return the questions of a lesson, in the file's order; empty if it has none yet."""
    file = files("k8snet_lessons.course") / "questions" / f"{lesson}.yaml"
    if not file.is_file():
        return ()
    return load(file.read_text(encoding="utf-8"), lesson)


def load(text: str, lesson: str) -> tuple[Question, ...]:
    """Read questions from YAML text and check every entry.

    Raises
    ------
    InputError
        With the question and the field that does not fit.
    """
    import yaml

    entries = yaml.safe_load(text)
    if not isinstance(entries, list):
        raise InputError("questions", type(entries).__name__, "a list", f"{lesson}.yaml")
    loaded = tuple(_question(entry, lesson, place) for place, entry in enumerate(entries, 1))
    ids = [question.id for question in loaded]
    for name in ids:
        if ids.count(name) > 1:
            raise InputError("id", name, "used once", f"{lesson}.yaml")
    return loaded


def _question(entry: Any, lesson: str, place: int) -> Question:
    where = f"{lesson}.yaml, question {place}"
    if not isinstance(entry, dict):
        raise InputError("question", entry, "a mapping", where)
    known = {"id", "kind", "level", "concepts", "prompt", "choices", "source"}
    if unknown := set(entry) - known:
        raise InputError("field", sorted(unknown)[0], f"one of {', '.join(sorted(known))}", where)
    name = _text(entry, "id", where)
    if not name.startswith(lesson[:3]):
        raise InputError("id", name, f"beginning with {lesson[:3]}", where)
    kind, level = entry.get("kind"), entry.get("level")
    if kind not in KINDS:
        raise InputError("kind", kind, "one of " + ", ".join(KINDS), where)
    if level not in LEVELS:
        raise InputError("level", level, "one of " + ", ".join(LEVELS), where)
    choices = entry.get("choices")
    if not isinstance(choices, list) or len(choices) < 3:
        raise InputError("choices", choices, "a list of three or more", where)
    made = tuple(_choice(choice, where) for choice in choices)
    if sum(choice.right for choice in made) != 1:
        raise InputError("choices", name, "exactly one with right: true", where)
    return Question(
        id=name,
        lesson=lesson,
        kind=kind,
        level=level,
        concepts=_texts(entry, "concepts", where),
        prompt=_text(entry, "prompt", where),
        choices=made,
        source=_texts(entry, "source", where),
    )


def _choice(entry: Any, where: str) -> Choice:
    if not isinstance(entry, dict):
        raise InputError("choice", entry, "a mapping", where)
    if unknown := set(entry) - {"text", "because", "right", "misconception"}:
        raise InputError("choice", sorted(unknown)[0], "text, because, right, misconception", where)
    right = entry.get("right", False)
    if not isinstance(right, bool):
        raise InputError("right", right, "true or false", where)
    misconception = "" if right else _text(entry, "misconception", where)
    return Choice(_text(entry, "text", where), _text(entry, "because", where), right, misconception)


def _text(entry: dict[str, Any], field: str, where: str) -> str:
    value = entry.get(field)
    if not isinstance(value, str) or not value.strip():
        raise InputError(field, value, "a text", where)
    return " ".join(value.split()) if "\n\n" not in value else value.strip()


def _texts(entry: dict[str, Any], field: str, where: str) -> tuple[str, ...]:
    value = entry.get(field)
    if not isinstance(value, list) or not value or not all(isinstance(one, str) for one in value):
        raise InputError(field, value, "a list of texts, not empty", where)
    return tuple(value)
