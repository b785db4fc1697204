"""A request as routing sees it, and the elementary matches of hosts and paths."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from fractions import Fraction
from typing import Any
from urllib.parse import parse_qsl

from k8snet_lessons.cluster import Cluster
from k8snet_lessons.errors import InputError

METHODS = ("GET", "HEAD", "POST", "PUT", "DELETE", "CONNECT", "OPTIONS", "TRACE", "PATCH")


@dataclass(frozen=True, slots=True)
class Request:
    """An HTTP request: host without port and in lower case, path without query.

    ``query`` has the first value of each parameter, ``query_text`` all of it as it came.
    """

    host: str
    path: str
    method: str
    headers: Mapping[str, str]
    query: Mapping[str, str]
    query_text: str = ""


@dataclass(frozen=True, slots=True, order=True)
class Backend:
    """Where a request is sent: a port of a Service.

    Attributes
    ----------
    namespace, service : str
    port : int or str
        A number; a name only where the Service that would resolve it is not declared.
    kind : str
        ``Service``, or the kind of another resource.
    """

    namespace: str
    service: str
    port: int | str
    kind: str = "Service"

    @property
    def name(self) -> str:
        """Name of the Service."""
        return self.service

    def __str__(self) -> str:
        kind = "" if self.kind == "Service" else f"{self.kind} "
        return f"{kind}{self.namespace}/{self.service}" + (f":{self.port}" if self.port else "")


@dataclass(frozen=True, slots=True)
class Redirect:
    """An answer that sends the client elsewhere."""

    status: int
    location: str


@dataclass(frozen=True, slots=True)
class Candidate:
    """A rule that matches the request, or a default backend, and how it ranks.

    Attributes
    ----------
    rule : str
    because : str
        What it won or lost by.
    place : tuple of (str, int, int), or ()
        Of an HTTPRoute: its name, and the places of rule and match in it, from zero.
    criteria : mapping of str to str
        Of an HTTPRoute: what it has to show for each criterion of the API, in their order.
    decided_by : str
        The criterion by which it won over the next one, or lost.
    """

    rule: str
    because: str
    place: tuple[str, int, int] | tuple[()] = ()
    criteria: Mapping[str, str] = field(default_factory=dict)
    decided_by: str = ""


@dataclass(frozen=True, slots=True)
class Routing:
    """What becomes of a request. True where it reaches a backend.

    Attributes
    ----------
    backend : Backend or None
        Of several with weights, the one with the largest share; see `shares`.
    shares : mapping of Backend to Fraction
        Exact share of each backend.
    status : int or None
        The proxy's own answer where no backend is asked: 404, 500, or a redirect's.
    redirect : Redirect or None
    forwarded_host, forwarded_path : str
        What the backend sees, after rewrites.
    won : Candidate or None
    runners_up : tuple of Candidate
        Rules that matched too, in order, each with what it lost by.
    notes : tuple of str
        What was assumed, or not modeled.
    """

    backend: Backend | None
    shares: Mapping[Backend, Fraction]
    status: int | None
    redirect: Redirect | None
    forwarded_host: str
    forwarded_path: str
    won: Candidate | None
    runners_up: tuple[Candidate, ...] = ()
    notes: tuple[str, ...] = ()

    def __bool__(self) -> bool:
        return self.backend is not None


def read_request(host: str, path: str, method: str, headers: Mapping[str, str] | None) -> Request:
    """Check a request and take it apart.

    Raises
    ------
    InputError
        If a path that is not empty does not begin with a slash, or the method is unknown.
    """
    if path == "" or (isinstance(path, str) and path.startswith("?")):
        # RFC 9110, section 4.2.3: a client sends "/" for an empty path.
        path = "/" + path
    if not isinstance(path, str) or not path.startswith("/"):
        raise InputError("path", path, "a path that starts with '/'")
    if not isinstance(host, str):
        raise InputError("host", host, "a host name, or '' for none")
    if method.upper() not in METHODS:
        raise InputError("method", method, ", ".join(METHODS))
    bare, _, query = path.partition("?")
    first: dict[str, str] = {}
    for name, value in parse_qsl(query, keep_blank_values=True):
        first.setdefault(name, value)
    return Request(
        host=_without_port(host).lower().rstrip("."),
        path=bare,
        method=method.upper(),
        headers={name.lower(): value for name, value in (headers or {}).items()},
        query=first,
        query_text=query,
    )


def parse_request(text: str) -> tuple[str, str, str, dict[str, str]]:
    """Read a request written in one line.

    Parameters
    ----------
    text : str
        ``[METHOD] host/path [name: value; name: value]``; without a method, GET.

    Returns
    -------
    host, path, method : str
    headers : dict of str to str

    Raises
    ------
    InputError

    Examples
    --------
    >>> parse_request("POST shop.example.com/api?x=1  x-tester: yes")
    ('shop.example.com', '/api?x=1', 'POST', {'x-tester': 'yes'})
    """
    form = "[METHOD] host/path [name: value; name: value]"
    if not isinstance(text, str) or not text.strip():
        raise InputError("request", text, form)
    words = text.split(maxsplit=1)
    method = "GET"
    if words[0].upper() in METHODS:
        method, words = words[0].upper(), (words[1] if len(words) > 1 else "").split(maxsplit=1)
    if not words or "/" not in words[0]:
        raise InputError("request", text, form)
    host, slash, path = words[0].removeprefix("https://").removeprefix("http://").partition("/")
    headers = {}
    for part in (words[1] if len(words) > 1 else "").split(";"):
        name, colon, value = part.partition(":")
        if part.strip() and not (colon and name.strip()):
            raise InputError("request", text, form)
        if colon:
            headers[name.strip()] = value.strip()
    return host, slash + path, method, headers


def _without_port(host: str) -> str:
    if host.startswith("["):
        return host[1:].partition("]")[0]
    return host.partition(":")[0]


def elements(path: str) -> list[str]:
    """Split a path at its slashes; a trailing slash adds no element."""
    parts = path.split("/")[1:]
    return parts[:-1] if parts and parts[-1] == "" else parts


def prefix_matches(prefix: str, path: str) -> bool:
    """Whether a prefix covers a path element by element: ``/a/b`` does not cover ``/a/bb``."""
    wanted = elements(prefix)
    return elements(path)[: len(wanted)] == wanted


def one_label_matches(pattern: str, host: str) -> bool:
    """Match a host as Ingress does: ``*`` stands for exactly one label."""
    if not pattern.startswith("*."):
        return pattern.lower() == host
    first, dot, rest = host.partition(".")
    return bool(first and dot) and rest == pattern[2:].lower()


def suffix_matches(pattern: str, host: str) -> bool:
    """Match a host as Gateway API does: ``*`` stands for one label or more."""
    if not pattern.startswith("*."):
        return pattern.lower() == host
    suffix = pattern[1:].lower()
    return host.endswith(suffix) and len(host) > len(suffix)


def regular_expression(text: str, where: str) -> re.Pattern[str]:
    """Compile an expression, or say where it stands."""
    try:
        return re.compile(text)
    except re.error as error:
        raise InputError(where, text, f"a regular expression ({error})") from None


def created(manifest: Any) -> str:
    """Creation time as text that sorts; objects without one count as the youngest."""
    stamp = manifest.metadata.creationTimestamp
    return str(stamp) if stamp is not None else "~"


def service_port(cluster: Cluster, namespace: str, service: str, port: int | str) -> int | str:
    """Resolve a named Service port where the Service is declared."""
    if isinstance(port, int):
        return port
    found = cluster.services.get(f"{namespace}/{service}")
    for each in (found.spec.ports or []) if found is not None else []:
        if each.name == port:
            return int(each.port)
    return port
