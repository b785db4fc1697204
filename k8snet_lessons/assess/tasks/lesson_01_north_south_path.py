"""Exercise of lesson 1: the packet's road from the balancer to the pod."""

from dataclasses import replace
from fractions import Fraction
from functools import cache
from random import Random
from typing import Any

from k8snet_lessons.assess.design import Trap, design, monthly_cost
from k8snet_lessons.assess.exercise import Assignment
from k8snet_lessons.assess.task import Field, Given, Slip, asking
from k8snet_lessons.datapath.path import Addresses, Edge, walk
from k8snet_lessons.scenario import Outcome, Scenario, simulate

# When an unanswered SYN is sent again, in seconds after the first. Linux 6.5 and later
# (tcp_syn_linear_timeouts = 4): four waits of 1 s, then doubling from 1 s. Earlier, and with
# that setting at 0: doubling from 1 s. Documentation/networking/ip-sysctl.rst.
SYN_AT_S = {
    "linear": (0, 1, 2, 3, 4, 5, 7, 11, 19, 35),
    "classic": (0, 1, 3, 7, 15, 31, 63),
}

# --- addresses -----------------------------------------------------------------------------


def _draw_addresses(rng: Random) -> dict[str, Any]:
    a, b = rng.sample(range(10, 250), 2)
    x, y, z = rng.sample(range(2, 250), 3)
    return {
        "client": f"203.0.113.{rng.randint(2, 250)}",
        "balancer": f"198.51.100.{rng.randint(2, 250)}",
        "node_a": f"10.0.1.{a}",
        "node_b": f"10.0.1.{b}",
        "ingress_a": f"10.244.1.{x}",
        "ingress_b": f"10.244.2.{y}",
        "app": f"10.244.3.{z}",
        "node_port": rng.randint(30000, 32767),
    }


def _path_source(given: Given, policy: str, socket: str) -> str:
    at = Addresses(**given)
    path = walk(Edge(external_traffic_policy=policy), at)
    return path.ingress_sees if socket == "ingress" else path.app_sees


def _prompt_addresses(given: Given) -> str:
    return f"""A layer-4 balancer (`{given["balancer"]}`) passes connections on **with the client's
address kept**. Its targets are the nodes, at node port {given["node_port"]}.

| who | address |
|---|---|
| client | `{given["client"]}` |
| node A, where the packet enters | `{given["node_a"]}` |
| ingress pod on node A | `{given["ingress_a"]}` |
| node B | `{given["node_b"]}` |
| ingress pod on node B | `{given["ingress_b"]}` |
| application pod, on a third node | `{given["app"]}` |

Give the **source address** that a socket sees, as a text without a port:

- `"cluster"`: at the ingress pod on **node B**, chosen by node A under
  `externalTrafficPolicy: Cluster`;
- `"local"`: at the ingress pod on **node A**, under `externalTrafficPolicy: Local`;
- `"app"`: at the application, when the pod on node A called it under `Local`. The ingress sends
  straight to endpoints."""


ADDRESSES = asking(
    name="addresses",
    title="Whose address is it?",
    draw=_draw_addresses,
    prompt=_prompt_addresses,
    asked=(
        Field(
            "cluster",
            1,
            lambda given: _path_source(given, "Cluster", "ingress"),
            (
                Slip(
                    "masquerade-forgotten",
                    lambda given: given["client"],
                    "The pod's answer to that address would leave node B directly, and nobody "
                    "would translate it back. What does node A do to prevent this?",
                ),
                Slip(
                    "balancer-is-always-the-source",
                    lambda given: given["balancer"],
                    "This balancer keeps the client's address; it never becomes the source itself.",
                ),
                Slip(
                    "pods-own-node-masquerades",
                    lambda given: given["node_b"],
                    "Node B only delivers. The rewriting is done where the node port was hit.",
                ),
            ),
            "That is not the source in the packet that reaches node B. Step through the path "
            "with Cluster and watch both rewrites on node A.",
        ),
        Field(
            "local",
            1,
            lambda given: _path_source(given, "Local", "ingress"),
            (
                Slip(
                    "local-still-masquerades",
                    lambda given: given["node_a"],
                    "Under Local the answer leaves from the very node that translated the "
                    "packet. Is there still a reason to replace the source?",
                ),
                Slip(
                    "balancer-is-always-the-source",
                    lambda given: given["balancer"],
                    "This balancer keeps the client's address; it never becomes the source itself.",
                ),
            ),
            "That is not the source in the packet that enters the pod. Step through the path "
            "with Local and count the rewrites.",
        ),
        Field(
            "app",
            1,
            lambda given: _path_source(given, "Local", "app"),
            (
                Slip(
                    "proxy-is-transparent",
                    lambda given: given["client"],
                    "The connection from outside ends at the proxy. Who opened the one that "
                    "the application accepted?",
                ),
                Slip(
                    "pod-traffic-is-masqueraded",
                    lambda given: given["node_a"],
                    "Between pods the network keeps pod addresses: no node stands in for one.",
                ),
                Slip(
                    "wrong-ingress-pod",
                    lambda given: given["ingress_b"],
                    "Right kind of caller, but which of the two pods is on this road?",
                ),
            ),
            "That is not who opened the connection that the application accepted.",
        ),
    ),
    debrief="Cluster may pick a pod on any node, so the entry node makes itself the source and "
    "the answer comes back through it. Local picks only pods on the entry node, so nothing "
    "needs hiding. The proxy ends the connection either way: the application sees the proxy.",
    hints=(
        "Draw the answer's way back. Who must see it to undo the destination's rewriting?",
        "A proxy holds two connections. Each has its own source.",
    ),
)

# --- shares --------------------------------------------------------------------------------


def _draw_shares(rng: Random) -> dict[str, Any]:
    while True:
        few = rng.randint(1, 3)
        many = rng.randint(few + 1, few + 4)
        pods = [few, many, rng.choice((many, 0)), 0, *[0] * rng.randint(0, 2)]
        rng.shuffle(pods)
        given = {"pods_on_node": pods}
        told_apart = {*_shares(given).values(), _all_nodes(given), _crowded(given)}
        if len(told_apart) == 4:  # every misunderstanding leads to a number of its own
            return given


def _shares(given: Given) -> dict[str, Fraction]:
    """Largest share of new connections that one pod gets, under each policy."""
    pods = given["pods_on_node"]
    in_rotation = [count for count in pods if count]
    return {
        "local": max(Fraction(1, len(in_rotation) * count) for count in in_rotation),
        "cluster": Fraction(1, sum(pods)),
    }


def _prompt_shares(given: Given) -> str:
    pods = given["pods_on_node"]
    rows = "\n".join(f"| node {n} | {count} |" for n, count in enumerate(pods, 1))
    return f"""A layer-4 balancer spreads **new connections** evenly over the nodes whose health
check passes, and each node chooses evenly among the ingress pods that it may choose from.

| node | ingress pods on it |
|---|---|
{rows}

Which share of all new connections does the **busiest single pod** get?
Give numbers from 0 to 1 (a fraction such as `1 / 3` is fine):

- `"local"`: under `externalTrafficPolicy: Local`;
- `"cluster"`: under `externalTrafficPolicy: Cluster`."""


def _all_nodes(given: Given) -> Fraction:
    fewest = min(count for count in given["pods_on_node"] if count)
    return Fraction(1, len(given["pods_on_node"]) * fewest)


def _crowded(given: Given) -> Fraction:
    pods = [count for count in given["pods_on_node"] if count]
    return Fraction(1, len(pods) * max(pods))


SHARES = asking(
    name="shares",
    title="Who gets the connections?",
    draw=_draw_shares,
    prompt=_prompt_shares,
    asked=(
        Field(
            "local",
            1,
            lambda given: float(_shares(given)["local"]),
            (
                Slip(
                    "local-spreads-over-pods",
                    lambda given: float(_shares(given)["cluster"]),
                    "That would be so if pods were balanced. The balancer counts nodes; it does "
                    "not know how many pods a node holds.",
                ),
                Slip(
                    "nodes-without-a-pod-stay-in-rotation",
                    lambda given: float(_all_nodes(given)),
                    "That counts every node. Under Local a node without a ready pod fails the "
                    "balancer's health check.",
                ),
                Slip(
                    "busiest-where-most-pods",
                    lambda given: float(_crowded(given)),
                    "That is a pod on the node with most pods. Is it really the busiest?",
                ),
            ),
            "First the share of a node, then of a pod on it. Which node's pods get most each?",
        ),
        Field(
            "cluster",
            1,
            lambda given: float(_shares(given)["cluster"]),
            (
                Slip(
                    "cluster-stays-on-the-node",
                    lambda given: float(_shares(given)["local"]),
                    "Under Cluster a node may pick any ready pod in the cluster, not only its own.",
                ),
            ),
            "Under Cluster it does not matter which node a connection enters by. What is then "
            "each pod's chance?",
        ),
    ),
    debrief="Local saves a hop and keeps the client's address; the price is that the balancer "
    "sees nodes, not pods. Spread the ingress pods evenly (topologySpreadConstraints or a "
    "DaemonSet), or let the balancer target pods.",
    hints=("Write the share of each node beside the table, then divide by its pods.",),
)

# --- silence -------------------------------------------------------------------------------


def _draw_silence(rng: Random) -> dict[str, Any]:
    return {
        "silent_s": rng.randint(41, 49) / 10,
        "connect_timeout_s": rng.choice((5.5, 6, 6.5)),
    }


def _opens_at(given: Given, ladder: str) -> int:
    return next(at for at in SYN_AT_S[ladder] if at >= given["silent_s"])


def _status(given: Given, ladder: str) -> str:
    return "504" if _opens_at(given, ladder) > given["connect_timeout_s"] else "200"


def _prompt_silence(given: Given) -> str:
    return f"""The connection table of the ingress pod's node is full for
**{given["silent_s"]:g} s**, counted from the moment the proxy sends its first SYN to a pod. Until
then every SYN is dropped without a word; after that everything gets through. Round trips are
too short to count. The proxy is nginx with `proxy_connect_timeout {given["connect_timeout_s"]:g}s`
and no second attempt elsewhere.

- `"linear_s"`: seconds from the first SYN until the connection opens, on a current kernel
  (`tcp_syn_linear_timeouts` 4);
- `"classic_s"`: the same where that setting is 0 or the kernel is older than 6.5, **if** the
  proxy waited long enough;
- `"linear_client"`, `"classic_client"`: the status that the client gets in each case:
  `"200"`, `"502"`, `"503"` or `"504"`."""


_STATUSES = ("200", "502", "503", "504")
_STATUS_SLIPS = (
    Slip(
        "silence-is-refusal",
        lambda given: "502",
        "That would follow from a refusal (RST). A dropped SYN gets no answer at all.",
    ),
    Slip(
        "full-table-means-no-endpoints",
        lambda given: "503",
        "The endpoints are all there; it is the packet that is missing.",
    ),
)

SILENCE = asking(
    name="silence",
    title="When nothing answers",
    draw=_draw_silence,
    prompt=_prompt_silence,
    asked=(
        Field(
            "linear_s",
            1,
            lambda given: _opens_at(given, "linear"),
            (
                Slip(
                    "opens-when-the-table-has-room",
                    lambda given: given["silent_s"],
                    "Nobody tells the sender that there is room again. When does it next try?",
                ),
                Slip(
                    "only-the-classic-ladder",
                    lambda given: _opens_at(given, "classic"),
                    "That is the other kernel's ladder.",
                ),
            ),
            "List the moments at which a SYN goes out, and take the first one that gets through.",
            rel_tol=1e-6,
        ),
        Field(
            "classic_s",
            1,
            lambda given: _opens_at(given, "classic"),
            (
                Slip(
                    "opens-when-the-table-has-room",
                    lambda given: given["silent_s"],
                    "Nobody tells the sender that there is room again. When does it next try?",
                ),
                Slip(
                    "waits-not-summed",
                    lambda given: 4,
                    "That is the length of a wait. Count from the first SYN: the waits add up.",
                ),
                Slip(
                    "only-the-linear-ladder",
                    lambda given: _opens_at(given, "linear"),
                    "That is the other kernel's ladder.",
                ),
            ),
            "Each wait is twice the one before, from 1 s on. At which moments do SYNs go out?",
            rel_tol=1e-6,
        ),
        Field(
            "linear_client",
            1,
            lambda given: _status(given, "linear"),
            (
                *_STATUS_SLIPS,
                Slip(
                    "any-drop-is-an-error",
                    lambda given: "504",
                    "Compare the moment the connection opens with the proxy's patience.",
                ),
            ),
            "Compare the moment the connection opens with the proxy's patience.",
            choices=_STATUSES,
        ),
        Field(
            "classic_client",
            1,
            lambda given: _status(given, "classic"),
            (
                *_STATUS_SLIPS,
                Slip(
                    "retries-always-save-you",
                    lambda given: "200",
                    "Compare the moment the connection would open with the proxy's patience.",
                ),
            ),
            "Compare the moment the connection would open with the proxy's patience.",
            choices=_STATUSES,
        ),
    ),
    debrief="A sender learns nothing from silence: it tries again when its timer says so. The "
    "same outage is a slow request on one kernel and an error on another, and the time-out "
    "that decides is the proxy's, not the network's.",
    hints=(
        "Write the two rows of moments first: 0, 1, ... until past the outage.",
        "nginx answers a connect time-out with one status and a refused connection with another.",
    ),
)

# --- design --------------------------------------------------------------------------------

_FREE = (
    "replicas",
    "ingress_replicas",
    "load_balancer",
    "target",
    "external_traffic_policy",
    "ingress_mode",
    "topology",
)
_PRICES = {"replicas": 30, "ingress_replicas": 20, "load_balancer=l7": 25}


def _draw_edge(rng: Random) -> dict[str, Any]:
    service_us = rng.choice((1500.0, 2000.0, 2500.0))
    enough = rng.randint(4, 8)
    one_pod_per_s = 4 / service_us * 1e6
    return _edge_brief(service_us, enough, round(enough * one_pod_per_s * 0.66, -2))


@cache
def _edge_brief(service_us: float, enough: int, load_per_s: float) -> dict[str, Any]:
    """Set bounds that neither half of the cure meets at the price.

    The p99 stands halfway between the whole cure (one pod more, and pod addresses) and the
    better of its halves: the pod without the addresses, or the addresses and an ingress pod
    without the pod. The budget leaves less than one more pod costs, even with an ingress pod sold for it.
    """
    start: dict[str, Any] = {
        "offered_load_per_s": load_per_s,
        "service_time_us": service_us,
        "service_time_distribution": "deterministic",
        "lookup_share": 0.0,
    }
    through_nodes = Scenario(**start, replicas=enough)
    to_pods = replace(through_nodes, target="pod_ip")
    road_only = replace(to_pods, replicas=enough - 1, ingress_replicas=3)
    more_pods, road, both = (
        simulate(one, seed=1, requests=60_000).percentile(99) / 1000
        for one in (through_nodes, road_only, to_pods)
    )
    return {
        "start": start | {"replicas": enough - 1},
        "free": list(_FREE),
        "prices": dict(_PRICES),
        "p99_ms": round((min(more_pods, road) + both) / 2, 2),
        "budget": monthly_cost(to_pods, _PRICES) + 5,
    }


def _prompt_edge(given: Given) -> str:
    start, prices = given["start"], given["prices"]
    work_ms = start["service_time_us"] / 1000
    return f"""{start["offered_load_per_s"]:,.0f} requests a second, each {work_ms:g} ms of work
for one of the four workers in a pod. Today {start["replicas"]} pods do it, behind an `l4`
balancer that targets node ports with policy `Cluster`; 2 ingress pods; three zones.

**Wanted: a p99 of at most {given["p99_ms"]:g} ms, for at most {given["budget"]:g} a month.**
An application pod costs {prices["replicas"]}, an ingress pod {prices["ingress_replicas"]}; an
`l7` balancer costs {prices["load_balancer=l7"]} more than an `l4`.

You may change {", ".join(f"`{name}`" for name in given["free"])}.
Start from `Scenario(**given_edge["start"])`, try designs with `simulate`, and answer with the
Scenario, or with a dictionary of the knobs that you change. Any design within both bounds
is right."""


def _overloaded(outcome: Outcome) -> bool:
    return bool(outcome.per_pod.busy_share.max() > 0.95)


EDGE = design(
    name="edge",
    title="A faster road on a budget",
    draw=_draw_edge,
    prompt=_prompt_edge,
    traps=(
        Trap(
            "same-zone-is-free",
            lambda given: {"topology": "prefer_same_zone"},
            lambda given, scenario, outcome: (
                scenario.topology == "prefer_same_zone" and _overloaded(outcome)
            ),
            "Look at the load per pod: where do the callers stand, and who serves them now?",
        ),
        Trap(
            "layer-7-balancer-is-faster",
            lambda given: {
                "load_balancer": "l7",
                "target": "pod_ip",
                "replicas": given["start"]["replicas"] + 1,
            },
            lambda given, scenario, outcome: scenario.load_balancer == "l7",
            "A balancer that reads HTTP does more work per request, and costs more. What does "
            "it give you here?",
        ),
        Trap(
            "pods-buy-everything",
            lambda given: {"replicas": 40},
            lambda given, scenario, outcome: (
                scenario.replicas > given["start"]["replicas"]
                and scenario.target == "node_port"
                and scenario.external_traffic_policy == "Cluster"
            ),
            "More pods shorten the queue before the pod. They leave the detour over a second "
            "node as it is, and make up for it at a high price, if at all.",
        ),
    ),
    debrief="Two things add to this tail: the wait for a worker of a pod, and the detour over a "
    "second node. A pod more shortens the first, pod addresses or Local end the second. Enough "
    "pods can hide the detour, but no budget like this one pays for them.",
    hints=(
        "Compare by_hop of the slow requests before and after adding one pod.",
        "Which hop exists only because the balancer may pick a node without the right pod?",
    ),
)

ASSIGNMENT = Assignment("01-north-south-path", (ADDRESSES, SHARES, SILENCE, EDGE))
