"""Exercise of lesson 2: an address in rules, and who is behind it."""

import json
from fractions import Fraction
from functools import cache
from random import Random
from typing import Any

from k8snet_lessons.assess.answers import type_name
from k8snet_lessons.assess.exercise import Assignment
from k8snet_lessons.assess.task import Field, Given, Slip, Task, asking
from k8snet_lessons.assess.verdict import Part
from k8snet_lessons.cluster import load_manifests
from k8snet_lessons.control import program
from k8snet_lessons.datapath import Conntrack, Packet, Trace, trace
from k8snet_lessons.datapath.service_call import NODE, OUTSIDE, Call
from k8snet_lessons.errors import InputError

# --- the odds ------------------------------------------------------------------------------


def _draw_odds(rng: Random) -> dict[str, Any]:
    endpoints = rng.randint(5, 9)
    rule = rng.randint(3, endpoints - 1)
    if 2**rule in (endpoints, endpoints - rule + 2):  # two misconceptions would say the same
        rule += 1
    return {"endpoints": endpoints, "rule": rule}


@cache
def _share_after_death(endpoints: int) -> Fraction:
    ends = Call(endpoints=endpoints).trace().backends()
    return Fraction(1, len(ends) - 1)


def _prompt_odds(given: Given) -> str:
    return f"""A Service has **{given["endpoints"]} ready endpoints**; kube-proxy runs in iptables
mode. Count the rules of its `KUBE-SVC-` chain that lead to an endpoint, from 1. Give numbers from 0 to 1
(a fraction such as `1 / 3` is fine):

- `"rule"`: the probability written into rule number **{given["rule"]}**;
- `"share"`: the share of all new connections that the endpoint of that rule gets;
- `"after"`: the same share after one of the **other** endpoints has become unready."""


ODDS = asking(
    name="odds",
    title="What the rule says, and what the pod gets",
    draw=_draw_odds,
    prompt=_prompt_odds,
    asked=(
        Field(
            "rule",
            1,
            lambda given: 1 / (given["endpoints"] - given["rule"] + 1),
            (
                Slip(
                    "every-rule-says-one-nth",
                    lambda given: 1 / given["endpoints"],
                    "A rule is tried only by packets that all rules before it have passed by.",
                ),
                Slip(
                    "off-by-one",
                    lambda given: 1 / (given["endpoints"] - given["rule"] + 2),
                    "How many endpoints can still be chosen when this rule is tried? Count again.",
                ),
                Slip(
                    "each-rule-halves",
                    lambda given: 0.5 ** given["rule"],
                    "That pattern would give the first endpoint half of everything.",
                ),
            ),
            "Work out what is left over when this rule is tried, and how much of it is due.",
        ),
        Field(
            "share",
            1,
            lambda given: 1 / given["endpoints"],
            (
                Slip(
                    "rule-is-share",
                    lambda given: 1 / (given["endpoints"] - given["rule"] + 1),
                    "That is what the rule says about the packets that reach it. Do all reach it?",
                ),
            ),
            "Multiply: the chance to reach the rule, and the chance to match there.",
        ),
        Field(
            "after",
            1,
            lambda given: float(_share_after_death(given["endpoints"])),
            (
                Slip(
                    "shares-are-not-renewed",
                    lambda given: 1 / given["endpoints"],
                    "The chain is written anew without the endpoint. Who takes over its share?",
                ),
            ),
            "The chain is written anew. How many endpoints does it hold now?",
        ),
    ),
    debrief="1/n, 1/(n-1), ..., 1 is what makes the shares equal. Mind the word connections: a "
    "client with one long connection has made one throw of the dice.",
    hints=(
        "Try it with three endpoints on paper, then with the explorer.",
        "How likely is it that a packet reaches rule k at all?",
    ),
)

# --- one packet ----------------------------------------------------------------------------

_SITUATIONS = ("pod", "host", "node_port")


def _draw_packet(rng: Random) -> dict[str, Any]:
    return {"endpoints": rng.randint(3, 6), "pod": f"10.244.1.{rng.randint(40, 90)}"}


def _call(given: Given, caller: str, policy: str = "Cluster") -> Call:
    return Call(endpoints=given["endpoints"], caller=caller, policy=policy)  # type: ignore[arg-type]


def _first_hook(given: Given, caller: str) -> str:
    return _call(given, caller).trace().outcomes[0].steps[0].hook


def _later_nat_rules(given: Given) -> int:
    call = _call(given, "pod")
    rules = program(load_manifests(call.manifest()), node="node-a")
    first = trace(rules, call.packet()).outcomes[0]
    if first.entry is None:
        return -1
    known = Conntrack().with_entry(first.entry)
    return trace(rules, call.packet(), conntrack=known).outcomes[0].rules_by_table.get("nat", 0)


def _source(given: Given, policy: str) -> str:
    outcome = _call(given, "node_port", policy).trace().outcomes[0]
    return "node" if outcome.masqueraded else "client"


def _prompt_packet(given: Given) -> str:
    return f"""The Service of the lesson (`payment-service`, cluster IP, node port,
{given["endpoints"]} ready endpoints, some of them on this node) in iptables mode. Say for a node that runs kube-proxy:

- `"pod_hook"`: the first netfilter hook that a packet of a **pod** with address `{given["pod"]}`
  meets on the node;
- `"kubelet_hook"`: the first one that a packet of the **kubelet**, a process of the node, meets;
- `"tenth"`: how many `nat` rules are tried for the **tenth** packet of a connection;
- `"seen_cluster"`, `"seen_local"`: a client outside calls the node port of this node. Does the pod
  see the address of the `"client"` or of the `"node"`, under externalTrafficPolicy `Cluster` and
  under `Local`?"""


_HOOKS = ("PREROUTING", "INPUT", "FORWARD", "OUTPUT", "POSTROUTING")

PACKET = asking(
    name="packet",
    title="Follow one packet",
    draw=_draw_packet,
    prompt=_prompt_packet,
    asked=(
        Field(
            "pod_hook",
            1,
            lambda given: _first_hook(given, "pod"),
            (
                Slip(
                    "a-pod-is-a-local-process",
                    lambda given: "OUTPUT",
                    "A pod has a network namespace of its own. For the node, its packets come in "
                    "over an interface.",
                ),
            ),
            "The packet comes out of the pod's end of a veth pair. What is that to the node?",
            choices=_HOOKS,
        ),
        Field(
            "kubelet_hook",
            1,
            lambda given: _first_hook(given, "host"),
            (
                Slip(
                    "everything-meets-prerouting",
                    lambda given: "PREROUTING",
                    "This packet is born on the node. It does not come in over any interface.",
                ),
            ),
            "Which hook stands at the beginning of a packet's life on its own host?",
            choices=_HOOKS,
        ),
        Field(
            "tenth",
            1,
            _later_nat_rules,
            (
                Slip(
                    "every-packet-walks",
                    lambda given: _call(given, "pod").trace().outcomes[0].rules_by_table["nat"],
                    "The tenth packet belongs to a connection that the kernel knows already.",
                ),
            ),
            "Which packets of a connection does the nat table see?",
            rel_tol=1e-9,
        ),
        Field(
            "seen_cluster",
            0.5,
            lambda given: _source(given, "Cluster"),
            (
                Slip(
                    "nodeports-keep-the-source",
                    lambda given: "client",
                    "The chosen pod may be on another node. Which way would its answer go?",
                ),
            ),
            "Try the caller outside in the explorer.",
            choices=("client", "node"),
        ),
        Field(
            "seen_local",
            0.5,
            lambda given: _source(given, "Local"),
            (
                Slip(
                    "nodeports-always-masquerade",
                    lambda given: "node",
                    "Under Local the pod is on this very node. Is a new source still needed?",
                ),
            ),
            "Try the caller outside in the explorer.",
            choices=("client", "node"),
        ),
    ),
    debrief="A pod is a neighbor behind an interface, a process of the node is at home: that decides "
    "the hook. And translation is done once, for the packet that opens the connection.",
    hints=("The explorer lists the hook of every step.",),
)

# --- a Service to order --------------------------------------------------------------------


def _draw_service(rng: Random) -> dict[str, Any]:
    return {
        "cluster_ip": f"10.96.{rng.randint(1, 200)}.{rng.randint(2, 250)}",
        "port": rng.choice((80, 443, 8443, 9090)),
        "target_port": rng.choice((3000, 5000, 8000, 8081)),
        "node_port": rng.randint(30100, 32700),
        "pods": ["10.244.1.21", "10.244.1.22", "10.244.2.23"],
    }


def _prompt_service(given: Given) -> str:
    return f"""Write the manifest of **one Service** `orders` in namespace `shop`, as a text. Its
three pods carry the label `app: orders` and listen on port **{given["target_port"]}**; two run on node A,
one on node B. It shall

1. have the cluster IP `{given["cluster_ip"]}` and answer there on port **{given["port"]}**, each pod
   with a third of the connections of a pod in the cluster;
2. be open to clients outside on node port **{given["node_port"]}** of every node that has a pod;
3. let the pods see **the outside client's own address**.

The check loads your manifest beside the pods and nodes, programs node A, and sends packets."""


_WORLD = """
---
apiVersion: v1
kind: Node
metadata: {{name: node-a}}
status: {{addresses: [{{type: InternalIP, address: {node}}}]}}
---
apiVersion: v1
kind: Node
metadata: {{name: node-b}}
status: {{addresses: [{{type: InternalIP, address: 192.0.2.12}}]}}
"""
_POD = """
---
apiVersion: v1
kind: Pod
metadata: {{name: orders-{n}, namespace: shop, labels: {{app: orders}}}}
spec:
  nodeName: {node}
  containers:
  - {{name: app, image: registry.example/orders, ports: [{{containerPort: {port}}}]}}
status:
  phase: Running
  podIP: {address}
  podIPs: [{{ip: {address}}}]
  conditions: [{{type: Ready, status: "True"}}]
"""


def service_manifest(given: Given, **spec: Any) -> str:
    """Return a manifest for the task; ``spec`` replaces or (with None) leaves out fields."""
    fields: dict[str, Any] = {
        "type": "NodePort",
        "clusterIP": given["cluster_ip"],
        "externalTrafficPolicy": "Local",
        "selector": {"app": "orders"},
        "ports": [
            {
                "port": given["port"],
                "targetPort": given["target_port"],
                "nodePort": given["node_port"],
            }
        ],
    } | spec
    kept = {name: value for name, value in fields.items() if value is not None}
    metadata = {"name": "orders", "namespace": "shop"}
    return json.dumps({"apiVersion": "v1", "kind": "Service", "metadata": metadata, "spec": kept})


def _judge_service(given: Given, answer: Any) -> tuple[Part, ...]:
    names = ("loads", "inside", "outside", "source")
    if type(answer) is not str:
        reason = f"The manifest is asked for as a text; this is {type_name(answer)}."
        return tuple(Part(name, 0, 1, reason) for name in names)
    world = _WORLD.format(node=NODE) + "".join(
        _POD.format(n=n, node="node-b" if n == 2 else "node-a", address=address,
                    port=given["target_port"])
        for n, address in enumerate(given["pods"])
    )  # fmt: skip
    try:
        alone = load_manifests(answer)
        others = alone.pods or any(each.endpoints for each in alone.endpoint_slices)
        if list(alone.services) != ["shop/orders"] or others:
            raise InputError("manifest", sorted(alone.services), "one Service, shop/orders, alone")
        rules = program(load_manifests(answer.rstrip() + world), node="node-a")
    except InputError as error:
        first = Part("loads", 0, 1, str(error)[:600])
        return (first, *(Part(name, 0, 1, "The manifest must load first.") for name in names[1:]))
    inside = trace(rules, Packet("10.244.1.5", given["cluster_ip"], given["port"], sport=40000))
    outside = trace(rules, Packet(OUTSIDE, NODE, given["node_port"], sport=40000), "external")
    return (
        Part("loads", 1, 1, "Right."),
        _inside(given, inside),
        _outside(given, outside),
        _kept(outside),
    )


def _inside(given: Given, found: Trace) -> Part:
    wanted = {f"{pod}:{given['target_port']}": Fraction(1, 3) for pod in given["pods"]}
    ends = found.backends()
    if ends == wanted:
        return Part("inside", 1, 1, "Right.")
    if set(ends) <= {"drop", "reject"}:
        return Part("inside", 0, 1, f"A pod that calls the cluster IP gets: {', '.join(ends)}. "
                    "Does the selector match, and are there ready endpoints?",
                    "selector-does-not-match")  # fmt: skip
    ports = {end.rpartition(":")[2] for end in ends}
    if str(given["target_port"]) not in ports:
        return Part("inside", 0, 1, "The packet arrives at a port on which the pods do not listen.",
                    "port-is-target-port")  # fmt: skip
    return Part("inside", 0, 1, "A pod on node A does not reach all three pods with equal shares.",
                "internal-policy-for-external")  # fmt: skip


def _outside(given: Given, found: Trace) -> Part:
    reached = set(found.backends()) - {"drop", "reject"}
    pods = {f"{pod}:{given['target_port']}" for pod in given["pods"]}
    if reached and reached <= pods:
        return Part("outside", 1, 1, "Right.")
    return Part("outside", 0, 1, "A packet from outside to that port of node A reaches none of "
                "the pods where they listen.", "clusterip-is-open-to-all")  # fmt: skip


def _kept(found: Trace) -> Part:
    arrived = [one for one in found.outcomes if one.verdict == "accept"]
    if not any(one.packet.dst.startswith("10.244.") for one in arrived):
        return Part("source", 0, 1, "No packet from outside reaches a pod yet.")
    if any(one.masqueraded for one in arrived):
        return Part("source", 0, 1, "The pod sees an address of the node. Which setting makes the "
                    "node hand over the client's?", "nodeports-keep-the-source")  # fmt: skip
    return Part("source", 1, 1, "Right.")


SERVICE = Task(
    name="service",
    title="A Service to order",
    draw=_draw_service,
    prompt=_prompt_service,
    max_points=4,
    judge_plain=_judge_service,
    debrief="externalTrafficPolicy governs what comes from outside, internalTrafficPolicy what "
    "comes from pods. They are two switches: keeping the client's address does not confine the cluster.",
    wrong=(
        Slip(
            "nodeports-keep-the-source",
            lambda given: service_manifest(given, externalTrafficPolicy="Cluster"),
            "The pod sees an address of the node",
        ),
        Slip(
            "port-is-target-port",
            lambda given: service_manifest(
                given, ports=[{"port": given["port"], "nodePort": given["node_port"]}]
            ),
            "a port on which the pods do not listen",
        ),
        Slip(
            "internal-policy-for-external",
            lambda given: service_manifest(given, internalTrafficPolicy="Local"),
            "does not reach all three pods",
        ),
        Slip(
            "clusterip-is-open-to-all",
            lambda given: service_manifest(
                given,
                type="ClusterIP",
                externalTrafficPolicy=None,
                ports=[{"port": given["port"], "targetPort": given["target_port"]}],
            ),
            "reaches none of the pods",
        ),
        Slip(
            "selector-does-not-match",
            lambda given: service_manifest(given, selector={"app": "order"}),
            "Does the selector match",
        ),
    ),
    hints=(
        "`load_manifests(text)` tells you what the API server would refuse, with the line.",
        "There are two traffic policies. Which one is about clients outside?",
    ),
)

ASSIGNMENT = Assignment("02-clusterip-illusion", (ODDS, PACKET, SERVICE))
