"""``k8snet review``: what is due, asked in the terminal."""

import random
import re
import sys
import textwrap
from html import unescape
from typing import TYPE_CHECKING

import click

from k8snet_lessons.errors import InputError

if TYPE_CHECKING:
    from k8snet_lessons.course.asked import Item, Told

EXAMPLE = """What you missed in quizzes, exercises and interviews comes back when the FSRS
scheduler says so. Ctrl-C ends the session; what was answered counts.

\b
Examples:
  k8snet review                what is due today
  k8snet review --limit 5      five cards at most

\b
Exit status:
  0  all that was due was asked, or nothing was due
  1  the session was broken off
"""
_WIDTH = 88
_TAG = re.compile(r"<[^>]+>")


@click.command(epilog=EXAMPLE)
@click.option("--limit", default=20, show_default=True, help="Cards at most.")
def command(limit: int) -> None:
    """Go through the cards that are due today, one after the other."""
    from k8snet_lessons.course.progress import history
    from k8snet_lessons.course.progress.pages import reviews
    from k8snet_lessons.course.progress.standing import standing

    events, notice = history()
    if notice:
        click.echo(f"k8snet: {notice}", err=True)
    stand = standing(events)
    if not stand.due:
        click.echo(reviews(stand))
        return
    asked = [one.item for one in stand.due[: max(1, limit)]]
    known = 0
    try:
        for number, item in enumerate(asked, 1):
            click.echo(f"\n{number} of {len(asked)}")
            known += _ask(item)
    except (EOFError, KeyboardInterrupt):
        click.echo("\nBroken off. What you answered counts.")
        sys.exit(1)
    click.echo(f"\n{known} of {len(asked)} known. {reviews(standing(history()[0]))}")


def _ask(item: "Item") -> bool:
    """Ask one card, record the answer, and return whether it was known."""
    from k8snet_lessons.course.progress import answered, record, reviewed

    click.echo(_plain(item.prompt))
    if item.output:
        click.echo(textwrap.indent(item.output, "  "))
    if item.kind == "card":
        click.echo("Answer aloud, then press Enter.")
        _line()
        click.echo(_plain(item.back))
        told = _judged(item, "Did you know it? (y/n)", {"y": "known", "n": "missed"})
        notice = record(reviewed(item.id, item.lesson, told.right))
    else:
        told = _choose(item) if item.kind == "choice" else _judged(item, f"A number ({item.unit}):")
        click.echo(_verdict(item, told))
        notice = record(answered(item.id, item.lesson, told.given, told.right))
    if notice:
        click.echo(f"k8snet: {notice}", err=True)
    return told.right


def _choose(item: "Item") -> "Told":
    order = list(range(len(item.choices)))
    random.Random(item.id).shuffle(order)
    letters = {chr(ord("a") + place): item.choices[index] for place, index in enumerate(order)}
    for place, index in enumerate(order):
        shown = textwrap.fill(_plain(item.options[index], wrapped=False), _WIDTH - 5)
        click.echo(f"  {chr(ord('a') + place)}) " + textwrap.indent(shown, "     ").lstrip())
    return _judged(item, f"Your choice ({'/'.join(letters)}):", letters)


def _judged(item: "Item", ask: str, answers: dict[str, str] | None = None) -> "Told":
    while True:
        click.echo(ask)
        given = _line().strip()
        try:
            return item.judge(given if answers is None else answers.get(given.lower(), given))
        except InputError as error:
            allowed = error.allowed if answers is None else "one of " + ", ".join(answers)
            click.echo(f"That is no answer: {allowed}.")


def _verdict(item: "Item", told: "Told") -> str:
    sign = "✓ Right." if told.right else "✗ Not right."
    if item.kind != "choice":
        return f"{sign} {_plain(told.because[0])}"
    lines = [f"{sign} {_plain(told.because[item.choices.index(told.given)])}"]
    if not told.right:
        lines.append(f"Right is: {_plain(item.options[told.key])}")
        lines.append(_plain(told.because[told.key]))
    return "\n".join(lines)


def _plain(html: str, wrapped: bool = True) -> str:
    text = unescape(_TAG.sub("", re.sub(r"</p>\s*<p>", "\n\n", html)))
    if not wrapped:
        return " ".join(text.split())
    return "\n\n".join(textwrap.fill(part, _WIDTH) for part in text.split("\n\n"))


def _line() -> str:
    line = sys.stdin.readline()
    if not line:
        raise EOFError
    return line
