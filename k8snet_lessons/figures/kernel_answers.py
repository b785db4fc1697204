"""What a real kernel says to a caller whose packet goes nowhere: the measured answers."""

import html
from statistics import median

from k8snet_lessons.data import measured


def refusals_html() -> str:
    """Return the record ``refusals`` as a table: what was done, what connect() said, when."""
    record = measured.load("refusals")
    said = record.findings["said"]
    rows = []
    for series in record.series:
        case = str(series.where["case"])
        took_us = median(series.samples)
        took = f"{took_us / 1e6:.1f} s" if took_us > 1e6 else f"{took_us / 1e3:.2f} ms"
        rows.append(
            f"<tr><td style='text-align:left'>{html.escape(case)}</td>"
            f"<td style='text-align:left'><code>{html.escape(str(said[case]))}</code></td>"
            f"<td>{took}</td></tr>"
        )
    head = "".join(
        f"<th style='text-align:left' scope='col'>{name}</th>"
        for name in ("what the packet meets", "connect() says", "after (median)")
    )
    return (
        f"<table><thead><tr>{head}</tr></thead><tbody>{''.join(rows)}</tbody></table>"
        f"<p>Linux {html.escape(record.machine.linux)}, "
        f"{record.taken_at:.10}; repeat it with <code>{html.escape(record.command)}</code>. "
        "“No answer” is this client's own limit of 5 s.</p>"
    )
