"""NetworkPolicy compiled to nftables, for one node that forwards between its pods.

What a CNI with an nftables datapath does, without its economies: a chain for each isolated
pod and direction, found through a verdict map; addresses of peers spelled out. Replies pass
by connection tracking. What policies refuse is dropped, so that a client waits for its own
time-out: the API names no other answer.
"""

from ipaddress import ip_network

from k8snet_lessons.cluster import Cluster
from k8snet_lessons.datapath.policy._ends import Address, End, container_port, pod_end
from k8snet_lessons.datapath.policy._rules import (
    Direction,
    Network,
    Policy,
    Port,
    Rule,
    read_policies,
)

TABLE = "k8snet_policy"
_KEYWORD = {4: "ip", 6: "ip6"}


def to_nftables(cluster: Cluster) -> str:
    """Write the cluster's NetworkPolicies as a ruleset for ``nft -f``.

    Traffic between a pod and the node itself does not pass the forward hook: it is never
    refused, as the API wants it. Pods on the host network are not policed.

    Parameters
    ----------
    cluster : Cluster

    Returns
    -------
    str
        One ``inet`` table that replaces an earlier one of its name.

    Examples
    --------
    >>> from k8snet_lessons.cluster import load_manifests
    >>> print(to_nftables(load_manifests("")).splitlines()[0])
    table inet k8snet_policy
    """
    ends = [pod_end(cluster, name) for name in sorted(cluster.pods)]
    policies = read_policies(cluster)
    chains: list[str] = []
    jumps: dict[tuple[Direction, int], list[str]] = {}
    directions: tuple[Direction, ...] = ("egress", "ingress")
    for direction in directions:
        for index, end in enumerate(ends):
            selecting = [p for p in policies if direction in p.isolates and p.selects(end)]
            if not selecting:
                continue
            chain = f"{direction}_{index}"
            chains.append(_pod_chain(cluster, chain, direction, end, ends, selecting))
            for address in end.addresses:
                jumps.setdefault((direction, address.version), []).append(
                    f"{address} : jump {chain}"
                )
    lines = [f"table inet {TABLE}", f"delete table inet {TABLE}", f"table inet {TABLE} {{"]
    lines += chains
    lines += ["  chain forward {", "    type filter hook forward priority filter; policy accept;"]
    lines += ["    ct state established,related accept"]
    for version in (4, 6):
        word = _KEYWORD[version]
        for direction in directions:
            side = "saddr" if direction == "egress" else "daddr"
            entries = jumps.get((direction, version))
            if entries:
                lines.append(f"    {word} {side} vmap {{ {', '.join(entries)} }}")
    lines += ["  }", "}"]
    return "\n".join(lines) + "\n"


def _pod_chain(
    cluster: Cluster,
    chain: str,
    direction: Direction,
    end: End,
    ends: list[End],
    selecting: list[Policy],
) -> str:
    lines = [f"  chain {chain} {{ # {end.name}"]
    for address in end.addresses:
        itself = f"{_KEYWORD[address.version]} {_side(direction)} {address}"
        lines.append(f"    {itself} return")
    for policy in selecting:
        for rule in policy.rules_for(direction):
            note = f'comment "{policy.name} {direction} {rule.number}"'
            lines += [f"    {match} return {note}" for match in _matches(cluster, rule, end, ends)]
    lines += [f'    counter drop comment "{end.name} {direction}"', "  }"]
    return "\n".join(lines)


def _matches(cluster: Cluster, rule: Rule, end: End, ends: list[End]) -> list[str]:
    """Write one rule as nft matches; any of them lets a packet through."""
    found: list[str] = []
    ports: tuple[Port | None, ...] = rule.ports or (None,)
    for port in ports:
        if port is None or not port.name:
            found += _join(_peer_matches(cluster, rule, ends), _port_match(port))
        elif rule.direction == "ingress":
            number = container_port(end.pod, port.name, port.protocol)
            if number is not None:
                served = _port_match(Port(port.protocol, number, number))
                found += _join(_peer_matches(cluster, rule, ends), served)
        else:
            # A name is another number in each destination.
            for other in ends:
                number = container_port(other.pod, port.name, port.protocol)
                if number is not None:
                    served = _port_match(Port(port.protocol, number, number))
                    mine = _peer_matches(cluster, rule, [other], everybody=False)
                    found += _join(mine, served)
    return found


def _peer_matches(
    cluster: Cluster, rule: Rule, ends: list[End], everybody: bool = True
) -> list[str]:
    side = _side(rule.direction)
    found = []
    if not rule.peers:
        if everybody:
            return [""]
        return [_one_of(side, [a for end in ends for a in end.addresses])]
    for peer in rule.peers:
        if peer.block is None:
            chosen = [a for e in ends if peer.admits(cluster, e, None) for a in e.addresses]
            for version in (4, 6):
                family = [a for a in chosen if a.version == version]
                if family:
                    found.append(_one_of(side, family))
        elif everybody:
            found.append(_block(side, peer.block, peer.excepted))
        else:
            inside = [a for e in ends for a in e.addresses if peer.admits(cluster, e, a)]
            if inside:
                found.append(_one_of(side, inside))
    return found


def _one_of(side: str, addresses: list[Address]) -> str:
    word = _KEYWORD[addresses[0].version]
    return f"{word} {side} {{ {', '.join(map(str, addresses))} }}"


def _block(side: str, block: Network, excepted: tuple[Network, ...]) -> str:
    word = _KEYWORD[block.version]
    holes = (
        f" {word} {side} != {{ {', '.join(map(str, _outermost(excepted)))} }}" if excepted else ""
    )
    whole = block.prefixlen == 0
    inside = f"meta nfproto {'ipv4' if block.version == 4 else 'ipv6'}" if whole else ""
    return (inside or f"{word} {side} {block}") + holes


def _outermost(networks: tuple[Network, ...]) -> list[Network]:
    """Leave out networks inside others: nft refuses sets whose intervals overlap."""
    return [
        each
        for each in dict.fromkeys(networks)
        if not any(each != o and ip_network(each).subnet_of(o) for o in networks)  # type: ignore[arg-type]
    ]


def _port_match(port: Port | None) -> str:
    if port is None:
        # NetworkPolicy is about these three; what it says of others is the CNI's affair.
        return "meta l4proto { tcp, udp, sctp }"
    protocol = port.protocol.lower()
    if port.low is None:
        return f"meta l4proto {protocol}"
    span = str(port.low) if port.low == port.high else f"{port.low}-{port.high}"
    return f"{protocol} dport {span}"


def _join(peers: list[str], port: str) -> list[str]:
    return [" ".join(part for part in (peer, port) if part) for peer in peers]


def _side(direction: Direction) -> str:
    return "daddr" if direction == "egress" else "saddr"
