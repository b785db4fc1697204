"""What the first packet of a connection pays for N Services, by datapath.

A client pod, a node and a server pod are three hosts in a row. Each (datapath, N) has its own
three, all standing at once, so that the settings can be measured in turn, a few connections
each, in an order shuffled anew every round: whatever disturbs the machine disturbs all alike.
"""

import random
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

from k8snet_lessons.data.measured import Series, Sketch
from k8snet_lessons.lab import ebpf
from k8snet_lessons.lab.experiment import Experiment, Result, Run
from k8snet_lessons.lab.hosts import Host, Topology, add_route
from k8snet_lessons.lab.needs import EBPF, NAMESPACES, in_user_namespace, program
from k8snet_lessons.lab.services import (
    POD_PORT,
    SERVICE_PORT,
    Service,
    iptables_add_text,
    iptables_restore_text,
    nft_add_text,
    nft_text,
    services,
)
from k8snet_lessons.lab.traffic import connect_times_ns, hold_open_server, serve

SERVER_IP = "10.244.2.2"
PACKETS = ("connect", "first send", "second send")
BATCH = 6  # connections a setting and a round; the first of each batch warms up and is left out

BARE = "iptables-legacy without comments"


@dataclass(frozen=True)
class Road:
    """One client pod whose connection takes one datapath among ``count`` Services."""

    mode: str
    count: int
    client: Host
    targets: dict[str, tuple[str, int]]


def pod_node_pod(topology: Topology, tag: str) -> tuple[Host, Host, Host]:
    """Client pod, node and server pod in a row, routes in place, forwarding on."""
    client, node, server = (topology.host(f"{role}-{tag}") for role in ("client", "node", "server"))
    topology.connect(client, node, "10.244.1.2/24", "10.244.1.1/24", ("eth0", "veth1"))
    topology.connect(node, server, "10.244.2.1/24", f"{SERVER_IP}/24", ("veth2", "eth0"))
    add_route(client, "default", "10.244.1.1")
    add_route(server, "default", "10.244.2.1")
    node.set_sysctl("net.ipv4.ip_forward", 1)
    server.set_sysctl("net.core.somaxconn", 4096)
    return client, node, server


def load_rules(node: Host, mode: str, all_services: list[Service]) -> None:
    """Put the Services' rules into the node with the mode's own tool."""
    nft, restore = ["nft", "-f", "-"], [f"{mode}-restore"]
    if mode == "conntrack":
        node.run(nft, nft_text([]))
    elif mode == BARE:
        text = iptables_restore_text(all_services, comments=False)
        node.run(["iptables-legacy-restore"], text, timeout_s=900)
    elif mode == "iptables-legacy" or (mode == "iptables-nft" and not in_user_namespace()):
        node.run(restore, iptables_restore_text(all_services), timeout_s=900)
    elif mode == "nftables" and not in_user_namespace():
        node.run(nft, nft_text(all_services), timeout_s=900)
    elif mode in ("iptables-nft", "nftables"):
        _load_in_parts(node, mode, all_services)


def _load_in_parts(node: Host, mode: str, all_services: list[Service], part: int = 40) -> None:
    # In a user namespace a netlink message may be no larger than net.core.wmem_max, and the
    # tools send a whole load as one; the rules that stand in the end are the same.
    if mode == "nftables":
        command, start, more = ["nft", "-f", "-"], nft_text([]), ["nft", "-f", "-"]
    else:
        command, start = [f"{mode}-restore"], iptables_restore_text([])
        more = [*command, "--noflush"]
    node.run(command, start)
    for i in range(0, len(all_services), part):
        new = all_services[i : i + part]
        text = iptables_add_text(new) if mode == "iptables-nft" else nft_add_text(new, True)
        node.run(more, text)


def _road(topology: Topology, mode: str, count: int, cgroups: Path) -> Road:
    client, node, server = pod_node_pod(topology, f"{mode}-{count}")
    first_and_last = {0, count - 1}
    all_services = [
        Service(each.index, SERVER_IP) if each.index in first_and_last else each
        for each in services(count, SERVER_IP)
    ]
    load_rules(node, mode, all_services)
    serve(server, hold_open_server, SERVER_IP, POD_PORT)
    if mode == "ebpf":
        cgroup = cgroups / f"n{count}"
        cgroup.mkdir()
        client.call(_translate_in, str(topology.directory / "connect4.bpf.o"), cgroup, all_services)
    if mode in ("direct", "conntrack"):
        targets = {"pod": (SERVER_IP, POD_PORT)}
    else:
        targets = {"last": (all_services[-1].cluster_ip, SERVICE_PORT)}
        if count > 1:
            targets["first"] = (all_services[0].cluster_ip, SERVICE_PORT)
    client.call(connect_times_ns, *next(iter(targets.values())), 3)
    return Road(mode, count, client, targets)


def _translate_in(object_file: str, cgroup: Path, all_services: list[Service]) -> None:
    translation = ebpf.SocketTranslation(Path(object_file))
    translation.fill(ebpf.pack(all_services))
    translation.attach(cgroup)
    ebpf.join_cgroup(cgroup)


def _settings(quick: bool, with_ebpf: bool) -> list[tuple[str, int]]:
    counts = (1, 1000, 2500) if quick else (1, 1000, 2500, 5000, 10_000, 20_000)
    modes = ["iptables-legacy", "iptables-nft", "nftables"]
    modes += ["ebpf"] if with_ebpf else []
    modes += [] if quick else [BARE]
    return [
        ("direct", 0),
        ("conntrack", 0),
        *((mode, count) for count in counts for mode in modes),
    ]


def _body(run: Run) -> Result:
    with_ebpf = not EBPF.missing()
    settings = _settings(run.quick, with_ebpf)
    rounds = 40 if run.quick else 400
    order = random.Random(run.seed)
    minima: dict[tuple[str, int, str, str], list[float]] = {}
    everything: dict[tuple[str, int, str, str], list[float]] = {}
    with ExitStack() as stack:
        cgroups = Path()
        if with_ebpf:
            cgroups = stack.enter_context(ebpf.own_cgroup())
        topology = stack.enter_context(Topology())
        if with_ebpf:
            ebpf.compile_program(topology.directory)
        roads = []
        for i, (mode, count) in enumerate(settings):
            run.progress(0.5 * i / len(settings), f"loading {count} Services, {mode}")
            roads.append(_road(topology, mode, count, cgroups))
        for turn in range(rounds):
            run.progress(0.5 + 0.5 * turn / rounds, "connecting, all datapaths in turn")
            order.shuffle(roads)
            for road in roads:
                for target, address in road.targets.items():
                    times = road.client.call(connect_times_ns, *address, BATCH)[1:]
                    for packet, column in zip(PACKETS, zip(*times, strict=True), strict=True):
                        key = (road.mode, road.count, target, packet)
                        minima.setdefault(key, []).append(min(column) / 1000)
                        everything.setdefault(key, []).extend(each / 1000 for each in column)
    series = tuple(
        Series(
            name=packet,
            unit="us",
            where={"mode": mode, "services": count, "target": target},
            # Round minima feed the fit of the first packet; for later ones the sketch will do.
            samples=_thinned(minima[mode, count, target, packet]) if packet == "connect" else (),
            sketch=Sketch.of(everything[mode, count, target, packet]),
        )
        for mode, count, target, packet in sorted(minima)
    )
    return Result(
        parameters={
            "rounds": rounds,
            "connections_a_round": BATCH - 1,
            "endpoints_a_service": 1,
            "samples": "minimum of each block of rounds, in the order taken",
            "nft_numgen": "on the target's chain only; the others go straight to their endpoint",
        },
        series=series,
        findings={"ebpf": "measured" if with_ebpf else EBPF.missing()},
    )


def _thinned(values: list[float], blocks: int = 40) -> tuple[float, ...]:
    size = max(1, len(values) // blocks)
    return tuple(round(min(values[i : i + size]), 3) for i in range(0, len(values), size))


FIRST_PACKET = Experiment(
    name="first-packet",
    question="What does the first packet of a connection pay when a node carries N Services?",
    limits=(
        "All hosts share one kernel and its CPUs, so there is no wire and no network card; "
        "medians and tails also carry the noise of a virtual machine, which is why costs are "
        "fitted on minima; IPVS is left out, for the kernel this was written on lacks it."
    ),
    needs=(NAMESPACES, program("iptables-legacy-restore", "iptables-nft-restore", "nft")),
    tools=("iptables-legacy", "iptables-nft", "nft", "clang"),
    bound_s=(1800.0, 120.0),
    body=_body,
)
