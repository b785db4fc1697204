"""What the backendRefs of a rule come to: shares of the requests, and who is not valid.

Gateway API, the comments on ``HTTPBackendRef``: a reference to a kind that is not known, to an
object that is not there, or into another namespace without a ReferenceGrant is not valid, and
its share of the requests is answered with 500.
"""

from collections.abc import Sequence
from fractions import Fraction
from typing import Any

from k8snet_lessons.cluster import Cluster
from k8snet_lessons.control.routing._request import Backend

_GATEWAY_GROUP = "gateway.networking.k8s.io"


def backend_shares(
    cluster: Cluster, home: str, refs: Sequence[Any]
) -> tuple[dict[Backend, Fraction], list[str]]:
    """Share requests out by weight, and say which references are not valid and why.

    Parameters
    ----------
    cluster : Cluster
    home : str
        Namespace of the route.
    refs : sequence of HTTPBackendRef

    Returns
    -------
    shares : dict of Backend to Fraction
        What is missing to one goes to references that are not valid.
    notes : list of str
    """
    total = sum(_weight(ref) for ref in refs)
    shares: dict[Backend, Fraction] = {}
    notes = []
    for ref in refs:
        backend = backend_of_ref(home, ref)
        why = _why_not_valid(cluster, home, backend, ref.group or "")
        if why:
            notes.append(f"{backend} {why}")
        elif _weight(ref):
            shares[backend] = shares.get(backend, Fraction(0)) + Fraction(_weight(ref), total)
            assumed = "" if backend.kind != "Service" else undeclared(cluster, backend)
            if assumed:
                notes.append(assumed)
    return shares, list(dict.fromkeys(notes))


def backend_of_ref(home: str, ref: Any) -> Backend:
    """Read where a backendRef of a route in namespace ``home`` points to."""
    return Backend(ref.namespace or home, ref.name, ref.port or "", ref.kind or "Service")


def undeclared(cluster: Cluster, backend: Backend) -> str:
    """Say what the manifests leave open about a Service that a rule names; empty where nothing.

    Parameters
    ----------
    cluster : Cluster
    backend : Backend
        A Service.

    Returns
    -------
    str
    """
    declared = cluster.services.get(f"{backend.namespace}/{backend.service}")
    if missing_service(cluster, backend):
        return ""
    if declared is None:
        return (
            f"no Service of namespace {backend.namespace} is declared: the manifests are taken for "
            f"an extract, and {backend} to be there"
        )
    ports = [port for each in declared.spec.ports or [] for port in (each.port, each.name)]
    if backend.port in ports:
        return ""
    return (
        f"Service {backend.namespace}/{backend.service} declares no port {backend.port}: the API "
        "leaves open what becomes of such requests; most proxies answer 500 or 503"
    )


def missing_service(cluster: Cluster, backend: Backend) -> bool:
    """Whether a Service is not declared, while others of its namespace are."""
    home = f"{backend.namespace}/"
    return f"{home}{backend.service}" not in cluster.services and any(
        each.startswith(home) for each in cluster.services
    )


def granted(
    cluster: Cluster, source: tuple[str, str], namespace: str, target: tuple[str, str, str]
) -> bool:
    """Whether a ReferenceGrant allows a reference into another namespace.

    Parameters
    ----------
    cluster : Cluster
    source : (kind, namespace)
        Who refers; a kind of the Gateway API.
    namespace : str
        Where the object that is referred to lives, and the grant with it.
    target : (group, kind, name)

    Returns
    -------
    bool
    """
    if source[1] == namespace:
        return True
    group, kind, name = target
    for other in cluster.others:
        if other.kind != "ReferenceGrant" or other.namespace != namespace:
            continue
        spec = other.content.get("spec") or {}
        from_here = any(
            (each.get("group"), each.get("kind"), each.get("namespace"))
            == (_GATEWAY_GROUP, *source)
            for each in spec.get("from") or []
        )
        to_there = any(
            (each.get("group") or "", each.get("kind")) == (group, kind)
            and each.get("name") in (None, name)
            for each in spec.get("to") or []
        )
        if from_here and to_there:
            return True
    return False


def _why_not_valid(cluster: Cluster, home: str, backend: Backend, group: str) -> str:
    """Say why a reference leads nowhere; empty where it does lead somewhere.

    A Service must be there only where the manifests declare any Services of its namespace:
    manifests without them are taken for an extract, which `undeclared` says in words.
    """
    namespace, name = backend.namespace, backend.service
    if (group, backend.kind) != ("", "Service"):
        if not any(
            (each.kind, each.namespace, each.name) == (backend.kind, namespace, name)
            for each in cluster.others
        ):
            return "is of a kind that no Gateway must know, and no such object is declared"
    elif missing_service(cluster, backend):
        return "is not among the declared Services of its namespace"
    if not granted(cluster, ("HTTPRoute", home), namespace, (group, backend.kind, name)):
        return "is in another namespace, and no ReferenceGrant there allows it"
    return ""


def _weight(ref: Any) -> int:
    return 1 if ref.weight is None else int(ref.weight)
