"""What of the main road's hops was measured, and on what the others rest."""

from functools import cache

from k8snet_lessons.data.costs import costs
from k8snet_lessons.data.measured import load
from k8snet_lessons.figures._spec import Figure
from k8snet_lessons.figures.palette import GRAY, INK
from k8snet_lessons.scenario import HOPS, Scenario

_PROXIED = "nginx, TLS, 10 kB, access log"
#: kube-proxy's modes, by the names of the record that has their first packets.
_RECORDED = {"iptables": "iptables-nft", "nftables": "nftables", "ebpf": "ebpf"}


def measured_hops(scenario: Scenario) -> tuple[Figure, ...]:
    """Traces over `time_by_hop`: measured times of one request, and the origin of other rows.

    Only what this course measured in isolation is a point: a proxied request's CPU, and the first
    packet of a connection through the Services' rules. A hop's mean has queues and old
    connections in it as well, so a point need not lie on a dot.
    """
    return _measured_hops(scenario.proxy_mode, scenario.services, scenario.zone_rtt_us)


@cache
def _measured_hops(mode: str, services: int, zone_rtt_us: float) -> tuple[Figure, ...]:
    proxied = load("proxy").one("CPU a request", proxy=_PROXIED).samples
    points = [("ingress", us, f"CPU of one request, {_PROXIED}") for us in proxied]
    points += _first_packets(mode, services)
    origins = {
        "client network": "chosen",
        "load balancer": "estimate",
        "wire": "estimate",
        "zone crossing": "chosen",
        "pod queue": "computed",
        "pod service": "chosen",
        "name lookup": "published, estimate",
    }
    if mode not in _RECORDED:
        origins["service translation"] = "estimate"
    crossing = costs()["network.cross_zone_rtt_us"]
    if zone_rtt_us == crossing.value:
        origins["zone crossing"] = crossing.status
    return (
        {
            "type": "scatter",
            "mode": "markers",
            "name": "measured here",
            "x": [us for _, us, _ in points],
            "y": [HOPS.index(hop) for hop, _, _ in points],
            "text": [what for _, _, what in points],
            "marker": {"symbol": "x-thin", "size": 9, "line": {"color": INK, "width": 1.6}},
            "hovertemplate": "%{text}: %{x:,.3~r} µs<extra>measured here</extra>",
            "showlegend": True,
        },
        {
            "type": "scatter",
            "mode": "text",
            "name": "origin",
            "x": [1.0] * len(origins),
            "y": [HOPS.index(hop) for hop in origins],
            "text": [f" {origin}" for origin in origins.values()],
            "textposition": "middle right",
            "textfont": {"size": 10.5, "color": GRAY},
            "hoverinfo": "skip",
            "showlegend": False,
        },
    )


def _first_packets(mode: str, services: int) -> list[tuple[str, float, str]]:
    """Connecting to the first and to the last of N Services, for the recorded N nearest by."""
    if mode not in _RECORDED:
        return []
    record = load("first-packet")
    straight_us = record.one("connect", mode="direct").minimum
    points = []
    for target in ("first", "last"):
        found = record.find("connect", mode=_RECORDED[mode], target=target)
        near = min(found, key=lambda each: abs(int(each.where["services"] or 0) - services))
        what = f"first packet, {mode}, to the {target} of {near.where['services']:,} Services"
        points.append(("service translation", near.minimum - straight_us, what))
    return points
