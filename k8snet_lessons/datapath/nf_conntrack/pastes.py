"""The tools' own words: text as a node prints it, and what such text says of a burst."""

import math
from collections.abc import Mapping
from dataclasses import dataclass

from k8snet_lessons.datapath.nf_conntrack.occupancy import Occupancy
from k8snet_lessons.datapath.nf_conntrack.reading import NodeReading, read_node
from k8snet_lessons.datapath.nf_conntrack.spec import ConntrackSpec
from k8snet_lessons.datapath.nf_conntrack.timeouts import BY_SYSCTL
from k8snet_lessons.errors import InputError

PROC = "/proc/sys/net/netfilter/"
# conntrack-tools prints these, in this order, one line for each CPU.
_COUNTERS = (
    "found", "invalid", "insert", "insert_failed", "drop", "early_drop", "error",
    "search_restart", "clash_resolve", "chaintoolong",
)  # fmt: skip


def statistics_text(counters: Mapping[str, int], *, cpu: int = 0) -> str:
    """A line as ``conntrack -S`` prints it."""
    unknown = set(counters) - set(_COUNTERS)
    if unknown:
        raise InputError("counters", sorted(unknown)[0], f"one of {', '.join(_COUNTERS)}")
    fields = " ".join(f"{name}={counters.get(name, 0)}" for name in _COUNTERS)
    return f"cpu={cpu}   \t{fields} \n"


def kernel_log_text(table: Occupancy, *, boot_s: float = 3_600.0) -> str:
    """What ``dmesg`` says: the kernel limits itself to ten such lines in five seconds."""
    lines = []
    for second, refused in enumerate(table.refused.tolist()):
        # net_ratelimit(): net.core.message_burst 10 in net.core.message_cost 5 seconds.
        shown = min(refused, 10) if second % 5 == 0 else 0
        stamp = f"[{boot_s + float(table.time_s[second]):12.6f}]"
        lines += [f"{stamp} nf_conntrack: nf_conntrack: table full, dropping packet"] * shown
        if refused > shown and second % 5 == 4:
            hidden = int(table.refused[max(0, second - 4) : second + 1].sum()) - 10
            if hidden > 0:
                lines.append(f"{stamp} net_ratelimit: {hidden} callbacks suppressed")
    return "".join(line + "\n" for line in lines)


def node_text(spec: ConntrackSpec, table: Occupancy, second: int) -> str:
    """What a node would print a number of seconds in: its settings, count and counters."""
    if not 0 <= second < len(table.time_s):
        raise InputError("second", second, f"a whole number from 0 to {len(table.time_s) - 1}")
    settings = {
        "nf_conntrack_count": int(table.live[second]),
        "nf_conntrack_max": spec.max_entries,
        "nf_conntrack_buckets": spec.buckets,
        "nf_conntrack_tcp_timeout_time_wait": round(spec.time_wait_s),
        "nf_conntrack_udp_timeout": round(spec.udp_timeout_s),
    }
    lines = [f"{PROC}{name}:{value}\n" for name, value in settings.items()]
    counters = {
        "drop": int(table.refused[:second].sum()),
        "early_drop": int(table.evicted[:second].sum()),
    }
    return "".join(lines) + statistics_text(counters)


@dataclass(frozen=True)
class BurstLeft:
    """How long a burst may last.

    Attributes
    ----------
    seconds : float or None
        Until the first refusal; None where it never comes.
    explanation : str
        How the number came about, sentence by sentence.
    warnings : tuple of str
        What the paste says has already happened.
    """

    seconds: float | None
    explanation: str
    warnings: tuple[str, ...]


def burst_left(
    paste: str, *, factor: float = 2.0, every_s: float = 1.0, life_s: float | None = None
) -> BurstLeft:
    """Seconds until a node's table is full, from what the node prints.

    With several counts in the paste, taken `every_s` apart, a table that grew is taken to go
    on growing as it did. One that did not, or of which there is one count, is taken to be
    level, and a burst of `factor` times the usual traffic to begin now: by Little's law the
    usual rate is the count over the mean lifetime of an entry.

    Parameters
    ----------
    paste : str
        Any text that `read_node` understands; it must hold count and maximum.
    factor : float
        Traffic in the burst over the usual, above 1.
    every_s : float
        Seconds between the counts.
    life_s : float, optional
        Mean lifetime of an entry; by default the paste's TIME_WAIT time-out, or the kernel's,
        which is right where most connections are short.

    Raises
    ------
    InputError
        If count or maximum are missing, or a parameter is out of range.

    Examples
    --------
    >>> left = burst_left("nf_conntrack_count = 60000\\nnf_conntrack_max = 131072")
    >>> left.seconds is None, burst_left("61000\\n62000\\nnf_conntrack_max = 131072").seconds
    (True, 69.072)
    """
    reading = read_node(paste)
    limit = reading.settings.get("nf_conntrack_max")
    if limit is None:
        raise InputError("paste", paste, "text that holds nf_conntrack_max")
    if not reading.counts:
        raise InputError("paste", paste, "text that holds nf_conntrack_count")
    for name, value, above in (("factor", factor, 1), ("every_s", every_s, 0)):
        if not above < value < math.inf:
            raise InputError(name, value, f"a number above {above}")
    warnings = _warnings(reading)
    count = reading.counts[-1]
    if limit == 0:
        return BurstLeft(None, "A maximum of 0 means no limit: memory is the limit.", warnings)
    room = limit - count
    start = f"{count:,} of {limit:,} entries: room for {max(room, 0):,}."
    if room <= 0:
        return BurstLeft(0.0, f"{start} The table is full.", warnings)
    if len(reading.counts) > 1:
        growth = (count - reading.counts[0]) / (every_s * (len(reading.counts) - 1))
        told = f"{start} Over {len(reading.counts)} counts it grew by {growth:,.1f} a second."
        if growth > 0:
            return BurstLeft(room / growth, f"{told} At that pace it is full.", warnings)
        start = told
    name = "nf_conntrack_tcp_timeout_time_wait"
    if life_s is None:
        life_s = float(reading.settings.get(name, BY_SYSCTL[name].node_s))
    if not 0 < life_s < math.inf:
        raise InputError("life_s", life_s, "seconds above zero")
    usual = count / life_s
    told = (
        f"{start} If it is level and an entry lives {life_s:g} s, {_short(usual)} flows a second "
        f"are usual (count / lifetime). {factor:g} times that adds {_short((factor - 1) * usual)} "
        f"a second and would level off at {factor * count:,.0f}."
    )
    if factor * count <= limit or count == 0:
        return BurstLeft(None, f"{told} It holds.", warnings)
    return BurstLeft(room / ((factor - 1) * usual), told, warnings)


def _short(number: float) -> str:
    return f"{number:,.0f}" if number >= 10 else f"{number:.2g}"


def _warnings(reading: NodeReading) -> tuple[str, ...]:
    told = []
    drop, clashed = (reading.counters.get(name, 0) for name in ("drop", "insert_failed"))
    if drop and not clashed:
        told.append(f"drop={drop:,}: new flows were refused by a full table")
    elif drop > clashed:
        told.append(
            f"drop={drop:,}, less the {clashed:,} of insert_failed, which drop counts too: "
            f"{drop - clashed:,} new flows were refused by a full table"
        )
    meaning = {
        "early_drop": "unassured entries were thrown out to make room",
        "insert_failed": "entries clashed when they were confirmed: a race, or SNAT out of ports",
        "chaintoolong": "hash chains grew too long: too few buckets for the entries",
    }
    for name, words in meaning.items():
        if reading.counters.get(name):
            told.append(f"{name}={reading.counters[name]:,}: {words}")
    if reading.full_lines:
        told.append(f"the kernel's log speaks of a full table, {reading.full_lines:,} times")
    if reading.listed and reading.counts == (reading.listed,):
        told.append("the count is the number of entries listed: a list cut short counts too few")
    buckets = reading.settings.get("nf_conntrack_buckets")
    limit = reading.settings.get("nf_conntrack_max", 0)
    if buckets and limit > 4 * buckets:
        told.append(
            f"{limit:,} entries over {buckets:,} buckets: chains of {2 * limit / buckets:.0f}"
        )
    return tuple(told)
