"""The explorer of HTTPRoute's precedence: one request, nine rules, and which of them takes it."""

from collections.abc import Iterable, Mapping
from dataclasses import replace
from functools import cache
from typing import Any

from k8snet_lessons.cluster import Cluster, load_manifests
from k8snet_lessons.control.routing import Routing, explain_route
from k8snet_lessons.course.manifests import manifest
from k8snet_lessons.explorers._knob import Knob
from k8snet_lessons.explorers._view import Number, Panel, Row, View
from k8snet_lessons.explorers._widget import Explorer
from k8snet_lessons.figures import routes as figures

_BACKENDS = ("web", "api", "api-canary", "health", "writer", "preview", "tenants")
_PATHS = ("/", "/api", "/api/health", "/api/orders/7", "/apis", "/old/orders/7")


def shop_routes() -> Cluster:
    """The Gateway and the HTTPRoutes that lesson 8 asks about."""
    return _shop()


@cache
def _shop() -> Cluster:
    return load_manifests(manifest("shop-routes"))


def which_route() -> Explorer:
    """Return the explorer: a request's parts against the rule that takes it."""
    knobs = [
        Knob("host", "Host", "shop.example.com", kind="choice",
             choices=("shop.example.com", "eu.example.com", "a.b.example.com", "example.org")),
        Knob("path", "Path", "/api/orders/7", kind="choice", choices=_PATHS),
        Knob("method", "Method", "GET", kind="choice", choices=("GET", "POST")),
        Knob("tester", "Header x-tester: yes", False, kind="toggle"),
        Knob("preview", "Query preview=1", False, kind="toggle"),
        Knob("canary", "Weight of api-canary", 10, min=0, max=1_000_000,
             slider=(0, 100), step=5, help="in rule api, beside 90 for api"),
        Knob("port", "Arrives on port", 443, kind="choice",
             choices={443: "443, HTTPS", 80: "80, HTTP"}),
    ]  # fmt: skip
    return Explorer(
        "Which route takes it",
        knobs,
        view,
        presets={
            "a plain read": {},
            "a write by a tester": {"method": "POST", "tester": True},
            "a tester's preview": {"tester": True, "preview": True},
            "exact": {"path": "/api/health", "method": "POST", "tester": True},
            "near miss": {"path": "/apis"},
            "rewritten": {"path": "/old/orders/7"},
            "plain HTTP": {"port": 80},
        },
        still="which-route",
        lesson=8,
    )


def view(settings: Mapping[str, Any], *, requests: int) -> View:
    """What the explorer shows at a setting. Rules: nothing is drawn at random."""
    cluster = _weighted(settings["canary"])
    path = settings["path"] + ("?preview=1" if settings["preview"] else "")
    headers = {"x-tester": "yes"} if settings["tester"] else {}
    asked: tuple[Any, ...] = (settings["host"], path, settings["method"], headers)
    found = explain_route(cluster, *asked, port=settings["port"])
    matching = len(found.runners_up) + (found.won is not None)
    names = figures.rule_names(cluster)
    said = figures.answer(found)
    return View(
        headline=_headline(found, said, names),
        panels=(
            Panel(
                "Rule by rule: who matches, who wins, what decides",
                figures.ranking(cluster, found),
                _spoken(found, names),
                "wide",
            ),
            Panel("Who gets such requests", figures.shares(found, _BACKENDS), said, "wide"),
        ),
        numbers=(
            Number("rules that match", matching, f"of {len(names)}", main=True,
                   lower_is_better=None),
            Number("share of api-canary", 100 * _share(found, "api-canary"), "%",
                   lower_is_better=None),
            Number("status of the proxy's own", found.status or float("nan"), "",
                   lower_is_better=None),
        ),
        notes=(
            "The criteria are asked from left to right, by those that still tie: hostname, path "
            "(Exact, then the longest prefix), method, number of headers, number of query "
            "parameters, then the older route, its name, and the first rule in it. A dash was "
            "never asked.",
            *([f"The backend sees the path {found.forwarded_path}."]
              if found.forwarded_path != settings["path"] else []),
            *found.notes,
        ),
        code=(
            "from k8snet_lessons.control.routing import explain_route\n"
            "from k8snet_lessons.explorers.which_route import shop_routes\n\n"
            f"explain_route(shop_routes(), {', '.join(map(repr, asked))}, port={settings['port']})"
        ),
        csv=lambda: _rows(found),
    )  # fmt: skip


@cache
def _weighted(canary: int) -> Cluster:
    cluster = shop_routes()
    shop = cluster.http_routes["shop/shop"]
    rules = list(shop.spec.rules)
    place = next(at for at, rule in enumerate(rules) if rule.name == "api")
    api, other = rules[place].backendRefs
    rules[place] = replace(rules[place], backendRefs=[api, replace(other, weight=canary)])
    changed = replace(shop, spec=replace(shop.spec, rules=rules))
    return replace(cluster, http_routes={**cluster.http_routes, "shop/shop": changed})


def _share(found: Routing, service: str) -> float:
    return float(sum(part for backend, part in found.shares.items() if backend.service == service))


def _headline(found: Routing, said: str, names: Mapping[Any, str]) -> str:
    if found.won is None:
        return f"{said[0].upper()}{said[1:]}: no rule takes it."
    return f"Rule {names[found.won.place]}: {said}."


def _spoken(found: Routing, names: Mapping[Any, str]) -> str:
    if found.won is None:
        return "No rule matches."
    lost = [f"{names[each.place]} lost: {each.because}" for each in found.runners_up]
    return "; ".join([f"{names[found.won.place]} wins", *lost]) + "."


def _rows(found: Routing) -> Iterable[Row]:
    for place, each in enumerate([*([found.won] if found.won else []), *found.runners_up], 1):
        yield {"rank": place, "rule": each.rule, "because": each.because, **each.criteria}
