"""The team's dashboard, as text: requests by hop and by pod, nodes, zones, names."""

import math
from collections.abc import Callable, Mapping

import numpy as np

from k8snet_lessons.incidents.case import Case, ToolError, columns
from k8snet_lessons.incidents.layout import CPUS, NODES, ZONES
from k8snet_lessons.incidents.traffic import (
    CHECKOUT_WORK_US,
    HOPS,
    LEDGER_WORK_US,
    NONE,
    WORKERS,
    Traffic,
)
from k8snet_lessons.incidents.world import Pod
from k8snet_lessons.sim.arrays import Bools, Floats

Row = tuple[str, ...]


def metrics(case: Case, board: str) -> str:
    """Print one board."""
    if board not in BOARDS:
        raise ToolError("metrics: boards are " + ", ".join(BOARDS))
    return BOARDS[board](case)


def ms(us: float) -> str:
    """A time in a unit that reads well."""
    if math.isnan(us):
        return "-"
    return f"{us / 1e6:.2f}s" if us >= 1e6 else f"{us / 1e3:.1f}ms"


def _percentiles(values: Floats, *at: float) -> list[float]:
    if not len(values):
        return [float("nan")] * len(at)
    return [float(x) for x in np.percentile(values, at)]


def overview(case: Case) -> str:
    """Requests by route and status, and the time that each hop takes, now and the day before."""
    now, usual = case.traffic, case.usual_traffic
    rows: list[Row] = [("ROUTE", "REQ/S", "FAILED", "P50", "P95", "USUAL FAILED", "P50", "P95")]
    for path, report in (("/cart", False), ("/report", True)):
        mine, theirs = now.report == report, usual.report == report
        rows.append((path, f"{mine.sum() / now.arrival_s[-1]:.0f}", *_route(now, mine),
                     *_route(usual, theirs)))  # fmt: skip
    text = columns(rows) + "\n"
    span_s = now.arrival_s[-1]
    rows = [("ANSWER", "REQ/S", "SHARE")]
    for status in np.unique(now.status).tolist():
        count = int((now.status == status).sum())
        name = "none, client gave up" if status == NONE else str(status)
        rows.append((name, f"{count / span_s:.1f}", f"{100 * count / len(now.status):.1f}%"))
    text += columns(rows) + "\n"
    rows = [("HOP", "FAILED HERE", "P50", "P95", "USUAL P50", "P95")]
    for hop, name in enumerate(HOPS):
        failed = 100 * float((now.stopped == hop).mean())
        rows.append((name, f"{failed:.1f}%", *(ms(x) for x in _hop(now, hop)),
                     *(ms(x) for x in _hop(usual, hop))))  # fmt: skip
    return text + columns(rows)


def route_row(traffic: Traffic, report: bool) -> str:
    """One route in words: failures, median, 95th percentile."""
    failed, p50, p95 = _route(traffic, traffic.report == report)
    return f"{failed} failed, p50 {p50}, p95 {p95}"


def _route(traffic: Traffic, mine: Bools) -> tuple[str, str, str]:
    good = mine & ~traffic.failed
    p50, p95 = _percentiles(traffic.latency_us[good], 50, 95)
    return f"{100 * float(traffic.failed[mine].mean()):.1f}%", ms(p50), ms(p95)


def _hop(traffic: Traffic, hop: int) -> list[float]:
    """Of the requests for a cart that got this far, those that failed here included."""
    came = (traffic.stopped < 0) | (traffic.stopped >= hop)
    return _percentiles(traffic.hop_us[hop][came & ~traffic.report], 50, 95)


def pods(case: Case) -> str:
    """Load of every pod, from what reached it."""
    world, now = case.world, case.traffic
    span_us = float(now.arrival_s[-1]) * 1e6
    rows: list[Row] = [("POD", "NODE", "REQ/S", "5XX FROM EDGE", "BUSY WORKERS", "P50 IN POD")]
    for app, reached, work, hop in (
        ("edge-proxy", now.edge, 0.0, 0),
        ("checkout", now.checkout, CHECKOUT_WORK_US, 2),
        ("ledger", now.ledger, LEDGER_WORK_US, 5),
    ):
        for number, pod in enumerate(world.pods_of(app)):
            mine = reached == number
            rate = int(mine.sum()) / span_us * 1e6
            busy = f"{100 * min(1.0, rate * work / 1e6 / WORKERS):.0f}%" if work else "-"
            spent = now.hop_us[hop][mine & ~now.report]
            errors = "-"
            if app == "edge-proxy":
                errors = (
                    f"{100 * float((now.status[mine] >= 500).mean()):.1f}%" if mine.any() else "-"
                )
            rows.append((pod.name, world.nodes[pod.place], f"{rate:.0f}", errors, busy,
                         ms(_percentiles(spent, 50)[0]) if hop else "-"))  # fmt: skip
    return columns(rows)


def nodes(case: Case) -> str:
    """By the node that the load balancer sent the client to."""
    world, now = case.world, case.traffic
    rows: list[Row] = [("BALANCER TARGET", "ZONE", "CONN SHARE", "NO CONNECTION", "STALLED", "5XX")]
    for place in sorted(range(NODES), key=lambda k: world.nodes[k]):
        mine = now.node == place
        silent = mine & (now.status == NONE) & (now.edge < 0)
        stalled = mine & (now.status == NONE) & (now.edge >= 0)
        counts = [silent, stalled, mine & (now.status >= 500)]
        rows.append((f"{world.nodes[place]}:30443", ZONES[place % 3],
                     f"{100 * float(mine.mean()):.0f}%",
                     *(f"{100 * int(c.sum()) / int(mine.sum()):.1f}%" for c in counts)))  # fmt: skip
    return columns(rows)


def zones(case: Case) -> str:
    """Requests from the edge to checkout, by zone of both."""
    lines = ["Edge to checkout, share of requests by zone (rows: edge, columns: checkout)\n"]
    for title, world, now in (
        ("now", case.world, case.traffic),
        ("usual", case.usual, case.usual_traffic),
    ):
        edge = np.array([pod.place for pod in world.pods_of("edge-proxy")])
        checkout = np.array([pod.place for pod in world.pods_of("checkout")])
        met = (now.edge >= 0) & (now.checkout >= 0)
        one, other = edge[now.edge[met]] % 3, checkout[now.checkout[met]] % 3
        total = max(1, len(one))
        rows: list[Row] = [(title.upper(), *ZONES)]
        for zone, name in enumerate(ZONES):
            shares = [100 * int(((one == zone) & (other == k)).sum()) / total for k in range(3)]
            rows.append((name, *(f"{share:.1f}%" for share in shares)))
        crossing = 100 * int((one != other).sum()) / total
        lines.append(columns(rows) + f"crossing zones: {crossing:.1f}%\n")
    return "\n".join(lines)


def names(case: Case) -> str:
    """CoreDNS and the lookups that use it."""
    now, usual = case.traffic, case.usual_traffic
    rows: list[Row] = [("NAMES", "NOW", "USUAL")]
    for label, read in _NAMES:
        rows.append((label, read(case, now), read(case, usual)))
    return columns(rows)


def _lookups(traffic: Traffic) -> int:
    return int((traffic.hop_us[3] > 0).sum())


def _per_lookup(_: Case, traffic: Traffic) -> str:
    return f"{traffic.questions / max(1, _lookups(traffic)):.1f}"


_NAMES: tuple[tuple[str, Callable[[Case, Traffic], str]], ...] = (
    ("lookups/s", lambda _, t: f"{_lookups(t) / t.arrival_s[-1]:.0f}"),
    ("questions/s at CoreDNS", lambda _, t: f"{t.questions / t.arrival_s[-1]:.0f}"),
    ("questions per lookup", _per_lookup),
    ("CoreDNS busy", lambda _, t: f"{100 * min(1.0, t.coredns_busy):.0f}%"),
    ("lookup p50", lambda _, t: ms(_percentiles(t.hop_us[3][t.hop_us[3] > 0], 50)[0])),
    ("lookup p95", lambda _, t: ms(_percentiles(t.hop_us[3][t.hop_us[3] > 0], 95)[0])),
    ("lookups that failed", lambda _, t: f"{100 * float((t.stopped == 3).mean()):.1f}%"),
)


BOARDS: Mapping[str, Callable[[Case], str]] = {
    "overview": overview,
    "pods": pods,
    "nodes": nodes,
    "zones": zones,
    "names": names,
}


def top(case: Case, namespace: str, every: bool = False) -> str:
    """``kubectl top pods``: CPU as the traffic asks for it, up to the limit."""
    rows: list[Row] = [("NAME", "CPU(cores)", "MEMORY(bytes)")]
    shown = [pod for pod in case.world.pods if every or pod.namespace == namespace]
    shown.sort(key=lambda pod: (pod.namespace, pod.name))
    rows += [(pod.name, f"{_cpu_m(case, pod):.0f}m", f"{_memory_mi(case, pod)}Mi") for pod in shown]
    if every:
        spaces = ["NAMESPACE", *(pod.namespace for pod in shown)]
        rows = [(space, *row) for space, row in zip(spaces, rows, strict=True)]
    return columns(rows)


def top_nodes(case: Case) -> str:
    """``kubectl top nodes``: its pods, and what the system itself takes (an estimate)."""
    rows: list[Row] = [("NAME", "CPU(cores)", "CPU(%)", "MEMORY(bytes)", "MEMORY(%)")]
    world = case.world
    for name in sorted(world.nodes):
        here = [pod for pod in world.pods if world.nodes[pod.place] == name]
        cpu_m = 180 + sum(_cpu_m(case, pod) for pod in here)
        memory_mi = 1_900 + sum(_memory_mi(case, pod) for pod in here)
        rows.append((name, f"{cpu_m:.0f}m", f"{100 * cpu_m / (1000 * CPUS):.0f}%",
                     f"{memory_mi}Mi", f"{100 * memory_mi // (30 * 1024)}%"))  # fmt: skip
    return columns(rows)


def _memory_mi(case: Case, pod: Pod) -> int:
    usual = {"edge-proxy": 210, "checkout": 330, "ledger": 280, "coredns": 48}[pod.app]
    return usual + 3 * case.world.pods_of(pod.app).index(pod)


def _cpu_m(case: Case, pod: Pod) -> float:
    """Thousandths of a CPU: requests a second times the work of one."""
    world, now, app = case.world, case.traffic, pod.app
    number = world.pods_of(app).index(pod)
    span_s = float(now.arrival_s[-1])
    if app == "coredns":
        return max(2.0, min(1.0, now.coredns_busy) * world.coredns_limit_m)
    reached, work_us = {
        "edge-proxy": (now.edge, 60.0),
        "checkout": (now.checkout, CHECKOUT_WORK_US),
        "ledger": (now.ledger, LEDGER_WORK_US),
    }[app]
    share = float((reached == number).sum()) / span_s * work_us / 1e6
    return max(2.0, 1000 * min(share, WORKERS))
