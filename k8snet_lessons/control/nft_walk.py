"""A first packet's way through kube-proxy's nftables table."""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from fractions import Fraction
from ipaddress import ip_address, ip_network
from typing import TYPE_CHECKING, Literal

from k8snet_lessons.control.decision import Decision, Flow
from k8snet_lessons.control.nft_rules import (
    Compare,
    CtStateNew,
    CtStatusDnat,
    DnatTo,
    Element,
    FibLocal,
    Layer4,
    MarkHas,
    MarkSet,
    Member,
    Part,
    RandomDnat,
    RandomGoto,
    Remember,
    Simple,
    To,
    VerdictMap,
)

if TYPE_CHECKING:
    from k8snet_lessons.control.nftables import NftablesRuleset

_FROM_OUTSIDE = ("filter-prerouting-pre-dnat", "nat-prerouting")
_FROM_HOST = ("filter-output-pre-dnat", "nat-output", "filter-output")


@dataclass(frozen=True, slots=True)
class _Packet:
    """A packet on its way, and how likely it is to be this one."""

    source: str
    destination: str
    port: int
    protocol: str
    affinity: str
    probability: Fraction = Fraction(1)
    mark: int = 0
    translated: bool = False
    masqueraded: bool = False
    verdict: Literal["", "accept", "reject", "drop"] = ""
    steps: tuple[str, ...] = ()

    def key(self, fields: tuple[str, ...]) -> tuple[str, ...]:
        values = {
            "saddr": self.source,
            "daddr": self.destination,
            "proto": self.protocol,
            "dport": str(self.port),
        }
        return tuple(values[name] for name in fields)

    def seen(self, step: str) -> "_Packet":
        return replace(self, steps=(*self.steps, step))


def walk(ruleset: "NftablesRuleset", flow: Flow) -> Decision:
    """Walk a flow's first packet through the hooks; see `NftablesRuleset.lookup`."""
    start = _Packet(flow.source, flow.destination, flow.port, flow.protocol, flow.affinity)
    walker = _Walker(ruleset)
    packets = [start]
    for hook in _FROM_HOST if flow.origin == "host" else _FROM_OUTSIDE:
        packets = walker.pass_all(hook, packets)
    if flow.origin != "host":
        packets = walker.pass_all("filter-input", packets, local=True)
        packets = walker.pass_all("filter-forward", packets, local=False)
        # What comes in for a process of the node itself never leaves by postrouting.
        packets = walker.pass_all("nat-postrouting", packets, local=False)
    else:
        packets = walker.pass_all("nat-postrouting", packets)
        # What the node sends to itself comes back in over the loopback interface. The nat
        # chains have had their say by then.
        packets = walker.pass_all("filter-prerouting-pre-dnat", packets, local=True)
        packets = walker.pass_all("filter-input", packets, local=True)
    return _decide(packets)


def _decide(packets: list[_Packet]) -> Decision:
    backends: dict[str, Fraction] = {}
    masqueraded = set()
    verdict: Literal["accept", "reject", "drop"] = "accept"
    for packet in packets:
        if packet.verdict in ("reject", "drop"):
            verdict = "reject" if packet.verdict == "reject" else "drop"
            continue
        if packet.translated:
            ip = f"[{packet.destination}]" if ":" in packet.destination else packet.destination
            name = f"{ip}:{packet.port}"
            backends[name] = backends.get(name, Fraction(0)) + packet.probability
            if packet.masqueraded:
                masqueraded.add(name)
    longest = max((packet.steps for packet in packets), key=len, default=())
    return Decision(verdict, backends, frozenset(masqueraded), longest)


class _Walker:
    def __init__(self, ruleset: "NftablesRuleset") -> None:
        self.ruleset = ruleset

    def is_local(self, address: str) -> bool:
        return address in self.ruleset.local_addresses or ip_address(address).is_loopback

    def pass_all(
        self, name: str, packets: list[_Packet], local: bool | None = None
    ) -> list[_Packet]:
        """Send packets through a base chain.

        A packet with a final verdict stays where it is; with ``local`` given, so does one
        whose destination is (or is not) this node.
        """
        passed: list[_Packet] = []
        for packet in packets:
            final = packet.verdict in ("reject", "drop")
            if final or (local is not None and self.is_local(packet.destination) != local):
                passed.append(packet)
            else:
                start = replace(packet, verdict="")
                passed += [after for after, _returned in self._chain(name, start)]
        return passed

    def _chain(self, name: str, packet: _Packet) -> Iterator[tuple[_Packet, bool]]:
        """Run a chain: packets with a verdict, and packets that come back from it (True)."""
        alive = [packet]
        for rule in self.ruleset.chains[name].rules:
            still: list[_Packet] = []
            for one in alive:
                for after, goes_on in self._rule(rule.parts, one):
                    if goes_on:
                        still.append(after)
                    else:
                        yield after, bool(not after.verdict)
            alive = still
        for one in alive:
            yield one, True

    def _rule(self, parts: tuple[Part, ...], packet: _Packet) -> Iterator[tuple[_Packet, bool]]:
        """Run one rule; True means that the packet goes on to the next."""
        for part in parts:
            if isinstance(part, MarkSet):
                mark = (
                    packet.mark | part.value
                    if part.operator == "or"
                    else (packet.mark ^ part.value)
                )
                packet = replace(packet, mark=mark)
            elif isinstance(part, Remember):
                packet = packet.seen(f"remember the client in {part.set_name}")
            elif isinstance(part, Simple):
                yield self._end(part, packet), False
                return
            elif isinstance(part, To):
                yield from self._to(part, packet)
                return
            elif isinstance(part, VerdictMap):
                yield from self._map(part, packet)
                return
            elif isinstance(part, RandomGoto):
                share = packet.probability / len(part.chains)
                for chain in part.chains:
                    yield from self._to(To("goto", chain), replace(packet, probability=share))
                return
            elif isinstance(part, RandomDnat):
                share = packet.probability / len(part.targets)
                for ip, port in part.targets:
                    after = replace(
                        packet.seen(f"one of {len(part.targets)}, {ip} port {port}"),
                        destination=ip,
                        port=port,
                        probability=share,
                        translated=True,
                        verdict="accept",
                    )
                    yield after, False
                return
            elif isinstance(part, DnatTo):
                ip, _, port_text = part.address.rpartition(":")
                after = replace(
                    packet,
                    destination=ip.strip("[]"),
                    port=int(port_text),
                    translated=True,
                    verdict="accept",
                )
                yield after, False
                return
            elif not self._holds(part, packet):
                yield packet, True
                return
        yield packet, True

    def _end(self, part: Simple, packet: _Packet) -> _Packet:
        if part.word == "masquerade fully-random":
            return replace(packet, masqueraded=True, verdict="accept")
        if part.word == "reject":
            return replace(packet.seen("reject"), verdict="reject")
        if part.word == "drop":
            return replace(packet.seen("drop"), verdict="drop")
        return packet

    def _to(self, part: To, packet: _Packet) -> Iterator[tuple[_Packet, bool]]:
        for after, returned in self._chain(part.chain, packet.seen(f"{part.verb} {part.chain}")):
            # A chain reached by goto does not come back: what falls off its end has been
            # through this chain.
            yield after, returned and part.verb == "jump"

    def _map(self, part: VerdictMap, packet: _Packet) -> Iterator[tuple[_Packet, bool]]:
        key = packet.key(part.fields)
        element: Element | None = self.ruleset.sets[part.map_name].elements.get(key)
        packet = packet.seen(f"{' . '.join(key)} in {part.map_name}: {'yes' if element else 'no'}")
        if element is None or element.verdict is None:
            yield packet, True
        elif isinstance(element.verdict, To):
            yield from self._to(element.verdict, packet)
        else:
            yield self._end(element.verdict, packet), False

    def _holds(self, part: Part, packet: _Packet) -> bool:
        if isinstance(part, CtStateNew):
            return True
        if isinstance(part, CtStatusDnat):
            return packet.translated
        if isinstance(part, Layer4):
            return packet.protocol == part.protocol
        if isinstance(part, MarkHas):
            return bool(packet.mark & part.mask)
        if isinstance(part, FibLocal):
            return self.is_local(packet.source if part.field == "saddr" else packet.destination)
        if isinstance(part, Member):
            if part.set_name.startswith("affinity-"):
                return bool(packet.affinity) and self._remembers(part.set_name, packet)
            return packet.key(part.fields) in self.ruleset.sets[part.set_name].elements
        if isinstance(part, Compare):
            text = packet.source if part.field == "saddr" else packet.destination
            address = ip_address(text)
            inside = any(address in ip_network(block, strict=False) for block in part.blocks)
            return inside != part.negated
        raise TypeError(f"{part} is a statement, not a comparison")

    def _remembers(self, set_name: str, packet: _Packet) -> bool:
        chain = self.ruleset.chains["endpoint-" + set_name.removeprefix("affinity-")]
        return any(DnatTo(packet.affinity) in rule.parts for rule in chain.rules)
