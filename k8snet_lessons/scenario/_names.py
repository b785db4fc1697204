"""Which names a resolver asks for, and where they are known."""

from dataclasses import dataclass

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
    """Return the candidates up to the first that exists, and whether one does.

    The order is glibc's and Go's: with at least ndots dots the name itself comes first
    and the search list after; with fewer, the other way round. musl asks for the name
    alone in the first case. A final dot leaves the name alone in every resolver.
    """
    name = scenario.downstream_name.rstrip(".")
    through_list = [f"{name}.{domain.rstrip('.')}" for domain in scenario.search_domains]
    if scenario.downstream_name.endswith("."):
        order = [name]
    elif name.count(".") >= scenario.ndots:
        order = [name] if scenario.resolver == "musl" else [name, *through_list]
    else:
        order = [*through_list, name]
    exists = full_name(name, scenario.namespace)
    tried = []
    for candidate in order:
        tried.append(Candidate(candidate, _in_cluster(candidate)))
        if candidate == exists:
            return tuple(tried), True
    return tuple(tried), False


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
