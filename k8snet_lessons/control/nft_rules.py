"""nftables rules as data: the expressions that kube-proxy uses, and their text.

A rule is a row of parts, read from left to right: comparisons that must hold, and statements
that act. ``family`` is ``"ip"`` or ``"ip6"``; text is in the form of ``nft -f``.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal, NamedTuple, TypeAlias

Field: TypeAlias = Literal["saddr", "daddr", "proto", "dport"]


class Member(NamedTuple):
    """The fields, joined, are an element of a named set."""

    fields: tuple[Field, ...]
    set_name: str

    def text(self, family: str) -> str:
        return f"{_fields(self.fields, family)} @{self.set_name}"


class Compare(NamedTuple):
    """An address is (or is not) in one of the blocks."""

    field: Literal["saddr", "daddr"]
    blocks: tuple[str, ...]
    negated: bool = False
    braces: bool = False

    def text(self, family: str) -> str:
        sign = "!= " if self.negated else ""
        joined = " , ".join(self.blocks)
        blocks = f"{{ {joined} }}" if self.braces else joined
        return f"{family} {self.field} {sign}{blocks}"


class FibLocal(NamedTuple):
    """An address is one of the node's own."""

    field: Literal["saddr", "daddr"]

    def text(self, _family: str) -> str:
        return f"fib {self.field} type local"


class MarkHas(NamedTuple):
    """A bit of the packet mark is set."""

    mask: int

    def text(self, _family: str) -> str:
        return f"mark and 0x{self.mask:x} != 0"


class CtStateNew(NamedTuple):
    """The packet opens a connection."""

    def text(self, _family: str) -> str:
        return "ct state new"


class CtStatusDnat(NamedTuple):
    """The connection's destination was rewritten."""

    def text(self, _family: str) -> str:
        return "ct status dnat"


class Layer4(NamedTuple):
    """The transport protocol."""

    protocol: str

    def text(self, _family: str) -> str:
        return f"meta l4proto {self.protocol}"


class MarkSet(NamedTuple):
    """Set or flip bits of the packet mark."""

    operator: Literal["or", "xor"]
    value: int

    def text(self, _family: str) -> str:
        return f"mark set mark {self.operator} 0x{self.value:x}"


class Simple(NamedTuple):
    """A statement without arguments."""

    word: Literal["masquerade fully-random", "reject", "drop", "return"]

    def text(self, _family: str) -> str:
        return self.word


class To(NamedTuple):
    """Go on in another chain; ``goto`` does not come back."""

    verb: Literal["jump", "goto"]
    chain: str

    def text(self, _family: str) -> str:
        return f"{self.verb} {self.chain}"


class VerdictMap(NamedTuple):
    """Look the fields up in a named map of verdicts."""

    fields: tuple[Field, ...]
    map_name: str

    def text(self, family: str) -> str:
        return f"{_fields(self.fields, family)} vmap @{self.map_name}"


class RandomGoto(NamedTuple):
    """Go on in one of several chains, all equally likely."""

    chains: tuple[str, ...]

    def text(self, _family: str) -> str:
        entries = " , ".join(f"{n} : goto {chain}" for n, chain in enumerate(self.chains))
        return f"numgen random mod {len(self.chains)} vmap {{ {entries} }}"


class RandomDnat(NamedTuple):
    """Rewrite the destination to one of several, all equally likely."""

    targets: tuple[tuple[str, int], ...]

    def text(self, family: str) -> str:
        entries = " , ".join(f"{n} : {ip} . {port}" for n, (ip, port) in enumerate(self.targets))
        count = len(self.targets)
        return f"dnat {family} addr . port to numgen random mod {count} map {{ {entries} }}"


class DnatTo(NamedTuple):
    """Rewrite the destination; ``address`` is ``ip:port`` or ``[ip]:port``."""

    address: str

    def text(self, _family: str) -> str:
        return f"dnat to {self.address}"


class Remember(NamedTuple):
    """Put the source address into a set, for as long as the set keeps it."""

    set_name: str

    def text(self, family: str) -> str:
        return f"update @{self.set_name} {{ {family} saddr }}"


Part: TypeAlias = (
    Member
    | Compare
    | FibLocal
    | MarkHas
    | CtStateNew
    | CtStatusDnat
    | Layer4
    | MarkSet
    | Simple
    | To
    | VerdictMap
    | RandomGoto
    | RandomDnat
    | DnatTo
    | Remember
)


class NftRule(NamedTuple):
    """One rule."""

    parts: tuple[Part, ...]
    comment: str = ""

    def text(self, family: str) -> str:
        """The rule as it stands behind ``add rule ip kube-proxy CHAIN``."""
        words = " ".join([part.text(family) for part in self.parts])
        return f'{words} comment "{self.comment}"' if self.comment else words


@dataclass(frozen=True, slots=True)
class NftChain:
    """A chain; a base chain has a type, a hook and a priority."""

    name: str
    rules: tuple[NftRule, ...] = ()
    kind: Literal["", "filter", "nat"] = ""
    hook: str = ""
    priority: int = 0
    comment: str = ""


class Element(NamedTuple):
    """An element of a set (no verdict) or of a verdict map."""

    key: tuple[str, ...]
    verdict: Simple | To | None = None
    comment: str = ""

    def text(self) -> str:
        words = " . ".join(self.key)
        if self.comment:
            words += f' comment "{self.comment}"'
        return words if self.verdict is None else f"{words} : {self.verdict.text('')}"


@dataclass(frozen=True, slots=True)
class NftSet:
    """A named set, or a named map of verdicts."""

    name: str
    key_type: str
    elements: Mapping[tuple[str, ...], Element]
    is_map: bool = False
    comment: str = ""
    timeout_s: int = 0

    def declaration(self) -> str:
        """What stands between the braces of ``add set`` or ``add map``."""
        words = f"type {self.key_type}{' : verdict' if self.is_map else ''} ;"
        if self.timeout_s:
            words += f" flags dynamic,timeout ; timeout {self.timeout_s}s ;"
        return words + (f' comment "{self.comment}" ;' if self.comment else "")


def _fields(fields: tuple[Field, ...], family: str) -> str:
    names: dict[Field, Any] = {
        "saddr": f"{family} saddr",
        "daddr": f"{family} daddr",
        "proto": "meta l4proto",
        "dport": "th dport",
    }
    return " . ".join(names[name] for name in fields)
