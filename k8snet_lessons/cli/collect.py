"""``k8snet collect``: a download from Canvas or Moodle, laid out for the grader."""

import json
import sys
from pathlib import Path

import click

from k8snet_lessons.errors import InputError

EXAMPLE = """Examples:

\b
  k8snet collect submissions.zip --to submissions/
  k8snet collect submissions.zip --to submissions/ --roster exported.csv
                     exported.csv: Canvas' gradebook, or Moodle's grading worksheet
  k8snet grade submissions/ --gradebook gradebook.db
"""


@click.command(epilog=EXAMPLE)
@click.argument("source", type=click.Path(exists=True, path_type=Path))
@click.option(
    "--to", required=True, type=click.Path(file_okay=False, path_type=Path),
    help="Folder of submissions: <student>/<assignment>.ipynb.",
)  # fmt: skip
@click.option(
    "--roster",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="CSV that says what the system's numbers stand for [default: its numbers].",
)
@click.option("--column", default="", help="Column of the roster with the students' names.")
@click.option("--json", "as_json", is_flag=True, help="One JSON object.")
def command(source: Path, to: Path, roster: Path | None, column: str, as_json: bool) -> None:
    """Put the notebooks of a ZIP file or folder SOURCE where `k8snet grade` looks for them.

    A second upload of a student replaces the first; run it again after the deadline, and
    grade again: what was graded stays an attempt. Exit status 1 when a file was left, with
    the reason.
    """
    from k8snet_lessons.assess.collect import collect, read_names

    if column and not roster:
        raise click.UsageError("--column is one of the --roster")
    try:
        found = collect(source, to, read_names(roster, column) if roster else None)
    except InputError as error:
        raise click.UsageError(str(error)) from None
    except OSError as error:
        raise click.UsageError(f"cannot write {error.filename}: {error.strerror}") from None
    if as_json:
        click.echo(
            json.dumps(
                {
                    "taken": [str(path) for path in found.taken.values()],
                    "left": [{"file": file, "reason": reason} for file, reason in found.left],
                    "late": found.late,
                }
            )
        )
    else:
        students = len({student for student, _ in found.taken})
        click.echo(f"{to}: {len(found.taken)} notebooks of {students} students")
        if found.late:
            click.echo(
                f"late, says Canvas, but not when (tell 'k8snet gradebook times'): "
                f"{', '.join(found.late)}"
            )
        for file, reason in found.left:
            click.echo(f"left: {file}: {reason}", err=True)
    sys.exit(1 if found.left else 0)
