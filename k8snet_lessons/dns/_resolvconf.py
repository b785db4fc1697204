"""``/etc/resolv.conf`` as each resolver itself reads it.

None of the three reports a mistake: each takes what it can and ignores the rest, and they
differ in what that is. The parser returns what the resolver ends up with and a note for
every line, or part of one, that came to nothing or to something else than it says.

Sources: glibc ``resolv/res_init.c`` (2.36) and ``resolv/resolv.h`` for the caps; musl
``src/network/resolvconf.c`` (1.2.5); Go ``src/net/dnsconfig_unix.go`` (1.27).
"""

import re
from dataclasses import dataclass, field

from k8snet_lessons.dns._names import address_literal, octets
from k8snet_lessons.errors import InputError

#: The releases that the models follow unless another is named, as in ``"musl-1.2.3"``.
RELEASES: dict[str, tuple[int, ...]] = {"glibc": (2, 36), "musl": (1, 2, 5), "go": (1, 27)}
RESOLVERS = tuple(RELEASES)

MAX_NAMESERVERS = 3  # MAXNS in glibc and musl; the same number in Go
MAX_NDOTS = 15  # RES_MAXNDOTS in glibc, literal 15 in musl and Go
GLIBC_MAX_TIMEOUT_S = 30  # RES_MAXRETRANS
GLIBC_MAX_ATTEMPTS = 5  # RES_MAXRETRY
GLIBC_OLD_MAX_SEARCH = 6  # MAXDNSRCH, the limit on suffixes before 2.26
GLIBC_OLD_SEARCH_OCTETS = 255  # and on their text
MUSL_MAX_TIMEOUT_S = 60
MUSL_MAX_ATTEMPTS = 10
MUSL_LINE_OCTETS = 255  # a longer line does not fit its buffer and is skipped whole

# In the order in which glibc compares them: each is matched as a prefix.
_GLIBC_FLAGS = (
    "rotate",
    "edns0",
    "single-request-reopen",
    "single-request",
    "no_tld_query",
    "no-tld-query",
    "no-reload",
    "use-vc",
    "trust-ad",
    "no-aaaa",
)
_GO_FLAGS = {
    "rotate": "rotate",
    "single-request": "single-request",
    "single-request-reopen": "single-request",
    "use-vc": "use-vc",
    "usevc": "use-vc",
    "tcp": "use-vc",
    "trust-ad": "trust-ad",
    "edns0": "edns0",
    "no-reload": "no-reload",
}


@dataclass(frozen=True)
class Note:
    """Something in the file that did not do what it says.

    Attributes
    ----------
    line : int
        Line number from 1; 0 where the note concerns the file as a whole.
    text : str
        What the resolver made of it, as a sentence.
    """

    line: int
    text: str

    def __str__(self) -> str:
        return f"line {self.line}: {self.text}" if self.line else self.text


@dataclass(frozen=True)
class ResolvConf:
    """What a resolver works with once it has read the file.

    Attributes
    ----------
    resolver : str
        ``"glibc"``, ``"musl"`` or ``"go"``.
    release : tuple of int
        Its release, ``(2, 36)``.
    nameservers : tuple of str
        Addresses it will ask, at most three.
    search : tuple of str
        Suffixes in order, as written.
    ndots : int
        Dots from which a name is tried as it stands first (musl: only).
    timeout_s, attempts : int
        As clamped by the resolver. glibc and Go wait `timeout_s` for each attempt; for
        musl it is the budget of all attempts together.
    flags : frozenset of str
        Options that the resolver honors, by their resolv.conf(5) names.
    notes : tuple of Note
        What it ignored or changed.
    """

    resolver: str
    release: tuple[int, ...]
    nameservers: tuple[str, ...]
    search: tuple[str, ...]
    ndots: int = 1
    timeout_s: int = 5
    attempts: int = 2
    flags: frozenset[str] = frozenset()
    notes: tuple[Note, ...] = ()


@dataclass
class _Draft:
    """A configuration while its file is being read."""

    nameservers: list[str] = field(default_factory=list)
    search: list[str] = field(default_factory=list)
    ndots: int = 1
    timeout_s: int = 5
    attempts: int = 2
    flags: set[str] = field(default_factory=set)
    notes: list[Note] = field(default_factory=list)
    line: int = 0

    def note(self, text: str) -> None:
        self.notes.append(Note(self.line, text))

    def add_nameserver(self, address: str | None, written: str) -> None:
        if address is None:
            self.note(f"nameserver {written!r} is not an IP address and is ignored")
        elif len(self.nameservers) == MAX_NAMESERVERS:
            self.note(f"nameserver {address} is the fourth or later and is never asked")
        else:
            if address != written:
                self.note(f"nameserver {written!r} is read as {address}")
            self.nameservers.append(address)

    def set_search(self, suffixes: list[str]) -> None:
        if self.search:
            self.note(f"replaces the earlier search list {' '.join(self.search)!r}")
        self.search = suffixes

    def set_number(self, name: str, written: str, value: int) -> None:
        if written.strip() != str(value):
            self.note(f"{name}:{written.strip()} counts as {name}:{value}")
        setattr(self, {"timeout": "timeout_s"}.get(name, name), value)


def release_of(resolver: str) -> tuple[str, tuple[int, ...]]:
    """Split ``"musl-1.2.3"`` into family and release; a bare family has the usual release.

    Raises
    ------
    InputError
        Unless the family is one of `RESOLVERS` and the release is numbers and dots.
    """
    family, dash, written = resolver.partition("-") if isinstance(resolver, str) else ("", "", "")
    if family not in RELEASES or (dash and not re.fullmatch(r"[0-9]+(\.[0-9]+)+", written)):
        allowed = 'one of "glibc", "musl", "go", perhaps with a release as in "musl-1.2.3"'
        raise InputError("resolver", resolver, allowed)
    return family, tuple(map(int, written.split("."))) if dash else RELEASES[family]


def parse_resolv_conf(text: str, resolver: str = "glibc", *, hostname: str = "") -> ResolvConf:
    r"""Read the text of a resolv.conf as `resolver` would.

    Parameters
    ----------
    text : str
        The file, in any state of disrepair.
    resolver : str
        Whose reading: ``"glibc"``, ``"musl"`` or ``"go"``, perhaps with a release,
        ``"glibc-2.25"``.
    hostname : str, optional
        The machine's own name. glibc and Go take its domain for the search list where the
        file gives none. A pod's host name has no domain unless it sets ``subdomain``.

    Returns
    -------
    ResolvConf

    Raises
    ------
    InputError
        If `text` is not a string or `resolver` is not known.

    Examples
    --------
    >>> conf = parse_resolv_conf("nameserver 10.96.0.10\noptions ndots:99\n")
    >>> conf.ndots, [str(note) for note in conf.notes]
    (15, ['line 2: ndots:99 counts as ndots:15'])
    """
    family, release = release_of(resolver)
    if not isinstance(text, str):
        raise InputError("resolv_conf", text, "the text of the file, as a string")
    draft = _Draft()
    read_line = {"glibc": _glibc_line, "musl": _musl_line, "go": _go_line}[family]
    *ended, last = text.split("\n")
    # musl takes the end of a line for the space behind a keyword; the others cut it off.
    whole = [line + "\n" for line in ended] if family == "musl" else ended
    for number, line in enumerate([*whole, last], start=1):
        draft.line = number
        if line.strip("\n"):
            read_line(draft, line)
    draft.line = 0
    if not draft.nameservers:
        draft.nameservers = ["127.0.0.1", "::1"] if family == "go" else ["127.0.0.1"]
        draft.note(f"no usable nameserver: asks {' and '.join(draft.nameservers)}")
    _, dot, domain = hostname.partition(".")
    if not draft.search and dot and domain and family != "musl":
        draft.search = [domain]
        draft.note(f"no search list: the domain of the host name, {domain!r}, stands in")
    if family == "glibc" and release < (2, 26):
        _cut_search_list(draft)
    if family == "glibc" and release < (2, 36) and "no-aaaa" in draft.flags:
        draft.flags.remove("no-aaaa")
        draft.note("option no-aaaa came with glibc 2.36")
    return ResolvConf(
        resolver=family,
        release=release,
        nameservers=tuple(draft.nameservers),
        search=tuple(draft.search),
        ndots=draft.ndots,
        timeout_s=draft.timeout_s,
        attempts=draft.attempts,
        flags=frozenset(draft.flags),
        notes=tuple(draft.notes),
    )


def _note_unread(draft: _Draft, line: str) -> None:
    stripped = line.strip()
    if stripped and stripped[0] not in "#;":
        draft.note(f"{stripped[:60]!r} is not understood and ignored")


# glibc


def _blank_separated(text: str) -> list[str]:
    return [word for word in re.split(r"[ \t]+", text) if word]


def _glibc_line(draft: _Draft, line: str) -> None:
    if line[0] in ";#":
        return
    matched = re.match(r"(domain|search|nameserver|options|sortlist)[ \t]+(.*)", line, re.DOTALL)
    if matched is None:
        _note_unread(draft, line)
        return
    keyword, rest = matched[1], matched[2]
    if keyword == "options":
        for option in re.finditer(r"[^ \t]+", rest):
            _glibc_option(draft, option[0], rest[option.start() :])
        return
    words = _blank_separated(rest)
    if "\r" in rest:
        draft.note("the carriage return at its end is part of the last word")
    if not words:
        draft.note(f"{keyword} without a value is ignored")
    elif keyword == "domain":
        draft.set_search(words[:1])
        if words[1:]:
            draft.note(f"only the first word of a domain line counts: {words[0]!r}")
    elif keyword == "search":
        draft.set_search(words)
    elif keyword == "nameserver":
        draft.add_nameserver(address_literal(words[0], strict_ipv4=False), words[0])


def _c_int(text: str) -> int:
    """What C's ``atoi`` makes of the start of `text`: overflow ends as -1, junk as 0."""
    matched = re.match(r"[ \t\n\v\f\r]*([+-]?[0-9]+)", text)
    if matched is None:
        return 0
    value = max(-(2**63), min(2**63 - 1, int(matched[1])))
    return (value + 2**31) % 2**32 - 2**31


def _glibc_option(draft: _Draft, option: str, onwards: str) -> None:
    name, colon, written = option.partition(":")
    if colon and not written:
        # The number may stand after the space: the conversion skips white space.
        written = onwards[len(option) :]
    if colon and name == "ndots":
        # The field is four bits wide and unsigned, so a negative number wraps: -1 is 15.
        draft.set_number(name, written, min(_c_int(written), MAX_NDOTS) % (MAX_NDOTS + 1))
    elif colon and name == "timeout":
        # Anything below one second is raised to one when a query is sent.
        draft.set_number(name, written, max(1, min(_c_int(written), GLIBC_MAX_TIMEOUT_S)))
    elif colon and name == "attempts":
        draft.set_number(name, written, max(0, min(_c_int(written), GLIBC_MAX_ATTEMPTS)))
    else:
        for flag in _GLIBC_FLAGS:
            if option.startswith(flag):
                draft.flags.add(flag.replace("_", "-"))
                if option != flag:
                    draft.note(f"option {option!r} counts as {flag!r}")
                return
        draft.note(f"option {option!r} is unknown to glibc")


def _cut_search_list(draft: _Draft) -> None:
    kept: list[str] = []
    for suffix in draft.search[:GLIBC_OLD_MAX_SEARCH]:
        if len(" ".join([*kept, suffix]).encode()) > GLIBC_OLD_SEARCH_OCTETS:
            break
        kept.append(suffix)
    if kept != draft.search:
        dropped = " ".join(draft.search[len(kept) :])
        draft.note(f"before glibc 2.26 the search list ends before {dropped!r}")
    draft.search = kept


# musl

_C_SPACE = " \t\n\v\f\r"


def _musl_line(draft: _Draft, line: str) -> None:
    if len(octets(line.removesuffix("\n"))) >= MUSL_LINE_OCTETS:
        draft.note(f"longer than {MUSL_LINE_OCTETS - 1} octets: musl skips the whole line")
        return
    matched = re.match(r"(options|nameserver|domain|search)[ \t\n\v\f\r](.*)", line, re.DOTALL)
    if matched is None:
        _note_unread(draft, line)
        return
    keyword, rest = matched[1], matched[2]
    words = rest.split()
    if keyword == "options":
        _musl_options(draft, line)
    elif keyword == "nameserver":
        written = words[0] if words else ""
        draft.add_nameserver(address_literal(written, strict_ipv4=False), written)
    else:
        draft.set_search(words)


def _musl_options(draft: _Draft, line: str) -> None:
    caps = {"ndots": MAX_NDOTS, "attempts": MUSL_MAX_ATTEMPTS, "timeout": MUSL_MAX_TIMEOUT_S}
    for name, cap in caps.items():
        # The first place in the line where the word stands counts, wherever it stands.
        found = re.search(rf"{name}:([^ \t]*)", line)
        if found is None:
            continue
        digits = re.match(r"[0-9]+", found[1])
        if digits is None:
            draft.note(f"{name}:{found[1]} is not a number and is ignored")
        else:
            draft.set_number(name, found[1].strip(_C_SPACE), min(int(digits[0]), cap))
    for option in line.split()[1:]:
        if option.partition(":")[0] not in caps:
            draft.note(f"option {option!r} is unknown to musl")


# Go


def _go_line(draft: _Draft, line: str) -> None:
    if line[0] in ";#":
        return
    words = [word for word in re.split(r"[ \r\t]+", line) if word]
    if not words:
        return
    keyword, values = words[0], words[1:]
    if keyword == "options":
        for option in values:
            _go_option(draft, option)
    elif keyword == "nameserver":
        if values:
            draft.add_nameserver(address_literal(values[0], strict_ipv4=True), values[0])
    elif keyword == "domain":
        if values:
            draft.set_search(values[:1])
    elif keyword == "search":
        if "." in values:
            draft.note("Go leaves the root, '.', out of a search list")
        draft.set_search([value for value in values if value != "."])
    else:
        _note_unread(draft, line)


def _go_int(text: str) -> int:
    digits = re.match(r"[0-9]+", text)
    return min(int(digits[0]), 0xFFFFFF) if digits else 0


def _go_option(draft: _Draft, option: str) -> None:
    name, colon, written = option.partition(":")
    if colon and name == "ndots":
        draft.set_number(name, written, min(_go_int(written), MAX_NDOTS))
    elif colon and name in ("timeout", "attempts"):
        draft.set_number(name, written, max(1, _go_int(written)))
    elif option in _GO_FLAGS:
        draft.flags.add(_GO_FLAGS[option])
    else:
        draft.note(f"option {option!r} is unknown to Go")
