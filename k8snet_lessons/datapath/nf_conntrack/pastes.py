"""The tools' own words: text as a node prints it, and readers for such text."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field

from k8snet_lessons.datapath.nf_conntrack.occupancy import Occupancy
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
class NodeReading:
    """What a paste says.

    Attributes
    ----------
    settings : dict
        Values of sysctls, by name without ``net.netfilter.``; the last one counts.
    counts : tuple of int
        Every value of ``nf_conntrack_count``, in order.
    counters : dict
        ``conntrack -S``, summed over CPUs.
    full_lines : int
        Lines of the kernel's log that speak of a full table.
    unread : tuple of str
        Lines that were not understood.
    """

    settings: dict[str, int] = field(default_factory=dict)
    counts: tuple[int, ...] = ()
    counters: dict[str, int] = field(default_factory=dict)
    full_lines: int = 0
    unread: tuple[str, ...] = ()


_SETTING = re.compile(
    r"^(?:.*/)?(?:net[./](?:netfilter|ipv4/netfilter|nf)[./])?(nf_conntrack_\w+)\s*[:=\s]\s*(\d+)\s*$"
)
_OLD_MAX = re.compile(r"^net\.nf_conntrack_max\s*=\s*(\d+)\s*$")


def read_node(paste: str) -> NodeReading:
    """Read what a learner pasted from their node, in any order and mixture.

    Understood are ``grep . /proc/sys/net/netfilter/nf_conntrack_*``, ``sysctl -a``,
    ``conntrack -S``, ``conntrack -C`` (a bare number) and the kernel's log.
    """
    if not isinstance(paste, str):
        raise InputError("paste", paste, "text")
    settings: dict[str, int] = {}
    counts: list[int] = []
    counters: dict[str, int] = {}
    unread: list[str] = []
    full = 0
    for raw in paste.splitlines():
        line = raw.strip()
        setting, old = _SETTING.match(line), _OLD_MAX.match(line)
        pairs = re.findall(r"\b([a-z_]+)=(\d+)", line)
        if not line or line.startswith(("$", "#")):
            continue
        if setting:
            settings[setting[1]] = int(setting[2])
            if setting[1] == "nf_conntrack_count":
                counts.append(int(setting[2]))
        elif old:
            settings["nf_conntrack_max"] = int(old[1])
        elif "table full" in line:
            full += 1
        elif line.startswith("cpu=") and pairs:
            for name, value in pairs:
                if name != "cpu":
                    counters[name] = counters.get(name, 0) + int(value)
        elif line.isdigit():
            counts.append(int(line))
        else:
            unread.append(line)
    return NodeReading(settings, tuple(counts), counters, full, tuple(unread))


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

    With several counts in the paste, taken `every_s` apart, the table is taken to go on
    growing as it did. With one, it is taken to be level, and a burst of `factor` times the
    usual traffic to begin now: by Little's law the usual rate is the count over the mean
    lifetime of an entry.

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
    for name, value in (("factor - 1", factor - 1), ("every_s", every_s)):
        if not value > 0:
            raise InputError(name, value, "a number above zero")
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
        if growth <= 0:
            return BurstLeft(None, f"{told} It does not fill.", warnings)
        return BurstLeft(room / growth, f"{told} At that pace it is full.", warnings)
    name = "nf_conntrack_tcp_timeout_time_wait"
    if life_s is None:
        life_s = float(reading.settings.get(name, BY_SYSCTL[name].node_s))
    if not life_s > 0:
        raise InputError("life_s", life_s, "seconds above zero")
    usual = count / life_s
    told = (
        f"{start} If it is level and an entry lives {life_s:g} s, {usual:,.0f} flows a second "
        f"are usual (count / lifetime). {factor:g} times that adds {(factor - 1) * usual:,.0f} "
        f"a second and would level off at {factor * count:,.0f}."
    )
    if factor * count <= limit or count == 0:
        return BurstLeft(None, f"{told} It holds.", warnings)
    return BurstLeft(room / ((factor - 1) * usual), told, warnings)


def _warnings(reading: NodeReading) -> tuple[str, ...]:
    told = []
    meaning = {
        "drop": "new flows were refused by a full table",
        "early_drop": "unassured entries were thrown out to make room",
        "insert_failed": "entries clashed when they were confirmed: a race, or SNAT out of ports",
        "chaintoolong": "hash chains grew too long: too few buckets for the entries",
    }
    for name, words in meaning.items():
        if reading.counters.get(name):
            told.append(f"{name}={reading.counters[name]:,}: {words}")
    if reading.full_lines:
        told.append(f"the kernel's log speaks of a full table in {reading.full_lines} lines")
    buckets = reading.settings.get("nf_conntrack_buckets")
    limit = reading.settings.get("nf_conntrack_max", 0)
    if buckets and limit > 4 * buckets:
        told.append(
            f"{limit:,} entries over {buckets:,} buckets: chains of {2 * limit / buckets:.0f}"
        )
    return tuple(told)
