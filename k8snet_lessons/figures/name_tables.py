"""The tables of lesson 4: resolvers side by side, what breaks, and what was recorded."""

from k8snet_lessons.data.measured import load
from k8snet_lessons.dns import Setting, breaks, lookup, pod_resolv_conf, zone_answers
from k8snet_lessons.dns._server_spec import EXAMPLE_ZONE
from k8snet_lessons.figures.tables import Table

RESOLVERS = ("glibc", "musl", "go")
NAMES = ("payment-service", "ledger.payments", "ledger.payments.svc", "api.stripe.com")


def _conf(ndots: int) -> str:
    return pod_resolv_conf(
        namespace="production",
        dns_config={"options": [{"name": "ndots", "value": str(ndots)}]},
    ).text


def breaks_table(resolver: str = "musl", names: tuple[str, ...] = NAMES) -> Table:
    """What each name costs at ndots 5, 2 and 1, and where it is not found."""
    rows = []
    for name in names:
        cells = []
        for ndots in (5, 2, 1):
            change, = breaks([name], Setting(_conf(5)), Setting(_conf(ndots), resolver),
                             EXAMPLE_ZONE)  # fmt: skip
            found = change.after.found
            cells.append(f"{len(change.after.queries)}" if found else "not found")
        rows.append((name, *cells))
    return Table(("name", "ndots 5", "ndots 2", "ndots 1"), tuple(rows),
                 f"Queries of one lookup with {resolver}, pod in namespace production")  # fmt: skip


def failure_table(name: str = "payment-service") -> Table:
    """One bad reply for the name's first candidate: what each resolver makes of it."""
    first = f"{name}.production.svc.cluster.local"
    rows = []
    for reply in ("NXDOMAIN", "NODATA", "SERVFAIL", "TIMEOUT"):
        cells = []
        for resolver in RESOLVERS:
            answers = {**zone_answers({f"{name}.svc.cluster.local": ["192.0.2.7"]}),
                       (first, "A"): reply, (first, "AAAA"): reply}  # fmt: skip
            seen = lookup(name, _conf(5), resolver, answers)
            said = "goes on, found" if seen.found else seen.error_in_words
            waited = f", {seen.waited_s:g} s" if seen.waited_s else ""
            cells.append(said + waited)
        rows.append((reply, *cells))
    return Table(("first candidate answers", *RESOLVERS), tuple(rows),
                 f"{name}: only the second, {name}.svc.cluster.local, exists")  # fmt: skip


def recorded_table() -> Table:
    """The lab's count of queries by real resolvers."""
    record = load("lookups")
    names = ("payment", "payment.production", "api.stripe.com", "api.stripe.com.")
    resolvers = ("glibc", "musl-1.2.3", "go")
    rows = []
    for conf in ("pod, ndots:5", "pod with a cloud's domain, ndots:5", "pod, ndots:1"):
        for name in names:
            counts = [
                f"{record.one('queries', resolver=each, resolv_conf=conf, name=name).minimum:.0f}"
                for each in resolvers
            ]
            lost = [each for each in resolvers
                    if f"{each}: {name} ({conf})" in record.findings["not_found"]]  # fmt: skip
            rows.append((conf, name, *counts, ", ".join(lost)))
    return Table(("resolv.conf", "name", *resolvers, "not found with"), tuple(rows),
                 "Record lookups: queries that reached the server")  # fmt: skip


def race_table() -> Table:
    """What became of A and AAAA datagrams that meet in the kernel."""
    found = load("dns-race").findings
    kernel = load("dns-race").machine.linux
    rows = (
        ("pairs with both answers", f"{found['both_answered']:,}"),
        ("pairs that lost one", f"{found['one_answered']:,}"),
        ("clashes resolved (clash_resolve)", f"{found['clash_resolve']:,}"),
        ("datagrams lost to a clash (insert_failed)", f"{found['insert_failed']:,}"),
    )
    return Table(("what", "count"), rows, f"Record dns-race: 2,000 pairs on Linux {kernel}")
