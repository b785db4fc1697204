"""One page of feedback for each student, escaped and self-contained."""

import hashlib
import json
import re
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, Final

from k8snet_lessons.assess.answers import TODO
from k8snet_lessons.assess.exercise import Assignment, assignment
from k8snet_lessons.assess.gradebook.late import Standing
from k8snet_lessons.assess.gradebook.page import escaped, page, table
from k8snet_lessons.assess.verdict import Verdict
from k8snet_lessons.course.curriculum import LESSONS

_PLAIN: Final = re.compile(r"[^A-Za-z0-9@._-]+")
_SIGN: Final = {
    "right": "✓ right",
    "partial": "◐ partly right",
    "wrong": "✗ wrong",
    "unattempted": "○ not answered",
}
_MARKED: Final = re.compile(r"\*\*(.+?)\*\*|`([^`\n]+)`")  # what of Markdown a prompt uses
_MAX_ANSWER: Final = 4_000  # characters of an answer that a page shows


def write_pages(folder: Path, by_student: Mapping[str, Sequence[Standing]]) -> dict[str, Path]:
    """Write a page for each student into `folder`; return which file is whose."""
    folder.mkdir(parents=True, exist_ok=True)
    files = file_names(by_student)
    for student, standings in by_student.items():
        (folder / files[student]).write_text(
            feedback_page(student, standings), encoding="utf-8", errors="replace"
        )
    return {student: folder / files[student] for student in by_student}


def file_names(students: Iterable[str]) -> dict[str, str]:
    """Name a file for each student: readable, safe on every file system, never shared.

    A name that is not plain ASCII, or that differs from another only by case, gets some
    letters of its hash.
    """
    students = list(students)
    folded = [student.casefold() for student in students]
    found = {}
    for student in students:
        name = _PLAIN.sub("_", student).strip(".")[:60]
        alone = folded.count(student.casefold()) == 1
        if name != student or not alone or not name or name.startswith("-"):
            digest = hashlib.sha256(student.encode("utf-8", "surrogatepass")).hexdigest()[:10]
            name = f"{name.strip('_-') or 'student'}-{digest}"
        found[student] = f"feedback-{name}.html"
    return found


def feedback_page(student: str, standings: Sequence[Standing]) -> str:
    """Return one student's page: points, a reason for each part, their own answers.

    Every word from outside is escaped; the page runs no script.
    """
    points = sum(standing.points for standing in standings)
    most = sum(standing.max_points for standing in standings)
    head = (
        f'<h1>{escaped(student)}</h1>\n<p class="soft">k8snet-lessons, feedback on '
        f"{len(standings)} exercise{'' if len(standings) == 1 else 's'}: "
        f"{points:g} of {most:g} points</p>"
    )
    return page(f"Feedback for {student}", "\n".join([head, *map(_card, standings)]))


def _card(standing: Standing) -> str:
    graded = standing.counted.graded
    lines = [
        '<section class="card">',
        f'<div class="head"><h2>{escaped(title_of(standing.assignment))}</h2>'
        f'<div class="points">{standing.points:g} of {standing.max_points:g}</div></div>',
        f'<p class="soft">{_circumstances(standing)}</p>',
    ]
    if graded.status == "not gradable":
        lines.append(f'<div class="note"><b>Not gradable.</b> {escaped(graded.reason)}</div>')
    elif graded.reason:
        lines.append(f'<div class="note"><b>Note.</b> {escaped(graded.reason)}</div>')
    if standing.penalty:
        lines.append(
            f'<div class="note"><b>Late.</b> {_days(standing.days_late)} begun after the deadline: '
            f"{standing.penalty:g} of {graded.score:g} points were taken off.</div>"
        )
    work = _known(standing.assignment)
    lines += [_task(verdict, graded.answers, work, graded.seed) for verdict in graded.tasks]
    lines += [_earlier(standing), "</section>"]
    return "\n".join(line for line in lines if line)


def _circumstances(standing: Standing) -> str:
    counted = standing.counted
    said = [f"Attempt {counted.number} of {len(standing.attempts)} counts"]
    if counted.submitted_at:
        said.append(f"handed in {counted.submitted_at:%Y-%m-%d %H:%M} UTC")
    if counted.graded.seed is not None:
        said.append(f"seed {counted.graded.seed}")
    said.append(f"file {counted.graded.digest[:12]}" if counted.graded.digest else "no file")
    return escaped(", ".join(said) + ".")


def _days(count: int) -> str:
    return "1 day" if count == 1 else f"{count} days"


def _task(
    verdict: Verdict, answers: Mapping[str, Any], work: Assignment | None, seed: int | None
) -> str:
    task = None
    if work is not None:
        task = next((one for one in work.tasks if one.name == verdict.task), None)
    lines = [
        f'<div class="task {verdict.status}">',
        f'<div class="head"><h3>{escaped(task.title if task else verdict.task)}</h3>'
        f"<div><b>{_SIGN[verdict.status]}</b>, {verdict.points:g} of {verdict.max_points:g}</div>"
        f"</div>\n<p>{escaped(verdict.message)}</p>",
    ]
    if len(verdict.parts) > 1 and verdict.status in ("partial", "wrong"):
        rows = [
            (escaped(part.name), f"{part.points:g} of {part.max_points:g}", escaped(part.reason))
            for part in verdict.parts
        ]
        lines.append(table("parts", ("!part", "#points", "why"), rows))
    if verdict.debrief:
        lines.append(f"<p><b>Why it is so.</b> {escaped(verdict.debrief)}</p>")
    if task is not None and seed is not None and work is not None:
        question = task.prompt(task.given(work.lesson, seed))
        lines.append(
            f"<details><summary>Question</summary><pre>{escaped(question)}</pre></details>"
        )
    if verdict.task in answers:
        shown = answer_text(answers[verdict.task])
        lines.append(
            f"<details><summary>Your answer</summary><pre>{escaped(shown)}</pre></details>"
        )
    return "\n".join([*lines, "</div>"])


def _folded(summary: str, content: str) -> str:
    return f"<details><summary>{summary}</summary><pre>{content}</pre></details>"


def _earlier(standing: Standing) -> str:
    if len(standing.attempts) < 2:
        return ""
    rows = [
        (
            f"{one.number}",
            escaped(f"{one.graded.status}{': ' if one.graded.reason else ''}{one.graded.reason}"),
            f"{one.graded.score:g} of {one.graded.max_score:g}",
        )
        for one in standing.attempts
    ]
    return (
        f"<details><summary>All {len(standing.attempts)} attempts</summary>"
        + table("long", ("#attempt", "status", "#points"), rows)
        + "</details>"
    )


def answer_text(answer: Any) -> str:
    """Return a plain answer as a person reads it, cut where it is long."""
    if isinstance(answer, str):
        text = answer
    else:
        text = json.dumps(_readable(answer), indent=1, ensure_ascii=False)
    return text if len(text) <= _MAX_ANSWER else f"{text[:_MAX_ANSWER]}\n... (cut)"


def _readable(value: Any) -> Any:
    if value is TODO:
        return "TODO"
    if isinstance(value, dict):
        return {key: _readable(item) for key, item in value.items()}
    return [_readable(item) for item in value] if isinstance(value, list) else value


def title_of(slug: str) -> str:
    """Return the title of an exercise, or its name where the course does not know it."""
    for lesson in LESSONS:
        if lesson.slug == slug:
            return f"Exercise {lesson.number}: {lesson.title}"
    return slug


def _known(slug: str) -> Assignment | None:
    """Return an assignment; None if a version of the course with other exercises wrote it."""
    if slug not in {lesson.slug for lesson in LESSONS if lesson.exercise}:
        return None
    return assignment(slug)
