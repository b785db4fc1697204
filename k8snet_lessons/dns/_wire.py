"""The server's side of a lookup, and the record of what was sent.

The models of the three resolvers are programs without sockets: where the real one sends
and waits, they ask a `Wire`, which knows what the servers answer and keeps the transcript.
Time is counted in seconds of waiting for answers that never come; an answer that does
come takes none.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from ipaddress import ip_address

from k8snet_lessons.dns._names import Labels, present
from k8snet_lessons.errors import InputError

#: How the servers answer: ``{(qname, qtype): answer}``.
Answers = Mapping[tuple[str, str], "str | Sequence[str]"]

RCODES = ("NXDOMAIN", "SERVFAIL", "REFUSED", "NOTIMP", "FORMERR")
_WORDS = (*RCODES, "NODATA", "CNAME", "TIMEOUT")
_ALLOWED = (
    'a list of addresses, or one of "NXDOMAIN", "NODATA", "CNAME", "SERVFAIL", "REFUSED", '
    '"NOTIMP", "FORMERR", "TIMEOUT", or any of these but the last with "+TC" (truncated over UDP)'
)


@dataclass(frozen=True)
class Reply:
    """One answer: its response code, its addresses, whether UDP cuts it short.

    An alias without an address is a CNAME record whose target has none of this family.
    """

    rcode: str
    addresses: tuple[str, ...] = ()
    truncated: bool = False
    alias: bool = False

    @property
    def good(self) -> bool:
        """Whether it carries what was asked for."""
        return self.rcode == "NOERROR" and bool(self.addresses)


@dataclass(frozen=True)
class Query:
    """One question on its way.

    Attributes
    ----------
    qname, qtype : str
        The name without its final dot, and ``"A"`` or ``"AAAA"``.
    nameserver : str
        Where it went.
    transport : str
        ``"udp"`` or ``"tcp"``.
    at_s : float
        Seconds since the lookup began.
    reply : str
        What came back: ``"addresses"``, a response code, ``"NODATA"``, ``"CNAME"`` or
        ``"TIMEOUT"``.
    """

    qname: str
    qtype: str
    nameserver: str
    transport: str
    at_s: float
    reply: str


@dataclass
class Wire:
    """What the nameservers say, and what they were asked.

    Attributes
    ----------
    answer : callable
        From (qname in lower case, qtype) to a reply, or None for silence.
    listening : callable
        From a nameserver's address to whether anything listens there.
    """

    answer: Callable[[str, str], Reply | None]
    listening: Callable[[str], bool]
    sent: list[Query] = field(default_factory=list)
    refused: list[str] = field(default_factory=list)

    def ask(
        self, labels: Labels, qtype: str, server: str, at_s: float, transport: str = "udp"
    ) -> Reply | None:
        """Send one question and return its answer, or None if none will come."""
        if not self.listening(server):
            self.refused.append(server)
            return None
        qname = present(labels)
        reply = self.answer(qname.lower(), qtype)
        if reply is not None and reply.truncated and transport == "tcp":
            reply = Reply(reply.rcode, reply.addresses, alias=reply.alias)
        self.sent.append(Query(qname, qtype, server, transport, at_s, _describe(reply)))
        return reply


def _describe(reply: Reply | None) -> str:
    if reply is None:
        return "TIMEOUT"
    if reply.truncated:
        return "TC"
    if reply.rcode != "NOERROR":
        return reply.rcode
    return "addresses" if reply.addresses else "CNAME" if reply.alias else "NODATA"


def listens_outside_loopback(server: str) -> bool:
    """A pod has nobody listening on its own loopback; everybody else is taken to answer."""
    return not ip_address(server.partition("%")[0]).is_loopback


def answering(answers: Answers | None) -> Callable[[str, str], Reply | None]:
    """Turn the caller's table into a function; what it does not list is NXDOMAIN."""
    table: dict[tuple[str, str], Reply | None] = {}
    if answers is not None and not isinstance(answers, Mapping):
        raise InputError("answers", answers, "a mapping of (qname, qtype) to answer")
    for key, answer in (answers or {}).items():
        parts = key.rsplit(" ", 1) if isinstance(key, str) else key  # "qname qtype", as recorded
        two = isinstance(parts, tuple | list) and len(parts) == 2
        if not (two and all(isinstance(part, str) for part in parts)):
            raise InputError("answers", key, "keys of the form (qname, qtype)")
        qname, qtype = parts
        stripped = qname.lower().removesuffix(".") or "."
        table[stripped, qtype.upper()] = _read_answer(f"answers[{qname} {qtype}]", answer, qtype)

    def answer_to(qname: str, qtype: str) -> Reply | None:
        return table.get((qname, qtype), Reply("NXDOMAIN"))

    return answer_to


def _read_answer(where: str, answer: "str | Sequence[str]", qtype: str) -> Reply | None:
    # A truncated answer has something in it that did not fit; what, does not matter here.
    stand_in = ("192.0.2.1",) if qtype.upper() == "A" else ("2001:db8::1",)
    if not isinstance(answer, str):
        try:
            return Reply("NOERROR", tuple(str(address) for address in answer))
        except TypeError:
            raise InputError(where, answer, _ALLOWED) from None
    word, plus, flag = answer.upper().partition("+")
    truncated = bool(plus)
    if (truncated and flag != "TC") or (word == "TIMEOUT" and truncated):
        raise InputError(where, answer, _ALLOWED)
    if word == "TIMEOUT":
        return None
    if word == "NOERROR":
        return Reply("NOERROR", stand_in if truncated else (), truncated)
    if word not in _WORDS:
        raise InputError(where, answer, _ALLOWED)
    rcode = "NOERROR" if word in ("NODATA", "CNAME") else word
    return Reply(rcode, (), truncated, word == "CNAME")
