"""The Scenario: every knob of the main road."""

from collections.abc import Mapping
from dataclasses import dataclass, fields
from functools import cache
from types import MappingProxyType

from k8snet_lessons.data.costs import cost
from k8snet_lessons.scenario._knobs import Knob, knob

TRAFFIC = "traffic"
BALANCER = "load balancer"
INGRESS = "ingress"
NAMES = "names"
SERVICES = "service translation"
CONNTRACK = "conntrack"
WIRE = "wire"
ZONES = "zones"
PODS = "pods"


@dataclass(frozen=True, kw_only=True)
class Scenario:
    """A cluster and the traffic it gets; ``Scenario()`` is a healthy mid-size one.

    Every field is checked when the object is made (:class:`~k8snet_lessons.errors.InputError`
    names the field, the value and what is allowed), so a Scenario that exists can be
    simulated. ``dataclasses.replace`` gives a changed copy. :func:`knobs` has each field's
    label, unit, bounds and help.

    Examples
    --------
    >>> from dataclasses import replace
    >>> quiet = Scenario()
    >>> louder = replace(quiet, offered_load_per_s=2_000, replicas=5)
    """

    # fmt: off
    offered_load_per_s: float = knob(
        1200.0, "offered load", "requests/s", group=TRAFFIC, kind="number", minimum=0.01,
        maximum=1_000_000.0, slider=(100.0, 4000.0),
        help="Mean rate of requests from all clients; arrivals are a Poisson process.",
    )
    burst_factor: float = knob(
        1.0, "burst factor", group=TRAFFIC, kind="number", minimum=0.1, maximum=100.0,
        slider=(1.0, 10.0),
        help="Inside the burst the rate is the offered load times this.",
    )
    burst_start_s: float = knob(
        2.0, "burst starts at", "s", group=TRAFFIC, kind="number", minimum=0.0, maximum=86_400.0,
        slider=(0.0, 30.0),
        help="Start of the burst, counted from the first moment shown.",
    )
    burst_duration_s: float = knob(
        10.0, "burst lasts", "s", group=TRAFFIC, kind="number", minimum=0.0, maximum=86_400.0,
        slider=(0.0, 60.0),
        help="Length of the burst.",
    )
    client_rtt_us: float = knob(
        2000.0, "client round trip", "µs", group=TRAFFIC, kind="number", minimum=0.0,
        maximum=10_000_000.0, slider=(200.0, 200_000.0),
        help="Round trip between the client and the load balancer.",
    )
    client_new_connection_share: float = knob(
        0.1, "requests on a new client connection", group=TRAFFIC, kind="share",
        help="These pay a TCP handshake, and a TLS 1.3 handshake where TLS is used.",
    )

    load_balancer: str = knob(
        "l4", "load balancer", group=BALANCER, kind="choice", choices=("l4", "l7"),
        help="l4 forwards connections and never parses HTTP; l7 ends them and forwards requests.",
    )
    tls_terminates_at: str = knob(
        "ingress", "TLS ends at", group=BALANCER, kind="choice",
        choices=("load_balancer", "ingress", "none"),
        help="Where the private key is. An l4 balancer can end TLS with a TLS listener. An l7 "
        "balancer always does, and with 'ingress' encrypts again on its pooled connections.",
    )
    target: str = knob(
        "node_port", "balancer's target", group=BALANCER, kind="choice",
        choices=("node_port", "pod_ip"),
        help="A node's port, from where the node forwards, or the ingress pod's own address.",
    )
    external_traffic_policy: str = knob(
        "Cluster", "externalTrafficPolicy", group=BALANCER, kind="choice",
        choices=("Cluster", "Local"),
        help="Cluster: any node takes the packet and may pass it to another. Local: only nodes "
        "with an ingress pod take it. Matters with node_port only.",
    )

    ingress_replicas: int = knob(
        2, "ingress replicas", group=INGRESS, kind="whole", minimum=1, maximum=1000,
        slider=(1, 10),
        help="Ingress proxy pods, on nodes away from the application's where there is room.",
    )
    ingress_workers: int = knob(
        4, "worker threads per ingress pod", group=INGRESS, kind="whole", minimum=1, maximum=256,
        slider=(1, 16),
        help="A connection belongs to one worker for life, so each worker is a queue of its own.",
    )
    ingress_service_us: float = knob(
        cost("ingress.request_us"), "ingress work per request", "µs", group=INGRESS,
        kind="number", minimum=0.0, maximum=10_000_000.0, slider=(20.0, 2000.0),
        cost="ingress.request_us",
        help="CPU time of the worker for one request; TLS handshakes come on top.",
    )
    ingress_mode: str = knob(
        "endpoints", "ingress connects to", group=INGRESS, kind="choice",
        choices=("endpoints", "cluster_ip"),
        help="Pod addresses from EndpointSlices, as most controllers do, or the Service's "
        "ClusterIP, which the node then translates.",
    )
    ingress_new_connection_share: float = knob(
        0.2, "requests on a new upstream connection", group=INGRESS, kind="share",
        help="Requests for which the proxy found no idle connection to reuse. Not used when "
        "balancing is 'connection'.",
    )
    ingress_connect_timeout_s: float = knob(
        5.0, "connect time-out", "s", group=INGRESS, kind="number", minimum=0.001, maximum=3600.0,
        slider=(0.5, 60.0),
        help="The proxy gives up on a connection after this and answers 504.",
    )
    ingress_read_timeout_s: float = knob(
        60.0, "read time-out", "s", group=INGRESS, kind="number", minimum=0.001, maximum=86_400.0,
        slider=(0.5, 60.0),
        help="The proxy gives up on an answer after this and answers 504; the pod works on.",
    )

    downstream_name: str = knob(
        "api.stripe.com", "name the pod looks up", group=NAMES, kind="text",
        help="The host the application calls. A final dot makes it absolute. A Service is a name "
        "without dots, name.namespace in the pod's own namespace, or name.namespace.svc; any other "
        "name is taken for a host outside the cluster.",
    )
    ndots: int = knob(
        5, "ndots", group=NAMES, kind="whole", minimum=0, maximum=15, slider=(0, 7),
        help="A name with fewer dots than this goes through the search list first. Kubernetes "
        "writes 5.",
    )
    resolver: str = knob(
        "glibc", "resolver", group=NAMES, kind="choice", choices=("glibc", "musl", "go"),
        help="Debian and Red Hat images use glibc, Alpine musl, Go programs mostly Go's own.",
    )
    namespace: str = knob(
        "production", "namespace", group=NAMES, kind="text",
        help="The pod's namespace: a name without dots is a Service there.",
    )
    search_domains: tuple[str, ...] = knob(
        ("production.svc.cluster.local", "svc.cluster.local", "cluster.local"), "search list",
        group=NAMES, kind="names",
        help="Kubernetes writes three domains; a cloud's node adds one, such as "
        "'eu-west-1.compute.internal'.",
    )
    lookup_share: float = knob(
        0.5, "requests that look the name up", group=NAMES, kind="share",
        help="Requests that open a new connection to the downstream host, and so resolve it.",
    )
    coredns_replicas: int = knob(
        2, "CoreDNS replicas", group=NAMES, kind="whole", minimum=1, maximum=1000, slider=(1, 20),
        help="Each replica is a queue of its own.",
    )
    coredns_service_us: float = knob(
        cost("dns.coredns_query_us"), "CoreDNS work per query", "µs", group=NAMES, kind="number",
        minimum=0.0, maximum=10_000_000.0, slider=(10.0, 1000.0), cost="dns.coredns_query_us",
        help="Time between answers of one saturated replica. A CPU limit makes it longer.",
    )
    coredns_cache_hit_share: float = knob(
        cost("dns.cache_hit_share"), "CoreDNS cache hits", group=NAMES, kind="share",
        cost="dns.cache_hit_share",
        help="For names outside the cluster; names inside are answered from memory.",
    )
    upstream_dns_rtt_us: float = knob(
        cost("dns.upstream_rtt_us"), "upstream resolver", "µs", group=NAMES, kind="number",
        minimum=0.0, maximum=60_000_000.0, slider=(500.0, 100_000.0), cost="dns.upstream_rtt_us",
        help="What a cache miss adds: CoreDNS asks the resolver it forwards to.",
    )
    dns_loss_share: float = knob(
        0.0, "DNS exchanges lost", group=NAMES, kind="share", slider=(0.0, 0.05),
        help="Share of single UDP questions whose datagram is lost on the way to CoreDNS.",
    )
    node_local_dns: bool = knob(
        False, "NodeLocal DNSCache", group=NAMES, kind="switch",
        help="A cache on every node: no conntrack entries, no UDP loss, and TCP to CoreDNS.",
    )
    node_local_hit_share: float = knob(
        cost("dns.node_local_hit_share"), "NodeLocal cache hits", group=NAMES, kind="share",
        cost="dns.node_local_hit_share",
        help="Answered on the node, misses of search domains included.",
    )

    services: int = knob(
        1000, "Services", group=SERVICES, kind="whole", minimum=0, maximum=1_000_000,
        slider=(10, 30_000),
        help="Services in the cluster.",
    )
    proxy_mode: str = knob(
        "iptables", "Service proxy", group=SERVICES, kind="choice",
        choices=("iptables", "nftables", "ipvs", "ebpf"),
        help="Who translates a Service's address: for the first packet of a flow iptables walks a "
        "list, the others look once into a map.",
    )

    conntrack_max: int = knob(
        int(cost("conntrack.max")), "conntrack max", "entries", group=CONNTRACK, kind="whole",
        minimum=1, maximum=100_000_000, slider=(8192, 1_048_576), cost="conntrack.max",
        help="nf_conntrack_max on every node, or the size of the eBPF map.",
    )
    nodes: int = knob(
        6, "nodes", group=CONNTRACK, kind="whole", minimum=1, maximum=5000, slider=(1, 50),
        help="Nodes of the cluster; pods and zones are spread over them in turn.",
    )
    time_wait_s: float = knob(
        cost("conntrack.time_wait_s"), "TIME_WAIT", "s", group=CONNTRACK, kind="number",
        minimum=1.0, maximum=86_400.0, slider=(10.0, 240.0), cost="conntrack.time_wait_s",
        help="nf_conntrack_tcp_timeout_time_wait: a closed connection keeps its entry so long.",
    )
    syn_ladder: str = knob(
        "linear", "SYN retries", group=CONNTRACK, kind="choice", choices=("linear", "classic"),
        help="When an unanswered SYN is sent again: 1, 2, 3, 4, 5, 7, 11, ... s from Linux 6.5 on "
        "(tcp_syn_linear_timeouts), 1, 3, 7, 15 s before.",
    )
    downstream_connect_timeout_s: float = knob(
        5.0, "application's connect time-out", "s", group=CONNTRACK, kind="number", minimum=0.001,
        maximum=3600.0, slider=(0.5, 60.0),
        help="The application gives up on its downstream connection after this.",
    )

    cni: str = knob(
        "vxlan", "CNI model", group=WIRE, kind="choice",
        choices=("vxlan", "geneve", "ipip", "wireguard", "bgp", "ebpf"),
        help="How a packet gets to another node: inside another packet, or routed as it is (bgp; "
        "ebpf with native routing).",
    )
    mtu_bytes: int = knob(
        1500, "MTU of the nodes' network", "bytes", group=WIRE, kind="whole", minimum=576,
        maximum=65_535, slider=(1280, 9001),
        help="The pods' MTU is smaller by the encapsulation.",
    )
    request_bytes: int = knob(
        2_000, "request size", "bytes", group=WIRE, kind="whole", minimum=0,
        maximum=1_000_000_000, slider=(100, 1_000_000),
        help="Payload of a request.",
    )
    response_bytes: int = knob(
        20_000, "response size", "bytes", group=WIRE, kind="whole", minimum=0,
        maximum=1_000_000_000, slider=(100, 10_000_000),
        help="Payload of an answer.",
    )

    zones: int = knob(
        3, "zones", group=ZONES, kind="whole", minimum=1, maximum=100, slider=(1, 6),
        help="Node k stands in zone k modulo this; with fewer nodes, fewer zones are used.",
    )
    topology: str = knob(
        "cluster", "traffic distribution", group=ZONES, kind="choice",
        choices=("cluster", "prefer_same_zone"),
        help="prefer_same_zone: trafficDistribution: PreferSameZone; endpoints of the caller's "
        "zone while there are any.",
    )
    zone_rtt_us: float = knob(
        cost("network.cross_zone_rtt_us"), "round trip between zones", "µs", group=ZONES,
        kind="number", minimum=0.0, maximum=10_000_000.0, slider=(200.0, 4000.0),
        cost="network.cross_zone_rtt_us",
        help="Round trip between nodes in different zones.",
    )

    replicas: int = knob(
        3, "replicas", group=PODS, kind="whole", minimum=1, maximum=10_000, slider=(1, 30),
        help="Pods of the application.",
    )
    service_time_us: float = knob(
        5000.0, "mean service time", "µs", group=PODS, kind="number", minimum=0.0,
        maximum=3_600_000_000.0, slider=(100.0, 100_000.0),
        help="Time a worker of the pod is busy with one request.",
    )
    service_time_distribution: str = knob(
        "exponential", "service time distribution", group=PODS, kind="choice",
        choices=("exponential", "deterministic", "lognormal"),
        help="Its shape; the mean stays. The lognormal has a standard deviation twice its mean.",
    )
    pod_concurrency: int = knob(
        4, "workers per pod", group=PODS, kind="whole", minimum=1, maximum=10_000, slider=(1, 32),
        help="Requests a pod works on at once; more wait in its queue.",
    )
    balancing: str = knob(
        "request", "balanced by", group=PODS, kind="choice", choices=("request", "connection"),
        help="request: each request picks a pod at random. connection: a long-lived connection "
        "(HTTP/2, gRPC) picks once, and all its requests follow.",
    )
    connections: int = knob(
        16, "long-lived connections", group=PODS, kind="whole", minimum=1, maximum=1_000_000,
        slider=(1, 200),
        help="How many there are when balancing is 'connection'.",
    )
    connected_replicas: int | None = knob(
        None, "pods when they were opened", group=PODS, kind="whole", minimum=1, maximum=10_000,
        slider=(1, 30), optional=True,
        help="Long-lived connections know only the pods of that time (those still there); None: "
        "all.",
    )
    # fmt: on

    def __post_init__(self) -> None:
        for name, rule in knobs().items():
            object.__setattr__(self, name, rule.checked(getattr(self, name)))

    @staticmethod
    def presets() -> "dict[str, Scenario]":
        """Return the named scenarios of the lessons; each incident has a ``_fixed`` twin."""
        from k8snet_lessons.scenario._presets import presets

        return presets()


@cache
def knobs() -> Mapping[str, Knob]:
    """Return what each field of :class:`Scenario` may be, in the road's order (read-only)."""
    described = {}
    for item in fields(Scenario):
        words = item.metadata["knob"]
        described[item.name] = Knob(name=item.name, default=item.default, **words)
    return MappingProxyType(described)
