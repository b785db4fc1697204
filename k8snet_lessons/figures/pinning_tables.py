"""The tables of lesson 10: balls in bins, ages, cures and their price, rollouts, measurements."""

import math
from collections.abc import Iterable
from dataclasses import replace
from statistics import mean
from typing import Any

from k8snet_lessons.data.measured import load
from k8snet_lessons.figures._spec import duration
from k8snet_lessons.figures.pinning import idle_by_second
from k8snet_lessons.figures.tables import Table
from k8snet_lessons.traffic import (
    TrafficSpec,
    chance_of_idle,
    endpoints,
    expected_idle,
    expected_imbalance,
    refused_requests,
    serve,
    still_old_share,
)
from k8snet_lessons.traffic.road import road_us

#: The traffic that the lesson's explorer opens with.
LESSON = TrafficSpec(requests_per_s=400.0, service_us=4_000.0, duration_s=150.0)


def odds_table(pods: int = 20, connections: Iterable[int] = (2, 5, 10, 20, 40, 100, 200)) -> Table:
    """Idle pods and the busiest pod when each connection draws its pod at random: exact."""
    rows = [
        (
            f"{each}",
            f"{expected_idle(pods, each):.1f}",
            _percent(float(chance_of_idle(pods, each)[0])),
            f"{expected_imbalance(pods, each):.1f} times",
        )
        for each in connections
    ]
    return Table(
        ("connections", "idle pods, mean", "chance that none is idle", "busiest over a fair share"),
        tuple(rows),
        f"Connections opened anew onto {pods} pods, each drawn at random (balls in bins)",
    )


def nodes_table(clients: int = 5, connections: int = 2, pods: int = 20) -> Table:
    """Pods that new connections reach, by the kernel's rule; each client on its own node."""
    names = {
        "iptables": "iptables or nftables, at random",
        "ipvs_rr": "IPVS, round robin",
        "ipvs_lc": "IPVS, least connection",
        "maglev": "Maglev",
    }
    rows = []
    for rule, name in names.items():
        spec = replace(
            LESSON, balancing=rule, clients=clients, connections_per_client=connections, pods=pods,
            scaled_to=pods, duration_s=1.0, scale_at_s=0.0, requests_per_s=10.0,
        )  # fmt: skip
        reached = []
        for seed in range(40):
            book = serve(spec, seed=seed).book
            assert book is not None  # connections have a ledger
            reached.append(int((book.held_at(0.0, pods) > 0).sum()))
        rows.append((name, f"{mean(reached):.1f}", f"{pods - mean(reached):.1f}"))
    return Table(
        ("rule", "pods with a connection", "idle"),
        tuple(rows),
        f"{clients} clients on {clients} nodes open {connections} connections each onto {pods} "
        "pods: mean of 40 runs of the model",
    )


def age_table(ages_s: Iterable[float] = (30.0, 300.0, 3_600.0), connections: int = 1_000) -> Table:
    """How long old connections last after a change, and what retiring them costs."""
    rows = []
    for age_s in ages_s:
        shares = [f"{100 * still_old_share(after_s, age_s):.0f} %" for after_s in (30, 120, 300)]
        rows.append((_words(age_s), *shares, _words(1.1 * age_s),
                     f"{connections / age_s:.2g} per s"))  # fmt: skip
    return Table(
        ("maximum age", "still old after 30 s", "after 2 min", "after 5 min", "all new after",
         f"{connections:,} connections: opened anew"),
        tuple(rows),
        "Connections in the middle of their lives, retired by the server at this age, 10 % either "
        "way (closed form)",
    )  # fmt: skip


def cure_table() -> Table:
    """The lesson's traffic under each cure: 2 pods become 20; the last 30 s of two minutes."""
    cures: tuple[tuple[str, dict[str, Any]], ...] = (
        ("nothing: a Service", {}),
        ("maximum age 30 s", {"max_age_s": 30.0}),
        ("40 channels for each client, age 30 s",
         {"max_age_s": 30.0, "connections_per_client": 40}),
        ("shared proxies, round robin", {"balancing": "round_robin", "shared_proxies": 2}),
        ("sidecars, fewer of two", {"balancing": "least_request"}),
        ("headless, round_robin", {"balancing": "client_round_robin"}),
        ("headless, round_robin, age 30 s",
         {"balancing": "client_round_robin", "max_age_s": 30.0}),
    )  # fmt: skip
    rows = []
    for name, change in cures:
        spec = replace(LESSON, **change)
        run = serve(spec)
        idle = mean(idle_by_second(run)[120:].tolist())
        rows.append((name, f"{idle:.3g}", duration(run.percentile_us(99, 120.0)),
                     duration(road_us(spec)), _connections(spec)))  # fmt: skip
    return Table(
        ("cure", "idle pods", "p99", "on the road", "connections to pods"),
        tuple(rows),
        "2 pods become 20 at 30 s; 5 clients, 400 requests a second of 4 ms each (model)",
    )


def _connections(spec: TrafficSpec) -> str:
    if spec.balancing == "client_round_robin":
        known = spec.scaled_to if math.isfinite(spec.max_age_s) else spec.pods
        return f"{spec.connections * known:,}"
    if spec.balancing in ("round_robin", "least_request"):
        return f"{(spec.shared_proxies or spec.clients) * spec.scaled_to:,} at least"
    return f"{spec.connections:,}"


def leaving_table() -> Table:
    """Twenty pods become ten: requests lost by preStop and draining, model and closed form."""
    base = replace(LESSON, pods=20, scaled_to=10, requests_per_s=2_000.0, duration_s=60.0,
                   propagation_s=1.0, balancing="round_robin")  # fmt: skip
    rows = []
    for prestop_s, drains in ((0.0, False), (0.0, True), (0.5, True), (2.0, True), (2.0, False)):
        run = serve(replace(base, prestop_s=prestop_s, drains=drains))
        lost = run.lost()
        leaving = int((endpoints(run.spec).listens_until < math.inf).sum())
        rows.append((
            f"{prestop_s:g} s", "finishes" if drains else "exits at once",
            f"{lost['refused']:,}",
            f"{refused_requests(2_000.0, 20, leaving, 1.0, prestop_s):,.0f}",
            f"{lost['cut off']:,}",
        ))  # fmt: skip
    return Table(
        ("preStop sleep", "on SIGTERM", "refused", "closed form", "cut off"),
        tuple(rows),
        "20 pods become 10, balanced by request, 2,000 a second; the news takes 1 s; no retries",
    )


def measured_table() -> Table:
    """Idle pods when two real backends became twenty, by what stood between."""
    record = load("grpc-pinning")
    asked = record.findings["dns_asked_at_s"]
    before_s = record.parameters["seconds_before"]
    rows = []
    for series in record.find("requests", pods=20):
        case = str(series.where["case"])
        counts = [int(each) for each in series.samples]
        seconds = record.one("idle pods", case=case).samples
        later = [at for at in asked.get(case, ()) if at > before_s]
        rows.append((
            case, f"{seconds[0]:.0f}", f"{mean(seconds[-5:]):.3g}",
            f"{max(counts) / (sum(counts) / len(counts)):.1f} times",
            f"after {min(later) - before_s:.1f} s" if later
            else "never again" if case in asked else "",
            str(record.findings["unanswered"][case]),
        ))  # fmt: skip
    kernel = record.machine.linux
    return Table(
        ("between client and pods", "idle in the first second", "at the end", "busiest over fair",
         "DNS asked again", "lost"),
        tuple(rows),
        f"Ten gRPC channels, 2 pods become 20 (gRPC {record.parameters['grpcio']}, "
        f"Linux {kernel}): pods without a request in a second",
    )  # fmt: skip


def draws_table() -> Table:
    """Ten channels opened onto twenty pods, again and again: how many pods stay idle."""
    record = load("grpc-pinning")
    idle = record.one("idle pods", case="channels opened on 20 pods").samples
    exact = chance_of_idle(20, 10)
    rows = []
    for number in range(10, 16):
        count = sum(each == number for each in idle)
        rows.append((str(number), f"{100 * count / len(idle):.1f} %",
                     f"{100 * exact[number]:.1f} %"))  # fmt: skip
    rows.append(("mean", f"{mean(idle):.2f}", f"{expected_idle(20, 10):.2f}"))
    return Table(
        ("idle pods", f"measured, {len(idle)} times", "balls in bins"),
        tuple(rows),
        "Ten gRPC channels opened onto 20 pods through iptables rules",
    )


def left_table() -> Table:
    """Requests that real pods lost on their way out, beside the closed form."""
    record = load("grpc-pinning")
    setting = record.parameters["leaving"]
    rows = []
    for series in record.find("answers", case="leaving"):
        prestop_s = float(series.where["prestop_s"] or 0)
        expected = refused_requests(
            setting["requests_per_s"], setting["pods"], setting["of_which_leave"],
            setting["rules_follow_after_s"], prestop_s,
        )  # fmt: skip
        lost = record.findings["unanswered_leaving"][f"preStop {prestop_s:g} s"]
        rows.append((f"{prestop_s:g} s", f"{sum(series.samples):.0f}", str(lost),
                     f"{expected:.0f}"))  # fmt: skip
    return Table(
        ("preStop sleep", "answered", "not answered", "closed form"),
        tuple(rows),
        f"{setting['of_which_leave']} of {setting['pods']} gRPC servers stop, the rules follow "
        f"{setting['rules_follow_after_s']:g} s later; {setting['requests_per_s']:g} requests a "
        "second, a connection each",
    )


def life_table() -> Table:
    """How old real connections became before the server retired them."""
    record = load("grpc-pinning")
    lives = sorted(
        each for each in record.one("between two pods").samples if each < 1.5
    )  # twice a life: the next connection came to the same pod
    rows = tuple(
        (name, f"{lives[int(place * (len(lives) - 1))]:.2f} s", said)
        for name, place, said in (
            ("5 % were below", 0.05, "0.91 s"),
            ("half", 0.5, "1.00 s"),
            ("90 % were below", 0.9, "1.08 s"),
        )
    )
    return Table(
        (f"{len(lives)} connections", "measured", "an even spread from 0.9 to 1.1 s"),
        rows,
        "Maximum connection age 1 s: the age at which a channel changed its pod",
    )


def _percent(share: float) -> str:
    if share < 1e-4:
        return "below 0.01 %"
    return f"{100 * share:.0f} %" if share >= 0.01 else f"{100 * share:.2g} %"


def _words(seconds: float) -> str:
    if seconds >= 3_600:
        return f"{seconds / 3_600:.3g} h"
    return f"{seconds / 60:.3g} min" if seconds >= 120 else f"{seconds:.3g} s"
