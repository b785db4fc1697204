"""``k8snet gradebook export``: scores for Canvas, Moodle or a program."""

import json
import sys
from pathlib import Path

import click

from k8snet_lessons.cli._gradebook._open import (
    all_standings,
    assignment_option,
    chosen,
    gradebook_option,
    opened,
    write_or_print,
)
from k8snet_lessons.errors import InputError

EXAMPLE = """Examples:

\b
  k8snet gradebook export --format json
  k8snet gradebook export --format moodle --identify email -o import.csv
  k8snet gradebook export --format canvas --roster exported.csv -o import.csv
                     exported.csv is Canvas' own: Grades > Export > Export Entire Gradebook
  k8snet gradebook export --format canvas --roster exported.csv --title 05="Connection tables"
"""


@click.command(epilog=EXAMPLE)
@gradebook_option
@assignment_option
@click.option(
    "--format", "kind", type=click.Choice(["canvas", "moodle", "json"]), default="json",
    show_default=True, help="What it is for.",
)  # fmt: skip
@click.option(
    "--roster",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="Canvas: its exported gradebook. Students are found by ID, SIS ID, login or name.",
)
@click.option(
    "--title", "titles", multiple=True, metavar="NUMBER=TITLE",
    help="Canvas: the assignment's title there, where it is not the exercise's name.",
)  # fmt: skip
@click.option(
    "--identify", type=click.Choice(["username", "idnumber", "email"]), default="username",
    show_default=True, help="Moodle: what your students' folders are named after.",
)  # fmt: skip
@click.option("-o", "--output", type=click.Path(dir_okay=False, path_type=Path), help="File.")
def command(
    path: Path,
    wanted: tuple[str, ...],
    kind: str,
    roster: Path | None,
    titles: tuple[str, ...],
    identify: str,
    output: Path | None,
) -> None:
    """Write the scores that count, less what lateness takes off.

    Exit status 1 when a remark was made (on standard error): a student who is not in the
    roster, a score that was scaled. The file is complete all the same.
    """
    from k8snet_lessons.assess.exercise import has_assignment
    from k8snet_lessons.assess.gradebook import lms

    if (roster or titles) and kind != "canvas":
        raise click.UsageError("--roster and --title belong to --format canvas")
    with opened(path) as book:
        works = chosen(book, wanted)
        scores = all_standings(book, works)
        # A file by a wrong name must not become an assignment in the school's system.
        misnamed = (
            [] if wanted or kind == "json" else [one for one in works if not has_assignment(one)]
        )
        for one in misnamed:
            del scores[one]
        named = {}
        for one in titles:
            word, equals, title = one.partition("=")
            if not equals or not title:
                raise InputError("title", one, "NUMBER=TITLE")
            named[chosen(book, [word])[0]] = title
        if kind == "json":
            made = lms.Export(json.dumps(lms.as_json(scores), indent=1) + "\n")
        elif kind == "moodle":
            made = lms.moodle(scores, identify)
        elif roster:
            made = lms.canvas_with(scores, roster.read_text(encoding="utf-8-sig"), named)
        else:
            made = lms.canvas(scores)
        write_or_print(made.text, output)
    remarks = [*made.remarks, *(f"{one}: no exercise of the course, left out" for one in misnamed)]
    for remark in remarks:
        click.echo(f"remark: {remark}", err=True)
    sys.exit(1 if remarks else 0)
