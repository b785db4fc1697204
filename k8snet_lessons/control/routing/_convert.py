"""An Ingress written anew as a Gateway and HTTPRoutes, and what is lost on the way.

The shape is ingress2gateway's: one Gateway a class with listeners for each host, one HTTPRoute
a host. What has no counterpart in the API is said, never dropped in silence.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import yaml

from k8snet_lessons.cluster import Cluster
from k8snet_lessons.control.routing._ingress import backend_of, class_of
from k8snet_lessons.control.routing._request import Backend
from k8snet_lessons.control.routing._timeouts import PREFIX
from k8snet_lessons.errors import InputError

API_VERSION = "gateway.networking.k8s.io/v1"
_PATH_TYPES = {"Exact": "Exact", "Prefix": "PathPrefix", "ImplementationSpecific": "PathPrefix"}
_KNOWN = {
    "proxy-connect-timeout": "no counterpart in the API: a policy of the implementation's own",
    "proxy-send-timeout": "no counterpart in the API: a policy of the implementation's own",
    "proxy-next-upstream-tries": "no counterpart in the API's standard channel",
    "backend-protocol": "HTTP is the default; anything else is appProtocol on the Service's port",
    "rewrite-target": "a URLRewrite filter where no capture group is used; write it by hand",
    "ssl-redirect": "an HTTPRoute on the HTTP listener with a RequestRedirect filter",
    "force-ssl-redirect": "an HTTPRoute on the HTTP listener with a RequestRedirect filter",
    "use-regex": "matches of type RegularExpression, where the implementation has them",
    "canary": "weights on backendRefs, or a header match",
    "canary-weight": "weights on backendRefs",
    "configuration-snippet": "nothing: configuration text of NGINX has no place in the API",
    "server-snippet": "nothing: configuration text of NGINX has no place in the API",
    "proxy-body-size": "no counterpart in the API: a policy of the implementation's own",
    "service-upstream": "nothing to convert: implementations choose between Service and pod IPs",
    "limit-rps": "no counterpart in the API: a policy of the implementation's own",
}


@dataclass(frozen=True, slots=True)
class Conversion:
    """The new manifests and what the reader must know of them.

    Attributes
    ----------
    manifests : tuple of dict
    notes : tuple of str
        Differences in meaning, and annotations without a counterpart.
    """

    manifests: tuple[dict[str, Any], ...]
    notes: tuple[str, ...]

    def to_yaml(self) -> str:
        """Write the manifests as one YAML text."""
        return yaml.safe_dump_all(self.manifests, sort_keys=False)


def convert_ingress(cluster: Cluster, name: str, gateway_class: str | None = None) -> Conversion:
    """Convert one Ingress.

    Parameters
    ----------
    cluster : Cluster
    name : str
        ``"namespace/name"``.
    gateway_class : str, optional
        Name of the GatewayClass; by default that of the IngressClass, ``nginx`` if it has none.

    Returns
    -------
    Conversion

    Raises
    ------
    InputError
        If there is no such Ingress, or a named port cannot be turned into a number.
    """
    if name not in cluster.ingresses:
        raise InputError("ingress", name, ", ".join(sorted(cluster.ingresses)) or "none declared")
    ingress = cluster.ingresses[name]
    namespace, short = ingress.metadata.namespace or "default", ingress.metadata.name
    chosen = gateway_class or class_of(cluster, ingress) or "nginx"
    notes = list(_annotation_notes(ingress.metadata.annotations or {}))
    hosts = list(dict.fromkeys(rule.host or "" for rule in ingress.spec.rules or []))
    default = ingress.spec.defaultBackend
    if default is not None and "" not in hosts:
        hosts.append("")
    listeners = _listeners(ingress, hosts, notes)
    gateway = {
        "apiVersion": API_VERSION,
        "kind": "Gateway",
        "metadata": {"name": chosen, "namespace": namespace},
        "spec": {"gatewayClassName": chosen, "listeners": listeners},
    }
    routes = []
    for host in hosts:
        rules = [
            each
            for rule in ingress.spec.rules or []
            if (rule.host or "") == host
            for each in _rules(cluster, namespace, rule, ingress, notes)
        ]
        if default is not None and not any(_catches_all(rule) for rule in rules):
            # Within a known host, too, what no path matches goes to the default backend.
            rules.append({"backendRefs": [_ref(backend_of(cluster, namespace, default))]})
        if rules:
            routes.append(_route(namespace, short, chosen, host, rules))
    if any(host.startswith("*.") for host in hosts):
        notes.append(
            "a wildcard covers one label in an Ingress and any number in an HTTPRoute: "
            "a.b.example.com now matches *.example.com"
        )
    return Conversion((gateway, *routes), tuple(dict.fromkeys(notes)))


def _listeners(ingress: Any, hosts: list[str], notes: list[str]) -> list[dict[str, Any]]:
    listeners: list[dict[str, Any]] = []
    for host in hosts or [""]:
        label = host.replace("*", "any").replace(".", "-") or "any"
        named = {"hostname": host} if host else {}
        listeners.append({"name": f"{label}-http", **named, "port": 80, "protocol": "HTTP"})
        secret = _secret(ingress, host)
        if secret:
            listeners.append(
                {
                    "name": f"{label}-https",
                    **named,
                    "port": 443,
                    "protocol": "HTTPS",
                    "tls": {"certificateRefs": [{"name": secret}]},
                }
            )
            notes.append(
                f"{host or 'the host'} has TLS: ingress-nginx redirects its plain HTTP by default, "
                "these listeners serve both"
            )
    return listeners


def _secret(ingress: Any, host: str) -> str | None:
    for entry in ingress.spec.tls or []:
        if host in (entry.hosts or []) and entry.secretName:
            return str(entry.secretName)
    return None


def _rules(
    cluster: Cluster, namespace: str, rule: Any, ingress: Any, notes: list[str]
) -> Iterator[dict[str, Any]]:
    read_timeout = (ingress.metadata.annotations or {}).get(PREFIX + "proxy-read-timeout")
    for entry in (rule.http.paths if rule.http else None) or []:
        if entry.pathType == "ImplementationSpecific":
            notes.append(f"path {entry.path}: ImplementationSpecific is written as PathPrefix")
        path = {"type": _PATH_TYPES[entry.pathType], "value": entry.path or "/"}
        written: dict[str, Any] = {
            "matches": [{"path": path}],
            "backendRefs": [_ref(backend_of(cluster, namespace, entry.backend))],
        }
        if read_timeout is not None and str(read_timeout).isdecimal():
            written["timeouts"] = {"backendRequest": f"{read_timeout}s"}
        yield written


def _ref(backend: Backend) -> dict[str, Any]:
    if backend.kind != "Service":
        return {"name": backend.service, "kind": backend.kind}
    if isinstance(backend.port, str):
        raise InputError(
            f"port of Service {backend.namespace}/{backend.service}",
            backend.port,
            "a number, or a name that the declared Service has: an HTTPRoute takes numbers only",
        )
    return {"name": backend.service, "port": backend.port}


def _catches_all(rule: dict[str, Any]) -> bool:
    return any(
        each["path"] == {"type": "PathPrefix", "value": "/"} for each in rule.get("matches", [])
    )


def _route(
    namespace: str, name: str, gateway: str, host: str, rules: list[dict[str, Any]]
) -> dict[str, Any]:
    label = host.replace("*", "any").replace(".", "-") or "any"
    return {
        "apiVersion": API_VERSION,
        "kind": "HTTPRoute",
        "metadata": {"name": f"{name}-{label}", "namespace": namespace},
        "spec": {
            "parentRefs": [{"name": gateway}],
            **({"hostnames": [host]} if host else {}),
            "rules": rules,
        },
    }


def _annotation_notes(annotations: dict[str, str]) -> Iterator[str]:
    for key in sorted(annotations):
        if not key.startswith(PREFIX):
            continue
        word = key.removeprefix(PREFIX)
        if word == "proxy-read-timeout":
            yield (
                f"{word}: written as timeouts.backendRequest, which bounds the whole answer of one "
                "try; NGINX bounds the silence between two reads, so long streams are cut now"
            )
        else:
            yield f"{word}: {_KNOWN.get(word, 'no counterpart that this course knows')}"
