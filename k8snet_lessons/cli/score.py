"""``k8snet score``: read the score that an executed exercise left behind."""

import json
import sys
from pathlib import Path
from typing import Any

import click

from k8snet_lessons.errors import InputError

EXAMPLE = """Examples:

\b
  papermill exercises/01-north-south-path.ipynb out.ipynb -p student_id alice -p seed 7
  k8snet score out.ipynb
  k8snet score --json out/*.ipynb      one JSON object a notebook
"""


@click.command(epilog=EXAMPLE)
@click.argument(
    "notebooks", nargs=-1, required=True, type=click.Path(dir_okay=False, path_type=Path)
)
@click.option("--json", "as_json", is_flag=True, help="One JSON object a notebook, a line each.")
def command(notebooks: tuple[Path, ...], as_json: bool) -> None:
    """Show the score that each executed exercise notebook holds.

    The notebook's own word is taken for it; nothing is run again. Exit status 1 when a
    notebook holds no score.
    """
    from k8snet_lessons.assess.notebooks import read_notebook, read_score

    missing = False
    for path in notebooks:
        try:
            score = read_score(read_notebook(path))
        except InputError as error:
            missing = True
            if as_json:
                click.echo(json.dumps({"notebook": str(path), "error": str(error)}))
            else:
                click.echo(f"{path}: {error}", err=True)
            continue
        click.echo(json.dumps({"notebook": str(path), **score}) if as_json else _text(path, score))
    sys.exit(1 if missing else 0)


def _text(path: Path, score: dict[str, Any]) -> str:
    lines = [
        f"{path}: {score.get('exercise')}, {score.get('student')} (seed {score.get('seed')}): "
        f"{score['score']:g} of {score.get('max_score', 0):g} points"
    ]
    lines += [
        f"  {task['task']:<16} {task['points']:>5g} of {task['max_points']:g}  {task['status']}"
        for task in score["tasks"]
    ]
    return "\n".join(lines)
