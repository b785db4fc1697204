"""Numbers and addresses of a dump, checked as they are read."""

from ipaddress import IPv4Network, IPv6Network, ip_network
from socket import AF_INET, AF_INET6, inet_ntop, inet_pton
from typing import Any, Literal

from k8snet_lessons.errors import InputError


class DumpError(InputError):
    """A dump that cannot be read: what is wrong, what is allowed, and on which line."""


class Fields:
    """Checks values, and learns from the addresses whether the dump is IPv4 or IPv6."""

    def __init__(self) -> None:
        self.where = ""
        self.family: Literal[4, 6] | None = None
        self._networks: dict[str, str | None] = {}
        self._addresses: dict[str, str] = {}
        self._ports: dict[str, tuple[int, int]] = {}

    @property
    def everything(self) -> str:
        """The network that holds all addresses of the dump's family."""
        return "::/0" if self.family == 6 else "0.0.0.0/0"

    def fail(self, field: str, value: Any, allowed: str) -> DumpError:
        """An error about the line being read."""
        return DumpError(field, value, allowed, self.where)

    def saw_family(self, family: Literal[4, 6], value: str, where: str) -> None:
        """Note the family; a dump has one."""
        if self.family is None:
            self.family = family
        elif self.family != family:
            raise DumpError("address", value, f"IPv{self.family}, as in the lines before", where)

    def number(self, field: str, text: str, low: int, high: int) -> int:
        """A whole number, decimal or with 0x."""
        try:
            if not text or not text.isascii() or len(text) > 24 or not text[0].isdigit():
                raise ValueError(text)
            value = int(text, 16) if text[:2] in ("0x", "0X") else int(text.replace("_", "x"))
        except ValueError:
            raise self.fail(field, text, f"a whole number from {low} to {high}") from None
        if not low <= value <= high:
            raise self.fail(field, text, f"a whole number from {low} to {high}")
        return value

    def masked(self, field: str, text: str) -> tuple[int, int]:
        """``value[/mask]``, 32 bits each."""
        value, slash, mask = text.partition("/")
        number = self.number(field, value, 0, 0xFFFFFFFF)
        return number, self.number(f"{field} mask", mask, 0, 0xFFFFFFFF) if slash else 0xFFFFFFFF

    def ports(self, field: str, text: str) -> tuple[int, int]:
        """``80``, ``80:90``, ``:90`` or ``80:``."""
        known = self._ports.get(text)
        if known is not None:
            return known
        low, colon, high = text.partition(":")
        first = self.number(field, low, 0, 65535) if low or not colon else 0
        last = first
        if colon:
            last = self.number(field, high, 0, 65535) if high else 65535
        if first > last:
            raise self.fail(field, text, "a range that does not run backwards")
        self._ports[text] = (first, last)
        return first, last

    def address(self, field: str, text: str) -> str:
        """One address, in its canonical form."""
        known = self._addresses.get(text)
        if known is not None:
            return known
        try:
            if ":" in text:
                made, family = inet_ntop(AF_INET6, inet_pton(AF_INET6, text)), 6
            else:
                made, family = inet_ntop(AF_INET, inet_pton(AF_INET, text)), 4
        except (OSError, ValueError):
            raise self.fail(field, text, "an IP address") from None
        self.saw_family(6 if family == 6 else 4, text, self.where)
        self._addresses[text] = made
        return made

    def network(self, text: str) -> str | None:
        """``-s`` or ``-d``: an address, a network, or None for everything."""
        if text in self._networks:
            return self._networks[text]
        address, slash, prefix = text.partition("/")
        full = "128" if ":" in text else "32"
        result: str | None
        if not slash or prefix == full:
            result = self.address("address", address)
        else:
            try:
                # The kernel drops the bits behind the mask, and so does strict=False.
                made: IPv4Network | IPv6Network = ip_network(text, strict=False)
            except ValueError:
                raise self.fail("address", text, "an IP address or a network a.b.c.d/n") from None
            self.saw_family(made.version, text, self.where)
            result = str(made) if made.prefixlen else None
            if made.prefixlen == made.max_prefixlen:
                result = str(made.network_address)
        self._networks[text] = result
        return result

    def translation(self, field: str, text: str) -> str:
        """What DNAT and SNAT take: ``[ADDRESS[-ADDRESS]][:PORT[-PORT[/BASE]]]``."""
        addresses, port = split_translation(text)
        if addresses:
            for address in addresses.split("-"):
                self.address(field, address)
            if addresses.count("-") > 1:
                raise self.fail(field, text, "one address or one range")
        elif not port:
            raise self.fail(field, text, "an address, a port, or both")
        if port:
            self.port_range(field, port)
        return text

    def port_range(self, field: str, text: str) -> tuple[int, int]:
        """``80`` or ``80-90``, with an optional base port behind a slash."""
        span, slash, base = text.partition("/")
        if slash:
            self.number(field, base, 0, 65535)
        low, dash, high = span.partition("-")
        first = self.number(field, low, 0, 65535)
        last = self.number(field, high, 0, 65535) if dash else first
        if first > last:
            raise self.fail(field, text, "a range that does not run backwards")
        return first, last


def split_translation(text: str) -> tuple[str, str]:
    """The addresses and the ports of a ``--to-destination``, either of them maybe empty.

    Examples
    --------
    >>> split_translation("[fd00::1]:80")
    ('fd00::1', '80')
    >>> split_translation("10.0.0.1-10.0.0.9:8000-8080")
    ('10.0.0.1-10.0.0.9', '8000-8080')
    """
    if text.startswith("["):
        addresses, _, rest = text[1:].partition("]")
        return addresses.replace("[", "").replace("]", ""), rest.removeprefix(":")
    if text.count(":") > 1:
        return text, ""
    addresses, _, port = text.partition(":")
    return addresses, port
