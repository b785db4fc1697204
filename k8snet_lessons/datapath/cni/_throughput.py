"""Goodput, packets and CPU of a CNI model, and how the trade-off moves.

A deliberately small model, linear in what is known:

    CPU time of a unit = stack + encapsulation + bytes * (copy + cipher)

A *unit* is what goes through the stack in one piece. Without offloads that is one packet.
With segmentation offload (TSO, GSO, and their UDP-tunnel forms) it is up to 64 KiB, cut into
packets at the very end: the fixed costs are then paid once for some forty packets. Checksum
offload takes the pass over the bytes away and is in the same switch here.
"""

import math
from dataclasses import dataclass
from functools import cache
from statistics import median
from typing import Literal

import numpy as np
import numpy.typing as npt

from k8snet_lessons.data.measured import load as load_record
from k8snet_lessons.datapath.cni._models import (
    ETHERNET_BYTES,
    ETHERNET_LINK_BYTES,
    MODELS,
    CniModel,
    Family,
    encapsulation,
    mss_bytes,
    padded_bytes,
    pod_mtu_bytes,
)
from k8snet_lessons.errors import InputError

LARGEST_UNIT_BYTES = 65_536
_NODES = 2


@dataclass(frozen=True, slots=True)
class TunnelMeasurement:
    """Plain routing and VXLAN on one machine, MTU 1500 below.

    Attributes
    ----------
    direct_round_trip_us, tunnel_round_trip_us : float
        Small pings: the median over rounds of each round's minimum.
    cpu_ns_per_byte_with_offloads, cpu_ns_per_byte_without : float
        CPU time of sender and receiver for a byte of bulk TCP, plain routing.
    source : str
    """

    direct_round_trip_us: float
    tunnel_round_trip_us: float
    cpu_ns_per_byte_with_offloads: float
    cpu_ns_per_byte_without: float
    source: str


@dataclass(frozen=True, slots=True)
class CpuCosts:
    """CPU time of one direction, both nodes together; each node is taken to bear half.

    Attributes
    ----------
    stack_us : float
        A unit through the plain stack, netfilter datapath.
    encapsulation_us : float
        Wrapping and unwrapping a unit. Measured for VXLAN and taken for every other tunnel,
        for want of a kernel that has them: a Geneve header is the same work, IP in IP less.
    copy_ns_per_byte : float
    cipher_ns_per_byte : float
        ChaCha20-Poly1305 in software. From InfraBuilder/benchmark-k8s-cni-2024-01 at 3a5c159:
        Calico with WireGuard receives 8.06 Gbit/s on 3.39 cores, without 39.0 on 1.91:
        3.36 - 0.39 ns a byte there, and the same is taken for the sender.
    ebpf_stack_share : float
        Part of `stack_us` left when eBPF hands packets on without the host's own stack. From
        the same records: one stream, Calico with netfilter 19.7 Gbit/s, with eBPF 25.9, both
        routed. That whole ratio is put on the stack, for lack of a finer split.
    """

    stack_us: float
    encapsulation_us: float
    copy_ns_per_byte: float
    cipher_ns_per_byte: float = 5.94
    ebpf_stack_share: float = 0.76


@cache
def recorded_measurement() -> TunnelMeasurement:
    """Read the course's own measurement (``k8snet measure overlay`` takes it again).

    It was taken between network namespaces on a virtual machine with two CPUs: wire and
    nodes share them, so that ratios travel and absolutes do not.

    Returns
    -------
    TunnelMeasurement
    """
    record = load_record("overlay")
    small = {"payload_bytes": 56}
    per_gb = {
        offloads: record.one("CPU a gigabyte", carried="routed", offloads=offloads).median
        for offloads in (True, False)
    }
    return TunnelMeasurement(
        direct_round_trip_us=median(record.one("round trip", carried="routed", **small).samples),
        tunnel_round_trip_us=median(record.one("round trip", carried="vxlan", **small).samples),
        # Seconds for a gigabyte are nanoseconds for a byte.
        cpu_ns_per_byte_with_offloads=per_gb[True],
        cpu_ns_per_byte_without=per_gb[False],
        source=f"overlay record of {record.taken_at[:10]}, Linux {record.machine.linux}",
    )


def costs_from(measured: TunnelMeasurement | None = None) -> CpuCosts:
    """Read the linear model's three costs off four measured figures.

    - A byte costs ``copy + stack / unit``; the unit is 64 KiB with offloads and one packet of
      1448 bytes without: two equations for copy and stack.
    - A round trip wraps twice: encapsulation is half of what the tunnel adds.

    Parameters
    ----------
    measured : TunnelMeasurement, optional
        `recorded_measurement` where left out.

    Returns
    -------
    CpuCosts

    Raises
    ------
    InputError
        If the figures contradict one another.
    """
    m = measured or recorded_measurement()
    packet = mss_bytes(1500, timestamps=True)
    saved_ns = m.cpu_ns_per_byte_without - m.cpu_ns_per_byte_with_offloads
    stack_ns = saved_ns / (1 / packet - 1 / LARGEST_UNIT_BYTES)
    copy_ns = m.cpu_ns_per_byte_with_offloads - stack_ns / LARGEST_UNIT_BYTES
    encapsulation_us = (m.tunnel_round_trip_us - m.direct_round_trip_us) / 2
    if not (stack_ns > 0 and copy_ns > 0 and encapsulation_us > 0):
        raise InputError("measured", m, "bytes dearer without offloads, a slower tunnel")
    return CpuCosts(stack_ns / 1e3, encapsulation_us, copy_ns)


@dataclass(frozen=True, slots=True)
class Load:
    """What is sent between pods, and over what.

    Attributes
    ----------
    payload_bytes : int
        What one message carries. Above one packet's room messages follow one another as a
        stream, so that packets and units are filled.
    cross_node_share : float
        Part of the traffic that leaves its node: only that part is encapsulated.
    cores : float
        CPU cores each node spends on networking.
    streams : int
        Flows at once. One flow keeps to one core of each node, its cipher excepted:
        WireGuard spreads that over all of them.
    link_gbit_per_s : float
    underlay_mtu_bytes : int
    offloads : bool
        Checksum and segmentation offload, through the tunnel too.
    """

    payload_bytes: int = 16_384
    cross_node_share: float = 1.0
    cores: float = 4.0
    streams: int = 8
    link_gbit_per_s: float = 10.0
    underlay_mtu_bytes: int = 1_500
    offloads: bool = True
    family: Family = 4
    outer_family: Family = 4


@dataclass(frozen=True, slots=True)
class Performance:
    """What one CNI model makes of a load.

    Attributes
    ----------
    goodput_gbit_per_s : float
        Application bytes, the smaller of the two limits below.
    link_limit_gbit_per_s, cpu_limit_gbit_per_s : float
    limited_by : {"link", "cpu"}
    packets_per_s : float
        On the wire at that goodput.
    messages_per_s : float
    wire_overhead : float
        Part of the bits on the wire that no application sent.
    cpu_us_per_message : float
        Both nodes together.
    added_round_trip_us : float
        Against plain routing, idle machine; negative where the datapath is shorter.
    """

    model: str
    goodput_gbit_per_s: float
    link_limit_gbit_per_s: float
    cpu_limit_gbit_per_s: float
    limited_by: Literal["link", "cpu"]
    packets_per_s: float
    messages_per_s: float
    wire_overhead: float
    cpu_us_per_message: float
    added_round_trip_us: float


def performance(model: str, load: Load | None = None, costs: CpuCosts | None = None) -> Performance:
    """Work out goodput, packets, CPU and latency of one CNI model under one load.

    Parameters
    ----------
    model : str
        A name in `MODELS`.
    load : Load, optional
    costs : CpuCosts, optional
        From `costs_from`.

    Returns
    -------
    Performance

    Raises
    ------
    InputError
    """
    load, costs = load or Load(), costs or costs_from()
    chosen = _check(model, load)
    encap = encapsulation(model)
    mtu = pod_mtu_bytes(model, load.underlay_mtu_bytes, load.outer_family)
    segment = mss_bytes(mtu, load.family, timestamps=True)
    share = load.cross_node_share

    packets = max(1.0, load.payload_bytes / segment)
    packet_bytes = load.payload_bytes / packets + (mtu - segment)
    on_wire = packet_bytes + encap.overhead_bytes(load.outer_family)
    if encap.pads_to_bytes > 1:
        on_wire += padded_bytes(encap, math.ceil(packet_bytes), mtu) - math.ceil(packet_bytes)
    wire_bytes = packets * (on_wire + ETHERNET_BYTES + ETHERNET_LINK_BYTES)
    # Traffic that stays on its node never meets the link.
    on_link = wire_bytes * share
    link_limit = load.link_gbit_per_s * load.payload_bytes / on_link if on_link else math.inf

    stack_us, cipher_us = _cpu_us(chosen, load, costs, segment)
    cpu_us = stack_us + cipher_us
    one_flow_each_us = stack_us / min(load.cores, load.streams)
    busiest_us = max(one_flow_each_us, cpu_us / load.cores) / _NODES
    cpu_limit = load.payload_bytes * 8 / busiest_us / 1e3
    goodput = min(link_limit, cpu_limit)
    messages_per_s = goodput * 1e9 / 8 / load.payload_bytes

    shorter = costs.stack_us * (costs.ebpf_stack_share - 1) if chosen.datapath == "ebpf" else 0.0
    wrapping = costs.encapsulation_us if encap.outer_ip else 0.0
    ciphering = costs.cipher_ns_per_byte * min(load.payload_bytes, segment) / 1e3
    one_way = shorter + share * (wrapping + (ciphering if encap.encrypts else 0.0))
    return Performance(
        model=model,
        goodput_gbit_per_s=goodput,
        link_limit_gbit_per_s=link_limit,
        cpu_limit_gbit_per_s=cpu_limit,
        limited_by="link" if link_limit <= cpu_limit else "cpu",
        packets_per_s=messages_per_s * packets,
        messages_per_s=messages_per_s,
        wire_overhead=1 - load.payload_bytes / wire_bytes,
        cpu_us_per_message=cpu_us,
        added_round_trip_us=2 * one_way,
    )


@dataclass(frozen=True, slots=True)
class TradeOff:
    """CNI models side by side at a fixed rate. Arrays have shape (models,).

    Attributes
    ----------
    models : tuple of str
    cores : ndarray
        CPU cores busy, both nodes together.
    utilization : ndarray
        Of both nodes' cores; from 1 on the rate cannot be carried.
    link_utilization : ndarray
    round_trip_us : ndarray
        Added against plain routing on an idle machine. Waiting for a core is in it, each
        core taken as an M/M/1 queue of its own with its share of the messages, there and
        back. inf where the rate cannot be carried.
    """

    models: tuple[str, ...]
    cores: npt.NDArray[np.float64]
    utilization: npt.NDArray[np.float64]
    link_utilization: npt.NDArray[np.float64]
    round_trip_us: npt.NDArray[np.float64]


def trade_off(
    rate_per_s: float,
    load: Load | None = None,
    models: tuple[str, ...] | None = None,
    costs: CpuCosts | None = None,
) -> TradeOff:
    """Set CNI models side by side for one rate of messages.

    Parameters
    ----------
    rate_per_s : float
        Messages a second.
    load : Load, optional
    models : tuple of str, optional
        All, where left out.
    costs : CpuCosts, optional

    Returns
    -------
    TradeOff

    Raises
    ------
    InputError
    """
    if not math.isfinite(rate_per_s) or rate_per_s < 0:
        raise InputError("rate_per_s", rate_per_s, "a finite number, zero or more")
    load, costs = load or Load(), costs or costs_from()
    names = models or tuple(MODELS)
    each = [performance(name, load, costs) for name in names]
    cpu_us = np.array([p.cpu_us_per_message for p in each])
    added = np.array([p.added_round_trip_us for p in each])
    goodput = rate_per_s * load.payload_bytes * 8 / 1e9
    link = np.array([goodput / p.link_limit_gbit_per_s for p in each])
    cores = rate_per_s * cpu_us / 1e6
    utilization = cores / (_NODES * load.cores)
    limit = np.array([p.cpu_limit_gbit_per_s for p in each])
    carried = (goodput < limit) & (link < 1)
    queueing = np.full(len(each), math.inf)
    queueing[carried] = cpu_us[carried] * utilization[carried] / (1 - utilization[carried])
    return TradeOff(names, cores, utilization, link, added + queueing)


def _cpu_us(model: CniModel, load: Load, costs: CpuCosts, segment: int) -> tuple[float, float]:
    """CPU time of a message, both nodes: what keeps to one core, and what spreads."""
    encap = encapsulation(model.encapsulation)
    unit = LARGEST_UNIT_BYTES if load.offloads else segment
    units = max(1.0, load.payload_bytes / unit)
    unit_us = costs.stack_us * (costs.ebpf_stack_share if model.datapath == "ebpf" else 1.0)
    if encap.outer_ip:
        unit_us += costs.encapsulation_us * load.cross_node_share
    cipher_ns = costs.cipher_ns_per_byte * load.cross_node_share if encap.encrypts else 0.0
    copying_us = load.payload_bytes * costs.copy_ns_per_byte / 1e3
    return units * unit_us + copying_us, load.payload_bytes * cipher_ns / 1e3


def _check(model: str, load: Load) -> CniModel:
    if model not in MODELS:
        raise InputError("model", model, ", ".join(MODELS))
    if isinstance(load.payload_bytes, bool) or not isinstance(load.payload_bytes, int):
        raise InputError("payload_bytes", load.payload_bytes, "a whole number of bytes")
    if load.payload_bytes < 1:
        raise InputError("payload_bytes", load.payload_bytes, "1 or more")
    if not 0 <= load.cross_node_share <= 1:
        raise InputError("cross_node_share", load.cross_node_share, "0 to 1")
    for field in ("cores", "streams", "link_gbit_per_s"):
        value = getattr(load, field)
        if not (math.isfinite(value) and value > 0):
            raise InputError(field, value, "a finite number above zero")
    return MODELS[model]
