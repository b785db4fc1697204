"""A look: a command, and what its output must show to count as evidence."""

import re
from collections.abc import Callable
from dataclasses import dataclass

from k8snet_lessons.datapath.nf_conntrack import read_node

_NAMESPACE = re.compile(r" (-n|--namespace)[ =]\S+")


@dataclass(frozen=True)
class Look:
    """One step of the shortest path.

    Parameters
    ----------
    command : str
        As typed.
    tool : str
        Words that a command must hold to be this kind of look.
    shows : callable
        From the output to whether it is there.
    because : str
        What it tells, for the debrief.
    decides : bool
        Whether no other fault of the room shows it.
    whole : bool
        Whether it speaks by what is missing, so that an output cut by a pipe says nothing.
    in_yaml : callable, optional
        What shows the same in the object's YAML, for those who ask ``get -o yaml``.
    also : tuple of (str, callable)
        Other tools that show the same, and what their output must hold.
    """

    command: str
    tool: str
    shows: Callable[[str], bool]
    because: str
    decides: bool = True
    whole: bool = False
    in_yaml: Callable[[str], bool] | None = None
    also: tuple[tuple[str, Callable[[str], bool]], ...] = ()

    def seen_in(self, line: str, text: str) -> bool:
        """Whether a command and its output are this look, whatever pod or node was chosen."""
        words = _NAMESPACE.sub("", " ".join(line.split()))
        if words.startswith("k "):
            words = f"kubectl{words[1:]}"
        if any(tool in words and shows(text) for tool, shows in self.also):
            return True
        if self.whole and "|" in line:
            return False
        if self.in_yaml is not None and words.startswith("kubectl get") and "yaml" in words:
            return self.in_yaml(text)
        return self.tool in words and self.shows(text)


def found(pattern: str) -> Callable[[str], bool]:
    """Whether a regular expression is found, line by line."""
    compiled = re.compile(pattern, re.MULTILINE)
    return lambda text: compiled.search(text) is not None


def counter(name: str) -> Callable[[str], bool]:
    """Whether a counter of ``conntrack -S`` is well above zero."""
    return lambda text: read_node(text).counters.get(name, 0) > 1_000


def refused_by_limit(text: str) -> bool:
    """Whether ``conntrack -S`` counts many drops beyond those of clashing tuples."""
    counters = read_node(text).counters
    return counters.get("drop", 0) - counters.get("insert_failed", 0) > 1_000


def idle(app: str) -> Callable[[str], bool]:
    """Whether the board of pods shows an application's pod without any request."""
    return found(rf"^{app}-\S+ +node-\d+ +0 ")


def crossing(least: float) -> Callable[[str], bool]:
    """Whether at least this percentage of requests crosses zones now."""

    def shows(text: str) -> bool:
        shares = re.findall(r"crossing zones: ([\d.]+)%", text)
        return bool(shares) and float(shares[0]) >= least

    return shows


def per_lookup(least: float, most: float) -> Callable[[str], bool]:
    """Whether the board of names shows so many questions a lookup, and a busy CoreDNS."""

    def shows(text: str) -> bool:
        asked = re.search(r"questions per lookup +([\d.]+)", text)
        busy = re.search(r"CoreDNS busy +(\d+)%", text)
        if asked is None or busy is None:
            return False
        return least <= float(asked[1]) <= most and int(busy[1]) >= 95

    return shows


def cpu_limit_below(most_m: int) -> Callable[[str], bool]:
    """Whether a pod, described or in YAML, has a lower CPU limit than this, in thousandths."""

    def shows(text: str) -> bool:
        limit = re.search(r"[Ll]imits:\n +cpu: +(\d+)m", text)
        return limit is not None and int(limit[1]) < most_m

    return shows


def both(*each: Callable[[str], bool]) -> Callable[[str], bool]:
    """Whether all of these are shown."""
    return lambda text: all(one(text) for one in each)


def absent(pattern: str) -> Callable[[str], bool]:
    """Whether a regular expression is nowhere found."""
    shows = found(pattern)
    return lambda text: not shows(text)


def suffers(hop: str) -> Callable[[str], bool]:
    """Whether the overview shows a hop that fails, or takes many times what it usually does."""

    def shows(text: str) -> bool:
        row = re.search(rf"^{hop} +([\d.]+)% +\S+ +(\S+) +\S+ +(\S+)$", text, re.MULTILINE)
        if row is None:
            return False
        late = _seconds(row[2]) > 5 * _seconds(row[3])
        return float(row[1]) > 1 or late

    return shows


def _seconds(text: str) -> float:
    if text == "-":
        return 0.0
    return float(text[:-2]) / 1000 if text.endswith("ms") else float(text[:-1])
