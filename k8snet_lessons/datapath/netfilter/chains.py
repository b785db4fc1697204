"""Which rules of a chain can match at all, found without trying each of them.

The kernel tries one rule after the other. A trace has to count them the same way but
need not repeat the work: in a long chain, rules that name one destination address or one
destination port are found through a dictionary.
"""

from bisect import bisect_left
from typing import NamedTuple

from k8snet_lessons.control import rules as r
from k8snet_lessons.datapath.packet import Packet

# Below this length a chain is tried rule by rule.
_WORTH_AN_INDEX = 24


class ChainIndex(NamedTuple):
    """Positions of rules by what they ask of the destination.

    Attributes
    ----------
    by_address : dict of str to list of int
        Rules that name exactly one destination address.
    by_port : dict of (str, int) to list of int
        Of the rest, rules that name one destination port, by protocol and port.
    anyone : list of int
        All others.
    """

    by_address: dict[str, list[int]]
    by_port: dict[tuple[str, int], list[int]]
    anyone: list[int]


def candidates(ruleset: r.IptablesRuleset, table: str, chain: r.Chain, packet: Packet) -> list[int]:
    """Positions of the rules that may match, in order.

    All other rules surely do not match: they name another destination.
    """
    if len(chain.rules) < _WORTH_AN_INDEX:
        return list(range(len(chain.rules)))
    key = ("index", table, chain.name)
    index = ruleset.memo.get(key)
    if index is None:
        index = ruleset.memo[key] = _build(chain)
    found = list(index.anyone)
    extra = list(index.by_address.get(packet.dst, ()))
    if packet.dport is not None:
        extra += index.by_port.get((packet.protocol, packet.dport), ())
    if extra:
        found = sorted(found + extra)
    return found


def _build(chain: r.Chain) -> ChainIndex:
    index = ChainIndex({}, {}, [])
    for position, rule in enumerate(chain.rules):
        address, port = None, None
        for match in rule.matches:
            kind = type(match)
            if kind is r.Address:
                if match.side == "dst" and not match.negated and "/" not in match.cidr:  # type: ignore[union-attr]
                    address = match.cidr  # type: ignore[union-attr]
                    break
            elif (
                kind is r.Ports
                and match.side == "dst"  # type: ignore[union-attr]
                and match.low == match.high  # type: ignore[union-attr]
                and not match.negated  # type: ignore[union-attr]
            ):
                port = (match.module, match.low)  # type: ignore[union-attr]
        if address is not None:
            index.by_address.setdefault(address, []).append(position)
        elif port is not None:
            index.by_port.setdefault(port, []).append(position)
        else:
            index.anyone.append(position)
    return index


def first_at_or_after(positions: list[int], position: int) -> int:
    """Where in a sorted list the first entry not below ``position`` stands."""
    return bisect_left(positions, position)
