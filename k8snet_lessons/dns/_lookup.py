"""The public face of the resolvers: what one lookup sends and what it comes to."""

from collections.abc import Callable
from dataclasses import dataclass

from k8snet_lessons.dns import _glibc, _go, _musl
from k8snet_lessons.dns._names import POD_HOSTS, address_literal, hosts_addresses, zone_is_known
from k8snet_lessons.dns._outcome import Outcome
from k8snet_lessons.dns._resolvconf import Note, ResolvConf, parse_resolv_conf, release_of
from k8snet_lessons.dns._wire import Answers, Query, Wire, answering, listens_outside_loopback
from k8snet_lessons.errors import InputError

_RESOLVE: dict[str, Callable[[str, ResolvConf, Wire], Outcome]] = {
    "glibc": _glibc.resolve,
    "musl": _musl.resolve,
    "go": _go.resolve,
}
_NOT_FOUND = {"glibc": "EAI_NONAME", "musl": "EAI_NONAME", "go": _go.NO_SUCH_HOST}

# What gai_strerror returns; Go's errors are their own words.
_IN_WORDS = {
    "glibc": {
        "EAI_NONAME": "Name or service not known",
        "EAI_NODATA": "No address associated with hostname",
        "EAI_AGAIN": "Temporary failure in name resolution",
    },
    "musl": {
        "EAI_NONAME": "Name does not resolve",
        "EAI_NODATA": "Name has no usable address",
        "EAI_AGAIN": "Try again",
        "SIGFPE": "Arithmetic exception: the process is killed",
    },
    "go": {},
}


@dataclass(frozen=True)
class Lookup:
    """One lookup, from the application's call to the application's answer.

    Attributes
    ----------
    name, resolver : str
        What was looked up, and by whom.
    source : str
        Where the answer came from: ``"literal"``, ``"hosts"`` or ``"dns"``.
    queries : tuple of Query
        Every question in the order sent, with server, transport, moment and reply.
    addresses : tuple of str
        What the application gets. IPv4 first for glibc, IPv6 first for musl; the sorting of
        RFC 6724, which needs the machine's own addresses, is left out.
    error : str
        The failure as the program sees it (``EAI_*`` for the C libraries, Go's words for
        Go), empty on success.
    waited_s : float
        Seconds lost waiting for answers that did not come.
    unreachable : tuple of str
        Nameservers at which nobody listened, in the order tried.
    conf : ResolvConf
        The configuration as this resolver read it.
    notes : tuple of Note
        What was ignored in resolv.conf, and why nothing was asked if nothing was.
    """

    name: str
    resolver: str
    source: str
    queries: tuple[Query, ...]
    addresses: tuple[str, ...]
    error: str
    waited_s: float
    unreachable: tuple[str, ...]
    conf: ResolvConf
    notes: tuple[Note, ...]

    @property
    def found(self) -> bool:
        """Whether the application got an address."""
        return bool(self.addresses)

    @property
    def error_in_words(self) -> str:
        """The message that ``gai_strerror`` or Go prints."""
        return _IN_WORDS[self.conf.resolver].get(self.error, self.error)

    @property
    def names_tried(self) -> tuple[str, ...]:
        """The distinct names asked for, in order of first appearance."""
        return tuple(dict.fromkeys(query.qname for query in self.queries))


def lookup(
    name: str,
    resolv_conf: str,
    resolver: str = "glibc",
    answers: Answers | None = None,
    *,
    hosts: str = POD_HOSTS,
    hostname: str = "",
    listening: Callable[[str], bool] = listens_outside_loopback,
) -> Lookup:
    """Look up `name` for both address families, as the real resolver would.

    Parameters
    ----------
    name : str
        What the application asks for.
    resolv_conf : str
        The text of /etc/resolv.conf.
    resolver : str
        Whose behavior: ``"glibc"`` (2.36), ``"musl"`` (1.2.5) or ``"go"`` (1.27). Another
        release may be named, ``"musl-1.2.3"``: known differences are the search list before
        glibc 2.26; musl before 1.2.4, which has no TCP; and Go before 1.22, which asks nothing
        for a name below ``.onion``, search list or not.
    answers : mapping, optional
        ``{(qname, qtype): answer}``; an answer is a list of addresses or one of
        ``"NXDOMAIN"``, ``"NODATA"``, ``"CNAME"`` (an alias that leads to no address of this
        family), ``"SERVFAIL"``, ``"REFUSED"``, ``"NOTIMP"``, ``"FORMERR"``, ``"TIMEOUT"``, or
        ``"NOERROR+TC"`` for one that UDP cuts short. What is not listed is NXDOMAIN.
    hosts : str, optional
        The text of /etc/hosts; by default what a pod has.
    hostname : str, optional
        The machine's name, whose domain stands in for a missing search list.
    listening : callable, optional
        From a nameserver's address to whether anything listens on its port 53. By default
        everything does but loopback, where a pod has no server.

    Returns
    -------
    Lookup

    Raises
    ------
    InputError
        For an unknown resolver, an unreadable answer or a `name` that is not a string.

    Examples
    --------
    >>> conf = "nameserver 10.96.0.10\\nsearch shop.svc.cluster.local\\noptions ndots:5\\n"
    >>> found = lookup("db", conf, answers={("db.shop.svc.cluster.local", "A"): ["10.0.0.7"]})
    >>> found.addresses, len(found.queries)
    (('10.0.0.7',), 2)
    """
    family, _ = release_of(resolver)
    if not isinstance(name, str) or "\0" in name:
        raise InputError("name", name, "a string without NUL characters")
    conf = parse_resolv_conf(resolv_conf, resolver, hostname=hostname)
    wire = Wire(answering(answers), listening)
    source, outcome = "dns", None
    literal = address_literal(name, strict_ipv4=family == "go")
    if literal is not None and ":" in name and "." in literal and family != "go":
        literal = f"::ffff:{literal}"  # to the C libraries it is an IPv6 address
    if literal is not None and (family == "go" or zone_is_known(literal)):
        source, outcome = "literal", Outcome((literal,), "", 0.0)
    elif literal is not None:
        outcome = Outcome((), _NOT_FOUND[family], 0.0, "an address whose zone does not exist")
    elif not name and family != "glibc":
        outcome = Outcome((), _NOT_FOUND[family], 0.0, "the empty name is not looked up")
    else:
        listed = hosts_addresses(hosts, name, resolver=family)
        if listed:
            source, outcome = "hosts", Outcome(listed, "", 0.0)
    if outcome is None:
        outcome = _RESOLVE[family](name, conf, wire)
    remark = (Note(0, outcome.remark),) if outcome.remark else ()
    return Lookup(
        name=name,
        resolver=resolver,
        source=source,
        queries=tuple(wire.sent),
        addresses=outcome.addresses,
        error=outcome.error,
        waited_s=outcome.waited_s,
        unreachable=tuple(wire.refused),
        conf=conf,
        notes=conf.notes + remark,
    )


def queries(
    name: str,
    resolv_conf: str,
    resolver: str = "glibc",
    answers: Answers | None = None,
) -> list[tuple[str, str]]:
    """The questions that reach a nameserver for one lookup, in the order sent.

    Parameters
    ----------
    name, resolv_conf, resolver, answers
        As for `lookup`.

    Returns
    -------
    list of (qname, qtype)
        ``qname`` in lower case, ``qtype`` is ``"A"`` or ``"AAAA"``. Go sends the two of a name
        concurrently, in random order; A is written first. Empty where nothing is asked of
        anybody who listens: a file without a nameserver makes the resolvers ask 127.0.0.1,
        and a pod has no server there. `lookup` says so in its notes, and its `listening`
        puts a server there.

    Examples
    --------
    >>> queries("db", "nameserver 10.96.0.10\\nsearch svc.cluster.local\\n", "musl")
    [('db.svc.cluster.local', 'A'), ('db.svc.cluster.local', 'AAAA'), ('db', 'A'), ('db', 'AAAA')]
    """
    found = lookup(name, resolv_conf, resolver, answers)
    return [(query.qname.lower(), query.qtype) for query in found.queries]
