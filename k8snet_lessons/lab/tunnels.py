"""Two nodes joined by a wire, and the ways to carry pod traffic over it.

Client pod, node, node, server pod: four hosts in a row. Between the nodes pod packets are
routed as they are, or inside a tunnel of some kind.
"""

from dataclasses import dataclass
from typing import Any

from k8snet_lessons.lab.hosts import Host, Topology, add_route

CLIENT_IP = "10.244.1.2"
SERVER_IP = "10.244.2.2"
WIRE_IPS = ("192.168.100.1", "192.168.100.2")
WIRE_IPS_6 = ("fd00:100::1", "fd00:100::2")
WIRE = "wire0"
TUNNEL = "tunnel0"
TUNNEL_IPS = ("10.244.1.0", "10.244.2.0")

# What each kind of tunnel takes as settings: (own address, other end) -> netlink attributes.
KINDS = {
    "vxlan": lambda own, other: {
        "vxlan_id": 1,
        "vxlan_local": own,
        "vxlan_group": other,
        "vxlan_port": 8472,
        "vxlan_learning": 1,
    },
    "vxlan over IPv6": lambda own, other: {
        "vxlan_id": 1,
        "vxlan_local6": own,
        "vxlan_group6": other,
        "vxlan_port": 8472,
        "vxlan_learning": 1,
    },
    "geneve": lambda own, other: {"geneve_id": 1, "geneve_remote": other, "geneve_port": 6081},
    "ipip": lambda own, other: {"ipip_local": own, "ipip_remote": other},
}


@dataclass(frozen=True)
class Path:
    """The four hosts of one way to carry pod traffic."""

    carried: str
    client: Host
    nodes: tuple[Host, Host]
    server: Host
    tunnel_mtu_bytes: int


def netlink_kind(carried: str) -> str:
    """The kernel's name for the link: ``"vxlan over IPv6"`` is made as ``"vxlan"``."""
    return carried.split()[0]


def build(topology: Topology, carried: str, pod_mtu_bytes: int | None = None) -> Path:
    """Lay one path.

    Parameters
    ----------
    topology : Topology
    carried : str
        ``"routed"`` or one of `KINDS`.
    pod_mtu_bytes : int, optional
        MTU of both pods' interfaces; that of the tunnel unless given.
    """
    client, left, right, server = (
        topology.host(f"{role}-{carried}") for role in ("client", "left", "right", "server")
    )
    topology.connect(left, right, f"{WIRE_IPS[0]}/24", f"{WIRE_IPS[1]}/24", (WIRE, WIRE))
    mtu = 1500
    if carried != "routed":
        for node, ends in ((left, (0, 1)), (right, (1, 0))):
            mtu = node.call(_add_tunnel, carried, *ends)
    pod_mtu = pod_mtu_bytes or mtu
    topology.connect(
        client, left, f"{CLIENT_IP}/24", "10.244.1.1/24", ("eth0", "veth0"), mtu_bytes=pod_mtu
    )
    topology.connect(
        server, right, f"{SERVER_IP}/24", "10.244.2.1/24", ("eth0", "veth0"), mtu_bytes=pod_mtu
    )
    add_route(client, "default", "10.244.1.1")
    add_route(server, "default", "10.244.2.1")
    for node, other, prefix in ((left, 1, "10.244.2.0/24"), (right, 0, "10.244.1.0/24")):
        node.set_sysctl("net.ipv4.ip_forward", 1)
        node.call(_route_pods, prefix, carried, other)
    return Path(carried, client, (left, right), server, mtu)


def _add_tunnel(carried: str, own: int, other: int) -> int:
    from pyroute2 import IPRoute

    with IPRoute() as netlink:
        wire = netlink.link_lookup(ifname=WIRE)[0]
        addresses = WIRE_IPS
        if carried.endswith("IPv6"):
            addresses = WIRE_IPS_6
            # nodad: the address is usable at once, without looking for a duplicate first.
            netlink.addr("add", index=wire, address=addresses[own], prefixlen=64, flags=0x02)
        settings: dict[str, Any] = KINDS[carried](addresses[own], addresses[other])
        if netlink_kind(carried) == "vxlan":
            settings["vxlan_link"] = wire
        netlink.link("add", ifname=TUNNEL, kind=netlink_kind(carried), **settings)
        index = netlink.link_lookup(ifname=TUNNEL)[0]
        netlink.addr("add", index=index, address=TUNNEL_IPS[own], prefixlen=32)
        netlink.link("set", index=index, state="up")
        return int(netlink.get_links(index)[0].get("mtu"))


def _route_pods(prefix: str, carried: str, other: int) -> None:
    from pyroute2 import IPRoute

    with IPRoute() as netlink:
        if carried == "routed":
            netlink.route("add", dst=prefix, gateway=WIRE_IPS[other])
        else:
            index = netlink.link_lookup(ifname=TUNNEL)[0]
            netlink.route("add", dst=prefix, gateway=TUNNEL_IPS[other], oif=index, flags="onlink")


def set_offloads(host: Host, interfaces: list[str], enabled: bool) -> None:
    """Switch segmentation and receive offloads of the host's interfaces on or off."""
    host.call(_set_offloads, interfaces, enabled)


_OFFLOADS = (
    "tx-tcp-segmentation",
    "tx-tcp6-segmentation",
    "tx-tcp-ecn-segmentation",
    "tx-tcp-mangleid-segmentation",
    "tx-udp_tnl-segmentation",
    "tx-udp_tnl-csum-segmentation",
    "tx-udp-segmentation",
    "tx-generic-segmentation",
    "rx-gro",
)


def _set_offloads(interfaces: list[str], enabled: bool) -> None:
    from pyroute2.ethtool import Ethtool

    ethtool = Ethtool()
    try:
        for interface in interfaces:
            features = ethtool.get_features(interface)
            for name in _OFFLOADS:
                feature = features.features.get(name)
                if feature is not None and feature.available:
                    feature.enable = enabled
            ethtool.set_features(interface, features)
    finally:
        ethtool.close()
