"""Vectors from kube-proxy's own test suite, and the world that they speak of."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from kube_worlds import service_text, slice_text, world

from k8snet_lessons.cluster import Cluster


@pytest.fixture
def vectors(vector_file: Callable[[str], Path]) -> Callable[[str], Any]:
    """Load a file of expected results by its name without ``.json``."""
    return lambda name: json.loads(vector_file(f"{name}.json").read_text())


@pytest.fixture
def masquerade_world(vectors: Callable[[str], Any]) -> Cluster:
    """Build the three Services of kube-proxy's masquerading test."""
    parts = []
    where = {"local": "this-node", "remote": "other-node"}
    data = vectors("packetflow-internal-external-masquerade")["world"]
    for item in data["services"]:
        name = f"{item['ns']}/{item['name']}"
        parts.append(
            service_text(
                name,
                item["clusterIP"],
                f"  type: LoadBalancer\n  externalTrafficPolicy: {item['eTP']}\n"
                f"  internalTrafficPolicy: {item['iTP']}\n",
                f"[{{name: p80, port: 80, nodePort: {item['nodePort']}}}]",
                f"{{ip: {item['lbIP']}}}",
            )
        )
        entries = ", ".join(
            f"{{addresses: [{ip}], nodeName: {where[place]}}}" for ip, place in item["endpoints"]
        )
        parts.append(slice_text(name, f"[{entries}]"))
    return world(*parts)
