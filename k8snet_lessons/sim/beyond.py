"""What happens beyond the ingress: the record that both ways of computing it fill."""

from dataclasses import dataclass

import numpy as np

from k8snet_lessons.sim.arrays import Floats
from k8snet_lessons.sim.itinerary import HOPS, Itinerary
from k8snet_lessons.sim.passage import CONNECT, READ, Codes

_FIRST_AFTER_SENDING = HOPS.index("wire")

__all__ = ["Beyond", "cap_at_read_timeout"]


@dataclass(frozen=True, kw_only=True, eq=False)
class Beyond:
    """How n requests fared between the ingress and the end of the road. Microseconds.

    Attributes
    ----------
    connect_delay_us : (n,) array
        What SYN retries added to the connection to the pod.
    queued_us : (n,) array
        Wait for a worker of the pod.
    looked_us : (n,) array
        Name lookup.
    out_translation_us, out_delay_us : (n,) arrays
        Translation and SYN retries of the pod's own connection to the outside.
    cause : (n,) uint8 array
        What failed; a read time-out is not yet among it.
    questions : int
        DNS questions sent.
    visits : int
        Rounds that reached CoreDNS.
    coredns_work_us : float
        Work they brought it up to the last arrival.
    made_us : list of arrays
        When the fullest table's entries were made: to its pods, from them, and UDP.
    refused_us : (r,) array
        When any table turned an attempt away.
    """

    connect_delay_us: Floats
    queued_us: Floats
    looked_us: Floats
    out_translation_us: Floats
    out_delay_us: Floats
    cause: Codes
    questions: int
    visits: int
    coredns_work_us: float
    made_us: list[Floats]
    refused_us: Floats


def cap_at_read_timeout(
    it: Itinerary,
    by_hop: list[Floats],
    cause: Codes,
    out_delay_us: Floats,
    out_translation_us: Floats,
) -> list[Floats]:
    """Return what the client sees, cut short where the answer took the ingress too long.

    The read time-out's clock starts when the request is sent to the pod. What is over is
    taken from the end of the road backwards: the pod's own connection, the lookup, its
    work, its queue, the way there. The pod works on all the same.

    Parameters
    ----------
    it : Itinerary
        The run.
    by_hop : list of 10 (n,) arrays
        Time at each hop, in the order of HOPS; not changed.
    cause : (n,) array
        What failed so far; changed in place.
    out_delay_us, out_translation_us : (n,) arrays
        What of the hops "connect" and "service translation" was for the pod's own
        connection to the outside.
    """
    hop = dict(zip(HOPS, by_hop, strict=True))
    parts = [*by_hop[_FIRST_AFTER_SENDING:], out_delay_us, out_translation_us]
    if sum(float(part.max(initial=0.0)) for part in parts) <= it.read_timeout_us:
        return by_hop
    waited = hop["wire"] + it.zone_us
    for name in ("pod queue", "pod service", "name lookup"):
        waited += hop[name]
    waited += out_delay_us
    waited += out_translation_us
    over = np.flatnonzero((waited > it.read_timeout_us) & (cause != CONNECT))
    if not len(over):
        return by_hop
    excess = waited[over] - it.read_timeout_us
    for name, most in (
        ("connect", out_delay_us[over]),
        ("service translation", out_translation_us[over]),
        ("name lookup", hop["name lookup"][over]),
        ("pod service", hop["pod service"][over]),
        ("pod queue", hop["pod queue"][over]),
        ("zone crossing", it.zone_us[over]),
        ("wire", hop["wire"][over]),
    ):
        cut = np.minimum(excess, most)
        hop[name] = hop[name].copy()
        hop[name][over] -= cut
        excess -= cut
    cause[over] = READ
    return list(hop.values())
