"""Constants fitted from the records, with their intervals and what the fit leaves over."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from types import MappingProxyType


@dataclass(frozen=True, kw_only=True)
class Point:
    """One point of a fit: where it stands, what was measured and what the fit says there."""

    x: float
    measured: float
    fitted: float

    @property
    def residual(self) -> float:
        return self.measured - self.fitted


@dataclass(frozen=True, kw_only=True)
class Fit:
    """One constant fitted from a record.

    Attributes
    ----------
    id : str
        Dotted name; the cost constant of that id in ``costs.json`` takes this value.
    value, low, high : float
        The fitted value and the ends of its 95 % bootstrap interval, in ``unit``.
    unit : str
    record : str
        The record it was fitted from.
    method : str
        How, in one sentence.
    points : tuple of Point
        For a line: every setting measured, with measurement and fit.
    """

    id: str
    value: float
    low: float
    high: float
    unit: str
    record: str
    method: str
    points: tuple[Point, ...] = ()

    @property
    def worst_residual_share(self) -> float:
        """The largest residual as a share of what was measured; 0 without points."""
        return max((abs(each.residual) / each.measured for each in self.points), default=0.0)


def fits_file() -> Path:
    """Where the fitted constants stand."""
    return Path(__file__).parent.parent / "fits.json"


@cache
def fits() -> Mapping[str, Fit]:
    """Every fitted constant by its id (read-only)."""
    found = {}
    for plain in json.loads(fits_file().read_text())["fits"]:
        points = tuple(Point(**each) for each in plain.pop("points", []))
        found[plain["id"]] = Fit(**plain, points=points)
    return MappingProxyType(found)
