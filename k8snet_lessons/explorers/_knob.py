"""One knob: what it is called, what it may be, and why a value is refused."""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal, cast

from k8snet_lessons.errors import InputError

Value = bool | int | float | str
Kind = Literal["range", "log", "choice", "toggle", "number", "text"]


@dataclass(frozen=True)
class Knob:
    """A control of an explorer.

    Parameters
    ----------
    name : str
        Key in the settings, a Python identifier.
    label : str
        What the learner reads beside the control.
    default : bool, int, float or str
        Where the knob stands at first. A whole number makes the knob whole.
    kind : {"range", "log", "choice", "toggle", "number", "text"}
        ``range`` and ``log`` are sliders with a field for typing beside them; ``number``
        and ``text`` are fields alone.
    min, max : float, optional
        Inclusive bounds of what is accepted.
    slider : (float, float), optional
        The part worth turning, where the slider ends; without it, the bounds.
    step : float, optional
        Distance between the stops of a ``range`` slider. A typed value may fall between.
    stops : tuple of float, optional
        The stops of a ``log`` slider; without it, twelve to a decade.
    choices : tuple or mapping
        For ``choice``: the values, or value to label.
    unit : str
        Shown after the value.
    group : {"main", "more", "hidden"}
        ``more`` is folded away at first; ``hidden`` is a setting that only presets and
        Python change.
    help : str
        One sentence, shown under the knob when it has the focus or the pointer.

    Examples
    --------
    >>> Knob("replicas", "Replicas", 3, min=1, max=50, unit="pods").check(99)
    Traceback (most recent call last):
    k8snet_lessons.errors.InputError: replicas is 99; allowed: a whole number from 1 to 50
    """

    name: str
    label: str
    default: Value
    kind: Kind = "range"
    min: float | None = None
    max: float | None = None
    slider: tuple[float, float] | None = None
    step: float | None = None
    stops: tuple[float, ...] = ()
    choices: tuple[Value, ...] | Mapping[Any, str] = ()
    unit: str = ""
    group: Literal["main", "more", "hidden"] = "main"
    help: str = ""

    def __post_init__(self) -> None:
        if not self.name.isidentifier():
            raise InputError("Knob.name", self.name, "a Python identifier")
        if self.kind in ("range", "log") and None in self._ends():
            raise InputError(f"Knob {self.name}", self.kind, "a slider with min and max")
        if self.kind == "log" and cast(float, self._ends()[0]) <= 0:
            raise InputError(f"Knob {self.name}: start", self._ends()[0], "a number above 0")
        if self.kind == "choice" and not self.choices:
            raise InputError(f"Knob {self.name}: choices", self.choices, "at least one choice")
        self.check(self.default)

    @property
    def whole(self) -> bool:
        """Whether only whole numbers are accepted."""
        return isinstance(self.default, int) and not isinstance(self.default, bool)

    @property
    def options(self) -> tuple[tuple[Value, str], ...]:
        """Each choice with its label."""
        if isinstance(self.choices, Mapping):
            return tuple(self.choices.items())
        return tuple((choice, str(choice)) for choice in self.choices)

    @property
    def allowed(self) -> str:
        """What may be entered, as a clause for an error."""
        if self.kind == "choice":
            return "one of " + ", ".join(str(value) for value, _ in self.options)
        if self.kind == "toggle":
            return "on or off (True or False)"
        if self.kind == "text":
            return "a text"
        what = "a whole number" if self.whole else "a number"
        if self.min is not None and self.max is not None:
            return f"{what} from {plain(self.min)} to {plain(self.max)}"
        if self.min is not None:
            return f"{what} of at least {plain(self.min)}"
        if self.max is not None:
            return f"{what} of at most {plain(self.max)}"
        return what

    def check(self, value: object) -> Value:
        """Turn what was given into a value of this knob, or say what is allowed.

        Raises
        ------
        InputError
            With the name of the knob, the value as given and what is allowed.
        """
        if self.kind == "choice":
            for option, _ in self.options:
                if option == value and isinstance(option, bool) == isinstance(value, bool):
                    return option
        elif self.kind == "toggle":
            if isinstance(value, bool):
                return value
        elif self.kind == "text":
            if isinstance(value, str):
                return value
        elif (number := self._number(value)) is not None:
            return number
        raise InputError(self.name, value, self.allowed)

    def _number(self, value: object) -> int | float | None:
        if isinstance(value, str):
            try:
                value = float(value.strip().replace(",", "").replace("_", ""))
            except ValueError:
                return None
        if isinstance(value, bool):
            return None
        try:
            number = float(value)  # type: ignore[arg-type]
        except (TypeError, ValueError, OverflowError):
            return None
        if not math.isfinite(number) or (self.whole and number != int(number)):
            return None
        low = -math.inf if self.min is None else self.min
        high = math.inf if self.max is None else self.max
        if not low <= number <= high:
            return None
        return int(number) if self.whole else number

    def _ends(self) -> tuple[float | None, float | None]:
        return self.slider or (self.min, self.max)

    def slider_stops(self) -> tuple[float, ...]:
        """Every position of a slider, in rising order, ends included."""
        if self.kind not in ("range", "log"):
            return ()
        low, high = (cast(float, end) for end in self._ends())
        if self.stops:
            return tuple(sorted({low, high, *self.stops}))
        if self.kind == "log":
            count = max(2, round(12 * math.log10(high / low)))
            raw = [low * (high / low) ** (i / count) for i in range(count + 1)]
            rounded = [_two_digits(x) for x in raw[1:-1]]
            stops = {round(x) if self.whole else x for x in rounded if low < x < high}
            return tuple(sorted({low, high, *stops}))
        step = self.step or (1 if self.whole else (high - low) / 100)
        count = math.floor((high - low) / step + 1e-9)
        stops = {round(low + i * step, 12) for i in range(count + 1)}
        return tuple(sorted({*stops, high}))

    def spec(self) -> dict[str, object]:
        """What the browser needs to draw this knob."""
        return {
            "name": self.name,
            "label": self.label,
            "kind": self.kind,
            "unit": self.unit,
            "group": self.group,
            "help": self.help,
            "whole": self.whole,
            "default": self.default,
            "stops": list(self.slider_stops()),
            "options": [[value, label] for value, label in self.options],
        }


def plain(value: float) -> str:
    """A bound as a learner would write it: ``262144``, ``0.5``."""
    return str(int(value)) if value == int(value) else repr(value)


def _two_digits(value: float) -> float:
    """Round to two significant digits, so that the stops are easy to read."""
    return float(f"{value:.1e}")
