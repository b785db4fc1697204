"""``k8snet gradebook times``: when submissions were handed in, as the school's system says."""

import csv
import json
import sys
from pathlib import Path

import click

from k8snet_lessons.cli._gradebook._open import chosen, gradebook_option, opened
from k8snet_lessons.cli._gradebook.policy import moment
from k8snet_lessons.errors import InputError

EXAMPLE = """Example:

\b
  k8snet gradebook times times.csv       a CSV with the columns student, assignment, submitted_at:
                                         ada,05,2026-03-01T21:40+01:00
"""
_COLUMNS = ("student", "assignment", "submitted_at")


@click.command(epilog=EXAMPLE)
@click.argument("file", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@gradebook_option
@click.option("--json", "as_json", is_flag=True, help="One JSON object.")
def command(file: Path, path: Path, as_json: bool) -> None:
    """Correct when the last attempts of students were handed in.

    A download from a school's system often loses the files' times. Exit status 1 when a
    student of the FILE has no submission in the gradebook.
    """
    with opened(path) as book:
        try:
            rows = list(csv.DictReader(file.read_text(encoding="utf-8-sig").splitlines()))
        except UnicodeDecodeError:
            raise InputError("times", str(file), "a CSV in UTF-8") from None
        if not rows or not set(_COLUMNS) <= set(rows[0]):
            raise InputError("times", str(file), "a CSV with the columns " + ", ".join(_COLUMNS))
        meant = []
        for number, row in enumerate(rows, start=2):
            try:
                when = moment("submitted_at", row["submitted_at"] or "")
                (work,) = chosen(book, [row["assignment"] or ""])
            except InputError as error:
                where = f"{file}, line {number}"
                raise InputError(error.field, error.value, error.allowed, where) from None
            if when is not None:
                meant.append((row["student"], work, when))
        missing = [who for who, work, when in meant if not book.set_submitted_at(who, work, when)]
    if as_json:
        click.echo(json.dumps({"set": len(meant) - len(missing), "missing": missing}))
    else:
        click.echo(f"{len(meant) - len(missing)} times set")
        for student in missing:
            click.echo(f"no submission in the gradebook: {student}", err=True)
    sys.exit(1 if missing else 0)
