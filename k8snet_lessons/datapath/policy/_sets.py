"""Policy sets as wholes: what changed, whether a set allows exactly this, and the smallest."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from itertools import combinations
from typing import Any

from lightkube.models import meta_v1, networking_v1

from k8snet_lessons.cluster import Cluster, load_manifests
from k8snet_lessons.datapath.policy._ends import check_protocol
from k8snet_lessons.datapath.policy._matrix import Reachability, reachability
from k8snet_lessons.errors import InputError

NAME_LABEL = "kubernetes.io/metadata.name"


@dataclass(frozen=True, slots=True, order=True)
class Flow:
    """A connection that shall be possible."""

    src: str
    dst: str
    port: int
    protocol: str = "TCP"


@dataclass(frozen=True, slots=True)
class PolicyDiff:
    """What a change of policies opens and closes, as (source, destination) pairs."""

    opened: tuple[tuple[str, str], ...]
    closed: tuple[tuple[str, str], ...]


@dataclass(frozen=True, slots=True)
class ExactCheck:
    """Whether policies allow exactly the flows wished for. True where they do."""

    missing: tuple[Flow, ...]
    surplus: tuple[Flow, ...]

    def __bool__(self) -> bool:
        return not self.missing and not self.surplus


@dataclass(frozen=True, slots=True)
class SmallestPolicy:
    """A policy, how many selector terms it takes, and the check that it does what was asked."""

    manifest: Mapping[str, Any]
    terms: int
    check: ExactCheck


def with_policies(cluster: Cluster, policies: str | Mapping[str, Any] | Cluster) -> Cluster:
    """Give a cluster another set of NetworkPolicies, everything else untouched.

    Parameters
    ----------
    cluster : Cluster
    policies : str, mapping or Cluster
        Manifests, policies by ``"namespace/name"``, or a cluster whose policies are taken.

    Returns
    -------
    Cluster

    Raises
    ------
    ManifestError
        If the manifests would be refused.
    """
    if isinstance(policies, str):
        policies = load_manifests(policies) if policies.strip() else {}
    if isinstance(policies, Cluster):
        policies = policies.network_policies
    return replace(cluster, network_policies=dict(policies))


def diff_policies(before: Reachability, after: Reachability) -> PolicyDiff:
    """Compare two reachability matrices pair by pair.

    Parameters
    ----------
    before, after : Reachability
        Of the same port; pods that only one of them has are compared as unreachable.

    Returns
    -------
    PolicyDiff

    Raises
    ------
    InputError
        If the ports differ.
    """
    if (before.port, before.protocol) != (after.port, after.protocol):
        raise InputError("after", f"{after.protocol} {after.port}", "the port of before")
    old, new = before.pairs(), after.pairs()
    return PolicyDiff(tuple(sorted(new - old)), tuple(sorted(old - new)))


def allows_exactly(
    cluster: Cluster, flows: Iterable[Flow], among: Iterable[tuple[int, str]] | None = None
) -> ExactCheck:
    """Check that, among all pods, exactly these flows are possible.

    Parameters
    ----------
    cluster : Cluster
    flows : iterable of Flow
        Pod to pod. A pod to itself is always possible and not counted.
    among : iterable of (int, str), optional
        Ports and protocols to try; by default those that pods declare and flows name.

    Returns
    -------
    ExactCheck

    Raises
    ------
    InputError
        If a flow names a pod that is not there.
    """
    wanted = set(flows)
    for flow in wanted:
        cluster.pod(flow.src)
        cluster.pod(flow.dst)
    tried = set(among) if among is not None else _declared_ports(cluster)
    tried |= {(flow.port, check_protocol(flow.protocol)) for flow in wanted}
    possible = {
        Flow(src, dst, port, protocol)
        for port, protocol in tried
        for src, dst in reachability(cluster, port, protocol).pairs()
    }
    wanted = {flow for flow in wanted if flow.src != flow.dst}
    return ExactCheck(tuple(sorted(wanted - possible)), tuple(sorted(possible - wanted)))


def smallest_policy(
    cluster: Cluster,
    targets: Iterable[str],
    sources: Iterable[str],
    port: int,
    protocol: str = "TCP",
    name: str = "smallest",
) -> SmallestPolicy:
    """Find an ingress policy with the fewest selector terms that lets exactly `sources` in.

    Every way to pick the targets by labels they share is tried, shortest first, and so is
    every way to pick the sources of each namespace, with one peer a namespace. Smallest
    means fewest labels among such policies: matchLabels only, no matchExpressions, no
    ipBlock.

    Parameters
    ----------
    cluster : Cluster
        Its own policies do not count.
    targets, sources : iterable of str
        ``"namespace/pod"``; the targets in one namespace.
    port : int
    protocol : {"TCP", "UDP", "SCTP"}
    name : str

    Returns
    -------
    SmallestPolicy
        Its check counts the flows into the targets, on the ports that pods declare and on
        `port`.

    Raises
    ------
    InputError
        If no labels part the targets, or the sources of a namespace, from their neighbors.
    """
    protocol = check_protocol(protocol)
    inside, outside = sorted(set(targets)), sorted(set(sources))
    for pod in (*inside, *outside):
        cluster.pod(pod)
    if not inside:
        raise InputError("targets", inside, "at least one pod")
    homes = {_namespace(cluster, pod) for pod in inside}
    if len(homes) != 1:
        raise InputError("targets", inside, "pods of one namespace")
    home = homes.pop()
    chosen = _shortest_labels(cluster, home, inside, "targets")
    peers = []
    terms = len(chosen)
    # A target reaches itself in any case, so it may or may not be among the sources.
    spare = frozenset(inside) if len(inside) == 1 else frozenset()
    for namespace in sorted({_namespace(cluster, pod) for pod in outside}):
        wanted = [pod for pod in outside if _namespace(cluster, pod) == namespace]
        labels = _shortest_labels(cluster, namespace, wanted, "sources", spare)
        terms += len(labels) + (namespace != home)
        elsewhere = meta_v1.LabelSelector(matchLabels={NAME_LABEL: namespace})
        peers.append(
            networking_v1.NetworkPolicyPeer(
                podSelector=meta_v1.LabelSelector(matchLabels=labels or None)
                if labels or namespace == home
                else None,
                namespaceSelector=None if namespace == home else elsewhere,
            )
        )
    rule = networking_v1.NetworkPolicyIngressRule(
        from_=peers, ports=[networking_v1.NetworkPolicyPort(port=port, protocol=protocol)]
    )
    policy = networking_v1.NetworkPolicy(
        apiVersion="networking.k8s.io/v1",
        kind="NetworkPolicy",
        metadata=meta_v1.ObjectMeta(name=name, namespace=home),
        spec=networking_v1.NetworkPolicySpec(
            podSelector=meta_v1.LabelSelector(matchLabels=chosen or None),
            policyTypes=["Ingress"],
            ingress=[rule] if peers else [],
        ),
    )
    tried = with_policies(cluster, {f"{home}/{name}": policy})
    flows = {Flow(src, dst, port, protocol) for src in outside for dst in inside if src != dst}
    check = allows_exactly(tried, flows)
    into = tuple(flow for flow in check.surplus if flow.dst in inside)
    return SmallestPolicy(policy.to_dict(), terms, ExactCheck(check.missing, into))


def _shortest_labels(
    cluster: Cluster,
    namespace: str,
    wanted: list[str],
    what: str,
    spare: frozenset[str] = frozenset(),
) -> dict[str, str]:
    neighbors = {
        name: pod.metadata.labels or {}
        for name, pod in sorted(cluster.pods.items())
        if _namespace(cluster, name) == namespace and not pod.spec.hostNetwork
    }
    shared = set(neighbors.get(wanted[0], {}).items())
    for pod in wanted[1:]:
        shared &= set(neighbors.get(pod, {}).items())
    for size in range(len(shared) + 1):
        for labels in combinations(sorted(shared), size):
            picked = {pod for pod, has in neighbors.items() if set(labels) <= set(has.items())}
            if picked - spare == set(wanted) - spare:
                return dict(labels)
    raise InputError(what, wanted, f"pods that shared labels part from the rest of {namespace}")


def _namespace(cluster: Cluster, pod: str) -> str:
    return str(cluster.pods[pod].metadata.namespace or "default")


def _declared_ports(cluster: Cluster) -> set[tuple[int, str]]:
    return {
        (int(port.containerPort), port.protocol or "TCP")
        for pod in cluster.pods.values()
        for container in pod.spec.containers or []
        for port in container.ports or []
    }
