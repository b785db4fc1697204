"""How long entries live: the counter against what is alive, and the timeouts themselves."""

import re
import socket
import time

from k8snet_lessons.data.measured import Scalar, Series
from k8snet_lessons.lab.experiment import Experiment, Result, Run
from k8snet_lessons.lab.flows import (
    SERVER_IP,
    echo_server,
    send_unanswered,
    tracked,
    tracking_node,
)
from k8snet_lessons.lab.hosts import Host, Topology
from k8snet_lessons.lab.needs import NAMESPACES, program
from k8snet_lessons.lab.traffic import serve

TCP_PORT, SILENT_PORT = 8080, 5301
_TICKS_S = 0.05  # the kernel counts a timeout in ticks of up to 10 ms
_PREFIX = "net.netfilter.nf_conntrack_"
TIMEOUTS = (
    "tcp_timeout_syn_sent",
    "tcp_timeout_syn_recv",
    "tcp_timeout_established",
    "tcp_timeout_fin_wait",
    "tcp_timeout_close_wait",
    "tcp_timeout_last_ack",
    "tcp_timeout_time_wait",
    "tcp_timeout_close",
    "udp_timeout",
    "udp_timeout_stream",
)


def exchange_and_close(address: str, port: int) -> None:
    """One request and its answer, then an orderly close from this end."""
    with socket.create_connection((address, port), timeout=30) as client:
        client.sendall(b"hello")
        client.recv(16)
        client.shutdown(socket.SHUT_WR)
        client.recv(16)


def _entry(node: Host) -> tuple[str, int] | None:
    """State and seconds left of the node's one TCP entry."""
    found = re.search(r"tcp\s+6\s+(\d+)\s+([A-Z_]+)", node.run(["conntrack", "-L", "-p", "tcp"]))
    return (found[2], int(found[1])) if found else None


def _time_wait(node: Host, client: Host, timeout_s: int) -> tuple[dict[str, object], float]:
    node.set_sysctl(_PREFIX + "tcp_timeout_time_wait", timeout_s)
    client.call(exchange_and_close, SERVER_IP, TCP_PORT)
    start = time.monotonic()
    time.sleep(0.05)
    entry = _entry(node)
    while _entry(node) and time.monotonic() - start < timeout_s + 3:
        time.sleep(0.05)
    gone_s = time.monotonic() - start
    state, left_s = entry or ("none", 0)
    return {"timeout_s": timeout_s, "state": state, "left_s": left_s}, gone_s


def _occupancy(
    run: Run, topology: Topology, tag: str, setting: tuple[float, int, float]
) -> tuple[Series, dict[str, object]]:
    rate_per_s, timeout_s, watch_s = setting
    client, node, _ = tracking_node(topology, tag)
    node.set_sysctl(_PREFIX + "udp_timeout", timeout_s)
    flows = int(rate_per_s * watch_s)
    client.start(send_unanswered, SERVER_IP, SILENT_PORT, flows, 2000, rate_per_s)
    start = time.monotonic()
    counts = []
    while (elapsed := time.monotonic() - start) < watch_s - 0.2:
        run.progress(0.2 + 0.8 * elapsed / watch_s, f"{rate_per_s:.0f} new flows a second")
        counts.append(tracked(node))
        time.sleep(0.2)
    sent = client.result(timeout_s=watch_s + 60)
    # Listing skips the expired and evicts them, so it comes last.
    before = time.monotonic()
    listed = node.run(["conntrack", "-L", "-p", "udp"]).count("udp")
    after = time.monotonic()
    where: dict[str, Scalar] = {
        "rate_per_s": rate_per_s,
        "timeout_s": timeout_s,
        "every_s": 0.2,
    }
    told: dict[str, object] = {
        "rate_per_s": rate_per_s,
        "timeout_s": timeout_s,
        "live_by_littles_law": int(rate_per_s * timeout_s),
        "largest_count": max(counts),
        "listed_at_the_end": listed,
        # What was alive when it was listed, whatever time the program took to start.
        "alive_at_least": sum(each > after - timeout_s + _TICKS_S for each in sent),
        "alive_at_most": sum(each > before - timeout_s - _TICKS_S for each in sent),
        "count_after_listing": tracked(node),
    }
    return Series("nf_conntrack_count", "entries", where, tuple(counts)), told


def _body(run: Run) -> Result:
    settings = (
        [(400.0, 1, 4.0)]
        if run.quick
        else [(500.0, 2, 30.0), (250.0, 4, 20.0), (1000.0, 1, 15.0), (250.0, 1, 15.0)]
    )
    series = []
    with Topology() as topology:
        client, node, server = tracking_node(topology, "life")
        serve(server, echo_server, SERVER_IP, TCP_PORT)
        defaults = {each: int(node.sysctl(_PREFIX + each)) for each in TIMEOUTS}
        run.progress(0.0, "one connection until its TIME_WAIT entry is gone")
        lives = []
        for wanted_s in (3,) if run.quick else (1, 2, 5):
            life, gone_s = _time_wait(node, client, wanted_s)
            lives.append(life)
            where: dict[str, Scalar] = {"timeout_s": wanted_s}
            series.append(Series("TIME_WAIT entry listed for", "s", where, (round(gone_s, 2),)))
        occupancy = []
        for i, setting in enumerate(settings):
            counted, told = _occupancy(run, topology, f"{i}", setting)
            series.append(counted)
            occupancy.append(told)
    return Result(
        parameters={"flows": "UDP, one unanswered datagram each"},
        series=tuple(series),
        findings={
            "occupancy": occupancy,
            "time_wait": lives,
            "kernel_default_timeouts_s": defaults,
        },
    )


CONNTRACK_LIFE = Experiment(
    name="conntrack-life",
    question="Does the conntrack counter show the entries that are alive?",
    limits=(
        "Timeouts are shortened to seconds so that the run is short; when the kernel's collector "
        "comes round depends on the whole machine's table, so the counter's peak varies by run."
    ),
    needs=(NAMESPACES, program("nft", "conntrack")),
    tools=("nft", "conntrack"),
    bound_s=(180.0, 120.0),
    body=_body,
)
