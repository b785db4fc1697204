"""``k8snet gradebook feedback``: a page for each student."""

import json
from pathlib import Path
from typing import Any

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
  k8snet gradebook feedback feedback/
  k8snet gradebook feedback feedback/ --assignment 05 --student ada
  k8snet gradebook feedback feedback/ --json      {"ada": "feedback/feedback-ada.html", ...}
"""


@click.command(epilog=EXAMPLE)
@click.argument("folder", type=click.Path(file_okay=False, path_type=Path))
@gradebook_option
@assignment_option
@click.option("--student", "students", multiple=True, help="Only this one; may be repeated.")
@click.option("--json", "as_json", is_flag=True, help="Say which file is whose, as JSON.")
def command(
    folder: Path, path: Path, wanted: tuple[str, ...], students: tuple[str, ...], as_json: bool
) -> None:
    """Write one self-contained HTML page a student into FOLDER.

    Points, a reason for each part, the question with the student's own numbers and the
    answer that was judged. All text is escaped; the page runs no script and loads nothing.
    """
    from k8snet_lessons.assess.gradebook.feedback import write_pages

    with opened(path) as book:
        by_student: dict[str, list[Any]] = {}
        for standings in all_standings(book, chosen(book, wanted)).values():
            for standing in standings:
                if not students or standing.student in students:
                    by_student.setdefault(standing.student, []).append(standing)
        missing = sorted(set(students) - set(by_student))
        if missing:
            raise click.UsageError(f"not in the gradebook: {', '.join(missing)}")
        files = write_pages(folder, dict(sorted(by_student.items())))
    if as_json:
        click.echo(json.dumps({student: str(file) for student, file in files.items()}))
    else:
        click.echo(f"{folder}: {len(files)} page{'' if len(files) == 1 else 's'}")
