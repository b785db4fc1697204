"""Small worlds written as manifests, in the words of kube-proxy's tests."""

from k8snet_lessons.cluster import Cluster, load_manifests


def service_text(
    name: str,
    cluster_ip: str,
    body: str = "",
    ports: str = "[{name: p80, port: 80}]",
    status: str = "",
) -> str:
    namespace, _, short = name.partition("/")
    return (
        f"apiVersion: v1\nkind: Service\nmetadata: {{name: {short}, namespace: {namespace}}}\n"
        f"spec:\n  clusterIP: {cluster_ip}\n  ports: {ports}\n{body}"
        + (f"status: {{loadBalancer: {{ingress: [{status}]}}}}\n" if status else "")
        + "---\n"
    )


def slice_text(name: str, endpoints: str, ports: str = "[{name: p80, port: 80}]") -> str:
    namespace, _, short = name.partition("/")
    family = "IPv6" if "::" in endpoints else "IPv4"
    return (
        f"apiVersion: discovery.k8s.io/v1\nkind: EndpointSlice\nmetadata: {{name: {short}-1, "
        f"namespace: {namespace}, labels: {{kubernetes.io/service-name: {short}}}}}\n"
        f"addressType: {family}\nendpoints: {endpoints}\nports: {ports}\n---\n"
    )


NODES = (
    "apiVersion: v1\nkind: Node\nmetadata: {name: this-node, "
    "labels: {topology.kubernetes.io/zone: zone-a}}\n"
    "status: {addresses: [{type: InternalIP, address: 192.168.0.2}]}\n---\n"
    "apiVersion: v1\nkind: Node\nmetadata: {name: other-node, "
    "labels: {topology.kubernetes.io/zone: zone-b}}\n"
    "status: {addresses: [{type: InternalIP, address: 192.168.0.3}]}\n---\n"
)


def world(*parts: str) -> Cluster:
    return load_manifests(NODES + "".join(parts), pod_cidrs=["10.0.0.0/8"])
