"""What becomes of a packet between two ends: the one answer that traffic and tools share."""

from dataclasses import dataclass
from fractions import Fraction
from functools import lru_cache
from typing import Literal

from k8snet_lessons.cluster import cluster_ips
from k8snet_lessons.control import program
from k8snet_lessons.control.rules import IptablesRuleset
from k8snet_lessons.datapath import Packet, policy_verdict, reachable
from k8snet_lessons.datapath.cni import MtuPath, pod_mtu_bytes
from k8snet_lessons.incidents.layout import (
    APART,
    BALANCER,
    CHECKOUT_PORT,
    EDGE_PORT,
    LEDGER_PORT,
    NODE_PORT,
    NODES,
    UNDERLAY_MTU,
)
from k8snet_lessons.incidents.world import Pod, World

#: ``ok``; ``silent``: dropped, nobody answers; ``refused``: a reset comes back;
#: ``hole``: small packets pass, full-size ones vanish.
Fate = Literal["ok", "silent", "refused", "hole"]

_LISTENS = {
    "edge-proxy": (EDGE_PORT,),
    "checkout": (CHECKOUT_PORT,),
    "ledger": (LEDGER_PORT,),
    "coredns": (53,),
}


@dataclass(frozen=True, slots=True)
class Choice:
    """Where a node's rules send a new connection to a Service.

    Attributes
    ----------
    pods : tuple of Pod
    chances : tuple of Fraction
        Of each pod, as the rules have them.
    port : int
        The port that the rules rewrite to; 0 without a pod.
    otherwise : {"", "silent", "refused"}
        What happens where there is no pod.
    """

    pods: tuple[Pod, ...]
    chances: tuple[Fraction, ...]
    port: int
    otherwise: Literal["", "silent", "refused"]


@lru_cache(maxsize=256)
def rules(world: World, place: int) -> IptablesRuleset:
    """What kube-proxy wrote on a node."""
    return program(world.cluster, world.nodes[place])


@lru_cache(maxsize=1024)
def choose(world: World, place: int, source: str, service: str, protocol: str = "tcp") -> Choice:
    """Ask a node's rules about a connection of a pod to a Service's first port.

    Parameters
    ----------
    world : World
    place : int
        The node that the packet leaves from, or comes in at for ``service="edge/edge-proxy"``.
    source : str
        The address that calls.
    service : str
        ``"namespace/name"``.
    protocol : {"tcp", "udp"}
    """
    if service == "edge/edge-proxy":
        packet = Packet(source, world.node_address(place), NODE_PORT, sport=40_001)
        reach = reachable(rules(world, place), packet, "external")
    else:
        declared = world.cluster.service(service)
        target, port = cluster_ips(declared)[0], declared.spec.ports[0].port
        packet = Packet(source, target, port, protocol, sport=40_001)
        reach = reachable(rules(world, place), packet, "pod")
    at = {pod.address: pod for pod in world.pods}
    found = {text.rpartition(":")[0]: (text, chance) for text, chance in reach.backends.items()}
    pods = tuple(pod for address, pod in at.items() if address in found)
    port = int(next(iter(reach.backends)).rpartition(":")[2]) if pods else 0
    otherwise: Literal["", "silent", "refused"] = ""
    if not pods:
        otherwise = "silent" if "drop" in reach.refused else "refused"
    return Choice(pods, tuple(found[pod.address][1] for pod in pods), port, otherwise)


@lru_cache(maxsize=4096)
def fate(world: World, source: Pod | int, target: Pod, port: int, protocol: str = "TCP") -> Fate:
    """Say what becomes of a connection from a pod, or from the node at a place, to a pod."""
    place = source if isinstance(source, int) else source.place
    here = world.node_address(place) if isinstance(source, int) else source.scope
    if not policy_verdict(world.cluster, here, target.scope, port, protocol):
        return "silent"
    if place != target.place and world.tunnel_closed and APART in (place, target.place):
        return "silent"
    if port not in _LISTENS[target.app]:
        return "refused"
    return "hole" if has_hole(world, place, target.place) else "ok"


def has_hole(world: World, one: int, other: int) -> bool:
    """Whether full-size packets between two nodes' pods vanish."""
    fits = pod_mtu_bytes("vxlan", world.uplink_mtu)
    return one != other and APART in (one, other) and world.pod_mtu > fits


def hole_path(world: World) -> MtuPath:
    """The way across the small switch port, as the model of wrong MTUs wants it."""
    return MtuPath(
        pod_mtu_bytes=world.pod_mtu,
        underlay_mtu_bytes=min(world.uplink_mtu, UNDERLAY_MTU),
        encapsulated_by="vxlan",
        discovery="switch",
        mtu_probing=world.mtu_probing,
    )


def entry(world: World, place: int) -> Choice:
    """Where a client's connection goes that the balancer sends to a node."""
    return choose(world, place, BALANCER, "edge/edge-proxy")


def checkout_rates(world: World) -> tuple[float, ...]:
    """Requests a second that get through to each checkout pod, by number."""
    reached = dict.fromkeys(world.pods_of("checkout"), 0.0)
    for place in range(NODES):
        at_edge = entry(world, place)
        for edge, chance in zip(at_edge.pods, at_edge.chances, strict=True):
            if fate(world, place, edge, at_edge.port) != "ok":
                continue
            to = choose(world, edge.place, edge.address, "shop/checkout")
            for pod, share in zip(to.pods, to.chances, strict=True):
                if fate(world, edge, pod, to.port) in ("ok", "hole"):
                    reached[pod] += world.load_per_s / NODES * float(chance * share)
    return tuple(reached.values())


def name_server(world: World, pod: Pod) -> Fate:
    """What becomes of a pod's question to the cluster's DNS; ``silent`` if either server is."""
    asked = choose(world, pod.place, pod.address, "kube-system/kube-dns", "udp")
    fates = [fate(world, pod, server, 53, "UDP") for server in asked.pods]
    return "silent" if "silent" in fates else "ok"
