"""The chains that a packet may take, as a tree, and one of its roads as a list of steps.

Pure functions from a `Trace` to SVG or HTML text. The tree is read off the outcomes: each is a
road through chains of the nat table to a backend, and roads that begin alike are drawn once.
"""

import html
from collections.abc import Iterable
from dataclasses import dataclass, field
from fractions import Fraction
from typing import Final

from k8snet_lessons.control.rules import Statistic
from k8snet_lessons.datapath.netfilter.wording import rule_text
from k8snet_lessons.datapath.outcome import Outcome, Trace
from k8snet_lessons.datapath.steps import Jumped, Step, Translated
from k8snet_lessons.figures.palette import BLUE, GRID, INK, MUTED, VERMILLION

COLUMN: Final = 250
# Where roads part, their labels need room.
PARTING: Final = 64
ROW: Final = 50
BOX_WIDTH: Final = 196
BOX_HEIGHT: Final = 34
MOST_ROWS: Final = 12
_FONT = "system-ui, -apple-system, Segoe UI, DejaVu Sans, sans-serif"
_MONO = "ui-monospace, SFMono-Regular, Menlo, Consolas, monospace"


@dataclass
class _Node:
    label: str
    probability: Fraction = Fraction(0)
    rule: Fraction = Fraction(1)
    outcomes: list[int] = field(default_factory=list)
    children: dict[str, "_Node"] = field(default_factory=dict)
    column: int = 0
    row: float = 0.0
    x: float = 0.0


def road(outcome: Outcome) -> list[str]:
    """Return the nat chains that an outcome passes before it is translated, and its end."""
    chains: list[str] = []
    for step in outcome.steps:
        if step.table != "nat" or step.hook not in ("PREROUTING", "OUTPUT"):
            continue
        for chain in (step.chain, step.to if isinstance(step, Jumped) else ""):
            # KUBE-MARK-MASQ is a detour: the packet is marked there and comes back.
            if chain and chain != "KUBE-MARK-MASQ" and (not chains or chains[-1] != chain):
                chains.append(chain)
    return [*_without_returns(chains), outcome.backend]


def _without_returns(chains: list[str]) -> list[str]:
    kept: list[str] = []
    for chain in chains:
        if chain in kept:
            del kept[kept.index(chain) + 1 :]
        else:
            kept.append(chain)
    return kept


def tree_svg(trace: Trace, chosen: int = 0) -> str:
    """Draw the chains of all outcomes, with the share of connections on each road.

    Parameters
    ----------
    trace : Trace
    chosen : int
        Index of the outcome that is drawn strong.

    Returns
    -------
    str
        One ``<svg>`` element. Boxes of ends carry ``data-outcome``.
    """
    root = _tree(trace)
    leaves = _place(root)
    shown = [node for node in _all(root) if node.row < MOST_ROWS]
    columns = 1 + max(node.column for node in shown)
    partings = {node.column for node in shown if len(node.children) > 1}
    for node in shown:
        before = sum(column < node.column for column in partings)
        node.x = 12 + node.column * COLUMN + before * PARTING
    rows = min(leaves, MOST_ROWS)
    width, height = columns * COLUMN + len(partings) * PARTING + 12, rows * ROW + 26
    parts = [
        f"<svg xmlns='http://www.w3.org/2000/svg' viewBox='0 0 {width} {height}' width='100%' "
        f"role='img' aria-label='{html.escape(_spoken(trace), quote=True)}' "
        f"style='max-width:{width}px;display:block' font-family='{_FONT}'>",
        f"<rect width='{width}' height='{height}' rx='8' fill='#fbfcfd' stroke='{GRID}'/>",
    ]
    roads = [(node, child) for node in shown for child in node.children.values()
             if child.row < MOST_ROWS]  # fmt: skip
    # All lines first, so that none crosses a label.
    parts += [_line(node, child, chosen) for node, child in roads]
    parts += [_label(child, chosen) for node, child in roads if len(node.children) > 1]
    parts += [_box(node, chosen) for node in shown]
    if leaves > MOST_ROWS:
        parts.append(
            f"<text x='{width - 14}' y='{height - 7}' text-anchor='end' font-size='12' "
            f"fill='{MUTED}'>and {leaves - MOST_ROWS} more</text>"
        )
    return "".join([*parts, "</svg>"])


def steps_html(trace: Trace, chosen: int = 0) -> str:
    """List one outcome's steps; each unfolds to the rule behind it."""
    outcome = trace.outcomes[chosen]
    items = "".join(f"<li>{_step(step)}</li>" for step in outcome.steps)
    return f"<p><b>{html.escape(summary(outcome))}</b></p><ol class='k8s-chain-steps'>{items}</ol>"


def summary(outcome: Outcome) -> str:
    """One outcome in a sentence."""
    share = "always" if outcome.probability == 1 else f"{outcome.probability} of new connections"
    if outcome.verdict != "accept":
        return f"{share}: {outcome.verdict}; {_counted(outcome)}."
    source = "replaced by the node's" if outcome.masqueraded else "kept"
    return f"{share}: arrives as {outcome.packet}, source {source}; {_counted(outcome)}."


def _counted(outcome: Outcome) -> str:
    tables = ", ".join(f"{count} {table}" for table, count in outcome.rules_by_table.items())
    return f"{outcome.rules_evaluated} rules tried ({tables})"


def _step(step: Step) -> str:
    place = " ".join(filter(None, [step.hook, step.table, step.chain]))
    head = f"<span class='k8s-chain-place'>{html.escape(place)}</span> {html.escape(step.what)}"
    if step.rule is None:
        return f"<p>{head}</p>"
    line = f"line {step.line}: " if step.line else ""
    strong = " class='k8s-chain-nat'" if isinstance(step, Translated) else ""
    return (
        f"<details{strong}><summary>{head}</summary>"
        f"<code>{line}-A {html.escape(step.chain)} {html.escape(rule_text(step.rule))}</code>"
        "</details>"
    )


def _tree(trace: Trace) -> _Node:
    root = _Node("")
    for place, outcome in enumerate(trace.outcomes):
        node = root
        for label in road(outcome):
            node = node.children.setdefault(label, _Node(label))
            node.probability += outcome.probability
            node.rule = _rule_probability(outcome, label)
            node.outcomes.append(place)
    only = next(iter(root.children.values())) if len(root.children) == 1 else root
    if only is root:
        root.label, root.probability = "the packet", Fraction(1)
        root.outcomes = list(range(len(trace.outcomes)))
    return only


def _rule_probability(outcome: Outcome, chain: str) -> Fraction:
    """How likely the rule that led into a chain is to match, once it is tried."""
    for step in outcome.steps:
        if isinstance(step, Jumped) and step.to == chain and step.rule is not None:
            for match in step.rule.matches:
                if isinstance(match, Statistic) and match.probability is not None:
                    return match.probability
    return Fraction(1)


def _place(node: _Node, column: int = 0, row: int = 0) -> int:
    """Give every node a column and a row; return the row behind its last leaf."""
    node.column = column
    if not node.children:
        node.row = row
        return row + 1
    first = row
    for child in node.children.values():
        row = _place(child, column + 1, row)
    node.row = (first + min(row, MOST_ROWS) - 1) / 2
    return row


def _all(node: _Node) -> Iterable[_Node]:
    yield node
    for child in node.children.values():
        yield from _all(child)


def _at(node: _Node) -> tuple[float, float]:
    return node.x, 14 + node.row * ROW


def _box(node: _Node, chosen: int) -> str:
    x, y = _at(node)
    lit = chosen in node.outcomes
    leaf = not node.children
    color = BLUE if lit else MUTED
    fill = "#e8f1f8" if lit else "#ffffff"
    size = 11 if len(node.label) > 22 else 12
    action = f" data-outcome='{node.outcomes[0]}' style='cursor:pointer'" if leaf else ""
    return (
        f"<g{action}><rect x='{x}' y='{y}' width='{BOX_WIDTH}' height='{BOX_HEIGHT}' rx='6' "
        f"fill='{fill}' stroke='{color}' stroke-width='{2 if lit else 1}'/>"
        f"<text x='{x + BOX_WIDTH / 2}' y='{y + 21}' text-anchor='middle' font-size='{size}' "
        f"font-family='{_MONO}' fill='{INK}'>{html.escape(_short(node.label))}</text></g>"
    )


def _line(node: _Node, child: _Node, chosen: int) -> str:
    (x1, y1), (x2, y2) = _at(node), _at(child)
    x1, y1, y2 = x1 + BOX_WIDTH, y1 + BOX_HEIGHT / 2, y2 + BOX_HEIGHT / 2
    lit = chosen in child.outcomes
    color, width = (BLUE, 2.2) if lit else ("#9aa5b1", 1.2)
    middle = (x1 + x2) / 2
    return (
        f"<path d='M{x1},{y1} C{middle},{y1} {middle},{y2} {x2},{y2}' fill='none' "
        f"stroke='{color}' stroke-width='{width}'/>"
    )


def _label(child: _Node, chosen: int) -> str:
    x2, y2 = _at(child)
    y2 += BOX_HEIGHT / 2
    lit = chosen in child.outcomes
    return (
        f"<text x='{x2 - 4}' y='{y2 - 5}' text-anchor='end' font-size='12' font-weight='600' "
        "paint-order='stroke' stroke='#fbfcfd' stroke-width='5' "
        f"fill='{VERMILLION if lit else INK}'>{child.probability}</text>"
        f"<text x='{x2 - 4}' y='{y2 + 14}' text-anchor='end' font-size='11' fill='{MUTED}' "
        "paint-order='stroke' stroke='#fbfcfd' stroke-width='5'>"
        f"rule: {child.rule}</text>"
    )


def _short(label: str) -> str:
    return label if len(label) <= 26 else label[:25] + "…"


def _spoken(trace: Trace) -> str:
    ends = "; ".join(
        f"{outcome.probability} to {outcome.backend}" for outcome in trace.outcomes[:20]
    )
    return f"{trace.packet}: {ends}"
