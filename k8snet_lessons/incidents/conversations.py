"""Sample connections, packet by packet, as far as the world lets them go: what captures show.

One handshake from outside at every node's port. One call from every edge pod to every checkout
pod that its rules may pick. One lookup and one connection to the bank from every checkout pod that
gets requests.
"""

import re
import zlib
from dataclasses import dataclass, field, replace
from typing import Final, Literal

from k8snet_lessons.cluster import cluster_ips
from k8snet_lessons.datapath import policy_verdict
from k8snet_lessons.dns import queries
from k8snet_lessons.incidents._questions import (
    answer_bytes,
    answer_text,
    query_id,
    query_port,
    question_bytes,
)
from k8snet_lessons.incidents.layout import (
    APART,
    BALANCER,
    BANK_ADDRESS,
    BANK_NAME,
    NODE_PORT,
    NODES,
)
from k8snet_lessons.incidents.reach import choose, entry, fate, hole_path, name_server
from k8snet_lessons.incidents.tables import (
    CONNECT_TIMEOUT_S,
    bank_answers,
    node_tables,
    rounds_per_lookup,
)
from k8snet_lessons.incidents.traffic import (
    ANSWER_BYTES,
    REQUEST_BYTES,
    question_wait_s,
    send,
)
from k8snet_lessons.incidents.world import Pod, World

#: tcp_syn_linear_timeouts, from Linux 6.5 on, with the few ms that a timer is late.
_LADDER_S: Final = (0.0, 1.03, 2.05, 3.08, 4.1)
#: Where the clock of a caller stands, in milliseconds; that of whom it calls stands elsewhere.
_CLOCK: Final = 2_193_016
#: How far a packet comes: the sender's veth, its wire, the receiver's wire, the receiver's pod.
Reaches = Literal["veth", "out", "wire", "pod"]


@dataclass(frozen=True)
class Segment:
    """One packet.

    Attributes
    ----------
    at_s : float
    source, target : str
        ``address.port`` as tcpdump writes it; an address alone for ICMP.
    text : str
        What tcpdump says of it.
    payload : int
        Bytes of data.
    protocol : {"tcp", "udp", "icmp"}
    outward : bool
        From the conversation's source, or to it.
    reaches : {"veth", "out", "wire", "pod"}
        The last place where it is seen.
    heard_s : float, optional
        When the packet was sent whose timestamp it echoes.
    """

    at_s: float
    source: str
    target: str
    text: str
    payload: int = 0
    protocol: str = "tcp"
    outward: bool = True
    reaches: Reaches = "pod"
    heard_s: float | None = None

    @property
    def flags(self) -> str:
        """TCP flags as tcpdump writes them."""
        found = re.match(r"Flags \[(.*?)\]", self.text)
        return found[1] if found else ""

    @property
    def said(self) -> str:
        """The text with the clocks that both ends write into TCP's timestamp option."""
        heard_s = self.at_s if self.heard_s is None else self.heard_s
        starts = (_CLOCK, _CLOCK + 1_604_217_355)
        first, other = starts if self.outward else starts[::-1]
        own, peer = first + int(1000 * self.at_s), other + int(1000 * heard_s)
        return self.text.replace("{own}", str(own)).replace("{peer}", str(peer))


@dataclass(frozen=True)
class Conversation:
    """The packets between two ends.

    Attributes
    ----------
    ends : (int or None, int or None)
        Nodes by place, who began it first; None is the world outside.
    segments : tuple of Segment
    """

    ends: tuple[int | None, int | None]
    segments: tuple[Segment, ...] = field(default=())

    @property
    def outside(self) -> bool:
        """Whether one end is in the world outside."""
        return None in self.ends

    @property
    def crosses(self) -> bool:
        """Whether it goes from node to node, inside the tunnel."""
        return not self.outside and self.ends[0] != self.ends[1]


def conversations(world: World) -> list[Conversation]:
    """Every sample of a world, begun a few tenths of a second apart."""
    made: list[Conversation] = []
    for place in range(NODES):
        made += _client(world, place, 39_000 + 101 * place, 0.2 + 0.23 * place)
    turn = 0
    for edge in world.pods_of("edge-proxy"):
        chosen = choose(world, edge.place, edge.address, "shop/checkout")
        for pod in chosen.pods:
            turn += 1
            made.append(_call(world, edge, pod, chosen.port, 36_000 + 11 * turn, 0.41 * turn))
        if not chosen.pods:
            turn += 1
            made.append(_no_endpoint(world, edge, 36_000 + 11 * turn, 0.41 * turn))
    for number, pod in enumerate(world.pods_of("checkout")):
        at_s = 0.3 + 0.29 * number
        if not send(world).works[number]:
            continue  # without a request it asks for no name
        made += _names(world, pod, at_s)
        if name_server(world, pod) == "ok":
            named_s = at_s + rounds_per_lookup(world) * _answered_after_s(world)
            made.append(_bank(world, pod, named_s + 0.02))
    return made


def _client(world: World, place: int, sport: int, at_s: float) -> list[Conversation]:
    """The handshake of a client's connection at a node's port, and what the node makes of it."""
    chosen = entry(world, place)
    here, node = f"{BALANCER}.{sport}", world.node_address(place)
    there = f"{node}.{NODE_PORT}"
    first = Segment(at_s, here, there, _syn(1_460, here))
    tried = tuple(replace(first, at_s=at_s + step) for step in _LADDER_S)
    if not chosen.pods:
        return [Conversation((None, place), tried)]
    edge = chosen.pods[sport % len(chosen.pods)]
    met = fate(world, place, edge, chosen.port)
    inner, pod = f"{node}.{sport}", f"{edge.address}.{chosen.port}"
    if edge.place == place and world.external_policy == "Local":
        inner = here  # Local keeps the client's address
    onward = replace(first, source=inner, target=pod, at_s=at_s + 0.00016)
    if met == "silent":
        reaches: Reaches = "wire" if edge.place == APART else "out"
        lost = [replace(onward, at_s=at_s + step + 0.00016, reaches=reaches) for step in _LADDER_S]
        return [Conversation((None, place), tried), Conversation((place, edge.place), tuple(lost))]
    back = Segment(
        at_s + 0.0004, pod, inner, _syn_ack(world.pod_mtu - 40, pod, here), outward=False,
        heard_s=at_s,
    )  # fmt: skip
    acked = replace(
        onward, at_s=at_s + 0.0022, text=f"Flags [.], ack 1, win 502, {_STAMPS}, length 0",
        heard_s=at_s + 0.0004,
    )  # fmt: skip
    outer = (
        first,
        replace(back, source=there, target=here, at_s=at_s + 0.00058),
        replace(acked, source=here, target=there, at_s=at_s + 0.002),
    )
    return [
        Conversation((None, place), outer),
        Conversation((place, edge.place), (onward, back, acked)),
    ]


def _virtual(world: World, service: str) -> str:
    return cluster_ips(world.cluster.service(service))[0]


def _seq(end: str) -> int:
    """The first sequence number of a connection, by the end that chose it."""
    return zlib.crc32(end.encode())


def _syn(mss: int, source: str) -> str:
    options = f"mss {mss},sackOK,TS val {{own}} ecr 0,nop,wscale 7"
    return f"Flags [S], seq {_seq(source)}, win 64860, options [{options}], length 0"


def _syn_ack(mss: int, source: str, target: str) -> str:
    options = f"mss {mss},sackOK,TS val {{own}} ecr {{peer}},nop,wscale 7"
    return (
        f"Flags [S.], seq {_seq(source)}, ack {_seq(target) + 1}, win 64296, options [{options}], "
        "length 0"
    )


_STAMPS: Final = "options [nop,nop,TS val {own} ecr {peer}]"


def _call(world: World, edge: Pod, pod: Pod, port: int, sport: int, at_s: float) -> Conversation:
    """An edge pod's call, after the rules chose the pod."""
    here, there = f"{edge.address}.{sport}", f"{pod.address}.{port}"
    met = fate(world, edge, pod, port)
    first = Segment(at_s, here, there, _syn(world.pod_mtu - 40, here))
    if met == "silent":
        in_tunnel = world.tunnel_closed and edge.place != pod.place
        # The closed node's card still receives it; a policy stops it behind the tunnel.
        reaches: Reaches = "pod"
        if in_tunnel:
            reaches = "wire" if pod.place == APART else "out"
        steps = [at for at in _LADDER_S if at < CONNECT_TIMEOUT_S]
        tried = [replace(first, at_s=at_s + step, reaches=reaches) for step in steps]
        return Conversation((edge.place, pod.place), tuple(tried))
    refused = _ladder_steps(node_tables(world)[edge.place].waits, at_s * 0.37)
    # Refused before the rules were asked: it still bears the Service's address.
    lost = replace(first, target=f"{_virtual(world, 'shop/checkout')}.80", reaches="veth")
    made = [replace(lost, at_s=at_s + step) for step in refused[:-1]]
    start = at_s + refused[-1]
    made.append(replace(first, at_s=start))

    def back(after_s: float, heard_s: float, text: str, payload: int = 0) -> Segment:
        heard = start + heard_s
        return Segment(start + after_s, there, here, text, payload, outward=False, heard_s=heard)

    if met == "refused":
        made.append(back(0.0003, 0, f"Flags [R.], seq 0, ack {_seq(here) + 1}, win 0, length 0"))
        return Conversation((edge.place, pod.place), tuple(made))
    made.append(back(0.0003, 0, _syn_ack(world.pod_mtu - 40, there, here)))
    acked = f"Flags [.], ack 1, win 507, {_STAMPS}, length 0"
    heard_s = start + 0.0003
    made.append(replace(first, at_s=start + 0.0006, text=acked, heard_s=heard_s))
    asked = replace(first, at_s=start + 0.0007, heard_s=heard_s, payload=REQUEST_BYTES, text=(
        f"Flags [P.], seq 1:{REQUEST_BYTES + 1}, ack 1, win 507, {_STAMPS}, "
        f"length {REQUEST_BYTES}: "
        "HTTP: GET /cart HTTP/1.1"))  # fmt: skip
    if met == "hole" and hole_path(world).pod_mtu_bytes >= REQUEST_BYTES:
        # Retransmissions after 0.2 s, then twice as long each time.
        made += [
            replace(asked, at_s=asked.at_s + 0.2 * (2**k - 1), reaches="out") for k in range(5)
        ]
        return Conversation((edge.place, pod.place), tuple(made))
    made.append(asked)
    room = world.pod_mtu - 52
    for begin in range(0, ANSWER_BYTES, room):
        size = min(room, ANSWER_BYTES - begin)
        made.append(back(0.03 + begin * 1e-9, 0.0007, (
            f"Flags [{'P.' if begin + size == ANSWER_BYTES else '.'}], "
            f"seq {begin + 1}:{begin + size + 1}, ack {REQUEST_BYTES + 1}, win 501, {_STAMPS}, "
            f"length {size}: HTTP{': HTTP/1.1 200 OK' if begin == 0 else ''}"), size))  # fmt: skip
    return Conversation((edge.place, pod.place), tuple(made))


def _ladder_steps(waits: tuple[tuple[float, float], ...], luck: float) -> list[float]:
    """When the SYNs of one sample are sent: the last one gets through, if not too late."""
    total = 0.0
    for seconds, share in waits:
        total += share
        if luck % 1.0 < total:
            tries = min(4, round(min(seconds, 9.0)))
            return [float(step) for step in range(tries + 1)]
    return [0.0]


def _no_endpoint(world: World, edge: Pod, sport: int, at_s: float) -> Conversation:
    """A call to a Service without endpoints: the edge's own node rejects it."""
    virtual = _virtual(world, "shop/checkout")
    here = f"{edge.address}.{sport}"
    node = world.node_address(edge.place)
    said = f"ICMP {virtual} tcp port 80 unreachable, length 68"
    return Conversation(
        (edge.place, edge.place),
        (
            Segment(at_s, here, f"{virtual}.80", _syn(world.pod_mtu - 40, here), reaches="veth"),
            Segment(at_s + 0.0001, node, edge.address, said, protocol="icmp", outward=False),
        ),
    )


def _answered_after_s(world: World) -> float:
    """A lost question is repeated after five seconds; the sample was not lost."""
    return max(0.0003, question_wait_s(world) % 5.0)


def _names(world: World, pod: Pod, at_s: float) -> list[Conversation]:
    """The questions of one lookup, and their answers."""
    known = bank_answers(world)
    chosen = choose(world, pod.place, pod.address, "kube-system/kube-dns", "udp")
    wait_s = _answered_after_s(world)
    made = []
    for step, (name, qtype) in enumerate(queries(BANK_NAME, world.resolv_conf, "glibc", known)):
        server = chosen.pods[(step // 2) % len(chosen.pods)]
        met = fate(world, pod, server, 53, "UDP")
        lost: Reaches = "pod" if met == "ok" else _lost_at(world, pod, server)
        address = server.address
        if lost == "veth":  # stopped before the rules were asked
            address = _virtual(world, "kube-system/kube-dns")
        here, there = f"{pod.address}.{query_port(pod, step)}", f"{address}.53"
        number, size = query_id(pod, step), question_bytes(name)
        asked = Segment(
            at_s + wait_s * (step // 2) + 0.0004 * (step % 2), here, there,
            f"{number}+ {qtype}? {name}. ({size})", size, "udp", reaches=lost,
        )  # fmt: skip
        answer = known.get((name, qtype), "NXDOMAIN")
        length = answer_bytes(name, answer)
        replied = Segment(
            asked.at_s + wait_s, there, here,
            f"{number}{answer_text(name, answer)} ({length})", length, "udp", outward=False,
        )  # fmt: skip
        again = replace(asked, at_s=asked.at_s + 5.0)
        made.append(
            Conversation((pod.place, server.place), (asked, replied if met == "ok" else again))
        )
    return made


def _lost_at(world: World, pod: Pod, server: Pod) -> Reaches:
    if not policy_verdict(world.cluster, pod.scope, server.scope, 53, "UDP"):
        return "veth"  # an egress policy stops it before it leaves the node
    return "wire" if server.place == APART else "out"


def _bank(world: World, pod: Pod, at_s: float) -> Conversation:
    """A connection to the bank; what leaves the node has the node's address."""
    steps = _ladder_steps(node_tables(world)[pod.place].port_waits, at_s * 0.61)
    own, there = f"{pod.address}.{47_000 + pod.place}", f"{BANK_ADDRESS}.443"
    masked = f"{world.node_address(pod.place)}.{47_000 + pod.place}"
    first = Segment(at_s, own, there, _syn(world.pod_mtu - 40, own), reaches="veth")
    made = [replace(first, at_s=at_s + step) for step in steps[:-1]]
    start = at_s + steps[-1]
    made.append(replace(first, at_s=start, source=masked, reaches="out"))
    answer = _syn_ack(1_460, there, own)
    made.append(Segment(start + 0.0009, there, masked, answer, outward=False, heard_s=start))
    return Conversation((pod.place, None), tuple(made))
