"""``k8snet gradebook report``: what the class made of it."""

import json
from pathlib import Path

import click

from k8snet_lessons.cli._gradebook._open import (
    all_standings,
    assignment_option,
    chosen,
    gradebook_option,
    opened,
)

EXAMPLE = """Examples:

\b
  k8snet gradebook report                               a few lines on each assignment
  k8snet gradebook report -o report.html                the whole, as a page
  k8snet gradebook report -o report.html --submissions SUBMISSIONS/
                                                        and which submissions look alike
"""


@click.command(epilog=EXAMPLE)
@gradebook_option
@assignment_option
@click.option(
    "--submissions",
    type=click.Path(exists=True, file_okay=False, path_type=Path),
    help="The folder that was graded: compare what students wrote.",
)
@click.option(
    "-o", "--output", type=click.Path(dir_okay=False, path_type=Path), help="HTML page to write."
)
@click.option("--json", "as_json", is_flag=True, help="The numbers as one JSON object.")
def command(
    path: Path,
    wanted: tuple[str, ...],
    submissions: Path | None,
    output: Path | None,
    as_json: bool,
) -> None:
    """Show scores, the hardest tasks, the commonest misconceptions, and time.

    With --submissions also pairs that look alike: a pointer for a person, never a verdict.
    """
    from k8snet_lessons.assess.exercise import has_assignment
    from k8snet_lessons.assess.gradebook.report import ClassReport, class_report, written_code
    from k8snet_lessons.assess.gradebook.report_page import report_page
    from k8snet_lessons.assess.notebooks import read_notebook
    from k8snet_lessons.cli._place import course_folder

    reports: list[ClassReport] = []
    with opened(path) as book:
        for work, standings in all_standings(book, chosen(book, wanted)).items():
            written = None
            if submissions and has_assignment(work):
                exercise = read_notebook(course_folder() / "exercises" / f"{work}.ipynb")
                students = [one.student for one in standings]
                written = written_code(submissions, work, exercise, students)
            reports.append(class_report(work, standings, written))
        if output:
            output.write_text(report_page(reports), encoding="utf-8")
    if as_json:
        click.echo(json.dumps({"reports": [report.to_json() for report in reports]}))
        return
    for report in reports:
        click.echo(_lines(report))
    if output:
        click.echo(f"written: {output}")


def _lines(report: "object") -> str:
    from k8snet_lessons.assess.gradebook.report import ClassReport

    assert isinstance(report, ClassReport)
    lines = [
        f"{report.assignment}: {report.students} students, {report.attempts} attempts, "
        f"{len(report.not_gradable)} not gradable, {report.late} late; "
        f"median {report.median:g} of {report.max_points:g} points"
    ]
    lines += [
        f"  {task.task:<16} {100 * task.mean_share:3.0f} %  {task.right} right, {task.partial} "
        f"partial, {task.wrong} wrong, {task.unattempted} unattempted"
        for task in report.tasks
    ]
    lines += [f"  {one.students:>4} x {one.name} ({one.task})" for one in report.misconceptions[:5]]
    lines += [
        f"  alike, look yourself: {pair.students[0]} and {pair.students[1]} ({pair.ratio:.0%})"
        for pair in report.pairs[:5]
    ]
    return "\n".join(lines)
