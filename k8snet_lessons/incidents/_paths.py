"""The shortest path of evidence of each fault: which commands, and what in them decides."""

import re
from collections.abc import Callable

from k8snet_lessons.incidents.evidence import (
    Look,
    absent,
    both,
    counter,
    cpu_limit_below,
    crossing,
    found,
    idle,
    per_lookup,
    refused_by_limit,
    suffers,
)
from k8snet_lessons.incidents.layout import APART
from k8snet_lessons.incidents.world import World


def _overview(hop: str, because: str) -> Look:
    return Look("metrics", "metrics", suffers(hop), because, decides=False)


def _coredns_node(world: World) -> str:
    return world.nodes[world.pods_of("coredns")[0].place]


def _conntrack_full(world: World) -> tuple[Look, ...]:
    node = _coredns_node(world)
    return (
        _overview("edge to checkout", "New connections wait whole seconds at more than one hop."),
        Look(f"ssh {node} conntrack -S", "conntrack -S", refused_by_limit,
             "drop counts every packet that found no room. It rises with each refusal.",
             also=(("dmesg", found("nf_conntrack: table full, dropping packet")),)),
        Look(f"ssh {node} sysctl net.netfilter", "sysctl", _table_is_full,
             "Count and maximum are equal."),
    )  # fmt: skip


def _table_is_full(text: str) -> bool:
    values = dict(re.findall(r"nf_conntrack_(count|max) = (\d+)", text))
    return len(values) == 2 and values["count"] == values["max"]


def _ndots(world: World) -> tuple[Look, ...]:
    server = world.pods_of("coredns")[0].name
    return (
        Look("metrics names", "metrics names", per_lookup(8, 99),
             "Ten questions a lookup, where the day before it was two. CoreDNS is at its limit."),
        Look(f"kubectl logs {server} -n kube-system", "kubectl logs",
             found(r"A IN api\.bank\.example\.shop\.svc\.cluster\.local\. .* NXDOMAIN"),
             "The bank's name is tried with every suffix of the search list first.",
             also=(("tcpdump", found(r"A\? api\.bank\.example\.shop\.svc\.cluster\.local\.")),)),
        Look("kubectl exec deploy/checkout -- cat /etc/resolv.conf", "cat /etc/resolv.conf",
             both(found(r"^search shop\.svc"), found(r"^options ndots:5")),
             "ndots:5: two dots are not enough to be tried as it stands."),
    )  # fmt: skip


def _throttled(world: World) -> tuple[Look, ...]:
    server = world.pods_of("coredns")[0].name
    return (
        Look("metrics names", "metrics names", per_lookup(0, 4),
             "CoreDNS is fully busy with no more questions than the day before."),
        Look(f"kubectl describe pod {server} -n kube-system", "kubectl describe",
             both(found("^ +coredns:"), cpu_limit_below(400)),
             "A CPU limit of 75m, on a pod that is as old as the trouble.",
             in_yaml=both(found("name: coredns$"), cpu_limit_below(400))),
    )  # fmt: skip


def _mtu(world: World) -> tuple[Look, ...]:
    other, node = world.nodes[5], world.nodes[APART]
    pod = world.pods_of("checkout")[APART]
    return (
        Look("metrics pods", "metrics pods", idle("checkout"),
             "One ready checkout pod gets no requests.", decides=False),
        Look(f"ssh {other} tcpdump -ni any host {pod.address}", "tcpdump", _sent_again,
             "The handshake is answered; the request is sent again and again."),
        Look(f"ssh {other} ping -M do -s 8900 {node}", "ping",
             both(found(r"^PING \S+ \S+ (?!9)\d{4,5}\("), found("100% packet loss")),
             "A large packet does not arrive, and no router says why. A small one does."),
    )  # fmt: skip


def _sent_again(text: str) -> bool:
    flows = re.findall(r"IP (\S+ > \S+): Flags \[P\.\], seq 1:2001", text)
    return any(flows.count(flow) >= 3 for flow in flows) and "Flags [S.]" in text


def _pinned(world: World) -> tuple[Look, ...]:
    return (
        Look("metrics pods", "metrics pods", idle("ledger"),
             "Two ledger pods carry every call; the others get none.", decides=False),
        Look("kubectl get events", "get events",
             found(r"deployment/ledger +Scaled up replica set"),
             "The idle pods came after the channels were opened.",
             also=(("kubectl describe", found(r"-controller +Scaled up replica set ledger")),)),
        Look("kubectl logs deploy/ledger", "kubectl logs",
             found("max_connection_age=infinity"),
             "Nobody ever closes a channel, so nobody ever moves.", decides=False),
    )  # fmt: skip


def _lopsided(world: World) -> tuple[Look, ...]:
    young = world.pods_of("ledger")[-1].name
    return (
        Look("metrics pods", "metrics pods", idle("ledger"),
             "A few ledger pods carry every call; the others get none.", decides=False),
        Look("kubectl get pods", "get pods", _two_ledgers,
             "Ledger pods of two ReplicaSets: a rollout that stopped half-way.",
             also=(("rollout status", found('deployment "ledger" rollout to finish')),
                   ("kubectl describe", found(r"Progressing +Unknown +DeploymentPaused")),
                   ("get deploy", found(r"^(shop +)?ledger +8/8 +[1-7] ")))),
        Look(f"kubectl describe pod {young}", "kubectl describe",
             found(r"GRPC_MAX_CONNECTION_AGE: +300s"),
             "An idle pod closes its connections every five minutes.", decides=False),
        Look("kubectl logs deploy/ledger", "kubectl logs",
             found("max_connection_age=infinity"),
             "A busy one never does.", decides=False),
    )  # fmt: skip


def _two_ledgers(text: str) -> bool:
    return len(set(re.findall(r"^(?:shop +)?ledger-(\w+)-", text, re.MULTILINE))) == 2


def _sticky(world: World) -> tuple[Look, ...]:
    node = world.nodes[0]
    return (
        Look("metrics pods", "metrics pods", idle("ledger"),
             "Some ledger pods get no calls, others those of several clients.", decides=False),
        Look("kubectl describe svc ledger", "kubectl describe",
             found(r"^Session Affinity: +ClientIP"), "The Service remembers its clients.",
             in_yaml=found("sessionAffinity: ClientIP$")),
        Look(f"ssh {node} iptables-save -t nat", "iptables-save",
             found(r"shop/ledger.* -m recent --rcheck --seconds 10800"),
             "And so do the rules: before the dice are thrown, a list is asked."),
    )  # fmt: skip


def _dns_policy(world: World) -> tuple[Look, ...]:
    return (
        _overview("name lookup", "Every lookup of checkout fails, after twenty seconds."),
        Look("kubectl exec deploy/checkout -- nslookup api.bank.example", "nslookup",
             found("no servers could be reached"),
             "No server answers this pod.", decides=False),
        Look("kubectl describe netpol checkout-egress", "kubectl describe",
             both(found("Allowing egress traffic"), absent("To Port: 53/UDP")),
             "Egress is allowed to the ledger and port 443. Nowhere to port 53.", whole=True,
             in_yaml=both(found("^ +egress:$"), absent("port: 53$"))),
    )  # fmt: skip


def _edge_policy(world: World) -> tuple[Look, ...]:
    return (
        Look("kubectl logs deploy/edge-proxy -n edge --tail 400 | grep error", "kubectl logs",
             found("Connection timed out\\) while connecting to upstream"),
             "The proxy's connections are not refused; they are not answered.", decides=False),
        Look("kubectl describe netpol checkout-callers", "kubectl describe",
             both(found("Allowing ingress traffic"), absent("NamespaceSelector")),
             "Edge proxies of the namespace shop may call. There are none.", whole=True,
             in_yaml=both(found("^ +ingress:$"), absent("namespaceSelector"))),
    )  # fmt: skip


def _hints(world: World) -> tuple[Look, ...]:
    return (
        Look("metrics zones", "metrics zones", crossing(30.0),
             "Two requests in three cross a zone. The day before none did."),
        Look("kubectl describe svc checkout", "kubectl describe",
             found("TopologyAwareHintsDisabled"),
             "The controller says why it withholds the hints: four endpoints, three zones.",
             also=(("get ev", found("TopologyAwareHintsDisabled")),)),
    )  # fmt: skip


def _snat(world: World) -> tuple[Look, ...]:
    node = world.nodes[1]
    return (
        _overview("bank connection", "Only connections to the bank are late, by whole seconds."),
        Look(f"ssh {node} conntrack -S", "conntrack -S",
             both(counter("insert_failed"), lambda text: not refused_by_limit(text)),
             "drop is no more than insert_failed: the table has room, the tuples are taken."),
        Look(f"ssh {node} iptables-save -t nat", "iptables-save",
             found(r"-j MASQUERADE --to-ports"),
             "The masquerade rule may use a narrow range of ports."),
    )  # fmt: skip


def _dead_targets(text: str) -> bool:
    return len(re.findall(r" 100\.0% +0\.0% +0\.0%$", text, re.MULTILINE)) >= 2


def _local(world: World) -> tuple[Look, ...]:
    return (
        Look("metrics nodes", "metrics nodes", _dead_targets,
             "From three nodes nobody gets a connection; the others are well."),
        Look("kubectl describe svc edge-proxy -n edge", "kubectl describe",
             found(r"^External Traffic Policy: +Local"),
             "Local: a node without an edge pod of its own drops.",
             in_yaml=found("externalTrafficPolicy: Local$"),
             also=(("iptables-save", found("edge/edge-proxy:https has no local endpoints")),)),
    )  # fmt: skip


def _wrong_port(world: World) -> tuple[Look, ...]:
    return (
        Look("kubectl logs deploy/edge-proxy -n edge --tail 400 | grep error", "kubectl logs",
             found("111: Connection refused"),
             "Somebody answers, at once: with a reset.", decides=False),
        Look("kubectl describe svc checkout", "kubectl describe",
             found(r"^TargetPort: +(?!8080/)\d+/TCP\n^Endpoints: +10\."),
             "There are endpoints, and their port is not the container's 8080.",
             in_yaml=found(r"^ +targetPort: 80(?!80)\d\d$"),
             also=(("get endpointslice", found(r"^(shop +)?checkout-\S+ +IPv4 +(?!8080 )\d+ ")),
                   ("describe endpointslice", found(r"^  http +(?!8080 )\d+ +TCP")),
                   ("iptables-save",
                    found(r'"shop/checkout:http".* --to-destination \S+:(?!8080$)\d+$')),
                   ("tcpdump", found(r"\.80(?!80)\d\d > \S+: Flags \[R")))),
    )  # fmt: skip


def _selector(world: World) -> tuple[Look, ...]:
    return (
        Look("kubectl logs deploy/edge-proxy -n edge --tail 400 | grep error", "kubectl logs",
             found("111: Connection refused"),
             "Somebody answers, at once: with a refusal.", decides=False),
        Look("kubectl describe svc checkout", "kubectl describe",
             both(found(r"^Name: +checkout$"), found(r"^Endpoints: *$")),
             "No endpoints: the selector matches no pod's labels.",
             in_yaml=found(r"app: (checkout-api|shop-checkout)$"),
             also=(("get endpointslice", found(r"^(shop +)?checkout-\S+ +IPv4 +<unset>")),
                   ("get svc", found(r"^(shop +)?checkout +ClusterIP .* app=(?!checkout$)\S+$")),
                   ("describe ing", found(r"checkout:80 \(\)")),
                   ("iptables-save", found("shop/checkout:http has no endpoints")),
                   ("tcpdump", found("tcp port 80 unreachable")))),
    )  # fmt: skip


def _read(world: World) -> tuple[Look, ...]:
    return (
        Look("metrics", "metrics",
             both(found(r"^/cart +\d+ +0\.\d%"), found(r"^/report +\d+ +(9\d|100)\.\d%")),
             "Reports fail, carts do not."),
        Look("kubectl logs deploy/edge-proxy -n edge --tail 400 | grep error", "kubectl logs",
             found(r"while reading response header from upstream.*GET /report"),
             "The proxy hung up on an answer that was on its way.", decides=False),
        Look("kubectl describe ingress shop", "kubectl describe",
             found(r"proxy-read-timeout: [12]$"), "It waits a second or two; a report takes more.",
             in_yaml=found("proxy-read-timeout: '[12]'$")),
    )  # fmt: skip


def _tunnel(world: World) -> tuple[Look, ...]:
    other, node = world.nodes[5], world.nodes[APART]
    pod = world.pods_of("checkout")[APART]
    return (
        Look("metrics pods", "metrics pods", idle("checkout"),
             "One ready checkout pod gets no requests.", decides=False),
        Look(f"ssh {other} tcpdump -ni any host {pod.address}", "tcpdump",
             both(found(r"Flags \[S\],"), absent(r"Flags \[S\.\]")),
             "Not even the handshake is answered.", decides=False, whole=True),
        Look(f"ssh {node} iptables-save -t filter", "iptables-save",
             found(r"-A INPUT .*--dport 4789 .*-j DROP"),
             "The node's own firewall drops the tunnel's port."),
    )  # fmt: skip


PATHS: dict[str, Callable[[World], tuple[Look, ...]]] = {
    "conntrack-full": _conntrack_full,
    "ndots-amplification": _ndots,
    "coredns-throttled": _throttled,
    "mtu-black-hole": _mtu,
    "pinned-channels": _pinned,
    "lopsided-age": _lopsided,
    "sticky-clients": _sticky,
    "policy-blocks-dns": _dns_policy,
    "policy-blocks-edge": _edge_policy,
    "hints-withheld": _hints,
    "snat-ports": _snat,
    "local-policy": _local,
    "wrong-target-port": _wrong_port,
    "selector-mismatch": _selector,
    "short-read-timeout": _read,
    "tunnel-port-closed": _tunnel,
}
