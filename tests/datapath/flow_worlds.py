"""Worlds and flows in the shape of kube-proxy's own packet-flow tests.

The kinds of flows are those of ``pkg/proxy/iptables/proxier_test.go`` in
kubernetes/kubernetes; the worlds here are of this course's own making.
"""

from typing import NamedTuple

from k8snet_lessons.cluster import Cluster, load_manifests

NODE, SECOND, OTHER = "192.168.0.2", "192.168.1.2", "192.168.0.3"
NODE6 = "2001:db8::1"
POD, OUTSIDE, BLOCKED = "10.0.0.2", "203.0.113.2", "203.0.113.130"
POD6, OUTSIDE6 = "fd00:10::2", "2600:5200::1"

NODES = f"""
apiVersion: v1
kind: Node
metadata: {{name: here, labels: {{topology.kubernetes.io/zone: a}}}}
status:
  addresses:
  - {{type: InternalIP, address: {NODE}}}
  - {{type: InternalIP, address: {SECOND}}}
  - {{type: InternalIP, address: "{NODE6}"}}
---
apiVersion: v1
kind: Node
metadata: {{name: there, labels: {{topology.kubernetes.io/zone: b}}}}
status: {{addresses: [{{type: InternalIP, address: {OTHER}}}]}}
---
"""


class Flow(NamedTuple):
    """A packet, and what must become of it: backends, or REJECT, DROP, ACCEPT or nothing."""

    source: str
    target: str
    port: int
    ends: str
    masqueraded: bool = False
    protocol: str = "tcp"

    @property
    def origin(self) -> str:
        """By its source: the node itself, a pod, or somebody outside."""
        if self.source in (NODE, SECOND, NODE6, "127.0.0.1", "::1"):
            return "host"
        return "pod" if self.source.startswith(("10.", "fd00:10:")) else "external"


def service(
    name: str = "web",
    ip: str = "172.30.0.41",
    kind: str = "ClusterIP",
    spec: str = "",
    lb: str = "",
    ports: str = "[{name: p, port: 80, nodePort: 3001}]",
) -> str:
    """One Service; ``lb`` is what stands in its status."""
    if kind == "ClusterIP":
        ports = ports.replace(", nodePort: 3001", "")
    status = f"status: {{loadBalancer: {{ingress: [{lb}]}}}}\n" if lb else ""
    return (
        f"apiVersion: v1\nkind: Service\nmetadata: {{name: {name}, namespace: ns}}\nspec:\n"
        f"  type: {kind}\n  clusterIP: {ip!r}\n  ports: {ports}\n{spec}{status}---\n"
    )


def endpoints(
    *where: str, name: str = "web", ports: str = "[{name: p, port: 80}]", index: int = 1
) -> str:
    """Endpoints written ``address@node`` with ``~`` for terminating, ``!`` for not serving."""
    items = []
    for text in where:
        address, _, node = text.partition("@")
        conditions = ""
        if node.endswith("~!"):
            conditions = ", conditions: {ready: false, serving: false, terminating: true}"
        elif node.endswith("~"):
            conditions = ", conditions: {ready: false, serving: true, terminating: true}"
        elif node.endswith("!"):
            conditions = ", conditions: {ready: false, serving: false}"
        node = node.rstrip("~!")
        place = f", nodeName: {node}" if node else ""
        items.append(f"{{addresses: [{address!r}]{place}{conditions}}}")
    family = "IPv6" if "::" in where[0] else "IPv4"
    return (
        "apiVersion: discovery.k8s.io/v1\nkind: EndpointSlice\n"
        f"metadata: {{name: {name}-{index}, namespace: ns, "
        f"labels: {{kubernetes.io/service-name: {name}}}}}\n"
        f"addressType: {family}\nendpoints: [{', '.join(items)}]\nports: {ports}\n---\n"
    )


def world(*parts: str) -> Cluster:
    """A cluster of two nodes whose pods are in 10.0.0.0/8 and fd00:10::/64."""
    return load_manifests(NODES + "".join(parts), pod_cidrs=["10.0.0.0/8", "fd00:10::/64"])
