"""musl's stub resolver: ``getaddrinfo`` for both families.

Follows musl 1.2.5: `resolve` is ``name_from_dns_search`` and `_ask` is ``name_from_dns``
(``src/network/lookup_name.c``), `_exchange` is ``__res_msend_rc``
(``src/network/res_msend.c``). Releases before 1.2.4 know no TCP: they take a truncated
answer as it is, and give up where a candidate cannot be put into a query.
"""

from collections import deque

from k8snet_lessons.dns._names import Labels, octets, plain_labels
from k8snet_lessons.dns._outcome import Outcome
from k8snet_lessons.dns._resolvconf import ResolvConf
from k8snet_lessons.dns._wire import Reply, Wire

MAX_TEXT = 254
FIRST_WITH_TCP = (1, 2, 4)
_QTYPES = ("A", "AAAA")


def resolve(name: str, conf: ResolvConf, wire: Wire) -> Outcome:
    """Look `name` up as musl does once /etc/hosts has not known it."""
    text = octets(name)
    if not 1 <= len(text) <= MAX_TEXT:
        return Outcome((), "EAI_NONAME", 0.0, "musl takes names of 1 to 254 octets")
    rooted = text.endswith(b".")
    suffixes = () if rooted or text.count(b".") >= conf.ndots else conf.search
    bare = text.removesuffix(b".")
    if not bare or bare.endswith(b"."):
        return Outcome((), "EAI_NONAME", 0.0, "musl does not look up the root, or two final dots")
    if conf.attempts == 0 and conf.nameservers:
        return Outcome((), "SIGFPE", 0.0, "attempts:0 makes musl divide by zero: the process dies")
    waited_s = 0.0
    for suffix in suffixes:
        if len(octets(suffix)) >= 256 - len(bare) - 1:
            continue  # would not fit the buffer: passed over without a word
        found, spent_s = _ask(bare + b"." + octets(suffix), conf, wire, waited_s)
        waited_s += spent_s
        if found is not None:
            return Outcome(found.addresses, found.error, waited_s)
    found, spent_s = _ask(text, conf, wire, waited_s)
    waited_s += spent_s
    if found is None:
        return Outcome((), "EAI_NONAME", waited_s)
    return Outcome(found.addresses, found.error, waited_s)


def _ask(text: bytes, conf: ResolvConf, wire: Wire, now_s: float) -> tuple[Outcome | None, float]:
    """One name: an outcome that ends the lookup, or None if the next name may be tried."""
    labels = plain_labels(text)
    if labels is None:
        if conf.release < FIRST_WITH_TCP:
            if text.endswith(b"..") and plain_labels(text[:-1]) is not None:
                # A packet goes out, but with no question that a server could read.
                return Outcome((), "EAI_AGAIN", 0.0), float(conf.timeout_s)
            return Outcome((), "EAI_NONAME", 0.0), 0.0
        return None, 0.0
    replies, spent_s = _exchange(labels, conf, wire, now_s)
    for reply in replies:
        if reply is None:
            return Outcome((), "EAI_AGAIN", spent_s), spent_s
        if reply.rcode == "NXDOMAIN":
            # Whatever the other family said is thrown away.
            return None, spent_s
    addresses = tuple(a for r in reversed(replies) if r is not None for a in r.addresses)
    nothing = "EAI_NODATA" if conf.release >= FIRST_WITH_TCP else "EAI_NONAME"
    return Outcome(addresses, "" if addresses else nothing, spent_s), spent_s


def _exchange(
    labels: Labels, conf: ResolvConf, wire: Wire, now_s: float
) -> tuple[list[Reply | None], float]:
    """Both questions to every nameserver at once, again every timeout/attempts seconds."""
    answers: list[Reply | None] = [None, None]
    over_tcp = [False, False]
    if conf.timeout_s == 0:
        return answers, 0.0
    interval_s = conf.timeout_s / conf.attempts
    for attempt in range(conf.attempts):
        at_s = now_s + attempt * interval_s
        arriving: deque[tuple[int, str, Reply]] = deque()

        def send(
            which: int, server: str, at_s: float, into: "deque[tuple[int, str, Reply]]"
        ) -> None:
            reply = wire.ask(labels, _QTYPES[which], server, at_s)
            if reply is not None:
                into.append((which, server, reply))

        for which in range(2):
            if answers[which] is None and not over_tcp[which]:
                for server in conf.nameservers:
                    send(which, server, at_s, arriving)
        servfail_retries = 2 * len(_QTYPES)
        while arriving:
            which, server, reply = arriving.popleft()
            if answers[which] is not None or over_tcp[which]:
                continue
            if reply.rcode == "SERVFAIL":
                if servfail_retries:
                    servfail_retries -= 1
                    send(which, server, at_s, arriving)
            elif reply.rcode not in ("NOERROR", "NXDOMAIN"):
                pass  # a refusal is no answer: it keeps waiting for another
            elif reply.truncated and conf.release >= FIRST_WITH_TCP:
                over_tcp[which] = True
                whole = wire.ask(labels, _QTYPES[which], server, at_s, "tcp")
                answers[which] = whole
            elif reply.truncated:
                answers[which] = Reply(reply.rcode)  # what did not fit is lost
            else:
                answers[which] = reply
        if all(answer is not None for answer in answers):
            return answers, attempt * interval_s
    return answers, float(conf.timeout_s)
