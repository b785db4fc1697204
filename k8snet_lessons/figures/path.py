"""The road of a request as a picture: boxes, the line it takes, and the packet at each hop.

Pure functions from a `Path` to SVG or HTML text. The picture has a background of its own,
so it reads the same on light and dark pages.
"""

import html
from itertools import pairwise
from typing import Final

from k8snet_lessons.datapath.faults import FAULTS, client_sees
from k8snet_lessons.datapath.path import Edge, Flow, Hop, Path, walk
from k8snet_lessons.figures.palette import BLUE, GREEN, GRID, INK, MUTED, PURPLE, VERMILLION

WIDTH: Final = 1000
HEIGHT: Final = 348
PACKET_HEIGHT: Final = 92
PALE: Final = "#9aa5b1"
LINE_COLORS: Final = (BLUE, PURPLE, GREEN)  # one a TCP connection
_FONT = "font-family='system-ui, -apple-system, Segoe UI, Roboto, sans-serif'"
_MONO = "font-family='ui-monospace, SFMono-Regular, Menlo, Consolas, monospace'"

# Boxes as (x, y, width, height); a node holds its kernel and perhaps a pod.
_NODES: Final = {
    "node-a": (330, 22, 320, 136),
    "node-b": (330, 188, 320, 136),
    "node-c": (700, 105, 284, 136),
}
_BOXES: Final = {
    "client": (14, 142, 112, 62),
    "balancer": (164, 142, 128, 62),
    "kernel-a": (346, 66, 120, 66),
    "ingress-a": (512, 66, 122, 66),
    "kernel-b": (346, 232, 120, 66),
    "ingress-b": (512, 232, 122, 66),
    "kernel-c": (714, 149, 108, 66),
    "app": (858, 149, 112, 66),
}
_NAMES: Final = {
    "client": "client",
    "balancer": "load balancer",
    "kernel-a": "kernel",
    "ingress-a": "ingress pod",
    "kernel-b": "kernel",
    "ingress-b": "ingress pod",
    "kernel-c": "kernel",
    "app": "app pod",
}


def path_svg(path: Path, step: int | None = None, guess: str = "") -> str:
    """Draw the road, with one hop lit.

    Parameters
    ----------
    path : Path
        The road.
    step : int, optional
        Index of the hop that is lit; the road up to it is drawn strong. Without it the
        whole road is drawn and every hop numbered, and nothing tells which hop rewrites.
    guess : str, optional
        An address that the learner expects the ingress to see, shown beside it.

    Returns
    -------
    str
        One ``<svg>`` element, with a title and a description for screen readers.
    """
    last = len(path.hops) - 1 if step is None else step
    height = HEIGHT if step is None else HEIGHT + PACKET_HEIGHT
    parts = [
        f"<svg xmlns='http://www.w3.org/2000/svg' viewBox='0 0 {WIDTH} {height}' width='100%' "
        f"role='img' aria-labelledby='path-title path-text' {_FONT} "
        f"style='max-width:{WIDTH}px;display:block'>",
        "<title id='path-title'>The road of a request from the client to the application</title>",
        f"<desc id='path-text'>{html.escape(describe(path, step))}</desc>",
        f"<rect width='{WIDTH}' height='{height}' rx='8' fill='#fbfcfd' stroke='{GRID}'/>",
        *(_node(name) for name in _NODES),
        *_lines(path, last),
        *_boxes(path, step, guess),
        *_badges(path, step),
        _legend(),
    ]
    if step is not None:
        parts += _packet(path.hops[step])
    return "".join([*parts, "</svg>"])


def describe(path: Path, step: int | None = None) -> str:
    """Say in words what the picture shows."""
    if step is None:  # where it goes; what becomes of the packet is for the learner to guess
        return "; ".join(f"{n}. {_place(hop)}" for n, hop in enumerate(path.hops, 1))
    return f"Hop {step + 1} of {len(path.hops)}. {_sentence(path.hops[step])}"


def _place(hop: Hop) -> str:
    stop = _stops(hop)[0].replace("out-", "kernel-")
    name = _NAMES[stop]
    return f"{name} on node {stop[-1].upper()}" if "-" in stop else name


def _sentence(hop: Hop) -> str:
    if hop.before and hop.after and hop.rewritten:
        return f"{hop.title}: {hop.before} becomes {hop.after}"
    flow = hop.before or hop.after
    return f"{hop.title}: {flow}"


def hops_html(path: Path) -> str:
    """Return the road as a table: every hop, the packet before and after it."""
    rows = []
    for number, hop in enumerate(path.hops, 1):
        rows.append(
            f"<tr><td>{number}</td><td style='text-align:left'>{html.escape(hop.title)}</td>"
            f"<td style='text-align:left'><code>{_plain(hop.before)}</code></td>"
            f"<td style='text-align:left'><code>{_marked(hop)}</code></td>"
            f"<td style='text-align:left'>{html.escape(_by(hop))}</td></tr>"
        )
    head = "".join(
        f"<th style='text-align:left' scope='col'>{name}</th>"
        for name in ("", "hop", "packet arrives as", "packet leaves as", "rewritten by")
    )
    notes = "".join(f"<li>{html.escape(note)}</li>" for note in path.notes)
    return f"<table><thead><tr>{head}</tr></thead><tbody>{''.join(rows)}</tbody></table>" + (
        f"<ul>{notes}</ul>" if notes else ""
    )


def _by(hop: Hop) -> str:
    if hop.hook:
        return hop.hook
    return "the balancer" if hop.key == "balancer" else ""


def _plain(flow: Flow | None) -> str:
    if flow is None:
        return "–"
    src, dst = _ends(flow)
    return f"{src}<br>→ {dst}"


def _marked(hop: Hop) -> str:
    """The leaving packet, what was rewritten in bold."""
    if hop.after is None:
        return "–"
    src, dst = _ends(hop.after)
    src = f"<b>{src}</b>" if "src" in hop.rewritten else src
    dst = f"<b>{dst}</b>" if "dst" in hop.rewritten else dst
    return f"{src}<br>→ {dst}"


def _ends(flow: Flow) -> tuple[str, str]:
    return f"{flow.src}:{flow.sport}", f"{flow.dst}:{flow.dport}"


def _node(name: str) -> str:
    x, y, width, height = _NODES[name]
    return (
        f"<rect x='{x}' y='{y}' width='{width}' height='{height}' rx='10' fill='#f2f5f8' "
        f"stroke='{GRID}'/><text x='{x + 12}' y='{y + 22}' font-size='13' font-weight='600' "
        f"fill='{MUTED}'>node {name[-1].upper()}</text>"
    )


def _stops(hop: Hop) -> list[str]:
    """The boxes that the line passes at a hop, in order."""
    if hop.key == "ingress" or hop.key == "upstream":
        return [f"ingress-{hop.node[-1]}"]
    if hop.key in ("client", "balancer", "app"):
        return [hop.key]
    if hop.key == "cluster-ip":
        return [f"out-{hop.place[-1]}"]
    return [f"kernel-{hop.place[-1]}"]


def _point(stop: str) -> tuple[float, float]:
    if stop.startswith("out-"):
        x, y, width, _ = _BOXES[f"ingress-{stop[-1]}"]
        return x + width + 16, y + (50 if stop == "out-a" else 16)
    x, y, width, height = _BOXES[stop]
    return x + width / 2, y + height / 2


def _lines(path: Path, last: int) -> list[str]:
    """One line from stop to stop; strong up to hop `last`, pale after it."""
    drawn = []
    stops = [(number, hop, _stops(hop)[0]) for number, hop in enumerate(path.hops)]
    for (_, before, start), (number, _, end) in pairwise(stops):
        if start == end:
            continue
        (x1, y1), (x2, y2) = _point(start), _point(end)
        color = LINE_COLORS[before.connection - 1] if number <= last else PALE
        dash = "" if before.encrypted else " stroke-dasharray='7 5'"
        width = 4 if number <= last else 2
        drawn.append(
            f"<line x1='{x1:g}' y1='{y1:g}' x2='{x2:g}' y2='{y2:g}' stroke='{color}' "
            f"stroke-width='{width}'{dash}/>"
        )
    return drawn


def _boxes(path: Path, step: int | None, guess: str) -> list[str]:
    lit = _stops(path.hops[step])[0].replace("out-", "kernel-") if step is not None else ""
    used = {stop for hop in path.hops for stop in _stops(hop)}
    at = path.addresses
    addresses = {
        "client": at.client,
        "balancer": at.balancer,
        "kernel-a": at.node_a,
        "ingress-a": at.ingress_a,
        "kernel-b": at.node_b,
        "ingress-b": at.ingress_b,
        "kernel-c": at.node_c,
        "app": at.app,
    }
    drawn = []
    for name, (x, y, width, height) in _BOXES.items():
        on_road = name in used or name.replace("kernel", "out") in used
        stroke, thick = (VERMILLION, 4) if name == lit else (INK if on_road else PALE, 1.5)
        ink = INK if on_road else PALE
        middle = x + width / 2
        drawn.append(
            f"<rect x='{x}' y='{y}' width='{width}' height='{height}' rx='8' "
            f"fill='{'#fff4ec' if name == lit else '#ffffff'}' stroke='{stroke}' "
            f"stroke-width='{thick}'/>"
            f"<text x='{middle:g}' y='{y + height / 2 - 4:g}' font-size='13' font-weight='600' "
            f"text-anchor='middle' fill='{ink}'>{_NAMES[name]}</text>"
            f"<text x='{middle:g}' y='{y + height / 2 + 15:g}' font-size='12' "
            f"text-anchor='middle' fill='{ink}' {_MONO}>{html.escape(addresses[name])}</text>"
        )
    if guess:
        stop = next(_stops(hop)[0] for hop in path.hops if hop.key == "ingress")
        x, y, width, height = _BOXES[stop]
        drawn.append(
            f"<text x='{x + width:g}' y='{y + height + 17:g}' font-size='12' text-anchor='end' "
            f"fill='{PURPLE}'>you expect {html.escape(guess)}</text>"
        )
    return drawn


def _badges(path: Path, step: int | None) -> list[str]:
    """The hops' numbers: all of them without a step, else the lit one alone."""
    drawn: list[str] = []
    taken: dict[str, int] = {}
    for number, hop in enumerate(path.hops):
        stop = _stops(hop)[0]
        place = taken.get(stop, 0)
        taken[stop] = place + 1
        if step is not None and number != step:
            continue
        if stop.startswith("out-"):
            x, y = _point(stop)
        else:
            left, top, _, _ = _BOXES[stop]
            x, y = left + 4 + 26 * place, float(top)
        color = VERMILLION if hop.rewritten and step is not None else INK
        drawn.append(
            f"<circle cx='{x:g}' cy='{y:g}' r='12' fill='{color}'/>"
            f"<text x='{x:g}' y='{y + 4.5:g}' font-size='13' font-weight='700' fill='#fff' "
            f"text-anchor='middle'>{number + 1}</text>"
        )
    return drawn


def _legend() -> str:
    return (
        f"<text x='14' y='{HEIGHT - 16}' font-size='12' fill='{MUTED}'>One color a TCP connection"
        f"</text><text x='14' y='{HEIGHT - 34}' font-size='12' fill='{MUTED}'>"
        "Dashed: not encrypted</text>"
    )


def _packet(hop: Hop) -> list[str]:
    """The packet before and after the lit hop; what was rewritten is bold and underlined."""
    top = HEIGHT - 4
    rows = [("arrives", hop.before, ()), ("leaves", hop.after, hop.rewritten)]
    drawn = [
        f"<line x1='14' y1='{top}' x2='{WIDTH - 14}' y2='{top}' stroke='{GRID}'/>",
    ]
    for place, (word, flow, changed) in enumerate(rows):
        y = top + 34 + 34 * place
        drawn.append(f"<text x='24' y='{y}' font-size='14' fill='{MUTED}'>{word}</text>")
        if flow is None:
            nothing = "nothing: it starts here" if word == "arrives" else "nothing: it ends here"
            drawn.append(f"<text x='104' y='{y}' font-size='14' fill='{MUTED}'>{nothing}</text>")
            continue
        for x, label, end, key in (
            (104, "from", _ends(flow)[0], "src"),
            (420, "to", _ends(flow)[1], "dst"),
        ):
            style = (
                f"fill='{VERMILLION}' font-weight='700' text-decoration='underline'"
                if key in changed
                else f"fill='{INK}'"
            )
            drawn += [
                f"<text x='{x}' y='{y}' font-size='13' fill='{MUTED}'>{label}</text>",
                f"<text x='{x + 42}' y='{y}' font-size='16' {_MONO} {style}>",
                f"{html.escape(end)}</text>",
            ]
        drawn.append(
            f"<text x='700' y='{y}' font-size='13' fill='{MUTED}'>"
            f"{html.escape(_carries(hop, word))}</text>"
        )
    return drawn


def _carries(hop: Hop, word: str) -> str:
    if word == "leaves" and hop.rewritten:
        what = {"src": "source", "dst": "destination"}
        changed = " and ".join(what[key] for key in hop.rewritten)
        return f"{changed} rewritten" + (f" in {hop.hook}" if hop.hook else "")
    if word == "leaves":
        return f"connection {hop.connection}, {'TLS' if hop.encrypted else 'not encrypted'}"
    return ""


def faults_html() -> str:
    """Return the table of what can go wrong at each hop, and who then sees what."""
    rows = "".join(
        "<tr>"
        + "".join(
            f"<td style='text-align:left'>{html.escape(text)}</td>"
            for text in (fault.where, fault.fault, fault.caller, client_sees(fault))
        )
        + f"<td style='text-align:left'>{_source(fault.source)}</td></tr>"
        for fault in FAULTS
    )
    head = "".join(
        f"<th style='text-align:left' scope='col'>{name}</th>"
        for name in ("where", "what is wrong", "the caller there gets", "the client sees", "source")
    )
    return f"<table><thead><tr>{head}</tr></thead><tbody>{rows}</tbody></table>"


def _source(source: str) -> str:
    if source.startswith("https://"):
        return f"<a href='{html.escape(source)}'>documentation</a>"
    return html.escape(source)


def callers_html() -> str:
    """Return the table of who the ingress sees as the caller, for each kind of edge."""
    rows = []
    for balancer, keeps, name in (
        ("l4", True, "layer 4, keeps the client's address"),
        ("l4", False, "layer 4, uses its own address"),
        ("l7", False, "layer 7"),
    ):
        cells = []
        for target, policy in (
            ("node_port", "Cluster"),
            ("node_port", "Local"),
            ("pod_ip", "Cluster"),
        ):
            edge = Edge(
                load_balancer=balancer,
                keeps_client_address=keeps,
                target=target,
                external_traffic_policy=policy,
            )
            cells.append(f"<td style='text-align:left'>{_who(walk(edge))}</td>")
        rows.append(f"<tr><th style='text-align:left' scope='row'>{name}</th>{''.join(cells)}</tr>")
    head = "".join(
        f"<th style='text-align:left' scope='col'>{name}</th>"
        for name in ("load balancer", "node port, Cluster", "node port, Local", "pod address")
    )
    return f"<table><thead><tr>{head}</tr></thead><tbody>{''.join(rows)}</tbody></table>"


def _who(path: Path) -> str:
    at = path.addresses
    names = {at.client: "the client", at.balancer_inside: "the balancer", at.node_a: "a node"}
    return f"{names[path.ingress_sees]}, <code>{path.ingress_sees}</code>"
