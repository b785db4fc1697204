"""What can go wrong with a gradebook's file, said so that the reader can mend it."""

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


class GradebookError(RuntimeError):
    """The gradebook cannot be read or written; the message names the file and what to do."""


@contextmanager
def said_plainly(path: Path) -> Iterator[None]:
    """Turn SQLite's errors into sentences about `path`.

    Raises
    ------
    GradebookError
        In place of any `sqlite3.Error`.
    """
    try:
        yield
    except sqlite3.Error as error:
        raise GradebookError(f"the gradebook {path} {_sentence(error)}") from error


@contextmanager
def read_back(path: Path) -> Iterator[None]:
    """Do the same while rows are read, which may hold what nobody here wrote.

    Raises
    ------
    GradebookError
        Also in place of an error of a type or a value.
    """
    try:
        with said_plainly(path):
            yield
    except (ValueError, TypeError, LookupError, AttributeError) as error:
        raise GradebookError(
            f"the gradebook {path} holds a row that cannot be read ({error}): it was changed by "
            "another program; restore a copy"
        ) from error


def _sentence(error: sqlite3.Error) -> str:
    code = (getattr(error, "sqlite_errorcode", None) or 0) & 0xFF  # the primary result code
    if code in (sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED):
        return "is locked by another program: wait until it has finished, then run this again"
    if code == sqlite3.SQLITE_FULL:
        return (
            "could not be written, the disk is full: what was recorded before is safe; "
            "make room, then run this again"
        )
    if code in (sqlite3.SQLITE_NOTADB, sqlite3.SQLITE_CORRUPT):
        return f"is damaged or is no gradebook ({error}): restore a copy, or name another file"
    if code == sqlite3.SQLITE_READONLY:
        return "may not be written: check the rights of the file and of its folder"
    if code == sqlite3.SQLITE_CANTOPEN:
        return "could not be opened: does its folder exist, and may you read and write there?"
    return f"could not be used ({error})"
