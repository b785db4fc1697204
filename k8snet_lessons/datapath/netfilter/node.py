"""Which addresses are the node's own: what ``addrtype`` and the routing decision ask."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import NamedTuple

from k8snet_lessons.control import rules as r
from k8snet_lessons.datapath.packet import Origin, Packet


class Hints(NamedTuple):
    """What a dump gives away about addresses.

    Attributes
    ----------
    services : frozenset of str
        Single addresses that stand in a chain beside the jump to the node ports.
    own : frozenset of str
        Destinations of jumps to KUBE-NODEPORTS: addresses on which kube-proxy was told to
        serve node ports.
    node_ports : frozenset of (str, int)
        Protocol and port pairs that rules serve on the node's own addresses.
    """

    services: frozenset[str]
    own: frozenset[str]
    node_ports: frozenset[tuple[str, int]]


@dataclass(slots=True)
class Node:
    """The node's addresses as far as they are known, and what was assumed of others.

    Parameters
    ----------
    addresses : frozenset of str
        Given, or taken from a programmed ruleset; empty if unknown.
    ruleset : IptablesRuleset
        Searched for hints where `addresses` is empty, once.
    first : Packet
        The packet as it came.
    origin : {"pod", "host", "external"}
    """

    addresses: frozenset[str]
    ruleset: r.IptablesRuleset
    first: Packet
    origin: Origin
    assumptions: dict[str, None] = field(default_factory=dict)

    def is_local(self, address: str, side: r.Side) -> bool:
        """Whether the node holds an address.

        Without a list of addresses the dump's own hints decide, by the packet as it came,
        and the decision is noted among the assumptions.
        """
        if address == "::1" or address.startswith("127.") or address in self.addresses:
            return True
        if self.origin == "host" and address == self.first.src:
            return True
        if self.addresses:
            return False
        hints = self._hints()
        if address in hints.own:
            return True
        # A packet that DNAT sent elsewhere went to a pod, which is not the node.
        if side == "src" or address in hints.services or address != self.first.dst:
            return False
        first = self.first
        if (first.protocol, first.dport) in hints.node_ports:
            self.assumptions[
                f"{address} is taken as an address of this node, as port {first.dport} is one of "
                "its node ports; give local_addresses to say otherwise"
            ] = None
            return True
        self.assumptions[
            f"{address} is not taken as an address of this node; give local_addresses to say so"
        ] = None
        return False

    def _hints(self) -> Hints:
        found: Hints | None = self.ruleset.memo.get("hints")
        if found is None:
            found = self.ruleset.memo["hints"] = hints_of(self.ruleset)
        return found

    def source_for(self, packet: Packet) -> str | None:
        """The address that MASQUERADE puts on a packet; None if none is known."""
        if packet.dst == "::1" or packet.dst.startswith("127."):
            return packet.dst
        wanted = ":" in packet.src
        mine = sorted(a for a in self.addresses if (":" in a) == wanted and not _loopback(a))
        if self.origin == "host" and self.first.src in mine:
            return self.first.src
        if mine:
            return mine[0]
        if self.origin == "host" and not _loopback(self.first.src):
            return self.first.src
        return None


def hints_of(ruleset: r.IptablesRuleset) -> Hints:
    """Read what the built-in chains, and the chains next to them, say about addresses.

    Deeper chains are not looked at: a large node has a hundred thousand of them, and
    nobody serves node ports from there.
    """
    services: set[str] = set()
    own: set[str] = set()
    ports: set[tuple[str, int]] = set()
    for table in ruleset.tables.values():
        near = [c for c in table if c.policy is not None]
        near += [table.chains[name] for name in dict.fromkeys(_jumps(near))]
        port_chains = {"KUBE-NODEPORTS"}
        for chain in near:
            # In the filter table, kube-proxy names the Services that have no endpoints.
            served = table.name == "nat" or chain.name == "KUBE-SERVICES"
            for rule in chain.rules:
                target = rule.target.chain if type(rule.target) is r.Jump else ""
                for match in rule.matches:
                    if type(match) is r.AddrType and _asks_local(match):
                        port_chains.add(target)
                        ports.update(_ports(rule))
                    elif type(match) is r.Address and served and _is_single(match):
                        (own if target == "KUBE-NODEPORTS" else services).add(match.cidr)
        for name in port_chains & table.chains.keys():
            for rule in table.chains[name].rules:
                ports.update(_ports(rule))
    return Hints(frozenset(services - own), frozenset(own), frozenset(ports))


def _jumps(chains: list[r.Chain]) -> Iterator[str]:
    for chain in chains:
        for rule in chain.rules:
            if type(rule.target) is r.Jump:
                yield rule.target.chain


def _is_single(match: r.Address) -> bool:
    return match.side == "dst" and not match.negated and "/" not in match.cidr


def _ports(rule: r.Rule) -> Iterator[tuple[str, int]]:
    """Protocol and port pairs that a rule serves; a wide range is a firewall's."""
    protocols = [m.name for m in rule.matches if type(m) is r.Protocol and not m.negated]
    for match in rule.matches:
        if type(match) is r.Ports and match.side == "dst" and match.high - match.low < 64:
            for port in range(match.low, match.high + 1):
                yield match.module, port
        elif type(match) is r.MultiPort and match.side == "dst" and not match.negated:
            for low, high in match.ranges:
                for port in range(low, high + 1 if high - low < 64 else low):
                    yield from ((protocol, port) for protocol in protocols)


def _asks_local(match: r.AddrType) -> bool:
    return match.side == "dst" and "LOCAL" in match.kind and not match.negated


def _loopback(address: str) -> bool:
    return address == "::1" or address.startswith("127.")
