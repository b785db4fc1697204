"""The question bank: questions as data, in ``questions/``.

A lesson's questions stand in ``<lesson>.yaml``, its open ones in ``<lesson>.open.yaml``. To
add one, add an entry; `load` checks it against the shape below and names what does not fit.
Four kinds: *choice*; *read* (the same over an `output` to be read); *numeric*, whose numbers
are drawn from a seed and whose answer a model computes (see `course.numbers`); and *open*,
answered in free text against a rubric. Entries with ``quiz: true`` stand in the lesson
itself, three to five of them: choice questions unless they say no, others if they say so.
"""

from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from typing import Any, Literal, cast

from k8snet_lessons.course.entry import Entry
from k8snet_lessons.course.numbers import Numeric, read_numeric
from k8snet_lessons.course.rubrics import Rubric, read_rubric
from k8snet_lessons.errors import InputError

Level = Literal["screen", "senior", "staff"]
Kind = Literal["choice", "read", "numeric", "open"]
LEVELS = ("screen", "senior", "staff")
KINDS = ("choice", "read", "numeric", "open")

_COMMON = {"id", "kind", "level", "concepts", "prompt", "source", "quiz"}
_FIELDS = {
    "choice": _COMMON | {"choices"},
    "read": _COMMON | {"choices", "output"},
    "numeric": _COMMON | {"draw", "answer", "unit", "tolerance", "because", "slips"},
    "open": (_COMMON - {"quiz"}) | {"points", "model_answer", "minutes", "prove"},
}


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
    kind : {"choice", "read", "numeric", "open"}
    level : {"screen", "senior", "staff"}
        How deep an interviewer must dig to ask it.
    concepts : tuple of str
        What it is about, as tags.
    prompt : str
        The question, in Markdown. A numeric one has its drawn numbers in braces.
    source : tuple of str
        Where the answer can be checked.
    quiz : bool
        Whether it stands at the end of its lesson.
    choices : tuple of Choice
        Of *choice* and *read*: at least three, exactly one right; every wrong one names its
        misconception.
    output : str
        Of *read*: what is to be read, line by line.
    numeric : Numeric or None
        Of *numeric*: what is drawn, and which model answers.
    rubric : Rubric or None
        Of *open*.
    """

    id: str
    lesson: str
    kind: Kind
    level: Level
    concepts: tuple[str, ...]
    prompt: str
    source: tuple[str, ...]
    quiz: bool = False
    choices: tuple[Choice, ...] = ()
    output: str = ""
    numeric: Numeric | None = None
    rubric: Rubric | None = None


@cache
def questions(lesson: str) -> tuple[Question, ...]:
    """Return all questions of a lesson, in the files' order; empty if it has none yet."""
    folder = files("k8snet_lessons.course") / "questions"
    found: tuple[Question, ...] = ()
    for name in (f"{lesson}.yaml", f"{lesson}.open.yaml"):
        file = folder / name
        if file.is_file():
            found += load(file.read_text(encoding="utf-8"), lesson, name)
    _once(found, lesson)
    return found


def quiz_questions(lesson: str) -> tuple[Question, ...]:
    """Return the questions that stand at the end of a lesson."""
    return tuple(question for question in questions(lesson) if question.quiz)


@cache
def bank() -> tuple[Question, ...]:
    """Return every question of the course, lesson by lesson."""
    from k8snet_lessons.course.curriculum import LESSONS

    return tuple(question for one in LESSONS for question in questions(one.slug))


def question(name: str) -> Question:
    """Return the question of this id.

    Raises
    ------
    InputError
        With the ids that begin alike.
    """
    found = {one.id: one for one in bank()}
    if name not in found:
        near = [one for one in found if one[:2] == str(name)[:2]] or sorted({o[:2] for o in found})
        raise InputError("question", name, "one of " + ", ".join(near))
    return found[name]


def load(text: str, lesson: str, file: str = "") -> tuple[Question, ...]:
    """Read questions from YAML text and check every entry.

    Raises
    ------
    InputError
        With the question and the field that does not fit.
    """
    import yaml

    file = file or f"{lesson}.yaml"
    try:
        entries = yaml.safe_load(text)
    except yaml.YAMLError as error:
        raise InputError("questions", " ".join(str(error).split()), "YAML", file) from None
    if not isinstance(entries, list):
        raise InputError("questions", type(entries).__name__, "a list", file)
    loaded = tuple(_question(entry, lesson, file, n) for n, entry in enumerate(entries, 1))
    _once(loaded, file)
    return loaded


def _once(loaded: tuple[Question, ...], where: str) -> None:
    ids = [question.id for question in loaded]
    if twice := sorted({name for name in ids if ids.count(name) > 1}):
        raise InputError("id", twice[0], "used once", where)


def _question(value: Any, lesson: str, file: str, place: int) -> Question:
    where = f"{file}, question {place}"
    every = set().union(*_FIELDS.values())
    kind = Entry(value, where, every).word("kind", KINDS)
    entry = Entry(value, f"{where} ({kind})", _FIELDS[kind])
    name = entry.text("id")
    if not name.startswith(lesson[:3]):
        raise InputError("id", name, f"beginning with {lesson[:3]}", where)
    return Question(
        id=name,
        lesson=lesson,
        kind=cast(Kind, kind),
        level=cast(Level, entry.word("level", LEVELS)),
        concepts=entry.texts("concepts"),
        prompt=entry.text("prompt"),
        source=entry.texts("source"),
        quiz=entry.flag("quiz", kind == "choice"),
        choices=_choices(entry, name) if kind in ("choice", "read") else (),
        output=entry.block("output") if kind == "read" else "",
        numeric=read_numeric(entry) if kind == "numeric" else None,
        rubric=read_rubric(entry) if kind == "open" else None,
    )


def _choices(entry: Entry, name: str) -> tuple[Choice, ...]:
    made = tuple(_choice(value, entry.where) for value in entry.items("choices", least=3))
    if sum(choice.right for choice in made) != 1:
        raise InputError("choices", name, "exactly one with right: true", entry.where)
    return made


def _choice(value: Any, where: str) -> Choice:
    entry = Entry(value, f"{where}, choice", {"text", "because", "right", "misconception"})
    right = entry.flag("right", False)
    misconception = "" if right else entry.text("misconception")
    return Choice(entry.text("text"), entry.text("because"), right, misconception)
