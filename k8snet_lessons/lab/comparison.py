"""One machine's record beside the one that ships with the course."""

from dataclasses import dataclass
from typing import Any

from k8snet_lessons.data.measured import Record, Scalar


@dataclass(frozen=True)
class Comparison:
    """One series that both records hold.

    ``here`` and ``shipped`` are minima where a time is measured and medians otherwise.
    """

    name: str
    unit: str
    where: tuple[tuple[str, Scalar], ...]
    here: float
    shipped: float

    @property
    def ratio(self) -> float | None:
        """Here over shipped; None where the shipped value is 0."""
        return self.here / self.shipped if self.shipped else None


def compare(here: Record, shipped: Record) -> list[Comparison]:
    """Every series of ``here`` that the shipped record also has, under the same setting."""
    compared = []
    for mine in here.series:
        for theirs in shipped.find(mine.name):
            if theirs.unit != mine.unit or dict(theirs.where) != dict(mine.where):
                continue
            is_time = mine.unit in ("us", "s")
            compared.append(
                Comparison(
                    name=mine.name,
                    unit=mine.unit,
                    where=tuple(mine.where.items()),
                    here=mine.minimum if is_time else mine.median,
                    shipped=theirs.minimum if is_time else theirs.median,
                )
            )
    return compared


def as_rows(compared: list[Comparison]) -> list[dict[str, Any]]:
    """The comparison as plain objects for JSON."""
    return [
        {
            "name": row.name,
            "unit": row.unit,
            "where": dict(row.where),
            "here": row.here,
            "shipped": row.shipped,
            "ratio": row.ratio,
        }
        for row in compared
    ]


def as_text(here: Record, shipped: Record, compared: list[Comparison]) -> str:
    """The comparison as a table to read."""
    lines = [
        "",
        f"{here.experiment}: {here.question}",
        f"  here:    Linux {here.machine.kernel}, {here.machine.cpu}",
        f"  shipped: Linux {shipped.machine.kernel}, {shipped.machine.cpu}",
        f"  {'':<84} {'here':>11} {'shipped':>11}",
    ]
    for row in compared:
        setting = ", ".join(f"{key} {value}" for key, value in row.where)
        ratio = f"{row.ratio:.2f} x" if row.ratio is not None else ""
        label = f"{row.name}: {setting}"
        lines.append(f"  {label:<84} {row.here:>11.4g} {row.shipped:>11.4g} {row.unit:<9} {ratio}")
    if not compared:
        lines.append("  no setting in common: a quick run has smaller ones")
    return "\n".join(lines)
