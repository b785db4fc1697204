"""The class report as a page that stands alone."""

from collections.abc import Sequence
from typing import Final

from k8snet_lessons.assess.gradebook.feedback import title_of
from k8snet_lessons.assess.gradebook.page import bar, escaped, page, table
from k8snet_lessons.assess.gradebook.report import BINS, ClassReport, TaskResult

_STATUS: Final = (  # the same colors and signs as the verdicts
    ("right", "✓", "#009E73"),
    ("partial", "◐", "#E69F00"),
    ("wrong", "✗", "#D55E00"),
    ("unattempted", "○", "#8a8f98"),
)
_MOST_ROWS: Final = 15


def report_page(reports: Sequence[ClassReport]) -> str:
    """Return the report on one or more assignments as a page; no script, all escaped."""
    body = ["<h1>Class report</h1>"]
    for report in reports:
        body += [
            '<section class="card">',
            f"<h2>{escaped(title_of(report.assignment))}</h2>",
            _tiles(report),
            _distribution(report),
            _tasks(report),
            _misconceptions(report),
            _not_gradable(report),
            _pairs(report),
            "</section>",
        ]
    return page("Class report", "\n".join(part for part in body if part))


def _tiles(report: ClassReport) -> str:
    typical, high, longest = report.seconds
    tiles = [
        (f"{report.students}", "students"),
        (f"{report.median:g} of {report.max_points:g}", "median points"),
        (f"{report.attempts}", "attempts"),
        (f"{report.late}", "late"),
        (f"{len(report.not_gradable)}", "not gradable"),
        (
            f"{typical:.1f} s",
            f"to grade one (95 %: {high:.1f} s, all: {longest:.1f} s)",
        ),
    ]
    return (
        '<div class="tiles">'
        + "".join(
            f'<div><b>{value}</b><span class="soft">{name}</span></div>' for value, name in tiles
        )
        + "</div>"
    )


def _distribution(report: ClassReport) -> str:
    most = max(report.histogram, default=0) or 1
    rows = [
        (
            f"{100 * place // BINS} to {100 * (place + 1) // BINS} %",
            f"{count}",
            bar(count / most, f"{count} students"),
        )
        for place, count in enumerate(report.histogram)
    ]
    head = "<h3>Scores, in percent of the points to be had</h3>"
    return head + table("bars", ("!score", "#students", ""), rows)


def _tasks(report: ClassReport) -> str:
    if not report.tasks:
        return ""
    columns = ("!task", "#mean", "", *(f"#{sign} {name}" for name, sign, _ in _STATUS))
    rows = [
        (
            escaped(one.task),
            f"{100 * one.mean_share:.0f} %",
            _stack(one),
            *(f"{getattr(one, name)}" for name, _, _ in _STATUS),
        )
        for one in report.tasks
    ]
    return "<h3>Tasks, the hardest first</h3>" + table("bars", columns, rows)


def _stack(one: TaskResult) -> str:
    total = one.right + one.partial + one.wrong + one.unattempted or 1
    place, parts = 0.0, []
    for name, _, color in _STATUS:
        width = 100 * getattr(one, name) / total
        parts.append(f'<rect x="{place:.2f}" width="{width:.2f}" height="10" fill="{color}"/>')
        place += width
    said = ", ".join(f"{getattr(one, name)} {name}" for name, _, _ in _STATUS)
    return (
        '<svg viewBox="0 0 100 10" width="100%" height="14" preserveAspectRatio="none" '
        f'role="img" aria-label="{said}">{"".join(parts)}</svg>'
    )


def _misconceptions(report: ClassReport) -> str:
    if not report.misconceptions:
        return ""
    columns = ("#students", "!misconception", "task", "what one of them was told")
    rows = [
        (
            f"{one.students}",
            escaped(one.name.replace("-", " ")),
            escaped(one.task),
            escaped(one.message),
        )
        for one in report.misconceptions[:_MOST_ROWS]
    ]
    return "<h3>Commonest misconceptions</h3>" + table("", columns, rows)


def _not_gradable(report: ClassReport) -> str:
    if not report.not_gradable:
        return ""
    rows = [(escaped(student), escaped(reason)) for student, reason in report.not_gradable]
    return "<h3>Not gradable</h3>" + table("long", ("!student", "reason"), rows)


def _pairs(report: ClassReport) -> str:
    if not report.compared:
        return ""
    head = (
        "<h3>Submissions that look alike</h3>"
        '<p class="soft">A pointer for a person to look, never a verdict: two people who learned '
        "from the same page write the same code. Left out are the code that was given, comments, "
        "the choice of names, short answers and whatever many wrote. "
        f"{report.compared} submissions were compared.</p>"
    )
    if not report.pairs:
        return f"{head}<p>None stands out.</p>"
    return head + "".join(
        f"<details><summary>{escaped(pair.students[0])} and {escaped(pair.students[1])}: "
        f"{100 * pair.ratio:.0f} % of tokens alike, {pair.rare_runs} runs that hardly anybody "
        'else has</summary><div class="pair">'
        + "".join(f"<pre>{escaped(code)}</pre>" for code in pair.code)
        + "</div></details>"
        for pair in report.pairs
    )
