"""What one runs in a pod: nslookup, dig, curl, ss; and its resolv.conf."""

import zlib
from dataclasses import dataclass

from k8snet_lessons.cluster import cluster_ips
from k8snet_lessons.dns import lookup, queries
from k8snet_lessons.incidents.case import Case, ToolError, stamp
from k8snet_lessons.incidents.channels import channels
from k8snet_lessons.incidents.layout import (
    BANK_ADDRESS,
    BANK_NAME,
    CHECKOUT_PORT,
    EDGE_PORT,
    HOST,
    LEDGER_PORT,
)
from k8snet_lessons.incidents.reach import choose, fate, name_server
from k8snet_lessons.incidents.tables import bank_answers, node_tables
from k8snet_lessons.incidents.traffic import round_trip_us, unanswered
from k8snet_lessons.incidents.world import Pod, World

_DNS = "10.96.0.10"


def resolv_conf(case: Case, pod: Pod) -> str:
    """The pod's /etc/resolv.conf; only checkout has a dnsConfig of its own."""
    text = case.world.resolv_conf
    if pod.app != "checkout":
        text = text.replace(f"ndots:{case.world.ndots}", "ndots:5")
        text = text.replace("shop.svc", f"{pod.namespace}.svc")
    return text


def zone(world: World) -> dict[tuple[str, str], list[str] | str]:
    """What the cluster's DNS knows."""
    known = dict(bank_answers(world))
    for scope, service in world.cluster.services.items():
        space, _, name = scope.partition("/")
        full = f"{name}.{space}.svc.cluster.local"
        own = list(cluster_ips(service))
        if not own:
            own = [pod.address for pod in world.pods_of("ledger")]
        known |= {(full, "A"): own, (full, "AAAA"): "NODATA"}
    return known


def nslookup(case: Case, pod: Pod, name: str) -> str:
    """BIND's nslookup; it walks the search list as the pod's file says."""
    if name_server(case.world, pod) != "ok":
        return ";; communications error to 10.96.0.10#53: timed out\n" * 3 + (
            ";; no servers could be reached\n\n"
        )
    found = lookup(name, resolv_conf(case, pod), "glibc", zone(case.world))
    text = f"Server:\t\t{_DNS}\nAddress:\t{_DNS}#53\n\n"
    if not found.found:
        return text + f"** server can't find {name}: NXDOMAIN\n\n"
    full = found.queries[-1].qname
    answer = "Non-authoritative answer:\n" if full == BANK_NAME else ""
    return text + answer + "".join(
        f"Name:\t{full}\nAddress: {address}\n" for address in found.addresses
    ) + "\n"  # fmt: skip


def dig(case: Case, pod: Pod, name: str, search: bool) -> str:
    """dig asks for the name as it stands; ``+search`` walks the list."""
    head = (
        f"\n; <<>> DiG 9.18.41 <<>> {'+search ' if search else ''}{name}\n;; global options: +cmd\n"
    )
    if name_server(case.world, pod) != "ok":
        return (
            head
            + ";; communications error to 10.96.0.10#53: timed out\n" * 3
            + ("\n;; no servers could be reached\n")
        )
    known = zone(case.world)
    asked = name.rstrip(".")
    if search:
        found = lookup(asked, resolv_conf(case, pod), "glibc", known)
        asked = found.queries[-1].qname if found.queries else asked
    answer = known.get((asked, "A"), "NXDOMAIN")
    good = isinstance(answer, list)
    status, count = ("NOERROR", len(answer)) if good else ("NXDOMAIN", 0)
    ttl = 60 if asked == BANK_NAME else 30
    text = (
        head
        + f";; Got answer:\n;; ->>HEADER<<- opcode: QUERY, status: {status}, id: {_number(asked)}\n"
    )
    text += f";; flags: qr rd ra; QUERY: 1, ANSWER: {count}, AUTHORITY: {0 if good else 1}, ADDITIONAL: 1\n"
    text += f"\n;; QUESTION SECTION:\n;{asked}.\t\t\tIN\tA\n"
    if good:
        text += "\n;; ANSWER SECTION:\n"
        text += "".join(f"{asked}.\t\t{ttl}\tIN\tA\t{address}\n" for address in answer)
    took = max(1, round(_dns_wait_ms(case)))
    text += f"\n;; Query time: {took} msec\n;; SERVER: {_DNS}#53({_DNS}) (UDP)\n"
    return text + f";; WHEN: {stamp(0).strftime('%a %b %d %H:%M:%S UTC %Y')}\n\n"


def _dns_wait_ms(case: Case) -> float:
    """What one question waits now: the mean lookup over its rounds."""
    import numpy as np

    from k8snet_lessons.incidents.tables import rounds_per_lookup

    traffic = case.traffic
    waits = traffic.hop_us[3][traffic.hop_us[3] > 0]
    if not len(waits):
        return 1.0
    return float(np.median(waits)) / 1e3 / rounds_per_lookup(case.world)


def asked_names(case: Case) -> list[tuple[str, str]]:
    """The questions that one lookup of the bank's name sends."""
    return queries(BANK_NAME, case.world.resolv_conf, "glibc", bank_answers(case.world))


def _number(text: str) -> int:
    return zlib.crc32(text.encode()) % 65_536


@dataclass(frozen=True)
class _Socket:
    """One line of ss."""

    own: str
    peer: str
    rtt_ms: float
    state: str = "ESTAB"


def ss(case: Case, pod: Pod, flags: str) -> str:
    """``ss -tn`` in a pod: the standing gRPC connections; ``-i`` adds a line for each."""
    world = case.world
    sockets = _sockets(world, pod)
    states = max([len(each.state) for each in sockets], default=5)
    text = f"{'State':<{states}} Recv-Q Send-Q {'Local Address:Port':>22} {'Peer Address:Port':>22} Process\n"
    mss = world.pod_mtu - 52
    for each in sockets:
        waiting = int(each.state == "SYN-SENT")
        text += f"{each.state:<{states}} 0      {waiting:<6} {each.own:>22} {each.peer:>22}\n"
        if "i" in flags and not waiting:
            text += (
                f"\t cubic wscale:7,7 rto:204 rtt:{each.rtt_ms:g}/{each.rtt_ms / 2:g} mss:{mss} "
                f"pmtu:{world.pod_mtu} rcvmss:536 advmss:{mss} cwnd:10\n"
            )
    return text


def _sockets(world: World, pod: Pod) -> list[_Socket]:
    """The gRPC channels that end in a pod, as its own sockets see them."""
    ledger = world.pods_of("ledger")
    virtual = cluster_ips(world.cluster.service("shop/ledger"))[0]
    made = []
    for number, caller in enumerate(world.pods_of("checkout")):
        for lane, held in enumerate(channels(world)[number].tolist()):
            target = ledger[lane % len(ledger) if world.ledger_by_request else held]
            own = f"{caller.address}:{40_000 + 97 * number + lane}"
            cut = fate(world, caller, target, LEDGER_PORT) == "silent"
            rtt_ms = round_trip_us(caller.place, target.place) / 1e3
            if pod == caller:
                # The caller's socket knows the virtual address only: DNAT happens on the node.
                peer = target.address if world.ledger_by_request else virtual
                state = "SYN-SENT" if cut else "ESTAB"
                made.append(_Socket(own, f"{peer}:{LEDGER_PORT}", rtt_ms, state))
            elif pod == target and not cut:
                made.append(_Socket(f"{target.address}:{LEDGER_PORT}", own, rtt_ms))
    return made


def curl(case: Case, pod: Pod, url: str, timeout_s: float) -> str:
    """``curl -v``: one request to a pod, a Service or the bank, with its times."""
    world = case.world
    scheme, _, rest = url.partition("://")
    if not rest:
        scheme, rest = "http", url
    authority, _, path = rest.partition("/")
    host, _, text_port = authority.partition(":")
    port = int(text_port) if text_port.isdecimal() else (443 if scheme == "https" else 80)
    target = _resolve(case, pod, host)
    if target == "":
        waited = unanswered(world).waited_s if name_server(world, pod) != "ok" else 0.0
        return f"* Could not resolve host: {host}\n{_times(waited, 0, 0, waited)}curl: (6) Could not resolve host: {host}\n"
    head = f"*   Trying {target}:{port}...\n"
    met, served, rtt_s = _meets(world, pod, target, port)
    if met == "silent":
        wait = min(timeout_s, 133.0)
        return (
            head
            + _times(0, 0, 0, wait)
            + (f"curl: (28) Connection timed out after {round(wait * 1000)} milliseconds\n")
        )
    if met == "refused":
        return (
            head
            + f"* connect to {target} port {port} failed: Connection refused\n"
            + (
                _times(0, 0, 0, rtt_s)
                + f"curl: (7) Failed to connect to {host} port {port} after {round(rtt_s * 1000)} ms: "
                "Couldn't connect to server\n"
            )
        )
    lost_s = _connect_delay(world, pod, target)
    head += (
        f"* Connected to {host} ({target}) port {port}\n> GET /{path} HTTP/1.1\n> Host: {host}\n>\n"
    )
    connected = lost_s + rtt_s
    if met == "hole" and path != "healthz":
        return (
            head
            + "* Request completely sent off\n"
            + _times(0, connected, 0, timeout_s)
            + (
                f"curl: (28) Operation timed out after {round(timeout_s * 1000)} milliseconds with 0 "
                "bytes received\n"
            )
        )
    first = connected + rtt_s + (0.001 if path == "healthz" else served)
    size = 2 if path == "healthz" else 20_000
    return (
        head
        + "< HTTP/1.1 200 OK\n"
        + f"< Content-Length: {size}\n<\n"
        + _times(0, connected, first, first)
    )


def _times(lookup_s: float, connect_s: float, first_s: float, total_s: float) -> str:
    return (
        f"time_namelookup: {lookup_s:.3f}  time_connect: {connect_s:.3f}  "
        f"time_starttransfer: {first_s:.3f}  time_total: {total_s:.3f}\n"
    )


def _resolve(case: Case, pod: Pod, host: str) -> str:
    if host.replace(".", "").isdigit():
        return host
    if host == HOST:
        return "198.51.100.10"
    if name_server(case.world, pod) != "ok":
        return ""
    found = lookup(host, resolv_conf(case, pod), "glibc", zone(case.world))
    return found.addresses[0] if found.addresses else ""


def _meets(world: World, pod: Pod, target: str, port: int) -> tuple[str, float, float]:
    """Fate, seconds of service, and round trip of a connection."""
    if target == BANK_ADDRESS and port == 443:
        return "ok", 0.002, 0.0009
    for scope, service in world.cluster.services.items():
        if target in cluster_ips(service):
            if port != service.spec.ports[0].port:
                return "silent", 0.0, 0.0
            chosen = choose(world, pod.place, pod.address, scope)
            if not chosen.pods:
                return chosen.otherwise, 0.0, 0.0001
            return _to_pod(world, pod, chosen.pods[0], chosen.port)
    for other in world.pods:
        if other.address == target:
            return _to_pod(world, pod, other, port)
    raise ToolError(f"curl: (7) Failed to connect to {target} port {port}: No route to host")


def _to_pod(world: World, pod: Pod, other: Pod, port: int) -> tuple[str, float, float]:
    if pod == other:
        met = "ok" if port in (CHECKOUT_PORT, EDGE_PORT, LEDGER_PORT) else "refused"
        return met, 0.005, 0.00005
    rtt_s = round_trip_us(pod.place, other.place) / 1e6
    return fate(world, pod, other, port), 0.005, rtt_s


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
