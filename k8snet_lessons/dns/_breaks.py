"""Which names stop resolving when the resolver or its file is changed."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from k8snet_lessons.dns._lookup import Lookup, lookup
from k8snet_lessons.dns._wire import Answers
from k8snet_lessons.errors import InputError


@dataclass(frozen=True)
class Setting:
    """One way to look names up: the file's text, and whose resolver reads it."""

    resolv_conf: str
    resolver: str = "glibc"


@dataclass(frozen=True)
class Change:
    """What a change does to one name.

    Attributes
    ----------
    name : str
    before, after : Lookup
        The lookup under each setting.
    effect : str
        ``"breaks"``, ``"mends"``, ``"another answer"``, or ``"same"`` (also where it is found
        under neither).
    saved_queries : int
        Questions fewer than before; negative where there are more.
    """

    name: str
    before: Lookup
    after: Lookup

    @property
    def effect(self) -> str:
        """What became of the answer."""
        if self.before.found and not self.after.found:
            return "breaks"
        if self.after.found and not self.before.found:
            return "mends"
        if self.before.addresses != self.after.addresses:
            return "another answer"
        return "same"

    @property
    def saved_queries(self) -> int:
        """Questions fewer than before."""
        return len(self.before.queries) - len(self.after.queries)


def zone_answers(zone: Mapping[str, Any]) -> Answers:
    """Answers of a server that knows `zone` and nothing else.

    Parameters
    ----------
    zone : mapping
        From a name to its addresses, IPv4 and IPv6 mixed. A name that exists answers the
        other family with NODATA; a name above it, with no record of its own, with NODATA too.
    """
    answers: dict[tuple[str, str], str | Sequence[str]] = {}
    for written, addresses in zone.items():
        if isinstance(addresses, str) or not isinstance(addresses, Iterable):
            raise InputError(f"zone[{written!r}]", addresses, "a list of addresses")
        name = written.lower().removesuffix(".")
        addresses = list(addresses)
        four = [address for address in addresses if ":" not in address]
        six = [address for address in addresses if ":" in address]
        answers[name, "A"] = four or "NODATA"
        answers[name, "AAAA"] = six or "NODATA"
    for name, _ in list(answers):
        # Empty non-terminals exist (RFC 8020): asked for, they are NODATA, not NXDOMAIN.
        parent = name.partition(".")[2]
        while parent:
            answers.setdefault((parent, "A"), "NODATA")
            answers.setdefault((parent, "AAAA"), "NODATA")
            parent = parent.partition(".")[2]
    return answers


def breaks(
    names: Iterable[str],
    before: Setting | str,
    after: Setting | str,
    zone: Mapping[str, Any],
) -> list[Change]:
    """Look every name up under both settings.

    Parameters
    ----------
    names : iterable of str
        The names your application really uses.
    before, after : Setting or str
        A setting, or the text of a resolv.conf to be read by glibc.
    zone : mapping
        What exists, as for `zone_answers`.

    Returns
    -------
    list of Change
        One for each name, in order; those with ``effect == "breaks"`` stop resolving.

    Examples
    --------
    >>> conf = "nameserver 10.96.0.10\\nsearch shop.svc.cluster.local svc.cluster.local\\n"
    >>> zone = {"db.data.svc.cluster.local": ["10.0.0.7"]}
    >>> change, = breaks(["db.data"], Setting(conf + "options ndots:5\\n", "musl"),
    ...                  Setting(conf, "musl"), zone)
    >>> change.effect
    'breaks'
    """
    old = before if isinstance(before, Setting) else Setting(before)
    new = after if isinstance(after, Setting) else Setting(after)
    answers = zone_answers(zone)
    return [
        Change(
            name,
            lookup(name, old.resolv_conf, old.resolver, answers),
            lookup(name, new.resolv_conf, new.resolver, answers),
        )
        for name in names
    ]
