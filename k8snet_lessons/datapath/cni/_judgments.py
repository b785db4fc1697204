"""The parts of a CNI comparison that are no numbers, each with its argument.

A table that says "isolation: high" invites no question. These say what the claim rests on.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

from k8snet_lessons.datapath.cni._models import MODELS
from k8snet_lessons.errors import InputError


@dataclass(frozen=True, slots=True)
class Judgment:
    """What a model asks of its surroundings, and what it gives.

    Attributes
    ----------
    isolation : str
        What keeps tenants apart. The same for every model: a NetworkPolicy.
    confidentiality : str
        Who may read the packets.
    operations : str
        What must be set up and watched.
    breaks_when : str
        The failure seen most.
    """

    isolation: str
    confidentiality: str
    operations: str
    breaks_when: str


_NO_ISOLATION = (
    "None by itself: all pods share one network, and any pod reaches any other. "
    "NetworkPolicy isolates, and any of these models can enforce it."
)
_CLEAR = "Whoever sees the wire, inside a tunnel as outside."

JUDGMENTS: Mapping[str, Judgment] = MappingProxyType(
    {
        "vxlan": Judgment(
            _NO_ISOLATION + " The VNI could part tenants, but a CNI gives every pod the same one.",
            _CLEAR,
            "Nothing from the network but UDP between nodes. The MTU must be set 50 smaller, 70 "
            "over IPv6.",
            "A firewall drops UDP 4789 or 8472, or some link's MTU is smaller than the nodes'.",
        ),
        "geneve": Judgment(
            _NO_ISOLATION + " Options can carry a label of the sender, which policy code may use.",
            _CLEAR,
            "As VXLAN, on UDP 6081; options make the MTU smaller still.",
            "A network card that offloads VXLAN but not Geneve: throughput falls, nothing fails.",
        ),
        "ipip": Judgment(
            _NO_ISOLATION,
            _CLEAR,
            "IP protocol 4 between nodes, which some clouds and firewalls drop. IPv4 only.",
            "Security groups that know TCP, UDP and ICMP alone.",
        ),
        "wireguard": Judgment(
            _NO_ISOLATION + " Keys tell nodes apart, not pods.",
            "Between nodes, nobody but the two. Inside a node, its root.",
            "Keys per node, made and spread by the CNI; CPU for the cipher on every byte.",
            "CPU runs out long before the link does; MTU must be set 60 (IPv4) or 80 smaller.",
        ),
        "bgp": Judgment(
            _NO_ISOLATION,
            _CLEAR,
            "The network must route pod addresses: routers peer by BGP, or nodes share a segment, "
            "or the cloud's route table takes an entry a node.",
            "A route is missing or filtered; a cloud drops sources it does not know.",
        ),
        "ebpf": Judgment(
            _NO_ISOLATION + " Policy may be enforced by identity instead of address.",
            _CLEAR,
            "A recent kernel; tools that read iptables and conntrack see nothing of it.",
            "Habits: the packet never meets the hooks where one looks for it.",
        ),
    }
)


def judgment(model: str) -> Judgment:
    """Return the judgment on a model; a combination is judged by its encapsulation.

    Parameters
    ----------
    model : str

    Returns
    -------
    Judgment

    Raises
    ------
    InputError
    """
    name = model.removesuffix("+ebpf")
    if model not in MODELS:
        raise InputError("model", model, ", ".join(MODELS))
    return JUDGMENTS[name]
