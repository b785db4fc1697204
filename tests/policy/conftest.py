"""The world most cases are tried in: three namespaces with three pods each, and two servers."""

import pytest

from k8snet_lessons.cluster import load_manifests

NAMESPACES = "xyz"
PODS = "abc"


def pod(namespace, name, labels, ports="", node="node-1", address="", more=""):
    ip = f"status: {{podIP: {address}, podIPs: [{{ip: {address}}}]}}" if address else ""
    return f"""
---
apiVersion: v1
kind: Pod
metadata: {{name: {name}, namespace: {namespace}, labels: {{{labels}}}}}
spec:
  nodeName: {node}
  {more}
  containers:
  - {{name: c, image: i, ports: [{ports}]}}
{ip}
"""


def world_text():
    parts = []
    for n, namespace in enumerate(NAMESPACES):
        parts.append(
            f"""
---
apiVersion: v1
kind: Namespace
metadata: {{name: {namespace}, labels: {{ns: {namespace}}}}}
"""
        )
        for p, name in enumerate(PODS):
            ports = (
                "{name: serve-80-tcp, containerPort: 80}, "
                "{name: serve-81-udp, containerPort: 81, protocol: UDP}, "
                "{name: serve-82-sctp, containerPort: 82, protocol: SCTP}"
            )
            parts.append(
                pod(namespace, name, f"pod: {name}", ports, address=f"10.244.{n}.{10 + p}")
            )
    return "".join(parts)


WORLD = world_text()


def world(policies="", more=""):
    return load_manifests(WORLD + more + "\n---\n" + policies)


@pytest.fixture(scope="session")
def plain_world():
    return world()
