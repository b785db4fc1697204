"""``k8snet progress``: where the learner stands; the record to take along or delete."""

import json
import sys
from pathlib import Path

import click

from k8snet_lessons.course.progress.carry import CERTIFICATE, FILE
from k8snet_lessons.course.progress.keeper import Keeper

EXAMPLE = """Examples:

\b
  k8snet progress                      done, next, due for review, time left
  k8snet progress --json               the same for a script
  k8snet progress export               one small file, to take along
  k8snet progress import FILE          merged with what is here; twice changes nothing
  k8snet progress certificate --name "Ada"
  k8snet progress reset                delete the record on this machine
"""


@click.group(epilog=EXAMPLE, invoke_without_command=True)
@click.option("--json", "as_json", is_flag=True, help="One JSON object.")
@click.pass_context
def command(context: click.Context, as_json: bool) -> None:
    """Show where you stand, or carry, print or delete the record.

    The record is one file on this machine; K8SNET_PROGRESS names another one, or off.
    """
    if context.invoked_subcommand is not None:
        return
    from k8snet_lessons.course.progress import history, pages, place
    from k8snet_lessons.course.progress.standing import standing

    events, notice = history()
    show = pages.as_json if as_json else pages.as_text
    shown = show(standing(events), place(), notice)
    click.echo(shown if isinstance(shown, str) else json.dumps(shown))


@command.command("export")
@click.argument("file", default=FILE, type=click.Path(dir_okay=False, path_type=Path))
def export(file: Path) -> None:
    """Write everything recorded into FILE [default: k8snet-progress.json]; - is stdout."""
    from k8snet_lessons.course.progress import history
    from k8snet_lessons.course.progress.carry import write_file

    events, notice = history()
    if notice:
        click.echo(f"k8snet: {notice}", err=True)
    _write(file, write_file(events))
    click.echo(f"k8snet: {len(events)} events written to {file}", err=True)


@command.command("import")
@click.argument("file", type=click.Path(dir_okay=False, path_type=Path, allow_dash=True))
def bring(file: Path) -> None:
    """Put the events of FILE into the record here; what is there already stays."""
    from k8snet_lessons.course.progress import history
    from k8snet_lessons.course.progress.carry import read_file

    kept = _keeper()
    try:
        text = sys.stdin.read() if str(file) == "-" else file.read_text(encoding="utf-8")
        events = read_file(text, file.name)
    except (OSError, ValueError) as error:
        raise click.UsageError(str(error)) from None
    before = len(history()[0])
    notice = kept.keep(events)
    if notice:
        click.echo(f"k8snet: {notice}", err=True)
    click.echo(f"k8snet: {len(events)} events read, {len(history()[0]) - before} of them new")


@command.command("certificate")
@click.argument("file", default=CERTIFICATE, type=click.Path(dir_okay=False, path_type=Path))
@click.option("--name", default="", help="The name to put on it.")
def certificate_page(file: Path, name: str) -> None:
    """Write a page that lists what you have shown, to print or to keep."""
    from k8snet_lessons.course.progress import history
    from k8snet_lessons.course.progress.certificate import certificate
    from k8snet_lessons.course.progress.standing import standing

    _write(file, certificate(standing(history()[0]), name))
    click.echo(f"k8snet: written to {file}", err=True)


@command.command("reset")
@click.option("--yes", is_flag=True, help="Do not ask.")
def reset(yes: bool) -> None:
    """Delete the record on this machine."""
    from k8snet_lessons.course.progress.store import StoreError

    kept = _keeper()
    if not yes:
        click.confirm(f"Delete {kept.store.path} and everything recorded in it?", abort=True)
    try:
        kept.clear()
    except StoreError as error:
        raise click.ClickException(f"{kept.store.path} cannot be deleted: {error}") from None
    click.echo("k8snet: the record is deleted")


def _keeper() -> Keeper:
    from k8snet_lessons.course.progress import keeper

    found = keeper()
    if found is None:
        raise click.UsageError("nothing is recorded here: K8SNET_PROGRESS is off")
    return found


def _write(file: Path, text: str) -> None:
    try:
        if str(file) == "-":
            click.echo(text, nl=False)
        else:
            file.write_text(text, encoding="utf-8")
    except OSError as error:
        raise click.UsageError(f"{file} cannot be written: {error.strerror}") from None
