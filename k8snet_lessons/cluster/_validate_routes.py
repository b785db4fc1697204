"""Ingress, Gateway and HTTPRoute, as the API server checks them."""

import re
from typing import Any

from k8snet_lessons.cluster import _syntax as syntax
from k8snet_lessons.cluster._syntax import Report
from k8snet_lessons.cluster.problems import Path, Words

_PATH_TYPES = ("Exact", "Prefix", "ImplementationSpecific")
_BAD_IN_PATH = ("//", "/./", "/../", "%2f", "%2F")
_BAD_AT_END = ("/..", "/.")
_METHODS = ("GET", "HEAD", "POST", "PUT", "DELETE", "CONNECT", "OPTIONS", "TRACE", "PATCH")
_MAX_WEIGHT = 1_000_000
_REDIRECT_STATUSES = (301, 302, 303, 307, 308)
_REPEATABLE_FILTERS = ("RequestMirror", "ExtensionRef")
_TOKEN = re.compile(r"[A-Za-z0-9!#$%&'*+\-.^_`|~]+\Z")
_PATH_CHARACTERS = re.compile(r"(?:[-A-Za-z0-9/._~!$&'()*+,;=:@]|%[0-9a-fA-F]{2})+\Z")
_KIND = re.compile(r"[a-zA-Z]([-a-zA-Z0-9]*[a-zA-Z0-9])?\Z")


def _host(report: Report, path: Path, host: str | None) -> None:
    if not host:
        return
    if syntax.parse_address(host) is not None:
        report(path, host, "a DNS name, not an IP address")
    elif not syntax.is_subdomain(host.removeprefix("*.")):
        report(path, host, "a DNS name such as shop.example.com or *.example.com")


def ingress(obj: Any, report: Report) -> None:
    """Check one Ingress."""
    spec = obj.spec
    if spec.ingressClassName is not None and not syntax.is_subdomain(spec.ingressClassName):
        report(("spec", "ingressClassName"), spec.ingressClassName, syntax.SUBDOMAIN_WORDS)
    if spec.defaultBackend is None and not spec.rules:
        report(("spec",), Words("without rules and defaultBackend"), "at least one of them")
    if spec.defaultBackend is not None:
        _ingress_backend(spec.defaultBackend, report, ("spec", "defaultBackend"))
    for index, rule in enumerate(spec.rules or []):
        here: Path = ("spec", "rules", index)
        _host(report, (*here, "host"), rule.host)
        if rule.http is not None and not rule.http.paths:
            report((*here, "http", "paths"), [], "at least one path")
        for at, entry in enumerate((rule.http.paths if rule.http else None) or []):
            _ingress_path(entry, report, (*here, "http", "paths", at))
    for index, entry in enumerate(spec.tls or []):
        for at, host in enumerate(entry.hosts or []):
            _host(report, ("spec", "tls", index, "hosts", at), host)
        if entry.secretName and not syntax.is_subdomain(entry.secretName):
            report(("spec", "tls", index, "secretName"), entry.secretName, syntax.SUBDOMAIN_WORDS)


def _ingress_path(entry: Any, report: Report, path: Path) -> None:
    syntax.check_one_of(report, (*path, "pathType"), entry.pathType, _PATH_TYPES)
    text = entry.path
    here = (*path, "path")
    if entry.pathType == "ImplementationSpecific":
        if text and not text.startswith("/"):
            report(here, text, "a path that starts with '/'")
    elif not (text or "").startswith("/"):
        report(here, text, "a path that starts with '/'")
    else:
        for bad in _BAD_IN_PATH:
            if bad in text:
                report(here, text, f"a path without {bad!r}")
        for bad in _BAD_AT_END:
            if text.endswith(bad):
                report(here, text, f"a path that does not end with {bad!r}")
    _ingress_backend(entry.backend, report, (*path, "backend"))


def _ingress_backend(backend: Any, report: Report, path: Path) -> None:
    service, resource = backend.service, backend.resource
    if (service is None) == (resource is None):
        report(path, Words("both or none of them"), "exactly one of service and resource")
    if service is None:
        return
    if not syntax.is_label(service.name):
        report((*path, "service", "name"), service.name, syntax.LABEL_WORDS)
    port = service.port
    here = (*path, "service", "port")
    if port is None or bool(port.name) == bool(port.number):
        report(here, Words("both or none of them"), "exactly one of name and number")
        return
    if port.name and not syntax.is_port_name(port.name):
        report((*here, "name"), port.name, syntax.PORT_NAME_WORDS)
    if port.number is not None:
        syntax.check_port(report, (*here, "number"), port.number)


def gateway(obj: Any, report: Report) -> None:
    """Check one Gateway."""
    listeners = obj.spec.listeners or []
    if not listeners:
        report(("spec", "listeners"), [], "at least one listener")
    names: set[str] = set()
    places: set[tuple[int, str, str]] = set()
    for index, listener in enumerate(listeners):
        here: Path = ("spec", "listeners", index)
        place = (listener.port, listener.protocol, listener.hostname or "")
        if place in places:
            report(here, Words("a second one of this kind"), "one a port, protocol and hostname")
        places.add(place)
        if not syntax.is_subdomain(listener.name):
            report((*here, "name"), listener.name, syntax.SUBDOMAIN_WORDS)
        elif listener.name in names:
            report((*here, "name"), listener.name, "a name no other listener has")
        names.add(listener.name)
        syntax.check_port(report, (*here, "port"), listener.port)
        _host(report, (*here, "hostname"), listener.hostname)
        _listener_protocol(listener, report, here)
        allowed = listener.allowedRoutes
        if allowed is not None and allowed.namespaces is not None:
            where: Path = (*here, "allowedRoutes", "namespaces")
            choice = ("All", "Selector", "Same", "None")
            syntax.check_one_of(report, (*where, "from"), allowed.namespaces.from_, choice)
            syntax.check_selector(report, (*where, "selector"), allowed.namespaces.selector)

    for index, address in enumerate(obj.spec.addresses or []):
        if address.type in (None, "IPAddress") and address.value:
            syntax.check_address(report, ("spec", "addresses", index, "value"), address.value)


def _listener_protocol(listener: Any, report: Report, path: Path) -> None:
    protocol = listener.protocol
    if protocol in ("TCP", "UDP") and listener.hostname:
        words = f"nothing: protocol {protocol} carries no host name"
        report((*path, "hostname"), listener.hostname, words)
    if listener.tls is None:
        return
    if protocol in ("HTTP", "TCP", "UDP"):
        report((*path, "tls"), Words("given"), f"nothing: protocol {protocol} is not encrypted")
    elif protocol == "HTTPS" and listener.tls.mode == "Passthrough":
        report((*path, "tls", "mode"), "Passthrough", "Terminate, as HTTPS must be read here")


def http_route(obj: Any, report: Report) -> None:
    """Check one HTTPRoute."""
    for index, host in enumerate(obj.spec.hostnames or []):
        _host(report, ("spec", "hostnames", index), host)
    for index, rule in enumerate(obj.spec.rules or []):
        here: Path = ("spec", "rules", index)
        for at, match in enumerate(rule.matches or []):
            _http_match(match, report, (*here, "matches", at))
        for at, backend in enumerate(rule.backendRefs or []):
            _http_backend(backend, report, (*here, "backendRefs", at))
        _filters(rule, report, here)


def _filters(rule: Any, report: Report, path: Path) -> None:
    kinds = [entry.get("type") for entry in rule.filters or []]
    if "RequestRedirect" in kinds and rule.backendRefs:
        words = "nothing: a RequestRedirect filter answers itself"
        report((*path, "backendRefs"), Words("given"), words)
    if {"RequestRedirect", "URLRewrite"} <= set(kinds):
        report((*path, "filters"), Words("RequestRedirect and URLRewrite"), "one of the two")
    for at, (kind, entry) in enumerate(zip(kinds, rule.filters or [], strict=True)):
        here: Path = (*path, "filters", at)
        if kind in kinds[:at] and kind not in _REPEATABLE_FILTERS:
            report((*here, "type"), kind, "each of these once")
        redirect = entry.get("requestRedirect") or {}
        status = redirect.get("statusCode")
        if status not in (None, *_REDIRECT_STATUSES):
            words = " or ".join(map(str, _REDIRECT_STATUSES))
            report((*here, "requestRedirect", "statusCode"), status, words)
        change = (redirect or entry.get("urlRewrite") or {}).get("path") or {}
        if change.get("type") == "ReplacePrefixMatch" and not _one_prefix(rule):
            words = "used where the rule has exactly one match, of type PathPrefix"
            report((*here, "type"), Words("ReplacePrefixMatch"), words)


def _one_prefix(rule: Any) -> bool:
    """Whether the rule has one match by a prefix; without matches the API fills in ``/``."""
    kinds = [
        (match.path.type if match.path else None) or "PathPrefix" for match in rule.matches or []
    ]
    return kinds in ([], ["PathPrefix"])


def _http_match(match: Any, report: Report, path: Path) -> None:
    if match.path is not None:
        kinds = ("Exact", "PathPrefix", "RegularExpression")
        syntax.check_one_of(report, (*path, "path", "type"), match.path.type, kinds)
        text = match.path.value
        if text is not None and match.path.type != "RegularExpression":
            here: Path = (*path, "path", "value")
            if not text.startswith("/"):
                report(here, text, "a path that starts with '/'")
            for bad in (*_BAD_IN_PATH, "#"):
                if bad in text:
                    report(here, text, f"a path without {bad!r}")
            if not _PATH_CHARACTERS.match(text):
                report(here, text, "a path of letters, digits, -._~!$&'()*+,;=:@/ and %XX")
            for bad in _BAD_AT_END:
                if text.endswith(bad):
                    report(here, text, f"a path that does not end with {bad!r}")
    syntax.check_one_of(report, (*path, "method"), match.method, _METHODS)
    for field in ("headers", "queryParams"):
        seen: set[str] = set()
        for at, entry in enumerate(getattr(match, field) or []):
            syntax.check_one_of(
                report, (*path, field, at, "type"), entry.type, ("Exact", "RegularExpression")
            )
            where: Path = (*path, field, at, "name")
            if not _TOKEN.match(entry.name):
                report(where, entry.name, "a name of letters, digits and !#$%&'*+-.^_`|~")
            elif entry.name in seen:
                # The list's key is the name as written. Headers that differ in case alone are
                # accepted by the API server; the first of them counts when a request is matched.
                report(where, entry.name, "each name once")
            seen.add(entry.name)


def _http_backend(backend: Any, report: Report, path: Path) -> None:
    if backend.kind is not None and not _KIND.match(backend.kind):
        report((*path, "kind"), backend.kind, "a kind, such as Service")
    if backend.group and not syntax.is_subdomain(backend.group):
        report((*path, "group"), backend.group, "an API group, or '' for the core group")
    if backend.port is not None:
        syntax.check_port(report, (*path, "port"), backend.port)
    elif (backend.kind or "Service") == "Service" and not backend.group:
        report((*path, "port"), None, "a port: needed where the backend is a Service")
    if backend.weight is not None and not 0 <= backend.weight <= _MAX_WEIGHT:
        report((*path, "weight"), backend.weight, f"a whole number from 0 to {_MAX_WEIGHT}")
