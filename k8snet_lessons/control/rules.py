"""iptables rules as data: what a packet is compared with, and what then happens to it.

One model serves both ways in: rules that are programmed from a cluster, and rules that
are read from an ``iptables-save`` dump. Every part is a named tuple, because a large node
holds half a million rules and because equal rules must compare equal.

Addresses stay text (``"10.0.0.1"``, ``"10.0.0.0/8"``): a host address is written without
its ``/32`` or ``/128``, save where kube-proxy itself writes it. Whoever evaluates rules turns
them into numbers once and keeps the result.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from fractions import Fraction
from typing import Any, Literal, NamedTuple, TypeAlias

Side: TypeAlias = Literal["src", "dst"]

# xt_statistic keeps a probability as a whole number of 2**-31.
_STATISTIC_QUANTUM = Fraction(1, 2**31)


class Address(NamedTuple):
    """``-s`` or ``-d``: the packet's own address, as it is when the rule is met."""

    side: Side
    cidr: str
    negated: bool = False


class Protocol(NamedTuple):
    """``-p``: ``tcp``, ``udp``, ``sctp``, ``icmp``, or a number as text."""

    name: str
    negated: bool = False


class Interface(NamedTuple):
    """``-i`` or ``-o``; a trailing ``+`` in the name stands for any ending."""

    side: Literal["in", "out"]
    name: str
    negated: bool = False


class Ports(NamedTuple):
    """``--sport`` or ``--dport``: a range with both ends included.

    ``module`` is the extension that holds the match (``tcp``, ``udp``, ``sctp``).
    """

    side: Side
    low: int
    high: int
    module: str = "tcp"
    negated: bool = False


class MultiPort(NamedTuple):
    """``-m multiport``: any of several ranges; ``either`` looks at both ports."""

    side: Literal["src", "dst", "either"]
    ranges: tuple[tuple[int, int], ...]
    negated: bool = False


class Comment(NamedTuple):
    """``-m comment``: always matches."""

    text: str


class Mark(NamedTuple):
    """``-m mark`` (or ``-m connmark``): ``mark & mask == value``."""

    value: int
    mask: int = 0xFFFFFFFF
    negated: bool = False
    connection: bool = False


class ConnState(NamedTuple):
    """``-m conntrack --ctstate`` (or ``-m state --state``): any of the states listed."""

    states: tuple[str, ...]
    negated: bool = False
    module: str = "conntrack"


class AddrType(NamedTuple):
    """``-m addrtype``: ``LOCAL`` means an address of this node, loopback included."""

    side: Side
    kind: str
    negated: bool = False
    limit_interface: Literal["", "in", "out"] = ""


class Statistic(NamedTuple):
    """``-m statistic``: a throw of the dice, or every nth packet.

    ``probability`` is exact: kube-proxy's 1/n, not its ten decimals.
    """

    probability: Fraction | None = None
    every: int = 0
    packet: int = 0
    negated: bool = False


class Recent(NamedTuple):
    """``-m recent``: a list of source addresses kept by the kernel, here for affinity."""

    action: Literal["set", "rcheck", "update", "remove"]
    name: str = "DEFAULT"
    seconds: int = 0
    hitcount: int = 0
    reap: bool = False
    side: Side = "src"
    mask: str = ""
    negated: bool = False


class Accounting(NamedTuple):
    """``-m nfacct``: always matches, and counts."""

    name: str


class SetMatch(NamedTuple):
    """``-m set --match-set``: membership of an ipset; ``flags`` such as ``("dst", "dst")``."""

    name: str
    flags: tuple[str, ...]
    negated: bool = False


class OtherMatch(NamedTuple):
    """A match that this model does not know, kept as it was written."""

    module: str
    words: tuple[str, ...]


Match: TypeAlias = (
    Address
    | Protocol
    | Interface
    | Ports
    | MultiPort
    | Comment
    | Mark
    | ConnState
    | AddrType
    | Statistic
    | Recent
    | Accounting
    | SetMatch
    | OtherMatch
)


class Jump(NamedTuple):
    """``-j CHAIN``, or ``-g CHAIN`` with ``goto``: no return to the rule after."""

    chain: str
    goto: bool = False


class Verdict(NamedTuple):
    """``ACCEPT``, ``DROP`` or ``RETURN``."""

    name: Literal["ACCEPT", "DROP", "RETURN"]


class Reject(NamedTuple):
    """``REJECT``; empty ``kind`` is the default, ICMP port unreachable."""

    kind: str = ""


class Dnat(NamedTuple):
    """``DNAT --to-destination``; ``to`` is ``IP``, ``IP:port`` or ``[IPv6]:port``."""

    to: str
    flags: tuple[str, ...] = ()


class Snat(NamedTuple):
    """``SNAT --to-source``."""

    to: str
    flags: tuple[str, ...] = ()


class Masquerade(NamedTuple):
    """``MASQUERADE``: SNAT to the address of the interface the packet leaves by."""

    random_fully: bool = False
    to_ports: str = ""


class SetMark(NamedTuple):
    """``MARK`` (or ``CONNMARK``) ``--set-xmark``: ``mark = (mark & ~mask) ^ value``.

    ``--or-mark X`` is ``SetMark(X, X)``; ``--xor-mark X`` is ``SetMark(X, 0)``.
    """

    value: int
    mask: int = 0xFFFFFFFF
    connection: bool = False


class OtherTarget(NamedTuple):
    """A target that this model does not know, kept as it was written."""

    name: str
    words: tuple[str, ...] = ()


Target: TypeAlias = Jump | Verdict | Reject | Dnat | Snat | Masquerade | SetMark | OtherTarget


class Rule(NamedTuple):
    """One rule: all matches must hold; ``target`` is None where a rule only counts."""

    matches: tuple[Match, ...]
    target: Target | None
    line: int = 0
    counters: tuple[int, int] | None = None


class Chain(NamedTuple):
    """A chain; only a built-in chain has a policy (``ACCEPT`` or ``DROP``)."""

    name: str
    rules: tuple[Rule, ...] = ()
    policy: str | None = None
    line: int = 0
    counters: tuple[int, int] = (0, 0)


@dataclass(frozen=True, slots=True)
class Table:
    """One table (``nat``, ``filter``, ``mangle``, ``raw``, ``security``)."""

    name: str
    chains: Mapping[str, Chain]

    def __iter__(self) -> Iterator[Chain]:
        return iter(self.chains.values())

    @property
    def rule_count(self) -> int:
        """Rules in all chains of the table."""
        return sum(len(chain.rules) for chain in self.chains.values())


@dataclass(frozen=True, slots=True)
class IptablesRuleset:
    """All tables of one address family on one node.

    Attributes
    ----------
    tables : mapping of str to Table
    family : {4, 6}
    local_addresses : frozenset of str
        Addresses the node itself holds, for ``addrtype``; empty where a dump does not
        say. Loopback need not be listed.
    pod_cidrs : tuple of str
        Where this node's idea of "a pod" ends, for views that need it.
    notes : tuple of str
        What was carried through without being understood.
    """

    tables: Mapping[str, Table]
    family: Literal[4, 6] = 4
    local_addresses: frozenset[str] = frozenset()
    pod_cidrs: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()
    mode: Literal["iptables"] = field(default="iptables", init=False)
    # Room for indexes that a trace builds on first use; no part of what the ruleset is.
    memo: dict[Any, Any] = field(default_factory=dict, init=False, repr=False, compare=False)

    @property
    def rule_count(self) -> int:
        """Rules in all tables."""
        return sum(table.rule_count for table in self.tables.values())

    def to_text(self, form: Literal["restore", "save", "proxy"] = "restore") -> str:
        """Write the rules as ``iptables-restore`` input, or as ``iptables-save`` shows them.

        Parameters
        ----------
        form : {"restore", "save", "proxy"}
            ``restore``: all there is, in kube-proxy's order of arguments; loads into an empty
            network namespace. ``save``: what ``iptables-save`` prints back, with its own order
            of arguments, marks as ``--set-xmark`` and probabilities rounded to 2**-31.
            ``proxy``: only what kube-proxy itself pipes into ``iptables-restore --noflush``;
            it makes the jumps from the built-in chains with separate commands.

        Returns
        -------
        str
        """
        from k8snet_lessons.control.iptables_text import render

        return render(self, form)


def exact_probability(text: str) -> Fraction:
    """Read a ``--probability`` value as the number its writer meant.

    kube-proxy means 1/n but writes ten decimals, and the kernel gives back the nearest
    multiple of 2**-31. A value within one such step of 1/n, or of another fraction of at
    most three digits, is read as that; any other is taken as it stands.

    Parameters
    ----------
    text : str
        Such as ``"0.3333333333"`` or ``"0.33333333349"``.

    Returns
    -------
    Fraction

    Raises
    ------
    ValueError
        If the text is no decimal number from 0 to 1.

    Examples
    --------
    >>> exact_probability("0.33333333349")
    Fraction(1, 3)
    >>> exact_probability("0.30000000028")
    Fraction(3, 10)
    """
    # Fraction() also takes "1/3" and "1e400000000": neither belongs in a dump.
    if len(text) > 32 or not text.replace(".", "", 1).isdecimal() or not text.isascii():
        raise ValueError(f"{text!r} is no probability")
    value = Fraction(text)
    if not 0 <= value <= 1:
        raise ValueError(f"{text!r} is no probability from 0 to 1")
    if value == 0:
        return value
    for meant in (Fraction(1, round(1 / value)), value.limit_denominator(999)):
        if abs(value - meant) <= _STATISTIC_QUANTUM:
            return meant
    return value
