"""A task: numbers drawn from a seed, a prompt made of them, and a judge.

The judge computes what is right from the models with the drawn numbers. Wrong answers
that a known misunderstanding leads to are data beside it (`Slip`): the check names the
misunderstanding, and the tests try each of them.
"""

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from random import Random
from typing import Any

from k8snet_lessons.assess.answers import TODO, AnswerError, folded, plain, type_name
from k8snet_lessons.assess.verdict import Part, Verdict

Given = Mapping[str, Any]
UNANSWERED = "Not answered yet."
TOO_MUCH = "The answer asks more of the model than it can compute."


@dataclass(frozen=True)
class Slip:
    """A wrong answer with a reason: what a known misunderstanding leads to.

    Parameters
    ----------
    misconception : str
        Identifier, as used in the question bank: ``"local-still-masquerades"``.
    answer : callable
        From the drawn numbers to the wrong answer.
    message : str
        What to say to someone who gave it; it does not contain the right answer.
    """

    misconception: str
    answer: Callable[[Given], Any]
    message: str


@dataclass(frozen=True)
class Field:
    """One thing that a task asks for, judged on its own.

    Parameters
    ----------
    name : str
        Key in the student's dictionary, or what the single answer is called.
    points : float
        Points for it.
    expected : callable
        From the drawn numbers to the right answer: a number, a text, or a set of texts
        of which any will do.
    slips : tuple of Slip
        Known wrong answers.
    otherwise : str
        What to say to any other wrong answer.
    rel_tol : float
        Relative tolerance for numbers; exact text otherwise.
    choices : tuple of str
        If given, the words that are accepted at all.
    """

    name: str
    points: float
    expected: Callable[[Given], Any]
    slips: tuple[Slip, ...]
    otherwise: str
    rel_tol: float = 0.01
    choices: tuple[str, ...] = ()

    def example(self, given: Given) -> Any:
        """Return one right answer."""
        expected = self.expected(given)
        return min(expected) if isinstance(expected, frozenset | set) else expected

    def judge(self, given: Given, answer: Any) -> Part:
        """Judge a plain answer (see `answers.plain`) for this field."""
        if answer is TODO:
            return Part(self.name, 0, self.points, UNANSWERED, attempted=False)
        expected = self.expected(given)
        if isinstance(expected, int | float):
            problem = _number_problem(answer)
        else:
            problem = _text_problem(answer, self.choices)
        if problem:
            return Part(self.name, 0, self.points, problem)
        if _same(answer, expected, self.rel_tol):
            return Part(self.name, self.points, self.points, "Right.")
        for slip in self.slips:
            if _same(answer, slip.answer(given), self.rel_tol):
                return Part(self.name, 0, self.points, slip.message, slip.misconception)
        return Part(self.name, 0, self.points, self.otherwise)


@dataclass(frozen=True)
class Task:
    """One task of an exercise.

    Parameters
    ----------
    name : str
        Unique within the exercise; names the answer's variable and the check's cell.
    title : str
        Heading.
    draw : callable
        From a `random.Random` to the numbers of this variant, plain data. Every variant
        is equally hard.
    prompt : callable
        From the numbers to the question, as Markdown.
    max_points : float
        Points to be had.
    judge_plain : callable
        From the numbers and the plain answer to the judged parts.
    debrief : str
        Shown with full points: why it worked.
    hints : tuple of str
        Shown one by one, the first after the second wrong attempt.
    wrong : tuple of Slip
        Whole wrong answers, one a misconception; the tests try each.
    """

    name: str
    title: str
    draw: Callable[[Random], dict[str, Any]]
    prompt: Callable[[Given], str]
    max_points: float
    judge_plain: Callable[[Given, Any], tuple[Part, ...]]
    debrief: str
    wrong: tuple[Slip, ...]
    hints: tuple[str, ...] = ()

    def given(self, exercise: str, seed: int) -> dict[str, Any]:
        """Draw the numbers of variant `seed`; the same seed gives the same numbers."""
        return self.draw(Random(f"{exercise}/{self.name}/{seed}"))

    def judge(self, given: Given, answer: object) -> Verdict:
        """Judge any object whatever; never raises on account of the answer."""
        try:
            value = plain(answer)
        except AnswerError as error:
            return self._unreadable(f"This check cannot read the answer: {error}.")
        except Exception:
            return self._unreadable(
                f"This check cannot read the answer: it is of type {type_name(answer)} "
                "and raised an error when looked at."
            )
        if value is TODO:
            blank = Part("answer", 0, self.max_points, UNANSWERED, attempted=False)
            return Verdict(self.name, (blank,), UNANSWERED)
        try:
            parts = self.judge_plain(given, value)
        except (ArithmeticError, MemoryError, RecursionError):
            return self._unreadable(TOO_MUCH)
        return Verdict(self.name, parts, _summary(parts), self._debrief(parts))

    def _debrief(self, parts: tuple[Part, ...]) -> str:
        complete = all(part.points >= part.max_points for part in parts)
        return self.debrief if complete else ""

    def _unreadable(self, reason: str) -> Verdict:
        return Verdict(self.name, (Part("answer", 0, self.max_points, reason),), reason)


def asking(
    *,
    name: str,
    title: str,
    draw: Callable[[Random], dict[str, Any]],
    prompt: Callable[[Given], str],
    asked: tuple[Field, ...],
    debrief: str,
    hints: tuple[str, ...] = (),
) -> Task:
    """Make a task that asks for one value, or for a dictionary of values by name.

    Its known wrong answers follow from the fields: the right answer with one slip in it.
    """

    def wrong(field: Field, slip: Slip) -> Slip:
        def answer(given: Given) -> Any:
            if len(asked) == 1:
                return slip.answer(given)
            return {one.name: one.example(given) for one in asked} | {
                field.name: slip.answer(given)
            }

        return Slip(slip.misconception, answer, slip.message)

    return Task(
        name=name,
        title=title,
        draw=draw,
        prompt=prompt,
        max_points=sum(field.points for field in asked),
        judge_plain=fields(*asked),
        debrief=debrief,
        wrong=tuple(wrong(field, slip) for field in asked for slip in field.slips),
        hints=hints,
    )


def fields(*asked: Field) -> Callable[[Given, Any], tuple[Part, ...]]:
    """Make the judge of a task that asks for one value, or for a dictionary of values."""

    def judge(given: Given, answer: Any) -> tuple[Part, ...]:
        if len(asked) == 1 and type(answer) is not dict:
            return (asked[0].judge(given, answer),)
        names = ", ".join(repr(field.name) for field in asked)
        if type(answer) is not dict:
            reason = f"The answer is {type_name(answer)}; a dictionary with {names} is asked for."
            return tuple(Part(field.name, 0, field.points, reason) for field in asked)
        parts = [field.judge(given, answer.get(field.name, TODO)) for field in asked]
        unknown = sorted(set(answer) - {field.name for field in asked})
        if unknown and all(not part.attempted for part in parts):
            reason = f"The answer's keys are not the ones asked for: {names}."
            return tuple(Part(field.name, 0, field.points, reason) for field in asked)
        return tuple(parts)

    return judge


def _summary(parts: tuple[Part, ...]) -> str:
    if len(parts) == 1:
        return parts[0].reason
    missing = [part.name for part in parts if not part.attempted]
    if len(missing) == len(parts):
        return UNANSWERED
    right = sum(part.points >= part.max_points for part in parts)
    if right == len(parts):
        return "All parts are right."
    return f"{right} of {len(parts)} parts are right" + (
        f"; not answered yet: {', '.join(missing)}." if missing else "."
    )


def _number_problem(answer: Any) -> str:
    if type(answer) is bool or type(answer) not in (int, float):
        return f"A number is asked for; this is {type_name(answer)}."
    if not math.isfinite(answer):
        return "A finite number is asked for; this is not one."
    return ""


def _text_problem(answer: Any, choices: tuple[str, ...]) -> str:
    if type(answer) is not str:
        return f"A text in quotes is asked for; this is {type_name(answer)}."
    if choices and folded(answer) not in map(folded, choices):
        return "Not one of the words on offer: " + ", ".join(choices) + "."
    return ""


def _same(answer: Any, expected: Any, rel_tol: float) -> bool:
    if isinstance(expected, frozenset | set):
        return any(_same(answer, one, rel_tol) for one in expected)
    if isinstance(expected, str):
        return type(answer) is str and folded(answer) == folded(expected)
    return (
        type(answer) in (int, float)
        and math.isfinite(answer)
        and math.isclose(answer, expected, rel_tol=rel_tol, abs_tol=1e-9)
    )
