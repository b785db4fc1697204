"""What a tunnel costs against plain routing: bytes, round trips, throughput, CPU."""

import random
from dataclasses import dataclass

from k8snet_lessons.data.measured import Scalar, Series, Sketch
from k8snet_lessons.lab import tunnels
from k8snet_lessons.lab.experiment import Experiment, Result, Run
from k8snet_lessons.lab.hosts import Topology
from k8snet_lessons.lab.needs import NAMESPACES, link_kind
from k8snet_lessons.lab.traffic import (
    bulk_send,
    capture_frame,
    discard_server,
    largest_frame,
    ping_times_ns,
    send_datagrams,
    serve,
)
from k8snet_lessons.lab.tunnels import SERVER_IP, WIRE, Path

BULK_PORT = 5001
CANDIDATES = ("vxlan", "vxlan over IPv6", "geneve", "ipip")
PAYLOADS_BYTES = (56, 512, 1372)
PING_PAYLOADS_BYTES = (56, 1372)
UDP_IP_ETHERNET_BYTES = 8 + 20 + 14


@dataclass(frozen=True)
class _Plan:
    ping_rounds: int
    pings: int
    bulk_rounds: int
    bulk_s: float


def _body(run: Run) -> Result:
    plan = _Plan(30, 30, 2, 0.2) if run.quick else _Plan(400, 50, 16, 0.5)
    absent = {}
    carried = ["routed"]
    for candidate in CANDIDATES:
        why = link_kind(tunnels.netlink_kind(candidate)).missing()
        if why:
            absent[candidate] = why
        else:
            carried.append(candidate)
    absent["wireguard"] = (
        link_kind("wireguard").missing()
        or "not tried: it needs keys that this experiment does not make"
    )
    series: list[Series] = []
    findings: dict[str, object] = {"absent": absent}
    with Topology() as topology:
        paths = [tunnels.build(topology, each) for each in carried]
        for path in paths:
            path.client.set_sysctl("net.ipv4.ping_group_range", "0 0")
            serve(path.server, discard_server, SERVER_IP, BULK_PORT)
            path.client.call(ping_times_ns, SERVER_IP, 3, 56)
        findings["pod_mtu_bytes"] = {path.carried: path.tunnel_mtu_bytes for path in paths}
        run.progress(0.05, "counting bytes on the wire")
        series += _frame_sizes(paths)
        series += _pings(run, plan, paths)
        series += _bulk(run, plan, paths, findings)
    return Result(
        parameters={
            "ping_rounds": plan.ping_rounds,
            "pings_a_round": plan.pings,
            "bulk_rounds": plan.bulk_rounds,
            "bulk_seconds": plan.bulk_s,
            "wire_mtu_bytes": 1500,
        },
        series=tuple(series),
        findings=findings,
    )


def _frame_sizes(paths: list[Path]) -> list[Series]:
    series = []
    for path in paths:
        for payload_bytes in PAYLOADS_BYTES:
            marker = f"k8snet {path.carried} {payload_bytes} ".encode()
            payload = marker.ljust(payload_bytes, b".")
            path.nodes[1].start(capture_frame, WIRE, marker, 20.0)
            while not path.nodes[1].answered():
                path.client.call(send_datagrams, SERVER_IP, 9, payload, 4, 0.02)
            length = path.nodes[1].result()
            where: dict[str, Scalar] = {
                "carried": path.carried,
                "payload_bytes": payload_bytes,
            }
            series.append(Series("frame", "bytes", where, (length,)))
    return series


def _pings(run: Run, plan: _Plan, paths: list[Path]) -> list[Series]:
    order = random.Random(run.seed)
    times: dict[tuple[str, int], list[float]] = {}
    minima: dict[tuple[str, int], list[float]] = {}
    turns = [(path, size) for path in paths for size in PING_PAYLOADS_BYTES]
    for turn in range(plan.ping_rounds):
        run.progress(0.1 + 0.4 * turn / plan.ping_rounds, "round trips, all ways in turn")
        order.shuffle(turns)
        for path, size in turns:
            batch = path.client.call(ping_times_ns, SERVER_IP, plan.pings, size)[2:]
            key = (path.carried, size)
            times.setdefault(key, []).extend(each / 1000 for each in batch)
            minima.setdefault(key, []).append(min(batch) / 1000)
    return [
        Series(
            "round trip",
            "us",
            {"carried": carried, "payload_bytes": size},
            samples=tuple(round(each, 3) for each in minima[carried, size]),
            sketch=Sketch.of(times[carried, size]),
        )
        for carried, size in sorted(times)
    ]


def _bulk(run: Run, plan: _Plan, paths: list[Path], findings: dict[str, object]) -> list[Series]:
    rates: dict[tuple[str, bool], list[float]] = {}
    cpu: dict[tuple[str, bool], list[float]] = {}
    frames: dict[str, int] = {}
    for offloads in (True, False):
        for path in paths:
            tunnels.set_offloads(path.client, ["eth0"], offloads)
            tunnels.set_offloads(path.server, ["eth0"], offloads)
        for turn in range(plan.bulk_rounds):
            share = (turn / plan.bulk_rounds + (not offloads)) / 2
            run.progress(0.5 + 0.5 * share, "bulk transfers, all ways in turn")
            for path in paths:
                capture = not offloads and turn == 0
                if capture:
                    path.nodes[1].start(largest_frame, WIRE, plan.bulk_s / 2)
                sent, elapsed, used = path.client.call(bulk_send, SERVER_IP, BULK_PORT, plan.bulk_s)
                if capture:
                    # A capture slows the transfer down, so this one counts for its frames only.
                    frames[path.carried] = path.nodes[1].result()
                    continue
                key = (path.carried, offloads)
                rates.setdefault(key, []).append(sent * 8 / elapsed / 1e9)
                cpu.setdefault(key, []).append(used / (sent / 1e9))
    findings["largest_tcp_frame_bytes"] = frames
    return [
        Series(name, unit, {"carried": carried, "offloads": offloads}, _rounded(values))
        for name, unit, table in (
            ("throughput", "Gbit/s", rates),
            ("CPU a gigabyte", "s/GB", cpu),
        )
        for (carried, offloads), values in table.items()
    ]


def _rounded(values: list[float]) -> tuple[float, ...]:
    return tuple(round(each, 4) for each in values)


OVERLAY = Experiment(
    name="overlay",
    question="What does carrying pod traffic in a tunnel cost against routing it as it is?",
    limits=(
        "The wire between the nodes is a pair of virtual interfaces, so there is no network card "
        "whose offloads or whose speed could matter: what is compared is the CPU's work alone, "
        "and the CPU seconds are those of the two end processes, without kernel threads."
    ),
    needs=(NAMESPACES, link_kind("vxlan")),
    tools=(),
    bound_s=(600.0, 120.0),
    body=_body,
)
