"""``k8snet lab-check``: what this machine can measure."""

import json
import sys

import click

EXAMPLE = """Examples:

\b
  k8snet lab-check             what runs here, and what is missing for the rest
  sudo k8snet lab-check        the same as root, who can run all of it
"""


@click.command(epilog=EXAMPLE)
@click.option("--json", "as_json", is_flag=True, help="Print one object.")
def command(as_json: bool) -> None:
    """Say which experiments this machine can run, and what the others lack.

    Without root the answer is for a user namespace of one's own, where that is allowed.
    Exit status: 0 if at least one can run, 1 if none can.
    """
    if sys.platform != "linux":
        raise click.ClickException(f"the lab measures Linux kernels, and this is {sys.platform}")
    from k8snet_lessons.lab.experiments import EXPERIMENTS
    from k8snet_lessons.lab.needs import optional_parts, unmet
    from k8snet_lessons.lab.unprivileged import enter_user_namespace

    enter_user_namespace()
    findings = [
        {
            "name": experiment.name,
            "question": experiment.question,
            "missing": unmet(experiment.needs),
            "limits": experiment.limits,
        }
        for experiment in EXPERIMENTS.values()
    ]
    parts = optional_parts()
    if as_json:
        click.echo(json.dumps({"experiments": findings, "parts": parts}, indent=1))
    else:
        for each in findings:
            mark = "no " if each["missing"] else "yes"
            click.echo(f"{mark}  {each['name']:<16}{each['question']}")
            for reason in each["missing"]:
                click.echo(f"{'':<21}missing: {reason}")
        click.echo("\nBesides, where the kernel and the installed programs allow:")
        for part, reason in parts.items():
            click.echo(f"{'no ' if reason else 'yes'}  {part}" + (f": {reason}" if reason else ""))
    sys.exit(1 if all(each["missing"] for each in findings) else 0)
