"""What an on-call may do about it: each fix changes the world, whatever is wrong with it."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from types import MappingProxyType
from typing import Any, Final

from k8snet_lessons.errors import InputError
from k8snet_lessons.incidents.layout import CHECKOUT_PORT, UNDERLAY_MTU
from k8snet_lessons.incidents.world import World


@dataclass(frozen=True)
class Fix:
    """One change.

    Attributes
    ----------
    name, title : str
    changes : callable
        From the world to the fields that it sets.
    """

    name: str
    title: str
    changes: Callable[[World], dict[str, Any]]

    def apply(self, world: World) -> World:
        """The world after the change has been rolled out."""
        return replace(world, **self.changes(world))


def _to(**fields: Any) -> Callable[[World], dict[str, Any]]:
    return lambda world: fields


_ALL: Final = (
    Fix("raise-conntrack", "Raise kube-proxy's conntrack limit to 262,144 entries a node",
        _to(conntrack_max=262_144)),
    Fix("release-ports", "Let the masquerade rule use all ports again", _to(snat_ports=64_512)),
    Fix("reuse-bank", "Let checkout keep connections to the bank open and reuse them",
        _to(bank_reuse=0.9)),
    Fix("restore-ndots", "Give checkout a dnsConfig with ndots: 2", _to(ndots=2)),
    Fix("lift-dns-limit", "Set CoreDNS's CPU limit to 400m", _to(coredns_limit_m=400)),
    Fix("more-coredns", "Run twice as many CoreDNS pods",
        lambda world: {"coredns_pods": 2 * world.coredns_pods}),
    Fix("node-cache", "Install NodeLocal DNSCache", _to(node_cache=True)),
    Fix("raise-uplink-mtu", "Set every switch port to 9,000 bytes", _to(uplink_mtu=UNDERLAY_MTU)),
    Fix("lower-pod-mtu", "Set the CNI's MTU to 1,450 on every node", _to(pod_mtu=1_450)),
    Fix("mtu-probing", "Turn on net.ipv4.tcp_mtu_probing in the pods", _to(mtu_probing=True)),
    Fix("open-tunnel", "Delete firewall rules that drop the tunnel's port",
        _to(tunnel_closed=False)),
    Fix("ledger-age", "Set a maximum connection age of 300 s on all ledger pods",
        _to(ledger_age_s=300, ledger_ageless=0)),
    Fix("ledger-by-call", "Balance calls in the client: headless Service and round_robin",
        _to(ledger_by_request=True)),
    Fix("affinity-off", "Remove sessionAffinity from the ledger Service",
        _to(ledger_affinity=False)),
    Fix("more-ledger", "Run four more ledger pods",
        lambda world: {"ledger_pods": world.ledger_pods + 4}),
    Fix("restart-checkout", "Restart the checkout pods", _to(fresh_channels=True)),
    Fix("scale-checkout", "Scale checkout to nine pods, three in each zone", _to(checkout_pods=9)),
    Fix("same-zone", "Replace the annotation by trafficDistribution: PreferSameZone",
        _to(topology_mode=False, traffic_distribution="PreferSameZone")),
    Fix("allow-dns", "Allow egress from checkout to kube-dns on port 53", _to(allow_dns=True)),
    Fix("allow-edge", "Allow ingress to checkout from the namespace edge",
        _to(allow_edge_namespace=True)),
    Fix("external-cluster", "Set externalTrafficPolicy: Cluster on the edge Service",
        _to(external_policy="Cluster")),
    Fix("edge-everywhere", "Run an edge pod on every node", _to(edge_everywhere=True)),
    Fix("target-port", "Set the checkout Service's targetPort to 8080",
        _to(target_port=CHECKOUT_PORT)),
    Fix("selector", "Set the checkout Service's selector to app: checkout",
        _to(checkout_selector="checkout")),
    Fix("raise-read-timeout", "Raise the proxy's read time-out to 30 s", _to(read_timeout_s=30)),
)  # fmt: skip

FIXES: Final[Mapping[str, Fix]] = MappingProxyType({one.name: one for one in _ALL})


def fix(name: str) -> Fix:
    """Look a fix up; InputError if there is none."""
    if name not in FIXES:
        raise InputError("fix", name, "one of " + ", ".join(FIXES))
    return FIXES[name]


def remedies() -> dict[str, str]:
    """Every fix that can be chosen, by title."""
    every = {name: each.title for name, each in FIXES.items()}
    return dict(sorted(every.items(), key=lambda item: item[1]))
