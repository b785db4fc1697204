"""glibc's stub resolver: ``getaddrinfo`` for both families, through nss_dns.

Follows glibc 2.36. The functions are named for what they stand for:
`_search` for ``__res_context_search`` and `_query` for ``__res_context_query`` (both
``resolv/res_query.c``), `_send` for ``__res_context_send`` and `_send_datagrams` for
``send_dg`` (both ``resolv/res_send.c``).
"""

from dataclasses import dataclass

from k8snet_lessons.dns._names import Labels, escaped_labels, is_glibc_host_name, octets, present
from k8snet_lessons.dns._outcome import Outcome
from k8snet_lessons.dns._resolvconf import ResolvConf
from k8snet_lessons.dns._wire import Reply, Wire

MAX_TEXT = 1025  # MAXDNAME: name, dot and suffix must stay below it
_NEXT_SERVER = frozenset({"SERVFAIL", "NOTIMP", "REFUSED"})

_NO_HOST_NAME = "to glibc it is no host name (labels of 1 to 63 letters, digits, - and _)"

_EAI = {
    "TRY_AGAIN": "EAI_AGAIN",
    "NO_DATA": "EAI_NODATA",
    "HOST_NOT_FOUND": "EAI_NONAME",
    "NO_RECOVERY": "EAI_NONAME",
}


@dataclass
class _Received:
    """The answer buffers after a send: `first` is what arrived first, not what A got."""

    first: Reply | None
    second: Reply | None = None


@dataclass
class _State:
    """What ``struct __res_state`` carries from one query of a lookup to the next."""

    conf: ResolvConf
    wire: Wire
    now_s: float = 0.0
    asked: Labels = ()
    one_at_a_time: bool = False
    reopen: bool = False
    h_errno: str = "HOST_NOT_FOUND"
    connection_refused: bool = False
    buffered_rcode: str = "NOERROR"
    rotation: int = 0

    @property
    def qtypes(self) -> tuple[str, ...]:
        return ("A",) if "no-aaaa" in self.conf.flags else ("A", "AAAA")


def resolve(name: str, conf: ResolvConf, wire: Wire) -> Outcome:
    """Look `name` up as glibc does once /etc/hosts has not known it."""
    if not is_glibc_host_name(octets(name)):
        return Outcome((), "EAI_NONAME", 0.0, _NO_HOST_NAME)
    state = _State(conf, wire)
    state.reopen = "single-request-reopen" in conf.flags
    state.one_at_a_time = state.reopen or "single-request" in conf.flags
    received = _search(state, octets(name))
    if received is None:
        return Outcome((), _EAI[state.h_errno], state.now_s)
    if not is_glibc_host_name(octets(present(state.asked))):
        # The check is made again on the question that comes back with the answer, and a
        # suffix of the search list may have brought what is no host name.
        return Outcome((), "EAI_NONAME", state.now_s, "glibc refuses an answer for such a name")
    replies = [reply for reply in (received.first, received.second) if reply is not None]
    addresses = tuple(a for reply in replies if reply.good for a in reply.addresses)
    return Outcome(addresses, "" if addresses else "EAI_NONAME", state.now_s)


def _search(state: _State, name: bytes) -> _Received | None:
    conf = state.conf
    dots = name.count(b".")
    rooted = name.endswith(b".")
    tried_as_is = False
    first_errno = ""
    if dots >= conf.ndots or rooted:
        received = _query(state, name)
        if received is not None or rooted:
            return received
        first_errno = state.h_errno
        tried_as_is = True

    got_nodata = got_servfail = root_on_list = False
    suffixes = () if dots and rooted else conf.search
    for written in suffixes:
        suffix = octets(written).removeprefix(b".")
        root_on_list = root_on_list or not suffix
        received = _query(state, name + b"." + suffix)
        if received is not None:
            return received
        if state.connection_refused:
            state.h_errno = "TRY_AGAIN"
            return None
        if state.h_errno == "NO_DATA":
            got_nodata = True
        elif state.h_errno == "TRY_AGAIN" and state.buffered_rcode == "SERVFAIL":
            got_servfail = True
        elif state.h_errno != "HOST_NOT_FOUND":
            break

    may_go_bare = dots or not suffixes or "no-tld-query" not in conf.flags
    if may_go_bare and not (tried_as_is or root_on_list):
        received = _query(state, name)
        if received is not None:
            return received
    if first_errno:
        state.h_errno = first_errno
    elif got_nodata:
        state.h_errno = "NO_DATA"
    elif got_servfail:
        state.h_errno = "TRY_AGAIN"
    return None


def _query(state: _State, text: bytes) -> _Received | None:
    state.buffered_rcode = "NOERROR"
    # The empty name is refused (its length less one wraps around), the root is not.
    labels = escaped_labels(text) if 0 < len(text) < MAX_TEXT else None
    if labels is None:
        state.h_errno = "NO_RECOVERY"
        return None
    state.asked = labels
    received = _send(state, labels)
    if received is None:
        state.h_errno = "TRY_AGAIN"
        return None
    one = received.first or received.second
    two = received.second or received.first
    if one is None or two is None:
        raise AssertionError("a send that succeeds has received something")
    if one.good or two.good or one.alias or two.alias:
        return received  # any record stops it, even an alias that leads to no address
    rcode = two.rcode if one.rcode == "NOERROR" else one.rcode
    state.h_errno = {
        "NXDOMAIN": "HOST_NOT_FOUND",
        "SERVFAIL": "TRY_AGAIN",
        "NOERROR": "NO_DATA",
    }.get(rcode, "NO_RECOVERY")
    return None


def _send(state: _State, labels: Labels) -> _Received | None:
    conf = state.conf
    servers = conf.nameservers
    over_tcp = "use-vc" in conf.flags
    somebody_there = False
    offset = 0
    if "rotate" in conf.flags:
        offset = state.rotation % len(servers)
        state.rotation += 1
    attempts = range(conf.attempts)
    for _ in attempts:
        for shift in range(len(servers)):
            index = (shift + offset) % len(servers)
            if not over_tcp:
                there, received, over_tcp = _send_datagrams(state, labels, index)
                somebody_there = somebody_there or there
                if received is not None:
                    return received
            if over_tcp:
                received = _send_stream(state, labels, servers[index])
                if received is not None:
                    return received
        if over_tcp:
            break
    state.connection_refused = not somebody_there
    return None


def _send_stream(state: _State, labels: Labels, server: str) -> _Received | None:
    """Both questions in one write; every response code is taken for an answer."""
    replies = [state.wire.ask(labels, q, server, state.now_s, "tcp") for q in state.qtypes]
    if any(reply is None for reply in replies):
        return None
    received = _Received(*replies)
    if received.first is not None:
        state.buffered_rcode = received.first.rcode
    return received


def _send_datagrams(
    state: _State, labels: Labels, index: int
) -> tuple[bool, _Received | None, bool]:
    """One attempt at one server: whether it is there, what it said, whether to go to TCP."""
    conf = state.conf
    server = conf.nameservers[index]
    patience_s = conf.timeout_s << index
    if index:
        patience_s //= len(conf.nameservers)
    patience_s = max(1, patience_s)
    if not state.wire.listening(server):
        state.wire.ask(labels, state.qtypes[0], server, state.now_s)
        return False, None, False

    while True:
        asked = (state.wire.ask(labels, q, server, state.now_s) for q in state.qtypes)
        # In parallel both questions leave before either answer is looked at; one at a time,
        # the second is asked when the first has been answered.
        replies = asked if state.one_at_a_time else iter(list(asked))
        arrived: list[Reply] = []
        error_only = False
        for reply in replies:
            if reply is None:
                if state.one_at_a_time:
                    break
            elif reply.rcode in _NEXT_SERVER:
                if arrived:
                    # The first answer stands, even where it says that there is no such name.
                    return True, _Received(arrived[0]), False
                if not error_only:
                    state.buffered_rcode = reply.rcode
                if error_only or len(state.qtypes) == 1:
                    return True, None, False
                error_only = True
                if state.one_at_a_time:
                    break  # up to glibc 2.40 it now waits for a question it never sent
            elif reply.truncated:
                return True, None, True
            elif error_only:
                # The first buffer held only an error; the second one is the answer.
                return True, _Received(None, reply), False
            else:
                if not arrived:
                    state.buffered_rcode = reply.rcode
                arrived.append(reply)
        if len(arrived) == len(state.qtypes):
            return True, _Received(*arrived), False
        state.now_s += patience_s
        if not arrived:
            return True, None, False
        # One answer of two. Perhaps the server minds two questions at once: ask again one
        # by one, then again from a new socket, then make do with the one.
        if not state.one_at_a_time:
            state.one_at_a_time = True
        elif not state.reopen:
            state.reopen = True
        else:
            return True, _Received(arrived[0]), False
