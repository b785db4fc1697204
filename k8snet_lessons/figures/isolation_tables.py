"""The tables of lesson 11: who suffers from what, clocks, retries, and what was measured."""

from statistics import mean, median

from k8snet_lessons.data.measured import load
from k8snet_lessons.figures.tables import Table
from k8snet_lessons.isolation import (
    ALONE_NAMES,
    BEARING_ON,
    EXAMPLE,
    FAULT_NAMES,
    Fault,
    StormSpec,
    asked,
    attempts_at_the_bottom,
    blast,
    can_outlive_trigger,
    each_defense_alone,
    lost_lookup_share,
    may_eject,
    node_clocks,
    panics,
    storm,
)


def radius_table(lasts_s: float = 120.0) -> Table:
    """Each fault, the worst error rate of each namespace, and what helps most alone."""
    rows = []
    for kind, name in FAULT_NAMES.items():
        fault = Fault(kind=kind, lasts_s=lasts_s)  # type: ignore[arg-type]
        found = blast(EXAMPLE, fault)
        alone = each_defense_alone(EXAMPLE, fault)
        best = min(BEARING_ON[kind], key=lambda each: alone[each])
        saved = 1 - alone[best] / alone[""]
        helps = f"{ALONE_NAMES[best]} ({100 * saved:.0f} % saved)" if saved > 0.01 else "none"
        worst = [_percent(float(found.of_namespace(each).max())) for each in found.namespaces]
        longest = max(found.lasting_s(each) for each in found.namespaces)
        rows.append((name, *worst, f"{longest:.0f} s", helps))
    namespaces = blast(EXAMPLE, Fault(kind="node-drain")).namespaces
    return Table(
        ("fault", *namespaces, "above 1 % for", "best single defense"),
        tuple(rows),
        f"Worst share of users' requests that fails, no defense set. What can end lasts "
        f"{lasts_s:g} s.",
    )


def loss_table(loss_share: float = 0.01) -> Table:
    """What a loss of datagrams does to lookups of the example cluster."""
    rows = []
    for namespace, name in (
        ("shop", "shop/cart"), ("shop", "payments/checkout"), ("payments", "api.stripe.com"),
    ):  # fmt: skip
        rounds = asked(namespace, name).rounds
        hit = lost_lookup_share(loss_share, rounds)
        rows.append((f"{namespace} asks for {name}", str(rounds), str(2 * rounds), _percent(hit)))
    return Table(
        ("lookup", "rounds", "questions", "lookups that lose at least one"),
        tuple(rows),
        f"{100 * loss_share:g} % of the round trips lost; the resolver then waits 5 s",
    )


def clock_table() -> Table:
    """The clocks of a lost node, with default settings and with a short toleration."""
    rows = []
    for label, clocks in (
        ("defaults", node_clocks()),
        ("tolerationSeconds: 30", node_clocks(toleration_s=30.0)),
        ("before Kubernetes 1.32", node_clocks(grace_s=40.0)),
    ):
        first, last = clocks.not_ready_s
        rows.append(
            (label, f"{first:.0f} to {last:.0f} s", f"{clocks.endpoints_gone_s:.0f} s",
             f"{clocks.evicted_s:.0f} s", f"{clocks.replaced_s:.0f} s")
        )  # fmt: skip
    return Table(
        ("setting", "node NotReady", "endpoints gone", "pods deleted", "successors ready"),
        tuple(rows),
        "Seconds after the loss. A lease is renewed every 10 s and looked at every 5 s, hence the "
        "spread; what follows counts from the grace period. 20 s to start a pod are an estimate.",
    )


def depth_table(depths: tuple[int, ...] = (1, 2, 3, 4)) -> Table:
    """Attempts at the last of several services if each layer retries."""
    rows = []
    for depth in depths:
        cells = [f"{attempts_at_the_bottom(depth, retries)}" for retries in (1, 2, 3)]
        rows.append((str(depth), *cells, f"{1.2**depth:.2f}"))
    return Table(
        ("layers that retry", "1 retry", "2 retries", "3 retries", "budget of 20 %"),
        tuple(rows),
        "Attempts at the last service for one request, when all of them fail",
    )


def ejection_table(sizes: tuple[int, ...] = (2, 3, 5, 9, 10, 20)) -> Table:
    """How many endpoints Envoy may eject, and when it stops believing its own list."""
    rows = []
    for size in sizes:
        few = next((k for k in range(size + 1) if panics(size, k)), size)
        rows.append((str(size), str(may_eject(size)), str(may_eject(size, 50)), str(few)))
    return Table(
        ("endpoints", "may be out at 10 % (default)", "at 50 %", "panic if so many are out"),
        tuple(rows),
        "max_ejection_percent is a ceiling; panic: fewer than 50 % left, so all are used again",
    )


def felt_table() -> Table:
    """What connect() says in four faults, and after how long, as measured."""
    cases = (
        ("Service without endpoints (kube-proxy rejects)", "reject with icmp port-unreachable"),
        ("pod there, process gone", "no rule, nothing listens"),
        ("address that no pod has", "an address that no pod has"),
        ("cut off, or no room in conntrack", "drop"),
    )
    record = load("refusals")
    rows = []
    for what, case in cases:
        took_us = median(record.one("connect() returns", case=case).samples)
        after = f"{took_us / 1e6:.1f} s" if took_us > 1e5 else f"{took_us / 1000:.2g} ms"
        silent = case == "drop"
        rows.append((what, record.findings["said"][case], f"{after}{' (gave up)' * silent}"))
    return Table(("what is wrong", "connect() says", "after"), tuple(rows),
                 f"Measured: refusals, Linux {record.machine.linux}; the caller gave up after "
                 f"{record.parameters['timeout_s']:g} s")  # fmt: skip


def storm_table() -> Table:
    """The storm on loopback: answered in time before and well after the slow spell."""
    record = load("retry-storm")
    rows = []
    for setting, fields in record.parameters["spec"].items():
        spec = StormSpec(**fields)
        runs = [each.samples for each in record.find("answered in time", setting=setting)]
        sent = [each.samples for each in record.find("attempts", setting=setting)]
        last = int(spec.horizon_s) - 6
        modeled = float(storm(spec).useful_per_s[last:].mean())
        rows.append(
            (
                setting,
                f"{mean(mean(run[:5]) for run in runs):.0f}",
                f"{mean(mean(run[last:]) for run in sent):.0f}",
                f"{mean(mean(run[last:]) for run in runs):.0f}",
                f"{modeled:.0f}",
                "yes" if can_outlive_trigger(spec) else "no",
            )
        )
    spec = StormSpec(**next(iter(record.parameters["spec"].values())))
    return Table(
        ("clients and server", "before: answered", "14 s after: attempts",
         "14 s after: answered", "the model", "can it last?"),
        tuple(rows),
        f"A second; {spec.requests_per_s:g} new requests, capacity {spec.capacity_per_s:g}, slow "
        f"for {spec.trigger_for_s:g} s. Measured: retry-storm, mean of "
        f"{record.parameters['rounds']} rounds",
    )  # fmt: skip


def _percent(share: float) -> str:
    if share < 0.0005:
        return "0"
    return f"{100 * share:.1f} %" if share < 0.0995 else f"{100 * share:.0f} %"
