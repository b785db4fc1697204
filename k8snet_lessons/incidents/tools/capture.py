"""``tcpdump`` on a node: what of the sample connections crosses it, in tcpdump's words.

On ``eth0`` packets between nodes are wrapped in VXLAN; there they are real frames, built byte
by byte and read back. On ``any`` each packet is shown once, where the node first has it.
"""

from typing import Final

from k8snet_lessons.incidents.case import Case, ToolError, stamp
from k8snet_lessons.incidents.conversations import Conversation, Segment, conversations
from k8snet_lessons.incidents.tools.pcap_filter import Ends, Test, parted, read_filter
from k8snet_lessons.incidents.world import World

INTERFACES: Final = ("any", "eth0", "vxlan0")
#: What a capture of so many seconds, ended just now, has seen.
_WINDOW_S: Final = 20.0


def tcpdump(case: Case, place: int, interface: str, text: str, count: int) -> str:
    """Capture on a node."""
    if interface not in INTERFACES:
        raise ToolError(f"tcpdump: {interface}: No such device exists")
    wanted = read_filter(text)
    lines: list[tuple[float, str]] = []
    for talk in conversations(case.world):
        for segment in talk.segments:
            lines += _seen(case.world, talk, segment, place, interface, wanted)
    lines.sort(key=lambda line: line[0])
    shown = lines[:count] if count else lines
    link = "LINUX_SLL2 (Linux cooked v2)" if interface == "any" else "EN10MB (Ethernet)"
    head = "tcpdump: data link type LINUX_SLL2\n" if interface == "any" else ""
    head += "tcpdump: verbose output suppressed, use -v[v]... for full protocol decode\n"
    head += f"listening on {interface}, link-type {link}, snapshot length 262144 bytes\n"
    for at_s, line in shown:
        head += f"{stamp(_WINDOW_S - at_s).strftime('%H:%M:%S.%f')} {line}\n"
    n = len(shown)
    return (
        f"{head}{n} packets captured\n{n} packets received by filter\n0 packets dropped by kernel\n"
    )


def _seen(
    world: World,
    talk: Conversation,
    segment: Segment,
    place: int,
    interface: str,
    wanted: Test,
) -> list[tuple[float, str]]:
    """The line that a segment makes on one node's interface, if any."""
    sender, receiver = talk.ends if segment.outward else talk.ends[::-1]
    inner = f"IP {segment.source} > {segment.target}: {segment.said}"
    fits = wanted(Ends(segment.source, segment.target, segment.protocol, segment.flags))
    if interface == "eth0":
        on_wire = (place == sender and segment.reaches != "veth") or (
            place == receiver and segment.reaches in ("wire", "pod")
        )
        if not on_wire or not (talk.crosses or talk.outside):
            return []
        if talk.outside:
            return [(segment.at_s, inner)] if fits else []
        outer_source, outer_target, text = _wrapped(world, talk, segment)
        if not wanted(Ends(outer_source, outer_target, "udp")):
            return []
        return [(segment.at_s, f"IP {outer_source} > {outer_target}: {text}\n{inner}")]
    leaves = place == sender and segment.reaches != "veth"
    held = place == sender and segment.reaches == "veth"
    comes = place == receiver and place != sender and segment.reaches == "pod"
    if not fits or (interface == "vxlan0" and not talk.crosses):
        return []
    if interface == "vxlan0":
        return [(segment.at_s, inner)] if leaves or comes else []
    if not (leaves or held or comes):
        return []
    way = "vxlan0" if talk.crosses else "eth0" if talk.outside else "veth"
    inward = held or comes or way == "veth"
    name, direction = "veth" if held else way, "In " if inward else "Out"
    return [(segment.at_s + (0.00012 if comes else 0.0), f"{name:<5} {direction} {inner}")]


def _wrapped(world: World, talk: Conversation, segment: Segment) -> tuple[str, str, str]:
    """The outer packet's ends and text, read from a real frame."""
    import dpkt

    from k8snet_lessons.datapath.cni import NodePair, PodPacket, build_frame

    one, other = talk.ends if segment.outward else talk.ends[::-1]
    assert one is not None
    assert other is not None
    (src, sport), (dst, dport) = parted(segment.source), parted(segment.target)
    packet = PodPacket(
        src=src, dst=dst, sport=int(sport), dport=int(dport), payload=bytes(segment.payload),
        protocol="udp" if segment.protocol == "udp" else "tcp",
    )  # fmt: skip
    nodes = NodePair(src=world.node_address(one), dst=world.node_address(other))
    udp = dpkt.ethernet.Ethernet(build_frame(packet, "vxlan", nodes).data).data.data
    vni = int.from_bytes(bytes(udp.data)[4:7], "big")
    text = f"VXLAN, flags [I] (0x08), vni {vni}"
    return f"{nodes.src}.{udp.sport}", f"{nodes.dst}.{udp.dport}", text
