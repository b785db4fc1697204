"""A table that reads well in a notebook, in a terminal, and on a page without a kernel."""

import html
import re
from dataclasses import dataclass
from typing import Final

_QUANTITY: Final = re.compile(r"[-+−~<>≥≤]?\s*\d[\d,.]*(\s?[^\s\d]{1,6})?|none|holds")
_ADDRESS: Final = re.compile(r"https?://[^\s<>\"]+[^\s<>\".,;:)]")


@dataclass(frozen=True)
class Table:
    """Rows of text under a header.

    Parameters
    ----------
    header : tuple of str
    rows : tuple of tuple of str
    caption : str
        What the table shows, and where its numbers come from.
    """

    header: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    caption: str = ""

    def __str__(self) -> str:
        lines = [self.header, *self.rows]
        widths = [max(len(line[i]) for line in lines) for i in range(len(self.header))]
        shown = ["  ".join(cell.ljust(w) for cell, w in zip(line, widths, strict=True)).rstrip()
                 for line in lines]  # fmt: skip
        return "\n".join([*([self.caption] if self.caption else []), *shown])

    __repr__ = __str__

    def _repr_html_(self) -> str:
        # Notebooks align every cell to the right; words read better from the left.
        ends = [
            "right" if self._is_numeric(column) else "left" for column in range(len(self.header))
        ]
        head = "".join(
            f'<th scope="col" style="text-align:{end}">{html.escape(cell)}</th>'
            for cell, end in zip(self.header, ends, strict=True)
        )
        body = "".join(
            "<tr>"
            + "".join(
                f'<td style="text-align:{end}">{_linked(cell)}</td>'
                for cell, end in zip(row, ends, strict=True)
            )
            + "</tr>"
            for row in self.rows
        )
        caption = ""
        if self.caption:
            caption = f'<caption style="text-align:left">{html.escape(self.caption)}</caption>'
        return f"<table>{caption}<thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>"

    def _is_numeric(self, column: int) -> bool:
        """Whether a column holds quantities, each with the same unit or none."""
        cells = [row[column] for row in self.rows if row[column]]
        return bool(cells) and all(_QUANTITY.fullmatch(cell) for cell in cells)


def _linked(cell: str) -> str:
    """Return a cell as HTML; an address in it can be followed."""
    pieces, at = [], 0
    for found in _ADDRESS.finditer(cell):
        address = html.escape(found[0])
        # A long address may break anywhere: as one word it would push its table off the page.
        link = f'<a href="{address}" style="overflow-wrap:anywhere">{address}</a>'
        pieces += [html.escape(cell[at : found.start()]), link]
        at = found.end()
    return "".join([*pieces, html.escape(cell[at:])])
