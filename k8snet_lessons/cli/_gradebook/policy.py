"""``k8snet gradebook policy``: deadlines, lateness, and which attempt counts."""

import json
from dataclasses import replace
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Literal

import click

from k8snet_lessons.cli._gradebook._open import chosen, gradebook_option, opened
from k8snet_lessons.errors import InputError

if TYPE_CHECKING:
    from k8snet_lessons.assess.gradebook import Policy

EXAMPLE = """Examples:

\b
  k8snet gradebook policy                        show all that were graded
  k8snet gradebook policy 05 --due 2026-03-01T23:59+01:00 --percent-a-day 10 --grace 15
  k8snet gradebook policy 05 --counts last
  k8snet gradebook policy 05 --due none
"""


@click.command(epilog=EXAMPLE)
@click.argument("assignment", required=False)
@gradebook_option
@click.option("--due", help="Deadline, ISO 8601; without a zone this machine's; none lifts it.")
@click.option(
    "--percent-a-day", type=float, metavar="N",
    help="Percent of the points to be had, off for each day begun after the deadline.",
)  # fmt: skip
@click.option("--grace", type=float, metavar="MINUTES", help="Minutes that are not late yet.")
@click.option(
    "--counts", type=click.Choice(["best", "last"]), help="Which attempt counts [default: best]."
)
@click.option("--json", "as_json", is_flag=True, help="One JSON object.")
def command(
    assignment: str | None,
    path: Path,
    due: str | None,
    percent_a_day: float | None,
    grace: float | None,
    counts: Literal["best", "last"] | None,
    as_json: bool,
) -> None:
    """Show or set the deadline of an assignment; scores follow at once, nothing is regraded.

    Lateness counts from when a file was handed in: the time of the file when it was graded,
    or what `k8snet gradebook times` said.
    """
    from k8snet_lessons.course.curriculum import LESSONS

    exercises = [lesson.slug for lesson in LESSONS if lesson.exercise]
    with opened(path, create=assignment is not None) as book:
        works = chosen(book, [assignment] if assignment else [], besides=exercises)
        policies = {work: book.policy(work) for work in works}
        if any(one is not None for one in (due, percent_a_day, grace, counts)):
            if assignment is None:
                raise click.UsageError("name the ASSIGNMENT to set something")
            (work,) = works
            old = policies[work]
            policies[work] = replace(
                old,
                due_at=old.due_at if due is None else moment("due", due),
                percent_a_day=old.percent_a_day if percent_a_day is None else percent_a_day,
                grace_minutes=old.grace_minutes if grace is None else grace,
                counts=counts or old.counts,
            )
            book.set_policy(work, policies[work])
    if as_json:
        click.echo(json.dumps({work: _json(policy) for work, policy in policies.items()}))
        return
    for work, policy in policies.items():
        due_text = policy.due_at.isoformat() if policy.due_at else "none"
        click.echo(
            f"{work}: due {due_text}, {policy.percent_a_day:g} % off a day, "
            f"{policy.grace_minutes:g} min of grace, the {policy.counts} attempt counts"
        )


def moment(field: str, text: str) -> datetime | None:
    """Read a moment as ISO 8601; one without a zone is this machine's."""
    if text.strip().lower() == "none":
        return None
    try:
        return datetime.fromisoformat(text.strip()).astimezone()
    except (ValueError, OverflowError):
        raise InputError(field, text, "a moment such as 2026-03-01T23:59+01:00, or none") from None


def _json(policy: "Policy") -> dict[str, object]:
    return {
        "due_at": policy.due_at.isoformat() if policy.due_at else None,
        "percent_a_day": policy.percent_a_day,
        "grace_minutes": policy.grace_minutes,
        "counts": policy.counts,
    }
