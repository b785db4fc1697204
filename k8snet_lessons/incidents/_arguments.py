"""argparse for tools of a shell: it says what is wrong instead of leaving the program."""

import argparse
from collections.abc import Sequence
from typing import Any, NoReturn

from k8snet_lessons.incidents.case import ToolError

Argument = tuple[tuple[str, ...], dict[str, Any]]


class _Parser(argparse.ArgumentParser):
    def error(self, message: str) -> NoReturn:
        raise ToolError(f"{self.prog}: {message}")


def argument(*names: str, **options: Any) -> Argument:
    """One argument, as ``add_argument`` takes it."""
    return names, options


def parsed(prog: str, words: Sequence[str], *arguments: Argument) -> Any:
    """Parse words, options before and behind what is positional; ToolError if they do not fit."""
    parser = _Parser(prog=prog, add_help=False, allow_abbrev=False)
    for names, options in arguments:
        parser.add_argument(*names, **options)
    return parser.parse_intermixed_args(list(words))
