"""Closed forms: how many entries there are in the long run, and when a burst fills the table."""

import math

from k8snet_lessons.datapath.nf_conntrack.spec import ConntrackSpec, Flow
from k8snet_lessons.errors import InputError


def level(spec: ConntrackSpec, *, in_burst: bool = False) -> float:
    """Live entries in the long run, by Little's law: rate times lifetime, summed.

    Parameters
    ----------
    spec : ConntrackSpec
    in_burst : bool
        The level that a burst without end would reach.
    """
    return spec.standing + sum(_rate(spec, flow, in_burst) * flow.life_s for flow in spec.flows)


def sustainable_per_s(max_entries: int, life_s: float, standing: int = 0) -> float:
    """New flows a second that a table holds without end; infinitely many where it has no limit.

    Parameters
    ----------
    max_entries : int
        ``nf_conntrack_max``; 0 means no limit, as in the kernel.
    life_s : float
        Mean lifetime of an entry.
    standing : int
        Entries that are there throughout.

    Examples
    --------
    >>> round(sustainable_per_s(131_072, 120))
    1092
    """
    if not life_s > 0:
        raise InputError("life_s", life_s, "seconds above zero")
    if max_entries < 0 or standing < 0:
        raise InputError("max_entries, standing", (max_entries, standing), "not negative")
    return max(0, max_entries - standing) / life_s if max_entries else math.inf


def seconds_to_full(spec: ConntrackSpec) -> float | None:
    """From the start of the burst to the first refusal, in the mean; None for never.

    In a burst each kind of flow adds (factor - 1) * rate entries a second more than end,
    for one of its lifetimes; after that it ends as many as it begins.
    """
    at_start = level(spec)
    if at_start >= spec.limit:
        return 0.0
    extra = [(flow.life_s, _rate(spec, flow, True) - flow.per_s) for flow in spec.flows]
    room, now_s = spec.limit - at_start, 0.0
    for life_s, _ in sorted(extra):
        slope = sum(rate for life, rate in extra if life > now_s)
        until_s = min(life_s, spec.burst_for_s)
        if slope > 0 and room <= slope * (until_s - now_s):
            return now_s + room / slope
        room -= slope * (until_s - now_s)
        now_s = until_s
    return None


def _rate(spec: ConntrackSpec, flow: Flow, in_burst: bool) -> float:
    return flow.per_s * (spec.burst_factor if in_burst and flow.in_burst else 1.0)
