"""What the peers of a NetworkPolicy cost a packet: a rule for each of them, or one set.

A client pod, a node and a server pod in a row, as in the experiment on the first packet. The
node admits some thousand addresses to the server's port; the client's is the last of them.
"""

import random
from collections.abc import Iterator
from dataclasses import dataclass
from ipaddress import IPv4Address

from k8snet_lessons.data.measured import Series, Sketch
from k8snet_lessons.lab.experiment import Experiment, Result, Run
from k8snet_lessons.lab.first_packet import BATCH, PACKETS, SERVER_IP, pod_node_pod
from k8snet_lessons.lab.hosts import Host, Topology
from k8snet_lessons.lab.needs import NAMESPACES, program
from k8snet_lessons.lab.services import POD_PORT
from k8snet_lessons.lab.traffic import connect_times_ns, hold_open_server, serve

CLIENT_IP = "10.244.1.2"
NO_POLICY = "no policy"
EACH, SET, STATELESS = "a rule for each peer", "one set", "a rule for each peer, every packet"
_FIRST_PEER = IPv4Address("10.16.0.1")
_PART = 500  # rules a load: one netlink message must not grow without bound


@dataclass(frozen=True)
class Wall:
    """One client pod before one way of writing a policy with ``peers`` peers."""

    form: str
    peers: int
    client: Host


def _peers(count: int) -> list[str]:
    return [str(_FIRST_PEER + i) for i in range(count - 1)] + [CLIENT_IP]


def nft_texts(form: str, count: int) -> Iterator[str]:
    """Rules for ``nft -f``, in parts: the chain of the server pod, then how it is come to."""
    yield "table ip walls {\n  chain pod { }\n  chain forward {\n" + (
        "    type filter hook forward priority filter; policy accept;\n  }\n}\n"
    )
    if form == NO_POLICY:
        yield "add rule ip walls forward ct state established,related accept\n"
        return
    peers = _peers(count)
    if form == SET:
        listed = ", ".join(peers)
        yield f"add rule ip walls pod ip saddr {{ {listed} }} tcp dport {POD_PORT} return\n"
    else:
        for start in range(0, count, _PART):
            yield "".join(
                f"add rule ip walls pod ip saddr {peer} tcp dport {POD_PORT} return\n"
                for peer in peers[start : start + _PART]
            )
    yield "add rule ip walls pod drop\n"
    if form != STATELESS:
        yield "add rule ip walls forward ct state established,related accept\n"
    yield f"add rule ip walls forward ip daddr {SERVER_IP} jump pod\n"


def _build(topology: Topology, form: str, peers: int) -> Wall:
    client, node, server = pod_node_pod(topology, f"{form}-{peers}")
    for text in nft_texts(form, peers):
        node.run(["nft", "-f", "-"], text)
    serve(server, hold_open_server, SERVER_IP, POD_PORT)
    client.call(connect_times_ns, SERVER_IP, POD_PORT, 3)
    return Wall(form, peers, client)


def _body(run: Run) -> Result:
    counts = (1, 1000) if run.quick else (1, 100, 1000, 2500, 5000, 10_000)
    rounds = 30 if run.quick else 400
    settings = [(NO_POLICY, 0), *((f, n) for n in counts for f in (EACH, SET, STATELESS))]
    order = random.Random(run.seed)
    minima: dict[tuple[str, int, str], list[float]] = {}
    everything: dict[tuple[str, int, str], list[float]] = {}
    with Topology() as topology:
        walls = []
        for i, (form, peers) in enumerate(settings):
            run.progress(0.5 * i / len(settings), f"loading {peers} peers, {form}")
            walls.append(_build(topology, form, peers))
        for turn in range(rounds):
            run.progress(0.5 + 0.5 * turn / rounds, "connecting through each in turn")
            order.shuffle(walls)
            for wall in walls:
                times = wall.client.call(connect_times_ns, SERVER_IP, POD_PORT, BATCH)[1:]
                for packet, column in zip(PACKETS, zip(*times, strict=True), strict=True):
                    key = (wall.form, wall.peers, packet)
                    minima.setdefault(key, []).append(min(column) / 1000)
                    everything.setdefault(key, []).extend(each / 1000 for each in column)
    size = max(1, rounds // 40)
    return Result(
        parameters={
            "rounds": rounds,
            "connections_a_round": BATCH - 1,
            "client": "the last of the peers",
            "samples": "minimum of each block of rounds, in the order taken",
        },
        series=tuple(
            Series(
                name=packet,
                unit="us",
                where={"form": form, "peers": peers},
                samples=tuple(
                    round(min(values[i : i + size]), 3) for i in range(0, len(values), size)
                ),
                sketch=Sketch.of(everything[form, peers, packet]),
            )
            for (form, peers, packet), values in sorted(minima.items())
        ),
    )


POLICY_RULES = Experiment(
    name="policy-rules",
    question="What do a NetworkPolicy's peers cost a connection: a rule for each, or one set?",
    limits=(
        "The rules are this course's own, in nftables, for one pod on one node that does nothing "
        "else; how a network plugin writes its policies, and in which program, is its own choice."
    ),
    needs=(NAMESPACES, program("nft")),
    tools=("nft",),
    bound_s=(600.0, 120.0),
    body=_body,
)
