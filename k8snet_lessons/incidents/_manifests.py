"""The objects that declare an incident's cluster, as plain data."""

from typing import TYPE_CHECKING, Any

from k8snet_lessons.incidents.layout import (
    CHECKOUT_PORT,
    CPUS,
    EDGE_PORT,
    HOST,
    LEDGER_PORT,
    NODE_PORT,
    NODES,
    ZONES,
    planned_pods,
)

if TYPE_CHECKING:
    from k8snet_lessons.incidents.world import World
Object = dict[str, Any]
READ_TIMEOUT = "nginx.ingress.kubernetes.io/proxy-read-timeout"
TRIES = "nginx.ingress.kubernetes.io/proxy-next-upstream-tries"
AGE_VARIABLE = "GRPC_MAX_CONNECTION_AGE"


def objects(world: "World") -> list[Object]:
    """Every object of the cluster."""
    nodes = [_node(world, place) for place in range(NODES)]
    spaces = [
        {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name}}
        for name in ("edge", "kube-system", "shop")
    ]
    return [*spaces, *nodes, *_pods(world), *_services(world), _ingress(world), *_policies(world)]


def _node(world: "World", place: int) -> Object:
    return {
        "apiVersion": "v1",
        "kind": "Node",
        "metadata": {
            "name": world.nodes[place],
            "labels": {"topology.kubernetes.io/zone": ZONES[place % len(ZONES)]},
        },
        "spec": {"podCIDR": f"10.244.{place}.0/24"},
        "status": {
            "addresses": [{"type": "InternalIP", "address": world.node_address(place)}],
            "allocatable": {"cpu": str(CPUS), "memory": "30Gi", "pods": "110"},
            "conditions": [{"type": "Ready", "status": "True", "reason": "KubeletReady",
                            "message": "kubelet is posting ready status"}],
        },
    }  # fmt: skip


def _pods(world: "World") -> list[Object]:
    made = []
    numbers: dict[str, int] = {}
    for app, space, name, place, _ in planned_pods(world):
        number = numbers[app] = numbers.get(app, -1) + 1
        spec: Object = {
            "nodeName": world.nodes[place],
            "containers": [_container(world, app, number)],
        }
        if app == "checkout" and world.ndots != 5:
            spec["dnsConfig"] = {"options": [{"name": "ndots", "value": str(world.ndots)}]}
        labels = {
            "app": app,
            "pod-template-hash": name.rsplit("-", 2)[1],
        }
        if app == "coredns":
            labels["k8s-app"] = "kube-dns"
        made.append(
            {
                "apiVersion": "v1",
                "kind": "Pod",
                "metadata": {"name": name, "namespace": space, "labels": labels},
                "spec": spec,
            }
        )
    return made


def _container(world: "World", app: str, number: int) -> Object:
    ports = {"edge-proxy": EDGE_PORT, "checkout": CHECKOUT_PORT, "ledger": LEDGER_PORT}
    images = {
        "edge-proxy": "registry.example/edge-proxy:1.29",
        "checkout": "registry.example/checkout:4.12.0",
        "ledger": "registry.example/ledger:2.8.1",
        "coredns": "registry.k8s.io/coredns/coredns:v1.13.1",
    }
    made: Object = {"name": app, "image": images[app]}
    if app == "coredns":
        made["ports"] = [
            {"containerPort": 53, "name": "dns", "protocol": "UDP"},
            {"containerPort": 53, "name": "dns-tcp", "protocol": "TCP"},
        ]
        made["resources"] = {
            "limits": {"cpu": f"{world.coredns_limit_m}m", "memory": "170Mi"},
            "requests": {"cpu": "100m", "memory": "70Mi"},
        }
        return made
    made["ports"] = [{"containerPort": ports[app], "protocol": "TCP"}]
    made["readinessProbe"] = _probe(app, ports[app])
    if app == "ledger" and world.ledger_age_s and number >= world.ledger_ageless:
        made["env"] = [{"name": AGE_VARIABLE, "value": f"{world.ledger_age_s}s"}]
    if app == "checkout":
        made["env"] = [
            {"name": "LEDGER_TARGET", "value": _ledger_target(world)},
            {"name": "LEDGER_CHANNELS", "value": "20"},
        ]
    return made


def _probe(app: str, port: int) -> Object:
    """What the kubelet of the pod's own node asks, never another node."""
    times = {"timeoutSeconds": 1, "periodSeconds": 10, "successThreshold": 1, "failureThreshold": 3}
    if app == "ledger":
        return {"grpc": {"port": port, "service": ""}, **times}
    scheme = "HTTPS" if app == "edge-proxy" else "HTTP"
    return {"httpGet": {"path": "/healthz", "port": port, "scheme": scheme}, **times}


def _ledger_target(world: "World") -> str:
    if world.ledger_by_request:
        return "dns:///ledger-pods.shop.svc.cluster.local:9090"
    return "dns:///ledger.shop.svc.cluster.local:9090"


def _services(world: "World") -> list[Object]:
    annotations = {"service.kubernetes.io/topology-mode": "Auto"} if world.topology_mode else {}
    checkout: Object = {
        "selector": {"app": world.checkout_selector},
        "ports": [{"name": "http", "port": 80, "targetPort": world.target_port}],
    }
    if world.traffic_distribution:
        checkout["trafficDistribution"] = world.traffic_distribution
    ledger: Object = {
        "selector": {"app": "ledger"},
        "ports": [{"name": "grpc", "port": LEDGER_PORT, "targetPort": LEDGER_PORT}],
    }
    if world.ledger_affinity:
        ledger["sessionAffinity"] = "ClientIP"
        ledger["sessionAffinityConfig"] = {"clientIP": {"timeoutSeconds": 10_800}}
    edge = {
        "type": "NodePort",
        "externalTrafficPolicy": world.external_policy,
        "selector": {"app": "edge-proxy"},
        "ports": [
            {"name": "https", "port": 443, "targetPort": EDGE_PORT, "nodePort": NODE_PORT},
        ],
    }
    names = {
        "clusterIP": "10.96.0.10",
        "selector": {"k8s-app": "kube-dns"},
        "ports": [
            {"name": "dns", "port": 53, "targetPort": 53, "protocol": "UDP"},
            {"name": "dns-tcp", "port": 53, "targetPort": 53, "protocol": "TCP"},
        ],
    }
    made = [
        _service("edge", "edge-proxy", edge),
        _service("kube-system", "kube-dns", names, labels={"k8s-app": "kube-dns"}),
        _service("shop", "checkout", checkout, annotations=annotations),
        _service("shop", "ledger", ledger),
    ]
    if world.ledger_by_request:
        made.append(_service("shop", "ledger-pods", {**ledger, "clusterIP": "None"}))
    return made


def _service(
    space: str,
    name: str,
    spec: Object,
    *,
    labels: dict[str, str] | None = None,
    annotations: dict[str, str] | None = None,
) -> Object:
    meta: Object = {"name": name, "namespace": space, "labels": labels or {"app": name}}
    if annotations:
        meta["annotations"] = annotations
    return {"apiVersion": "v1", "kind": "Service", "metadata": meta, "spec": spec}


def _ingress(world: "World") -> Object:
    backend = {"service": {"name": "checkout", "port": {"number": 80}}}
    paths = [
        {"path": path, "pathType": "Prefix", "backend": backend} for path in ("/cart", "/report")
    ]
    return {
        "apiVersion": "networking.k8s.io/v1",
        "kind": "Ingress",
        "metadata": {
            "name": "shop",
            "namespace": "shop",
            "annotations": {
                READ_TIMEOUT: str(world.read_timeout_s),
                TRIES: "1",
                "nginx.ingress.kubernetes.io/service-upstream": "true",
            },
        },
        "spec": {
            "ingressClassName": "edge",
            "tls": [{"hosts": [HOST], "secretName": "shop-tls"}],
            "rules": [{"host": HOST, "http": {"paths": paths}}],
        },
    }


_CHECKOUT: Object = {"podSelector": {"matchLabels": {"app": "checkout"}}}


def _policies(world: "World") -> list[Object]:
    caller: Object = {"podSelector": {"matchLabels": {"app": "edge-proxy"}}}
    if world.allow_edge_namespace:
        caller["namespaceSelector"] = {"matchLabels": {"kubernetes.io/metadata.name": "edge"}}
    egress: list[Object] = [
        {"to": [_CHECKOUT]},
        {
            "to": [{"podSelector": {"matchLabels": {"app": "ledger"}}}],
            "ports": [{"protocol": "TCP", "port": LEDGER_PORT}],
        },
        {
            "to": [{"ipBlock": {"cidr": "0.0.0.0/0", "except": ["10.0.0.0/8"]}}],
            "ports": [{"protocol": "TCP", "port": 443}],
        },
    ]
    if world.allow_dns:
        egress.append(
            {
                "to": [
                    {
                        "namespaceSelector": {
                            "matchLabels": {"kubernetes.io/metadata.name": "kube-system"}
                        },
                        "podSelector": {"matchLabels": {"k8s-app": "kube-dns"}},
                    }
                ],
                "ports": [{"protocol": "UDP", "port": 53}, {"protocol": "TCP", "port": 53}],
            }
        )
    return [
        _policy(
            "checkout-callers",
            {"policyTypes": ["Ingress"], "ingress": [{"from": [caller, _CHECKOUT]}]},
        ),
        _policy("checkout-egress", {"policyTypes": ["Egress"], "egress": egress}),
    ]


def _policy(name: str, rules: Object) -> Object:
    return {
        "apiVersion": "networking.k8s.io/v1",
        "kind": "NetworkPolicy",
        "metadata": {"name": name, "namespace": "shop"},
        "spec": {"podSelector": {"matchLabels": {"app": "checkout"}}, **rules},
    }
