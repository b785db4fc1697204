"""The tables of the evidence notebook: claims, constants, records, and what others published."""

from collections import Counter

from k8snet_lessons.course.claims import KINDS, claims, ledger
from k8snet_lessons.course.curriculum import lesson
from k8snet_lessons.data.costs import costs
from k8snet_lessons.data.measured import load, names
from k8snet_lessons.data.published import studies
from k8snet_lessons.datapath.cni import published_throughput
from k8snet_lessons.figures.tables import Table

_MEANS = {
    "closed form": "arithmetic; computed anew by a test",
    "measured": "by this course, in a record that ships with it",
    "model": "what the course's model gives; computed anew by a test",
    "published": "measured by others, on their hardware",
    "documented": "a specification, a manual or source code says so",
    "estimate": "an order of size that nobody measured here",
    "chosen": "a setting of an example, not a claim on the world",
}


def overview_table() -> Table:
    """How many claims of each kind the lessons make."""
    counts = Counter(claim.kind for found in ledger().values() for claim in found)
    rows = tuple((kind, str(counts[kind]), _MEANS[kind]) for kind in KINDS if counts[kind])
    return Table(
        ("kind", "claims", "meaning"),
        rows,
        f"{sum(counts.values())} claims with a number in the prose of {len(ledger())} notebooks",
    )


def claims_table(number: int) -> Table:
    """Every claim of one lesson, in its order."""
    here = lesson(number)
    rows = tuple(
        (
            claim.says,
            claim.kind,
            f"{claim.source}: {claim.url}" if claim.url else claim.source,
            ", ".join(map(_number, claim.computed())),
        )
        for claim in claims(here)
    )
    return Table(
        ("the lesson says", "kind", "where it comes from", "computed anew"),
        rows,
        f"{here.number}. {here.title}",
    )


def _number(value: float) -> str:
    """Four digits, or every digit before the point: no powers of ten to read."""
    return f"{value:,.0f}" if abs(value) >= 1000 else f"{value:.4g}"


def constants_table() -> Table:
    """Every constant of the models: value, interval, status, source."""
    rows = []
    for each in sorted(costs().values(), key=lambda one: (one.status, one.id)):
        interval = "" if each.low is None else f"{each.low:.4g} to {each.high:.4g}"
        unit = each.unit.replace("us", "µs", 1) if each.unit.startswith("us") else each.unit
        rows.append(
            (
                f"{each.id}: {each.what.rstrip('.')}",
                f"{each.value:.4g} {unit}",
                interval,
                each.status,
                each.source,
            )
        )
    return Table(
        ("constant", "value", "95 % interval", "status", "source"),
        tuple(rows),
        "The constants of the main road; estimates are marked on its plots too",
    )


def records_table() -> Table:
    """Every record: what was asked, on what, when, and what it cannot show."""
    rows = []
    for name in names():
        record = load(name)
        machine = record.machine
        rows.append(
            (
                name,
                record.question,
                f"Linux {machine.linux}, {machine.cpus} CPUs, {record.taken_at[:10]}",
                record.limits,
            )
        )
    return Table(
        ("record", "question", "measured on", "what it cannot show"),
        tuple(rows),
        "The course's own measurements; `k8snet measure NAME` repeats each",
    )


def studies_table() -> Table:
    """What others published, with how it was read."""
    rows = tuple(
        (
            study.what,
            f"{len(study.points)}",
            study.status,
            study.hardware,
            f"{study.source}: {study.url}",
        )
        for study in studies().values()
    )
    wires = Counter(point.source for point in published_throughput())
    for source, count in wires.items():
        where, _, hardware = source.partition(": ")
        url, _, file = where.partition(", ")
        rows += (
            (
                "Throughput between pods, by CNI",
                str(count),
                "verified",
                hardware,
                f"InfraBuilder, CNI benchmark, {file}: {url}",
            ),
        )
    return Table(
        ("what", "figures", "how it was read", "hardware", "source"),
        rows,
        "Measured by others: set beside the models, never fitted",
    )
