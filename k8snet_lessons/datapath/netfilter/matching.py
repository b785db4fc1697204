"""Whether one clause of a rule holds for a packet: yes, no, by chance, or cannot be told."""

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field
from fractions import Fraction
from functools import lru_cache
from ipaddress import ip_network
from typing import Any, NamedTuple

from k8snet_lessons.control import rules as r
from k8snet_lessons.datapath.conntrack import Entry
from k8snet_lessons.datapath.netfilter.node import Node
from k8snet_lessons.datapath.packet import Packet, family, number, protocol_number
from k8snet_lessons.datapath.recent import RecentLists


class Untold(NamedTuple):
    """The answer "cannot be told", with what would have to be known."""

    why: str


Answer = bool | Fraction | Untold


@dataclass(frozen=True, slots=True)
class View:
    """What a rule can see: the packet as it is now, its connection, and the hook.

    Attributes
    ----------
    packet : Packet
    node : Node
    states : frozenset of str
        The connection's state and, where NAT applies, ``DNAT`` and ``SNAT``.
    entry : Entry or None
        The connection's entry; None for a packet that is not tracked.
    connection_mark : int
    hook : str
    came_in, goes_out : str or None
        Interfaces. An empty string means that there is none at this hook; None that it
        is not known.
    recent : RecentLists
    now_s : float
    sets : mapping of str to collection of str
        Contents of ipsets, where they were given.
    """

    packet: Packet
    node: Node
    states: frozenset[str]
    entry: Entry | None = None
    connection_mark: int = 0
    hook: str = ""
    came_in: str | None = None
    goes_out: str | None = None
    recent: RecentLists = field(default_factory=RecentLists)
    now_s: float = 0.0
    sets: Mapping[str, Collection[str]] = field(default_factory=dict)


def decide(match: r.Match, view: View) -> Answer:
    """Whether a clause holds.

    ``Recent`` is not among them, as asking it changes it.

    Returns
    -------
    bool, Fraction or Untold
        A Fraction is the probability that it holds.
    """
    return _DECIDERS[type(match)](match, view)


@lru_cache(maxsize=65536)
def bounds(cidr: str) -> tuple[int, int, int]:
    """First address, last address and family of a network or a single address."""
    if "/" in cidr:
        net = ip_network(cidr)
        return int(net.network_address), int(net.broadcast_address), net.version
    value = number(cidr)
    return value, value, family(cidr)


def inside(address: str, cidr: str) -> bool:
    """Whether an address lies in a network."""
    first, last, version = bounds(cidr)
    return family(address) == version and first <= number(address) <= last


def _address(match: r.Address, view: View) -> Answer:
    address = view.packet.src if match.side == "src" else view.packet.dst
    return inside(address, match.cidr) != match.negated


def _protocol(match: r.Protocol, view: View) -> Answer:
    mine, theirs = view.packet.protocol, match.name
    same = mine == theirs or (
        (code := protocol_number(theirs)) is not None and code == protocol_number(mine)
    )
    return same != match.negated


def _interface(match: r.Interface, view: View) -> Answer:
    name = view.came_in if match.side == "in" else view.goes_out
    if match.name == "+":
        return not match.negated
    if name is None:
        if match.name == "lo":
            # What the node does not send to itself never crosses loopback.
            return match.negated
        side = "incoming" if match.side == "in" else "outgoing"
        return Untold(f"the {side} interface is not given")
    if match.name.endswith("+"):
        return name.startswith(match.name[:-1]) != match.negated
    return (name == match.name) != match.negated


def _ports(match: r.Ports, view: View) -> Answer:
    packet = view.packet
    if packet.protocol != match.module:
        return False
    port = packet.sport if match.side == "src" else packet.dport
    if (match.low, match.high) == (0, 65535):
        return not match.negated
    if port is None:
        return Untold("the packet has no source port given")
    return (match.low <= port <= match.high) != match.negated


def _multiport(match: r.MultiPort, view: View) -> Answer:
    packet = view.packet
    if packet.dport is None:
        return False
    wanted = {
        "src": (packet.sport,),
        "dst": (packet.dport,),
        "either": (packet.sport, packet.dport),
    }[match.side]
    if any(p is not None and low <= p <= high for p in wanted for low, high in match.ranges):
        return not match.negated
    if None in wanted:
        return Untold("the packet has no source port given")
    return match.negated


def _comment(match: r.Comment, view: View) -> Answer:
    return True


def _mark(match: r.Mark, view: View) -> Answer:
    mark = view.connection_mark if match.connection else view.packet.mark
    return ((mark & match.mask) == match.value) != match.negated


def _state(match: r.ConnState, view: View) -> Answer:
    return any(state in view.states for state in match.states) != match.negated


def _address_type(match: r.AddrType, view: View) -> Answer:
    address = view.packet.src if match.side == "src" else view.packet.dst
    kinds = match.kind.split(",")
    holds = any(_is_kind(kind, address, match.side, view) for kind in kinds)
    return holds != match.negated


def _is_kind(kind: str, address: str, side: r.Side, view: View) -> bool:
    local = view.node.is_local(address, side)
    if kind == "LOCAL":
        return local
    if kind == "BROADCAST":
        return address == "255.255.255.255"
    multicast = inside(address, "ff00::/8" if ":" in address else "224.0.0.0/4")
    if kind == "MULTICAST":
        return multicast
    if kind == "UNICAST":
        return not local and not multicast and address != "255.255.255.255"
    if kind == "UNSPEC":
        return number(address) == 0
    return False


def _statistic(match: r.Statistic, view: View) -> Answer:
    # Which packet of `every` comes next is not known from outside: the long-run share.
    chance = Fraction(1, match.every) if match.probability is None else match.probability
    chance = 1 - chance if match.negated else chance
    return chance if 0 < chance < 1 else bool(chance)


def _accounting(match: r.Accounting, view: View) -> Answer:
    return True


def _set(match: r.SetMatch, view: View) -> Answer:
    members = view.sets.get(match.name)
    if members is None:
        return Untold(f"the content of ipset {match.name} is not in the dump")
    held = any(_is_member(member, match.flags, view.packet) for member in members)
    return held != match.negated


def _is_member(member: str, flags: tuple[str, ...], packet: Packet) -> bool:
    """Compare ``10.0.0.0/8``, ``10.0.0.1,80`` or ``10.0.0.1,udp:53`` with a packet.

    What is no address in a member is a port; the flag of its place says which.
    """
    fields = member.split(",")
    if len(fields) != len(flags):
        return False
    for want, flag in zip(fields, flags, strict=True):
        protocol, colon, port = want.rpartition(":")
        if port.isdecimal() and (not colon or protocol.isalpha()):
            mine = packet.sport if flag == "src" else packet.dport
            if packet.protocol != (protocol or "tcp") or mine != int(port):
                return False
        elif not inside(packet.src if flag == "src" else packet.dst, _network(want)):
            return False
    return True


@lru_cache(maxsize=65536)
def _network(member: str) -> str:
    net = ip_network(member, strict=False)
    return str(net.network_address) if net.prefixlen == net.max_prefixlen else str(net)


def _other(match: r.OtherMatch, view: View) -> Answer:
    from k8snet_lessons.datapath.netfilter.extensions import EXTENSIONS

    known = EXTENSIONS.get(match.module)
    if known is None:
        return Untold(f"match {match.module} is not known here")
    try:
        return known(match.words, view)
    except ValueError:
        return Untold(f"match {match.module} {' '.join(match.words)} cannot be read")


_DECIDERS: dict[type, Callable[[Any, View], Answer]] = {
    r.Address: _address,
    r.Protocol: _protocol,
    r.Interface: _interface,
    r.Ports: _ports,
    r.MultiPort: _multiport,
    r.Comment: _comment,
    r.Mark: _mark,
    r.ConnState: _state,
    r.AddrType: _address_type,
    r.Statistic: _statistic,
    r.Accounting: _accounting,
    r.SetMatch: _set,
    r.OtherMatch: _other,
}
