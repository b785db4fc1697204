"""``k8snet measure``: run the lab's experiments on this machine's kernel."""

import json
import sys
import tempfile
from pathlib import Path
from typing import Any

import click

EXAMPLE = """Examples:

\b
  sudo k8snet measure first-packet          one experiment, in full
  sudo k8snet measure all --quick           every one, in some two minutes
  k8snet measure mtu --quick                without root: in a user namespace
  k8snet measure --compare                  your records beside the shipped ones
"""


@click.command(epilog=EXAMPLE)
@click.argument("name", required=False)
@click.option("--quick", is_flag=True, help="Fewer and smaller settings: the shape, in seconds.")
@click.option("--compare", is_flag=True, help="Set the records in FOLDER beside the shipped ones.")
@click.option(
    "--into",
    "folder",
    type=click.Path(file_okay=False, path_type=Path),
    default=Path("measured"),
    show_default=True,
    metavar="FOLDER",
    help="Where records are written and read.",
)
@click.option("--seed", type=int, default=1, show_default=True, help="Order of the settings.")
@click.option("--json", "as_json", is_flag=True, help="Print one object an experiment.")
def command(
    name: str | None, quick: bool, compare: bool, folder: Path, seed: int, as_json: bool
) -> None:
    """Measure NAME (see lab-check for the names), or all, and write a record of it.

    Everything happens in network namespaces that are made for it and that vanish with it. Two
    experiments borrow settings of the whole machine, and give them back even if the run is
    killed. With --compare and a NAME, it is measured first and then compared.

    Exit status: 0 if all that can run here did, 1 if one failed or was stopped, 2 if there was
    nothing to do or nowhere to write.
    """
    if sys.platform != "linux":
        raise click.ClickException(f"the lab measures Linux kernels, and this is {sys.platform}")
    from k8snet_lessons.lab.experiments import EXPERIMENTS
    from k8snet_lessons.lab.unprivileged import enter_user_namespace

    if name is None and not compare:
        raise click.UsageError(f"name an experiment, or all: {', '.join(EXPERIMENTS)}")
    if name not in (None, "all", *EXPERIMENTS):
        known = ", ".join(EXPERIMENTS)
        raise click.UsageError(f"there is no experiment {name!r}; there are: all, {known}")
    wanted = list(EXPERIMENTS) if name in (None, "all") else [str(name)]
    failed = False
    if name is not None:
        enter_user_namespace()
        _try_to_write(folder)
        for each in wanted:
            told = _measure(each, quick, folder, seed)
            failed = failed or told["status"] in ("failed", "stopped")
            click.echo(json.dumps(told) if as_json else _sentence(told))
            if told["status"] == "stopped":
                sys.exit(1)
    if compare:
        _compare(wanted, folder, as_json)
    sys.exit(1 if failed else 0)


def _try_to_write(folder: Path) -> None:
    """Find out before half an hour of measuring, not after it."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=folder):
            pass
    except OSError as error:
        reason = f"cannot write records into {folder}: {error.strerror}; name another with --into"
        raise click.UsageError(reason) from None


def _measure(name: str, quick: bool, folder: Path, seed: int) -> dict[str, Any]:
    from k8snet_lessons.lab.errors import CannotRun, LabError, Stopped
    from k8snet_lessons.lab.experiment import Run, measure
    from k8snet_lessons.lab.experiments import EXPERIMENTS

    line = f"k8snet measure {name}{' --quick' if quick else ''}"
    # The bar goes to standard error, so that --json leaves standard output to the objects.
    with click.progressbar(length=100, label=name, file=sys.stderr) as bar:

        def progress(share: float, what: str) -> None:
            bar.label = f"{name}: {what}"
            bar.update(int(share * 100) - bar.pos)

        try:
            record = measure(EXPERIMENTS[name], Run(quick, seed, progress), line)
        except CannotRun as reason:
            return {"experiment": name, "status": "cannot run here", "reason": str(reason)}
        except Stopped as reason:
            return {"experiment": name, "status": "stopped", "reason": str(reason)}
        except LabError as reason:
            return {"experiment": name, "status": "failed", "reason": str(reason)}
        try:
            path = record.write(folder)
        except OSError as error:
            why = f"the record could not be written: {error.strerror}"
            return {"experiment": name, "status": "failed", "reason": why}
        progress(1.0, "done")
    return {
        "experiment": name,
        "status": "measured",
        "record": str(path),
        "seconds": record.duration_s,
    }


def _sentence(told: dict[str, Any]) -> str:
    if told["status"] == "measured":
        return f"{told['experiment']}: {told['record']} ({told['seconds']} s)"
    if told["status"] == "stopped":
        return f"{told['experiment']}: {told['reason']}"
    return f"{told['experiment']}: {told['status']}: {told['reason']}"


def _compare(wanted: list[str], folder: Path, as_json: bool) -> None:
    from k8snet_lessons.data import measured
    from k8snet_lessons.errors import InputError
    from k8snet_lessons.lab.comparison import as_rows, as_text, compare

    try:
        pairs = [
            (measured.read(folder / f"{name}.json"), measured.load(name))
            for name in wanted
            if (folder / f"{name}.json").exists() and name in measured.names()
        ]
    except (InputError, OSError, UnicodeDecodeError) as error:
        raise click.UsageError(f"a record in {folder} cannot be read: {error}") from None
    if not pairs:
        raise click.UsageError(f"{folder} holds no record that the course ships too")
    for here, shipped in pairs:
        compared = compare(here, shipped)
        if as_json:
            click.echo(json.dumps({"experiment": here.experiment, "series": as_rows(compared)}))
        else:
            click.echo(as_text(here, shipped, compared))
