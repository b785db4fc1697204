"""Addresses and ports handed out the same way every time.

A name is hashed to a place in the range and takes the next free one from there. So an object
keeps its address when others come and go, which a counter would not give.
"""

from collections.abc import Iterable
from hashlib import sha256
from ipaddress import IPv4Network, IPv6Network, ip_address, ip_network
from itertools import chain
from typing import Literal, TypeAlias

from k8snet_lessons.cluster._syntax import parse_address, parse_network
from k8snet_lessons.errors import InputError

Network: TypeAlias = IPv4Network | IPv6Network
Family: TypeAlias = Literal[4, 6]

NODE_PORTS = range(30000, 32768)
# The allocator of the API server keeps the lower 86 ports for people who ask for a number,
# and falls back on them when no other is left.
_DYNAMIC_NODE_PORTS = range(30086, 32768)

DEFAULT_POD_CIDR: dict[int, str] = {4: "10.244.0.0/16", 6: "fd00:10:244::/56"}
DEFAULT_SERVICE_CIDR: dict[int, str] = {4: "10.96.0.0/12", 6: "fd00:10:96::/112"}
# Taken where the default cannot hold a block for every node.
LARGE_POD_CIDR: dict[int, str] = {4: "10.128.0.0/9", 6: "fd00:10:244::/48"}
NODE_SUBNET: dict[int, str] = {4: "192.168.0.0/16", 6: "fd00:192:168::/64"}


def stable_number(key: str) -> int:
    """Hash a name to a number that is the same on every run and machine."""
    return int.from_bytes(sha256(key.encode()).digest()[:8], "big")


class AddressPool:
    """The free addresses of one block; its first two and last stay unused."""

    def __init__(self, network: Network, used: Iterable[str] = ()) -> None:
        self.network = network
        self._first = int(network.network_address)
        self._size = network.num_addresses
        self._taken: set[int] = set()
        for text in used:
            self.reserve(text)

    def reserve(self, text: str) -> None:
        """Mark an address as used; one outside the block is ignored."""
        address = parse_address(text)
        if address is not None and address.version == self.network.version:
            self._taken.add(int(address) - self._first)

    def take(self, key: str) -> str:
        """Hand out an address for a name; InputError if the block is full."""
        usable = self._size - 3
        start = stable_number(key) % usable if usable > 0 else 0
        for step in range(min(usable, len(self._taken) + 1)):
            offset = 2 + (start + step) % usable
            if offset not in self._taken:
                self._taken.add(offset)
                return str(ip_address(self._first + offset))
        raise InputError("addresses", key, f"fewer objects: block {self.network} is full")


class NodePortPool:
    """The free node ports of the default range."""

    def __init__(self, used: Iterable[int]) -> None:
        self._taken = set(used)

    def take(self, key: str) -> int:
        """Hand out a node port for a name; InputError if none is left."""
        size = len(_DYNAMIC_NODE_PORTS)
        start = stable_number(key) % size
        dynamic = (_DYNAMIC_NODE_PORTS[(start + step) % size] for step in range(size))
        for port in chain(dynamic, NODE_PORTS):
            if port not in self._taken:
                self._taken.add(port)
                return port
        raise InputError("nodePort", key, f"fewer node ports: all {len(NODE_PORTS)} are taken")


def version(text: str) -> Family:
    """Tell an address's family by its looks."""
    return 6 if ":" in text else 4


def span(texts: Iterable[str]) -> list[Network]:
    """Find the lowest and highest address of each family, as blocks of one."""
    parsed = [address for text in texts if (address := parse_address(text)) is not None]
    ends: list[Network] = []
    four = [int(address) for address in parsed if address.version == 4]
    six = [int(address) for address in parsed if address.version == 6]
    if four:
        ends += [IPv4Network((min(four), 32)), IPv4Network((max(four), 32))]
    if six:
        ends += [IPv6Network((min(six), 128)), IPv6Network((max(six), 128))]
    return ends


def enclosing_block(default: Network, given: Iterable[Network]) -> Network | None:
    """Find the block that holds all given ones.

    Parameters
    ----------
    default : network
        Taken as it is if it holds everything given.
    given : iterable of network

    Returns
    -------
    network or None
        A /16 (IPv6: /56) or wider; None if it would have to be wider than /8 (/32).
    """
    blocks = [block for block in given if block.version == default.version]
    if all(_inside(block, default) for block in blocks):
        return default
    low = min(int(block.network_address) for block in blocks)
    high = max(int(block.broadcast_address) for block in blocks)
    bits = default.max_prefixlen
    prefix = min(bits - (low ^ high).bit_length(), 16 if bits == 32 else 56)
    if prefix < (8 if bits == 32 else 32):
        return None
    return ip_network((low, prefix), strict=False)


def _inside(inner: Network, outer: Network) -> bool:
    return inner.network_address in outer and inner.prefixlen >= outer.prefixlen


def by_family(cidrs: Iterable[str], field: str) -> dict[Family, Network]:
    """Read at most one block for each address family; InputError otherwise."""
    found: dict[Family, Network] = {}
    for text in cidrs:
        network = parse_network(text)
        if network is None:
            raise InputError(field, text, "a CIDR block such as 10.244.0.0/16")
        if network.version in found:
            raise InputError(field, text, f"one IPv{network.version} block")
        found[network.version] = network
    return found
