"""From node to node: what is wrapped around a packet, what that costs, and what breaks.

Encapsulation and datapath are two axes (`ENCAPSULATIONS`, `MODELS`). `build_frame` gives the
real bytes, `send_messages` the wrong MTU, `performance` and `trade_off` the price.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

from k8snet_lessons.datapath.cni._judgments import JUDGMENTS, Judgment, judgment
from k8snet_lessons.datapath.cni._models import (
    ENCAPSULATIONS,
    MODELS,
    CniModel,
    Encapsulation,
    encapsulation,
    mss_bytes,
    pod_mtu_bytes,
)
from k8snet_lessons.datapath.cni._mtu import MtuFate, MtuPath, give_up_us, send_messages
from k8snet_lessons.datapath.cni._published import PublishedThroughput, published_throughput
from k8snet_lessons.datapath.cni._throughput import (
    CpuCosts,
    Load,
    Performance,
    TradeOff,
    TunnelMeasurement,
    costs_from,
    performance,
    recorded_measurement,
    trade_off,
)

if TYPE_CHECKING:
    from k8snet_lessons.datapath.cni._dissect import Field as Field
    from k8snet_lessons.datapath.cni._dissect import Layer as Layer
    from k8snet_lessons.datapath.cni._dissect import dissect as dissect
    from k8snet_lessons.datapath.cni._frames import Frame as Frame
    from k8snet_lessons.datapath.cni._frames import NodePair as NodePair
    from k8snet_lessons.datapath.cni._frames import PodPacket as PodPacket
    from k8snet_lessons.datapath.cni._frames import build_frame as build_frame
    from k8snet_lessons.datapath.cni._frames import to_pcap as to_pcap

# The packet library takes a quarter of a second to import: only those who want bytes wait.
_BYTES = {
    "Field": "_dissect",
    "Layer": "_dissect",
    "dissect": "_dissect",
    "Frame": "_frames",
    "NodePair": "_frames",
    "PodPacket": "_frames",
    "build_frame": "_frames",
    "to_pcap": "_frames",
}

__all__ = [
    "ENCAPSULATIONS",
    "JUDGMENTS",
    "MODELS",
    "CniModel",
    "CpuCosts",
    "Encapsulation",
    "Field",
    "Frame",
    "Judgment",
    "Layer",
    "Load",
    "MtuFate",
    "MtuPath",
    "NodePair",
    "Performance",
    "PodPacket",
    "PublishedThroughput",
    "TradeOff",
    "TunnelMeasurement",
    "build_frame",
    "costs_from",
    "dissect",
    "encapsulation",
    "give_up_us",
    "judgment",
    "mss_bytes",
    "performance",
    "pod_mtu_bytes",
    "published_throughput",
    "recorded_measurement",
    "send_messages",
    "to_pcap",
    "trade_off",
]


def __getattr__(name: str) -> Any:
    if name not in _BYTES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{_BYTES[name]}"), name)
