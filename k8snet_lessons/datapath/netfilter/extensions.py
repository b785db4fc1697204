"""Matches kept as words that a trace can decide all the same."""

from collections.abc import Callable

from k8snet_lessons.datapath.netfilter.matching import Answer, Untold, View, inside
from k8snet_lessons.datapath.packet import family, number, protocol_number

Words = tuple[str, ...]


def _clauses(words: Words) -> list[tuple[str, Words, bool]]:
    """Words as ``(option, values, negated)``."""
    out: list[tuple[str, Words, bool]] = []
    negated = False
    for word in words:
        if word == "!":
            negated = True
        elif word.startswith("--"):
            out.append((word, (), negated))
            negated = False
        elif out:
            name, values, was = out[-1]
            out[-1] = (name, (*values, word), was)
    return out


def _all(answers: list[Answer]) -> Answer:
    """A no decides; otherwise what cannot be told stays so."""
    if any(answer is False for answer in answers):
        return False
    return next((answer for answer in answers if isinstance(answer, Untold)), True)


def _iprange(words: Words, view: View) -> Answer:
    answers: list[Answer] = []
    for name, values, negated in _clauses(words):
        first, _, last = (values[0] if values else "").partition("-")
        address = view.packet.src if name == "--src-range" else view.packet.dst
        try:
            held = family(first) == family(address) and number(first) <= number(address) <= number(
                last or first
            )
        except ValueError:
            return Untold(f"{name} {' '.join(values)} is no range of addresses")
        answers.append(held != negated)
    return _all(answers)


def _flags(words: Words, view: View) -> Answer:
    """``--tcp-flags MASK SET`` and ``--syn`` for the packet a state implies.

    A new connection starts with SYN alone; the packet after it carries ACK.
    """
    if view.packet.protocol != "tcp":
        return False
    has = {"SYN"} if "NEW" in view.states else {"ACK"}
    answers: list[Answer] = []
    for name, values, negated in _clauses(words):
        if name == "--syn":
            mask, wanted = {"SYN", "RST", "ACK", "FIN"}, {"SYN"}
        elif name == "--tcp-flags" and len(values) == 2:
            mask, wanted = _flag_set(values[0]), _flag_set(values[1])
        else:
            return Untold(f"the packet's {name[2:]} is not given")
        answers.append((has & mask == wanted) != negated)
    return _all(answers)


def _flag_set(text: str) -> set[str]:
    if text == "ALL":
        return {"SYN", "ACK", "FIN", "RST", "URG", "PSH"}
    return set(text.split(",")) - {"NONE"}


def _icmp(words: Words, view: View) -> Answer:
    """``--icmp-type``: a packet here carries no type, so only ``any`` is certain."""
    if view.packet.protocol not in ("icmp", "icmpv6"):
        return False
    if any(values == ("any",) and not negated for _, values, negated in _clauses(words)):
        return True
    return Untold("the packet's ICMP type is not given")


def _conntrack(words: Words, view: View) -> Answer:
    entry = view.entry
    if entry is None:
        return False
    answers: list[Answer] = []
    for name, values, negated in _clauses(words):
        value = values[0] if values else ""
        held: Answer
        if name in ("--ctorigsrc", "--ctorigdst", "--ctreplsrc", "--ctrepldst"):
            side = entry.original if "orig" in name else entry.reply
            held = inside(side.src if name.endswith("src") else side.dst, _host_or_net(value))
        elif name in ("--ctorigsrcport", "--ctorigdstport"):
            port = entry.original.sport if "src" in name else entry.original.dport
            low, _, high = value.partition(":")
            if port is None:
                held = Untold("the packet has no source port given")
            else:
                held = int(low or 0) <= port <= int(high or low or 65535)
        elif name == "--ctproto":
            held = protocol_number(value) == protocol_number(entry.original.protocol)
        elif name == "--ctdir":
            held = (value == "ORIGINAL") != ("REPLY" in view.states)
        elif name == "--ctstatus":
            status = {"CONFIRMED", "SEEN_REPLY"} if entry.replied else {"NONE"}
            held = bool(status & set(value.split(",")))
        else:
            return Untold(f"{name} is not known here")
        answers.append(held if isinstance(held, Untold) else bool(held) != negated)
    return _all(answers)


def _host_or_net(value: str) -> str:
    from k8snet_lessons.datapath.netfilter.matching import _network

    return _network(value)


def _packet_type(words: Words, view: View) -> Answer:
    return _all([(values == ("unicast",)) != negated for _, values, negated in _clauses(words)])


def _within_limit(words: Words, view: View) -> Answer:
    """A single packet finds the bucket full, so a rate limit lets it by."""
    above = any(name == "--hashlimit-above" for name, _, _ in _clauses(words))
    return not above


def _ipsec_policy(words: Words, view: View) -> Answer:
    """Packets here are in the clear: ``--pol none`` holds and ``--pol ipsec`` does not."""
    for name, values, negated in _clauses(words):
        if name == "--pol":
            return (values == ("none",)) != negated
    return Untold("policy without --pol")


def _owner(words: Words, view: View) -> Answer:
    """Only a packet that a process on this node sends has an owner."""
    if view.hook not in ("OUTPUT", "POSTROUTING") or view.node.origin != "host":
        return _all([negated for _, _, negated in _clauses(words)])
    return Untold("the sending process is not given")


def _physdev(words: Words, view: View) -> Answer:
    """Packets here are routed; none arrives over a bridge's port or is only bridged."""
    if view.node.origin == "host":
        return _all([negated for _, _, negated in _clauses(words)])
    return Untold("the bridge port is not given")


def _connection_bytes(words: Words, view: View) -> Answer:
    return Untold("the connection's byte counters are not given")


EXTENSIONS: dict[str, Callable[[Words, View], Answer]] = {
    "iprange": _iprange,
    "tcp": _flags,
    "icmp": _icmp,
    "icmp6": _icmp,
    "conntrack": _conntrack,
    "pkttype": _packet_type,
    "limit": _within_limit,
    "hashlimit": _within_limit,
    "policy": _ipsec_policy,
    "owner": _owner,
    "physdev": _physdev,
    "connbytes": _connection_bytes,
}
