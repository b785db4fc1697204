"""The anatomy of a lesson: which parts, in which order, and the parts that write themselves.

A lesson is written as Markdown (``lessons/<slug>.md``); each ``##`` heading begins a part.
Lines such as ``{{quiz}}`` stand for text made from the curriculum and the question bank.
"""

import html
from collections.abc import Callable
from typing import Final

from k8snet_lessons.course.curriculum import LESSONS, Lesson, following, lesson, numbered
from k8snet_lessons.course.numbers import pose
from k8snet_lessons.course.pictures import picture
from k8snet_lessons.course.questions import Question, quiz_questions
from k8snet_lessons.errors import InputError

PARTS: Final[tuple[str, ...]] = (
    "The question",
    "Your guess",
    "Turn the knobs",
    "Compare with your guess",
    "Why",
    "Evidence",
    "What breaks in production",
    "Exercise",
    "Check yourself",
    "Key takeaways",
    "Sources",
    "Next",
)
FEWEST_QUESTIONS, MOST_QUESTIONS = 3, 5


def problems(here: Lesson, headings: list[str], code_lines: list[int]) -> list[str]:
    """Say what a notebook lacks of the anatomy.

    Parameters
    ----------
    here : Lesson
        The lesson.
    headings : list of str
        Its headings of the second level, in order.
    code_lines : list of int
        Lines of each code cell that are not blank.

    Returns
    -------
    list of str
        Empty when all is well.
    """
    found = [f"a code cell has {lines} lines, more than 8" for lines in code_lines if lines > 8]
    if here.kind == "guide":
        return found + ([] if "Next" in headings else ["no part 'Next'"])
    parts = [heading for heading in headings if heading in PARTS]
    found += [f"no part {part!r}" for part in PARTS if part not in parts]
    if not found and parts != list(PARTS):
        found.append(f"parts are out of order: {parts}")
    count = len(quiz_questions(here.slug))
    if not FEWEST_QUESTIONS <= count <= MOST_QUESTIONS:
        found.append(f"{count} questions; {FEWEST_QUESTIONS} to {MOST_QUESTIONS} are asked for")
    if not here.outcomes:
        found.append("the curriculum names no outcomes")
    return found


def expand(directive: str, here: Lesson) -> str:
    """Return the Markdown that a directive stands for in a lesson."""
    makers: dict[str, Callable[[Lesson], str]] = {
        "title": title,
        "exercise": exercise,
        "quiz": lambda _: "Every answer says at once why it is right or wrong.",
        "next": next_lesson,
        "map": lambda _: "It shows what you have done, what is next, and what is due for review.",
        "figure": figure,
    }
    if directive not in makers:
        raise InputError("directive", directive, "one of " + ", ".join(makers), here.slug)
    return makers[directive](here)


def title(here: Lesson) -> str:
    """Return the head of a lesson: title, place, minutes, what is needed and gained."""
    if here.kind == "guide":
        return f"# {here.title}\n\n**{here.minutes} minutes**"
    lines = [f"# {here.number}. {here.title}", ""]
    place = f"**Lesson {here.number} of {len(numbered())}** · {here.minutes} minutes"
    before = ", ".join(link(lesson(number)) for number in here.needs)
    lines.append(place + (f" · before this: {before}" if before else ""))
    lines += ["", "After this you can", ""]
    lines += [f"- {outcome}" + _stop(here, outcome) for outcome in here.outcomes]
    return "\n".join(lines)


def _stop(here: Lesson, outcome: str) -> str:
    return "." if outcome == here.outcomes[-1] else ";"


def link(to: Lesson) -> str:
    """Return a link to a lesson, or its bare name while it is still to come."""
    name = to.title if to.kind == "guide" else f"{to.number}. {to.title}"
    return f"[{name}]({to.file})" if to.ready else f"{name} (to come)"


def figure(here: Lesson) -> str:
    """Return the lesson's picture; the builder writes its file."""
    return f"![{picture(here.slug)[1]}](img/{here.slug}.svg)"


def exercise(here: Lesson) -> str:
    """Return the pointer to a lesson's exercise."""
    if not here.exercise:
        return "The exercise of this lesson is still to come."
    return (
        f"Open **[exercises/{here.file}](../exercises/{here.file})**. Every task has a check "
        "that answers at once: it says what is wrong, not what is right. The last cell leaves "
        "your score."
    )


def live(directive: str, here: Lesson) -> str:
    """Return the code of the cell that follows a directive's text, or ``""``.

    It is live where a kernel runs; where none does, its stored output is there to read.
    """
    if directive == "quiz":
        return f'from k8snet_lessons.explorers.quiz import quiz\n\nquiz("{here.slug}")'
    if directive == "map":
        return "from k8snet_lessons.explorers.course_map import course_map\n\ncourse_map()"
    return ""


def quiz(here: Lesson) -> str:
    """Return the lesson's questions as Markdown: unfold an answer to see what it is worth.

    Plain ``<details>``: works with the keyboard, on a page, and with no kernel.
    """
    asked = quiz_questions(here.slug)
    intro = "Choose an answer in your head, then unfold it. Every answer says why."
    return "\n\n".join([intro, *(_ask(question, n) for n, question in enumerate(asked, 1))])


def _ask(question: Question, number: int) -> str:
    prompt = question.prompt if question.numeric is None else pose(question).prompt
    lines = [("<br>" if number > 1 else "") + f"**{number}.** {prompt}"]
    if question.output:
        lines.append(f"```text\n{question.output}\n```")
    if question.numeric is not None:
        lines.append(_unfold("The answer", pose(question).because))
    for letter, choice in zip("ABCDEFGH", question.choices, strict=False):
        verdict = "✓ **Yes.**" if choice.right else "✗ **No.**"
        text = html.escape(choice.text, quote=False)
        lines.append(_unfold(f"<b>{letter}.</b> {text}", f"{verdict} {choice.because}"))
    return "\n\n".join(lines)


def _unfold(summary: str, text: str) -> str:
    return f"<details><summary>{summary}</summary>\n\n{text}\n\n</details>"


def next_lesson(here: Lesson) -> str:
    """Return the pointer to what comes after."""
    after = following(here)
    if after is None:
        return f"That was the last one. Back to the map: {link(lesson(0))}."
    text = f"**{link(after)}**: {after.question}"
    return text if here.number == 0 else f"{text}\n\nThe map of all lessons: {link(lesson(0))}."


def course_map() -> str:
    """Return the map of all lessons as a table; only what exists is linked."""
    lines = ["| | Lesson | It answers | Minutes, exercise apart | |", "|---|---|---|---|---|"]
    for one in LESSONS:
        if one.number == 0:
            continue
        name = f"[{one.title}]({one.file})" if one.ready else one.title
        if one.ready:
            state = f"[exercise](../exercises/{one.file})" if one.exercise else "ready"
        else:
            state = "to come"
        number = str(one.number) if one.kind == "lesson" else ""
        lines.append(f"| {number} | {name} | {one.question} | {one.minutes} | {state} |")
    return "\n".join(lines)
