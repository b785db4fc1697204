"""``kubectl logs``: the edge proxy's and checkout's own words, and CoreDNS's query log."""

import numpy as np

from k8snet_lessons.cluster import cluster_ips
from k8snet_lessons.incidents._questions import (
    answer_bytes,
    query_id,
    query_port,
    question_bytes,
)
from k8snet_lessons.incidents.case import Case, stamp
from k8snet_lessons.incidents.layout import BALANCER, BANK_ADDRESS, HOST, NODES
from k8snet_lessons.incidents.reach import name_server
from k8snet_lessons.incidents.tables import CONNECT_TIMEOUT_S
from k8snet_lessons.incidents.tools.pod import asked_names, zone
from k8snet_lessons.incidents.traffic import NONE, Traffic, unanswered
from k8snet_lessons.incidents.world import Pod
from k8snet_lessons.sim.arrays import Ints

_SLOW_MS = 250.0
_MOST_LINES = 1_000


def logs(case: Case, pod: Pod, lines: int) -> str:
    """Print the last lines of a pod's log."""
    made = {
        "edge-proxy": _edge,
        "checkout": _checkout,
        "ledger": _ledger,
        "coredns": _coredns,
    }[pod.app](case, pod)
    return "".join(line + "\n" for line in made[-min(lines, _MOST_LINES) :])


def _latest(case: Case, whom: Ints) -> list[tuple[int, str]]:
    """The last requests of some, oldest first, with the moment at which each ended.

    The traffic goes on as in the stretch that was simulated: what ended after it ended, in the
    stretch before, just as long after that one's beginning.
    """
    traffic = case.traffic
    span_s = float(traffic.arrival_s[-1])
    ended_s = (traffic.arrival_s + traffic.latency_us / 1e6) % span_s
    chosen = whom[np.argsort(ended_s[whom], kind="stable")][-_MOST_LINES:]
    return [
        (int(k), stamp(span_s - float(ended_s[k])).strftime("%H:%M:%S.%f")[:-3]) for k in chosen
    ]


def _path(traffic: Traffic, number: int) -> str:
    return "/report" if traffic.report[number] else "/cart"


def _edge(case: Case, pod: Pod) -> list[str]:
    """Access log and error log, in the form that the edge proxy's family of proxies shares."""
    world, traffic = case.world, case.traffic
    mine = world.pods_of("edge-proxy").index(pod)
    service = world.cluster.service("shop/checkout")
    upstream = f"{cluster_ips(service)[0]}:80"
    whom = np.flatnonzero((traffic.edge == mine) & (traffic.status != NONE))
    made = []
    for number, moment in _latest(case, whom):
        # Local keeps the client's address, which is the balancer's; Cluster hides it.
        hidden = world.node_address(int(traffic.node[number]))
        client = BALANCER if world.external_policy == "Local" else hidden
        path, status = _path(traffic, number), int(traffic.status[number])
        request = f"GET {path} HTTP/2.0"
        at_edge_s = traffic.hop_us[1:, number].sum() / 1e6
        upstream_s = f"{at_edge_s:.3f}"
        if traffic.stopped[number] == 1 or status == 504:
            phase = (
                "connect() failed (111: Connection refused) while connecting to upstream"
                if status == 502
                else "upstream timed out (110: Connection timed out) while "
                + (
                    "connecting to upstream"
                    if traffic.stopped[number] == 1 and at_edge_s <= CONNECT_TIMEOUT_S + 0.5
                    else "reading response header from upstream"
                )
            )
            made.append(
                f"2026/11/10 {moment[:8]} [error] 31#31: *{48_000 + number} {phase}, client: "
                f'{client}, server: {HOST}, request: "{request}", upstream: '
                f'"http://{upstream}{path}", host: "{HOST}"'
            )
        made.append(
            f'{client} - - [10/Nov/2026:{moment[:8]} +0000] "{request}" {status} '
            f'{20_000 if status == 200 else 160} "-" "shop-app/7.2" 2000 {upstream_s} '
            f"[shop-checkout-80] [] {upstream} {20_000 if status == 200 else 0} {upstream_s} "
            f"{status} {number:032x}"
        )
    return made


def _checkout(case: Case, pod: Pod) -> list[str]:
    """Slow and failed requests, with the time of each step."""
    traffic, world = case.traffic, case.world
    mine = world.pods_of("checkout").index(pod)
    late = traffic.hop_us[3:].sum(axis=0) / 1e3 > _SLOW_MS
    mine_now = (traffic.checkout == mine) & (late | (traffic.stopped >= 2) | traffic.report)
    dialed = stamp(pod.age_s - 4.118).strftime("%Y-%m-%dT%H:%M:%S.%f")[:-3]
    made = [f"{dialed}Z INFO ledger target={_target(case, pod)} channels=20 ready"]
    waited_s = unanswered(world).waited_s
    for number, moment in _latest(case, np.flatnonzero(mine_now)):
        path, stopped = _path(traffic, number), int(traffic.stopped[number])
        hops = traffic.hop_us[:, number] / 1e3
        head = f"2026-11-10T{moment}Z"
        if stopped == 3 and name_server(world, pod) != "ok":
            made.append(
                f"{head} ERROR GET {path} 500 bank: [Errno -3] Temporary failure in name "
                f"resolution: api.bank.example (after {waited_s:.1f} s)"
            )
        elif stopped == 3:
            made.append(
                f"{head} ERROR GET {path} 500 bank: [Errno -3] Temporary failure in name "
                f"resolution: api.bank.example (after {hops[3] / 1e3:.1f} s)"
            )
        elif stopped == 4:
            made.append(
                f"{head} ERROR GET {path} 503 bank: connect to {BANK_ADDRESS}:443: timed out "
                f"after {CONNECT_TIMEOUT_S:g} s"
            )
        elif stopped >= 2:
            made.append(f"{head} WARN GET {path} 499 the caller hung up; work went on")
        else:
            made.append(
                f"{head} WARN GET {path} 200 slow: own={hops[2]:.0f}ms lookup={hops[3]:.0f}ms "
                f"bank_connect={hops[4]:.0f}ms ledger={hops[5]:.0f}ms"
            )
    return made


def _target(case: Case, pod: Pod) -> str:
    made = case.world.cluster.pod(pod.scope).spec.containers[0].env
    return next(str(each.value) for each in made if each.name == "LEDGER_TARGET")


def _ledger(case: Case, pod: Pod) -> list[str]:
    """Its start, and how much it has to do."""
    world, traffic = case.world, case.traffic
    mine = world.pods_of("ledger").index(pod)
    span_s = float(traffic.arrival_s[-1])
    calls = int((traffic.ledger == mine).sum()) / span_s
    waits = traffic.hop_us[5][traffic.ledger == mine]
    wait_ms = float(np.median(waits)) / 1e3 if len(waits) else 0.0
    age = (
        f"{world.ledger_age_s}s"
        if world.ledger_age_s and mine >= world.ledger_ageless
        else "infinity"
    )
    return [
        f"INFO grpc server listening on :9090 max_connection_age={age}",
        f"INFO stats 1m: calls/s={calls:.0f} p50={wait_ms:.0f}ms",
    ]


def _coredns(case: Case, pod: Pod) -> list[str]:
    """The log plugin's common format."""
    world = case.world
    known = zone(world)
    callers = [
        caller for number, caller in enumerate(world.pods_of("checkout"))
        if name_server(world, caller) == "ok" and case.traffic.works[number]
    ]  # fmt: skip
    mine = world.pods_of("coredns").index(pod)
    made = [
        ".:53",
        "[INFO] plugin/reload: Running configuration SHA512 = 5a75cd3e",
        "CoreDNS-1.13.1",
    ]
    if world.node_cache:
        return made
    for turn, caller in enumerate(callers[mine % 2 :: 2] or callers):
        for step, (name, qtype) in enumerate(asked_names(case)):
            answer = known.get((name, qtype), "NXDOMAIN")
            code = "NXDOMAIN" if answer == "NXDOMAIN" else "NOERROR"
            flags = "qr,aa,rd" if name.endswith("cluster.local") else "qr,rd,ra"
            # The plugin times the handling; what a question waits in the socket before is not in it.
            took_s = 112e-6 if code == "NXDOMAIN" else 161e-6
            made.append(
                f"[INFO] {caller.address}:{query_port(caller, step)} - {query_id(caller, step)} "
                f'"{qtype} IN {name}. udp {question_bytes(name)} false 512" {code} {flags} '
                f"{answer_bytes(name, answer)} {took_s + (1_917 * turn + 431 * step) * 1e-9:.9f}s"
            )
    if case.traffic.coredns_busy >= 1:
        made.append("[WARNING] plugin/health: Local health request took more than 1s: 1.8s")
    # Other namespaces ask as well.
    made += [
        f"[INFO] 10.244.{k}.9:{41_000 + 977 * k} - {7_013 * (k + 1) % 65_536} "
        '"A IN kubernetes.default.svc.cluster.local. '
        f'udp 54 false 512" NOERROR qr,aa,rd 106 {(98_214 + 1_733 * k) / 1e9:.9f}s'
        for k in range(NODES)
    ]
    return made
