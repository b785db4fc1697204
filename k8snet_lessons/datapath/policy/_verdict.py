"""May this end connect to that one? The semantics of NetworkPolicy, with the reasons.

https://kubernetes.io/docs/concepts/services-networking/network-policies/ : a pod is isolated in
a direction as soon as one policy selects it for that direction; then only what some rule of
some selecting policy allows gets through. A connection needs its egress at the source and
its ingress at the destination. Replies need nothing: policies are about connections.
"""

from dataclasses import dataclass

from k8snet_lessons.cluster import Cluster
from k8snet_lessons.datapath.policy._ends import (
    Address,
    End,
    check_port,
    check_protocol,
    end_of,
    meeting_addresses,
)
from k8snet_lessons.datapath.policy._rules import Direction, Policy, Rule, read_policies


@dataclass(frozen=True, slots=True)
class DirectionVerdict:
    """What the policies say of one direction at one end.

    Attributes
    ----------
    direction : {"egress", "ingress"}
    end : str
        The pod asked about.
    allowed : bool
    isolated_by : tuple of str
        The policies that select the pod for this direction.
    allowed_by : tuple of str
        The rules that let the connection through.
    refused : tuple of str
        For a refusal: each rule that was asked, and why it did not match.
    because : str
    """

    direction: Direction
    end: str
    allowed: bool
    isolated_by: tuple[str, ...]
    allowed_by: tuple[str, ...]
    refused: tuple[str, ...]
    because: str


@dataclass(frozen=True, slots=True)
class Verdict:
    """Whether a connection may be opened, and who decided. True where it may.

    Attributes
    ----------
    allowed : bool
    because : str
        The deciding policies and rules in words.
    egress, ingress : DirectionVerdict
        At the source and at the destination.
    implementation_defined : tuple of str
        Where the API leaves the answer to the CNI: what was assumed here.
    """

    allowed: bool
    because: str
    egress: DirectionVerdict
    ingress: DirectionVerdict
    implementation_defined: tuple[str, ...] = ()

    def __bool__(self) -> bool:
        return self.allowed


def policy_verdict(
    cluster: Cluster, src: str, dst: str, port: int | str, protocol: str = "TCP"
) -> Verdict:
    """Decide whether ``src`` may open a connection to ``dst``.

    Parameters
    ----------
    cluster : Cluster
    src, dst : str
        ``"namespace/pod"``, or an IP address. The address of a pod means that pod.
    port : int or str
        Destination port; a name is looked up in the destination pod.
    protocol : {"TCP", "UDP", "SCTP"}

    Returns
    -------
    Verdict

    Raises
    ------
    InputError
        If an end, the port or the protocol is none.
    """
    protocol = check_protocol(protocol)
    source, target = end_of(cluster, src), end_of(cluster, dst)
    number = check_port(target, port, protocol)
    assumed = _assumptions(source, target)
    free = _never_policed(source, target)
    if free:
        nothing = (
            _open("egress", source, free),
            _open("ingress", target, free),
        )
        return Verdict(True, free, *nothing, assumed)
    ours, theirs = meeting_addresses(source, target)
    policies = read_policies(cluster)
    egress = _judge(cluster, policies, "egress", source, target, theirs, target, number, protocol)
    ingress = _judge(cluster, policies, "ingress", target, source, ours, target, number, protocol)
    refusing = [each.because for each in (egress, ingress) if not each.allowed]
    because = "; ".join(refusing or [egress.because, ingress.because])
    return Verdict(not refusing, because, egress, ingress, assumed)


def _judge(
    cluster: Cluster,
    policies: tuple[Policy, ...],
    direction: Direction,
    end: End,
    other: End,
    address: Address | None,
    server: End,
    port: int,
    protocol: str,
) -> DirectionVerdict:
    if not end.policed:
        why = "is on the host network" if end.host_network else "is no pod"
        return _open(direction, end, f"{end.name} {why}: no policy selects it")
    selecting = [p for p in policies if direction in p.isolates and p.selects(end)]
    if not selecting:
        return _open(direction, end, f"no policy selects {end.name} for {direction}")
    allowed_by, refused = [], []
    for policy in selecting:
        rules = list(policy.rules_for(direction))
        for rule in rules:
            why = _why_not(cluster, rule, other, address, server, port, protocol)
            if why:
                refused.append(f"{rule}: {why}")
            else:
                allowed_by.append(_how(cluster, rule, other, address, server, port, protocol))
        if not rules:
            refused.append(f"NetworkPolicy {policy.name} has no {direction} rule")
    names = tuple(policy.name for policy in selecting)
    where = "at the source" if direction == "egress" else "at the destination"
    if allowed_by:
        because = f"{direction} {where} allowed by {' and by '.join(allowed_by)}"
    else:
        plural = "policies" if len(names) > 1 else "policy"
        because = (
            f"{direction} {where} denied: {end.name} is isolated by {plural} {', '.join(names)}, "
            f"and no rule allows {protocol} {port}"
            f"{' from ' if direction == 'ingress' else ' to '}{other.name} ({'; '.join(refused)})"
        )
    return DirectionVerdict(
        direction, end.name, bool(allowed_by), names, tuple(allowed_by), tuple(refused), because
    )


def _why_not(
    cluster: Cluster,
    rule: Rule,
    other: End,
    address: Address | None,
    server: End,
    port: int,
    protocol: str,
) -> str:
    missed = [peer.why_not(cluster, other, address) for peer in rule.peers]
    if missed and all(missed):
        return "; ".join(dict.fromkeys(missed))
    if rule.ports and not any(p.admits(port, protocol, server.pod) for p in rule.ports):
        return f"{protocol} {port} is not among its ports ({', '.join(map(str, rule.ports))})"
    return ""


def _how(
    cluster: Cluster,
    rule: Rule,
    other: End,
    address: Address | None,
    server: End,
    port: int,
    protocol: str,
) -> str:
    peer = next((str(p) for p in rule.peers if p.admits(cluster, other, address)), "anybody")
    entry = next((str(p) for p in rule.ports if p.admits(port, protocol, server.pod)), "every port")
    return f"{rule} ({peer}; {entry})"


def _open(direction: Direction, end: End, because: str) -> DirectionVerdict:
    return DirectionVerdict(direction, end.name, True, (), (), (), because)


def _never_policed(source: End, target: End) -> str:
    if source.pod is not None and source.name == target.name:
        return f"{source.name} connects to itself, which no policy can forbid"
    for node, pod in ((source, target), (target, source)):
        stands_for_node = node.host_network or (node.pod is None and bool(node.node))
        if stands_for_node and pod.policed and node.node == pod.node:
            return f"{node.name} is node {node.node}, where {pod.name} runs: never refused"
    return ""


def _assumptions(source: End, target: End) -> tuple[str, ...]:
    notes = [
        f"{end.name} is on the host network: taken for its node, as most CNIs do, so that "
        "policies neither select it nor pick it by labels"
        for end in (source, target)
        if end.host_network
    ]
    notes += [
        f"{end.name} is an address of node {end.node}: whether an ipBlock sees it as such "
        "depends on the CNI's address translation"
        for end in (source, target)
        if end.pod is None and end.node
    ]
    if target.service:
        notes.append(
            f"{target.name} is the cluster IP of Service {target.service}: most CNIs judge a "
            "connection after it was rewritten to a pod; ask about that pod"
        )
    return tuple(notes)
