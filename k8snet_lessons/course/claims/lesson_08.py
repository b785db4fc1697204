"""What lesson 8 claims: Ingress and Gateway."""

from k8snet_lessons.control.routing import ProxyTimeouts, answer_slowly
from k8snet_lessons.course.claims.claim import chosen, documented, modeled, recorded
from k8snet_lessons.data.measured import load

_RETIREMENT = "https://kubernetes.io/blog/2025/11/11/ingress-nginx-retirement/"
_PROXY_MODULE = "https://nginx.org/en/docs/http/ngx_http_proxy_module.html"
_ROUTES = "https://gateway-api.sigs.k8s.io/reference/spec/"


def _waits_s(method: str) -> float:
    found = answer_slowly([20.0], ProxyTimeouts(5.0, 15.0, 3), method=method)
    return float(found.elapsed_s[0])


def _answer(case: str, method: str) -> float:
    answers = load("edge-patience").findings["answers"]
    return float(next(e["status"] for e in answers if (e["case"], e["method"]) == (case, method)))


CLAIMS = (
    chosen("5 seconds to connect, 15 seconds to read", "the annotations of the example"),
    modeled(
        "A GET that needs 20 s fails after 45 s, not 15",
        "control.routing.answer_slowly: three tries of 15 s",
        lambda: _waits_s("GET"),
    ),
    modeled(
        "is not repeated: 504 after 15 s",
        "control.routing.answer_slowly: one try of 15 s",
        lambda: _waits_s("POST"),
    ),
    documented(
        "a stream that sends a byte every 10 seconds lives for hours",
        "NGINX: proxy_read_timeout counts between two reads",
        _PROXY_MODULE,
    ),
    chosen("Move the weight of the canary to 90, then to 0."),
    documented("that share gets a 500", "Gateway API: HTTPBackendRef, invalid backends", _ROUTES),
    documented(
        "a proxy may answer that with 421",
        "RFC 9110, section 15.5.20",
        "https://www.rfc-editor.org/rfc/rfc9110#section-15.5.20",
    ),
    documented(
        "an idle connection lives 60 s in ingress-nginx's pool",
        "ingress-nginx: upstream-keepalive-timeout, default",
        "https://kubernetes.github.io/ingress-nginx/user-guide/nginx-configuration/configmap/#upstream-keepalive-timeout",
    ),
    documented(
        "and 5 s in a Node.js server as it comes",
        "Node.js 22: server.keepAliveTimeout, default",
        "https://nodejs.org/docs/latest-v22.x/api/http.html#serverkeepalivetimeout",
    ),
    documented(
        "65 s since Node.js 26",
        "nodejs/node pull request 62782",
        "https://github.com/nodejs/node/pull/62782",
    ),
    recorded(
        "the client gets a 502",
        "edge-patience",
        lambda: _answer("kept connection, closed as the request arrives", "POST"),
    ),
    recorded("Now and then a 502, on POST alone", "edge-patience"),
    documented("504 after three times the time-out", "NGINX: proxy_next_upstream", _PROXY_MODULE),
    documented("404 with a trailing slash", "Ingress: path types"),
    documented(
        "retirement in November 2025. Maintenance ended in March 2026",
        "kubernetes.io, Ingress NGINX Retirement",
        _RETIREMENT,
    ),
    documented("before it gets its 504", "NGINX: proxy_read_timeout", _PROXY_MODULE),
)
