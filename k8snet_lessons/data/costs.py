"""The cost constants of the models, each with its source.

``costs.json`` is the one place where a cost stands. A measurement that replaces an
estimate changes one record there: its value, its status and its source.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from types import MappingProxyType
from typing import Literal

Status = Literal["measured", "published", "closed form", "estimate"]
STATUSES: tuple[Status, ...] = ("measured", "published", "closed form", "estimate")

__all__ = ["STATUSES", "Cost", "Status", "cost", "costs"]


@dataclass(frozen=True, kw_only=True)
class Cost:
    """One constant and where it comes from.

    Attributes
    ----------
    id : str
        Dotted name, such as ``"wire.vxlan.packet_us"``.
    value : float
        The number, in `unit`.
    unit : str
        Its unit.
    status : {"measured", "published", "closed form", "estimate"}
        ``measured``: by this course on a real kernel. ``published``: read in the source
        named. ``closed form``: arithmetic on a specification. ``estimate``: none of
        these yet, and a plot that rests on it says so.
    source : str
        Where to look it up.
    what : str
        What it is the cost of.
    low, high : float or None
        Ends of the 95 % interval of a value fitted from a record.
    """

    id: str
    value: float
    unit: str
    status: Status
    source: str
    what: str
    low: float | None = None
    high: float | None = None


@cache
def costs() -> Mapping[str, Cost]:
    """Return every constant by its id (read-only)."""
    text = files("k8snet_lessons.data").joinpath("costs.json").read_text(encoding="utf-8")
    records = [Cost(**record) for record in json.loads(text)["costs"]]
    return MappingProxyType({record.id: record for record in records})


def cost(identifier: str) -> float:
    """Return the value of one constant.

    Raises
    ------
    KeyError
        If there is no constant of that id.
    """
    return costs()[identifier].value
