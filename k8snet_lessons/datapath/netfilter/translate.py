"""Address translation: what DNAT, SNAT, MASQUERADE, REDIRECT and NETMAP make of a packet."""

from fractions import Fraction
from ipaddress import ip_address, ip_network
from typing import NamedTuple

from k8snet_lessons.control import rules as r
from k8snet_lessons.datapath.netfilter._fields import split_translation
from k8snet_lessons.datapath.netfilter.node import Node
from k8snet_lessons.datapath.packet import WITH_PORTS, Packet

_ALL_LISTED = 256


class Translation(NamedTuple):
    """One way the packet may look afterwards.

    Attributes
    ----------
    packet : Packet
    share : Fraction
        How often, where the kernel picks one address of a range.
    kind : str
        The target's name.
    note : str
        What the rules leave open.
    source : bool
        Whether the source was rewritten, and not the destination.
    """

    packet: Packet
    share: Fraction
    kind: str
    note: str = ""
    source: bool = False


def translations(target: r.Target, packet: Packet, node: Node, hook: str) -> list[Translation]:
    """All ways in which a packet may leave a translating target."""
    if isinstance(target, r.Dnat):
        return _to(target.to, packet, "DNAT", False)
    if isinstance(target, r.Snat):
        loose = bool({"random", "random-fully"} & set(target.flags))
        return [_loosened(t) if loose else t for t in _to(target.to, packet, "SNAT", True)]
    if isinstance(target, r.Masquerade):
        return [_masquerade(packet, node, target.random_fully or bool(target.to_ports))]
    assert isinstance(target, r.OtherTarget)
    options = dict(zip(target.words, (*target.words[1:], ""), strict=True))
    if target.name == "MASQUERADE":
        return [_masquerade(packet, node, True)]
    if target.name == "REDIRECT":
        return [_redirect(options.get("--to-ports", ""), packet, node, hook)]
    return [_netmap(options.get("--to", ""), packet, hook)]


def _to(to: str, packet: Packet, kind: str, source: bool) -> list[Translation]:
    addresses, ports = split_translation(to)
    port, note = _port(ports, packet, source)
    here = packet.src if source else packet.dst
    first, dash, last = addresses.partition("-")
    low = int(ip_address(first)) if first else None
    count = int(ip_address(last)) - low + 1 if dash and low is not None else 1
    if not 1 <= count <= _ALL_LISTED:
        count, note = 1, f"an address from {addresses}"
    made = []
    for step in range(count):
        address = here if low is None else str(type(ip_address(first))(low + step))
        after = (
            packet.with_source(address, port) if source else packet.with_destination(address, port)
        )
        made.append(Translation(after, Fraction(1, count), kind, note, source))
    return made


def _port(ports: str, packet: Packet, source: bool) -> tuple[int | None, str]:
    if not ports or packet.protocol not in WITH_PORTS:
        return None, ""
    span = ports.partition("/")[0]
    low, dash, high = span.partition("-")
    mine = packet.sport if source else packet.dport
    if dash and low != high:
        if mine is not None and int(low) <= mine <= int(high):
            return mine, f"a port from {span}"
        return int(low) or None, f"a port from {span}"
    return int(low) or None, ""


def _masquerade(packet: Packet, node: Node, loose: bool) -> Translation:
    address = node.source_for(packet)
    note = "" if address else "the outgoing interface's address is not known"
    after = packet.with_source(address) if address else packet
    made = Translation(after, Fraction(1), "MASQUERADE", note, True)
    return _loosened(made) if loose else made


def _loosened(made: Translation) -> Translation:
    """Say that the kernel picks another source port; the packet shows the one it had."""
    if made.packet.sport is None or made.note:
        return made
    return made._replace(note="the source port is picked at random, shown unchanged")


def _redirect(ports: str, packet: Packet, node: Node, hook: str) -> Translation:
    port, note = _port(ports, packet, False)
    six = ":" in packet.dst
    if hook == "OUTPUT":
        address: str | None = "::1" if six else "127.0.0.1"
    else:
        own = sorted(a for a in node.addresses if (":" in a) == six)
        address = own[0] if own else None
    if address is None:
        address = packet.dst
        note = note or "the incoming interface's address is not known"
    return Translation(packet.with_destination(address, port), Fraction(1), "REDIRECT", note)


def _netmap(to: str, packet: Packet, hook: str) -> Translation:
    """One to one: the network part is replaced, the host part kept."""
    source = hook in ("POSTROUTING", "INPUT")
    here = packet.src if source else packet.dst
    try:
        net = ip_network(to, strict=False)
        host = int(ip_address(here)) & int(net.hostmask)
        address = str(type(ip_address(here))(int(net.network_address) | host))
    except ValueError:
        return Translation(packet, Fraction(1), "NETMAP", f"{to!r} is no network", source)
    after = packet.with_source(address) if source else packet.with_destination(address, None)
    return Translation(after, Fraction(1), "NETMAP", "", source)
