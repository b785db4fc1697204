"""Submissions that look alike: a pointer for a person, never a verdict.

Compared is what a student wrote: the code of the exercise that was given is left out, and so
are comments, blanks and the choice of names. Short answers look alike by themselves, and a
class writes many things the same way; so two submissions are paired only by runs of tokens
that hardly anybody else has (the idea of Schleimer, Wilkerson and Aiken's "Winnowing",
SIGMOD 2003: fingerprints that are common are no evidence).
"""

import builtins
import difflib
import io
import keyword
import tokenize
from collections import Counter
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from itertools import combinations
from typing import Final

from k8snet_lessons.assess.grading.submission import Cell
from k8snet_lessons.assess.notebooks import Notebook, source_of

RUN: Final = 8  # tokens in one fingerprint
LEAST_TOKENS: Final = 40  # of a student's own; shorter answers look alike by themselves
LEAST_SHARED: Final = 4  # rare fingerprints that make two submissions worth comparing
MOST_TOKENS: Final = 3_000  # compared of one student; the time grows with their square
COMMON_SHARE: Final = 0.05  # of the class; a fingerprint that more have is common
MOST_COMPARED: Final = 400  # pairs whose tokens are compared, those that share most first
_SKIPPED: Final = frozenset(
    {
        tokenize.COMMENT,
        tokenize.NL,
        tokenize.NEWLINE,
        tokenize.INDENT,
        tokenize.DEDENT,
        tokenize.ENCODING,
        tokenize.ENDMARKER,
    }
)
_FIXED_NAMES: Final = frozenset({*keyword.kwlist, *dir(builtins)})


@dataclass(frozen=True)
class Alike:
    """Two submissions that share what hardly anybody else wrote.

    Parameters
    ----------
    students : tuple of str
        The two, in order.
    ratio : float
        Share of tokens that match, 0 to 1 (`difflib.SequenceMatcher.ratio`).
    rare_runs : int
        Runs of `RUN` tokens that both have and hardly anybody else.
    code : tuple of str
        What each wrote, without the code that was given.
    """

    students: tuple[str, str]
    ratio: float
    rare_runs: int
    code: tuple[str, str]


def alike(written: Mapping[str, str], least_ratio: float = 0.6) -> tuple[Alike, ...]:
    """Return pairs worth a look, the most alike first.

    Parameters
    ----------
    written : mapping
        From a student to the code that they wrote themselves (see `own_code`).
    least_ratio : float
        Pairs below it are left out.
    """
    tokens = {student: _tokens(code)[:MOST_TOKENS] for student, code in written.items()}
    runs = {student: _runs(own) for student, own in tokens.items() if len(own) >= LEAST_TOKENS}
    owners: dict[tuple[str, ...], list[str]] = {}
    for student, own in runs.items():
        for run in own:
            owners.setdefault(run, []).append(student)
    most = max(2, int(COMMON_SHARE * len(runs)))
    shared = Counter(
        pair
        for students in owners.values()
        if 2 <= len(students) <= most
        for pair in combinations(sorted(students), 2)
    )

    def part_shared(pair: tuple[str, str]) -> float:
        return shared[pair] / min(len(runs[student]) for student in pair)

    worth = [pair for pair, rare in shared.items() if rare >= LEAST_SHARED]
    found = []
    for one, other in sorted(worth, key=lambda pair: (-part_shared(pair), pair))[:MOST_COMPARED]:
        rare = shared[one, other]
        ratio = difflib.SequenceMatcher(None, tokens[one], tokens[other], autojunk=False).ratio()
        if ratio >= least_ratio:
            found.append(Alike((one, other), ratio, rare, (written[one], written[other])))
    return tuple(sorted(found, key=lambda pair: (-pair.ratio, -pair.rare_runs, pair.students)))


def own_code(cells: Iterable[Cell], given: Collection[str]) -> str:
    """Return the code of a submission without the lines that were given.

    Parameters
    ----------
    cells : iterable of Cell
        The submission's code cells.
    given : collection of str
        Lines of the exercise as released, stripped (see `given_lines`).
    """
    lines = []
    for cell in cells:
        if cell.name != "parameters":  # every student has others
            lines += [line for line in cell.source.splitlines() if line.strip() not in given]
    return "\n".join(line.rstrip() for line in lines if line.strip())


def given_lines(exercise: Notebook) -> frozenset[str]:
    """Return the lines of code that every student was given."""
    return frozenset(
        line.strip()
        for cell in exercise["cells"]
        if cell.get("cell_type") == "code"
        for line in source_of(cell).splitlines()
    )


def _tokens(code: str) -> list[str]:
    """Return a program's tokens with names numbered in the order in which they appear."""
    numbers: dict[str, str] = {}
    found = []
    try:
        for token in tokenize.generate_tokens(io.StringIO(code).readline):
            if token.type in _SKIPPED:
                continue
            if token.type == tokenize.NAME and token.string not in _FIXED_NAMES:
                found.append(numbers.setdefault(token.string, f"name{len(numbers)}"))
            else:
                found.append(token.string)
    except (tokenize.TokenError, SyntaxError, ValueError):  # lines are missing, or no Python
        return code.split()
    return found


def _runs(tokens: list[str]) -> set[tuple[str, ...]]:
    return {tuple(tokens[place : place + RUN]) for place in range(len(tokens) - RUN + 1)}
