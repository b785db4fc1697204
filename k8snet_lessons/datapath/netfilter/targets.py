"""Targets kept as words: what those do that a trace knows, and a doubt for the others."""

from typing import NamedTuple

from k8snet_lessons.control.rules import OtherTarget
from k8snet_lessons.datapath.netfilter.known import CONTINUING_TARGETS

# Targets that hand the packet to somebody whose answer the rules do not tell.
_HANDED_OVER = {
    "NFQUEUE": "a program decides; taken as accepted",
    "QUEUE": "a program decides; taken as accepted",
    "TPROXY": "a local proxy takes the packet, if one listens",
    "SYNPROXY": "the kernel answers the handshake itself",
}
_HELD_BACK = frozenset({"TARPIT", "DELUDE", "CHAOS", "MIRROR"})


class Effect(NamedTuple):
    """What a target does.

    Attributes
    ----------
    text : str
        In words.
    mark, connection_mark : int
        As they are afterwards.
    untracks : bool
        Whether conntrack leaves the packet alone from here on.
    ends : str
        Verdict for this table, or empty where the next rule is tried.
    translates : bool
        Whether it rewrites addresses.
    doubt : str
        What is not known of it, or empty.
    """

    text: str
    mark: int
    connection_mark: int
    untracks: bool = False
    ends: str = ""
    translates: bool = False
    doubt: str = ""


def effect_of(target: OtherTarget, mark: int, connection_mark: int) -> Effect:
    """What a target without a class of its own does to a packet."""
    name, words = target
    same = Effect(f"{name}, and goes on", mark, connection_mark)
    if name in ("REDIRECT", "NETMAP", "MASQUERADE"):
        return same._replace(translates=True)
    if name == "NOTRACK" or (name == "CT" and "--notrack" in words):
        return same._replace(text="leaves conntrack aside", untracks=True)
    if name == "CONNMARK":
        return _connection_mark(words, same)
    if name in _HANDED_OVER:
        return same._replace(text=name, ends="accept", doubt=_HANDED_OVER[name])
    if name in _HELD_BACK:
        return same._replace(text=name, ends="drop", doubt="taken as dropped")
    if name in CONTINUING_TARGETS:
        return same
    return same._replace(
        text=f"{name} is not known here, taken to change nothing",
        doubt="target not known here, taken to change nothing",
    )


def _connection_mark(words: tuple[str, ...], same: Effect) -> Effect:
    """``--save-mark`` and ``--restore-mark``, with ``--nfmask``, ``--ctmask`` or ``--mask``."""
    options = dict(zip(words, (*words[1:], ""), strict=True))
    try:
        both = int(options.get("--mask", "0xffffffff"), 0)
        packet_mask = int(options.get("--nfmask", str(both)), 0)
        entry_mask = int(options.get("--ctmask", str(both)), 0)
    except ValueError:
        return same._replace(doubt="its masks cannot be read")
    if "--save-mark" in options:
        new = (same.connection_mark & ~entry_mask) ^ (same.mark & packet_mask)
        return same._replace(
            text=f"saves the mark to the connection: {new:#x}", connection_mark=new & 0xFFFFFFFF
        )
    if "--restore-mark" in options:
        new = (same.mark & ~packet_mask) ^ (same.connection_mark & entry_mask)
        return same._replace(text=f"takes the connection's mark: {new:#x}", mark=new & 0xFFFFFFFF)
    return same._replace(doubt="its options are not known here")
