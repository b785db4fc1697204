"""The connection table: why only the first packet of a flow meets the nat table."""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Literal, NamedTuple

from k8snet_lessons.datapath.packet import Packet
from k8snet_lessons.errors import InputError

Direction = Literal["original", "reply"]


class Tuple(NamedTuple):
    """One direction of a connection, by the five values that name it."""

    protocol: str
    src: str
    sport: int | None
    dst: str
    dport: int | None

    @classmethod
    def of(cls, packet: Packet) -> "Tuple":
        """The five values of a packet."""
        return cls(packet.protocol, packet.src, packet.sport, packet.dst, packet.dport)

    def inverse(self) -> "Tuple":
        """The other direction, if nothing is translated."""
        return Tuple(self.protocol, self.dst, self.dport, self.src, self.sport)

    def __str__(self) -> str:
        ports = "" if self.sport is None else f" sport={self.sport}"
        ports += "" if self.dport is None else f" dport={self.dport}"
        return f"src={self.src} dst={self.dst}{ports}"


@dataclass(frozen=True, slots=True)
class Entry:
    """A tracked connection: what the client sent, and what its answer will look like.

    Attributes
    ----------
    original : Tuple
        The first packet as it came, before any translation.
    reply : Tuple
        The answer as the far side sends it: from where the packet was sent in the end,
        to where it seemed to come from.
    replied : bool
        Whether an answer has been seen. Until then the connection is ``NEW``.
    mark : int
        The connection's own mark (connmark).
    """

    original: Tuple
    reply: Tuple
    replied: bool = False
    mark: int = 0

    @property
    def destination_translated(self) -> bool:
        """Whether DNAT rewrote where the packet goes."""
        return (self.original.dst, self.original.dport) != (self.reply.src, self.reply.sport)

    @property
    def source_translated(self) -> bool:
        """Whether SNAT or MASQUERADE rewrote where the packet comes from."""
        return (self.original.src, self.original.sport) != (self.reply.dst, self.reply.dport)

    def reply_packet(self) -> Packet:
        """The first answer, as the far side sends it.

        Raises
        ------
        InputError
            If the first packet had no source port, which is where the answer goes.
        """
        reply = self.reply
        if reply.sport is not None and reply.dport is None:
            raise InputError("sport", None, "a source port on the first packet, to be answered")
        return Packet(reply.src, reply.dst, reply.dport, protocol=reply.protocol, sport=reply.sport)

    def __str__(self) -> str:
        unreplied = "" if self.replied else " [UNREPLIED]"
        return f"{self.original.protocol} {self.original}{unreplied} {self.reply}"


class Conntrack:
    """The connections a node knows; a new table comes of each change.

    Parameters
    ----------
    entries : iterable of Entry

    Examples
    --------
    >>> table = Conntrack()
    >>> len(table)
    0
    """

    __slots__ = ("_by_tuple", "_entries")

    def __init__(self, entries: tuple[Entry, ...] = ()) -> None:
        self._entries = {entry.original: entry for entry in entries}
        self._by_tuple: dict[Tuple, tuple[Entry, Direction]] = {}
        for entry in self._entries.values():
            self._by_tuple[entry.reply] = (entry, "reply")
        for entry in self._entries.values():
            self._by_tuple[entry.original] = (entry, "original")

    def __len__(self) -> int:
        return len(self._entries)

    def __iter__(self) -> Iterator[Entry]:
        return iter(self._entries.values())

    def find(self, packet: Packet) -> tuple[Entry, Direction] | None:
        """The entry a packet belongs to, and which way it travels; None for a new flow."""
        return self._by_tuple.get(Tuple.of(packet))

    def find_entry(self, original: Tuple) -> Entry | None:
        """The entry of a connection by its first packet."""
        return self._entries.get(original)

    def with_entry(self, entry: Entry) -> "Conntrack":
        """A table that holds the entry, in place of any of the same first packet."""
        return Conntrack(tuple({**self._entries, entry.original: entry}.values()))

    def without(self, entry: Entry) -> "Conntrack":
        """A table from which the entry has timed out or been deleted."""
        return Conntrack(tuple(e for e in self._entries.values() if e.original != entry.original))


def seen_reply(entry: Entry) -> Entry:
    """The entry after an answer came."""
    return replace(entry, replied=True)
