"""``ss`` in a pod: the gRPC channels that stand, and what has a state of its own."""

from collections.abc import Sequence
from dataclasses import dataclass

from k8snet_lessons.cluster import cluster_ips
from k8snet_lessons.incidents.case import ToolError
from k8snet_lessons.incidents.channels import channels
from k8snet_lessons.incidents.layout import CHECKOUT_PORT, EDGE_PORT, LEDGER_PORT
from k8snet_lessons.incidents.reach import fate
from k8snet_lessons.incidents.traffic import round_trip_us
from k8snet_lessons.incidents.world import Pod, World

_LISTENS = {"edge-proxy": EDGE_PORT, "checkout": CHECKOUT_PORT, "ledger": LEDGER_PORT}
_STATES = {"established": "ESTAB", "syn-sent": "SYN-SENT", "listening": "LISTEN"}


@dataclass(frozen=True)
class _Socket:
    """One line of ss; ends as (address, port)."""

    own: tuple[str, str]
    peer: tuple[str, str]
    rtt_ms: float = 0.0
    state: str = "ESTAB"


def ss(world: World, pod: Pod, words: Sequence[str]) -> str:
    """Print the TCP sockets of a pod.

    Parameters
    ----------
    world : World
    pod : Pod
    words : sequence of str
        Options in one word or several, then ``state NAME``, ``dport = :N`` and ``sport = :N``.
    """
    flags = "".join(word[1:] for word in words if word.startswith("-"))
    if set(flags) - set("tnaiplHOom4"):
        raise ToolError("ss: known here are -t -n -a -l -i -p")
    typed = [part for word in words if not word.startswith("-") for part in word.split()]
    rest = [word for word in typed if word not in ("=", "==", "eq", "and", "(", ")")]
    found = _sockets(world, pod)
    listens = _Socket(("0.0.0.0", str(_LISTENS[pod.app])), ("0.0.0.0", "*"), state="LISTEN")
    if "l" in flags:
        found = [listens]
    elif "a" in flags:
        found = [listens, *found]
    hide = False
    while rest:
        word = rest.pop(0)
        if word == "state" and rest and rest[0] in _STATES:
            wanted, hide = _STATES[rest.pop(0)], True
            found = [each for each in (found if "a" in flags else [*found, listens])
                     if each.state == wanted]  # fmt: skip
        elif word in ("dport", "sport") and rest:
            port = rest.pop(0).lstrip(":")
            found = [x for x in found if (x.peer if word == "dport" else x.own)[1] == port]
        else:
            raise ToolError(
                f"ss: {word}: known here are state {'|'.join(_STATES)}, dport = :N, sport = :N"
            )
    return _table(world, found, "i" in flags, hide)


def _table(world: World, found: list[_Socket], more: bool, hide_state: bool) -> str:
    """As ss aligns them: addresses to the right, ports to the left."""
    state = max([len("State"), *(len(each.state) for each in found)])
    own, peer = (
        max([len(head), *(len(end[0]) for end in ends)])
        for head, ends in (("Local Address", [x.own for x in found]),
                           ("Peer Address", [x.peer for x in found]))
    )  # fmt: skip
    port = max([len("Port"), *(len(end[1]) for each in found for end in (each.own, each.peer))])
    first = "" if hide_state else f"{'State':<{state}} "
    text = (
        f"{first}Recv-Q Send-Q {'Local Address':>{own}}:{'Port':<{port}} "
        f"{'Peer Address':>{peer}}:{'Port':<{port}} Process\n"
    )
    mss = world.pod_mtu - 52
    for each in found:
        first = "" if hide_state else f"{each.state:<{state}} "
        waiting = int(each.state == "SYN-SENT")
        text += (
            f"{first}0      {128 if each.state == 'LISTEN' else waiting:<6} "
            f"{each.own[0]:>{own}}:{each.own[1]:<{port}} "
            f"{each.peer[0]:>{peer}}:{each.peer[1]:<{port}}\n"
        )
        if more and each.state == "ESTAB":
            text += (
                f"\t cubic wscale:7,7 rto:{200 + round(each.rtt_ms)} "
                f"rtt:{each.rtt_ms:g}/{each.rtt_ms / 2:g} mss:{mss} pmtu:{world.pod_mtu} "
                f"rcvmss:536 advmss:{mss} cwnd:10\n"
            )
    return text


def _sockets(world: World, pod: Pod) -> list[_Socket]:
    """The gRPC channels that end in a pod, as its own sockets see them."""
    ledger = world.pods_of("ledger")
    virtual = cluster_ips(world.cluster.service("shop/ledger"))[0]
    port = str(LEDGER_PORT)
    made = []
    for number, caller in enumerate(world.pods_of("checkout")):
        for lane, held in enumerate(channels(world)[number].tolist()):
            target = ledger[lane % len(ledger) if world.ledger_by_request else held]
            own = (caller.address, str(40_000 + 97 * number + lane))
            cut = fate(world, caller, target, LEDGER_PORT) == "silent"
            rtt_ms = round_trip_us(caller.place, target.place) / 1e3
            if pod == caller:
                # The caller's socket knows the virtual address only: DNAT happens on the node.
                peer = target.address if world.ledger_by_request else virtual
                made.append(_Socket(own, (peer, port), rtt_ms, "SYN-SENT" if cut else "ESTAB"))
            elif pod == target and not cut:
                made.append(_Socket((target.address, port), own, rtt_ms))
    return made
