"""What others measured, on other machines: figures to set beside the course's own records."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from types import MappingProxyType
from typing import Literal

Status = Literal["verified", "secondary", "digitised"]
STATUSES: tuple[Status, ...] = ("verified", "secondary", "digitised")

__all__ = ["STATUSES", "PublishedPoint", "Status", "Study", "studies"]


@dataclass(frozen=True, kw_only=True)
class PublishedPoint:
    """One figure: its value, unit and the setting it holds for."""

    where: Mapping[str, bool | int | float | str]
    value: float
    unit: str


@dataclass(frozen=True, kw_only=True)
class Study:
    """What one source published about one thing.

    Attributes
    ----------
    id : str
    what : str
        What was measured.
    status : {"verified", "secondary", "digitised"}
        ``verified``: read in the source itself. ``secondary``: read in a restatement of it.
        ``digitised``: read off a chart. A figure that draws the points shows this.
    source, url : str
        Where it stands.
    hardware : str
        What it was measured on: someone else's.
    note : str
        What one must know to read it rightly.
    points : tuple of PublishedPoint
    """

    id: str
    what: str
    status: Status
    source: str
    url: str
    hardware: str
    note: str
    points: tuple[PublishedPoint, ...]

    def find(self, **setting: bool | int | float | str) -> list[PublishedPoint]:
        """Every point taken under that setting (all keys equal)."""
        return [
            point
            for point in self.points
            if all(point.where.get(key) == value for key, value in setting.items())
        ]


@cache
def studies() -> Mapping[str, Study]:
    """Every study by its id (read-only)."""
    text = files("k8snet_lessons.data").joinpath("published.json").read_text(encoding="utf-8")
    found = {}
    for plain in json.loads(text)["studies"]:
        points = tuple(PublishedPoint(**each) for each in plain.pop("points"))
        found[plain["id"]] = Study(**plain, points=points)
    return MappingProxyType(found)
