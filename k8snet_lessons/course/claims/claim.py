"""A claim: words of a lesson that hold a number, and where the number comes from."""

import re
from collections.abc import Callable
from dataclasses import dataclass
from decimal import Decimal
from typing import Final, Literal

Kind = Literal["closed form", "measured", "model", "published", "documented", "estimate", "chosen"]
KINDS: Final[tuple[Kind, ...]] = (
    "closed form",
    "measured",
    "model",
    "published",
    "documented",
    "estimate",
    "chosen",
)
NUMBER: Final = re.compile(r"(?<![\w.])\d[\d,]*(?:\.\d+)?")


@dataclass(frozen=True)
class Claim:
    """One claim of a lesson.

    Parameters
    ----------
    says : str
        The words, as they stand in the lesson; they hold every number that is claimed.
    kind : str
        ``closed form``: arithmetic. ``measured``: by this course, in a record. ``model``:
        what the course's model gives. ``published``: measured by others. ``documented``: a
        specification, a manual or source code says so. ``estimate``: an order of size that
        nobody measured here. ``chosen``: a setting of an example, not a claim on the world.
    source : str
        Where it can be checked: a formula, a record, a document.
    url : str
        Its address, if it has one.
    value : callable, optional
        Computes the number anew, or several; each must be among those that the words hold.
    """

    says: str
    kind: Kind
    source: str
    url: str = ""
    value: Callable[[], float | tuple[float, ...]] | None = None

    def numbers(self) -> tuple[Decimal, ...]:
        """Return the numbers that the words hold."""
        return tuple(Decimal(found.replace(",", "")) for found in NUMBER.findall(self.says))

    def computed(self) -> tuple[float, ...]:
        """Return what comes out when the claim is computed anew; empty if it cannot be."""
        value = self.value() if self.value else ()
        return value if isinstance(value, tuple) else (value,)

    def holds(self) -> bool:
        """Whether the computed values, rounded as the lesson rounds, are among the numbers."""
        numbers = self.numbers()
        return all(
            any(_rounds_to(value, number) for number in numbers) for value in self.computed()
        )


def _rounds_to(value: float, number: Decimal) -> bool:
    # "21.8" claims half a tenth; a round "100,000" claims its leading digits and no more.
    exponent = number.normalize().as_tuple().exponent
    step = float(Decimal(1).scaleb(int(exponent)))
    return abs(value - float(number)) <= 0.5 * step * (1 + 1e-9)


def computed(says: str, formula: str, value: Callable[[], float], url: str = "") -> Claim:
    """A closed form: `formula` is shown, `value` is it in Python."""
    return Claim(says, "closed form", formula, url, value)


def modeled(says: str, model: str, value: Callable[[], float | tuple[float, ...]]) -> Claim:
    """A result of one of the course's models, computed anew."""
    return Claim(says, "model", model, value=value)


def recorded(says: str, record: str, value: Callable[[], float] | None = None) -> Claim:
    """A measurement of this course: its record or data file, and how the number is read there."""
    kind = "data file" if "." in record else "record"
    return Claim(says, "measured", f"{kind} {record}", value=value)


def published(says: str, source: str, url: str) -> Claim:
    """A measurement of others."""
    return Claim(says, "published", source, url)


def documented(says: str, source: str, url: str = "") -> Claim:
    """What a specification, a manual or source code says."""
    return Claim(says, "documented", source, url)


def chosen(says: str, what: str = "a setting of the example") -> Claim:
    """A setting of an example."""
    return Claim(says, "chosen", what)
