"""The road from a client to an application's socket, hop by hop, addresses and all.

A deliberately small world: one client, one load balancer, three nodes, an ingress proxy on
two of them, one application pod on the third. Simplifications, by name: IPv4 only; one
packet a hop (the first of its connection); a pass-through balancer rewrites the destination
(some clouds instead leave it as it is and let the node accept it); the masquerading node
uses its own address (a packet that leaves through an overlay's interface gets that
interface's address instead).
"""

from dataclasses import dataclass, field, fields
from itertools import product
from typing import Final, Literal

from k8snet_lessons.errors import InputError

Place = Literal["client", "balancer", "node-a", "node-b", "node-c", "ingress", "app"]

CHOICES: Final[dict[str, tuple[str | bool, ...]]] = {
    "load_balancer": ("l4", "l7"),
    "target": ("node_port", "pod_ip"),
    "external_traffic_policy": ("Cluster", "Local"),
    "ingress_mode": ("endpoints", "cluster_ip"),
    "tls_terminates_at": ("load_balancer", "ingress"),
    "keeps_client_address": (True, False),
}


@dataclass(frozen=True, kw_only=True)
class Edge:
    """How the cluster's edge is built; names and values as in `Scenario`.

    Parameters
    ----------
    load_balancer : {"l4", "l7"}
        ``l4`` forwards a connection without reading HTTP; ``l7`` ends it and speaks HTTP.
    target : {"node_port", "pod_ip"}
        Where the balancer sends: a port on a node, or the ingress pod itself.
    external_traffic_policy : {"Cluster", "Local"}
        Of the ingress Service. Without effect when the target is ``pod_ip``.
    ingress_mode : {"endpoints", "cluster_ip"}
        Where the ingress proxy sends: a pod it knows from EndpointSlices, or the Service's
        virtual address.
    tls_terminates_at : {"load_balancer", "ingress"}
        Who holds the certificate that the client sees. An ``l7`` balancer always ends the
        client's TLS, and opens TLS of its own to the ingress when this says ``ingress``.
    keeps_client_address : bool
        Whether an ``l4`` balancer hands on the client's address as the source. An ``l7``
        balancer never does.
    """

    load_balancer: str = "l4"
    target: str = "node_port"
    external_traffic_policy: str = "Cluster"
    ingress_mode: str = "endpoints"
    tls_terminates_at: str = "ingress"
    keeps_client_address: bool = True

    def __post_init__(self) -> None:
        for name, allowed in CHOICES.items():
            value = getattr(self, name)
            if not any(type(value) is type(one) and value == one for one in allowed):
                raise InputError(name, value, "one of " + ", ".join(map(repr, allowed)))


@dataclass(frozen=True, kw_only=True)
class Addresses:
    """The addresses and ports of the small world (documentation and private ranges)."""

    client: str = "203.0.113.7"
    client_port: int = 51512
    balancer: str = "198.51.100.10"
    balancer_inside: str = "10.0.0.8"
    balancer_port: int = 33201
    node_a: str = "10.0.1.11"
    node_b: str = "10.0.1.12"
    node_c: str = "10.0.1.13"
    node_port: int = 31390
    masquerade_port: int = 40112
    ingress_a: str = "10.244.1.5"
    ingress_b: str = "10.244.2.5"
    ingress_port: int = 8000
    upstream_port: int = 45678
    cluster_ip: str = "10.96.0.45"
    service_port: int = 80
    app: str = "10.244.3.14"
    app_port: int = 8080


@dataclass(frozen=True)
class Flow:
    """Source and destination of a packet."""

    src: str
    sport: int
    dst: str
    dport: int

    @property
    def reply(self) -> "Flow":
        """The packet that answers this one."""
        return Flow(self.dst, self.dport, self.src, self.sport)

    def __str__(self) -> str:
        return f"{self.src}:{self.sport} → {self.dst}:{self.dport}"


@dataclass(frozen=True)
class Hop:
    """One stop of the road.

    Parameters
    ----------
    key : str
        Kind of stop: ``client``, ``balancer``, ``node-port``, ``masquerade``, ``wire``,
        ``deliver``, ``ingress``, ``cluster-ip``, ``app``.
    place : str
        Where it is: a machine or a pod of the small world.
    title, text : str
        What happens, short and in full.
    before, after : Flow or None
        The packet as it arrives and as it leaves; None where nothing arrives or leaves.
    connection : int
        Which TCP connection the leaving packet belongs to, from 1.
    hook : str
        The netfilter hook and chain that rewrites, or ``""``.
    encrypted : bool
        Whether the leaving packet carries TLS.
    node : str
        The node that a pod stands on, for places inside a node.
    """

    key: str
    place: Place
    title: str
    text: str
    before: Flow | None
    after: Flow | None
    connection: int
    hook: str = ""
    encrypted: bool = True
    node: str = ""

    @property
    def rewritten(self) -> tuple[str, ...]:
        """Which of ``src`` and ``dst`` differ between the packets before and after."""
        if self.before is None or self.after is None:
            return ()
        changed = []
        if (self.before.src, self.before.sport) != (self.after.src, self.after.sport):
            changed.append("src")
        if (self.before.dst, self.before.dport) != (self.after.dst, self.after.dport):
            changed.append("dst")
        return tuple(changed)


@dataclass(frozen=True)
class Path:
    """The whole road for one edge, and what the two proxies' sockets see."""

    edge: Edge
    addresses: Addresses
    hops: tuple[Hop, ...]
    notes: tuple[str, ...] = field(default=())

    @property
    def ingress_sees(self) -> str:
        """Source address of the connection that the ingress proxy accepts."""
        return self._seen_by("ingress")

    @property
    def app_sees(self) -> str:
        """Source address of the connection that the application accepts."""
        return self._seen_by("app")

    @property
    def connections(self) -> int:
        """How many TCP connections one request crosses."""
        return max(hop.connection for hop in self.hops)

    @property
    def rewrites(self) -> int:
        """How many times a node's kernel rewrites an address on the way in."""
        return sum(bool(hop.hook) for hop in self.hops)

    def _seen_by(self, key: str) -> str:
        arriving = next(hop.before for hop in self.hops if hop.key == key)
        assert arriving is not None
        return arriving.src


def walk(edge: Edge | None = None, addresses: Addresses | None = None) -> Path:
    """Compute the hops of a request and the packet's addresses at each.

    Parameters
    ----------
    edge : Edge, optional
        How the edge is built.
    addresses : Addresses, optional
        The addresses of the small world.

    Examples
    --------
    >>> walk(Edge(external_traffic_policy="Cluster")).ingress_sees
    '10.0.1.11'
    >>> walk(Edge(external_traffic_policy="Local")).ingress_sees
    '203.0.113.7'
    """
    edge, at = edge or Edge(), addresses or Addresses()
    hops = [*_to_balancer(edge, at)]
    hops += _to_ingress(edge, at, hops[-1])
    hops += _to_app(edge, at, hops[-1])
    return Path(edge, at, tuple(hops), _notes(edge))


def _to_balancer(edge: Edge, at: Addresses) -> list[Hop]:
    leaving = Flow(at.client, at.client_port, at.balancer, 443)
    client = Hop(
        "client", "client", "The client connects",
        "DNS gave the client the balancer's public address. It opens a TCP connection to port "
        "443 and starts TLS.",
        None, leaving, 1,
    )  # fmt: skip
    target = at.node_a if edge.target == "node_port" else at.ingress_b
    port = at.node_port if edge.target == "node_port" else at.ingress_port
    new_source = edge.load_balancer == "l7" or not edge.keeps_client_address
    ends_tls = edge.load_balancer == "l7" or edge.tls_terminates_at == "load_balancer"
    source = (at.balancer_inside, at.balancer_port) if new_source else (at.client, at.client_port)
    encrypted = edge.tls_terminates_at == "ingress"
    return [
        client,
        Hop(
            "balancer", "balancer", _balancer_title(edge, new_source), _balancer_text(edge),
            leaving, Flow(*source, target, port), 2 if ends_tls or new_source else 1,
            encrypted=encrypted,
        ),
    ]  # fmt: skip


def _balancer_title(edge: Edge, new_source: bool) -> str:
    if edge.load_balancer == "l7":
        return "The layer-7 balancer answers, and calls on its own behalf"
    if edge.tls_terminates_at == "load_balancer":
        return "The layer-4 balancer ends TLS and passes the bytes on"
    return "The layer-4 balancer " + ("relays the connection" if new_source else "passes it on")


def _balancer_text(edge: Edge) -> str:
    if edge.load_balancer == "l7":
        text = (
            "It ends the client's TCP and TLS, reads the HTTP request, picks a target for this "
            "one request, and sends it over a connection of its own, kept open for more. The "
            "client's address now lives in a header only (X-Forwarded-For)."
        )
        if edge.tls_terminates_at == "ingress":
            text += " That connection is encrypted anew, with a certificate of the ingress."
        return text
    text = "It picks a target for this connection, once, and never reads HTTP. "
    if edge.tls_terminates_at == "load_balancer":
        text += "A TLS listener decrypts here; bytes travel on in the clear. "
    if edge.keeps_client_address:
        return text + "The client's address stays the source."
    return text + "Its own address becomes the source; only PROXY protocol can carry the client's."


def _to_ingress(edge: Edge, at: Addresses, last: Hop) -> list[Hop]:
    arriving = last.after
    assert arriving is not None
    if edge.target == "pod_ip":
        hop = Hop(
            "deliver", "node-b", "Node B routes it to the pod",
            "The packet is already addressed to the pod. The node forwards it into the pod's "
            "veth pair; no Service rule matches, nothing is rewritten.",
            arriving, arriving, last.connection, "", last.encrypted,
        )  # fmt: skip
        return [hop, _ingress(edge, hop, "node-b")]
    local = edge.external_traffic_policy == "Local"
    pod = at.ingress_a if local else at.ingress_b
    translated = Flow(arriving.src, arriving.sport, pod, at.ingress_port)
    dnat = Hop(
        "node-port", "node-a", "Node A translates the node port",
        "kube-proxy's rules match the node port and pick an endpoint; DNAT makes the ingress "
        "pod the destination. conntrack remembers it, so the rest of the connection follows "
        "without asking the rules again. "
        + (
            "With Local only pods on this node are candidates."
            if local
            else "With Cluster any node's pods are candidates; this one is on node B."
        ),
        arriving, translated, last.connection, "nat PREROUTING", last.encrypted,
    )  # fmt: skip
    if local:
        deliver = Hop(
            "deliver", "node-a", "Node A hands it to its own pod",
            "Through the veth pair into the pod's namespace. The source is untouched.",
            translated, translated, last.connection, "", last.encrypted,
        )  # fmt: skip
        return [dnat, deliver, _ingress(edge, deliver, "node-a")]
    masked = Flow(at.node_a, at.masquerade_port, translated.dst, translated.dport)
    snat = Hop(
        "masquerade", "node-a", "Node A masquerades the source",
        "The pod is on another node, and its answer must come back through node A to be "
        "translated back. So the rules marked the packet, and here its source becomes the "
        "node. From now on nobody behind can see who called.",
        translated, masked, last.connection, "nat POSTROUTING", last.encrypted,
    )  # fmt: skip
    wire = Hop(
        "wire", "node-b", "Across to node B",
        "The CNI carries the packet to the pod's node, wrapped in an outer packet (overlay) "
        "or routed as it is. The inner addresses do not change.",
        masked, masked, last.connection, "", last.encrypted,
    )  # fmt: skip
    return [dnat, snat, wire, _ingress(edge, wire, "node-b")]


def _ingress(edge: Edge, last: Hop, node: str) -> Hop:
    arriving = last.after
    assert arriving is not None
    opened = "ends TLS, reads" if last.encrypted else "reads"
    return Hop(
        "ingress", "ingress", "The ingress proxy reads the request",
        f"Its socket sees {arriving.src} as the caller. It {opened} the HTTP request, matches "
        "host and path, and picks a backend for this request. This is where the connection "
        "from outside ends.",
        arriving, None, last.connection, encrypted=False, node=node,
    )  # fmt: skip


def _to_app(edge: Edge, at: Addresses, ingress: Hop) -> list[Hop]:
    pod = at.ingress_a if ingress.node == "node-a" else at.ingress_b
    host: Place = "node-a" if ingress.node == "node-a" else "node-b"
    name = "Node A" if host == "node-a" else "Node B"
    number = ingress.connection + 1
    straight = Flow(pod, at.upstream_port, at.app, at.app_port)
    hops = []
    if edge.ingress_mode == "cluster_ip":
        virtual = Flow(pod, at.upstream_port, at.cluster_ip, at.service_port)
        hops += [
            _upstream(virtual, number, ingress, "the Service's ClusterIP"),
            Hop(
                "cluster-ip", host, f"{name} translates the ClusterIP",
                "The packet leaves the proxy's veth and meets PREROUTING on its node (OUTPUT, if "
                "the proxy runs in the host's network). The rules pick an endpoint at random and "
                "DNAT to it. The choice is per connection: requests on a connection kept open "
                "all go to that pod.",
                virtual, straight, number, hook="nat PREROUTING", encrypted=False,
            ),
        ]  # fmt: skip
    else:
        hops.append(_upstream(straight, number, ingress, "a pod it knows from EndpointSlices"))
    hops.append(
        Hop(
            "wire", "node-c", "Across to node C",
            "The CNI carries it to the pod's node: in an outer packet with node addresses "
            "(overlay), or routed by pod address (BGP, cloud routes). Nothing inside changes.",
            straight, straight, number, encrypted=False,
        )
    )  # fmt: skip
    hops.append(
        Hop(
            "app", "app", "The application accepts",
            f"Its socket sees {straight.src}: the ingress pod. Who really called stands in "
            "X-Forwarded-For, if every proxy on the way kept it honestly.",
            straight, None, number, encrypted=False, node="node-c",
        )
    )  # fmt: skip
    return hops


def _upstream(leaving: Flow, number: int, ingress: Hop, to: str) -> Hop:
    return Hop(
        "upstream", "ingress", "The ingress proxy calls upstream",
        f"On a connection of its own, new or kept from earlier, to {to}. Its own pod address "
        "is the source.",
        None, leaving, number, encrypted=False, node=ingress.node,
    )  # fmt: skip


def _notes(edge: Edge) -> tuple[str, ...]:
    notes = []
    if edge.target == "pod_ip" and edge.external_traffic_policy == "Local":
        notes.append("externalTrafficPolicy changes nothing here: no node port is on the path.")
    if edge.load_balancer == "l7" and edge.keeps_client_address:
        notes.append("A layer-7 balancer opens its own connection: it cannot keep the address.")
    if edge.load_balancer == "l7" and edge.external_traffic_policy == "Local":
        notes.append("Local keeps the caller's address, and the caller is the balancer.")
    return tuple(notes)


def every_edge() -> tuple[Edge, ...]:
    """Return every way to build the edge, in a fixed order."""
    names = [one.name for one in fields(Edge)]
    return tuple(
        Edge(**dict(zip(names, values, strict=True)))  # type: ignore[arg-type]
        for values in product(*(CHOICES[name] for name in names))
    )
