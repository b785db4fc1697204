"""From names and a resolv.conf to what the servers are asked: the rounds of each lookup.

A round is what a resolver sends at once for one candidate name, A and AAAA, and waits for.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache

from k8snet_lessons.dns._breaks import zone_answers
from k8snet_lessons.dns._lookup import lookup
from k8snet_lessons.dns._resolvconf import ResolvConf, parse_resolv_conf, release_of
from k8snet_lessons.errors import InputError


@dataclass(frozen=True)
class Round:
    """What is asked at once.

    Attributes
    ----------
    qname : str
    qtypes : tuple of str
    in_cluster : bool
        Whether CoreDNS answers from what the API server told it.
    exists : tuple of bool
        For each question, whether there is an address.
    """

    qname: str
    qtypes: tuple[str, ...]
    in_cluster: bool
    exists: tuple[bool, ...]


@dataclass(frozen=True)
class PlannedName:
    """One name the application looks up.

    Attributes
    ----------
    name : str
    share : float
        Of all lookups.
    rounds : tuple of Round
    found : bool
    """

    name: str
    share: float
    rounds: tuple[Round, ...]
    found: bool


def plan(
    names: Sequence[tuple[str, float]],
    resolv_conf: str,
    resolver: str,
    zone: Mapping[str, Sequence[str]],
    cluster_domain: str,
) -> tuple[PlannedName, ...]:
    """Ask the model of the resolver what each name costs when every server answers."""
    total = sum(weight for _, weight in names)
    if not names or not total > 0:
        raise InputError("names", names, "at least one name with a weight above zero")
    for name, weight in names:
        if not weight >= 0:
            raise InputError(f"names: weight of {name}", weight, "not negative")
    zone_answers(zone)  # speaks up where an address list is none
    frozen = tuple((name, tuple(addresses)) for name, addresses in zone.items())
    looked_up = (
        _looked_up(name, resolv_conf, resolver, frozen, cluster_domain) for name, _ in names
    )
    return tuple(
        PlannedName(name, weight / total, *rounds_and_found)
        for (name, weight), rounds_and_found in zip(names, looked_up, strict=True)
    )


# The servers' knobs leave the lookups alone; a curve asks for the same ones at every point.
@lru_cache(maxsize=1_024)
def _looked_up(
    name: str,
    resolv_conf: str,
    resolver: str,
    zone: tuple[tuple[str, tuple[str, ...]], ...],
    cluster_domain: str,
) -> tuple[tuple[Round, ...], bool]:
    answers = zone_answers(dict(zone))
    found = lookup(name, resolv_conf, resolver, answers, listening=lambda server: True)
    asked: dict[str, dict[str, bool]] = {}
    for query in found.queries:
        asked.setdefault(query.qname.lower(), {})[query.qtype] = query.reply == "addresses"
    rounds = tuple(
        Round(qname, tuple(types), _inside(qname, cluster_domain), tuple(types.values()))
        for qname, types in asked.items()
    )
    return rounds, found.found


def _inside(qname: str, cluster_domain: str) -> bool:
    return qname == cluster_domain or qname.endswith("." + cluster_domain)


def retry_after_s(conf: ResolvConf) -> float:
    """How long the resolver waits for an answer before it asks again."""
    if conf.resolver == "musl":
        return conf.timeout_s / max(1, conf.attempts)
    return float(max(1, conf.timeout_s))


def read_conf(resolv_conf: str, resolver: str) -> ResolvConf:
    """The configuration behind a plan."""
    release_of(resolver)
    return parse_resolv_conf(resolv_conf, resolver)
