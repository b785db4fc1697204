"""HTTPRoute: listeners, hostnames and the precedence of Gateway API v1.

apis/v1/httproute_types.go of kubernetes-sigs/gateway-api (read at 4564255, August 2026). By name:
a regular expression for a path ranks between Exact and PathPrefix (the API leaves that open); a
listener serves a request only if no other listener of its Gateway and port has a more specific
hostname for it (the extended feature of listener isolation).
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from fractions import Fraction
from typing import Any

from k8snet_lessons.cluster import Cluster, selector_matches
from k8snet_lessons.cluster.gateway import HTTPRouteRule
from k8snet_lessons.control.routing._backend_refs import backend_of_ref, backend_shares
from k8snet_lessons.control.routing._request import (
    Candidate,
    Request,
    Routing,
    created,
    prefix_matches,
    regular_expression,
    suffix_matches,
)
from k8snet_lessons.control.routing._rewrites import Way

_PATH_RANK = {"Exact": 0, "RegularExpression": 1, "PathPrefix": 2}


@dataclass(frozen=True, slots=True)
class _Entrance:
    """A listener that takes the request in and admits a route."""

    gateway: str
    listener: str
    hostname: str
    port: int
    scheme: str


@dataclass(frozen=True, slots=True)
class _Hit:
    hostname: str
    kind: str
    path: str
    method: bool
    headers: int
    queries: int
    age: str
    route: str
    place: tuple[int, int]
    rule: Any
    entrance: _Entrance

    @property
    def order(self) -> tuple[object, ...]:
        exact_host = 0 if self.hostname.startswith("*") else len(self.hostname)
        return (
            -exact_host,
            -len(self.hostname),
            _PATH_RANK[self.kind],
            -len(self.path),
            not self.method,
            -self.headers,
            -self.queries,
            self.age,
            self.route,
            self.place,
        )

    def candidate(self, because: str, decided_by: str) -> Candidate:
        """Say how this match ranks, and what it has to show for each criterion."""
        criteria = {
            "hostname": self.hostname or "any",
            "path": f"{self.kind} {self.path}",
            "method": "yes" if self.method else "no",
            "headers": str(self.headers),
            "query": str(self.queries),
            "route": self.route,
            "rule": f"{self.place[0] + 1}",
        }
        return Candidate(str(self), because, (self.route, *self.place), criteria, decided_by)

    @property
    def name(self) -> str:
        rule, match = self.place
        return f"HTTPRoute {self.route}, rule {rule + 1}, match {match + 1}"

    def __str__(self) -> str:
        return (
            f"{self.name}: {self.kind} {self.path}"
            f"{' and method' if self.method else ''}"
            f"{f' and {self.headers} headers' if self.headers else ''}"
            f"{f' and {self.queries} query parameters' if self.queries else ''}"
        )


# What each place of `_Hit.order` is about: the criterion, and what a loser has.
_LOST_BY = (
    ("hostname", "a less specific hostname"),
    ("hostname", "a shorter hostname"),
    ("path", "a weaker kind of path match"),
    ("path", "a shorter path"),
    ("method", "no method match"),
    ("headers", "fewer header matches"),
    ("query", "fewer query matches"),
    ("route", "a younger route"),
    ("route", "later by name"),
    ("rule", "later in the route"),
)


def route_by_http_route(
    cluster: Cluster, request: Request, gateway: str | None, port: int | None
) -> Routing:
    """Route a request by the HTTPRoutes of a cluster, through one Gateway or any."""
    notes: list[str] = []
    hits = sorted(_hits(cluster, request, gateway, port, notes), key=lambda hit: hit.order)
    seen: set[tuple[str, tuple[int, int]]] = set()
    unique = []
    for hit in hits:
        if (hit.route, hit.place) not in seen:
            seen.add((hit.route, hit.place))
            unique.append(hit)
    if not unique:
        note = "no rule of an attached HTTPRoute matches: the Gateway answers 404"
        return Routing(None, {}, 404, None, request.host, request.path, None, (), (*notes, note))
    winner, *rest = unique
    if rest:
        criterion, has = _lost(winner, rest[0])
        won = winner.candidate(f"{rest[0].name} has {has}", criterion)
    else:
        won = winner.candidate("the only rule that matches", "")
    runners_up = tuple(
        hit.candidate(has, criterion) for hit in rest for criterion, has in [_lost(winner, hit)]
    )
    return _carry_out(cluster, request, winner, won, runners_up, notes)


def _lost(winner: _Hit, other: _Hit) -> tuple[str, str]:
    """Name the first criterion that parts two matches, and what the other one has."""
    for ours, theirs, why in zip(winner.order, other.order, _LOST_BY, strict=True):
        if ours != theirs:
            return why
    return ("", "the same rank")


def _hits(
    cluster: Cluster, request: Request, gateway: str | None, port: int | None, notes: list[str]
) -> Iterator[_Hit]:
    for name, route in sorted(cluster.http_routes.items()):
        entrances = list(_entrances(cluster, name, route, request.host, gateway, port, notes))
        for entrance in entrances:
            hostname = _hostname(route.spec.hostnames or [], entrance.hostname, request.host)
            if hostname is None:
                continue
            # The API server fills in what is left out: one rule, and its match of every path.
            for number, rule in enumerate(route.spec.rules or [HTTPRouteRule()]):
                for at, match in enumerate(rule.matches or [None]):
                    hit = _hit(request, match, f"HTTPRoute {name}, rule {number + 1}")
                    if hit is not None:
                        kind, path, method, headers, queries = hit
                        yield _Hit(
                            hostname,
                            kind,
                            path,
                            method,
                            headers,
                            queries,
                            created(route),
                            name,
                            (number, at),
                            rule,
                            entrance,
                        )


def _hostname(hostnames: list[str], listener: str, host: str) -> str | None:
    """Find the hostname under which the request meets the route at this listener.

    Of the route's own names, the most telling; where the listener's is narrower still, the
    route is heard under that one alone (the intersection that the API speaks of).
    """
    met = [each for each in hostnames if suffix_matches(each, host)]
    if hostnames and not met:
        return None
    return max((*met, listener), key=lambda h: (bool(h) and not h.startswith("*"), len(h)))


def _entrances(
    cluster: Cluster,
    name: str,
    route: Any,
    host: str,
    gateway: str | None,
    port: int | None,
    notes: list[str],
) -> Iterator[_Entrance]:
    namespace = route.metadata.namespace or "default"
    parents = route.spec.parentRefs or []
    if not parents and not cluster.gateways:
        notes.append(f"HTTPRoute {name} names no parent; as no Gateway is declared, it is tried")
        yield _Entrance("", "", "", port or 80, "http")
    for parent in parents:
        if (parent.kind or "Gateway") != "Gateway":
            continue
        where = f"{parent.namespace or namespace}/{parent.name}"
        if gateway is not None and where != gateway:
            continue
        found = cluster.gateways.get(where)
        if found is None:
            notes.append(f"Gateway {where} is not declared: taken to have one open HTTP listener")
            yield _Entrance(where, "", "", port or 80, "http")
            continue
        for listener in _taking(found.spec.listeners or [], host):
            if parent.sectionName and listener.name != parent.sectionName:
                continue
            if parent.port and listener.port != parent.port:
                continue
            if port is not None and listener.port != port:
                continue
            if not _admits(cluster, listener, found.metadata.namespace or "default", namespace):
                continue
            scheme = "https" if listener.protocol in ("HTTPS", "TLS") else "http"
            yield _Entrance(where, listener.name, listener.hostname or "", listener.port, scheme)


def _taking(listeners: list[Any], host: str) -> list[Any]:
    """Of each port's listeners that know the host, those with the most specific hostname."""
    by_port: dict[int, list[Any]] = {}
    for listener in listeners:
        if listener.protocol in ("HTTP", "HTTPS") and (
            not listener.hostname or suffix_matches(listener.hostname, host)
        ):
            by_port.setdefault(listener.port, []).append(listener)

    def rank(listener: Any) -> tuple[bool, int]:
        hostname = listener.hostname or ""
        return (bool(hostname) and not hostname.startswith("*"), len(hostname))

    return [
        listener
        for group in by_port.values()
        for listener in group
        if rank(listener) == max(map(rank, group))
    ]


def _admits(cluster: Cluster, listener: Any, home: str, namespace: str) -> bool:
    allowed = listener.allowedRoutes
    kinds = (allowed.kinds if allowed is not None else None) or []
    if kinds and not any(each.kind == "HTTPRoute" for each in kinds):
        return False
    namespaces = allowed.namespaces if allowed is not None else None
    policy = (namespaces.from_ if namespaces is not None else None) or "Same"
    if policy == "All":
        return True
    if policy == "Selector":
        return namespaces is not None and selector_matches(
            namespaces.selector, cluster.namespace_labels(namespace)
        )
    return policy == "Same" and home == namespace


def _hit(request: Request, match: Any, where: str) -> tuple[str, str, bool, int, int] | None:
    if match is None:
        return ("PathPrefix", "/", False, 0, 0)
    kind = (match.path.type if match.path else None) or "PathPrefix"
    path = (match.path.value if match.path else None) or "/"
    if kind == "Exact":
        fits = request.path == path
    elif kind == "PathPrefix":
        fits = prefix_matches(path, request.path)
    else:
        fits = regular_expression(path, where).fullmatch(request.path) is not None
    if not fits or (match.method and match.method != request.method):
        return None
    headers = {each.name.lower(): each for each in reversed(match.headers or [])}
    queries = {each.name: each for each in reversed(match.queryParams or [])}
    if not _all_met(headers, request.headers, where) or not _all_met(queries, request.query, where):
        return None
    return (kind, path, bool(match.method), len(headers), len(queries))


def _all_met(wanted: Mapping[str, Any], given: Mapping[str, str], where: str) -> bool:
    for name, each in wanted.items():
        value = given.get(name)
        if value is None:
            return False
        if (each.type or "Exact") == "Exact":
            if value != each.value:
                return False
        elif regular_expression(each.value, where).fullmatch(value) is None:
            return False
    return True


def _carry_out(
    cluster: Cluster,
    request: Request,
    hit: _Hit,
    won: Candidate,
    runners_up: tuple[Candidate, ...],
    notes: list[str],
) -> Routing:
    entrance = hit.entrance
    way = Way(request, hit.path, entrance.scheme, entrance.port)
    way = way.filtered(hit.rule.filters or [], notes)
    home = hit.route.partition("/")[0]
    refs = hit.rule.backendRefs or []
    if way.redirect is not None:
        return _redirect(way, won, runners_up, notes)
    shares, told = backend_shares(cluster, home, refs)
    notes += told
    if not shares:
        notes.append("no usable backend: the Gateway answers 500")
        host, path = way.request.host, way.request.path
        return Routing(None, {}, 500, None, host, path, won, runners_up, tuple(notes))
    lost = 1 - sum(shares.values(), Fraction(0))
    if lost:
        notes.append(f"{lost} of the requests go to a backend that is not valid: 500")
    best = max(shares, key=lambda backend: shares[backend])
    own = next(ref.filters for ref in refs if backend_of_ref(home, ref) == best)
    if own:
        way = way.filtered(own, notes)
    if len(shares) > 1 and any(ref.filters for ref in refs):
        notes.append(f"filters of single backends: what is said here is of requests to {best}")
    if way.redirect is not None:
        return _redirect(way, won, runners_up, notes)
    host, path = way.request.host, way.request.path
    return Routing(best, shares, None, None, host, path, won, runners_up, tuple(notes))


def _redirect(
    way: Way, won: Candidate, runners_up: tuple[Candidate, ...], notes: list[str]
) -> Routing:
    status = way.redirect.status if way.redirect is not None else None
    host, path = way.request.host, way.request.path
    return Routing(None, {}, status, way.redirect, host, path, won, runners_up, tuple(notes))
