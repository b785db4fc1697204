"""Exercise of lesson 6: count the bytes, find the hole, and choose a model."""

from random import Random
from typing import Any, Final

from k8snet_lessons.assess.answers import TODO, type_name, whole, word
from k8snet_lessons.assess.exercise import Assignment
from k8snet_lessons.assess.task import UNANSWERED, Field, Given, Slip, Task, asking
from k8snet_lessons.assess.verdict import Part
from k8snet_lessons.datapath.cni import (
    MODELS,
    Load,
    MtuPath,
    encapsulation,
    mss_bytes,
    pod_mtu_bytes,
    send_messages,
    trade_off,
)

# --- bytes ---------------------------------------------------------------------------------


def _draw_bytes(rng: Random) -> dict[str, Any]:
    return {"underlay": rng.choice((1_460, 1_480, 1_500, 8_900, 9_000)),
            "packet": rng.randint(30, 120) * 10}  # fmt: skip


def _pod_mtu(given: Given) -> int:
    return pod_mtu_bytes("vxlan", given["underlay"])


def _frame(given: Given) -> int:
    return int(given["packet"]) + 14 + encapsulation("vxlan").overhead_bytes()


def _prompt_bytes(given: Given) -> str:
    return f"""Nodes are joined by a network with an MTU of {given["underlay"]:,} bytes. Pods talk
over VXLAN, IPv4 inside and outside, no VLAN tags.

- `"pod_mtu"`: the largest MTU the pods' interfaces may have;
- `"mss"`: the MSS that a pod announces with that MTU in a TCP SYN;
- `"frame"`: a pod sends an IP packet of {given["packet"]:,} bytes to another node. How long is
  the Ethernet frame between the nodes, as a capture shows it (no checksum, no preamble)?"""


HEADERS = asking(
    name="headers",
    title="Count the bytes",
    draw=_draw_bytes,
    prompt=_prompt_bytes,
    asked=(
        Field("pod_mtu", 1, _pod_mtu, (
            Slip("inner-ethernet-is-not-counted", lambda g: g["underlay"] - 36,
                 "A VXLAN packet carries a whole Ethernet frame. Which header is missing?"),
            Slip("outer-ethernet-counts-against-mtu", lambda g: g["underlay"] - 64,
                 "One Ethernet header counts against the underlay's MTU. Which of the two?"),
            Slip("the-tunnel-is-free", lambda g: g["underlay"],
                 "The whole wrapped packet has to fit between the nodes."),
        ), "Add up what stands between the outer Ethernet header and the pod's packet.",
            rel_tol=1e-9),
        Field("mss", 1, lambda g: mss_bytes(_pod_mtu(g)), (
            Slip("mss-is-the-mtu", _pod_mtu, "The MSS counts TCP payload alone."),
            Slip("mss-of-the-underlay", lambda g: mss_bytes(g["underlay"]),
                 "The pod announces what fits its own interface, not the node's."),
            Slip("timestamps-are-announced", lambda g: mss_bytes(_pod_mtu(g), timestamps=True),
                 "Options shorten the segments later. What a SYN announces leaves them out."),
        ), "Take the headers of IP and TCP off the pod's MTU.", rel_tol=1e-9),
        Field("frame", 1, _frame, (
            Slip("outer-ethernet-is-forgotten", lambda g: _frame(g) - 14,
                 "The frame begins with an Ethernet header of its own."),
            Slip("the-tunnel-is-free", lambda g: g["packet"] + 14,
                 "That is the frame inside the pod. What is put around it?"),
        ), "Write down every header from the first byte on.", rel_tol=1e-9),
    ),
    debrief="50 bytes either way: on the wire it is the outer headers that are added; for the "
    "MTU the inner Ethernet header stands in for the outer one.",
    hints=("`frame_table()` of the lesson shows each header.", "RFC 9293, section 3.7.1, says what the MSS counts."),
)  # fmt: skip

# --- the hole ------------------------------------------------------------------------------

_SAID: Final = ("arrives", "hangs")


def _draw_hole(rng: Random) -> dict[str, Any]:
    mtu = rng.choice((1_400, 1_460, 1_480, 1_500))
    return {"mtu": mtu, "small": rng.randint(20, 110) * 10,
            "large": rng.randint(3, 9) * 1_000}  # fmt: skip


def _path(given: Given) -> MtuPath:
    return MtuPath(pod_mtu_bytes=given["mtu"], underlay_mtu_bytes=given["mtu"])


def _tcp(given: Given, size: int) -> str:
    return _SAID[0] if send_messages(_path(given), [size]).delivered[0] else _SAID[1]


def _last_datagram(given: Given) -> int:
    """Largest datagram below the hole: the last that arrives before the first that is lost."""
    sizes = range(1, given["mtu"])
    delivered = send_messages(_path(given), sizes, "udp").delivered
    return int(delivered.argmin())  # sizes begin at 1: the index of the first loss


def _prompt_hole(given: Given) -> str:
    return f"""Somebody set the pods' MTU to {given["mtu"]:,}, the same as between the nodes, and
VXLAN runs on top (IPv4 inside and outside). The node's ICMP answers never reach the pods, and
`tcp_mtu_probing` is 0.

- `"small"`: a message of {given["small"]:,} bytes on an open TCP connection: `"arrives"` or
  `"hangs"`?
- `"large"`: one of {given["large"]:,} bytes on such a connection: `"arrives"` or `"hangs"`?
- `"datagram"`: send UDP datagrams, larger and larger. What is the largest payload in bytes before
  the first one that is lost?"""


HOLE = asking(
    name="hole",
    title="The black hole",
    draw=_draw_hole,
    prompt=_prompt_hole,
    asked=(
        Field("small", 1, lambda g: _tcp(g, g["small"]),
              (Slip("a-wrong-mtu-breaks-everything", lambda g: _SAID[1],
                    "Is that packet, once wrapped, larger than the link allows?"),),
              "Say arrives or hangs.", choices=_SAID),
        Field("large", 1, lambda g: _tcp(g, g["large"]),
              (Slip("tcp-always-adapts", lambda g: _SAID[0],
                    "TCP adapts when it is told, or when it probes. Here it is neither."),),
              "Say arrives or hangs.", choices=_SAID),
        Field("datagram", 2, _last_datagram, (
            Slip("the-tunnel-is-free", lambda g: g["mtu"] - 28,
                 "That fills the pod's MTU. What is wrapped around it afterwards?"),
            Slip("payload-is-the-packet", lambda g: g["mtu"] - 50,
                 "That is the largest IP packet. A datagram has two headers in it."),
            Slip("inner-ethernet-is-not-counted", lambda g: g["mtu"] - 36 - 28,
                 "The frame inside brings its Ethernet header along."),
        ), "From the link's MTU, take off what wraps, then the datagram's own headers.",
            rel_tol=1e-9),
    ),
    debrief="Small messages pass, the handshake passes, health checks pass; the first full "
    "segment vanishes. That is why a wrong MTU looks like an application that hangs.",
    hints=("`send_messages(MtuPath(...), sizes)` says what becomes of each size.",
           "The handshake's packets are small."),
)  # fmt: skip

# --- the decision --------------------------------------------------------------------------

_MTUS: Final = (1_500, 9_000)
_JUMBO_DAYS, _EBPF_DAYS, _BUDGET_DAYS = 3, 5, 4


def _draw_choose(rng: Random) -> dict[str, Any]:
    return {
        "payload": rng.choice((16_384, 24_576, 32_768)),
        "rate": 1_000.0 * rng.randint(12, 18),
    }


def _cores(given: Given, model: str, mtu: int) -> float:
    load = Load(payload_bytes=given["payload"], underlay_mtu_bytes=mtu, offloads=False,
                link_gbit_per_s=25.0, cores=8.0)  # fmt: skip
    return float(trade_off(given["rate"], load, (model,)).cores[0])


def _bound(given: Given) -> float:
    """Half way between what VXLAN costs with the small and with the large MTU."""
    return round(sum(_cores(given, "vxlan", mtu) for mtu in _MTUS) / 2, 2)


def _prompt_choose(given: Given) -> str:
    models = ", ".join(f"`{name!r}`" for name in MODELS)
    return f"""Pods on two nodes in **different subnets** exchange {given["rate"]:,.0f} messages of
{given["payload"]:,} bytes a second, all of it between the nodes. The routers belong to another
team, which will carry no pod addresses. The network cards have **no** segmentation or checksum
offload. Nobody asks for encryption on this network.

Choose `{{"model": ..., "underlay_mtu_bytes": ...}}`, so that

- the network can carry the pods' packets;
- both nodes together keep at most **{_bound(given):g} cores** busy with it, in the model:
  `trade_off(rate, Load(payload_bytes=..., underlay_mtu_bytes=..., offloads=False,
  link_gbit_per_s=25.0, cores=8.0))`;
- and it takes at most **{_BUDGET_DAYS} days**: an MTU of 9000 between the nodes takes
  {_JUMBO_DAYS}, a model with eBPF {_EBPF_DAYS}.

Models: {models}. MTU: 1500 or 9000. More than one choice is right."""


def _judge_choose(given: Given, answer: Any) -> tuple[Part, ...]:
    if type(answer) is not dict:
        reason = f"The answer is {type_name(answer)}; a dictionary is asked for."
        return (Part("choice", 0, 4, reason),)
    model, mtu = answer.get("model", TODO), answer.get("underlay_mtu_bytes", TODO)
    if model is TODO and mtu is TODO:
        return (Part("choice", 0, 4, UNANSWERED, attempted=False),)
    model, mtu = word(model, MODELS), whole(mtu)
    if type(model) is not str or model not in MODELS:
        return (Part("choice", 0, 4, f"'model' is one of {', '.join(MODELS)}."),)
    if type(mtu) is not int or mtu not in _MTUS:
        return (Part("choice", 0, 4, "'underlay_mtu_bytes' is 1500 or 9000."),)
    if MODELS[model].encapsulation == "none":
        return (Part("choice", 0, 4, "The routers drop packets with pod addresses: nothing "
                     "arrives.", "routing-needs-nothing-from-the-network"),)  # fmt: skip
    cores, days = _cores(given, model, mtu), _days(model, mtu)
    light, cheap = cores <= _bound(given), days <= _BUDGET_DAYS
    encrypted = encapsulation(model).encrypts
    return (
        Part("carried", 1, 1, "Right."),
        Part("cores", 2 if light else 0, 2,
             "Right." if light else f"It keeps {cores:.2f} cores busy, more than the bound.",
             "" if light else "encryption-is-free" if encrypted else "packets-are-free"),
        Part("days", 1 if light and cheap else 0, 1,
             f"It takes {days} days, more than there are." if not cheap else
             "Right." if light else "The days count once the cores are within the bound.",
             "" if cheap else "ebpf-is-always-the-answer"),
    )  # fmt: skip


def _days(model: str, mtu: int) -> int:
    ebpf = MODELS[model].datapath == "ebpf"
    return (_JUMBO_DAYS if mtu == _MTUS[1] else 0) + (_EBPF_DAYS if ebpf else 0)


def _choice(model: str, mtu: int) -> dict[str, Any]:
    return {"model": model, "underlay_mtu_bytes": mtu}


CHOOSE = Task(
    name="choose",
    title="Choose for this network",
    draw=_draw_choose,
    prompt=_prompt_choose,
    max_points=4,
    judge_plain=_judge_choose,
    debrief="Without offloads every packet is paid for, and a larger MTU makes fewer of them. "
    "That helps more here than another encapsulation or another datapath.",
    wrong=(
        Slip("routing-needs-nothing-from-the-network", lambda g: _choice("bgp", 9_000),
             "nothing arrives"),
        Slip("packets-are-free", lambda g: _choice("vxlan", 1_500), "more than the bound"),
        Slip("encryption-is-free", lambda g: _choice("wireguard", 9_000), "more than the bound"),
        Slip("ebpf-is-always-the-answer", lambda g: _choice("vxlan+ebpf", 9_000),
             "more than there are"),
    ),
    hints=("Which models ask nothing of the routers?",
           "What is paid once a packet, and how would there be fewer packets?"),
)  # fmt: skip

ASSIGNMENT = Assignment("06-cni-models", (HEADERS, HOLE, CHOOSE))
