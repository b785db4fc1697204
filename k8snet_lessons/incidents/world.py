"""The cluster of an incident: every setting that a fault or a fix can change, in one place.

Six nodes in three zones. Clients reach an outside load balancer, which sends each connection
to some node's port. From there: an edge proxy (three pods), the checkout application (six),
which looks up the bank's name, opens a connection to it, and calls the ledger (eight pods) over
gRPC. Tools and traffic read this object and nothing else, so that they cannot disagree.
"""

from dataclasses import dataclass
from functools import cached_property
from random import Random

from k8snet_lessons.cluster import Cluster, pod_addresses
from k8snet_lessons.dns import pod_resolv_conf
from k8snet_lessons.incidents._manifests import objects
from k8snet_lessons.incidents.layout import (
    CHECKOUT_PORT,
    CLOUD_SEARCH,
    NODES,
    UNDERLAY_MTU,
    ZONES,
    planned_pods,
)


@dataclass(frozen=True, slots=True)
class Pod:
    """One pod, as the tools name it.

    Attributes
    ----------
    app, namespace, name : str
    place : int
        The node it runs on, by place.
    address : str
    age_s : int
        Seconds since it was made.
    """

    app: str
    namespace: str
    name: str
    place: int
    address: str
    age_s: int

    @property
    def scope(self) -> str:
        """``"namespace/name"``."""
        return f"{self.namespace}/{self.name}"


@dataclass(frozen=True, kw_only=True)
class World:
    """All settings; the defaults are those of a healthy cluster.

    Attributes
    ----------
    seed : int
        Of names, addresses and traffic.
    load_per_s : float
        Requests of all clients.
    checkout_pods, checkout_pods_before : int
        Now, and before the last scaling.
    checkout_selector : str
        What the checkout Service selects, ``app=...``.
    target_port : int
        Of the checkout Service.
    topology_mode : bool
        Whether the checkout Service carries the old annotation ``topology-mode: Auto``.
    traffic_distribution : str
        Its ``trafficDistribution``; empty for none.
    external_policy : str
        externalTrafficPolicy of the edge Service.
    edge_everywhere : bool
        Whether an edge pod runs on every node instead of on three.
    allow_edge_namespace, allow_dns : bool
        What the policies around checkout admit.
    read_timeout_s : int
        The edge proxy's, for the first byte of an answer.
    ndots, coredns_pods, coredns_limit_m : int
        The last one is the CPU limit of a CoreDNS pod, in thousandths of a CPU.
    node_cache : bool
        NodeLocal DNSCache on every node.
    ledger_pods, ledger_pods_at_dial : int
        How many there are, and how many there were when checkout opened its channels.
    ledger_age_s : int
        Maximum age of a connection on ledger pods; 0 is none.
    ledger_ageless : int
        So many ledger pods, the first ones, lack that setting.
    ledger_affinity : bool
        Whether the ledger Service has ``sessionAffinity: ClientIP``.
    ledger_by_request : bool
        Whether checkout balances each call over all ledger pods (headless, round_robin).
    conntrack_max : int
        On every node.
    snat_ports : int
        Ports that a node's masquerade rule may use towards one destination.
    bank_reuse : float
        Share of requests that find a connection to the bank open, and its name resolved.
    uplink_mtu, pod_mtu : int
        Of the switch port of the node at `APART`, and of every pod.
    mtu_probing : bool
        ``net.ipv4.tcp_mtu_probing`` in pods.
    tunnel_closed : bool
        Whether the node at `APART` drops the tunnel's UDP port.
    fresh_channels : bool
        Whether checkout has just been restarted, and so dialed anew.
    """

    seed: int
    load_per_s: float = 1850.0
    checkout_pods: int = 6
    checkout_pods_before: int = 6
    checkout_selector: str = "checkout"
    target_port: int = CHECKOUT_PORT
    topology_mode: bool = True
    traffic_distribution: str = ""
    external_policy: str = "Cluster"
    edge_everywhere: bool = False
    allow_edge_namespace: bool = True
    allow_dns: bool = True
    read_timeout_s: int = 30
    ndots: int = 2
    coredns_pods: int = 2
    coredns_limit_m: int = 400
    node_cache: bool = False
    ledger_pods: int = 8
    ledger_pods_at_dial: int = 8
    ledger_age_s: int = 300
    ledger_ageless: int = 0
    ledger_affinity: bool = False
    ledger_by_request: bool = False
    conntrack_max: int = 262_144
    snat_ports: int = 64_512
    bank_reuse: float = 0.2
    uplink_mtu: int = UNDERLAY_MTU
    pod_mtu: int = UNDERLAY_MTU - 50
    mtu_probing: bool = False
    tunnel_closed: bool = False
    fresh_channels: bool = False

    @cached_property
    def nodes(self) -> tuple[str, ...]:
        """Node names by place; which name stands where depends on the seed."""
        numbers = list(range(1, NODES + 1))
        Random(f"nodes/{self.seed}").shuffle(numbers)
        return tuple(f"node-{number}" for number in numbers)

    def node_address(self, place: int) -> str:
        """Address of a node."""
        return f"10.0.{place % len(ZONES)}.{10 + int(self.nodes[place][5:])}"

    @cached_property
    def cluster(self) -> Cluster:
        """The cluster as declared, completed as a control plane would."""
        return Cluster.from_objects(*objects(self), pod_cidrs=["10.244.0.0/16"])

    @cached_property
    def pods(self) -> tuple[Pod, ...]:
        """Every pod, by application and then by number."""
        return tuple(
            Pod(app, space, name, place, pod_addresses(self.cluster.pod(f"{space}/{name}"))[0], age)
            for app, space, name, place, age in planned_pods(self)
        )

    def pods_of(self, app: str) -> tuple[Pod, ...]:
        """The pods of one application, by number."""
        return tuple(pod for pod in self.pods if pod.app == app)

    @cached_property
    def resolv_conf(self) -> str:
        """The checkout pods' /etc/resolv.conf."""
        config = (
            {"options": [{"name": "ndots", "value": str(self.ndots)}]} if self.ndots != 5 else None
        )
        return pod_resolv_conf(
            dns_config=config, namespace="shop",
            node_resolv_conf=f"nameserver 10.0.0.2\nsearch {CLOUD_SEARCH}\n",
        ).text  # fmt: skip
