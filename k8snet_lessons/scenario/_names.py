"""Which names a resolver asks for, and where they are known."""

from dataclasses import dataclass
from functools import lru_cache

from k8snet_lessons.dns import lookup
from k8snet_lessons.scenario._scenario import Scenario

CLUSTER_DOMAIN = "cluster.local"


@dataclass(frozen=True)
class Candidate:
    """One name of a lookup.

    Attributes
    ----------
    name : str
        The name asked for, without the final dot.
    in_cluster : bool
        Whether CoreDNS answers it from memory; other names can go upstream.
    """

    name: str
    in_cluster: bool


def rounds(scenario: Scenario) -> tuple[tuple[Candidate, ...], bool]:
    """Return the names that a lookup asks for, in order, and whether it finds an address.

    Which they are is the resolver's business (:func:`k8snet_lessons.dns.lookup`); all
    names but :func:`full_name` are answered NXDOMAIN.
    """
    return _rounds(
        scenario.downstream_name,
        scenario.resolver,
        scenario.ndots,
        scenario.search_domains,
        scenario.namespace,
    )


@lru_cache(maxsize=256)
def _rounds(
    name: str, resolver: str, ndots: int, search_domains: tuple[str, ...], namespace: str
) -> tuple[tuple[Candidate, ...], bool]:
    search = f"search {' '.join(search_domains)}\n" if search_domains else ""
    exists = full_name(name.rstrip("."), namespace)
    looked_up = lookup(
        name,
        f"nameserver 10.96.0.10\n{search}options ndots:{ndots}\n",
        resolver=resolver,
        answers={(exists, "A"): ["192.0.2.1"], (exists, "AAAA"): "NODATA"},
    )
    return (
        tuple(Candidate(tried, _in_cluster(tried)) for tried in looked_up.names_tried),
        looked_up.found,
    )


def full_name(name: str, namespace: str) -> str:
    """Return the name under which `name` has an address.

    A name without dots is a Service in the pod's own namespace, ``name.<namespace>`` the
    same said longer, and ``name.other.svc`` a Service of that namespace. Anything else is
    a host outside the cluster and known by itself.
    """
    labels = name.split(".")
    if len(labels) == 1:
        return f"{name}.{namespace}.svc.{CLUSTER_DOMAIN}"
    if len(labels) == 2 and labels[1] == namespace:
        return f"{name}.svc.{CLUSTER_DOMAIN}"
    if len(labels) == 3 and labels[2] == "svc":
        return f"{name}.{CLUSTER_DOMAIN}"
    return name


def _in_cluster(name: str) -> bool:
    return name == CLUSTER_DOMAIN or name.endswith("." + CLUSTER_DOMAIN)
