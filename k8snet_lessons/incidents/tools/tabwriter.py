"""Columns as Go's ``text/tabwriter`` aligns them, with the settings that kubectl gives it.

A cell is text that ends in a tab. A column is the run of consecutive lines that have a cell
there, so a line without one ends the column, and the next run has a width of its own: this is
why the colons of ``kubectl describe`` are aligned in blocks.
"""

#: kubectl: ``out.Init(buf, 0, 8, 2, ' ', 0)``.
_PADDING = 2


def tabbed(text: str) -> str:
    """Replace tabs by spaces so that cells form columns.

    Parameters
    ----------
    text : str
        Lines whose cells end in tabs.

    Returns
    -------
    str

    Examples
    --------
    >>> print(tabbed("Name:\\tcheckout\\nSession Affinity:\\tNone\\nContainers:\\nx:\\ty"))
    Name:              checkout
    Session Affinity:  None
    Containers:
    x:  y
    """
    rows = [line.split("\t") for line in text.split("\n")]
    made = [""] * len(rows)
    _align(rows, made, 0, len(rows), 0)
    return "\n".join(made)


def _align(rows: list[list[str]], made: list[str], start: int, end: int, column: int) -> None:
    """Write one column, and within each of its runs the columns to the right."""
    row = start
    while row < end:
        if len(rows[row]) <= column + 1:  # the last cell of a line belongs to no column
            made[row] += rows[row][column]
            row += 1
            continue
        stop = row
        while stop < end and len(rows[stop]) > column + 1:
            stop += 1
        width = max(len(cells[column]) for cells in rows[row:stop]) + _PADDING
        for each in range(row, stop):
            made[each] += rows[each][column].ljust(width)
        _align(rows, made, row, stop, column + 1)
        row = stop
