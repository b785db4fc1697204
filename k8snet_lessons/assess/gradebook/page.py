"""The shell of a page that stands alone: no scripts, nothing fetched, one known style.

The policy in the head allows the page's own style by its hash and nothing else, so even
text that slipped through unescaped could neither run nor load anything.
"""

import base64
import hashlib
import html
from collections.abc import Iterable, Sequence
from typing import Final

STYLE: Final = """
:root{color-scheme:light;--ink:#1b1f24;--soft:#57606a;--line:#d0d7de;--ground:#f6f8fa}
*{box-sizing:border-box}
body{margin:0;background:var(--ground);color:var(--ink);font:16px/1.5 system-ui,sans-serif}
main{max-width:62rem;margin:0 auto;padding:1.5rem 1.25rem 3rem}
h1{font-size:1.6rem;margin:0 0 .25rem;overflow-wrap:anywhere}
h2{font-size:1.25rem;margin:0;overflow-wrap:anywhere}
h3{font-size:1rem;margin:0;overflow-wrap:anywhere}
h2~h3{margin-top:1.8rem}
p{margin:.4rem 0}
.soft{color:var(--soft)}
.card{background:#fff;border:1px solid var(--line);border-radius:8px;padding:1.1rem 1.25rem;
margin-top:1.25rem}
.head{display:flex;justify-content:space-between;gap:1rem;align-items:baseline}
.points{font-size:1.25rem;font-weight:600;white-space:nowrap;font-variant-numeric:tabular-nums}
.task{border-left:5px solid var(--line);padding:.1rem 0 .1rem .9rem;margin-top:1.1rem}
.right{border-color:#009E73}.partial{border-color:#E69F00}.wrong{border-color:#D55E00}
.unattempted{border-color:#8a8f98}
.note{border-left:5px solid #0072B2;padding:.1rem 0 .1rem .9rem;margin-top:.8rem}
table{border-collapse:collapse;width:100%;margin:.6rem 0;font-size:.94rem}
th,td{text-align:left;padding:.35rem 1.2rem .35rem 0;border-bottom:1px solid var(--line);
vertical-align:top}
th{font-weight:600}
td.n,th.n{text-align:right;white-space:nowrap;font-variant-numeric:tabular-nums;width:1%}
.parts th:first-child{width:12rem}
.parts td.n{width:6rem}
.bars th:first-child{width:8rem}
.bars td,.bars th{padding-top:.2rem;padding-bottom:.2rem;vertical-align:middle}
.long td,.long th,summary{overflow-wrap:anywhere}
details{margin:.5rem 0}
summary{cursor:pointer;color:#0550ae}
summary:focus-visible{outline:2px solid #0550ae;outline-offset:2px}
pre{background:var(--ground);border:1px solid var(--line);border-radius:6px;padding:.6rem .8rem;
margin:.4rem 0;white-space:pre-wrap;overflow-wrap:anywhere;font:13px/1.45 ui-monospace,monospace;
max-height:30rem;overflow:auto}
svg{display:block}
.pair{display:grid;grid-template-columns:1fr 1fr;gap:.8rem}
.tiles{display:flex;flex-wrap:wrap;gap:.5rem 2rem;margin:.8rem 0}
.tiles b{display:block;font-size:1.3rem;font-variant-numeric:tabular-nums}
@media (max-width:700px){.pair{grid-template-columns:1fr}.parts th:first-child{width:auto}}
@media print{body{background:#fff}.card{break-inside:avoid;border:0;padding:0}}
"""
_HASH: Final = base64.b64encode(hashlib.sha256(STYLE.encode()).digest()).decode()
POLICY: Final = (
    f"default-src 'none'; style-src 'sha256-{_HASH}'; base-uri 'none'; form-action 'none'"
)


def escaped(text: object) -> str:
    """Return text for HTML; what cannot be shown or would reorder the line is made visible."""
    shown = "".join(
        char if char in "\n\t" or char.isprintable() else f"\\u{ord(char):04x}"
        for char in str(text)
    )
    return html.escape(shown, quote=True)


def page(title: str, body: str) -> str:
    """Return a whole page; `title` is escaped here, `body` is HTML already."""
    return (
        '<!DOCTYPE html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
        f'<meta http-equiv="Content-Security-Policy" content="{POLICY}">\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        '<meta name="referrer" content="no-referrer">\n'
        f"<title>{escaped(title)}</title>\n<style>{STYLE}</style>\n</head>\n"
        f"<body>\n<main>\n{body}\n</main>\n</body>\n</html>\n"
    )


def table(kind: str, columns: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """Return a table.

    Parameters
    ----------
    kind : str
        Its class in the style: ``"parts"``, ``"bars"``, ``"long"`` or none.
    columns : sequence of str
        Titles, escaped here; ``#`` in front marks numbers, ``!`` the cell that names the row.
    rows : iterable of sequences of str
        Cells, HTML already.
    """
    heads = "".join(
        f'<th scope="col"{_NUMBER if column[:1] == "#" else ""}>{escaped(column.lstrip("#!"))}</th>'
        for column in columns
    )
    body = "".join(
        "<tr>" + "".join(_cell(*pair) for pair in zip(columns, row, strict=True)) + "</tr>"
        for row in rows
    )
    return f'<table class="{kind}"><thead><tr>{heads}</tr></thead><tbody>{body}</tbody></table>'


_NUMBER: Final = ' class="n"'


def _cell(column: str, content: str) -> str:
    if column[:1] == "!":
        return f'<th scope="row">{content}</th>'
    return f"<td{_NUMBER if column[:1] == '#' else ''}>{content}</td>"


def bar(share: float, label: str) -> str:
    """Return a bar of `share` (0 to 1) as SVG; `label` is what it shows, in words."""
    width = round(max(0.0, min(1.0, share)) * 100, 1)
    return (
        f'<svg viewBox="0 0 100 10" width="100%" height="14" preserveAspectRatio="none" '
        f'role="img" aria-label="{escaped(label)}"><rect width="100" height="10" fill="#eaeef2"/>'
        f'<rect width="{width}" height="10" fill="#0072B2"/></svg>'
    )
