"""Policy sets that nobody would write, drawn from a seed, for the kernel to be asked about."""

import json
from random import Random
from typing import Any

NAMESPACES = ("shop", "ops")
LABELS = {"app": ("api", "db", "front"), "job": ("shell", "watch"), "who": NAMESPACES}
BLOCKS = {
    "10.77.0.0/24": ("10.77.0.0/29", "10.77.0.14/32", "10.77.0.16/28"),
    "10.77.0.8/29": ("10.77.0.8/30",),
    "0.0.0.0/0": ("10.77.0.0/28", "10.77.0.2/32"),
    "10.77.0.5/29": (),
}


def policy_set(seed: int) -> str:
    """One to four policies in as many documents."""
    draw = Random(seed)
    return "".join(
        "\n---\n"
        + json.dumps(
            {
                "apiVersion": "networking.k8s.io/v1",
                "kind": "NetworkPolicy",
                "metadata": {"name": f"p{number}", "namespace": draw.choice(NAMESPACES)},
                "spec": _spec(draw),
            }
        )
        for number in range(draw.randint(1, 4))
    )


def _spec(draw: Random) -> dict[str, Any]:
    spec: dict[str, Any] = {"podSelector": _selector(draw, ("app", "job"))}
    for direction, other in (("ingress", "from"), ("egress", "to")):
        if draw.random() < 0.6:
            spec[direction] = [_rule(draw, other) for _ in range(draw.randint(0, 2))]
    if draw.random() < 0.7:
        spec["policyTypes"] = draw.choice((["Ingress"], ["Egress"], ["Ingress", "Egress"]))
    return spec


def _rule(draw: Random, other: str) -> dict[str, Any]:
    rule: dict[str, Any] = {}
    if draw.random() < 0.75:
        rule[other] = [_peer(draw) for _ in range(draw.randint(0, 2))]
    if draw.random() < 0.6:
        rule["ports"] = [_port(draw) for _ in range(draw.randint(0, 2))]
    return rule


def _peer(draw: Random) -> dict[str, Any]:
    if draw.random() < 0.35:
        cidr = draw.choice(tuple(BLOCKS))
        holes = [hole for hole in BLOCKS[cidr] if draw.random() < 0.5]
        return {"ipBlock": {"cidr": cidr, "except": holes}}
    peer = {}
    if draw.random() < 0.6:
        peer["podSelector"] = _selector(draw, ("app", "job"))
    if draw.random() < 0.5 or not peer:
        peer["namespaceSelector"] = _selector(draw, ("who",))
    return peer


def _port(draw: Random) -> dict[str, Any]:
    port: dict[str, Any] = {"protocol": draw.choice(("TCP", "TCP", "UDP", "SCTP"))}
    kind = draw.random()
    if kind < 0.35:
        port["port"] = draw.choice((80, 81))
    elif kind < 0.6:
        port["port"] = draw.choice(("web", "dns"))
    elif kind < 0.85:
        port["port"] = draw.choice((1, 80, 81))
        port["endPort"] = draw.choice((81, 90))
    return port


def _selector(draw: Random, keys: tuple[str, ...]) -> dict[str, Any]:
    key = draw.choice(keys)
    kind = draw.random()
    if kind < 0.25:
        return {}
    if kind < 0.55:
        return {"matchLabels": {key: draw.choice(LABELS[key])}}
    operator = draw.choice(("In", "NotIn", "Exists", "DoesNotExist"))
    term: dict[str, Any] = {"key": key, "operator": operator}
    if operator in ("In", "NotIn"):
        term["values"] = draw.sample(LABELS[key], draw.randint(1, 2))
    return {"matchExpressions": [term]}
