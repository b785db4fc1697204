"""What can go wrong at each hop, and what the caller and the client then see.

Kernel answers come from the record ``refusals``, proxies' statuses from
``data/proxy_statuses.json``; what only a document says names the document.
"""

import json
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from typing import Any, Final

PROXIES: Final = ("nginx", "envoy", "haproxy")
PROXY_NAMES: Final = {"nginx": "nginx", "envoy": "Envoy", "haproxy": "HAProxy"}
ETP_DOC: Final = (
    "https://kubernetes.io/docs/reference/networking/virtual-ips/#external-traffic-policy"
)


@dataclass(frozen=True)
class Fault:
    """One way for one hop to fail.

    Parameters
    ----------
    hop : str
        Key of the hop, as in `Hop.key`.
    where : str
        The hop in words.
    fault : str
        What is wrong.
    caller : str
        What the caller at this hop gets: a client, a balancer or a proxy.
    client : str
        What the client outside sees then; ``""`` where it depends on the proxy.
    measured : str
        Name of the case in ``proxy_statuses.json`` when the caller is an ingress proxy.
    source : str
        Where this can be checked.
    """

    hop: str
    where: str
    fault: str
    caller: str
    client: str = ""
    measured: str = ""
    source: str = ""


_MEASURED: Final = "measured: proxy_statuses.json"
_REFUSALS: Final = "measured: refusals"

FAULTS: Final[tuple[Fault, ...]] = (
    Fault(
        "node-port",
        "node port, behind a layer-4 balancer",
        "policy Local, and no ready pod on this node",
        "silence: the packet is dropped",
        "connect time-out, until the health check takes the node out",
        source=ETP_DOC,
    ),
    Fault(
        "node-port",
        "node port, behind a layer-4 balancer",
        "the Service has no ready endpoint anywhere",
        "ICMP port unreachable: connection refused",
        "refused, or a time-out where the balancer does not pass the ICMP on",
        source=_REFUSALS,
    ),
    Fault(
        "node-port",
        "node's connection table",
        "full: no entry for a new flow",
        "silence; SYNs are sent again on a fixed ladder",
        "a connection that opens seconds late, or a time-out; open ones go on",
        source="measured: conntrack-full, syn-retries",
    ),
    Fault(
        "ingress",
        "ingress pod",
        "the process is gone, the pod still listed",
        "RST at once: connection refused",
        "refused through a layer-4 balancer that passes packets on",
        source=_REFUSALS,
    ),
    Fault(
        "upstream",
        "ingress to pod",
        "the Service has no ready endpoint; the proxy knows it",
        "nothing to connect to",
        measured="no_endpoints",
        source=_MEASURED,
    ),
    Fault(
        "upstream",
        "ingress to pod",
        "nobody listens: wrong targetPort, process starting",
        "RST at once",
        measured="refused",
        source=_MEASURED,
    ),
    Fault(
        "cluster-ip",
        "ingress to ClusterIP",
        "the Service has no endpoint: kube-proxy's REJECT",
        "ICMP port unreachable: connection refused",
        measured="rejected",
        source=_MEASURED,
    ),
    Fault(
        "upstream",
        "ingress to pod",
        "a policy or a full table drops the SYN",
        "silence until the connect time-out",
        measured="dropped",
        source=_MEASURED,
    ),
    Fault(
        "wire",
        "ingress to pod",
        "the pod's address exists no more (stale endpoint)",
        "no route to host, after about 3 s of unanswered ARP on that link",
        measured="no_host",
        source=_MEASURED,
    ),
    Fault(
        "app",
        "application",
        "accepts, and is silent longer than the read time-out",
        "silence until the read time-out",
        measured="slow",
        source=_MEASURED,
    ),
    Fault(
        "app",
        "application",
        "takes the request and closes: crash, kept connection closed first",
        "end of stream without an answer",
        measured="closed",
        source=_MEASURED,
    ),
)


@cache
def proxy_record() -> dict[str, Any]:
    """Return the measured answers of real proxies, with their provenance."""
    file = files("k8snet_lessons.data") / "proxy_statuses.json"
    record: dict[str, Any] = json.loads(file.read_text(encoding="utf-8"))
    return record


def client_sees(fault: Fault) -> str:
    """Say what the client outside sees; where a proxy answers, by proxy."""
    if not fault.measured:
        return fault.client
    answers = proxy_record()["answers"]
    by_status: dict[int, list[str]] = {}
    for proxy in PROXIES:
        if fault.measured in answers[proxy]:
            status = answers[proxy][fault.measured]["status"]
            by_status.setdefault(status, []).append(PROXY_NAMES[proxy])
    return "; ".join(f"{status} ({', '.join(names)})" for status, names in by_status.items())
