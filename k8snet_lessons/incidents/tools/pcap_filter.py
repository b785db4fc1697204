"""The part of pcap-filter(7) that ``tcpdump`` of the room reads."""

import re
from collections.abc import Callable
from dataclasses import dataclass
from ipaddress import ip_address, ip_network

from k8snet_lessons.incidents.case import ToolError


@dataclass(frozen=True)
class Ends:
    """What a filter looks at.

    Attributes
    ----------
    source, target : str
        ``address.port`` as tcpdump writes it; an address alone for ICMP.
    protocol : {"tcp", "udp", "icmp"}
    flags : str
        TCP flags as tcpdump writes them, such as ``S.``.
    """

    source: str
    target: str
    protocol: str
    flags: str = ""


Test = Callable[[Ends], bool]
_FLAGS = {"tcp-syn": "S", "tcp-ack": ".", "tcp-rst": "R", "tcp-fin": "F", "tcp-push": "P"}
_TCP_FLAGS = re.compile(r"tcp\[(?:tcpflags|13)\]\s*&\s*\(?([a-z|\s-]+?)\)?\s*!=\s*0")
_WORD = re.compile(
    r"\s*(tcp\[[^\]]*\][^()]*\([^)]*\)\s*!=\s*0|tcp\[[^\]]*\][^()]*!=\s*0|[()]|!|[^\s()!]+)"
)


def parted(end: str) -> tuple[str, str]:
    """Address and port of ``10.0.0.1.80``; an address alone has none."""
    if end.count(".") == 3:
        return end, ""
    address, _, port = end.rpartition(".")
    return address, port


def read_filter(text: str) -> Test:
    """Read a filter.

    Parameters
    ----------
    text : str
        ``host``, ``net``, ``port`` with ``src`` or ``dst``; ``tcp``, ``udp``, ``icmp``;
        ``tcp[tcpflags] & (...) != 0``; ``and``, ``or``, ``not`` and brackets.

    Returns
    -------
    callable
        From the ends of a packet to whether it is wanted.

    Raises
    ------
    ToolError
        If it cannot be read.
    """
    words = _WORD.findall(text)
    if not words:
        return lambda ends: True
    reader = _Reader(words)
    test = reader.either()
    if reader.words:
        raise _syntax(reader.words[0])
    return test


def _syntax(word: str) -> ToolError:
    return ToolError(
        f"tcpdump: can't parse filter expression: syntax error at {word!r} (known here: [src|dst] "
        "host ADDRESS, net CIDR, port N, tcp, udp, icmp, tcp[tcpflags] & (tcp-syn) != 0, and, or, not)"
    )


class _Reader:
    """Descends: ``or`` binds as weakly as ``and`` in pcap, from left to right."""

    def __init__(self, words: list[str]) -> None:
        self.words = words

    def either(self) -> Test:
        left = self.one()
        while self.words and self.words[0] in ("and", "or", "&&", "||"):
            both = self.words.pop(0) in ("and", "&&")
            left = _joined(both, left, self.one())
        return left

    def one(self) -> Test:
        if not self.words:
            raise _syntax("the end")
        word = self.words.pop(0)
        if word in ("not", "!"):
            inner = self.one()
            return lambda ends: not inner(ends)
        if word == "(":
            inner = self.either()
            if not self.words or self.words.pop(0) != ")":
                raise _syntax("(")
            return inner
        if found := _TCP_FLAGS.fullmatch(word):
            wanted = [_FLAGS.get(flag.strip(), "") for flag in found[1].split("|")]
            if not all(wanted):
                raise _syntax(word)
            return lambda ends: any(flag in ends.flags for flag in wanted)
        return self.primitive(word)

    def primitive(self, word: str) -> Test:
        if word == "ip":
            return lambda ends: True
        if word in ("tcp", "udp", "icmp"):
            alone = not self.words or self.words[0] not in ("port", "src", "dst", "host")
            rest = None if alone else self.one()
            return lambda ends: ends.protocol == word and (rest is None or rest(ends))
        side = ""
        if word in ("src", "dst"):
            side, word = word, self.words.pop(0) if self.words else "the end"
        if word in ("host", "net", "port") and self.words:
            return _end(side, word, self.words.pop(0))
        if _is_address(word):  # ``src 10.0.0.1`` is short for ``src host 10.0.0.1``
            return _end(side, "host", word)
        raise _syntax(word)


def _is_address(word: str) -> bool:
    try:
        ip_address(word)
    except ValueError:
        return False
    return True


def _joined(both: bool, left: Test, right: Test) -> Test:
    if both:
        return lambda ends: left(ends) and right(ends)
    return lambda ends: left(ends) or right(ends)


_NAMED_PORTS = {"domain": "53", "http": "80", "https": "443"}


def _end(side: str, what: str, value: str) -> Test:
    """A test of source, target or either."""
    if what == "net":
        try:
            network = ip_network(value)
        except ValueError:
            raise _syntax(value) from None
    elif what == "host" and not _is_address(value):
        raise ToolError(f"tcpdump: unknown host '{value}'")
    elif what == "port":
        value = _NAMED_PORTS.get(value, value)
        if not value.isdecimal():
            raise _syntax(value)

    def fits(end: str) -> bool:
        address, port = parted(end)
        if what == "port":
            return port == value
        return ip_address(address) in network if what == "net" else address == value

    def test(ends: Ends) -> bool:
        sides = {"src": (ends.source,), "dst": (ends.target,)}.get(side, (ends.source, ends.target))
        return any(fits(end) for end in sides)

    return test
