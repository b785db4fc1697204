"""``k8snet interview``: the mock interview in the terminal."""

import json
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import click

from k8snet_lessons.errors import InputError

if TYPE_CHECKING:
    from k8snet_lessons.interview import Interview

EXAMPLE = """An answer is several lines; an empty line ends it. Nothing leaves this machine.

\b
Examples:
  k8snet interview                              three questions, from the load balancer on
  k8snet interview 10 --questions 1             one question: gRPC and the idle pods
  k8snet interview --list                       what there is
  k8snet interview --log mine.json --transcript mine.md
  k8snet interview --resume                     go on where you broke off
  k8snet interview --replay mine.json --json    the report of a log, without a screen
  k8snet interview --replay mine.json --overrule "10: 2 made, 3 missing" --log mine.json

\b
Exit status:
  0  the interview was held (or replayed) to its end
  1  it was broken off; what was said is kept for --resume
  2  a question, a log or a file cannot be used
"""


@click.command(epilog=EXAMPLE)
@click.argument("question", default="01-walk-the-path")
@click.option("--questions", default=3, show_default=True, help="How many questions.")
@click.option("--list", "listing", is_flag=True, help="List the questions and end.")
@click.option("--log", type=click.Path(path_type=Path), help="Write the log of events here.")
@click.option(
    "--replay", type=click.Path(exists=True, dir_okay=False, path_type=Path), help="Read a log."
)
@click.option(
    "--transcript", type=click.Path(path_type=Path), help="Write a transcript: .md or .html."
)
@click.option("--resume", is_flag=True, help="Go on with the interview that was broken off.")
@click.option(
    "--overrule", multiple=True, help="With --replay: change your verdicts on a question."
)
@click.option("--json", "as_json", is_flag=True, help="Print the report as JSON, nothing else.")
def command(
    question: str,
    questions: int,
    listing: bool,
    log: Path | None,
    replay: Path | None,
    transcript: Path | None,
    resume: bool,
    overrule: tuple[str, ...],
    as_json: bool,
) -> None:
    """Hold a mock interview that begins with QUESTION (an id, a number, or words of a title).

    Every answer is scored against a rubric; the verdicts are proposals, and you may overrule
    each of them beside the model answer.
    """
    from k8snet_lessons.interview import Interview
    from k8snet_lessons.interview.kept import unfinished

    if overrule and replay is None:
        raise click.UsageError("--overrule takes the interview that --replay reads")
    if transcript is not None and transcript.suffix not in (".md", ".html"):
        raise click.UsageError(f"--transcript {transcript}: a name that ends in .md or .html")
    if listing:
        _list()
        return
    try:
        if replay is not None:
            held = Interview.read(replay.read_bytes())
            for one in overrule:
                _overrule(held, one)
        else:
            left = unfinished() if resume else None
            if resume and left is None:
                raise click.UsageError("--resume: no interview was broken off on this machine")
            held = left or Interview.begin(question, questions)
            _hold(held, say=lambda text: click.echo(text, err=as_json))
    except (InputError, OSError) as error:
        raise click.UsageError(str(error)) from None
    _finish(held, log, transcript, as_json, recorded=replay is None or bool(overrule))


def _list() -> None:
    from k8snet_lessons.interview.threads import threads

    for one in threads():
        click.echo(f"{one.question:<24} {one.title}")


def _hold(held: "Interview", say: Callable[[str], None]) -> None:
    from k8snet_lessons.interview.kept import keep
    from k8snet_lessons.interview.kept import unfinished as kept
    from k8snet_lessons.interview.prompts import prompt, verdicts

    try:
        while held.state.phase != "over":
            say("\n" + prompt(held))
            if held.state.phase == "review":
                _review(held, say, verdicts(held))
                keep(held)
                continue
            began = time.monotonic()
            text = _read()
            seconds = time.monotonic() - began
            confidence = _confidence(say) if held.state.phase == "answer" else 0
            held.say(text, seconds=seconds, confidence=confidence)
            keep(held)
    except (EOFError, KeyboardInterrupt):
        say("\nBroken off." + (" Go on with it: k8snet interview --resume" if kept() else ""))


def _review(held: "Interview", say: Callable[[str], None], lines: list[str]) -> None:
    for line in lines:
        say(line)
    while True:
        say("Overrule verdicts? For instance: 2 made, 3 missing. An empty line confirms them all.")
        try:
            held.review(_overruled(held, _line()))
        except InputError as error:
            say(str(error))
        else:
            return


def _overrule(held: "Interview", text: str) -> None:
    """Change verdicts after the end: "10: 2 made, 3 missing"."""
    from k8snet_lessons.interview.threads import thread

    name, _, verdicts = text.partition(":")
    question = thread(name.strip()).question
    held.overrule(question, _overruled(held, verdicts, question))


def _overruled(held: "Interview", text: str, question: str = "") -> dict[str, str]:
    from k8snet_lessons.interview.session import rubric_of

    points = [point.id for point in rubric_of(question or held.state.turn.question).points]
    found = {}
    for part in filter(None, (one.strip() for one in text.split(","))):
        number, _, verdict = part.partition(" ")
        if not number.isdecimal() or not 1 <= int(number) <= len(points):
            raise InputError("verdict", part, f"a number from 1 to {len(points)} and a verdict")
        found[points[int(number) - 1]] = verdict.strip().lower()
    return found


def _confidence(say: Callable[[str], None]) -> int:
    say("How sure are you, from 1 (guessing) to 5 (sure)?")
    text = _line().strip()
    return int(text) if text in ("1", "2", "3", "4", "5") else 0


def _read() -> str:
    lines: list[str] = []
    while True:
        line = _line(at_end="" if lines else None)
        if not line.strip():
            return "\n".join(lines)
        lines.append(line)


def _line(at_end: str | None = None) -> str:
    line = sys.stdin.readline()
    if not line:
        if at_end is None:
            raise EOFError
        return at_end
    return line.rstrip("\r\n")


def _finish(
    held: "Interview", log: Path | None, transcript: Path | None, as_json: bool, recorded: bool
) -> None:
    from k8snet_lessons.course.progress import record
    from k8snet_lessons.interview import as_markdown, as_page, report
    from k8snet_lessons.interview.prompts import summary

    found = report(held)
    try:
        if log is not None:
            log.write_text(json.dumps(held.log(), indent=1) + "\n", encoding="utf-8")
        if transcript is not None:
            text = as_page(held) if transcript.suffix == ".html" else as_markdown(held)
            transcript.write_text(text, encoding="utf-8")
    except OSError as error:
        raise click.UsageError(str(error)) from None
    click.echo(json.dumps(found.to_json()) if as_json else "\n" + summary(found))
    if not found.complete:
        sys.exit(1)
    if recorded:
        notice = record(found.event())
        if notice:
            click.echo(notice, err=True)
