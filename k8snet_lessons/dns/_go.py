"""Go's own resolver (``netgo``), which a static binary and most container images use.

Follows Go 1.27: `resolve` is ``goLookupIPCNAME``, `_candidates` is ``nameList`` and
`_try_one_name` is ``tryOneName`` (``src/net/dnsclient_unix.go``).

Go asks for A and AAAA from two goroutines, so that their order is random on the wire. The
model lets both go at the same moment and writes A first.
"""

from collections.abc import Generator
from dataclasses import dataclass
from heapq import heappop, heappush

from k8snet_lessons.dns._names import Labels, is_go_domain_name, octets, plain_labels
from k8snet_lessons.dns._outcome import Outcome
from k8snet_lessons.dns._resolvconf import ResolvConf
from k8snet_lessons.dns._wire import Wire

MAX_TEXT = 254
FIRST_ROOTED_254 = (1, 21)  # 1.19 takes no name of 253 octets and a final dot
FIRST_ONION_BY_CANDIDATE = (1, 22)  # before, a name below .onion had no candidate at all
_ROUND_TRIP_S = 1e-9  # orders what happens without waiting; no wait is counted for it
NO_SUCH_HOST = "no such host"
MISBEHAVING = "server misbehaving"
TIMED_OUT = "i/o timeout"
REFUSED = "connection refused"


@dataclass
class _Lane:
    """How the question for one family ended."""

    addresses: tuple[str, ...] = ()
    error: str = ""


@dataclass
class _Rotation:
    """``serverOffset``: with `rotate`, each question starts at the next server."""

    on: bool
    count: int = 0

    def next_offset(self) -> int:
        offset = self.count if self.on else 0
        self.count += 1
        return offset


def resolve(name: str, conf: ResolvConf, wire: Wire) -> Outcome:
    """Look `name` up as Go does once /etc/hosts has not known it."""
    if not is_go_domain_name(octets(name)):
        return Outcome((), NO_SUCH_HOST, 0.0, "to Go it is no domain name")
    rotation = _Rotation("rotate" in conf.flags)
    now_s = 0.0
    error = ""
    candidates = _candidates(octets(name), conf)
    if not candidates:
        return Outcome((), "", 0.0, "no name to ask for: Go returns no address and no error")
    for candidate in candidates:
        lanes, now_s = _both_families(candidate, conf, wire, now_s, rotation)
        addresses = tuple(address for lane in lanes for address in lane.addresses)
        for lane in lanes:
            if lane.error and (not error or candidate == octets(name) + b"."):
                error = lane.error
        if addresses:
            return Outcome(addresses, "", _rounded(now_s))
    return Outcome((), error, _rounded(now_s))


def _rounded(seconds: float) -> float:
    return round(seconds, 3)


def _candidates(name: bytes, conf: ResolvConf) -> list[bytes]:
    if name.endswith(b"."):
        too_long = len(name) == MAX_TEXT and conf.release < FIRST_ROOTED_254
        return [] if too_long or _avoids_dns(name) else [name]
    rooted = name + b"."
    suffixed = []
    for suffix in map(octets, conf.search):
        full = rooted + suffix + (b"" if suffix.endswith(b".") else b".")
        if len(full) <= MAX_TEXT:
            suffixed.append(full)
    listed = [rooted, *suffixed] if name.count(b".") >= conf.ndots else [*suffixed, rooted]
    if conf.release < FIRST_ONION_BY_CANDIDATE:
        return [] if _avoids_dns(name) else listed
    return [each for each in listed if not _avoids_dns(each)]


def _avoids_dns(name: bytes) -> bool:
    """RFC 7686: a .onion name is never asked of the DNS."""
    return name.removesuffix(b".").lower().endswith(b".onion")


def _both_families(
    name: bytes, conf: ResolvConf, wire: Wire, start_s: float, rotation: _Rotation
) -> tuple[list[_Lane], float]:
    lanes = [_Lane(), _Lane()]
    labels = plain_labels(name)
    if labels is None:
        for lane in lanes:
            lane.error = "cannot marshal DNS message"
        return lanes, start_s
    now_s = start_s
    tries = [
        _try_one_name(labels, qtype, conf, wire, lane, rotation)
        for qtype, lane in zip(("A", "AAAA"), lanes, strict=True)
    ]
    groups = [[0], [1]] if "single-request" in conf.flags else [[0, 1]]
    for group in groups:
        pending: list[tuple[float, int]] = [(now_s, which) for which in group]
        for which in group:
            next(tries[which])  # runs to the first yield, where it wants to be sent the time
        while pending:
            now_s, which = heappop(pending)
            try:
                heappush(pending, (now_s + tries[which].send(now_s), which))
            except StopIteration:
                continue
    return lanes, now_s


def _try_one_name(
    labels: Labels, qtype: str, conf: ResolvConf, wire: Wire, lane: _Lane, rotation: _Rotation
) -> Generator[float, float, None]:
    """Yields how long it waits, is sent the time, and leaves its result in `lane`."""
    now_s = yield 0.0
    offset = rotation.next_offset()
    transports = ("tcp",) if "use-vc" in conf.flags else ("udp", "tcp")
    for _ in range(conf.attempts):
        for shift in range(len(conf.nameservers)):
            server = conf.nameservers[(offset + shift) % len(conf.nameservers)]
            for transport in transports:
                reply = wire.ask(labels, qtype, server, _rounded(now_s), transport)
                if reply is None:
                    listening = wire.listening(server)
                    lane.error = TIMED_OUT if listening else REFUSED
                    now_s = yield conf.timeout_s if listening else _ROUND_TRIP_S
                    break
                if reply.truncated:
                    now_s = yield _ROUND_TRIP_S
                    continue
                if reply.rcode == "NXDOMAIN" or (reply.rcode == "NOERROR" and not reply.good):
                    lane.error = NO_SUCH_HOST
                    return
                if reply.good:
                    lane.addresses, lane.error = reply.addresses, ""
                    return
                lane.error = MISBEHAVING
                now_s = yield _ROUND_TRIP_S
                break
