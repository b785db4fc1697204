"""The explorers of lesson 11: one part breaks, and the blast is seen by namespace and service."""

from collections.abc import Iterable, Mapping
from dataclasses import fields
from typing import Any, Literal

from k8snet_lessons.errors import InputError
from k8snet_lessons.explorers._knob import Knob
from k8snet_lessons.explorers._view import Number, Panel, Prediction, Row, View
from k8snet_lessons.explorers._widget import Explorer
from k8snet_lessons.figures import isolation as figures
from k8snet_lessons.isolation import (
    ALONE_NAMES,
    BEARING_ON,
    DEFENSE_NAMES,
    FAULT_NAMES,
    Blast,
    Defenses,
    Fault,
    Habits,
    blast,
    each_defense_alone,
    example,
)

_FAULT_FIELDS = ("kind", "lasts_s", "slow_s", "loss_share", "flood_factor", "refused_share")
#: Faults with clocks of their own: how much is shaded.
_ENDLESS = {"node-lost": 370.0, "ingress-restart": 60.0}


def _knobs(
    shown: Iterable[str], more: Iterable[str] = (), kind: str = "coredns-loss"
) -> list[Knob]:
    """Every knob of the cluster; those that are not shown keep their place all the same."""
    main, folded = set(shown), set(more)

    def knob(name: str, label: str, default: Any, **options: Any) -> Knob:
        group: Literal["main", "more", "hidden"] = "hidden"
        if name in main | folded:
            group = "main" if name in main else "more"
        return Knob(name, label, default, group=group, **options)

    def switch(name: str, explained: str) -> Knob:
        label = DEFENSE_NAMES[name]
        return knob(name, label[0].upper() + label[1:], False, kind="toggle", help=explained)

    switches = {
        "node_cache": "NodeLocal DNSCache on every node",
        "serve_stale": "serve_stale in the node cache: expired answers for up to an hour",
        "same_zone": "trafficDistribution: PreferSameZone on every Service",
        "other_pod": "A call that cannot connect is tried once more elsewhere",
        "ejection": "Each caller leaves an endpoint out after five failures in a row",
        "bulkhead": "Batch work enters by proxies of its own",
        "shedding": "A full ingress refuses batch work first",
        "disruption_budget": "maxUnavailable: 1 on every service",
        "retry_budget": "The ledger's callers may add 20 % to their requests",
        "short_queue": "The ledger refuses what it could not answer in time",
        "circuit_breaker": "Envoy's max_requests: half of what the ledger does in a time-out",
        "drain": "A proxy fails its health check for 30 s, and serves on, before it stops",
    }
    return [
        Knob("kind", "What breaks", kind, kind="choice", choices=dict(FAULT_NAMES)),
        knob("lasts_s", "For", 120.0, min=1, max=3_600, slider=(10, 420), step=10, unit="s"),
        *(switch(name, explained) for name, explained in switches.items()),
        knob("new_connections", "Calls that open a connection", 20.0, min=0, max=100, step=5,
             unit="%", help="Only these look a name up and may meet a dead endpoint"),
        knob("deadline_s", "Callers wait at most", 2.0, min=0.1, max=60, slider=(0.5, 10),
             step=0.5, unit="s"),
        knob("loss", "Lost DNS round trips", 1.0, min=0, max=50, slider=(0, 10), step=0.5,
             unit="%"),
        knob("slow_s", "A slow CoreDNS answers after", 1.5, min=0.01, max=5, slider=(0.1, 3),
             step=0.1, unit="s"),
        knob("flood_factor", "The batch tenant sends", 60.0, kind="log", min=1, max=1_000,
             slider=(1, 200), unit="times"),
        knob("refused", "New flows that find no room", 90.0, min=0, max=100, step=5, unit="%"),
        knob("max_ejection_percent", "Endpoints that may be ejected", 10, min=0, max=100,
             step=5, unit="%"),
        knob("ledger_pods", "Pods of the ledger", 3, min=1, max=12, unit="pods"),
        knob("ledger_load", "Load of the ledger", 70.0, min=1, max=99, slider=(10, 95), step=5,
             unit="%"),
        knob("bulkhead_share", "Batch work's part of the ingress", 20.0, min=1, max=99, step=5,
             unit="%"),
    ]  # fmt: skip


def blast_radius() -> Explorer:
    """Return the first explorer: a fault, and seven switches of defense."""
    switches = ("node_cache", "serve_stale", "same_zone", "other_pod", "bulkhead",
                "drain", "disruption_budget")  # fmt: skip
    guess = Prediction(
        "One percent of the DNS round trips between pods and CoreDNS is lost. A fifth of all "
        "calls open a connection and so look a name up. What share of the requests to shop "
        "fails?",
        "%",
        lambda view: view.number("shop: worst error rate"),
        settings={"kind": "coredns-loss"},
    )
    return Explorer(
        "Blast radius",
        _knobs(("kind", "lasts_s", *switches)),
        view,
        presets={
            "DNS loses 1 %": {},
            "CoreDNS is down": {"kind": "coredns-down"},
            "a flood at the door": {"kind": "ingress-flood"},
            "the ingress restarts": {"kind": "ingress-restart"},
            "a node is lost": {"kind": "node-lost"},
            "two nodes are drained": {"kind": "node-drain"},
            "a zone is cut off": {"kind": "zone-cut"},
            "conntrack is full": {"kind": "conntrack-full"},
        },
        prediction=guess,
        still="blast-radius",
        lesson=11,
    )


def isolation_playground() -> Explorer:
    """Return the playground: every fault, every defense, and how the cluster is used."""
    return Explorer(
        "Break it, defend it",
        _knobs(
            ("kind", "lasts_s", *DEFENSE_NAMES),
            ("new_connections", "deadline_s", "loss", "slow_s", "flood_factor", "refused",
             "max_ejection_percent", "ledger_pods", "ledger_load", "bulkhead_share"),
            kind="node-lost",
        ),
        view,
        presets={
            "the ledger is slow, callers retry": {"kind": "retry-storm"},
            "the same with a retry budget": {"kind": "retry-storm", "retry_budget": True},
            "the same with a circuit breaker": {"kind": "retry-storm", "circuit_breaker": True},
            "a node is lost, same zone": {"kind": "node-lost", "same_zone": True},
            "a node is lost, try another pod": {"kind": "node-lost", "other_pod": True},
            "no connection is kept": {"kind": "coredns-loss", "new_connections": 100.0},
            "CoreDNS down, everything on": {
                "kind": "coredns-down", **dict.fromkeys(DEFENSE_NAMES, True)},
        },
        still="isolation-playground",
        lesson=11,
    )  # fmt: skip


def read(settings: Mapping[str, Any]) -> tuple[Habits, Fault, Defenses]:
    """Habits, fault and defenses at a setting of the knobs."""
    fault = {name: settings[name] for name in _FAULT_FIELDS if name in settings}
    fault |= {"loss_share": settings["loss"] / 100, "refused_share": settings["refused"] / 100}
    switches = {name: settings[name] for name in DEFENSE_NAMES}
    return (
        Habits(
            new_connection_share=settings["new_connections"] / 100,
            deadline_s=settings["deadline_s"],
            ledger_pods=int(settings["ledger_pods"]),
            ledger_load=settings["ledger_load"] / 100,
        ),
        Fault(**fault),
        Defenses(
            **switches,
            max_ejection_percent=int(settings["max_ejection_percent"]),
            bulkhead_share=settings["bulkhead_share"] / 100,
        ),
    )


def view(settings: Mapping[str, Any], *, requests: int) -> View:
    """What the explorer shows at a setting. Means: nothing is drawn at random."""
    habits, fault, defenses = read(settings)
    if fault.loss_share > 0.5:
        raise InputError("loss", settings["loss"], "at most 50 %")
    world = example(habits)
    found = blast(world, fault, defenses)
    alone = each_defense_alone(world, fault)
    bars = [("as set", found.failed_requests), ("no defense", alone[""])]
    bars += [(ALONE_NAMES[name], alone[name]) for name in BEARING_ON[fault.kind]]
    suffering = found.suffering()
    per_namespace = [
        number
        for name in found.namespaces
        for number in (
            Number(f"{name}: worst error rate", 100 * float(found.of_namespace(name).max()), "%"),
            Number(f"{name}: seconds above 1 %", found.lasting_s(name), "s"),
        )
    ]
    return View(
        headline=_headline(fault, found),
        panels=(
            Panel("Error rate by namespace, as users see it",
                  figures.error_rates(found, _ENDLESS.get(fault.kind, fault.lasts_s)),
                  _headline(fault, found), "tall"),
            Panel("Calls that fail, by the service called", figures.heat_map(found),
                  "Services that are called in vain: " + (", ".join(
                      name for name, row in zip(found.services, found.calls_failed, strict=True)
                      if row.max() > 0.01) or "none") + "."),
            Panel("What each defense saves alone", figures.saved(bars),
                  "; ".join(f"{name}: {value:,.0f} failed" for name, value in bars)),
        ),
        numbers=(
            Number("users' requests that fail", found.failed_requests, "", digits=4, main=True),
            Number("namespaces that suffer", len(suffering), "of 4"),
            *per_namespace,
        ),
        notes=(
            "Means on a grid of one second; calls of a request side by side; a fluid at full "
            "pods. A walk of every request through the same cluster agrees.",
            "Estimates: rules reach every node 1 s after a change; a new pod is ready after 20 s; "
            "the balancer leaves a dead proxy after 30 s.",
            "A flood's own surplus is not counted among the failed requests.",
        ),
        code=_code(habits, fault, defenses),
        csv=lambda: _rows(found),
    )  # fmt: skip


def _headline(fault: Fault, found: Blast) -> str:
    what = FAULT_NAMES[fault.kind]
    what = what[0].upper() + what[1:]
    suffering = found.suffering()
    if not suffering:
        return f"{what}: no namespace loses more than 1 % of its requests."
    worst = max(suffering, key=lambda name: float(found.of_namespace(name).max()))
    percent = 100 * float(found.of_namespace(worst).max())
    others = [name for name in suffering if name != worst]
    also = f" {_and(others)} suffer{'s' if len(others) == 1 else ''} too." if others else ""
    spared = [name for name in found.namespaces if name not in suffering]
    stay = f" {_and(spared)} stay{'s' if len(spared) == 1 else ''} below 1 %." if spared else ""
    return (
        f"{what}: {worst} loses up to {percent:.3g} % of its requests, and more than 1 % for "
        f"{found.lasting_s(worst):.0f} s.{also}{stay}"
    )


def _and(names: list[str]) -> str:
    return names[0] if len(names) == 1 else f"{', '.join(names[:-1])} and {names[-1]}"


def _code(habits: Habits, fault: Fault, defenses: Defenses) -> str:
    def changed(value: Any, default: Any) -> str:
        return ", ".join(
            f"{each.name}={getattr(value, each.name)!r}"
            for each in fields(value)
            if each.name == "kind" or getattr(value, each.name) != getattr(default, each.name)
        )

    return (
        "from k8snet_lessons.isolation import Defenses, Fault, Habits, blast, example\n\n"
        f"world = example(Habits({changed(habits, Habits())}))\n"
        f"blast(world, Fault({changed(fault, Fault(kind=fault.kind))}), "
        f"Defenses({changed(defenses, Defenses())}))"
    )


def _rows(found: Blast) -> Iterable[Row]:
    for k, time_s in enumerate(found.time_s):
        yield (
            {"time_s": float(time_s)}
            | {
                f"{name}: users' requests failed": float(found.of_namespace(name)[k])
                for name in found.namespaces
            }
            | {
                f"{name}: calls failed": float(row[k])
                for name, row in zip(found.services, found.calls_failed, strict=True)
            }
        )
