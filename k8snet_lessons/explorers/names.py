"""The explorer of lesson 4: what a name makes the resolver ask, and the servers behind it."""

from collections.abc import Iterable, Mapping
from functools import lru_cache
from typing import Any

import numpy as np

from k8snet_lessons.dns import (
    Change,
    Lookup,
    Setting,
    breaks,
    pod_resolv_conf,
    zone_answers,
)
from k8snet_lessons.dns.servers import CELLS, DnsOutcome, DnsSpec, serve
from k8snet_lessons.errors import InputError
from k8snet_lessons.explorers._knob import Knob
from k8snet_lessons.explorers._view import Number, Panel, Prediction, Row, View
from k8snet_lessons.explorers._widget import Explorer
from k8snet_lessons.figures import names as figures

NAMESPACE = "production"
CLOUD = "search us-east-2.compute.internal\n"
MOST_NAMES = 8
LONGEST_SHOWN = 40  # of a name, in a sentence or a title
PREVIEW_CELLS = 4_096  # of the grid of time, for the curve and while a knob moves
_PUBLIC = frozenset(("com", "org", "net", "io", "dev", "cloud", "ai", "eu", "de", "uk"))
_DRAW = "api.stripe.com payment-service ledger.payments ledger.payments.svc"


def name_ladder() -> Explorer:
    """Return the explorer: resolv.conf, resolver, names and caches against queries and p99."""
    knobs = [
        Knob("ndots", "ndots", 5, min=0, max=15, slider=(1, 5), step=1),
        Knob("resolver", "The image's resolver", "glibc", kind="choice",
             choices={"glibc": "glibc (Debian, UBI)", "musl": "musl (Alpine)", "go": "Go's own"}),
        Knob("names", "Names your app uses", _DRAW, kind="text",
             help="Separated by spaces; the first is drawn as a ladder"),
        Knob("cloud", "The cloud adds a search domain", False, kind="toggle"),
        Knob("cache", "Help from", "none", kind="choice",
             choices={"none": "nobody", "node": "a cache on each node", "autopath": "autopath"}),
        Knob("lookups_per_s", "Lookups in the cluster", 5_000.0, kind="log", min=1, max=200_000,
             slider=(100, 50_000), unit="per s"),
        Knob("replicas", "CoreDNS replicas", 2, min=1, max=50, slider=(1, 10), step=1,
             group="more"),
    ]  # fmt: skip
    guess = Prediction(
        "A pod with the usual settings (glibc, ndots 5) looks up api.stripe.com once. How many "
        "DNS queries does it send?",
        "queries",
        lambda view: view.number("queries for the first name"),
        settings={"ndots": 5, "resolver": "glibc", "names": _DRAW, "cloud": False},
        panel=2,
        axis="x",
    )
    return Explorer(
        "What a name costs",
        knobs,
        view,
        presets={
            "ndots 2": {"ndots": 2},
            "ndots 1 on Alpine": {"ndots": 1, "resolver": "musl"},
            "a trailing dot": {"names": "api.stripe.com. payment-service ledger.payments"},
            "in a cloud": {"cloud": True},
            "a cache on each node": {"cache": "node"},
        },
        prediction=guess,
        still="name-ladder",
        lesson=4,
    )


def read_names(text: str) -> tuple[str, ...]:
    """Names separated by spaces or commas, each once."""
    found = tuple(dict.fromkeys(text.replace(",", " ").split()))
    if not 1 <= len(found) <= MOST_NAMES:
        raise InputError("names", text, f"1 to {MOST_NAMES} names, separated by spaces")
    return found


def world(names: Iterable[str]) -> dict[str, tuple[str, ...]]:
    """What exists, if every name is meant to: Services of the cluster, and the world's names."""
    return {_meant(name): ("192.0.2.10",) for name in names}


def _meant(name: str) -> str:
    bare = name.removesuffix(".").lower()
    labels = bare.split(".")
    if bare.endswith(".cluster.local"):
        return bare
    if labels[-1] == "svc":
        return f"{bare}.cluster.local"
    if len(labels) == 1:
        return f"{bare}.{NAMESPACE}.svc.cluster.local"
    if len(labels) == 2 and labels[-1] not in _PUBLIC:
        return f"{bare}.svc.cluster.local"
    return bare


def resolv_conf(ndots: int, cloud: bool) -> str:
    """A pod's file with another ndots, set by its dnsConfig."""
    return pod_resolv_conf(
        namespace=NAMESPACE,
        dns_config={"options": [{"name": "ndots", "value": str(ndots)}]},
        node_resolv_conf=CLOUD if cloud else "",
    ).text


def view(settings: Mapping[str, Any], *, requests: int) -> View:
    """What the explorer shows at a setting. Distributions: nothing is drawn at random."""
    names = read_names(settings["names"])
    zone = world(names)
    conf = resolv_conf(settings["ndots"], settings["cloud"])
    changes = _changes(names, resolv_conf(5, settings["cloud"]), conf, settings["resolver"])
    first = changes[0].after
    broken = [each.name for each in changes if not each.after.found]
    points, cells = (2, PREVIEW_CELLS) if requests < 50_000 else (10, CELLS)
    load = (names, conf, settings["resolver"], settings["cache"], settings["replicas"])
    here = _served(*load, settings["lookups_per_s"], cells)
    p99_ms = here.percentile(99) / 1e3
    curve = _curve(*load, points)
    return View(
        headline=_headline(first, broken, here),
        panels=(
            Panel(f"The ladder of {_short(names[0])}", figures.ladder(first),
                  _ladder_words(first), "tall"),
            Panel("Lookups in the cluster, and their p99",
                  figures.knee(curve, settings["lookups_per_s"], here.percentile(99)),
                  f"CoreDNS is {100 * here.utilization:.0f} % busy; p99 {p99_ms:.3g} ms."),
            Panel("Queries of a lookup, by name", figures.queries_by_name(changes),
                  "; ".join(_name_words(each) for each in changes),
                  evidence=figures.recorded_queries(names, settings["resolver"],
                                                    settings["ndots"], cloud=settings["cloud"])),
        ),
        numbers=(
            Number("queries for the first name", len(first.queries), ""),
            Number("queries per lookup, all names", here.questions_per_lookup, "", main=True),
            Number("queries that reach CoreDNS", here.traffic.coredns_per_s, "per s"),
            Number("a CoreDNS replica is busy", 100 * here.utilization, "%"),
            Number("median lookup", here.percentile(50) / 1e3, "ms"),
            Number("p99 lookup", p99_ms, "ms"),
            Number("names that do not resolve", len(broken), ""),
        ),
        notes=_notes(settings),
        code=(
            "from k8snet_lessons.dns import lookup\n\n"
            f"lookup({names[0]!r}, {conf!r}, {settings['resolver']!r},\n"
            f"       answers={zone_answers(zone)!r}).queries"
        ),
        csv=lambda: _rows(changes),
    )  # fmt: skip


@lru_cache(maxsize=64)
def _changes(names: tuple[str, ...], usual: str, conf: str, resolver: str) -> tuple[Change, ...]:
    """Each name with the usual file read by glibc, and as it is set."""
    return tuple(breaks(names, Setting(usual), Setting(conf, resolver), world(names)))


@lru_cache(maxsize=256)
def _served(
    names: tuple[str, ...], conf: str, resolver: str, cache: str, replicas: int, per_s: float,
    cells: int,
) -> DnsOutcome:  # fmt: skip
    return serve(
        DnsSpec(
            lookups_per_s=per_s,
            names=tuple((name, 1.0) for name in names),
            resolv_conf=conf,
            resolver=resolver,
            zone=world(names),
            replicas=replicas,
            autopath=cache == "autopath",
            node_cache=cache == "node",
        ),
        lookups=2_000,
        cells=cells,
    )


@lru_cache(maxsize=64)
def _curve(
    names: tuple[str, ...], conf: str, resolver: str, cache: str, replicas: int, points: int
) -> tuple[tuple[float, float, float], ...]:
    """Lookups a second, p99 in microseconds and utilization, up to where a replica is full."""
    load = (names, conf, resolver, cache, replicas)
    low = _served(*load, 100.0, PREVIEW_CELLS)
    # Without a cache before it, a replica's load is proportional to the lookups.
    full = 100.0 / low.utilization if cache != "node" and low.utilization else 1e6
    bends = np.array([0.9]) if points < 8 else np.array([0.3, 0.5, 0.7, 0.8, 0.9, 0.95, 0.98])
    rates = np.geomspace(300, 200_000, points) if full > 2e5 else full * bends
    if points < 8 and full > 2e5:
        rates = rates[-1:]
    runs = [(100.0, low)]
    runs += [(float(r), _served(*load, float(r), PREVIEW_CELLS)) for r in rates]
    return tuple(
        (rate, run.percentile(99), run.utilization) for rate, run in runs if run.utilization < 1
    )


def _headline(first: Lookup, broken: list[str], here: DnsOutcome) -> str:
    said = _cost(first)
    if broken:
        listed = ", ".join(_short(name) for name in broken)
        return f"{said} Not found: {listed.removesuffix('.')}."
    if not here.questions_per_lookup:
        return said
    said += " "
    if here.utilization >= 1:
        return said + "CoreDNS cannot keep up: lookups time out."
    return said + (
        f"CoreDNS is {100 * here.utilization:.0f} % busy, and one lookup in a hundred takes "
        f"{here.percentile(99) / 1e3:.3g} ms or more."
    )


def _cost(first: Lookup) -> str:
    """What the first name costs, or why it costs nothing."""
    name, tried = _short(first.name), len(first.names_tried)
    if first.source == "literal":
        return f"{name} is an address already: nobody is asked."
    if first.source == "hosts":
        return f"{name} stands in the pod's /etc/hosts: nobody is asked."
    if not first.queries:
        why = first.notes[-1].text if first.notes else "no query can carry it"
        return f"Nobody is asked for {name}: {why}."
    words = "one name" if tried == 1 else f"{tried} names"
    return f"{name} costs {len(first.queries)} queries for {words}."


def _short(name: str) -> str:
    return name if len(name) <= LONGEST_SHOWN else f"{name[: LONGEST_SHOWN - 1]}…"


def _ladder_words(first: Lookup) -> str:
    asked = [f"{query.qname} {query.qtype}: {query.reply}" for query in first.queries]
    return "; ".join(asked) or "No query is sent."


def _name_words(change: Change) -> str:
    if not change.after.found:
        return f"{change.name} does not resolve"
    return f"{change.name} {len(change.after.queries)}"


def _notes(settings: Mapping[str, Any]) -> tuple[str, ...]:
    notes = [
        "The resolver's queries are those of the real glibc 2.36, musl 1.2.5 and Go: the model is "
        "compared with recorded lookups.",
        "Every name is taken to exist: one label is a Service of the pod's namespace, "
        f"{NAMESPACE}; two labels are service.namespace unless they end like stripe.com; .svc is "
        "the cluster; the rest is the world. IPv4 only.",
        "Servers: 29.7 µs a query (one published saturated CoreDNS on two CPUs), and round trips "
        "outside that are estimates. At 80 % load the p99 comes out 10 to 15 % low.",
    ]
    if settings["resolver"] == "go":
        notes.append("Go sends A and AAAA at once, in random order; A is drawn first.")
    if settings["cache"] == "autopath":
        notes.append("autopath: the ladder shows what the pod would send without it.")
    return tuple(notes)


def _rows(changes: Iterable[Change]) -> Iterable[Row]:
    for change in changes:
        for number, query in enumerate(change.after.queries, 1):
            yield {"name": change.name, "number": number, "qname": query.qname,
                   "qtype": query.qtype, "reply": query.reply}  # fmt: skip
