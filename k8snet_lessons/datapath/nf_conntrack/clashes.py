"""Entries that cannot be confirmed because another has their tuple: ``insert_failed``.

An entry is made when the first packet of a flow comes in and enters the table when that packet
goes out. In between, two packets of one flow can each have made an entry of their own; and
SNAT can run out of ports for a destination.
"""

import math

from k8snet_lessons.errors import InputError

# ip_local_port_range does not bound SNAT; without --to-ports it keeps to the port's class:
# 1024 to 65535 for a source port from there (net/netfilter/nf_nat_core.c).
SNAT_PORTS = 65_536 - 1_024
# What became of the losing UDP datagram, by release. Commits ed07d9a021df (4.19) and
# 4e35c1cb9460 (5.0) let it join the winner's entry where both go to the same backend;
# 6a757c07e51f (5.6) also where NAT sent them to different ones. `clash_resolve` counts it.
SAME_BACKEND_RESOLVED_SINCE = (5, 0)
ALL_RESOLVED_SINCE = (5, 6)


def snat_refusals(connections: int, ports: int = SNAT_PORTS, source_addresses: int = 1) -> int:
    """Connections to one destination address and port that SNAT finds no port for.

    Each adds to ``insert_failed`` and, since Linux 4.7, to ``drop``. This counts ports; since
    Linux 5.0 the kernel does not look at all of them but tries some 220 at most for one
    connection (``nf_nat_core.c``), so that the first refusals come while a few ports are
    still free.

    Examples
    --------
    >>> snat_refusals(80, ports=50)
    30
    """
    for name, value, least in (
        ("connections", connections, 0),
        ("ports", ports, 0),
        ("source_addresses", source_addresses, 1),
    ):
        if isinstance(value, bool) or not isinstance(value, int) or value < least:
            raise InputError(name, value, f"a whole number from {least}")
    return max(0, connections - ports * source_addresses)


def race_loss_share(
    confirm_us: float,
    gap_us: float,
    *,
    cores: int = 2,
    replicas: int = 2,
    kernel: tuple[int, int] = (6, 1),
) -> float:
    """Share of A/AAAA pairs of which one datagram is dropped, on a kernel of some age.

    The two leave one socket `gap_us` apart in the mean, an exponential's; they clash if the
    second is looked up, on another core, before the first is confirmed. A model to show what
    moves the share, not a measurement.

    Parameters
    ----------
    confirm_us : float
        From the lookup of the first datagram to its confirmation.
    gap_us : float
        Mean gap between the two.
    cores : int
        Of the node; with one there is no race.
    replicas : int
        Backends of the DNS Service; each datagram draws its own.
    kernel : tuple
        Its release.

    Examples
    --------
    >>> [round(race_loss_share(10, 20, kernel=k), 3) for k in ((4, 14), (5, 4), (6, 1))]
    [0.197, 0.098, 0.0]
    """
    if not (confirm_us >= 0 and gap_us > 0):
        raise InputError("confirm_us, gap_us", (confirm_us, gap_us), "not negative, above zero")
    for name, value in (("cores", cores), ("replicas", replicas)):
        if value < 1:
            raise InputError(name, value, "a whole number from 1")
    clash = (1 - 1 / cores) * -math.expm1(-confirm_us / gap_us)
    if kernel >= ALL_RESOLVED_SINCE:
        return 0.0
    return clash * (1 - 1 / replicas) if kernel >= SAME_BACKEND_RESOLVED_SINCE else clash
