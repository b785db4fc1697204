"""Which route takes a request and which certificate a client is shown, as plots and tables."""

from collections.abc import Mapping, Sequence
from fractions import Fraction
from typing import Any

from k8snet_lessons.cluster import Cluster
from k8snet_lessons.control.routing import (
    Candidate,
    Routing,
    certificate_for,
    explain_route,
    parse_request,
)
from k8snet_lessons.figures._spec import Figure
from k8snet_lessons.figures.palette import BLUE, GRAY, GREEN, INK, VERMILLION
from k8snet_lessons.figures.tables import Table

#: The criteria of the API in their order, as the columns of the ranking.
CRITERIA = ("hostname", "path", "method", "headers", "query", "route", "rule")
_TITLES = ("hostname", "path", "method", "headers", "query", "older, name", "first rule")


def rule_names(cluster: Cluster) -> dict[tuple[str, int, int], str]:
    """Name every match of every HTTPRoute: the rule's own name, else its place."""
    names = {}
    for route, declared in cluster.http_routes.items():
        for at, rule in enumerate(declared.spec.rules or []):
            for number in range(len(rule.matches or [None])):
                label = rule.name or f"{route.partition('/')[2]}, rule {at + 1}"
                extra = f", match {number + 1}" if len(rule.matches or []) > 1 else ""
                names[route, at, number] = label + extra
    return names


def ranking(cluster: Cluster, found: Routing) -> Figure:
    """A row a rule, a column a criterion: who matches, who wins, and by what the others lose."""
    names = rule_names(cluster)
    ranked = {each.place: each for each in found.runners_up}
    if found.won is not None:
        ranked[found.won.place] = found.won
    texts: dict[str, list[tuple[str, str, str]]] = {
        "winner": [], "lost here": [], "matches": [], "no match": [],
    }  # fmt: skip
    for place, name in names.items():
        one = ranked.get(place)
        if one is None:
            texts["no match"].append((_TITLES[0], name, "does not match"))
            continue
        for criterion, title in zip(CRITERIA, _TITLES, strict=True):
            kind, shown = _cell(one, one is found.won, criterion)
            texts[kind].append((title, name, shown))
    looks = (
        ("winner", GREEN, "this one wins"),
        ("lost here", VERMILLION, "decided against it"),
        ("matches", INK, "matches"),
        ("no match", GRAY, "does not match"),
    )
    return {
        "data": [
            {
                "type": "scatter", "mode": "text", "name": title,
                "x": [x for x, _, _ in texts[kind]], "y": [y for _, y, _ in texts[kind]],
                "text": [f"<b>{text}</b>" if kind in ("winner", "lost here") else text
                         for _, _, text in texts[kind]],
                "textfont": {"color": color, "size": 12}, "hoverinfo": "skip",
            }
            for kind, color, title in looks
        ],
        "layout": {
            "xaxis": {"type": "category", "side": "top", "categoryorder": "array",
                      "categoryarray": list(_TITLES), "range": [-0.6, len(_TITLES) - 0.4],
                      "showgrid": False},
            "yaxis": {"type": "category", "autorange": "reversed", "categoryorder": "array",
                      "categoryarray": list(names.values()), "showgrid": False},
            "margin": {"l": 96, "r": 8, "t": 34, "b": 12},
            "showlegend": False,
        },
    }  # fmt: skip


def _cell(one: Candidate, won: bool, criterion: str) -> tuple[str, str]:
    shown = one.criteria[criterion]
    if criterion == "path":
        shown = shown.replace("PathPrefix ", "")
    elif criterion == "route":
        shown = shown.partition("/")[2]
    # What comes after the criterion that decided was never asked.
    last = CRITERIA.index(one.decided_by) if one.decided_by else len(CRITERIA)
    if CRITERIA.index(criterion) > last:
        shown = "\u2013"
    if won:
        return "winner", shown
    return ("lost here" if criterion == one.decided_by else "matches"), shown


def shares(found: Routing, backends: Sequence[str]) -> Figure:
    """The share of such requests that each backend gets; what is left is the proxy's own answer."""
    got = {backend.service: share for backend, share in found.shares.items()}
    own = "the proxy itself"
    rows = [*backends, own]
    left = 1 - sum(got.values(), Fraction(0))
    values = [100 * float(got.get(name, Fraction(0))) for name in backends] + [100 * float(left)]
    return {
        "data": [
            {
                "type": "bar", "orientation": "h", "name": "requests", "y": rows, "x": values,
                "text": [f"{each:.3g} %" if each else "" for each in values],
                "textposition": "auto", "cliponaxis": False,
                "marker": {"color": [BLUE] * len(backends) + [VERMILLION]},
                "hovertemplate": "%{y}: %{x:.3~g} %<extra></extra>",
            }
        ],
        "layout": {
            "xaxis": {"title": "such requests (%)", "range": [0, 112],
                      "tickvals": [0, 25, 50, 75, 100]},
            "yaxis": {"type": "category", "autorange": "reversed"},
            "margin": {"l": 112, "r": 16, "t": 12, "b": 46},
            "showlegend": False,
        },
    }  # fmt: skip


def request_table(cluster: Cluster, requests: Sequence[str], **via: Any) -> Table:
    """Say for each request, written in one line, who gets it and why.

    ``via`` goes to `explain_route`: ``port=443``, ``gateway="shop/edge"``.
    """
    rows = []
    for text in requests:
        host, path, method, headers = parse_request(text)
        found = explain_route(cluster, host, path, method, headers, **via)
        rows.append((text, answer(found), *_winner(cluster, found)))
    return Table(("request", "answer", "rule", "because"), tuple(rows))


def answer(found: Routing) -> str:
    """Say in a few words what becomes of a request."""
    if found.redirect is not None:
        return f"{found.redirect.status}, go to {found.redirect.location}"
    if not found.shares:
        return f"{found.status}, by the proxy"
    parts = [
        backend.service if share == 1 else f"{backend.service} {_percent(share)}"
        for backend, share in found.shares.items()
    ]
    if (left := 1 - sum(found.shares.values(), Fraction(0))) > 0:
        parts.append(f"500 by the proxy {_percent(left)}")
    return ", ".join(parts)


def _winner(cluster: Cluster, found: Routing) -> tuple[str, str]:
    if found.won is None:
        return "none", found.notes[-1] if found.notes else ""
    names: Mapping[Any, str] = rule_names(cluster)
    return names.get(found.won.place, found.won.rule), found.won.because


def _percent(share: Fraction) -> str:
    return f"{100 * float(share):.3g} %"


def certificate_table(cluster: Cluster, names: Sequence[str]) -> Table:
    """Which certificate a client is shown, by the server name in its hello."""
    rows = []
    for name in names:
        found = certificate_for(cluster, name)
        if found is None:
            rows.append((name, "none: the hello is refused, or a self-signed one", ""))
        else:
            rows.append((name, f"Secret {found.secret}", f"{found.host or 'any name'}"))
    return Table(("server name asked for (SNI)", "certificate", "because of the name"), tuple(rows))
