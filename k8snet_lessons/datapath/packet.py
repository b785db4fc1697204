"""The first packet of a connection, as far as address translation looks at it."""

import re
from dataclasses import dataclass, replace
from functools import lru_cache
from ipaddress import AddressValueError, IPv4Address, IPv6Address, ip_address
from typing import Literal, get_args

from k8snet_lessons.errors import InputError

Origin = Literal["pod", "host", "external"]
ORIGINS: tuple[str, ...] = get_args(Origin)

# IANA protocol numbers of the names that iptables-save prints.
PROTOCOL_NUMBERS = {
    "icmp": 1,
    "igmp": 2,
    "ipencap": 4,
    "ipip": 4,
    "tcp": 6,
    "udp": 17,
    "dccp": 33,
    "ipv6": 41,
    "gre": 47,
    "esp": 50,
    "ah": 51,
    "icmpv6": 58,
    "ipv6-icmp": 58,
    "ospf": 89,
    "vrrp": 112,
    "sctp": 132,
    "udplite": 136,
}
WITH_PORTS = frozenset({"tcp", "udp", "sctp", "dccp", "udplite"})

# The source may lack a port; an IPv6 address with a port stands in brackets.
_HALF = r"(?:\[(?P<{0}6>[^\]]*)\](?::(?P<{0}port6>[^/\s]*))?|(?P<{0}>[^\[\]\s/]+?))"
_ARROW = re.compile(
    rf"\s*{_HALF.format('src')}\s*->\s*{_HALF.format('dst')}\s*(?:/\s*(?P<protocol>[\w.-]+))?\s*"
)


@dataclass(frozen=True, slots=True)
class Packet:
    """One packet: the addresses and ports that rules compare.

    Parameters
    ----------
    src, dst : str
        IPv4 or IPv6 addresses of one family, without a prefix length.
    dport : int, optional
        Destination port, 1 to 65535; required for tcp, udp and sctp, absent otherwise.
    protocol : str
        ``"tcp"``, ``"udp"``, ``"sctp"``, ``"icmp"``, ``"icmpv6"``, ...
    sport : int, optional
        Source port. Rules on source ports cannot be decided without it.
    in_interface : str, optional
        Where the packet came in, as ``-i`` names it. Not for packets of the host itself.
    mark : int
        The packet's mark (``fwmark``), 32 bits.

    Raises
    ------
    InputError
        If a field is no address, no port, or the addresses differ in family.

    Examples
    --------
    >>> str(Packet(src="10.0.0.2", dst="172.30.0.41", dport=80))
    '10.0.0.2->172.30.0.41:80/tcp'
    """

    src: str
    dst: str
    dport: int | None = None
    protocol: str = "tcp"
    sport: int | None = None
    in_interface: str | None = None
    mark: int = 0

    def __post_init__(self) -> None:
        object.__setattr__(self, "src", _canonical("src", self.src))
        object.__setattr__(self, "dst", _canonical("dst", self.dst))
        if family(self.src) != family(self.dst):
            raise InputError("dst", self.dst, f"an IPv{family(self.src)} address, as src is one")
        object.__setattr__(self, "protocol", _protocol(self.protocol))
        _check_port("sport", self.sport)
        _check_port("dport", self.dport)
        if self.protocol in WITH_PORTS:
            if self.dport is None:
                raise InputError("dport", None, f"a port from 1 to 65535, as {self.protocol} has")
        elif self.dport is not None or self.sport is not None:
            port = self.dport if self.dport is not None else self.sport
            raise InputError("dport", port, f"nothing: {self.protocol} has no ports")
        name = self.in_interface
        if name is not None and not (
            isinstance(name, str) and 0 < len(name) < 16 and not re.search(r"[\s/]", name)
        ):
            raise InputError("in_interface", name, "an interface name of 1 to 15 characters")
        if isinstance(self.mark, bool) or not isinstance(self.mark, int):
            raise InputError("mark", self.mark, "a whole number of 32 bits")
        if not 0 <= self.mark <= 0xFFFFFFFF:
            raise InputError("mark", self.mark, "a whole number from 0 to 0xffffffff")

    def __str__(self) -> str:
        source = _endpoint(self.src, self.sport)
        return f"{source}->{_endpoint(self.dst, self.dport)}/{self.protocol}"

    @property
    def destination(self) -> str:
        """``"address:port"``, or the address alone where there is no port."""
        return _endpoint(self.dst, self.dport)

    @classmethod
    def parse(cls, text: str) -> "Packet":
        """Read ``SOURCE[:PORT]->DESTINATION[:PORT][/PROTOCOL]``.

        IPv6 addresses with a port stand in brackets; the protocol is tcp if none is given.

        Parameters
        ----------
        text : str
            Such as ``"10.0.0.2->172.30.0.41:80/tcp"`` or ``"[fd00::2]->[fd00::41]:53/udp"``.

        Returns
        -------
        Packet

        Raises
        ------
        InputError
            If the text has another form or a field is out of range.
        """
        found = _ARROW.fullmatch(text) if isinstance(text, str) and len(text) < 256 else None
        if found is None:
            raise InputError("packet", text, "such as 10.0.0.2->172.30.0.41:80/tcp")
        src, sport = _half(found, "src")
        dst, dport = _half(found, "dst")
        return cls(src, dst, dport, protocol=found["protocol"] or "tcp", sport=sport)

    def with_destination(self, address: str, port: int | None) -> "Packet":
        """A copy that goes elsewhere; ``port`` None keeps the port."""
        return replace(self, dst=address, dport=self.dport if port is None else port)

    def with_source(self, address: str, port: int | None = None) -> "Packet":
        """A copy that comes from elsewhere; ``port`` None keeps the port."""
        return replace(self, src=address, sport=self.sport if port is None else port)

    def with_mark(self, mark: int) -> "Packet":
        """A copy with another mark."""
        return replace(self, mark=mark)


def family(address: str) -> Literal[4, 6]:
    """4 or 6, by the look of a canonical address."""
    return 6 if ":" in address else 4


@lru_cache(maxsize=65536)
def number(address: str) -> int:
    """The address as a whole number."""
    return int(ip_address(address))


def protocol_number(name: str) -> int | None:
    """The IANA number of a protocol name or of a number written as text."""
    if name.isascii() and name.isdecimal():
        return int(name)
    return PROTOCOL_NUMBERS.get(name)


def _canonical(field: str, value: object) -> str:
    if not isinstance(value, str):
        raise InputError(field, value, "an IP address as text")
    try:
        made: IPv4Address | IPv6Address = ip_address(value)
    except (ValueError, AddressValueError):
        raise InputError(field, value, "an IPv4 or IPv6 address") from None
    if isinstance(made, IPv6Address) and made.scope_id:
        raise InputError(field, value, "an address without a zone")
    return str(made)


def _protocol(value: object) -> str:
    if not isinstance(value, str):
        raise InputError("protocol", value, "a name such as tcp, udp, sctp or icmp")
    name = value.lower()
    if name == "ipv6-icmp":
        name = "icmpv6"
    if name.isascii() and name.isdecimal() and int(name) <= 255:
        numbers = {v: k for k, v in reversed(PROTOCOL_NUMBERS.items()) if k != "ipv6-icmp"}
        return numbers.get(int(name), str(int(name)))
    if name not in PROTOCOL_NUMBERS:
        raise InputError("protocol", value, "a name such as tcp, udp, sctp or icmp")
    return name


def _check_port(field: str, port: object) -> None:
    if port is None:
        return
    if isinstance(port, bool) or not isinstance(port, int) or not 0 < port < 65536:
        raise InputError(field, port, "a whole number from 1 to 65535")


def _half(found: re.Match[str], side: str) -> tuple[str, int | None]:
    if found[f"{side}6"] is not None:
        return found[f"{side}6"], _port(found[f"{side}port6"])
    text = found[side]
    if text.count(":") == 1:
        address, _, port = text.partition(":")
        return address, _port(port)
    return text, None


def _port(text: str | None) -> int | None:
    if text is None:
        return None
    if not (text.isascii() and text.isdecimal() and len(text) < 6):
        raise InputError("port", text, "a whole number from 1 to 65535")
    return int(text)


def _endpoint(address: str, port: int | None) -> str:
    if port is None:
        return address
    return f"[{address}]:{port}" if ":" in address else f"{address}:{port}"
