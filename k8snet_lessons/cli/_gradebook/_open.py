"""What the gradebook's commands share: the file, the assignments, errors as sentences."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from k8snet_lessons.course.curriculum import LESSONS
from k8snet_lessons.errors import InputError

if TYPE_CHECKING:
    from k8snet_lessons.assess.gradebook import Gradebook, Standing


def gradebook_option(command: Callable[..., Any]) -> Callable[..., Any]:
    """Add ``--gradebook FILE`` to a command."""
    return click.option(
        "--gradebook",
        "path",
        type=click.Path(dir_okay=False, path_type=Path),
        default=Path("gradebook.db"),
        envvar="K8SNET_GRADEBOOK",
        show_default=True,
        show_envvar=True,
        help="The file that `k8snet grade` wrote.",
    )(command)


def assignment_option(command: Callable[..., Any]) -> Callable[..., Any]:
    """Add a repeatable ``--assignment`` to a command."""
    return click.option(
        "--assignment",
        "wanted",
        multiple=True,
        help="A number or a part of its name; may be repeated [default: all that were graded].",
    )(command)


@contextmanager
def opened(path: Path, *, create: bool = False) -> "Iterator[Gradebook]":
    """Open a gradebook; its errors, and wrong input, become exit status 2."""
    from k8snet_lessons.assess.gradebook import Gradebook, GradebookError

    try:
        with Gradebook(path, create=create) as book:
            yield book
    except (GradebookError, InputError) as error:
        raise click.UsageError(str(error)) from None
    except OSError as error:
        raise click.UsageError(f"cannot write {error.filename}: {error.strerror}") from None


def chosen(
    book: "Gradebook", wanted: Sequence[str], besides: Sequence[str] = ()
) -> tuple[str, ...]:
    """Return the assignments meant by numbers or parts of names; all graded ones by default.

    Parameters
    ----------
    book : Gradebook
        The assignments in it may be meant,
    wanted : sequence of str
        Numbers or parts of names.
    besides : sequence of str
        and these.

    Raises
    ------
    InputError
        If a word means none or several of them.
    """
    graded = book.assignments()
    if not wanted:
        return graded
    there = {*graded, *besides}
    known = {lesson.slug for lesson in LESSONS if lesson.exercise}
    found = []
    for word in wanted:
        number = word.zfill(2) + "-"
        fits = [one for one in there if one == word]
        # One student's misnamed file must not make a number mean two things.
        for among in (sorted(there & known), sorted(there)):
            fits = fits or [one for one in among if one.startswith(number) or word in one]
        if len(fits) != 1:
            meant = ", ".join(sorted(fits or there)) or "none"
            raise InputError("assignment", word, f"one of {meant}")
        found += fits
    return tuple(dict.fromkeys(found))


def all_standings(
    book: "Gradebook", assignments: Sequence[str]
) -> "dict[str, tuple[Standing, ...]]":
    """Return the standings of each assignment, by its own policy."""
    from k8snet_lessons.assess.gradebook import standings

    return {work: standings(book.attempts(work), book.policy(work)) for work in assignments}


def write_or_print(text: str, output: Path | None) -> None:
    """Write into a file, or to standard output where none is named."""
    if output is None:
        click.echo(text, nl=False)
    else:
        output.write_text(text, encoding="utf-8")
