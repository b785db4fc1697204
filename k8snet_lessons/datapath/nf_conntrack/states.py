"""What the kernel believes of a flow, as a table of transitions.

The tracker sits in the middle and sees packets, not sockets. TCP's table follows
``tcp_conntracks`` in ``net/netfilter/nf_conntrack_proto_tcp.c`` for the packets that a well
behaved connection sends; what the kernel ignores or calls invalid leaves the state alone
and is not listed. UDP follows ``nf_conntrack_proto_udp.c``.
"""

from collections.abc import Iterable
from dataclasses import dataclass

from k8snet_lessons.errors import InputError

NONE = "NONE"
DELETED = "deleted"


@dataclass(frozen=True)
class Transition:
    """One step: in `state`, a packet in `direction` with `flags` leads to `to`."""

    state: str
    direction: str
    flags: str
    to: str


def _rows(text: str) -> tuple[Transition, ...]:
    return tuple(Transition(*line.split()) for line in text.strip().splitlines())


TCP = _rows("""
NONE        original SYN     SYN_SENT
NONE        original ACK     ESTABLISHED
SYN_SENT    original SYN     SYN_SENT
SYN_SENT    reply    SYN     SYN_SENT2
SYN_SENT    reply    SYN+ACK SYN_RECV
SYN_SENT    reply    RST     deleted
SYN_SENT2   original SYN+ACK SYN_RECV
SYN_SENT2   reply    SYN+ACK SYN_RECV
SYN_RECV    original ACK     ESTABLISHED
SYN_RECV    original FIN     FIN_WAIT
SYN_RECV    reply    ACK     SYN_RECV
SYN_RECV    reply    FIN     FIN_WAIT
SYN_RECV    original RST     CLOSE
SYN_RECV    reply    RST     CLOSE
ESTABLISHED original ACK     ESTABLISHED
ESTABLISHED reply    ACK     ESTABLISHED
ESTABLISHED original FIN     FIN_WAIT
ESTABLISHED reply    FIN     FIN_WAIT
ESTABLISHED original RST     CLOSE
ESTABLISHED reply    RST     CLOSE
FIN_WAIT    original ACK     CLOSE_WAIT
FIN_WAIT    reply    ACK     CLOSE_WAIT
FIN_WAIT    original FIN     LAST_ACK
FIN_WAIT    reply    FIN     LAST_ACK
FIN_WAIT    original RST     CLOSE
FIN_WAIT    reply    RST     CLOSE
CLOSE_WAIT  original ACK     CLOSE_WAIT
CLOSE_WAIT  reply    ACK     CLOSE_WAIT
CLOSE_WAIT  original FIN     LAST_ACK
CLOSE_WAIT  reply    FIN     LAST_ACK
CLOSE_WAIT  original RST     CLOSE
CLOSE_WAIT  reply    RST     CLOSE
LAST_ACK    original ACK     TIME_WAIT
LAST_ACK    reply    ACK     TIME_WAIT
LAST_ACK    original FIN     LAST_ACK
LAST_ACK    reply    FIN     LAST_ACK
LAST_ACK    original RST     CLOSE
LAST_ACK    reply    RST     CLOSE
TIME_WAIT   original ACK     TIME_WAIT
TIME_WAIT   reply    ACK     TIME_WAIT
TIME_WAIT   original SYN     SYN_SENT
TIME_WAIT   original RST     CLOSE
TIME_WAIT   reply    RST     CLOSE
CLOSE       original SYN     SYN_SENT
""")

UDP = _rows("""
NONE      original datagram     UNREPLIED
UNREPLIED original datagram     UNREPLIED
UNREPLIED reply    datagram     REPLIED
REPLIED   original datagram     REPLIED
REPLIED   reply    datagram     REPLIED
REPLIED   original after_2_s    ASSURED
REPLIED   reply    after_2_s    ASSURED
ASSURED   original datagram     ASSURED
ASSURED   reply    datagram     ASSURED
""")

_TABLES = {"tcp": TCP, "udp": UDP}

#: States that an entry reaches only once it is ASSURED, which early drop leaves alone.
ASSURED_STATES = frozenset(
    {"ESTABLISHED", "FIN_WAIT", "CLOSE_WAIT", "LAST_ACK", "TIME_WAIT", "ASSURED"}
)


def next_state(protocol: str, state: str, direction: str, flags: str) -> str:
    """The state after a packet; the same state if the table has no row for it."""
    if protocol not in _TABLES:
        raise InputError("protocol", protocol, '"tcp" or "udp"')
    if direction not in ("original", "reply"):
        raise InputError("direction", direction, '"original" or "reply"')
    for row in _TABLES[protocol]:
        if (row.state, row.direction, row.flags) == (state, direction, flags):
            return row.to
    return state


def walk(protocol: str, packets: Iterable[tuple[str, str]]) -> list[str]:
    """The state after each packet of a flow, from none.

    Examples
    --------
    >>> walk("tcp", [("original", "SYN"), ("reply", "SYN+ACK"), ("original", "ACK")])
    ['SYN_SENT', 'SYN_RECV', 'ESTABLISHED']
    """
    state, seen = NONE, []
    for direction, flags in packets:
        state = next_state(protocol, state, direction, flags)
        seen.append(state)
    return seen


def diagram(protocol: str) -> str:
    """The table as a Mermaid state diagram: what leads elsewhere, loops left out."""
    if protocol not in _TABLES:
        raise InputError("protocol", protocol, '"tcp" or "udp"')
    edges: dict[tuple[str, str], list[str]] = {}
    for row in _TABLES[protocol]:
        if row.state != row.to:
            edges.setdefault((row.state, row.to), []).append(f"{row.direction} {row.flags}")
    lines = ["stateDiagram-v2"]
    for (state, to), labels in edges.items():
        start = "[*]" if state == NONE else state
        end = "[*]" if to == DELETED else to
        lines.append(f"    {start} --> {end}: {' / '.join(dict.fromkeys(labels))}")
    return "\n".join(lines) + "\n"
