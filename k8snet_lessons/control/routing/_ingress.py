"""Ingress: hosts first, then the longest path, then Exact over Prefix.

https://kubernetes.io/docs/concepts/services-networking/ingress/ and the API's own comments
(networking/v1 types.go). Where they leave a choice, by name:

- ``ImplementationSpecific`` is treated as ``Prefix``.
- A host of its own beats a wildcard, which beats a rule without a host; the most specific host
  decides alone, and a path it does not know goes to the default backend. NGINX's servers
  and Envoy's virtual hosts work that way.
- Where the manifests declare IngressClasses, an Ingress whose ``ingressClassName`` is none of
  them is served by nobody; where they declare none, any name is taken for a class that exists.
- A rule with a host and no paths sends all that is for this host to the default backend.
- The same host and path twice: the oldest Ingress wins, then the first by name.
- A backend is named whether its Service is declared or not; a note says where it is not.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction
from typing import Any

from k8snet_lessons.cluster import Cluster
from k8snet_lessons.control.routing._backend_refs import missing_service, undeclared
from k8snet_lessons.control.routing._request import (
    Backend,
    Candidate,
    Request,
    Routing,
    created,
    one_label_matches,
    prefix_matches,
    service_port,
)

CLASS_ANNOTATION = "kubernetes.io/ingress.class"
DEFAULT_CLASS_ANNOTATION = "ingressclass.kubernetes.io/is-default-class"
_EXACT_HOST, _WILDCARD_HOST, _ANY_HOST = 0, 1, 2


@dataclass(frozen=True, slots=True)
class _Path:
    host_rank: int
    host: str
    path: str
    kind: str
    age: str
    ingress: str
    place: tuple[int, int]
    backend: Backend

    @property
    def order(self) -> tuple[object, ...]:
        exact_first = 0 if self.kind == "Exact" else 1
        return (-len(self.path), exact_first, self.age, self.ingress, self.place)

    def __str__(self) -> str:
        rule, path = self.place
        return (
            f"Ingress {self.ingress}, rule {rule + 1} ({self.host or 'any host'}), "
            f"path {path + 1}: {self.kind} {self.path}"
        )


def class_of(cluster: Cluster, ingress: Any) -> str | None:
    """Name the IngressClass of an Ingress: the field, the old annotation, or the default class."""
    if ingress.spec.ingressClassName:
        return str(ingress.spec.ingressClassName)
    annotations = ingress.metadata.annotations or {}
    if CLASS_ANNOTATION in annotations:
        return str(annotations[CLASS_ANNOTATION])
    defaults = [
        name
        for name, each in sorted(cluster.ingress_classes.items())
        if (each.metadata.annotations or {}).get(DEFAULT_CLASS_ANNOTATION) == "true"
    ]
    return defaults[0] if len(defaults) == 1 else None


def ingresses_of(cluster: Cluster, ingress_class: str | None) -> list[tuple[str, Any]]:
    """List Ingresses, oldest first, of one class or of all that some controller serves."""
    chosen = [
        (name, each)
        for name, each in cluster.ingresses.items()
        if (
            _served(cluster, each)
            if ingress_class is None
            else class_of(cluster, each) == ingress_class
        )
    ]
    return sorted(chosen, key=lambda item: (created(item[1]), item[0]))


def _served(cluster: Cluster, ingress: Any) -> bool:
    named, known = ingress.spec.ingressClassName, cluster.ingress_classes
    return not named or not known or named in known


def route_by_ingress(cluster: Cluster, request: Request, ingress_class: str | None) -> Routing:
    """Route a request by the Ingresses of a cluster, of one class or of all."""
    objects = ingresses_of(cluster, ingress_class)
    known = [(_rank(pattern), name) for name, pattern in _hosts(objects, request.host)]
    reached = list(_paths_for_host(cluster, objects, request.host))
    best_host = min((rank for rank, _ in known), default=None)
    decisive = [path for path in reached if path.host_rank == best_host]
    matching = sorted((p for p in decisive if _matches(p, request.path)), key=lambda p: p.order)
    if matching:
        winner, *rest = matching
        overruled = [
            Candidate(str(p), f"its host {p.host or '(any)'} is less specific than {winner.host}")
            for p in sorted(reached, key=lambda p: (p.host_rank, p.order))
            if p.host_rank != best_host and _matches(p, request.path)
        ]
        return _sent(
            cluster,
            winner.backend,
            request,
            Candidate(str(winner), _why(winner, rest)),
            (*(Candidate(str(p), _lost(winner, p)) for p in rest), *overruled),
        )
    owners = {name for rank, name in known if rank == best_host}
    default = _default_backend(cluster, objects, owners)
    if default is None:
        why = "no path of its host matches" if known else "no rule is for this host"
        note = f"{why}, and there is no default backend: the controller answers 404"
        return Routing(None, {}, 404, None, request.host, request.path, None, (), (note,))
    name, backend = default
    why = "no path of the host matches" if known else "no rule is for this host"
    return _sent(cluster, backend, request, Candidate(f"Ingress {name}, default backend", why), ())


def _matches(path: _Path, requested: str) -> bool:
    if path.kind == "Exact":
        return path.path == requested
    return prefix_matches(path.path, requested)


def _hosts(objects: list[tuple[str, Any]], host: str) -> Iterator[tuple[str, str]]:
    """Iterate over the rules that know a host, with paths or without."""
    for name, ingress in objects:
        for rule in ingress.spec.rules or []:
            pattern = rule.host or ""
            if not pattern or one_label_matches(pattern, host):
                yield name, pattern


def _rank(pattern: str) -> int:
    if not pattern:
        return _ANY_HOST
    return _WILDCARD_HOST if pattern.startswith("*.") else _EXACT_HOST


def _paths_for_host(cluster: Cluster, objects: list[tuple[str, Any]], host: str) -> Iterator[_Path]:
    for name, ingress in objects:
        namespace = ingress.metadata.namespace or "default"
        for number, rule in enumerate(ingress.spec.rules or []):
            pattern = rule.host or ""
            if pattern and not one_label_matches(pattern, host):
                continue
            for at, entry in enumerate((rule.http.paths if rule.http else None) or []):
                yield _Path(
                    _rank(pattern),
                    pattern,
                    entry.path or "/",
                    entry.pathType,
                    created(ingress),
                    name,
                    (number, at),
                    backend_of(cluster, namespace, entry.backend),
                )


def backend_of(cluster: Cluster, namespace: str, backend: Any) -> Backend:
    """Read the backend of an Ingress, its port as a number where that can be known."""
    if backend.service is None:
        return Backend(namespace, backend.resource.name, "", backend.resource.kind)
    port = backend.service.port
    given = port.number if port.number is not None else port.name
    name = backend.service.name
    return Backend(namespace, name, service_port(cluster, namespace, name, given))


def _default_backend(
    cluster: Cluster, objects: list[tuple[str, Any]], owners: set[str]
) -> tuple[str, Backend] | None:
    having = [(name, each) for name, each in objects if each.spec.defaultBackend is not None]
    # The Ingress that knows the host speaks first; among the others the oldest does.
    for name, ingress in sorted(having, key=lambda item: item[0] not in owners):
        namespace = ingress.metadata.namespace or "default"
        return name, backend_of(cluster, namespace, ingress.spec.defaultBackend)
    return None


def _why(winner: _Path, rest: list[_Path]) -> str:
    return "the only path that matches" if not rest else _lost(winner, rest[0], won=True)


def _lost(winner: _Path, other: _Path, won: bool = False) -> str:
    if len(winner.path) != len(other.path):
        return "the longest path that matches" if won else f"shorter than {winner.path}"
    if (winner.kind == "Exact") != (other.kind == "Exact"):
        return "as long, and Exact" if won else "as long, but not Exact"
    if winner.age != other.age:
        return "the same path in the oldest Ingress" if won else "a younger Ingress"
    return "the same path, first by name and place" if won else "later by name and place"


def _sent(
    cluster: Cluster,
    backend: Backend,
    request: Request,
    won: Candidate,
    runners_up: tuple[Candidate, ...],
) -> Routing:
    note = ""
    if backend.kind == "Service":
        note = undeclared(cluster, backend)
        if missing_service(cluster, backend):
            # The API says nothing of it; ingress-nginx serves 503 for a Service without endpoints.
            note = f"Service {backend} is not declared: most controllers answer 503"
    return Routing(
        backend,
        {backend: Fraction(1)},
        None,
        None,
        request.host,
        request.path,
        won,
        runners_up,
        (note,) if note else (),
    )
