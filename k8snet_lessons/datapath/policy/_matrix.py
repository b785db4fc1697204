"""Everybody to everybody: the verdicts of a whole cluster as arrays."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from k8snet_lessons.cluster import Cluster
from k8snet_lessons.datapath.policy._ends import End, check_port, check_protocol, pod_end
from k8snet_lessons.datapath.policy._rules import Direction, Peer, Rule, read_policies

BoolMatrix = npt.NDArray[np.bool_]


@dataclass(frozen=True, slots=True)
class Reachability:
    """Who may connect to whom on one port. Rows are sources, columns destinations.

    Attributes
    ----------
    pods : tuple of str
        ``"namespace/pod"``, in order.
    port, protocol : int, str
    allowed : ndarray of bool, shape (P, P)
        Both directions agree.
    egress, ingress : ndarray of bool, shape (P, P)
        What the source's, and the destination's, policies say.
    isolated_egress, isolated_ingress : ndarray of bool, shape (P,)
        Pods that some policy selects.
    """

    pods: tuple[str, ...]
    port: int
    protocol: str
    allowed: BoolMatrix
    egress: BoolMatrix
    ingress: BoolMatrix
    isolated_egress: BoolMatrix
    isolated_ingress: BoolMatrix

    def pairs(self) -> frozenset[tuple[str, str]]:
        """All (source, destination) that are allowed, a pod to itself left out."""
        rows, columns = np.nonzero(self.allowed)
        return frozenset(
            (self.pods[i], self.pods[j]) for i, j in zip(rows, columns, strict=True) if i != j
        )


def reachability(cluster: Cluster, port: int, protocol: str = "TCP") -> Reachability:
    """Work out the verdict of every pair of pods at once.

    The same semantics as `policy_verdict`, pair for pair, where the pair shares an address
    family; a pair that does not cannot connect.

    Parameters
    ----------
    cluster : Cluster
    port : int
        Destination port.
    protocol : {"TCP", "UDP", "SCTP"}

    Returns
    -------
    Reachability

    Raises
    ------
    InputError
    """
    protocol = check_protocol(protocol)
    ends = [pod_end(cluster, name) for name in sorted(cluster.pods)]
    # A name would mean another port in each pod, so this refuses names.
    number = check_port(End("the matrix", "", {}, (), "", False, None), port, protocol)
    count = len(ends)
    family = _families(ends)
    served = _Served(ends, number, protocol)
    open_to = {
        "egress": np.ones((count, count), dtype=bool),
        "ingress": np.ones((count, count), dtype=bool),
    }
    isolated = {name: np.zeros(count, dtype=bool) for name in open_to}
    policies = read_policies(cluster)
    alike = _Alike(ends)
    selected = [alike.each(policy.selects) for policy in policies]
    for policy, mine in zip(policies, selected, strict=True):
        for direction in policy.isolates:
            isolated[direction] |= mine
    open_to["egress"][isolated["egress"], :] = False
    open_to["ingress"][:, isolated["ingress"]] = False
    peers = _Peers(cluster, alike, family)
    for policy, mine in zip(policies, selected, strict=True):
        if not mine.any():
            continue
        for rule in policy.rules:
            ports = served.admitted(rule)
            who = peers.admitted(rule)
            if rule.direction == "egress":
                open_to["egress"] |= mine[:, None] & who & ports[None, :]
            else:
                open_to["ingress"] |= who & (mine & ports)[None, :]
    free = _never_policed(ends)
    for matrix in open_to.values():
        matrix |= free
    return Reachability(
        pods=tuple(end.name for end in ends),
        port=number,
        protocol=protocol,
        allowed=open_to["egress"] & open_to["ingress"] & (family > 0),
        egress=open_to["egress"],
        ingress=open_to["ingress"],
        isolated_egress=isolated["egress"],
        isolated_ingress=isolated["ingress"],
    )


class _Alike:
    """Pods with the same namespace and labels, which every selector treats the same."""

    def __init__(self, ends: list[End]) -> None:
        self.ends = ends
        first: dict[object, int] = {}
        kinds = [
            first.setdefault((end.namespace, tuple(sorted(end.labels.items()))), len(first))
            for end in ends
        ]
        self._kind = np.array(kinds, dtype=np.intp)
        self._samples: dict[int, End] = {}
        for kind, end in zip(kinds, ends, strict=True):
            self._samples.setdefault(kind, end)

    def each(self, holds: Callable[[End], bool]) -> BoolMatrix:
        """Ask once for each kind of pod; the answer for every pod."""
        answers = [holds(self._samples[kind]) for kind in range(len(self._samples))]
        return np.array(answers, dtype=bool)[self._kind]


class _Served:
    """Which destinations a rule's ports admit; equal port lists are looked up once."""

    def __init__(self, ends: list[End], number: int, protocol: str) -> None:
        self._ends, self._number, self._protocol = ends, number, protocol
        self._known: dict[object, BoolMatrix] = {}

    def admitted(self, rule: Rule) -> BoolMatrix:
        if rule.ports not in self._known:
            self._known[rule.ports] = np.array(
                [
                    not rule.ports
                    or any(p.admits(self._number, self._protocol, end.pod) for p in rule.ports)
                    for end in self._ends
                ],
                dtype=bool,
            )
        return self._known[rule.ports]


class _Peers:
    """The pairs a rule's peers admit, before ports."""

    def __init__(self, cluster: Cluster, alike: _Alike, family: npt.NDArray[np.int8]) -> None:
        self._cluster, self._alike, self._family = cluster, alike, family

    def admitted(self, rule: Rule) -> BoolMatrix:
        count = len(self._alike.ends)
        if not rule.peers:
            return np.ones((count, count), dtype=bool)
        found = np.zeros((count, count), dtype=bool)
        for peer in rule.peers:
            others = self._column(peer)
            # The other end is the destination of egress and the source of ingress.
            wide = others[None, :] if rule.direction == "egress" else others[:, None]
            if peer.block is not None:
                wide = wide & (self._family == peer.block.version)
            found |= wide
        return found

    def _column(self, peer: Peer) -> BoolMatrix:
        ends = self._alike.ends
        if peer.block is None:
            return self._alike.each(lambda end: peer.admits(self._cluster, end, None))
        version = peer.block.version
        met = [next((a for a in end.addresses if a.version == version), None) for end in ends]
        return np.array(
            [peer.admits(self._cluster, e, a) for e, a in zip(ends, met, strict=True)], dtype=bool
        )


def _families(ends: list[End]) -> npt.NDArray[np.int8]:
    """Family of each pair's connection: the destination's first that the source has; 0 if none."""
    has = {v: np.array([any(a.version == v for a in e.addresses) for e in ends]) for v in (4, 6)}
    first = np.array([e.addresses[0].version if e.addresses else 0 for e in ends], dtype=np.int8)
    family = np.zeros((len(ends), len(ends)), dtype=np.int8)
    for version in (4, 6):
        shared = has[version].astype(bool)[:, None] & has[version].astype(bool)[None, :]
        preferred = shared & (first == version)[None, :]
        family = np.where(preferred | (shared & (family == 0)), np.int8(version), family)
    return family


def _never_policed(ends: list[End]) -> BoolMatrix:
    nodes = np.array([end.node for end in ends], dtype=object)
    hosts = np.array([end.host_network for end in ends], dtype=bool)
    near = (nodes[:, None] == nodes[None, :]) & (nodes != "")[None, :]
    with_node = near & (hosts[:, None] ^ hosts[None, :])
    return np.asarray(with_node | np.eye(len(ends), dtype=bool), dtype=bool)


def isolation(cluster: Cluster, direction: Direction) -> dict[str, tuple[str, ...]]:
    """Name the policies that isolate each pod in one direction.

    Parameters
    ----------
    cluster : Cluster
    direction : {"ingress", "egress"}

    Returns
    -------
    dict of str to tuple of str
        Pod to policies; pods that no policy selects are there with none.
    """
    policies = [p for p in read_policies(cluster) if direction in p.isolates]
    return {
        name: tuple(p.name for p in policies if p.selects(pod_end(cluster, name)))
        for name in sorted(cluster.pods)
    }
