"""A reader for what a node prints of its table: settings, counts, counters, entries, log.

A paste is whatever a hurried person copied: several commands, their prompts, old and new
versions of the tools, in any order. What is not understood is set aside and named.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass, field

from k8snet_lessons.errors import InputError


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
        Lines of the kernel's log that speak of a full table, with the repeats that a
        system log has folded into one.
    unread : tuple of str
        Lines that were not understood.
    listed : int
        Entries listed one by one.
    """

    settings: dict[str, int] = field(default_factory=dict)
    counts: tuple[int, ...] = ()
    counters: dict[str, int] = field(default_factory=dict)
    full_lines: int = 0
    unread: tuple[str, ...] = ()
    listed: int = 0


# A sysctl by its path or its dotted name, and its value behind a colon, an equals sign or a
# space. Kernels before 2.6.20 say ip_ for nf_.
_SETTING = re.compile(
    r"(?:\S*/)?(?:net[./](?:(?:netfilter|ipv4/netfilter|ipv4\.netfilter|ipv4|nf)[./])?)?"
    r"(?:nf|ip)_(conntrack_\w+)\s*[:=\s]\s*(\d+)"
)
# kube-proxy's log: "Set sysctl" entry="net/netfilter/nf_conntrack_max" value=131072
_KUBE_PROXY = re.compile(r'entry="?net/netfilter/(nf_conntrack_\w+)"? value=(\d+)')
# At the module's start, up to Linux 5.14: "nf_conntrack version 0.5.0 (65536 buckets, 262144 max)"
_AT_START = re.compile(r"[in][pf]_conntrack version \S+ \((\d+) buckets, (\d+) max\)")
_REPEATED = re.compile(r"message repeated (\d+) times")
# One entry, as ``conntrack -L`` and ``/proc/net/nf_conntrack`` list it.
_ENTRY = re.compile(r"(?:ipv[46]\s+\d+\s+)?(\w+)\s+\d+\s+(?:\d+\s+)?.*\bsrc=\S+ dst=\S+")
_SHOWN = re.compile(r"conntrack v\S+ \(conntrack-tools\): (\d+) flow entries have been shown")
# node_exporter, as Prometheus scrapes it.
_EXPORTED = re.compile(r"node_nf_conntrack_(\w+?)(?:\{[^}]*\})?\s+([0-9.]+(?:[eE][+-]?\d+)?)")
_STATISTICS_NAMES = frozenset(
    {
        "entries",
        "searched",
        "clashres",
        "found",
        "new",
        "invalid",
        "ignore",
        "delete",
        "delete_list",
        "chainlength",
        "insert",
        "insert_failed",
        "drop",
        "early_drop",
        "error",
        "icmp_error",
        "expect_new",
        "expect_create",
        "expect_delete",
        "search_restart",
        "clash_resolve",
        "chaintoolong",
    }
)
_RENAMED = {"clashres": "clash_resolve", "icmp_error": "error", "chainlength": "chaintoolong"}
_PROMPT = re.compile(r"(?:\[?[\w.-]+@[^$#>]*|[\w./~-]*\s?)[$#>]\s*(.*)")
_COMMAND = re.compile(
    r"(?:sudo\s+)?(?:conntrack\s+-|(?:cat|sysctl|grep|head|dmesg|watch|journalctl)\s)"
)


class _Reader:
    """A paste while it is being read."""

    def __init__(self) -> None:
        self.settings: dict[str, int] = {}
        self.at_start: dict[str, int] = {}
        self.counts: list[int] = []
        self.counters: dict[str, int] = {}
        self.unread: list[str] = []
        self.full = 0
        self.listed = 0
        self.columns: list[str] = []  # of /proc/net/stat/nf_conntrack
        self.asked: list[str] = []  # what bare numbers are still to follow

    def setting(self, name: str, value: int) -> None:
        self.settings[name] = value
        if name == "nf_conntrack_count":
            self.counts.append(value)

    def count_up(self, name: str, value: int) -> None:
        name = _RENAMED.get(name, name)
        self.counters[name] = self.counters.get(name, 0) + value

    def command(self, line: str) -> bool:
        """Whether the line is a command; what it asks for names the bare numbers below."""
        prompt = _PROMPT.match(line)
        typed = prompt[1] if prompt else line
        if _COMMAND.match(typed + " "):
            self.asked = list(_named(typed))
            return True
        return prompt is not None

    def read(self, line: str) -> bool:
        """Take one line in; False if it says nothing known."""
        if match := _SETTING.fullmatch(line):
            self.setting("nf_" + match[1], int(match[2]))
            self.asked = []  # it names itself
        elif match := _KUBE_PROXY.search(line):
            self.setting(match[1], int(match[2]))
        elif match := _AT_START.search(line):
            self.at_start = {"buckets": int(match[1]), "max": int(match[2])}
        elif "conntrack: table full" in line or "table full, dropping packet" in line:
            repeated = _REPEATED.search(line)
            self.full += int(repeated[1]) if repeated else 1
        elif "callbacks suppressed" in line:
            pass  # by the rate limit of all network messages, of which this is one
        elif match := _SHOWN.search(line):
            self.counts.append(int(match[1]))
        elif line.startswith("cpu="):
            for name, value in re.findall(r"\b([a-z_]+)=(\d+)", line):
                if name != "cpu":
                    self.count_up(name, int(value))
        elif match := _EXPORTED.fullmatch(line):
            self.exported(match[1], int(float(match[2])))
        elif _ENTRY.match(line):
            self.listed += 1
        elif line.isdecimal():
            self.setting(self.asked.pop(0) if self.asked else "nf_conntrack_count", int(line))
        else:
            return self.statistics(line.split())
        return True

    def exported(self, name: str, value: int) -> None:
        if name == "entries":
            self.setting("nf_conntrack_count", value)
        elif name == "entries_limit":
            self.setting("nf_conntrack_max", value)
        elif name.startswith("stat_"):
            self.count_up(name.removeprefix("stat_"), value)

    def statistics(self, words: list[str]) -> bool:
        """Counters in the older forms: a table with a head line, or a name and a number."""
        if len(words) > 2 and _STATISTICS_NAMES.issuperset(words):
            self.columns = words
            return True
        if len(words) == 2 and words[0] in _STATISTICS_NAMES and words[1].isdecimal():
            if words[0] == "entries":
                self.counts.append(int(words[1]))
            else:
                self.count_up(words[0], int(words[1]))
            return True
        if not self.columns or len(words) != len(self.columns):
            return False
        if not all(re.fullmatch(r"[0-9a-f]{8}", word) for word in words):
            return False
        for name, word in zip(self.columns, words, strict=True):
            if name != "entries":  # the whole table's, repeated on the line of every CPU
                self.count_up(name, int(word, 16))
            elif "of_the_table" not in self.at_start:
                self.at_start["of_the_table"] = int(word, 16)
        return True


def _named(typed: str) -> Iterator[str]:
    """The sysctls that a command line names, in order, braces spelled out."""
    if re.search(r"conntrack\s+(-C|--count)\b", typed):
        yield "nf_conntrack_count"
    for names in re.findall(r"\b[in][pf]_conntrack_(\w+|\{[\w,]+\})", typed):
        for name in names.strip("{}").split(","):
            yield f"nf_conntrack_{name}"


def read_node(paste: str) -> NodeReading:
    """Read what a learner pasted from their node, in any order and mixture.

    Understood are ``grep . /proc/sys/net/netfilter/nf_conntrack_*``, ``sysctl -a``, bare
    numbers below a ``cat`` or ``sysctl -n`` that names what they are (else they are counts),
    ``conntrack -S`` of old and new releases, ``/proc/net/stat/nf_conntrack``,
    ``conntrack -C`` and ``-L``, node_exporter's metrics, kube-proxy's log and the kernel's.
    """
    if not isinstance(paste, str):
        raise InputError("paste", paste, "text")
    reader = _Reader()
    for raw in paste.removeprefix("\ufeff").splitlines():
        line = raw.strip()
        if line and not reader.command(line) and not reader.read(line):
            reader.unread.append(line)
    settings, at_start = reader.settings, reader.at_start
    for name in ("buckets", "max"):  # what the module started with counts if nothing newer does
        if name in at_start:
            settings.setdefault(f"nf_conntrack_{name}", at_start[name])
    if not reader.counts:
        reader.counts += [at_start["of_the_table"]] if "of_the_table" in at_start else []
        reader.counts += [reader.listed] if reader.listed and not reader.counts else []
    return NodeReading(
        settings,
        tuple(reader.counts),
        reader.counters,
        reader.full,
        tuple(reader.unread),
        reader.listed,
    )
