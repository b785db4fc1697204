"""Scores as the schools' systems import them: Canvas and Moodle as CSV, anything as JSON.

Canvas takes a first row that begins Student, ID, then SIS User ID, SIS Login ID, and ends
its student columns with Section; a row "Points Possible"; then students, matched by ID, SIS
User ID, SIS Login ID or name, in this order (``lib/gradebook_importer.rb`` of
instructure/canvas-lms). Moodle takes any header and asks which column names the student
(username, ID number or email) and which are grades and feedback
(``grade/import/csv/classes/load_data.php`` of moodle/moodle).
"""

import csv
import html
import io
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from k8snet_lessons.assess.gradebook.late import Standing
from k8snet_lessons.assess.grading.result import legible
from k8snet_lessons.errors import InputError

Book = Mapping[str, Sequence[Standing]]
"""From an assignment to the standings in it."""

CANVAS_HEAD: Final = ("Student", "ID", "SIS User ID", "SIS Login ID", "Section")
_INFO: Final = {*CANVAS_HEAD, "LastName", "FirstName", "Integration ID", "Root Account"}
_MATCHED_BY: Final = ("ID", "SIS User ID", "SIS Login ID", "Student")
_TITLE: Final = re.compile(r"^(?P<title>.*?)\s*\((?P<id>\d+)\)$")


@dataclass(frozen=True)
class Export:
    """A file to import elsewhere, and what the instructor should know about it."""

    text: str
    remarks: tuple[str, ...] = field(default=())


def canvas(book: Book) -> Export:
    """Return a CSV for Canvas without a roster: students are matched by SIS Login ID."""
    rows: list[list[str]] = [
        [*CANVAS_HEAD, *book],
        ["Points Possible", "", "", "", "", *(f"{_most(own):g}" for own in book.values())],
    ]
    remarks: list[str] = []
    points = _points(book)
    for student in points:
        name = _cell(student, remarks)
        scores = [points[student].get(work, "") for work in book]
        rows.append([name, "", "", name, "", *scores])
    return Export(_text(rows), tuple(remarks))


def canvas_with(book: Book, roster: str, titles: Mapping[str, str]) -> Export:
    """Return a CSV for Canvas made from a gradebook that Canvas exported.

    Parameters
    ----------
    book : mapping
        Standings by assignment.
    roster : str
        The exported CSV. Its student columns are kept, every other column goes except those
        of the assignments asked for: only what changes is imported.
    titles : mapping
        From an assignment to its title in Canvas, where that is not the assignment's name.

    Raises
    ------
    InputError
        If the text is no gradebook of Canvas.
    """
    table = [row for row in csv.reader(io.StringIO(roster.removeprefix("\ufeff"))) if any(row)]
    head = [cell.strip() for cell in table[0]] if table else []
    if "Student" not in head[:1] or "ID" not in head or "Section" not in head:
        raise InputError(
            "roster", head[:6], "a CSV from Canvas' gradebook: Student, ID, ..., Section first"
        )
    info = [place for place, name in enumerate(head) if name in _INFO]
    possible = next((row for row in table[1:] if "Points Possible" in row[0]), [])
    students = [
        row for row in table[1:] if row is not possible and row[0].strip() and len(row) > max(info)
    ]
    columns = {work: _column(head, titles.get(work, work)) for work in book}
    remarks: list[str] = []
    scales = {
        work: _scale(work, own, columns[work], possible, remarks) for work, own in book.items()
    }
    names = [
        head[place] if (place := columns[work]) is not None else titles.get(work, work)
        for work in book
    ]
    worth = [f"{scale:g}" for scale in scales.values()]
    rows = [[head[place] for place in info] + names]
    rows.append(["Points Possible", *[""] * (len(info) - 1), *worth])
    left = _standings(book)
    for row in students:
        mine = _mine(row, head, left)
        scores = []
        for work in book:
            place = columns[work]
            kept = row[place] if place is not None and place < len(row) else ""
            standing = left[mine].get(work) if mine else None
            scores.append(_scaled(standing, scales[work]) if standing else kept)
        rows.append([row[place] for place in info] + scores)
        if mine:
            del left[mine]
    remarks += [f"not in the roster, left out: {student}" for student in left]
    return Export(_text(rows), tuple(remarks))


def _column(head: Sequence[str], title: str) -> int | None:
    """Find an assignment's column: Canvas writes ``title (number)``."""
    for place, name in enumerate(head):
        known = _TITLE.match(name)
        if title in (name, known and known["title"]):
            return place
    return None


def _scale(
    work: str,
    own: Sequence[Standing],
    place: int | None,
    possible: Sequence[str],
    remarks: list[str],
) -> float:
    """Return the points that the assignment has in Canvas, which scores are scaled to."""
    most = _most(own)
    if place is None:
        remarks.append(f"{work}: no such column in the roster; Canvas will make a new assignment")
        return most
    try:
        worth = float(possible[place])
    except (IndexError, ValueError):
        return most
    if worth > 0 and worth != most:
        remarks.append(f"{work}: scaled from {most:g} to the {worth:g} points it has in Canvas")
    return worth if worth > 0 else most


def _scaled(standing: Standing, worth: float) -> str:
    return f"{round(standing.points / (standing.max_points or 1) * worth, 2):g}"


def _mine(row: Sequence[str], head: Sequence[str], left: Mapping[str, Any]) -> str:
    for name in _MATCHED_BY:
        if name in head and (value := row[head.index(name)].strip()) in left:
            return value
    return ""


def moodle(book: Book, identify: str = "username") -> Export:
    """Return a CSV for Moodle: who, then a grade and a feedback column an assignment.

    Feedback is HTML there, so what a student may have written is escaped.
    """
    head = [identify]
    for work in book:
        head += [work, f"{work} feedback"]
    rows, remarks = [head], list[str]()
    for student, standings in _standings(book).items():
        row = [_cell(student, remarks)]
        for work in book:
            standing = standings.get(work)
            row += [f"{standing.points:g}", feedback_lines(standing)] if standing else ["-", ""]
        rows.append(row)
    return Export(_text(rows), tuple(remarks))


def feedback_lines(standing: Standing) -> str:
    """Return a standing's reasons as one line of HTML."""
    graded = standing.counted.graded
    said = [graded.reason] if graded.reason else []
    for verdict in graded.tasks:
        missed = [
            part for part in verdict.parts if part.attempted and part.points < part.max_points
        ]
        why = [f"{part.name}: {part.reason}" for part in missed] if len(verdict.parts) > 1 else []
        head = f"{verdict.task}: {verdict.points:g} of {verdict.max_points:g}."
        said.append(" ".join([head, verdict.message, *why]))
    if standing.penalty:
        said.append(f"Late by {standing.days_late} d: {standing.penalty:g} points off.")
    return "<br>".join(html.escape(legible(line)) for line in said)


def as_json(book: Book) -> list[dict[str, Any]]:
    """Return every standing as plain data, one object a student and assignment."""
    return [
        {
            "student": standing.student,
            "assignment": work,
            "points": standing.points,
            "max_points": standing.max_points,
            "days_late": standing.days_late,
            "penalty": standing.penalty,
            "attempts": len(standing.attempts),
            "counted_attempt": standing.counted.number,
            "submitted_at": _iso(standing.counted.submitted_at),
            "recorded_at": _iso(standing.counted.recorded_at),
            **standing.counted.graded.to_json(),
        }
        for work, own in book.items()
        for standing in own
    ]


def _iso(when: Any) -> str | None:
    return when.isoformat() if when else None


def _standings(book: Book) -> dict[str, dict[str, Standing]]:
    found: dict[str, dict[str, Standing]] = {}
    for work, own in book.items():
        for standing in own:
            found.setdefault(standing.student, {})[work] = standing
    return dict(sorted(found.items()))


def _points(book: Book) -> dict[str, dict[str, str]]:
    return {
        student: {work: f"{standing.points:g}" for work, standing in own.items()}
        for student, own in _standings(book).items()
    }


def _most(own: Iterable[Standing]) -> float:
    return max((standing.max_points for standing in own), default=0.0)


def _cell(text: str, remarks: list[str]) -> str:
    """Keep a spreadsheet from taking a name for a formula."""
    if text[:1] in ("=", "+", "-", "@", "\t", "\r"):
        remarks.append(f"{text!r} looks like a formula and was written with a ' in front")
        return "'" + text
    return text


def _text(rows: Iterable[Sequence[str]]) -> str:
    text = io.StringIO()
    csv.writer(text, lineterminator="\n").writerows(rows)
    return text.getvalue()
