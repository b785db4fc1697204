"""Where an HTTPRoute's filters send a client, and under which path a backend sees its request."""

from collections.abc import Mapping
from typing import Any

from k8snet_lessons.control.routing._request import Redirect, Request

_DEFAULT_PORTS = {"http": 80, "https": 443}


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
