"""One question for every mode: where does a new connection go, and with what odds?

nftables, IPVS and eBPF rulesets answer it with ``lookup(flow)``; iptables rules are walked
one by one by `k8snet_lessons.datapath.trace`. Each looks only at what was programmed, so that
agreement between modes says something.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from fractions import Fraction
from typing import Literal, NamedTuple, TypeAlias

Origin: TypeAlias = Literal["pod", "host", "external"]


class Flow(NamedTuple):
    """The first packet of a connection, as it meets the node.

    ``origin`` is where it comes from: a pod on this node, a process in the node's own network
    namespace, or outside. ``affinity`` names the endpoint that the node remembers for the
    client, if any.
    """

    source: str
    destination: str
    port: int
    protocol: str = "tcp"
    origin: Origin = "pod"
    affinity: str = ""


@dataclass(frozen=True, slots=True)
class Decision:
    """Where a flow goes.

    Attributes
    ----------
    verdict : {"accept", "reject", "drop"}
        ``accept`` without backends is a packet that no Service wants: it goes on as it is.
    backends : mapping of str to Fraction
        ``"ip:port"`` and its exact probability; they add up to 1, or there are none.
    masqueraded : frozenset of str
        The backends that see an address of the node instead of the client's.
    steps : tuple of str
        What was looked up, in order.
    """

    verdict: Literal["accept", "reject", "drop"]
    backends: Mapping[str, Fraction] = field(default_factory=dict)
    masqueraded: frozenset[str] = frozenset()
    steps: tuple[str, ...] = ()

    @property
    def lookups(self) -> int:
        """How many rules, maps or tables were consulted."""
        return len(self.steps)
