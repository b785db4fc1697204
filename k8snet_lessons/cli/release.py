"""``k8snet release``: the students' exercises, made from the solutions."""

import csv
import io
import json
import sys
from pathlib import Path
from typing import Any

import click

from k8snet_lessons.cli._place import course_folder
from k8snet_lessons.errors import InputError

EXAMPLE = """Examples:

\b
  k8snet release            write exercises/ from solutions/
  k8snet release --check    only say whether they agree (status 1 if not, 2 without solutions)
  k8snet release --variant 2026 --to handout/
                            the same for another term: other numbers, the same difficulty
  k8snet release --variant 2026 --students class.csv --to handout/
                            handout/<student>/<exercise>.ipynb, other numbers for everybody,
                            and handout/roster.csv, which says who has which seed
  k8snet release --variant 2026 --students class.csv --to handout/ --exercise 05
"""


@click.command(epilog=EXAMPLE)
@click.option("--check", is_flag=True, help="Change nothing; exit 1 where a file would change.")
@click.option("--variant", type=int, metavar="SEED", help="Draw other numbers, of the same kind.")
@click.option(
    "--students",
    type=click.Path(dir_okay=False, path_type=Path),
    help="Class list: a name a line, or a CSV. One folder and one variant for each student.",
)
@click.option("--column", default="", help="Column of the class list [default: student, ...].")
@click.option(
    "--to",
    type=click.Path(file_okay=False, path_type=Path),
    help="Folder for a variant; exercises/ itself keeps seed 0.",
)
@click.option("--exercise", default="", help="Only this one: a number or a part of its name.")
@click.option("--json", "as_json", is_flag=True, help="One JSON object on standard output.")
@click.option(
    "--course",
    type=click.Path(exists=True, file_okay=False, path_type=Path),
    help="Folder that holds solutions/ and exercises/ [default: found from here].",
)
def command(
    check: bool,
    variant: int | None,
    students: Path | None,
    column: str,
    to: Path | None,
    exercise: str,
    as_json: bool,
    course: Path | None,
) -> None:
    """Make the students' exercises from the solutions.

    Everything between ### BEGIN SOLUTION and ### END SOLUTION goes, and so do hidden tests
    and outputs; cell ids and nbgrader's metadata stay. A file in exercises/ that has no
    solution any more is removed. With --variant the numbers are drawn anew, into --to.
    """
    if (variant is None) != (to is None):
        raise click.UsageError("--variant and --to belong together: which numbers, and where to")
    if variant is None and (students or exercise or column):
        raise click.UsageError("--students, --column and --exercise need --variant and --to")
    if variant is not None and check:
        raise click.UsageError("--check compares exercises/ with solutions/; leave out --variant")
    root = course or course_folder()
    try:
        wanted = _wanted(root)
        if variant is None:
            _release(root, wanted, check, as_json)
        else:
            assert to is not None  # they belong together
            _hand_out(wanted, variant, students, column, exercise, to, as_json)
    except InputError as error:
        raise click.UsageError(str(error)) from None
    except OSError as error:
        raise click.UsageError(f"cannot write {error.filename}: {error.strerror}") from None


def _wanted(root: Path) -> dict[str, dict[str, Any]]:
    """Return the student's version of every solution, by file name."""
    from k8snet_lessons.assess.notebooks import read_notebook, student_version

    return {
        path.name: student_version(read_notebook(path), path.name)
        for path in sorted((root / "solutions").glob("*.ipynb"))
    }


def _release(root: Path, wanted: dict[str, dict[str, Any]], check: bool, as_json: bool) -> None:
    from k8snet_lessons.assess.notebooks import write_text
    from k8snet_lessons.assess.submit import PREFIX

    if check and not wanted:
        raise click.UsageError(
            f"nothing to compare: there is no notebook in {root / 'solutions'}; "
            "name the folder that holds solutions/ with --course"
        )
    target = root / "exercises"
    states: dict[str, str] = {}
    for name, notebook in wanted.items():
        file, text = target / name, write_text(notebook)
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
        if file.name not in wanted and not file.name.startswith(PREFIX):
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


def _hand_out(
    wanted: dict[str, dict[str, Any]],
    variant: int,
    students: Path | None,
    column: str,
    exercise: str,
    to: Path,
    as_json: bool,
) -> None:
    from k8snet_lessons.assess.notebooks import write_text
    from k8snet_lessons.assess.release import read_class, variant_seed, with_parameters

    if exercise:
        from k8snet_lessons.course.curriculum import find

        chosen = find(exercise).file
        if chosen not in wanted:
            raise click.UsageError(f"there is no solution for {chosen}")
        wanted = {chosen: wanted[chosen]}
    if not wanted:
        raise click.UsageError("there are no solutions to hand out; see --course")
    seeds = (
        {name: variant_seed(variant, name) for name in read_class(students, column)}
        if students
        else {"": variant}
    )
    for student, seed in seeds.items():
        folder = to / student
        folder.mkdir(parents=True, exist_ok=True)
        values = {"student_id": student, "seed": seed} if student else {"seed": seed}
        for name, notebook in wanted.items():
            text = write_text(with_parameters(notebook, values, name))
            (folder / name).write_text(text, encoding="utf-8")
    if students:
        (to / "roster.csv").write_text(_roster(seeds, variant), encoding="utf-8")
    count = f"{len(wanted)} exercise{'' if len(wanted) == 1 else 's'}"
    if as_json:
        click.echo(json.dumps({"to": str(to), "exercises": list(wanted), "seeds": seeds}))
    elif students:
        each = f"each of {len(seeds)} students" if len(seeds) != 1 else "one student"
        click.echo(f"{to}: {count} for {each}; roster.csv")
    else:
        click.echo(f"{to}: {count} with seed {variant}")


def _roster(seeds: dict[str, int], variant: int) -> str:
    text = io.StringIO()
    rows = csv.writer(text, lineterminator="\n")
    rows.writerow(("student", "seed", "variant"))
    rows.writerows((student, seed, variant) for student, seed in seeds.items())
    return text.getvalue()
