"""``tcpdump`` on a node: sample flows that cross it, as far as the world lets their packets go.

A capture shows one connection of each pair of pods, not all traffic: who calls whom, what is
answered, what is sent again. On ``eth0`` packets between nodes are wrapped in VXLAN, and there
they are real frames, built byte by byte and read back.
"""

from dataclasses import dataclass
from typing import Final

from k8snet_lessons.cluster import cluster_ips
from k8snet_lessons.incidents.case import Case, ToolError, stamp
from k8snet_lessons.incidents.layout import BANK_ADDRESS
from k8snet_lessons.incidents.reach import choose, fate, hole_path
from k8snet_lessons.incidents.tables import CONNECT_TIMEOUT_S, node_tables
from k8snet_lessons.incidents.traffic import ANSWER_BYTES, REQUEST_BYTES
from k8snet_lessons.incidents.world import Pod, World

INTERFACES: Final = ("any", "eth0", "vxlan0")
_LADDER_S: Final = (0.0, 1.03, 2.05, 3.08, 4.1)  # tcp_syn_linear_timeouts, from Linux 6.5 on
_SEQ: Final = 2_931_871_004


@dataclass(frozen=True)
class Segment:
    """One packet of a flow.

    Attributes
    ----------
    at_s : float
    source, target : str
        ``address.port``, as tcpdump writes it.
    text : str
        What follows.
    payload : int
        Bytes of it, 0 for a bare header.
    leaves, arrives : bool
        Whether it is seen at the sender's node, and at the receiver's.
    """

    at_s: float
    source: str
    target: str
    text: str
    payload: int = 0
    leaves: bool = True
    arrives: bool = True


@dataclass(frozen=True)
class Conversation:
    """Segments between a pod and another end, and the nodes they cross."""

    source: Pod
    target: Pod | None
    segments: tuple[Segment, ...]


@dataclass(frozen=True)
class Filter:
    """The part of pcap-filter that this tool reads: host, port, tcp, udp, joined by ``and``."""

    hosts: tuple[str, ...] = ()
    ports: tuple[int, ...] = ()
    protocol: str = ""

    def admits(self, source: str, target: str, protocol: str) -> bool:
        """Whether a packet is wanted."""
        ends = [end.rpartition(".") for end in (source, target)]
        hosts, ports = {end[0] for end in ends}, {end[2] for end in ends}
        return (
            all(host in hosts for host in self.hosts)
            and all(str(port) in ports for port in self.ports)
            and self.protocol in ("", protocol)
        )


def read_filter(words: list[str]) -> Filter:
    """Read a filter; ToolError for what it does not know."""
    hosts: list[str] = []
    ports: list[int] = []
    protocol = ""
    rest = [word for word in words if word != "and"]
    while rest:
        word = rest.pop(0)
        if word in ("tcp", "udp"):
            protocol = word
        elif word == "host" and rest:
            hosts.append(rest.pop(0))
        elif word == "port" and rest and rest[0].isdecimal():
            ports.append(int(rest.pop(0)))
        else:
            raise ToolError(
                f"tcpdump: can't parse filter expression: syntax error at {word!r} "
                "(known here: host ADDRESS, port N, tcp, udp, and)"
            )
    return Filter(tuple(hosts), tuple(ports), protocol)


def tcpdump(case: Case, place: int, interface: str, words: list[str], count: int) -> str:
    """Capture on a node."""
    if interface not in INTERFACES:
        raise ToolError(f"tcpdump: {interface}: No such device exists")
    wanted = read_filter(words)
    lines: list[tuple[float, str]] = []
    for talk in conversations(case.world):
        crosses = talk.target is None or talk.source.place != talk.target.place
        here = (talk.source.place == place, talk.target is not None and talk.target.place == place)
        for segment in talk.segments:
            lines += _seen(case.world, talk, segment, here, crosses, interface, wanted, place)
    lines.sort(key=lambda line: line[0])
    shown = lines[:count] if count else lines
    head = (
        "tcpdump: verbose output suppressed, use -v[v]... for full protocol decode\n"
        f"listening on {interface}, link-type "
        + ("LINUX_SLL2 (Linux cooked v2)" if interface == "any" else "EN10MB (Ethernet)")
        + ", snapshot length 262144 bytes\n"
    )
    body = "".join(f"{stamp(20 - at_s).strftime('%H:%M:%S.%f')} {text}\n" for at_s, text in shown)
    n = len(shown)
    return (
        head
        + body
        + (f"{n} packets captured\n{n} packets received by filter\n0 packets dropped by kernel\n")
    )


def _seen(
    world: World,
    talk: Conversation,
    segment: Segment,
    here: tuple[bool, bool],
    crosses: bool,
    interface: str,
    wanted: Filter,
    place: int,
) -> list[tuple[float, str]]:
    """The lines that a segment makes on one node's interface."""
    outward = segment.source.rpartition(".")[0] == talk.source.address
    at_sender = here[0] if outward else here[1]
    at_receiver = here[1] if outward else here[0]
    protocol = "udp" if segment.text.startswith("UDP") or "?" in segment.text else "tcp"
    if segment.payload and "Flags" not in segment.text:
        protocol = "udp"
    inner = f"IP {segment.source} > {segment.target}: {segment.text}"
    if interface == "eth0":
        # The sender's wire shows what leaves it; the receiver's what the switch brought there.
        if not crosses or not (
            (at_sender and segment.leaves)
            or (at_receiver and _on_wire(world, talk, segment, outward))
        ):
            return []
        if talk.target is None:
            return (
                [(segment.at_s, inner)]
                if wanted.admits(segment.source, segment.target, protocol)
                else []
            )
        outer_source, outer_target, text = _wrapped(world, talk, segment, outward)
        if not wanted.admits(outer_source, outer_target, "udp"):
            return []
        return [(segment.at_s, f"IP {outer_source} > {outer_target}: {text}\n{inner}")]
    if interface == "vxlan0" and (not crosses or talk.target is None):
        return []
    made = []
    if wanted.admits(segment.source, segment.target, protocol):
        if at_sender and (segment.leaves or interface == "any"):
            made.append((segment.at_s, inner))
        elif at_receiver and segment.arrives:
            made.append((segment.at_s + 0.00012, inner))
    if interface == "any":
        name = "vxlan0" if crosses and talk.target is not None else "eth0"
        if not crosses:
            name = "veth"
        direction = "Out" if at_sender else "In "
        made = [(at_s, f"{name:<6} {direction} {text}") for at_s, text in made]
    return made


def _on_wire(world: World, talk: Conversation, segment: Segment, outward: bool) -> bool:
    """Whether a packet comes as far as the receiver's network card."""
    from k8snet_lessons.incidents.layout import APART

    if segment.arrives:
        return True
    receiver = talk.target if outward else talk.source
    closed = world.tunnel_closed and receiver is not None and receiver.place == APART
    return closed and segment.leaves


def _wrapped(
    world: World, talk: Conversation, segment: Segment, outward: bool
) -> tuple[str, str, str]:
    """The outer packet's ends and text, read from a real frame."""
    import dpkt

    from k8snet_lessons.datapath.cni import NodePair, PodPacket, build_frame

    assert talk.target is not None
    one, other = (talk.source, talk.target) if outward else (talk.target, talk.source)
    src, _, sport = segment.source.rpartition(".")
    dst, _, dport = segment.target.rpartition(".")
    packet = PodPacket(
        src=src, dst=dst, sport=int(sport), dport=int(dport), payload=bytes(segment.payload),
        protocol="udp" if "?" in segment.text or "/" in segment.text[:12] else "tcp",
    )  # fmt: skip
    nodes = NodePair(src=world.node_address(one.place), dst=world.node_address(other.place))
    frame = dpkt.ethernet.Ethernet(build_frame(packet, "vxlan", nodes).data)
    udp = frame.data.data
    vni = int.from_bytes(bytes(udp.data)[4:7], "big")
    return (
        f"{nodes.src}.{udp.sport}",
        f"{nodes.dst}.{udp.dport}",
        f"VXLAN, flags [I] (0x08), vni {vni}",
    )


def conversations(world: World) -> list[Conversation]:
    """One call from each edge pod to each checkout pod it may reach, lookups, and the bank."""
    made = []
    turn = 0
    for edge in world.pods_of("edge-proxy"):
        chosen = choose(world, edge.place, edge.address, "shop/checkout")
        for pod in chosen.pods:
            turn += 1
            made.append(_call(world, edge, pod, chosen.port, 36_000 + 11 * turn, 0.41 * turn))
        if not chosen.pods:
            turn += 1
            made.append(_no_endpoint(world, edge, 36_000 + 11 * turn, 0.41 * turn))
    for pod in world.pods_of("checkout"):
        turn += 1
        made += _names(world, pod, 0.29 * turn)
        made += _bank(world, pod, 0.29 * turn + 0.02)
    return made


def _call(world: World, edge: Pod, pod: Pod, port: int, sport: int, at_s: float) -> Conversation:
    """The edge's call, translated already: what the wire between the nodes shows."""
    here, there = f"{edge.address}.{sport}", f"{pod.address}.{port}"
    met = fate(world, edge, pod, port)
    mss = world.pod_mtu - 40
    syn = f"Flags [S], seq {_SEQ}, win 64860, options [mss {mss},sackOK,TS val 2193016 ecr 0,nop,wscale 7], length 0"
    if met == "silent":
        by_policy = not (world.tunnel_closed and edge.place != pod.place)
        steps = [at for at in _LADDER_S if at < CONNECT_TIMEOUT_S]
        return Conversation(edge, pod, tuple(
            Segment(at_s + step, here, there, syn, arrives=by_policy) for step in steps
        ))  # fmt: skip
    lost = _refused_syns(world, edge, at_s)
    start = at_s + lost
    made = [Segment(at_s + step, here, there, syn, leaves=False, arrives=False)
            for step in range(round(lost))]  # fmt: skip
    made.append(Segment(start, here, there, syn))
    if met == "refused":
        reset = f"Flags [R.], seq 0, ack {_SEQ + 1}, win 0, length 0"
        return Conversation(edge, pod, (*made, Segment(start + 0.0003, there, here, reset)))
    made.append(Segment(start + 0.0003, there, here,
        f"Flags [S.], seq 88120934, ack {_SEQ + 1}, win 64296, options [mss {mss},sackOK,TS val 771 ecr 2193016,nop,wscale 7], length 0"))  # fmt: skip
    made.append(Segment(start + 0.0006, here, there, "Flags [.], ack 1, win 507, length 0"))
    ask = f"Flags [P.], seq 1:{REQUEST_BYTES + 1}, ack 1, win 507, length {REQUEST_BYTES}: HTTP: GET /cart HTTP/1.1"
    if met == "hole" and hole_path(world).pod_mtu_bytes >= REQUEST_BYTES:
        wait, at = 0.2, start + 0.0007
        for _ in range(5):
            made.append(Segment(at, here, there, ask, REQUEST_BYTES, arrives=False))
            at, wait = at + wait, wait * 2
        return Conversation(edge, pod, tuple(made))
    made.append(Segment(start + 0.0007, here, there, ask, REQUEST_BYTES))
    room, sent = mss - 12, 0
    while sent < ANSWER_BYTES:
        size = min(room, ANSWER_BYTES - sent)
        made.append(
            Segment(start + 0.03 + sent * 1e-9, there, here,
                    f"Flags [P.], seq {sent + 1}:{sent + size + 1}, ack {REQUEST_BYTES + 1}, "
                    f"win 501, length {size}: HTTP", size)
        )  # fmt: skip
        sent += size
    return Conversation(edge, pod, tuple(made))


def _no_endpoint(world: World, edge: Pod, sport: int, at_s: float) -> Conversation:
    """A call to a Service without endpoints: the node itself answers."""
    virtual = cluster_ips(world.cluster.service("shop/checkout"))[0]
    here, there = f"{edge.address}.{sport}", f"{virtual}.80"
    node = world.node_address(edge.place)
    syn = f"Flags [S], seq {_SEQ}, win 64860, options [mss {world.pod_mtu - 40},sackOK,TS val 2193016 ecr 0,nop,wscale 7], length 0"
    icmp = f"ICMP {virtual} tcp port 80 unreachable, length 68"
    return Conversation(edge, edge, (
        Segment(at_s, here, there, syn),
        Segment(at_s + 0.0001, f"{node}.0", here, icmp),
    ))  # fmt: skip


def _refused_syns(world: World, pod: Pod, at_s: float) -> float:
    """Seconds that this sample lost to a full table; about as often as connections do."""
    waits = node_tables(world)[pod.place].waits
    luck, total = (at_s * 0.37) % 1.0, 0.0
    for seconds, share in waits:
        total += share
        if luck < total:
            return 4.0 if seconds == float("inf") else seconds
    return 0.0


def _names(world: World, pod: Pod, at_s: float) -> list[Conversation]:
    """The questions of one lookup, and their answers."""
    from k8snet_lessons.dns import queries
    from k8snet_lessons.incidents.layout import BANK_NAME
    from k8snet_lessons.incidents.tables import bank_answers

    known = bank_answers(world)
    chosen = choose(world, pod.place, pod.address, "kube-system/kube-dns", "udp")
    made = []
    for step, (name, qtype) in enumerate(queries(BANK_NAME, world.resolv_conf, "glibc", known)):
        server = chosen.pods[(step // 2) % len(chosen.pods)]
        met = fate(world, pod, server, 53, "UDP")
        here, there = f"{pod.address}.{33_000 + 2 * (step // 2)}", f"{server.address}.53"
        number = 20_011 + step
        question = f"{number}+ {qtype}? {name}. ({len(name) + 18})"
        moment = at_s + 0.0004 * step
        parts = [Segment(moment, here, there, question, len(name) + 18, arrives=met == "ok",
                         leaves=not _at_source(world, pod))]  # fmt: skip
        if met == "ok":
            answer = known.get((name, qtype), "NXDOMAIN")
            said = f"1/0/0 A {answer[0]}" if isinstance(answer, list) else (
                "NXDomain 0/1/0" if answer == "NXDOMAIN" else "0/1/0")  # fmt: skip
            parts.append(Segment(moment + 0.0003, there, here, f"{number} {said} ({len(name) + 34})",
                                 len(name) + 34))  # fmt: skip
        else:
            parts.append(Segment(moment + 5.0, here, there, question, len(name) + 18, arrives=False,
                                 leaves=not _at_source(world, pod)))  # fmt: skip
        made.append(Conversation(pod, server, tuple(parts)))
    return made


def _at_source(world: World, pod: Pod) -> bool:
    """Whether a pod's own policy stops its questions: they then never leave the node."""
    from k8snet_lessons.datapath import policy_verdict

    server = world.pods_of("coredns")[0]
    return not policy_verdict(world.cluster, pod.scope, server.scope, 53, "UDP")


def _bank(world: World, pod: Pod, at_s: float) -> list[Conversation]:
    """A connection to the bank, as it leaves the node: with the node's address."""
    if _at_source(world, pod) or (world.tunnel_closed and pod.place == 2):
        return []  # without an address there is nobody to connect to
    waits = node_tables(world)[pod.place].port_waits
    lost, luck, total = 0.0, (at_s * 0.61) % 1.0, 0.0
    for seconds, share in waits:
        total += share
        if luck < total:
            lost = 4.0 if seconds == float("inf") else seconds
            break
    here, there = f"{pod.address}.{47_000 + pod.place}", f"{BANK_ADDRESS}.443"
    syn = f"Flags [S], seq {_SEQ + 5}, win 64860, options [mss {world.pod_mtu - 40},sackOK,TS val 99120 ecr 0,nop,wscale 7], length 0"
    steps = [
        Segment(at_s + k, here, there, syn, leaves=False, arrives=False) for k in range(round(lost))
    ]
    steps.append(Segment(at_s + lost, here, there, syn))
    steps.append(Segment(at_s + lost + 0.0009, there, here, f"Flags [S.], seq 1190, ack {_SEQ + 6}, win 65160, options [mss 1460,sackOK,TS val 1 ecr 99120,nop,wscale 7], length 0"))  # fmt: skip
    return [Conversation(pod, None, tuple(steps))]
