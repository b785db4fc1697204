"""What a request pays on its way, whichever pod it comes to: a constant by rule and protocol."""

from k8snet_lessons.data.costs import cost
from k8snet_lessons.traffic.spec import LAYER_7, TrafficSpec


def road_us(spec: TrafficSpec) -> float:
    """Return round trips and proxies' work for one request.

    A sidecar stands at both ends, so a request is parsed twice; a shared proxy is parsed once
    and is one more hop. A connection for each request costs a handshake, one round trip.
    Proxies do not queue here, and a proxy's connections to the pods are open already. The work
    is that of the record ``proxy``; the round trip is an estimate (``data/costs.json``).
    """
    round_trip_us = cost("network.same_zone_rtt_us")
    if spec.balancing in LAYER_7:
        if spec.shared_proxies:
            return 2 * round_trip_us + cost("ingress.request_us")
        return round_trip_us + 2 * cost("ingress.request_us")
    return (2 if spec.protocol == "per_request" else 1) * round_trip_us
