"""``k8snet gradebook regrade``: judge one task again after its rubric was mended."""

import json
from collections import Counter
from pathlib import Path

import click

from k8snet_lessons.cli._gradebook._open import chosen, gradebook_option, opened
from k8snet_lessons.errors import InputError

EXAMPLE = """Examples:

\b
  k8snet gradebook regrade cure --dry-run        say what would change
  k8snet gradebook regrade plan --assignment 03  where two exercises have a task of that name
  k8snet gradebook regrade cure --json           one JSON object a changed verdict
"""


@click.command(epilog=EXAMPLE)
@click.argument("task")
@gradebook_option
@click.option("--assignment", default="", help="A number or a part of its name.")
@click.option("--dry-run", is_flag=True, help="Change nothing.")
@click.option("--json", "as_json", is_flag=True, help="One JSON object a changed verdict, a line.")
def command(task: str, path: Path, assignment: str, dry_run: bool, as_json: bool) -> None:
    """Judge TASK again for every attempt, from the answers in the gradebook.

    No student's code is run. Each attempt is one transaction; the points from before stay
    on record. Stopped half-way, run it again.
    """
    from k8snet_lessons.assess.exercise import assignment as find_assignment
    from k8snet_lessons.assess.exercise import has_assignment
    from k8snet_lessons.assess.gradebook.regrade import regrade

    counts: Counter[str] = Counter()
    gained = 0.0
    with opened(path) as book:
        there = filter(has_assignment, chosen(book, [assignment] if assignment else []))
        works = [work for work in map(find_assignment, there) if _has(work, task)]
        if len(works) != 1:
            allowed = ", ".join(work.lesson for work in works) or "a task that was graded"
            raise InputError(
                "assignment" if works else "task", assignment or task,
                f"one of {allowed}" if works else allowed,
            )  # fmt: skip
        for one in regrade(book, works[0], task, dry_run=dry_run):
            counts[one.outcome] += 1
            gained += one.gain
            if one.outcome != "changed":
                continue
            graded = one.attempt.graded
            if as_json:
                click.echo(
                    json.dumps(
                        {
                            "student": graded.student,
                            "assignment": graded.assignment,
                            "task": task,
                            "attempt": one.attempt.number,
                            "before": one.before.points,
                            "after": one.after.points,
                        }
                    )
                )
            else:
                click.echo(
                    f"{graded.student}, attempt {one.attempt.number}: "
                    f"{one.before.points:g} -> {one.after.points:g}  {one.after.message}"
                )
    if not as_json:
        would = "would change" if dry_run else "changed"
        click.echo(
            f"{task}: {counts['changed']} {would}, {counts['same']} stay, "
            f"{counts['no answer']} without a stored answer; {gained:+g} points in all"
        )


def _has(work: object, task: str) -> bool:
    return any(one.name == task for one in work.tasks)  # type: ignore[attr-defined]
