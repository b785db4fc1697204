"""What one runs in a pod to ask for names: nslookup, dig; and its resolv.conf."""

import zlib
from dataclasses import dataclass

from k8snet_lessons.cluster import cluster_ips
from k8snet_lessons.dns import lookup, queries
from k8snet_lessons.incidents._questions import answer_bytes
from k8snet_lessons.incidents.case import Case, ToolError, stamp
from k8snet_lessons.incidents.layout import BANK_NAME
from k8snet_lessons.incidents.reach import fate, name_server
from k8snet_lessons.incidents.tables import bank_answers
from k8snet_lessons.incidents.traffic import question_wait_s
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


_SILENT = f";; communications error to {_DNS}#53: timed out\n" * 3


def _server(case: Case, pod: Pod, given: str) -> str:
    """The server that a tool asks, and whether it answers: its address, or what is said instead."""
    if given in ("", "kube-dns.kube-system", "kube-dns.kube-system.svc.cluster.local"):
        given = _DNS
    servers = {server.address: server for server in case.world.pods_of("coredns")}
    if given == _DNS:
        return _DNS if name_server(case.world, pod) == "ok" else ""
    if given not in servers:
        raise ToolError(f"known here are the name servers {_DNS}, " + ", ".join(servers))
    return given if fate(case.world, pod, servers[given], 53, "UDP") == "ok" else ""


def nslookup(case: Case, pod: Pod, name: str, given: str = "") -> str:
    """BIND's nslookup; it walks the search list as the pod's file says."""
    server = _server(case, pod, given)
    if not server:
        return _SILENT.replace(_DNS, given or _DNS) + ";; no servers could be reached\n\n"
    found = lookup(name, resolv_conf(case, pod), "glibc", zone(case.world))
    text = f"Server:\t\t{server}\nAddress:\t{server}#53\n\n"
    if not found.found:
        return text + f"** server can't find {name.rstrip('.')}: NXDOMAIN\n\n"
    full = found.queries[-1].qname
    answer = "Non-authoritative answer:\n" if full == BANK_NAME else ""
    return text + answer + "".join(
        f"Name:\t{full}\nAddress: {address}\n" for address in found.addresses
    ) + "\n"  # fmt: skip


@dataclass(frozen=True)
class Asked:
    """A command line of dig: the name, A or AAAA, the server or none, and options with a plus."""

    name: str
    qtype: str = "A"
    server: str = ""
    flags: frozenset[str] = frozenset()


def dig(case: Case, pod: Pod, asked: Asked) -> str:
    """BIND's dig: asks for the name as it stands; ``+search`` walks the list."""
    typed = " ".join([
        *sorted(asked.flags), asked.name,
        *(["AAAA"] if asked.qtype == "AAAA" else []), *([f"@{asked.server}"] if asked.server else []),
    ])  # fmt: skip
    head = f"\n; <<>> DiG 9.20.15-1~deb13u1-Debian <<>> {typed}\n;; global options: +cmd\n"
    server = _server(case, pod, asked.server)
    if not server:
        silent = _SILENT.replace(_DNS, asked.server or _DNS)
        return silent + head + ";; no servers could be reached\n"
    known = zone(case.world)
    name = asked.name.rstrip(".")
    if "+search" in asked.flags:
        found = lookup(name, resolv_conf(case, pod), "glibc", known)
        name = found.queries[-1].qname if found.queries else name
    answer = known.get((name, asked.qtype), "NXDOMAIN")
    if "+short" in asked.flags:
        return "".join(f"{address}\n" for address in answer) if isinstance(answer, list) else ""
    # A lost question is asked again after five seconds; the time is that of the last try.
    lost = int(dns_wait_ms(case) // 5_000)
    again = f";; communications error to {server}#53: timed out\n" * lost
    return again + head + _answered(case, name, asked.qtype, answer, server)


def _answered(case: Case, name: str, qtype: str, answer: list[str] | str, server: str) -> str:
    own = name.endswith("cluster.local")
    status = "NXDOMAIN" if answer == "NXDOMAIN" else "NOERROR"
    count = len(answer) if isinstance(answer, list) else 0
    flags = "qr aa rd" if own else "qr rd ra"
    text = (
        f";; Got answer:\n;; ->>HEADER<<- opcode: QUERY, status: {status}, id: {_number(name)}\n"
        f";; flags: {flags}; QUERY: 1, ANSWER: {count}, AUTHORITY: {int(not count)}, ADDITIONAL: 1\n"
    )
    if own:
        text += ";; WARNING: recursion requested but not available\n"
    text += "\n;; OPT PSEUDOSECTION:\n; EDNS: version: 0, flags:; udp: 1232\n"
    text += f";; QUESTION SECTION:\n{_to_column(f';{name}.', 32)}IN\t{qtype}\n"
    ttl = 60 if name == BANK_NAME else 30
    if isinstance(answer, list):
        text += "\n;; ANSWER SECTION:\n"
        text += "".join(
            f"{_to_column(f'{name}.', 24)}{ttl}\tIN\t{qtype}\t{address}\n" for address in answer
        )
    else:
        apex = next((apex for apex in _AUTHORITY if name.endswith(apex)), "")
        text += f"\n;; AUTHORITY SECTION:\n{_to_column(f'{apex}.', 24)}{ttl}\tIN\tSOA\t"
        text += f"{_AUTHORITY.get(apex, _ROOT)}\n"
    took = max(1, round(dns_wait_ms(case) % 5_000))
    text += f"\n;; Query time: {took} msec\n;; SERVER: {server}#53({server}) (UDP)\n"
    text += f";; WHEN: {stamp(0).strftime('%a %b %d %H:%M:%S UTC %Y')}\n"
    # dig asks with EDNS: its OPT record is 11 bytes of question and answer.
    return text + f";; MSG SIZE  rcvd: {answer_bytes(name, answer) + 11}\n\n"


_ROOT = "a.root-servers.net. nstld.verisign-grs.com. 2026111000 1800 900 604800 86400"
_AUTHORITY = {
    "cluster.local": "ns.dns.cluster.local. hostmaster.cluster.local. 1762779600 7200 1800 86400 30",
    "bank.example": "ns1.bank.example. hostmaster.bank.example. 2026110301 7200 3600 1209600 60",
}


def _to_column(text: str, column: int) -> str:
    """Fill with tabs up to a column, with one space where the text is longer."""
    if len(text) >= column:
        return text + " "
    return text + "\t" * (column // 8 - len(text) // 8)


def dns_wait_ms(case: Case) -> float:
    """What one question waits now, repetitions after a loss included."""
    return 1e3 * question_wait_s(case.world)


def asked_names(case: Case) -> list[tuple[str, str]]:
    """The questions that one lookup of the bank's name sends."""
    return queries(BANK_NAME, case.world.resolv_conf, "glibc", bank_answers(case.world))


def _number(text: str) -> int:
    return zlib.crc32(text.encode()) % 65_536
