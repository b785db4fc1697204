"""Fit the models' cost constants from the records, with confidence intervals.

A virtual machine's noise only ever adds time, so costs are fitted on minima: a setting's level
is the median of the minima of its blocks of rounds. Intervals are percentiles of a bootstrap
over those blocks, so they cover the noise of this run on this machine and nothing else: another
machine has other constants.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from k8snet_lessons.data.measured import Fit, Point, Record, Series

Floats = NDArray[np.float64]
Resample = Callable[[Sequence[float]], Floats]

RESAMPLES = 2000
LEGACY_IN_CACHE = 2500  # Services; beyond them the legacy table outgrows the inner caches


def level(samples: Sequence[float]) -> float:
    """A setting's level: the median of its block minima."""
    return float(np.median(np.asarray(samples)))


def bootstrap(samples: Sequence[float], generator: np.random.Generator) -> Floats:
    """`RESAMPLES` levels, each of blocks drawn anew with replacement."""
    values = np.asarray(samples, dtype=float)
    drawn = generator.integers(0, len(values), (RESAMPLES, len(values)))
    return np.asarray(np.median(values[drawn], axis=1))


def fit_difference(
    identifier: str,
    record: Record,
    upper: Sequence[Series],
    lower: Series,
    scale: float,
    method: str,
    unit: str = "us",
    seed: int = 1,
) -> Fit:
    """``scale`` times (the pooled level of ``upper`` less that of ``lower``)."""
    generator = np.random.default_rng(seed)
    pooled = [value for each in upper for value in each.samples]
    spread = bootstrap(pooled, generator) - bootstrap(lower.samples, generator)
    return _fit(
        identifier,
        record,
        scale * (level(pooled) - level(lower.samples)),
        scale * spread,
        unit,
        method,
    )


def fit_level(
    identifier: str, record: Record, series: Series, unit: str, method: str, seed: int = 1
) -> Fit:
    """The level of one series."""
    spread = bootstrap(series.samples, np.random.default_rng(seed))
    return _fit(identifier, record, level(series.samples), spread, unit, method)


def fit_slope(
    identifier: str,
    record: Record,
    by_x: Mapping[float, Series],
    unit: str,
    method: str,
    seed: int = 1,
) -> Fit:
    """Slope of the line through the levels at each x, fitted to relative residuals.

    Small levels would otherwise count for nothing beside large ones, though noise grows with
    the level.
    """
    generator = np.random.default_rng(seed)
    xs = np.asarray(sorted(by_x), dtype=float)
    levels = np.asarray([level(by_x[x].samples) for x in xs])
    slope, intercept = np.polyfit(xs, levels, 1, w=1 / levels)
    drawn = np.stack([bootstrap(by_x[x].samples, generator) for x in xs])
    slopes = np.polyfit(xs, drawn, 1, w=1 / levels)[0]
    points = tuple(
        Point(
            x=float(x), measured=round(float(y), 4), fitted=round(float(slope * x + intercept), 4)
        )
        for x, y in zip(xs, levels, strict=True)
    )
    return _fit(identifier, record, float(slope), slopes, unit, method, points)


def fit_power(
    identifier: str, record: Record, by_x: Mapping[float, Series], method: str, seed: int = 1
) -> Fit:
    """Exponent of the power of x that the minima follow; points hold the power law's values."""
    generator = np.random.default_rng(seed)
    xs = np.asarray(sorted(by_x), dtype=float)
    minima = np.asarray([min(by_x[x].samples) for x in xs])
    exponent, offset = np.polyfit(np.log(xs), np.log(minima), 1)
    drawn = []
    for x in xs:
        values = np.asarray(by_x[x].samples)
        picks = generator.integers(0, len(values), (RESAMPLES, len(values)))
        drawn.append(values[picks].min(axis=1))
    exponents = np.polyfit(np.log(xs), np.log(np.stack(drawn)), 1)[0]
    law = np.exp(offset) * xs**exponent
    points = tuple(
        Point(x=float(x), measured=round(float(y), 6), fitted=round(float(on_law), 6))
        for x, y, on_law in zip(xs, minima, law, strict=True)
    )
    return _fit(identifier, record, float(exponent), exponents, "1", method, points)


def fit_all(records: Mapping[str, Record]) -> list[Fit]:
    """Every constant that these records can give; a record that is absent gives none."""
    fitted: list[Fit] = []
    for name, fit_one in _BY_RECORD.items():
        if name in records:
            fitted += fit_one(records[name])
    return fitted


def _first_packet(record: Record) -> Iterator[Fit]:
    direct = record.one("connect", mode="direct")

    def connects(mode: str, target: str = "last") -> dict[float, Series]:
        found = record.find("connect", mode=mode, target=target)
        return {float(each.where["services"] or 0): each for each in found}

    for identifier, mode in (
        ("translation.iptables", "iptables-nft"),
        ("translation.iptables_legacy", "iptables-legacy"),
    ):
        by_count = connects(mode)
        yield fit_difference(
            f"{identifier}.base_us",
            record,
            [by_count[1]],
            direct,
            1.0,
            f"connect() through one Service less connect() to the pod, {mode}: new conntrack "
            "entry, NAT set-up and both packets of the handshake",
        )
        small = mode == "iptables-legacy"
        kept = {x: by_count[x] for x in by_count if not small or x <= LEGACY_IN_CACHE}
        yield fit_slope(
            f"{identifier}.per_service_us",
            record,
            kept,
            "us/Service",
            f"slope of connect() to the last of N Services, {mode}"
            + (f", N up to {LEGACY_IN_CACHE}, while the table fits the caches" if small else ""),
        )
    legacy = connects("iptables-legacy")
    yield fit_slope(
        "translation.iptables_legacy.per_service_beyond_us",
        record,
        {x: legacy[x] for x in legacy if x >= 5000},
        "us/Service",
        "the same from 5,000 Services on: about 490 bytes a rule no longer fit the inner caches, "
        "so the walk waits for memory",
    )
    for identifier, mode in (
        ("translation.nftables_us", "nftables"),
        ("translation.ebpf_us", "ebpf"),
    ):
        by_count = connects(mode)
        if by_count:
            yield fit_difference(
                identifier,
                record,
                list(by_count.values()),
                direct,
                1.0,
                f"connect() to the last of N Services, {mode}, all N pooled, less connect() "
                "to the pod without translation",
            )
            yield fit_slope(
                f"translation.{mode}.per_service_us",
                record,
                by_count,
                "us/Service",
                f"slope of connect() to the last of N Services, {mode}: none expected",
            )
    yield fit_difference(
        "conntrack.new_entry_us",
        record,
        [record.one("connect", mode="conntrack")],
        direct,
        1.0,
        "connect() through a node that tracks connections, no Service, less one that does not",
    )


def _overlay(record: Record) -> Iterator[Fit]:
    routed = record.one("round trip", carried="routed", payload_bytes=56)
    for identifier, carried in (
        ("wire.vxlan.packet_us", "vxlan"),
        ("wire.geneve.packet_us", "geneve"),
        ("wire.ipip.packet_us", "ipip"),
    ):
        for tunnel in record.find("round trip", carried=carried, payload_bytes=56):
            yield fit_difference(
                identifier,
                record,
                [tunnel],
                routed,
                0.5,
                f"half of what an echo of 56 bytes takes longer inside {carried} than routed",
                "us/packet",
            )


def _policy_rules(record: Record) -> Iterator[Fit]:
    def by_peers(packet: str, form: str) -> dict[float, Series]:
        return {float(s.where["peers"] or 0): s for s in record.find(packet, form=form)}

    none = record.one("connect", form="no policy")
    yield fit_difference(
        "policy.set_us",
        record,
        list(by_peers("connect", "one set").values()),
        none,
        1.0,
        "connect() through one set, all sizes pooled, less connect() without a policy",
    )
    yield fit_slope(
        "policy.rule_us",
        record,
        by_peers("connect", "a rule for each peer"),
        "us/rule",
        "slope of connect() over the rules before the one that admits",
    )
    every = by_peers("second send", "a rule for each peer, every packet")
    yield fit_slope(
        "policy.untracked_rule_us",
        record,
        every,
        "us/rule",
        "slope of a later packet over its rules, without connection tracking",
    )


def _tls(record: Record) -> Iterator[Fit]:
    for identifier, key, kind in (
        ("tls.handshake_cpu_us", "ecdsa-p256", "full"),
        ("tls.handshake_rsa_cpu_us", "rsa-2048", "full"),
        ("tls.resumed_handshake_cpu_us", "ecdsa-p256", "resumed"),
    ):
        yield fit_level(
            identifier,
            record,
            record.one("handshake CPU", key=key, kind=kind, end="server"),
            "us",
            f"CPU of the server's end of a {kind} TLS 1.3 handshake, {key}",
        )


def _proxy(record: Record) -> Iterator[Fit]:
    for identifier, proxy in (
        ("ingress.request_us", "nginx, TLS, 10 kB, access log"),
        ("ingress.request_floor_us", "nginx"),
        ("ingress.request_unpooled_us", "nginx, a connection a request"),
    ):
        yield fit_level(
            identifier,
            record,
            record.one("CPU a request", proxy=proxy),
            "us",
            f"CPU of one worker a request: {proxy}",
        )


def _loading(record: Record) -> Iterator[Fit]:
    for mode in ("iptables-legacy", "iptables-nft", "nftables, goto", "nftables, numgen"):
        for step in ("full load", "one Service added", "dispatch rewritten plus one"):
            found = record.find(step, mode=mode)
            by_count = {float(each.where["services"] or 0): each for each in found}
            kept = {count: each for count, each in by_count.items() if count >= 1000}
            if len(kept) < 3:
                continue
            name = f"loading.{mode} {step}".replace(", ", "_").replace(" ", "_")
            yield fit_power(
                f"{name}.exponent".replace("-", "_"),
                record,
                kept,
                f"exponent of the time of {step!r} over N from 1,000 Services on, {mode}: "
                "1 is linear, 2 quadratic",
            )


_BY_RECORD: dict[str, Callable[[Record], Iterator[Fit]]] = {
    "first-packet": _first_packet,
    "loading": _loading,
    "overlay": _overlay,
    "policy-rules": _policy_rules,
    "tls-handshake": _tls,
    "proxy": _proxy,
}


def _fit(
    identifier: str,
    record: Record,
    value: float,
    spread: Floats,
    unit: str,
    method: str,
    points: tuple[Point, ...] = (),
) -> Fit:
    low, high = np.percentile(spread, [2.5, 97.5])
    digits = 6 if unit.endswith(("/Service", "/rule")) else 3
    return Fit(
        id=identifier,
        value=round(value, digits),
        low=round(min(float(low), value), digits),
        high=round(max(float(high), value), digits),
        unit=unit,
        record=record.experiment,
        method=method,
        points=points,
    )
