"""``k8snet gradebook``: what is made of a gradebook after grading."""

from importlib import import_module

import click

EXAMPLE = """Example:

\b
  k8snet gradebook policy 05 --due 2026-03-01T23:59+01:00 --percent-a-day 10
  k8snet gradebook report --submissions SUBMISSIONS/ -o report.html
  k8snet gradebook feedback feedback/
  k8snet gradebook regrade cure --assignment 05 --dry-run
  k8snet gradebook export --format canvas --roster canvas.csv -o import.csv
"""
_NAMES = ("export", "feedback", "policy", "regrade", "report", "times")


class _Commands(click.Group):
    """Commands in modules of their own, imported when asked for."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(_NAMES)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in _NAMES:
            return None
        found: click.Command = import_module(f"k8snet_lessons.cli._gradebook.{cmd_name}").command
        return found


@click.group(cls=_Commands, epilog=EXAMPLE)
def command() -> None:
    """Look at a gradebook, regrade in it, and take scores and feedback out of it.

    The gradebook is the file that `k8snet grade --gradebook FILE` wrote. Exit status: 0 when
    all went well, 1 when something needs your eye (it is said what), 2 when the command could
    not be carried out.
    """
