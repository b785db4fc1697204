"""``k8snet release``: the students' exercises, made from the solutions."""

import json
import sys
from pathlib import Path

import click

from k8snet_lessons.cli._place import course_folder
from k8snet_lessons.errors import InputError

EXAMPLE = """Examples:

\b
  k8snet release            write exercises/ from solutions/
  k8snet release --check    only say whether they agree (status 1 if not, 2 without solutions)
"""


@click.command(epilog=EXAMPLE)
@click.option("--check", is_flag=True, help="Change nothing; exit 1 where a file would change.")
@click.option("--json", "as_json", is_flag=True, help="One JSON object on standard output.")
@click.option(
    "--course",
    type=click.Path(exists=True, file_okay=False, path_type=Path),
    help="Folder that holds solutions/ and exercises/ [default: found from here].",
)
def command(check: bool, as_json: bool, course: Path | None) -> None:
    """Make the students' exercises from the solutions.

    Everything between ### BEGIN SOLUTION and ### END SOLUTION goes, and so do hidden tests
    and outputs; cell ids and nbgrader's metadata stay. A file in exercises/ that has no
    solution any more is removed.
    """
    from k8snet_lessons.assess.notebooks import read_notebook, student_version, write_text

    root = course or course_folder()
    if check and not any((root / "solutions").glob("*.ipynb")):
        raise click.UsageError(
            f"nothing to compare: there is no notebook in {root / 'solutions'}; "
            "name the folder that holds solutions/ with --course"
        )
    target = root / "exercises"
    states: dict[str, str] = {}
    try:
        wanted = {
            path.name: write_text(student_version(read_notebook(path), path.name))
            for path in sorted((root / "solutions").glob("*.ipynb"))
        }
    except InputError as error:
        raise click.UsageError(str(error)) from None
    for name, text in wanted.items():
        file = target / name
        if not file.is_file():
            states[name] = "missing" if check else "written"
        elif file.read_text(encoding="utf-8") != text:
            states[name] = "differs" if check else "written"
        else:
            states[name] = "unchanged"
        if states[name] == "written":
            target.mkdir(exist_ok=True)
            file.write_text(text, encoding="utf-8")
    for file in sorted(target.glob("*.ipynb")):
        if file.name not in wanted:
            states[file.name] = "without a solution" if check else "removed"
            if not check:
                file.unlink()
    if as_json:
        click.echo(json.dumps({"exercises": str(target), "files": states}))
    else:
        for name, state in states.items():
            click.echo(f"exercises/{name}: {state}")
        if not states:
            click.echo(f"no solutions in {root / 'solutions'}")
    if check and set(states.values()) - {"unchanged"}:
        if not as_json:
            click.echo("exercises/ has drifted from solutions/: run 'k8snet release'", err=True)
        sys.exit(1)
