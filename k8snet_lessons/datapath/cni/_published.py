"""Throughput that others measured, with MTU and number of streams beside it."""

import json
from dataclasses import dataclass
from functools import cache
from importlib.resources import files


@dataclass(frozen=True, slots=True, kw_only=True)
class PublishedThroughput:
    """One published figure.

    Attributes
    ----------
    setup : str
        The CNI and how it was configured.
    encapsulation, datapath : str
        Its place on the two axes.
    tcp_gbit_per_s : float
        Pod to pod, mean of the published runs.
    streams : int
    pod_mtu_bytes : int or None
        As published; None where it was not recorded.
    link_gbit_per_s : float
    receiver_cores, sender_cores : float or None
        Busy CPU cores at that rate.
    udp_gbit_per_s : float or None
    runs : int
    source : str
    """

    setup: str
    encapsulation: str
    datapath: str
    tcp_gbit_per_s: float
    streams: int
    pod_mtu_bytes: int | None
    link_gbit_per_s: float
    receiver_cores: float | None
    sender_cores: float | None
    udp_gbit_per_s: float | None
    runs: int
    source: str


@cache
def published_throughput() -> tuple[PublishedThroughput, ...]:
    """Return the published figures the course sets beside its model.

    Returns
    -------
    tuple of PublishedThroughput
    """
    text = files("k8snet_lessons").joinpath("data", "published_cni.json").read_text("utf-8")
    content = json.loads(text)
    sources = content["sources"]
    return tuple(
        PublishedThroughput(**{**record, "source": sources[record["source"]]})
        for record in content["throughput"]
    )
