"""What an interviewer says at each step, as plain text."""

import textwrap

from k8snet_lessons.course.questions import question
from k8snet_lessons.interview.proofs import prove
from k8snet_lessons.interview.report import Report
from k8snet_lessons.interview.session import (
    Interview,
    judged,
    point_of,
    rubric_of,
)
from k8snet_lessons.interview.threads import thread
from k8snet_lessons.interview.transcript import HONEST, SIGN

_WIDTH = 88


def prompt(held: Interview) -> str:
    """Return what is said before the next input."""
    state, turn = held.state, held.state.turn
    rubric = rubric_of(turn.question)
    if state.phase == "answer":
        head = f"Question {len(state.turns)} of {state.planned}: {thread(turn.question).title}"
        budget = f"You have {rubric.minutes:g} minutes; more is recorded, not cut."
        return f"{head}\n\n{_wrapped(question(turn.question).prompt)}\n\n{budget}"
    if state.phase == "follow-up":
        return _wrapped(point_of(turn.question, turn.asked).follow_up)
    if state.phase == "proof" and rubric.proof:
        return _wrapped(f"Prove it. {rubric.proof.ask}")
    if state.phase == "review":
        model = "\n\n".join(_wrapped(part) for part in rubric.model_answer.split("\n\n"))
        proved = ""
        if rubric.proof and turn.proof.strip():
            proved = _wrapped(prove(rubric.proof.name, turn.proof).text) + "\n\n"
        return f"{proved}A model answer:\n\n{textwrap.indent(model, '  ')}\n"
    return "That was the last question."


def verdicts(held: Interview) -> list[str]:
    """Return the proposals for the present question, a line or two for each point."""
    turn = held.state.turn
    found = judged(turn)
    lines = []
    for number, point in enumerate(rubric_of(turn.question).points, 1):
        shown, prompted = found[point.id]
        said = f"{SIGN[shown.verdict]} {shown.verdict}{' when asked' if prompted else ''}"
        lines.append(_wrapped(f"{number}. {said}: {point.claim}", "   "))
        if shown.evidence:
            words = textwrap.shorten(shown.evidence, 150, placeholder=" ...")
            lines.append(_wrapped(f"   you said: {words}", "   "))
    return lines


def summary(found: Report) -> str:
    """Return a report as a few lines of text."""
    if not found.questions:
        return "No question was answered to its end."
    lines = [
        f"{found.own_points:g} of {found.max_points:g} points by your verdicts, "
        f"{found.points:g} by the scorer's (gap {100 * found.gap:+.0f} of 100).",
        _wrapped(HONEST),
        "",
    ]
    lines += [f"  {one.name:<20} {100 * one.share:>3.0f} %" for one in found.dimensions]
    if found.read_next:
        lines += ["", "Read next:"]
        lines += [f"  {n}. {one.title}" for n, one in enumerate(found.read_next, 1)]
    return "\n".join([*lines, *found.notes])


def _wrapped(text: str, indent: str = "") -> str:
    return textwrap.fill(text, _WIDTH, subsequent_indent=indent)
