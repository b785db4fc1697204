"""One call to one Service: who calls, how many pods stand behind it, and what the node holds.

The Service of the course's first lessons, as manifests, as rules, and as a packet on its way.
"""

from dataclasses import dataclass
from typing import Final, Literal

from k8snet_lessons.cluster import load_manifests
from k8snet_lessons.control import program
from k8snet_lessons.datapath.netfilter import parse_iptables_save
from k8snet_lessons.datapath.outcome import Trace
from k8snet_lessons.datapath.packet import Origin, Packet
from k8snet_lessons.datapath.tracing import trace
from k8snet_lessons.errors import InputError

MOST_ENDPOINTS: Final = 10
NODE: Final = "192.0.2.11"
OTHER_NODE: Final = "192.0.2.12"
CLUSTER_IP: Final = "10.96.0.45"
NODE_PORT: Final = 30080
BALANCER: Final = "203.0.113.80"
OUTSIDE: Final = "198.51.100.7"
CALLER: Final = "10.244.1.5"
Caller = Literal["pod", "itself", "host", "node_port", "balancer"]
Policy = Literal["Cluster", "Local"]
CALLERS: Final[dict[Caller, str]] = {
    "pod": "a pod calls the ClusterIP",
    "itself": "a pod calls its own Service",
    "host": "a process of the node calls the ClusterIP",
    "node_port": "a client outside calls the node port",
    "balancer": "a client outside calls the load balancer's address",
}
_ORIGIN: Final[dict[Caller, Origin]] = {
    "pod": "pod",
    "itself": "pod",
    "host": "host",
    "node_port": "external",
    "balancer": "external",
}


@dataclass(frozen=True)
class Call:
    """Who calls the Service, and how it is set up.

    Parameters
    ----------
    endpoints : int
        Ready pods behind the Service, 0 to 10. Odd ones run on the node that is walked.
    caller : {"pod", "itself", "host", "node_port", "balancer"}
    policy : {"Cluster", "Local"}
        The Service's externalTrafficPolicy.
    """

    endpoints: int = 3
    caller: Caller = "pod"
    policy: Policy = "Cluster"

    def __post_init__(self) -> None:
        if type(self.endpoints) is not int or not 0 <= self.endpoints <= MOST_ENDPOINTS:
            raise InputError(
                "endpoints", self.endpoints, f"a whole number from 0 to {MOST_ENDPOINTS}"
            )
        if self.caller not in CALLERS:
            raise InputError("caller", self.caller, "one of " + ", ".join(CALLERS))
        if self.policy not in ("Cluster", "Local"):
            raise InputError("policy", self.policy, "Cluster or Local")

    def manifest(self) -> str:
        """Return the manifests that describe it, as YAML."""
        slices = "".join(
            f"- addresses: [{pod}]\n  nodeName: {'node-a' if n % 2 == 0 else 'node-b'}\n"
            "  conditions: {ready: true}\n"
            for n, pod in enumerate(self.pods())
        )
        return f"""\
apiVersion: v1
kind: Node
metadata: {{name: node-a}}
status: {{addresses: [{{type: InternalIP, address: {NODE}}}]}}
---
apiVersion: v1
kind: Node
metadata: {{name: node-b}}
status: {{addresses: [{{type: InternalIP, address: {OTHER_NODE}}}]}}
---
apiVersion: v1
kind: Service
metadata: {{name: payment-service, namespace: production}}
spec:
  type: LoadBalancer
  clusterIP: {CLUSTER_IP}
  externalTrafficPolicy: {self.policy}
  ports: [{{port: 8080, targetPort: 8080, nodePort: {NODE_PORT}}}]
status: {{loadBalancer: {{ingress: [{{ip: {BALANCER}, ipMode: VIP}}]}}}}
---
apiVersion: discovery.k8s.io/v1
kind: EndpointSlice
metadata:
  name: payment-service-1
  namespace: production
  labels: {{kubernetes.io/service-name: payment-service}}
addressType: IPv4
ports: [{{port: 8080, protocol: TCP}}]
endpoints:{" []" if not slices else chr(10) + slices}"""

    def pods(self) -> tuple[str, ...]:
        """Return the addresses of the ready pods, first to last."""
        return tuple(f"10.244.{1 + n % 2}.{12 + n}" for n in range(self.endpoints))

    def packet(self) -> Packet:
        """Return the first packet of the call."""
        pods = self.pods()
        itself = pods[0] if pods else CALLER
        source, target, port = {
            "pod": (CALLER, CLUSTER_IP, 8080),
            "itself": (itself, CLUSTER_IP, 8080),
            "host": (NODE, CLUSTER_IP, 8080),
            "node_port": (OUTSIDE, NODE, NODE_PORT),
            "balancer": (OUTSIDE, BALANCER, 8080),
        }[self.caller]
        return Packet(src=source, dst=target, dport=port, sport=40001)

    def dump(self) -> str:
        """Return the rules that kube-proxy's iptables mode writes on the node."""
        return str(program(load_manifests(self.manifest()), node="node-a").to_text())

    def trace(self) -> Trace:
        """Walk the first packet through the node's rules."""
        return trace(
            parse_iptables_save(self.dump()),
            self.packet(),
            _ORIGIN[self.caller],
            local_addresses=(NODE, "127.0.0.1"),
        )
