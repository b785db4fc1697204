"""The tables of lesson 5: time-outs, ladders, sizes, and what was measured."""

from k8snet_lessons.data.measured import load
from k8snet_lessons.datapath.nf_conntrack import (
    PROXIES,
    TIMEOUTS,
    burst_left,
    cilium_tcp_max,
    early_drop_chance,
    kube_proxy_max,
    ladder_of_kernel,
    memory,
    sustainable_per_s,
    through_proxy,
)
from k8snet_lessons.figures.tables import Table


def size_table(cores: tuple[int, ...] = (2, 4, 8, 32)) -> Table:
    """What kube-proxy sets, the short connections it sustains, and its memory when full."""
    rows = []
    for each in cores:
        limit = kube_proxy_max(each) or 0
        mib = memory(limit, max(65_536, limit // 4)).total_bytes / 2**20
        rows.append(
            (
                str(each),
                f"{limit:,}",
                f"{sustainable_per_s(limit, 120):,.0f}",
                f"{sustainable_per_s(limit, 30):,.0f}",
                f"{mib:,.0f} MiB",
            )
        )
    header = ("cores", "nf_conntrack_max", "per s, TIME_WAIT 120 s", "per s, 30 s", "memory, full")
    return Table(header, tuple(rows),
                 "kube-proxy's default limit, and the new short connections a second that it "
                 "sustains")  # fmt: skip


def timeout_table() -> Table:
    """How long an entry lives after its last packet, by state."""
    shown = ("SYN_SENT", "ESTABLISHED", "FIN_WAIT", "CLOSE_WAIT", "TIME_WAIT", "CLOSE")
    rows = [
        (f"TCP {each.state}" if each.protocol == "tcp" else f"UDP {each.state}",
         _words(each.kernel_s), "left alone" if each.kube_proxy_s is None
         else _words(each.kube_proxy_s))
        for each in TIMEOUTS
        if each.state in shown or each.protocol == "udp"
    ]  # fmt: skip
    return Table(("state", "kernel's default", "kube-proxy's"), tuple(rows),
                 "Time-outs of conntrack entries, counted from the last packet")  # fmt: skip


def proxy_table(refused_for_s: float = 60.0) -> Table:
    """What a client of each proxy gets, one try, while the table refuses newcomers."""
    rows = []
    for proxy in PROXIES:
        seen = through_proxy(refused_for_s, proxy)
        got = "connected" if seen.status is None else f"{seen.status}"
        rows.append((proxy.name, got, f"{seen.after_s:g} s", str(proxy.on_refusal)))
    return Table(
        ("proxy", "SYNs dropped: status", "after", "connection refused (RST): status"),
        tuple(rows),
        f"One try, newcomers dropped for {refused_for_s:g} s, default time-outs (HAProxy has none "
        "of its own: 5 s is what it is usually given)",
    )


def ladder_table() -> Table:
    """SYNs on the wire, model and record."""
    record = load("syn-retries")
    rows = []
    for name, kernel, linear in (("6.5 and newer", (6, 5), 4), ("before 6.5", (6, 4), 0)):
        ladder = ladder_of_kernel(*kernel)
        measured = record.one("SYN sent", tcp_syn_linear_timeouts=linear).samples[:8]
        rows.append((name, ", ".join(f"{at:g}" for at in ladder.sent_s[:8]),
                     ", ".join(f"{at:.1f}" for at in measured),
                     f"{ladder.gives_up_s:g} s"))  # fmt: skip
    header = ("client's kernel", "model: SYN sent at (s)", "measured", "connect() fails after")
    return Table(header, tuple(rows),
                 "The ladder of retries, with the default of 6 SYN retries")  # fmt: skip


def first_refusal_table() -> Table:
    """The course's record of full tables against rate arithmetic."""
    rows = [
        (f"{each['max']:,}", f"{each['rate_per_s']:,.0f}", f"{each['predicted_s']:.2f} s",
         f"{each['refused_after_s']:.2f} s", f"{each['alive']:,} of {each['accepted']:,}")
        for each in load("conntrack-full").findings["by_setting"]
    ]  # fmt: skip
    header = ("limit", "new per s", "limit / rate", "first refusal", "open ones still alive")
    return Table(header, tuple(rows), "Record conntrack-full: connections held open, empty table")


def early_drop_table() -> Table:
    """How many of 300 newcomers got into a table full of unanswered UDP flows."""
    record = load("early-drop")
    rows = []
    for series in record.series:
        buckets, limit = int(series.where["buckets"] or 0), int(series.where["max"] or 0)
        rows.append((f"{buckets:,}", ", ".join(f"{n:.0f}" for n in series.samples),
                     f"{300 * early_drop_chance(limit, buckets):.0f}"))  # fmt: skip
    return Table(("buckets", "got in, of 300 (three rounds)", "model"), tuple(rows),
                 "Record early-drop: 1,000 unanswered UDP flows fill a table of 1,000")  # fmt: skip


def counter_table() -> Table:
    """The counter beside the entries that are alive."""
    rows = [
        (f"{each['rate_per_s']:.0f}", f"{each['timeout_s']} s",
         f"{each['live_by_littles_law']:,}", f"{each['largest_count']:,}",
         f"{each['listed_at_the_end']:,}")
        for each in load("conntrack-life").findings["occupancy"]
    ]  # fmt: skip
    header = ("flows per s", "time-out", "alive, rate x time-out", "largest nf_conntrack_count",
              "listed by conntrack -L")  # fmt: skip
    return Table(header, tuple(rows), "Record conntrack-life: unanswered UDP, short time-outs")


def node_table(paste: str, factors: tuple[float, ...] = (1.5, 2.0, 3.0, 5.0)) -> Table:
    """Seconds of burst left on a node, from the text that the node prints."""
    rows = []
    warnings: tuple[str, ...] = ()
    for factor in factors:
        left = burst_left(paste, factor=factor)
        warnings = left.warnings
        seconds = "holds" if left.seconds is None else f"{left.seconds:.0f} s"
        rows.append((f"{factor:g} times the usual", seconds))
    caption = burst_left(paste, factor=factors[0]).explanation.split(". ")[0]
    return Table(("burst", "until the first refusal"), tuple(rows),
                 ". ".join((caption, *warnings)) + ".")  # fmt: skip


def cilium_table(memory_gib: tuple[float, ...] = (7.5, 30.0, 120.0)) -> Table:
    """Entries of Cilium's own table of TCP connections, by the node's memory."""
    rows = tuple((f"{gib:g} GiB", f"{cilium_tcp_max(gib):,}") for gib in memory_gib)
    return Table(("node memory", "entries in Cilium's TCP map"), rows,
                 "Default size, bpf-map-dynamic-size-ratio 0.0025")  # fmt: skip


def _words(seconds: int) -> str:
    if seconds % 86_400 == 0:
        return f"{seconds // 86_400} d" if seconds > 86_400 else "24 h"
    return f"{seconds // 3_600} h" if seconds % 3_600 == 0 else f"{seconds} s"
