"""What a field of a Scenario may be, said once: for validation and for explorers."""

import math
import numbers
from dataclasses import dataclass, field
from typing import Any, Literal

from k8snet_lessons.errors import InputError

Kind = Literal["number", "whole", "share", "choice", "switch", "text", "names"]


@dataclass(frozen=True, kw_only=True)
class Knob:
    """One field of a :class:`Scenario`: what it is called, and what it may be.

    Attributes
    ----------
    name : str
        The field's name.
    label : str
        A few words for a person, without the unit.
    unit : str
        The unit, ``""`` for counts, choices and names.
    kind : {"number", "whole", "share", "choice", "switch", "text", "names"}
        ``share`` is a number from 0 to 1; ``names`` a tuple of strings.
    group : str
        The part of the road it belongs to.
    default : object
        Value in ``Scenario()``.
    minimum, maximum : float or None
        Hard bounds; a value outside is refused.
    slider : (float, float) or None
        The range worth turning, inside the hard bounds.
    choices : tuple of str
        What a ``choice`` may be.
    optional : bool
        Whether None is allowed.
    help : str
        One or two sentences.
    cost : str
        Id of the constant the default comes from, if it comes from one.
    """

    name: str
    label: str
    unit: str
    kind: Kind
    group: str
    default: Any
    minimum: float | None
    maximum: float | None
    slider: tuple[float, float] | None
    choices: tuple[str, ...]
    optional: bool
    help: str
    cost: str

    def allowed(self) -> str:
        """Say what is allowed, as a clause."""
        if self.kind == "choice":
            words = "one of " + ", ".join(repr(choice) for choice in self.choices)
        elif self.kind == "switch":
            words = "True or False"
        elif self.kind == "text":
            words = "a domain name such as 'api.stripe.com'"
        elif self.kind == "names":
            words = "a tuple of domain names, at most 32"
        else:
            noun = "a whole number" if self.kind == "whole" else "a number"
            words = f"{noun} from {_plain(self.minimum)} to {_plain(self.maximum)}"
            if self.unit:
                words += f" ({self.unit})"
        return f"{words}, or None" if self.optional else words

    def checked(self, value: Any) -> Any:
        """Return `value` as a plain Python object, or raise InputError."""
        if value is None and self.optional:
            return None
        result = _as_kind(self.kind, value)
        if result is None or not self._in_range(result):
            raise InputError(self.name, value, self.allowed())
        return result

    def _in_range(self, value: Any) -> bool:
        if self.kind == "choice":
            return value in self.choices
        if self.minimum is not None and value < self.minimum:
            return False
        return self.maximum is None or value <= self.maximum


def _plain(number: float | None) -> str:
    return f"{number:,.15g}" if number is not None else "any"


def _as_kind(kind: Kind, value: Any) -> Any:
    """Return `value` converted, or None where it is of another kind."""
    is_bool = isinstance(value, bool) or type(value).__name__ in ("bool_", "bool")
    if kind == "switch":
        return bool(value) if is_bool else None
    if kind == "whole":
        return int(value) if isinstance(value, numbers.Integral) and not is_bool else None
    if kind in ("number", "share"):
        if is_bool or not isinstance(value, numbers.Real):
            return None
        number = float(value)
        return number if math.isfinite(number) else None
    if kind == "names":
        if isinstance(value, str) or not isinstance(value, (tuple, list)) or len(value) > 32:
            return None
        return tuple(value) if all(is_domain_name(item) for item in value) else None
    if not isinstance(value, str):
        return None
    return str(value) if kind == "choice" or is_domain_name(value) else None


def is_domain_name(text: Any) -> bool:
    """Whether `text` is a domain name as RFC 1035 bounds it; a final dot may stand."""
    if not isinstance(text, str) or not text.isascii():
        return False
    bare = text[:-1] if text.endswith(".") else text
    labels = bare.split(".")
    return len(bare) <= 253 and all(
        0 < len(label) <= 63 and label.replace("-", "").replace("_", "").isalnum()
        for label in labels
    )


def knob(
    default: Any,
    label: str,
    unit: str = "",
    *,
    group: str,
    kind: Kind,
    minimum: float | None = None,
    maximum: float | None = None,
    slider: tuple[float, float] | None = None,
    choices: tuple[str, ...] = (),
    optional: bool = False,
    cost: str = "",
    help: str,  # noqa: A002
) -> Any:
    """Declare a dataclass field that knows its own bounds and words."""
    if kind == "share":
        minimum, maximum = 0.0, 1.0
        slider = slider or (0.0, 1.0)
    words = {
        "label": label,
        "unit": unit,
        "kind": kind,
        "group": group,
        "minimum": minimum,
        "maximum": maximum,
        "slider": slider,
        "choices": choices,
        "optional": optional,
        "help": help,
        "cost": cost,
    }
    return field(default=default, metadata={"knob": words})
