"""NetworkPolicies read once: whom they select, and what each of their rules lets through."""

from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache
from ipaddress import IPv4Network, IPv6Network, ip_network
from typing import Any, Literal, TypeAlias

from k8snet_lessons.cluster import Cluster, selector_matches
from k8snet_lessons.datapath.policy._ends import Address, End, container_port

Direction: TypeAlias = Literal["ingress", "egress"]
DIRECTIONS: tuple[Direction, ...] = ("ingress", "egress")
Network: TypeAlias = IPv4Network | IPv6Network


@dataclass(frozen=True, slots=True)
class Port:
    """One entry of ``ports``; the API fills in TCP where no protocol stands."""

    protocol: str
    low: int | None
    high: int | None
    name: str = ""

    def admits(self, port: int, protocol: str, served_by: Any) -> bool:
        """Whether a port of the destination passes; a name is looked up in its pod."""
        if protocol != self.protocol:
            return False
        if self.name:
            return container_port(served_by, self.name, protocol) == port
        return self.low is None or (self.high is not None and self.low <= port <= self.high)

    def __str__(self) -> str:
        if self.name:
            return f"{self.protocol} {self.name}"
        if self.low is None:
            return f"any {self.protocol} port"
        return f"{self.protocol} {self.low}" + (f"-{self.high}" if self.high != self.low else "")


@dataclass(frozen=True, slots=True)
class Peer:
    """One entry of ``from`` or ``to``.

    A pod selector alone looks into the policy's own namespace; a namespace selector alone
    takes every pod of the namespaces it picks; both in one entry must both hold.
    """

    home: str
    pods: Any
    namespaces: Any
    block: Network | None
    excepted: tuple[Network, ...] = ()

    def admits(self, cluster: Cluster, end: End, address: Address | None) -> bool:
        """Whether the other end, at this address, is one of those meant."""
        if self.block is not None:
            return (
                address is not None
                and address in self.block
                and not any(address in hole for hole in self.excepted)
            )
        if not end.policed:
            return False
        if self.namespaces is None:
            if end.namespace != self.home:
                return False
        elif not selector_matches(self.namespaces, cluster.namespace_labels(end.namespace)):
            return False
        return self.pods is None or selector_matches(self.pods, end.labels)

    def why_not(self, cluster: Cluster, end: End, address: Address | None) -> str:
        """Say why the other end is not meant; empty where `admits` holds."""
        if self.block is not None:
            if address is None or address.version != self.block.version:
                return f"{end.name} has no IPv{self.block.version} address"
            if address not in self.block:
                return f"{address} is outside {self.block}"
            hole = next((each for each in self.excepted if address in each), None)
            return f"{address} is in {hole}, excepted from {self.block}" if hole else ""
        if not end.policed:
            what = "is on the host network" if end.host_network else "is no pod of this cluster"
            return f"{end.name} {what}, and selectors pick pods"
        if self.namespaces is None:
            if end.namespace != self.home:
                return (
                    f"{end.name} is not in {self.home}, and without a namespaceSelector "
                    "the podSelector looks nowhere else"
                )
        elif not selector_matches(self.namespaces, cluster.namespace_labels(end.namespace)):
            return f"namespace {end.namespace} does not match {show_selector(self.namespaces)}"
        if self.pods is not None and not selector_matches(self.pods, end.labels):
            return f"the labels of {end.name} do not match {show_selector(self.pods)}"
        return ""

    def __str__(self) -> str:
        if self.block is not None:
            holes = " except " + ", ".join(map(str, self.excepted)) if self.excepted else ""
            return f"addresses in {self.block}{holes}"
        pods = "every pod" if self.pods is None else f"pods with {show_selector(self.pods)}"
        if self.namespaces is None:
            return f"{pods} in namespace {self.home}"
        return f"{pods} in namespaces with {show_selector(self.namespaces)}"


@dataclass(frozen=True, slots=True)
class Rule:
    """One ingress or egress rule. No peers mean anybody, no ports mean every port."""

    policy: str
    direction: Direction
    number: int
    peers: tuple[Peer, ...]
    ports: tuple[Port, ...]

    def __str__(self) -> str:
        return f"NetworkPolicy {self.policy}, {self.direction} rule {self.number}"


@dataclass(frozen=True, slots=True)
class Policy:
    """One NetworkPolicy, reduced to what decides."""

    name: str
    namespace: str
    selector: Any
    isolates: frozenset[Direction]
    rules: tuple[Rule, ...]

    def selects(self, end: End) -> bool:
        """Whether the policy applies to this pod."""
        return (
            end.policed
            and end.namespace == self.namespace
            and (self.selector is None or selector_matches(self.selector, end.labels))
        )

    def rules_for(self, direction: Direction) -> Iterator[Rule]:
        """Iterate over the rules of one direction."""
        return (rule for rule in self.rules if rule.direction == direction)


def read_policies(cluster: Cluster) -> tuple[Policy, ...]:
    """Read every NetworkPolicy of a cluster, in order of name.

    Parameters
    ----------
    cluster : Cluster

    Returns
    -------
    tuple of Policy
    """
    return tuple(
        _read(name, cluster.network_policies[name]) for name in sorted(cluster.network_policies)
    )


def _read(name: str, manifest: Any) -> Policy:
    namespace = manifest.metadata.namespace or "default"
    spec = manifest.spec
    if spec is None:
        return Policy(name, namespace, None, frozenset({"ingress"}), ())
    given = spec.policyTypes or []
    # Nothing given means Ingress, and Egress only where there is an egress rule to obey
    # (SetDefaults_NetworkPolicy in pkg/apis/networking/v1/defaults.go).
    isolates: set[Direction] = {"ingress"} if not given or "Ingress" in given else set()
    if "Egress" in given or (not given and spec.egress):
        isolates.add("egress")
    rules: list[Rule] = []
    for number, rule in enumerate(spec.ingress or [], 1):
        rules.append(_rule(name, namespace, "ingress", number, rule.from_, rule.ports))
    for number, rule in enumerate(spec.egress or [], 1):
        rules.append(_rule(name, namespace, "egress", number, rule.to, rule.ports))
    # Rules of a direction that policyTypes leaves out are there, but nobody asks them.
    kept = tuple(rule for rule in rules if rule.direction in isolates)
    return Policy(name, namespace, spec.podSelector, frozenset(isolates), kept)


def _rule(
    policy: str, namespace: str, direction: Direction, number: int, peers: Any, ports: Any
) -> Rule:
    return Rule(
        policy,
        direction,
        number,
        tuple(_peer(namespace, each) for each in peers or []),
        tuple(_port(each) for each in ports or []),
    )


def _peer(namespace: str, peer: Any) -> Peer:
    block = peer.ipBlock
    if block is not None:
        holes = tuple(_network(text) for text in block.except_ or [])
        return Peer(namespace, None, None, _network(block.cidr), holes)
    return Peer(namespace, peer.podSelector, peer.namespaceSelector, None)


def _port(entry: Any) -> Port:
    protocol = entry.protocol or "TCP"
    if entry.port is None:
        return Port(protocol, None, None)
    if isinstance(entry.port, str):
        return Port(protocol, None, None, entry.port)
    return Port(protocol, entry.port, entry.endPort or entry.port)


@lru_cache(maxsize=4_096)
def _network(text: str) -> Network:
    # Host bits in a block are accepted by the API server, with a warning, and ignored.
    return ip_network(text, strict=False)


def show_selector(selector: Any) -> str:
    """Write a label selector as ``kubectl -l`` would take it; an empty one is "any labels"."""
    terms = [f"{key}={value}" for key, value in sorted((selector.matchLabels or {}).items())]
    for each in selector.matchExpressions or []:
        values = "(" + ", ".join(each.values or []) + ")"
        terms.append(
            {
                "In": f"{each.key} in {values}",
                "NotIn": f"{each.key} notin {values}",
                "Exists": each.key,
                "DoesNotExist": f"!{each.key}",
            }[each.operator]
        )
    return ",".join(terms) or "any labels"
