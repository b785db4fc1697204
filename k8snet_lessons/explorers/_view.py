"""What a model hands to an explorer: pictures, a sentence, the same facts as numbers."""

import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

#: A plotly figure as plain data: ``{"data": [traces], "layout": {...}}``.
#: Plain dictionaries, because validating a ``plotly.graph_objects.Figure`` takes longer
#: than the whole budget of a repaint.
Figure = Mapping[str, Any]
Row = Mapping[str, object]


@dataclass(frozen=True)
class Number:
    """One line of the table beside the plots.

    Parameters
    ----------
    label : str
        What was measured: ``"p99 latency"``.
    value : float
        The value in ``unit``; NaN where there is none.
    unit : str
        Shown after the value.
    digits : int
        Significant digits shown.
    lower_is_better : bool or None
        Colours nothing and judges nothing; only the words "better" and "worse" need it.
    main : bool
        The number that the comparison of two settings talks about.
    """

    label: str
    value: float
    unit: str = ""
    digits: int = 3
    lower_is_better: bool | None = True
    main: bool = False

    @property
    def text(self) -> str:
        """The value with its unit: ``58.3 ms``."""
        return with_unit(self.value, self.unit, self.digits)


@dataclass(frozen=True)
class Panel:
    """One plot of an explorer.

    Parameters
    ----------
    title : str
        Heading of the plot.
    figure : mapping
        A plotly figure as plain data (`k8snet_lessons.figures` makes them). Keep the
        traces, their order and the axis ranges the same from one setting to the next: what
        stays still costs nothing, and a moving axis hides a moving curve.
    summary : str
        The plot in one sentence, for those who do not see it.
    size : {"half", "tall", "wide"}
        Where there is room for two columns: one of them, one of them and two rows high
        (the main plot), or both. On a narrow page the plots stand one below the other.
    evidence : sequence of traces
        Measured points that a switch lays over the plot.
    """

    title: str
    figure: Figure
    summary: str = ""
    size: Literal["half", "tall", "wide"] = "half"
    evidence: Sequence[Mapping[str, Any]] = ()


@dataclass(frozen=True)
class View:
    """Everything that an explorer shows for one setting of its knobs.

    Parameters
    ----------
    headline : str
        The finding in one sentence; read aloud when a knob comes to rest.
    panels : tuple of Panel
        The plots.
    numbers : tuple of Number
        The same facts as text; the one with ``main`` is compared between two settings.
    notes : tuple of str
        What a reader must know to trust the plot: which constants are estimates, sources.
    code : str
        Python that reproduces the plot.
    csv : callable, optional
        Makes the rows of the download when asked for, each a mapping of column to value.
    """

    headline: str
    panels: tuple[Panel, ...]
    numbers: tuple[Number, ...]
    notes: tuple[str, ...] = ()
    code: str = ""
    csv: Callable[[], Iterable[Row]] | None = None

    @property
    def main(self) -> Number | None:
        """The number that comparisons are about."""
        return next((n for n in self.numbers if n.main), None)

    def number(self, label: str) -> float:
        """The value shown under a label; `KeyError` names the labels there are."""
        for candidate in self.numbers:
            if candidate.label == label:
                return candidate.value
        raise KeyError(f"no number {label!r}; there are: {[n.label for n in self.numbers]}")


@dataclass(frozen=True)
class Prediction:
    """A guess that the learner commits before the curve shows.

    Parameters
    ----------
    question : str
        What to guess, ending in a question mark.
    unit : str
        Unit of the guess; the same as on the axis it is drawn on.
    answer : callable
        From the view to the true value, in ``unit``.
    settings : mapping
        The setting that the question is about; the explorer is turned to it.
    panel : int
        The plot through which the guess is drawn.
    axis : {"x", "y"}
        The axis on which the guess lies.
    close_factor : float
        A guess within this factor counts as close.
    minimum : float or None
        A guess must lie above it; None where any number will do (a count or a difference
        that may be 0).
    """

    question: str
    unit: str
    answer: Callable[[View], float]
    settings: Mapping[str, Any] = field(default_factory=dict)
    panel: int = 0
    axis: str = "y"
    close_factor: float = 1.25
    minimum: float | None = 0.0

    def verdict(self, guess: float, view: View) -> str:
        """The guess beside the answer, in words."""
        truth = self.answer(view)
        said = f"You said {with_unit(guess, self.unit)}; "
        if truth != truth:  # NaN
            return said + "the model has no such value at this setting."
        said += f"the model says {with_unit(truth, self.unit)}"
        if guess == truth:
            return said + ": exactly right."
        if guess <= 0 or truth <= 0:
            gap = with_unit(abs(guess - truth), self.unit)
            return said + f": {gap} too {'low' if guess < truth else 'high'}."
        factor = max(guess, truth) / min(guess, truth)
        if factor <= self.close_factor:
            return said + ": close."
        side = "low" if guess < truth else "high"
        if factor < 1.15:
            return said + f": too {side} by {significant(100 * abs(guess / truth - 1), 2)} %."
        return said + f": too {side} by a factor of {significant(factor, 2)}."


def significant(value: float, digits: int = 3) -> str:
    """A number to so many significant digits, never in exponent form: ``1,240``."""
    if value != value:
        return "none"
    if value in (float("inf"), float("-inf")):
        return "infinite"
    if value == 0:
        return "0"
    if abs(value) < 10**15 and math.isclose(value, round(value), rel_tol=1e-9):
        return f"{float(f'{value:.{max(digits, 6) - 1}e}'):,.0f}"
    rounded = float(f"{value:.{digits - 1}e}")
    exponent = int(f"{abs(rounded):e}".split("e")[1])
    return f"{rounded:,.{max(0, digits - 1 - exponent)}f}"


def with_unit(value: float, unit: str, digits: int = 3) -> str:
    """A number and its unit; a percent sign needs no more than a thin gap."""
    number = significant(value, digits)
    if not unit or not math.isfinite(value):
        return number
    return f"{number} {unit}"


def change(before: float, after: float) -> str:
    """From one value to another, in words: ``34 % lower``, ``3.2 times as high``."""
    if before != before or after != after:
        return "cannot be compared"
    if before == after:
        return "unchanged"
    if before <= 0 or after <= 0:
        return "higher" if after > before else "lower"
    ratio = after / before
    if abs(ratio - 1) < 0.005:
        return "unchanged (within 0.5 %)"
    if ratio >= 2:
        return f"{significant(ratio, 2)} times as high"
    if ratio <= 0.1:
        return f"{significant(1 / ratio, 2)} times lower"
    return f"{abs(ratio - 1) * 100:.0f} % {'higher' if ratio > 1 else 'lower'}"
