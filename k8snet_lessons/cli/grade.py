"""``k8snet grade``: a folder of submissions, graded in a sandbox."""

import json
import os
import sys
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from k8snet_lessons.cli._place import course_folder
from k8snet_lessons.errors import InputError

if TYPE_CHECKING:
    from k8snet_lessons.assess.gradebook import Gradebook
    from k8snet_lessons.assess.grading.grader import Submitted
    from k8snet_lessons.assess.grading.result import Graded
    from k8snet_lessons.assess.grading.seeds import Seeds
    from k8snet_lessons.assess.grading.submission import Found

EXAMPLE = """Exit status: 0 when every submission was graded, 1 when at least one was not gradable
(the summary and --json say why), 2 when grading could not be carried out: a wrong option, no
sandbox, a gradebook that cannot be written. After 2, and after a kill at any moment, run the
same command again: what is in the gradebook is not graded twice.

Examples:

\b
  k8snet grade submissions/ --gradebook grades.db --jobs 4
  k8snet grade submissions/ --gradebook grades.db --seeds seeds.csv --json > grades.jsonl
  k8snet grade submissions/ --gradebook grades.db --scheduler tcp://10.0.0.5:8786
  k8snet grade submissions/ --gradebook grades.db || echo "look at the summary"

SUBMISSIONS holds <student>/<assignment>.ipynb, for example ada/05-conntrack-exhaustion.ipynb.
seeds.csv has the columns student, seed and, if wanted, assignment.
"""


@click.command(epilog=EXAMPLE)
@click.argument("submissions", type=click.Path(exists=True, file_okay=False, path_type=Path))
@click.option(
    "--gradebook",
    required=True,
    type=click.Path(dir_okay=False, path_type=Path),
    help="SQLite file; made if it is not there, continued if it is.",
)
@click.option(
    "--jobs",
    type=click.IntRange(1, 128),
    help="Submissions at a time [default: the processors of this machine].",
)
@click.option("--scheduler", metavar="ADDRESS", help="Dask scheduler that has the workers.")
@click.option(
    "--seed",
    type=click.IntRange(-(2**63) + 1, 2**63 - 1),
    default=0,
    show_default="0",
    metavar="INTEGER",
    help="Everybody's variant.",
)
@click.option(
    "--seeds",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="CSV file: each student's variant. What a notebook says of its seed never counts.",
)
@click.option(
    "--cell-timeout",
    type=click.FloatRange(0.1, 3600),
    default=15.0,
    show_default=True,
    help="Seconds that one cell may take.",
)
@click.option(
    "--timeout",
    type=click.FloatRange(1, 86_400),
    default=120.0,
    show_default=True,
    help="Seconds that one submission may take.",
)
@click.option(
    "--memory",
    type=click.IntRange(256, 1_000_000),
    default=1536,
    show_default=True,
    help="Megabytes that one submission may use.",
)
@click.option(
    "--exercises",
    type=click.Path(exists=True, file_okay=False, path_type=Path),
    help="Folder of the exercises as handed out [default: the course's].",
)
@click.option(
    "--no-sandbox",
    is_flag=True,
    help="Run students' code with your rights, only its time and memory bounded.",
)
@click.option("--json", "as_json", is_flag=True, help="One JSON object a submission, a line each.")
@click.option("--quiet", is_flag=True, help="No progress bar and no summary.")
def command(
    submissions: Path,
    gradebook: Path,
    jobs: int | None,
    scheduler: str | None,
    seed: int,
    seeds: Path | None,
    cell_timeout: float,
    timeout: float,
    memory: int,
    exercises: Path | None,
    no_sandbox: bool,
    as_json: bool,
    quiet: bool,
) -> None:
    """Grade a folder of submissions, each in a sandbox of its own.

    A student's code runs without network, without a view of this machine's files, of other
    submissions or of any solution, and with bounded time, memory, processes and disk. Cells
    of the course are replaced by the originals. Answers leave the sandbox as plain data and
    are judged in another process.
    """
    from k8snet_lessons.assess.gradebook import Gradebook, GradebookError
    from k8snet_lessons.assess.grading.cage import Cage, SandboxError, find_cage
    from k8snet_lessons.assess.grading.grader import load_originals
    from k8snet_lessons.assess.grading.limits import Limits
    from k8snet_lessons.assess.grading.seeds import Seeds, read_seeds
    from k8snet_lessons.assess.grading.submission import find_submissions, handed_in, passed_by

    folder = exercises or course_folder() / "exercises"
    try:
        known = read_seeds(seeds) if seeds else Seeds(seed)
        originals = load_originals(folder)
        limits = Limits(cell_s=cell_timeout, submission_s=timeout, memory_mb=memory)
    except InputError as error:
        raise click.UsageError(str(error)) from None
    if not originals:
        raise click.UsageError(f"no exercise of the course in {folder}; name it with --exercises")
    found = list(find_submissions(submissions))
    if not found:
        raise click.UsageError(f"no <student>/<assignment>.ipynb in {submissions}")
    cage = Cage("none")
    if not no_sandbox and not scheduler:
        try:
            cage = find_cage([submissions, gradebook.parent, folder.parent])
        except SandboxError as error:
            raise click.UsageError(
                f"no sandbox: {error}. --no-sandbox runs students' code with your rights; "
                "use it only in a container or a machine that you can throw away"
            ) from None
    if no_sandbox:
        click.echo("k8snet: no sandbox: students' code runs with your rights", err=True)

    def results(queue: "Iterator[Submitted]") -> "Iterator[Graded]":
        if scheduler:
            from k8snet_lessons.assess.grading.cluster import grade_on_cluster

            return grade_on_cluster(queue, originals, not no_sandbox, limits, scheduler)
        from k8snet_lessons.assess.grading.local import grade_locally

        return grade_locally(
            queue, originals, cage, limits, min(jobs or os.cpu_count() or 1, len(found))
        )

    try:
        with Gradebook(gradebook) as book:
            report = _Report(len(found), as_json, quiet, passed_by(submissions))
            times: dict[tuple[str, str, str], datetime | None] = {}

            def keep(graded: "Graded") -> None:
                key = (graded.student, graded.assignment, graded.digest)
                book.record(graded, times.get(key))
                report.add(graded)

            def taken(one: "Found", digest: str) -> None:
                times[one.student, one.assignment, digest] = handed_in(one.path)

            for graded in results(_queue(found, known, _recorded(book), report, keep, taken)):
                keep(graded)
            report.finish()
    except (SandboxError, GradebookError) as error:
        click.echo(f"k8snet: grading stopped: {error}", err=True)
        sys.exit(2)
    except KeyboardInterrupt:
        click.echo("k8snet: interrupted; run the same command again to go on", err=True)
        sys.exit(130)
    sys.exit(1 if report.not_gradable else 0)


def _recorded(book: "Gradebook") -> "dict[tuple[str, str, str], Graded]":
    """Return what the gradebook holds, by student, assignment and digest."""
    return {
        (one.graded.student, one.graded.assignment, one.graded.digest): one.graded
        for one in book.attempts()
    }


def _queue(
    found: "Iterable[Found]",
    seeds: "Seeds",
    recorded: "dict[tuple[str, str, str], Graded]",
    report: "_Report",
    keep: "Callable[[Graded], None]",
    taken: "Callable[[Found, str], None]",
) -> "Iterator[Submitted]":
    """Yield what needs a sandbox; report at once what was graded before or cannot be read."""
    from k8snet_lessons.assess.grading.grader import Submitted, refused
    from k8snet_lessons.assess.grading.submission import NotGradableError, digest_of, read_bytes

    for one in found:
        seed = seeds.of(one.student, one.assignment)
        submitted = Submitted(one.student, one.assignment, b"", seed or 0)
        taken(one, "")  # for what cannot be read, by us or by a grader that fails
        try:
            submitted = Submitted(one.student, one.assignment, read_bytes(one), seed or 0)
        except NotGradableError as error:
            keep(refused(submitted, str(error)))
            continue
        digest = digest_of(submitted.data)
        taken(one, digest)
        before = recorded.get((one.student, one.assignment, digest))
        if before is not None:
            report.skip(before, seed)
        elif seed is None:  # not recorded: the list of seeds will be mended
            report.add(refused(submitted, "The list of seeds does not name this student."))
        else:
            yield submitted


class _Report:
    """What the instructor sees: a bar, a line of JSON a submission, a summary."""

    def __init__(self, total: int, as_json: bool, quiet: bool, passed_by: Sequence[str]) -> None:
        from tqdm import tqdm

        self._as_json, self._quiet = as_json, quiet
        hidden = True if quiet else None  # None: where nobody watches, in a script's log
        self._bar: Any = tqdm(total=total, desc="grading", unit="nb", disable=hidden, leave=False)
        self._began = time.monotonic()
        self._scores: dict[str, list[float]] = {}
        self._refused: list[str] = []
        self._passed_by = passed_by
        self._graded = self._skipped = self._other_seed = 0

    @property
    def not_gradable(self) -> int:
        return len(self._refused)

    def add(self, graded: "Graded") -> None:
        self._graded += graded.status == "graded"
        self._note(graded)

    def skip(self, graded: "Graded", seed: int | None) -> None:
        self._skipped += 1
        self._other_seed += graded.status == "graded" and seed not in (None, graded.seed)
        self._note(graded)

    def _note(self, graded: "Graded") -> None:
        if graded.status == "graded":
            share = graded.score / graded.max_score if graded.max_score else 0.0
            self._scores.setdefault(graded.assignment, []).append(share)
        else:
            self._refused.append(f"{graded.student}/{graded.assignment}: {graded.reason}")
        if self._as_json:
            self._bar.clear()
            click.echo(json.dumps(graded.to_json()))
        self._bar.update()

    def finish(self) -> None:
        self._bar.close()
        if self._quiet:
            return
        seconds = time.monotonic() - self._began
        lines = [
            f"{self._graded} graded, {self.not_gradable} not gradable, {self._skipped} graded "
            f"before; {seconds:.1f} s"
        ]
        for name, shares in sorted(self._scores.items()):
            mean = sum(shares) / len(shares)
            lines.append(f"  {name}: {len(shares)} submissions, mean score {mean:.0%}")
        for what, those in (("not gradable", self._refused), ("passed by", self._passed_by)):
            lines += [f"  {what}: {one}" for one in those[:20]]
            if len(those) > 20:
                lines.append(f"  and {len(those) - 20} more")
        if self._other_seed:
            lines.append(
                f"  {self._other_seed} of those graded before were graded by another seed than "
                "they have now; name a new gradebook to grade everything anew"
            )
        click.echo("\n".join(lines), err=True)
