"""From a host and a path to a Service: Ingress, Gateway and HTTPRoute.

`route` names the backend; `explain_route` says which rule won, which lost and by what.
"""

from collections.abc import Mapping

from k8snet_lessons.cluster import Cluster
from k8snet_lessons.control.routing._certificates import Certificate, certificate_for
from k8snet_lessons.control.routing._convert import Conversion, convert_ingress
from k8snet_lessons.control.routing._httproute import route_by_http_route
from k8snet_lessons.control.routing._ingress import class_of, route_by_ingress
from k8snet_lessons.control.routing._request import (
    Backend,
    Candidate,
    Redirect,
    Routing,
    parse_request,
    read_request,
)
from k8snet_lessons.control.routing._timeouts import (
    ProxyTimeouts,
    SlowAnswers,
    answer_slowly,
    timeouts_of,
)
from k8snet_lessons.errors import InputError

__all__ = [
    "Backend",
    "Candidate",
    "Certificate",
    "Conversion",
    "ProxyTimeouts",
    "Redirect",
    "Routing",
    "SlowAnswers",
    "answer_slowly",
    "certificate_for",
    "class_of",
    "convert_ingress",
    "explain_route",
    "parse_request",
    "route",
    "timeouts_of",
]


def route(
    cluster: Cluster,
    host: str,
    path: str,
    method: str = "GET",
    headers: Mapping[str, str] | None = None,
    *,
    via: str | None = None,
    ingress_class: str | None = None,
    gateway: str | None = None,
    port: int | None = None,
) -> Backend | None:
    """Name the backend that a request reaches.

    Parameters
    ----------
    cluster : Cluster
    host : str
        The Host header; a port in it is ignored, ``""`` is none.
    path : str
        Begins with a slash; a query may follow.
    method : str
    headers : mapping of str to str, optional
        Names in any case.
    via : {"ingress", "gateway"}, optional
        Who is asked. Two controllers are two addresses; without a word Ingresses are asked
        first, and HTTPRoutes where no Ingress has an answer.
    ingress_class : str, optional
        Only Ingresses of this class.
    gateway : str, optional
        ``"namespace/name"``: only this Gateway.
    port : int, optional
        Only listeners of this port.

    Returns
    -------
    Backend or None
        None for a 404, a 500 or a redirect; `explain_route` says which.

    Raises
    ------
    InputError
        If the path has no slash, or an argument makes no sense.
    """
    return explain_route(
        cluster,
        host,
        path,
        method,
        headers,
        via=via,
        ingress_class=ingress_class,
        gateway=gateway,
        port=port,
    ).backend


def explain_route(
    cluster: Cluster,
    host: str,
    path: str,
    method: str = "GET",
    headers: Mapping[str, str] | None = None,
    *,
    via: str | None = None,
    ingress_class: str | None = None,
    gateway: str | None = None,
    port: int | None = None,
) -> Routing:
    """Say what becomes of a request and why; parameters as for `route`.

    Returns
    -------
    Routing
    """
    if via not in (None, "ingress", "gateway"):
        raise InputError("via", via, "ingress, gateway, or nothing")
    request = read_request(host, path, method, headers)
    gateway_only = via == "gateway" or gateway is not None or port is not None
    if gateway_only and (via == "ingress" or ingress_class is not None):
        raise InputError("via", via, "either an Ingress or a Gateway")
    if gateway_only or (via is None and not cluster.ingresses and ingress_class is None):
        return route_by_http_route(cluster, request, gateway, port)
    by_ingress = route_by_ingress(cluster, request, ingress_class)
    if by_ingress or via == "ingress" or ingress_class is not None or not cluster.http_routes:
        return by_ingress
    by_gateway = route_by_http_route(cluster, request, None, None)
    return by_gateway if by_gateway.won is not None else by_ingress
