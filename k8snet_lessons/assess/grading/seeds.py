"""Which variant each student was given: the instructor's word, never the notebook's."""

import csv
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from k8snet_lessons.errors import InputError

MOST: Final = 2**63 - 1  # what a gradebook can hold


@dataclass(frozen=True)
class Seeds:
    """From a student and an assignment to the seed of the variant.

    Parameters
    ----------
    default : int or None
        The seed of everybody who is not listed; None if everybody must be.
    listed : dict
        By student and assignment; an empty assignment stands for all.
    """

    default: int | None = 0
    listed: dict[tuple[str, str], int] = field(default_factory=dict)

    def of(self, student: str, assignment: str) -> int | None:
        """Return the seed of a student's variant, or None if it is not known."""
        for key in ((student, assignment), (student, "")):
            if key in self.listed:
                return self.listed[key]
        return self.default


def read_seeds(path: Path) -> Seeds:
    """Read a CSV file with the columns ``student``, ``seed`` and, if wanted, ``assignment``.

    Raises
    ------
    InputError
        For a missing column or a seed that is no whole number, with its line.
    """
    listed: dict[tuple[str, str], int] = {}
    try:
        with path.open(newline="", encoding="utf-8-sig") as file:
            rows = csv.DictReader(file)
            columns = rows.fieldnames or []
            for name in ("student", "seed"):
                if name not in columns:
                    raise InputError(
                        "columns", ", ".join(columns), "student and seed", f"{path}, line 1"
                    )
            for row in rows:
                where = f"{path}, line {rows.line_num}"
                try:
                    seed = int(row["seed"] or "")
                    if not -MOST <= seed <= MOST:
                        raise ValueError
                except ValueError:
                    raise InputError(
                        "seed", row["seed"], f"a whole number within {MOST}", where
                    ) from None
                listed[(row["student"] or "").strip(), (row.get("assignment") or "").strip()] = seed
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise InputError("seeds", str(path), f"a CSV file that can be read ({error})") from None
    return Seeds(None, listed)
