"""``curl -v`` in a pod: one request to a pod, a Service or the bank, and the times it took."""

from dataclasses import dataclass

import numpy as np

from k8snet_lessons.cluster import cluster_ips
from k8snet_lessons.dns import lookup
from k8snet_lessons.incidents.case import Case
from k8snet_lessons.incidents.layout import (
    BALANCER,
    BANK_ADDRESS,
    CHECKOUT_PORT,
    EDGE_PORT,
    HOST,
    LEDGER_PORT,
)
from k8snet_lessons.incidents.reach import choose, fate, name_server
from k8snet_lessons.incidents.tables import node_tables
from k8snet_lessons.incidents.tools.pod import dns_wait_ms, resolv_conf, zone
from k8snet_lessons.incidents.traffic import ANSWER_BYTES, REPORT_S, round_trip_us, unanswered
from k8snet_lessons.incidents.world import Pod, World
from k8snet_lessons.sim.arrays import Bools

#: Seven SYNs a second apart and then twice as long each time: tcp_syn_retries 6 and
#: tcp_syn_linear_timeouts 4 give up after 131 s.
_KERNEL_GIVES_UP_S = 131.0


@dataclass(frozen=True)
class _Met:
    """What a connection meets: a fate, or ``no route``; and which pod, if one is there."""

    fate: str
    pod: Pod | None = None
    port: int = 0
    rtt_s: float = 0.0009


def curl(case: Case, pod: Pod, url: str, most_s: float, connect_most_s: float) -> str:
    """Request a URL.

    Parameters
    ----------
    case : Case
    pod : Pod
        Where it runs.
    url : str
    most_s, connect_most_s : float
        ``--max-time`` and ``--connect-timeout``.
    """
    scheme, _, rest = url.partition("://")
    if not rest:
        scheme, rest = "http", url
    authority, _, path = rest.partition("/")
    host, _, text_port = authority.partition(":")
    usual = 443 if scheme == "https" else 80
    port = int(text_port) if text_port.isdecimal() else usual
    target, named_s = _resolve(case, pod, host)
    if not target:
        if named_s > most_s:
            said = f"Resolving timed out after {round(most_s * 1000)} milliseconds"
            return f"* {said}\n{_times(0, 0, 0, most_s)}curl: (28) {said}\n"
        waited = named_s
        return (
            f"* Could not resolve host: {host}\n{_times(waited, 0, 0, waited)}"
            f"curl: (6) Could not resolve host: {host}\n"
        )
    named_s = min(named_s, most_s)
    resolved = "" if target == host else (
        f"* Host {host}:{port} was resolved.\n* IPv6: (none)\n* IPv4: {target}\n"
    )  # fmt: skip
    met = _meets(case.world, pod, target, port)
    head = f"{resolved}*   Trying {target}:{port}...\n"
    if met.fate in ("silent", "refused", "no route"):
        return head + _not_connected(met, host, target, port, named_s, most_s, connect_most_s)
    connected_s = named_s + _connect_delay(case.world, pod, target) + met.rtt_s
    shown = host if port == usual else f"{host}:{port}"
    head += (
        f"* Connected to {host} ({target}) port {port}\n> GET /{path} HTTP/1.1\n> Host: {shown}\n"
        "> User-Agent: curl/8.14.1\n> Accept: */*\n>\n* Request completely sent off\n"
    )
    return head + _answered(case, met, scheme, path, named_s, connected_s, most_s)


def _not_connected(
    met: _Met, host: str, target: str, port: int, named_s: float, most_s: float, connect_s: float
) -> str:
    if met.fate == "silent":
        asked_s = min(most_s, connect_s)
        if asked_s < _KERNEL_GIVES_UP_S:
            said = f"Connection timed out after {round(asked_s * 1000)} milliseconds"
            wait_s = asked_s
        else:
            wait_s = _KERNEL_GIVES_UP_S
            said = _failed(host, port, wait_s)
        return (
            f"* {said}\n* closing connection #0\n{_times(named_s, 0, 0, wait_s)}curl: (28) {said}\n"
        )
    why = "Connection refused" if met.fate == "refused" else "No route to host"
    # Without an answer to ARP the kernel says so after three seconds.
    took_s = named_s + (met.rtt_s if met.fate == "refused" else 3.07)
    said = _failed(host, port, took_s)
    return (
        f"* connect to {target} port {port} failed: {why}\n* {said}\n* closing connection #0\n"
        f"{_times(named_s, 0, 0, took_s)}curl: (7) {said}\n"
    )


def _failed(host: str, port: int, after_s: float) -> str:
    return (
        f"Failed to connect to {host} port {port} after {round(after_s * 1000)} ms: "
        "Could not connect to server"
    )


def _answered(
    case: Case, met: _Met, scheme: str, path: str, named_s: float, connected_s: float, most_s: float
) -> str:
    # A hole swallows what is larger than a small packet: the answer to a cart, not to a probe.
    if met.fate == "hole" and path != "healthz":
        return _no_answer(named_s, connected_s, most_s)
    app = "" if met.pod is None else met.pod.app
    first_s = connected_s + met.rtt_s
    if app == "ledger":  # a gRPC server speaks HTTP/2 only
        said = "Received HTTP/0.9 when not allowed"
        return (
            f"* {said}\n* closing connection #0\n{_times(named_s, connected_s, 0, first_s)}"
            f"curl: (1) {said}\n"
        )
    if app == "edge-proxy" and scheme == "http":
        return "< HTTP/1.1 400 Bad Request\n< Content-Length: 248\n<\n" + _times(
            named_s, connected_s, first_s, first_s
        )
    if path == "healthz":
        size, served_s = 2, 0.001
    elif app == "checkout":
        size, served_s = ANSWER_BYTES, _served_s(case, met.pod, path)
    else:
        size, served_s = 512, 0.002
    total_s = first_s + served_s
    if total_s > most_s:
        return _no_answer(named_s, connected_s, most_s)
    status = _status(case, met.pod) if app == "checkout" and path != "healthz" else 200
    word = "OK" if status == 200 else "Internal Server Error"
    return (
        f"< HTTP/1.1 {status} {word}\n< Content-Length: {size if status == 200 else 68}\n<\n"
        + _times(named_s, connected_s, total_s, total_s)
    )


def _no_answer(named_s: float, connected_s: float, most_s: float) -> str:
    said = f"Operation timed out after {round(most_s * 1000)} milliseconds with 0 bytes received"
    return f"* {said}\n{_times(named_s, connected_s, 0, most_s)}curl: (28) {said}\n"


def _of_pod(case: Case, pod: Pod | None) -> Bools:
    """Requests for a cart that reached a pod."""
    traffic = case.traffic
    number = -1 if pod is None else case.world.pods_of("checkout").index(pod)
    mine: Bools = (traffic.checkout == number) & ~traffic.report
    return mine


def _served_s(case: Case, pod: Pod | None, path: str) -> float:
    """What a request of today takes in this pod and behind it; a report is built besides."""
    spent = case.traffic.hop_us[2:].sum(axis=0)[_of_pod(case, pod)]
    # Where nobody reaches the pod, as on a healthy day.
    cart_s = float(np.median(spent)) / 1e6 if len(spent) else 0.02
    return cart_s + (sum(REPORT_S) / 2 if path.startswith("report") else 0.0)


def _status(case: Case, pod: Pod | None) -> int:
    """What most of this pod's requests come to."""
    status = case.traffic.status[_of_pod(case, pod)]
    return 500 if len(status) and float(np.mean(status == 500)) > 0.5 else 200


def _times(lookup_s: float, connect_s: float, first_s: float, total_s: float) -> str:
    return (
        f"time_namelookup: {lookup_s:.3f}  time_connect: {connect_s:.3f}  "
        f"time_starttransfer: {first_s:.3f}  time_total: {total_s:.3f}\n"
    )


def _resolve(case: Case, pod: Pod, host: str) -> tuple[str, float]:
    """An address, or none, and the seconds that it took."""
    if host.replace(".", "").isdigit():
        return host, 0.0
    if name_server(case.world, pod) != "ok":
        return "", unanswered(case.world).waited_s
    known = zone(case.world) | {(HOST, "A"): [BALANCER], (HOST, "AAAA"): "NODATA"}
    found = lookup(host, resolv_conf(case, pod), "glibc", known)
    rounds = len({query.qname for query in found.queries})
    waited_s = rounds * dns_wait_ms(case) / 1e3
    return (found.addresses[0] if found.addresses else ""), waited_s


def _meets(world: World, pod: Pod, target: str, port: int) -> _Met:
    """What a connection from a pod to an address and port meets."""
    if target == BANK_ADDRESS:
        return _Met("ok" if port == 443 else "silent")
    if target == BALANCER:
        return _Met("ok" if port == 443 else "silent", rtt_s=0.002)
    for scope, service in world.cluster.services.items():
        if target in cluster_ips(service):
            if port != service.spec.ports[0].port:
                return _Met("silent")
            chosen = choose(world, pod.place, pod.address, scope)
            if not chosen.pods:
                return _Met(chosen.otherwise, rtt_s=0.0001)
            return _to_pod(world, pod, chosen.pods[0], chosen.port)
    for other in world.pods:
        if other.address == target:
            return _to_pod(world, pod, other, port)
    return _Met("no route")


def _to_pod(world: World, pod: Pod, other: Pod, port: int) -> _Met:
    if pod == other:
        listens = {"checkout": CHECKOUT_PORT, "edge-proxy": EDGE_PORT, "ledger": LEDGER_PORT}
        met = "ok" if port == listens.get(pod.app) else "refused"
        return _Met(met, other, port, 0.00005)
    rtt_s = round_trip_us(pod.place, other.place) / 1e6
    return _Met(fate(world, pod, other, port), other, port, rtt_s)


def _connect_delay(world: World, pod: Pod, target: str) -> float:
    """The median wait of a new connection from this pod's node."""
    table = node_tables(world)[pod.place]
    steps = table.port_waits if target == BANK_ADDRESS else table.waits
    total = 0.0
    for seconds, share in steps:
        total += share
        if total >= 0.5:
            return 0.0 if seconds == float("inf") else seconds
    return 0.0
