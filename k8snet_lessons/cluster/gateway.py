"""Gateway API kinds, by hand: the Kubernetes model package has only the built-in API.

Field names are those of ``gateway.networking.k8s.io/v1`` (v1.6). Filters and policies that
have no bearing on which backend is chosen are kept as plain data.
"""

from dataclasses import dataclass, field
from typing import Any

from lightkube.models import meta_v1


@dataclass(frozen=True)
class SecretReference:
    """A reference to a certificate or another object."""

    name: str
    group: str | None = None
    kind: str | None = None
    namespace: str | None = None


@dataclass(frozen=True)
class GatewayTLS:
    """How a listener ends TLS."""

    mode: str | None = None
    certificateRefs: list[SecretReference] | None = None  # noqa: N815
    options: dict[str, Any] | None = None
    frontendValidation: dict[str, Any] | None = None  # noqa: N815


@dataclass(frozen=True)
class RouteNamespaces:
    """Which namespaces' routes may attach: ``Same`` (default), ``All``, ``Selector``, ``None``."""

    from_: str | None = field(default=None, metadata={"json": "from"})
    selector: meta_v1.LabelSelector | None = None


@dataclass(frozen=True)
class RouteGroupKind:
    """A kind of route."""

    kind: str
    group: str | None = None


@dataclass(frozen=True)
class AllowedRoutes:
    """Which routes may attach to a listener."""

    namespaces: RouteNamespaces | None = None
    kinds: list[RouteGroupKind] | None = None


@dataclass(frozen=True)
class Listener:
    """One port on which a Gateway accepts connections."""

    name: str
    port: int
    protocol: str
    hostname: str | None = None
    tls: GatewayTLS | None = None
    allowedRoutes: AllowedRoutes | None = None  # noqa: N815


@dataclass(frozen=True)
class GatewayAddress:
    """An address asked for, or given."""

    value: str | None = None
    type: str | None = None


@dataclass(frozen=True)
class GatewaySpec:
    """What a Gateway asks for."""

    gatewayClassName: str  # noqa: N815
    listeners: list[Listener] | None = None
    addresses: list[GatewayAddress] | None = None
    infrastructure: dict[str, Any] | None = None
    allowedListeners: dict[str, Any] | None = None  # noqa: N815
    tls: dict[str, Any] | None = None
    defaultScope: str | None = None  # noqa: N815


@dataclass(frozen=True)
class Gateway:
    """A place where traffic enters."""

    metadata: meta_v1.ObjectMeta
    spec: GatewaySpec
    apiVersion: str = "gateway.networking.k8s.io/v1"  # noqa: N815
    kind: str = "Gateway"
    status: dict[str, Any] | None = None


@dataclass(frozen=True)
class ParentReference:
    """The Gateway (or, in a mesh, the Service) a route attaches to."""

    name: str
    group: str | None = None
    kind: str | None = None
    namespace: str | None = None
    sectionName: str | None = None  # noqa: N815
    port: int | None = None


@dataclass(frozen=True)
class HTTPPathMatch:
    """``Exact``, ``PathPrefix`` (default) or ``RegularExpression``; the default value is ``/``."""

    type: str | None = None
    value: str | None = None


@dataclass(frozen=True)
class HTTPHeaderMatch:
    """A header that must be there; names ignore case, values do not."""

    name: str
    value: str
    type: str | None = None


@dataclass(frozen=True)
class HTTPQueryParamMatch:
    """A query parameter that must be there."""

    name: str
    value: str
    type: str | None = None


@dataclass(frozen=True)
class HTTPRouteMatch:
    """All conditions inside one match must hold."""

    path: HTTPPathMatch | None = None
    headers: list[HTTPHeaderMatch] | None = None
    queryParams: list[HTTPQueryParamMatch] | None = None  # noqa: N815
    method: str | None = None


@dataclass(frozen=True)
class HTTPBackendRef:
    """Where a rule sends requests, and with what share; the default weight is 1."""

    name: str
    port: int | None = None
    weight: int | None = None
    group: str | None = None
    kind: str | None = None
    namespace: str | None = None
    filters: list[dict[str, Any]] | None = None


@dataclass(frozen=True)
class HTTPRouteRule:
    """Any one of the matches is enough."""

    name: str | None = None
    matches: list[HTTPRouteMatch] | None = None
    filters: list[dict[str, Any]] | None = None
    backendRefs: list[HTTPBackendRef] | None = None  # noqa: N815
    timeouts: dict[str, Any] | None = None
    retry: dict[str, Any] | None = None
    sessionPersistence: dict[str, Any] | None = None  # noqa: N815


@dataclass(frozen=True)
class HTTPRouteSpec:
    """Rules for requests that arrive at the parents under the hostnames."""

    parentRefs: list[ParentReference] | None = None  # noqa: N815
    hostnames: list[str] | None = None
    rules: list[HTTPRouteRule] | None = None
    useDefaultGateways: str | None = None  # noqa: N815


@dataclass(frozen=True)
class HTTPRoute:
    """Which requests go to which backends."""

    metadata: meta_v1.ObjectMeta
    spec: HTTPRouteSpec
    apiVersion: str = "gateway.networking.k8s.io/v1"  # noqa: N815
    kind: str = "HTTPRoute"
    status: dict[str, Any] | None = None


@dataclass(frozen=True)
class GatewayClassSpec:
    """Which controller serves Gateways of this class."""

    controllerName: str  # noqa: N815
    description: str | None = None
    parametersRef: dict[str, Any] | None = None  # noqa: N815


@dataclass(frozen=True)
class GatewayClass:
    """A kind of Gateway, as IngressClass is a kind of Ingress."""

    metadata: meta_v1.ObjectMeta
    spec: GatewayClassSpec
    apiVersion: str = "gateway.networking.k8s.io/v1"  # noqa: N815
    kind: str = "GatewayClass"
    status: dict[str, Any] | None = None
