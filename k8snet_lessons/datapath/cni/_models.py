"""How a packet gets from node to node: two axes, not a list of alternatives.

*Encapsulation* says what is wrapped around the packet on the wire. *Datapath* says which
code on the node handles it. Any encapsulation goes with any datapath: Cilium's default is
VXLAN handled by eBPF. The familiar names of CNI models are points in this plane.

Header sizes: RFC 7348 (VXLAN), RFC 8926 (Geneve), RFC 2003 (IP in IP), RFC 2473 (in IPv6),
https://www.wireguard.com/papers/wireguard.pdf section 5.4.6 (transport data message).
"""

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Literal, TypeAlias

from k8snet_lessons.errors import InputError

Family: TypeAlias = Literal[4, 6]
DatapathName: TypeAlias = Literal["netfilter", "ebpf"]

ETHERNET_BYTES = 14
IP_BYTES: Mapping[int, int] = MappingProxyType({4: 20, 6: 40})
UDP_BYTES = 8
TCP_BYTES = 20
TCP_TIMESTAMP_BYTES = 12
# Preamble 7, start of frame 1, checksum 4, gap 12 (IEEE 802.3): a frame costs these on the
# link, though no capture shows them.
ETHERNET_LINK_BYTES = 24
SMALLEST_MTU_BYTES: Mapping[int, int] = MappingProxyType({4: 68, 6: 1280})
LARGEST_MTU_BYTES = 65_535


@dataclass(frozen=True, slots=True)
class Encapsulation:
    """What is put around a packet that leaves its node.

    Attributes
    ----------
    name : str
    outer_ip, outer_udp : bool
        Whether an IP header, and a UDP header in it, are added.
    tunnel_bytes : int
        The tunnel's own header (and, for WireGuard, the tag behind the payload).
    inner_ethernet : bool
        Whether the pod's Ethernet header travels inside; then it counts against the MTU.
    udp_port : int
        Destination port that IANA or the project assigned; 0 without UDP.
    encrypts : bool
    pads_to_bytes : int
        The payload is padded to a multiple of this, never beyond the tunnel's MTU.
    """

    name: str
    outer_ip: bool = True
    outer_udp: bool = False
    tunnel_bytes: int = 0
    inner_ethernet: bool = False
    udp_port: int = 0
    encrypts: bool = False
    pads_to_bytes: int = 1

    def overhead_bytes(self, outer_family: Family = 4, geneve_option_bytes: int = 0) -> int:
        """Bytes that encapsulation takes from the pod's MTU, before padding.

        The outer Ethernet header is not in it: no MTU counts it. For VXLAN the sum is the
        same 50 bytes as the growth on the wire, because the inner frame brings its own
        Ethernet header of 14.

        Parameters
        ----------
        outer_family : {4, 6}
            Address family between the nodes.
        geneve_option_bytes : int
            A multiple of 4, at most 252; OVN-Kubernetes uses 8.

        Returns
        -------
        int

        Raises
        ------
        InputError
        """
        if outer_family not in IP_BYTES:
            raise InputError("outer_family", outer_family, "4 or 6")
        if geneve_option_bytes and self.name != "geneve":
            raise InputError("geneve_option_bytes", geneve_option_bytes, f"0 for {self.name}")
        if geneve_option_bytes % 4 or not 0 <= geneve_option_bytes <= 252:
            raise InputError("geneve_option_bytes", geneve_option_bytes, "a multiple of 4 to 252")
        if not self.outer_ip:
            return 0
        return (
            IP_BYTES[outer_family]
            + (UDP_BYTES if self.outer_udp else 0)
            + self.tunnel_bytes
            + geneve_option_bytes
            + (ETHERNET_BYTES if self.inner_ethernet else 0)
        )


ENCAPSULATIONS: Mapping[str, Encapsulation] = MappingProxyType(
    {
        each.name: each
        for each in (
            Encapsulation("none", outer_ip=False),
            Encapsulation(
                "vxlan", outer_udp=True, tunnel_bytes=8, inner_ethernet=True, udp_port=4789
            ),
            Encapsulation(
                "geneve", outer_udp=True, tunnel_bytes=8, inner_ethernet=True, udp_port=6081
            ),
            Encapsulation("ipip"),
            Encapsulation(
                "wireguard",
                outer_udp=True,
                tunnel_bytes=16 + 16,
                udp_port=51820,
                encrypts=True,
                pads_to_bytes=16,
            ),
        )
    }
)


@dataclass(frozen=True, slots=True)
class CniModel:
    """A point in the plane of encapsulation and datapath."""

    name: str
    encapsulation: str
    datapath: DatapathName
    known_from: str


MODELS: Mapping[str, CniModel] = MappingProxyType(
    {
        model.name: model
        for model in (
            CniModel("vxlan", "vxlan", "netfilter", "Flannel, Calico with VXLAN"),
            CniModel("geneve", "geneve", "netfilter", "Antrea, OVN-Kubernetes (Open vSwitch)"),
            CniModel("ipip", "ipip", "netfilter", "Calico's first default"),
            CniModel("wireguard", "wireguard", "netfilter", "Calico, Cilium, Antrea with a switch"),
            CniModel("bgp", "none", "netfilter", "Calico with BGP, kube-router"),
            CniModel("ebpf", "none", "ebpf", "Cilium with native routing, Calico eBPF"),
            CniModel("vxlan+ebpf", "vxlan", "ebpf", "Cilium's default"),
            CniModel("wireguard+ebpf", "wireguard", "ebpf", "Cilium with WireGuard"),
        )
    }
)


def encapsulation(name: str) -> Encapsulation:
    """Look up an encapsulation by name, or by the name of a CNI model.

    Parameters
    ----------
    name : str

    Returns
    -------
    Encapsulation

    Raises
    ------
    InputError
    """
    if name in MODELS:
        name = MODELS[name].encapsulation
    if name not in ENCAPSULATIONS:
        raise InputError("encapsulation", name, ", ".join({**ENCAPSULATIONS, **MODELS}))
    return ENCAPSULATIONS[name]


def pod_mtu_bytes(
    name: str, underlay_mtu_bytes: int, outer_family: Family = 4, geneve_option_bytes: int = 0
) -> int:
    """Largest IP packet a pod may send so that its encapsulation fits between the nodes.

    Parameters
    ----------
    name : str
        Encapsulation or CNI model.
    underlay_mtu_bytes : int
        Smallest MTU on the way between the nodes.
    outer_family : {4, 6}
    geneve_option_bytes : int

    Returns
    -------
    int

    Raises
    ------
    InputError
        If the MTU leaves no room for headers and the smallest IP packet.

    Examples
    --------
    >>> pod_mtu_bytes("vxlan", 1500), pod_mtu_bytes("vxlan", 1500, outer_family=6)
    (1450, 1430)
    >>> pod_mtu_bytes("wireguard", 1500, outer_family=6)
    1420
    """
    taken = encapsulation(name).overhead_bytes(outer_family, geneve_option_bytes)
    least = SMALLEST_MTU_BYTES[outer_family]
    check_mtu("underlay_mtu_bytes", underlay_mtu_bytes, max(least, taken + SMALLEST_MTU_BYTES[4]))
    return underlay_mtu_bytes - taken


def mss_bytes(mtu_bytes: int, family: Family = 4, timestamps: bool = False) -> int:
    """Largest TCP payload in one packet of this MTU.

    Parameters
    ----------
    mtu_bytes : int
        The pod's MTU.
    family : {4, 6}
        Address family of the pod's packet.
    timestamps : bool
        Take the 12 bytes of the timestamp option off as well. The MSS that a SYN
        announces does not (RFC 9293, 3.7.1); the segments that follow have that much less room.

    Returns
    -------
    int

    Raises
    ------
    InputError

    Examples
    --------
    >>> mss_bytes(1450), mss_bytes(1450, family=6), mss_bytes(1450, timestamps=True)
    (1410, 1390, 1398)
    """
    if family not in IP_BYTES:
        raise InputError("family", family, "4 or 6")
    check_mtu("mtu_bytes", mtu_bytes, SMALLEST_MTU_BYTES[family])
    return mtu_bytes - IP_BYTES[family] - TCP_BYTES - (TCP_TIMESTAMP_BYTES if timestamps else 0)


def check_mtu(field: str, value: int, least: int) -> None:
    """Refuse an MTU that no header fits, or that IP cannot express."""
    if isinstance(value, bool) or not isinstance(value, int):
        raise InputError(field, value, "a whole number of bytes")
    if not least <= value <= LARGEST_MTU_BYTES:
        raise InputError(
            field, value, f"{least} to {LARGEST_MTU_BYTES} bytes: room for the headers and a packet"
        )


def padded_bytes(encap: Encapsulation, packet_bytes: int, tunnel_mtu_bytes: int) -> int:
    """Size of a packet once padded for encryption (drivers/net/wireguard/send.c)."""
    multiple = encap.pads_to_bytes
    rounded = -(-packet_bytes // multiple) * multiple
    return max(packet_bytes, min(rounded, tunnel_mtu_bytes))
