"""What the course both models and measured, at the same settings."""

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from typing import Final, Literal

from k8snet_lessons.data.measured import Fit, fits, load
from k8snet_lessons.datapath.nf_conntrack import early_drop_chance, snat_refusals
from k8snet_lessons.datapath.nf_conntrack.client import syn_ladder

#: ``fitted``: the model's constants come from this very record, so that closeness says only
#: that the shape is right. ``independent``: the model knew nothing of the record.
Kind = Literal["fitted", "independent"]

_MODES: Final = {
    "translation.iptables.per_service_us": "first packet, iptables (nft back end)",
    "translation.iptables_legacy.per_service_us": "first packet, old iptables, small tables",
    "translation.iptables_legacy.per_service_beyond_us": "first packet, old iptables, large tables",
    "translation.nftables.per_service_us": "first packet, nftables",
    "translation.ebpf.per_service_us": "first packet, eBPF at the socket",
}
_LOADS: Final = {
    "loading.iptables_nft_full_load.exponent": "load everything, iptables (nft back end)",
    "loading.iptables_legacy_full_load.exponent": "load everything, old iptables",
    "loading.nftables_numgen_full_load.exponent": "load everything, nftables",
    "loading.nftables_numgen_one_Service_added.exponent": "one Service added, nftables",
}


@dataclass(frozen=True)
class Agreement:
    """What the model says and what was measured, at the same settings.

    Attributes
    ----------
    what : str
        The quantity.
    x_title, y_title : str
        What was varied, and what was measured, each with its unit.
    x, model, measured : tuple of float
        One value a setting.
    record : str
        Name of the record.
    kind : {"fitted", "independent"}
    log_x, log_y : bool
        Whether the axes are better drawn in decades.
    remark : str
        Why they lie apart, where they do.
    trials : int
        Where a share in percent was counted over trials: how many. Chance moves it then.
    """

    what: str
    x_title: str
    y_title: str
    x: tuple[float, ...]
    model: tuple[float, ...]
    measured: tuple[float, ...]
    record: str
    kind: Kind
    log_x: bool = False
    log_y: bool = False
    remark: str = ""
    trials: int = 0

    @property
    def gaps_percent(self) -> tuple[float, ...]:
        """Model above measurement, in percent of the measurement; 0 where both are 0."""
        return tuple(
            0.0 if said == seen == 0 else 100 * (said / seen - 1) if seen else float("nan")
            for said, seen in zip(self.model, self.measured, strict=True)
        )

    @property
    def largest_gap_percent(self) -> float:
        """The gap that is farthest from zero, with its sign."""
        return max((gap for gap in self.gaps_percent if gap == gap), key=abs)


@cache
def agreements() -> tuple[Agreement, ...]:
    """Return everything that the course both models and measured."""
    return (
        *_first_packets(),
        *_loads(),
        *_ladders(),
        *_tables(),
        *_snat(),
        *_tunnels(),
        *_channels(),
        *_storms(),
        *_walls(),
        *_patience(),
        *_lookups(),
    )


def _of_fit(fit: Fit, what: str, of: str, y_title: str, remark: str, *, log: bool) -> Agreement:
    return Agreement(
        what,
        f"{of} (log scale)",
        y_title,
        tuple(point.x for point in fit.points),
        tuple(point.fitted for point in fit.points),
        tuple(point.measured for point in fit.points),
        fit.record,
        "fitted",
        log_x=True,
        log_y=log,
        remark=remark,
    )


def _first_packets() -> Iterator[Agreement]:
    for name, what in _MODES.items():
        remark = ""
        if "beyond" in name:
            remark = (
                "Between 5,000 and 10,000 Services the table outgrows the caches step by step; "
                "one straight line does not follow that."
            )
        yield _of_fit(fits()[name], what, "Services", "connect() (µs)", remark, log=False)


def _loads() -> Iterator[Agreement]:
    remark = "A power law through three rounds a setting; the exponent is what the course uses."
    for name, what in _LOADS.items():
        yield _of_fit(fits()[name], what, "Services", "time (s)", remark, log=True)


def _ladders() -> Iterator[Agreement]:
    record = load("syn-retries")
    for linear, kernel in ((4, "6.5 and newer"), (0, "before 6.5")):
        seen = record.one("SYN sent", tcp_syn_linear_timeouts=linear).samples[1:]
        said = syn_ladder(linear=linear).within(float(record.parameters["watch_s"]))[1:]
        yield Agreement(
            f"SYN retries, ladder of kernels {kernel}",
            "retry",
            "sent after the first SYN (s)",
            tuple(float(number) for number in range(1, len(seen) + 1)),
            tuple(said),
            tuple(seen),
            record.experiment,
            "independent",
            log_y=True,
            remark="The kernel's timer wheel rounds up, the more coarsely the longer the wait.",
        )


def _tables() -> Iterator[Agreement]:
    full = load("conntrack-full")
    found = sorted(full.findings["by_setting"], key=lambda each: each["predicted_s"])
    yield Agreement(
        "first refusal of a full conntrack table",
        "limit / new connections per s (s)",
        "first refusal after (s)",
        tuple(float(each["predicted_s"]) for each in found),
        tuple(float(each["predicted_s"]) for each in found),
        tuple(float(each["refused_after_s"]) for each in found),
        full.experiment,
        "independent",
    )
    drops = load("early-drop")
    tries = drops.parameters["attempts"]
    yield Agreement(
        "newcomers let into a full table by early drop",
        "hash buckets (log scale)",
        "share let in (%)",
        tuple(float(each.where["buckets"] or 0) for each in drops.series),
        tuple(100 * early_drop_chance(int(each.where["max"] or 0), int(each.where["buckets"] or 0))
              for each in drops.series),
        tuple(100 * sum(each.samples) / (tries * len(each.samples)) for each in drops.series),
        drops.experiment,
        "independent",
        log_x=True,
        remark="900 tries a setting: where few get in, chance alone moves the share by a tenth.",
    )  # fmt: skip


def _snat() -> Iterator[Agreement]:
    record = load("nat")
    seen = record.findings["masquerade"]
    yield Agreement(
        "connections refused when SNAT runs out of ports",
        "connections tried for one destination",
        "refused",
        tuple(float(each["attempts"]) for each in seen),
        tuple(float(snat_refusals(each["attempts"], ports=each["ports"])) for each in seen),
        tuple(float(each["refused"]) for each in seen),
        record.experiment,
        "independent",
    )


def _tunnels() -> Iterator[Agreement]:
    from k8snet_lessons.datapath.cni import NodePair, PodPacket, build_frame

    record = load("overlay")
    over_6 = NodePair("fd00:100::1", "fd00:100::2")
    for carried, nodes in (("vxlan", NodePair()), ("vxlan over IPv6", over_6)):
        found = record.find("frame", carried=carried)
        payloads = tuple(int(each.where["payload_bytes"] or 0) for each in found)
        yield Agreement(
            f"frame on the wire, {carried}",
            "payload of a UDP datagram (bytes)",
            "captured frame (bytes)",
            tuple(map(float, payloads)),
            tuple(float(len(build_frame(PodPacket(protocol="udp", payload=bytes(size)), "vxlan",
                                        nodes).data)) for size in payloads),
            tuple(each.samples[0] for each in found),
            record.experiment,
            "independent",
        )  # fmt: skip


def _channels() -> Iterator[Agreement]:
    from k8snet_lessons.traffic import chance_of_idle

    record = load("grpc-pinning")
    idle = record.one("idle pods", case="channels opened on 20 pods").samples
    pods, channels = record.parameters["pods_after"], record.parameters["channels"]
    chance = chance_of_idle(pods, channels)
    most = (11, 12, 13, 14)  # fewer happen too seldom to be compared
    yield Agreement(
        "pods that ten new gRPC channels leave idle, of twenty",
        "idle pods, at most",
        "share of the trials (%)",
        tuple(float(each) for each in most),
        tuple(100 * float(chance[: each + 1].sum()) for each in most),
        tuple(100 * sum(one <= each for one in idle) / len(idle) for each in most),
        record.experiment,
        "independent",
        remark=f"{len(idle)} trials: chance alone moves a share by two points and more.",
        trials=len(idle),
    )


def _storms() -> Iterator[Agreement]:
    from k8snet_lessons.isolation import StormSpec, storm

    record = load("retry-storm")
    marks = (10, 15, 20, 25, 30)
    for setting in ("three retries", "three retries, short queue"):
        spec = StormSpec(**record.parameters["spec"][setting])
        rounds = [each.samples for each in record.find("attempts", setting=setting)]
        said = storm(spec).attempts_per_s
        yield Agreement(
            f"attempts in a storm: {setting}",
            "until (s)",
            "attempts since the start",
            tuple(map(float, marks)),
            tuple(float(said[:mark].sum()) for mark in marks),
            tuple(sum(sum(each[:mark]) for each in rounds) / len(rounds) for mark in marks),
            record.experiment,
            "independent",
            remark="The mean of three rounds, whose requests came by chance.",
        )


def _walls() -> Iterator[Agreement]:
    remark = "From some thousands on, each rule costs more; presumably the caches."
    for name, what in (
        ("policy.rule_us", "new connection through a policy, a rule for each peer"),
        ("policy.untracked_rule_us", "any packet through a policy that is asked for each"),
    ):
        yield _of_fit(fits()[name], what, "peers", "connect() or send (µs)", remark, log=False)


def _patience() -> Iterator[Agreement]:
    from k8snet_lessons.control.routing import ProxyTimeouts, answer_slowly

    record = load("edge-patience")
    limits = ProxyTimeouts(5, 15, 3)
    for method in ("GET", "POST"):
        found = record.find(
            "the client waits",
            case="slow pod",
            method=method,
            read_s=limits.read_s,
            tries=limits.tries,
        )
        thinks_s = tuple(float(each.where["think_s"] or 0) for each in found)
        yield Agreement(
            f"a slow pod behind NGINX: {method}",
            "the pod's first byte takes (s)",
            "the client waits (s)",
            thinks_s,
            tuple(answer_slowly(thinks_s, limits, method=method).elapsed_s.tolist()),
            tuple(each.median for each in found),
            record.experiment,
            "independent",
        )


def _lookups() -> Iterator[Agreement]:
    from k8snet_lessons.dns import queries

    record = load("lookups")
    confs: dict[str, str] = record.parameters["resolv_conf"]
    there = {
        (name, qtype): [address]
        for name in record.parameters["exists"]
        for qtype, address in (("A", "192.0.2.1"), ("AAAA", "2001:db8::1"))
    }
    for resolver in ("glibc", "musl-1.2.3", "go"):
        asked = [
            (str(each.where["name"]), str(each.where["resolv_conf"]), each.samples[0])
            for each in record.find("queries", resolver=resolver)
        ]
        yield Agreement(
            f"questions that one lookup asks, {resolver}",
            "name and resolv.conf, numbered",
            "questions",
            tuple(float(number) for number in range(1, len(asked) + 1)),
            tuple(
                float(len(queries(name, confs[conf], resolver, there))) for name, conf, _ in asked
            ),
            tuple(count for _, _, count in asked),
            record.experiment,
            "independent",
            remark="Six names under four settings; drawn ones agree too, question by question.",
        )
