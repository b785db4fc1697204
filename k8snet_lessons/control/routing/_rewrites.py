"""Where an HTTPRoute's filters send a client, and under which path a backend sees its request."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from k8snet_lessons.control.routing._request import Redirect, Request

_DEFAULT_PORTS = {"http": 80, "https": 443}


@dataclass(frozen=True, slots=True)
class Way:
    """A request on its way through filters.

    Attributes
    ----------
    request : Request
        As the next filter, or the backend, sees it.
    prefix : str
        The path of the match that won.
    scheme, port : str, int
        Of the listener that took the request in.
    redirect : Redirect or None
        The answer, where a filter gave one.
    """

    request: Request
    prefix: str
    scheme: str
    port: int
    redirect: Redirect | None = None

    def filtered(self, filters: Sequence[Mapping[str, Any]], notes: list[str]) -> "Way":
        """Pass the filters of a rule or a backend in turn; what they leave alone is noted."""
        request = self.request
        for each in filters:
            kind = each.get("type")
            if kind == "RequestRedirect":
                spec = each.get("requestRedirect") or {}
                answer = redirected(spec, request, self.prefix, self.scheme, self.port)
                return replace(self, request=request, redirect=answer)
            if kind == "URLRewrite":
                rewrite = each.get("urlRewrite") or {}
                request = replace(
                    request,
                    host=rewrite.get("hostname") or request.host,
                    path=new_path(rewrite.get("path") or {}, request.path, self.prefix),
                )
            elif kind == "CORS" and _preflight(request):
                notes.append("a CORS preflight: the Gateway answers it, and no backend sees it")
            else:
                notes.append(f"filter {kind} does not change where the request goes")
        return replace(self, request=request)


def _preflight(request: Request) -> bool:
    """Whether a browser asks beforehand what it may do (Fetch standard, CORS-preflight)."""
    asks = {"origin", "access-control-request-method"} <= request.headers.keys()
    return request.method == "OPTIONS" and asks


def redirected(
    spec: Mapping[str, Any], request: Request, prefix: str, scheme: str, port: int
) -> Redirect:
    """Carry out a ``requestRedirect``.

    Parameters
    ----------
    spec : mapping
        The filter's content.
    request : Request
    prefix : str
        The path that matched.
    scheme, port : str, int
        Of the listener that took the request in.

    Returns
    -------
    Redirect
    """
    wanted = spec.get("scheme") or scheme
    host = spec.get("hostname") or request.host
    path = new_path(spec.get("path") or {}, request.path, prefix)
    # A scheme given brings its own port; otherwise the listener's is kept.
    chosen = spec.get("port") or (_DEFAULT_PORTS.get(wanted) if spec.get("scheme") else port)
    shown = "" if chosen is None or chosen == _DEFAULT_PORTS.get(wanted) else f":{chosen}"
    # The API says nothing of the query; proxies keep it.
    query = f"?{request.query_text}" if request.query_text else ""
    return Redirect(int(spec.get("statusCode") or 302), f"{wanted}://{host}{shown}{path}{query}")


def new_path(change: Mapping[str, Any], path: str, prefix: str) -> str:
    """Change a path as ``ReplaceFullPath`` or ``ReplacePrefixMatch`` says, or not at all."""
    if change.get("type") == "ReplaceFullPath":
        return str(change.get("replaceFullPath") or "/")
    if change.get("type") == "ReplacePrefixMatch":
        rest = path[len(prefix.rstrip("/")) :]
        return (change.get("replacePrefixMatch") or "").rstrip("/") + rest or "/"
    return path
