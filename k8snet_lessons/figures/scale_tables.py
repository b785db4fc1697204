"""The tables of lesson 3: model, counts and measurements of Services at scale."""

from k8snet_lessons.cluster import synthetic_cluster
from k8snet_lessons.control.scale import MODES, first_packet_us
from k8snet_lessons.control.updates import update_cost
from k8snet_lessons.data.measured import fits, load
from k8snet_lessons.figures._spec import duration
from k8snet_lessons.figures.scale import NAMES
from k8snet_lessons.figures.tables import Table


def first_packet_table(services: tuple[int, ...] = (100, 1_000, 10_000, 20_000)) -> Table:
    """What the first packet pays for the last of N Services, by mode."""
    rows = tuple(
        (NAMES[mode], *(duration(float(first_packet_us(mode, n))) for n in services))
        for mode in MODES
    )
    return Table(
        ("mode", *(f"{n:,} Services" for n in services)),
        rows,
        "First packet to the last Service, above a connection straight to the pod",
    )


def update_cost_table(services: int = 1_000, endpoints: int = 10) -> Table:
    """What one added Service makes a node write, counted on generated clusters."""
    before = synthetic_cluster(services - 1, endpoints)
    after = synthetic_cluster(services, endpoints)
    rows = []
    for mode in MODES:
        one = update_cost(before, after, mode)
        full = update_cost(before, after, mode, "full")
        rows.append((NAMES[mode], f"{full.total:,}", f"{one.total:,}", one.unit))
    return Table(
        ("mode", "everything", "one Service added", "counted in"),
        tuple(rows),
        f"What a node writes, {services:,} Services with {endpoints} endpoints each",
    )


def scale_evidence_table() -> Table:
    """The fitted constants with their intervals, and how far the fit is off."""
    wanted = (
        ("translation.iptables.per_service_us", "iptables (nft back end): slope per Service"),
        ("translation.iptables_legacy.per_service_us", "iptables (old back end): slope, to 2,500"),
        ("translation.iptables_legacy.per_service_beyond_us", "iptables (old back end): beyond"),
        ("translation.nftables.per_service_us", "nftables: slope per Service"),
        ("translation.ebpf.per_service_us", "eBPF at the socket: slope per Service"),
    )
    rows = []
    for name, words in wanted:
        fit = fits()[name]
        off = f"{100 * fit.worst_residual_share:.0f} %" if fit.points else ""
        rows.append(
            (
                words,
                f"{1e3 * fit.value:.2f} ns",
                f"{1e3 * fit.low:.2f} to {1e3 * fit.high:.2f} ns",
                off,
            )
        )
    machine = load("first-packet").machine
    return Table(
        ("what", "fitted", "95 % interval", "largest miss"),
        tuple(rows),
        f"Record first-packet: Linux {machine.linux}, {machine.cpus} CPUs, "
        "connect() to the last of N Services",
    )
