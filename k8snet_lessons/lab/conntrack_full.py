"""A full conntrack table: when the first connection is refused, and what lives on."""

import os
from dataclasses import asdict

from k8snet_lessons.data.measured import Series
from k8snet_lessons.lab.borrow import borrowed, set_borrowed
from k8snet_lessons.lab.experiment import Experiment, Result, Run
from k8snet_lessons.lab.flows import (
    SERVER_IP,
    answered_datagrams,
    echo_server,
    fill_table,
    send_unanswered,
    statistics,
    tracked,
    tracking_node,
    udp_echo_server,
)
from k8snet_lessons.lab.hosts import Topology
from k8snet_lessons.lab.needs import CONNTRACK_LIMIT, program
from k8snet_lessons.lab.traffic import serve, serve_datagrams

MAX = "net.netfilter.nf_conntrack_max"
BUCKETS = "net.netfilter.nf_conntrack_buckets"
TCP_PORT, UDP_PORT, SILENT_PORT = 8080, 5300, 5301
WAIT_S = 2.0  # for an answer: the echo server may have to wait for a CPU


def _refusals(run: Run) -> Result:
    settings = (
        [(200, 400.0), (500, 500.0)]
        if run.quick
        else [
            (200, 200.0),
            (500, 500.0),
            (1000, 500.0),
            (1000, 1000.0),
            (2000, 1000.0),
            (4000, 1000.0),
        ]
    )
    patience_s = 1.5 if run.quick else 3.5
    series = []
    by_setting = []
    with borrowed({MAX: settings[0][0]}), Topology() as topology:
        for i, (limit, rate_per_s) in enumerate(settings):
            run.progress(i / len(settings), f"a table of {limit}, {rate_per_s:.0f} connections/s")
            client, node, server = tracking_node(topology, f"{i}")
            serve(server, echo_server, SERVER_IP, TCP_PORT)
            set_borrowed(MAX, limit)
            filled = client.call(
                fill_table, SERVER_IP, TCP_PORT, rate_per_s, limit + 50, patience_s
            )
            counted = statistics(node)
            where = {"max": limit, "rate_per_s": rate_per_s}
            series.append(Series("first refusal", "s", where, (round(filled.refused_after_s, 4),)))
            by_setting.append(
                {
                    **where,
                    **asdict(filled),
                    "predicted_s": limit / rate_per_s,
                    "dropped": counted["drop"],
                    "count_after": tracked(node),
                }
            )
    return Result(
        parameters={
            "patience_s": patience_s,
            "flows": "TCP, held open, so every entry is assured and none can be dropped early",
        },
        series=tuple(series),
        findings={"by_setting": by_setting, "message": _kernel_message()},
    )


def _kernel_message() -> str:
    # The message is rate-limited and the log may be closed to us: then there is none to show.
    try:
        descriptor = os.open("/dev/kmsg", os.O_RDONLY | os.O_NONBLOCK)
    except OSError:
        return ""
    found = ""
    try:
        while True:
            line = os.read(descriptor, 8192).decode(errors="replace")
            if "nf_conntrack" in line and "table full" in line:
                found = line.partition(";")[2].strip()
    except OSError:
        pass
    finally:
        os.close(descriptor)
    return found


CONNTRACK_FULL = Experiment(
    name="conntrack-full",
    question="When does a full conntrack table refuse its first connection, and what lives on?",
    limits=(
        "Connections are held open at a rate this machine manages, thousands rather than the "
        "hundreds of thousands of a real node: the arithmetic is the same, the time is shorter."
    ),
    needs=(CONNTRACK_LIMIT, program("nft", "conntrack")),
    tools=("nft", "conntrack"),
    bound_s=(180.0, 120.0),
    body=_refusals,
)


def _early_drop(run: Run) -> Result:
    limit = 1000
    attempts = 200 if run.quick else 300
    all_buckets = (2048, 262_144) if run.quick else (2048, 8192, 32_768, 65_536, 131_072, 262_144)
    rounds = 1 if run.quick else 3
    by_buckets: dict[int, list[float]] = {}
    early: dict[int, int] = {}
    with borrowed({MAX: limit, BUCKETS: all_buckets[0]}):
        for turn in range(rounds):
            for i, buckets in enumerate(all_buckets):
                share = (turn + i / len(all_buckets)) / rounds
                run.progress(share, f"a full table of {limit} in {buckets} buckets")
                set_borrowed(BUCKETS, buckets)
                with Topology() as topology:
                    client, node, server = tracking_node(topology, "early")
                    serve_datagrams(server, udp_echo_server, SERVER_IP, UDP_PORT)
                    node.set_sysctl("net.netfilter.nf_conntrack_udp_timeout", 120)
                    client.call(send_unanswered, SERVER_IP, SILENT_PORT, limit, 20_000)
                    before = statistics(node)["early_drop"]
                    answered = client.call(
                        answered_datagrams, SERVER_IP, UDP_PORT, attempts, WAIT_S, 40_000
                    )
                    early[buckets] = early.get(buckets, 0) + (
                        statistics(node)["early_drop"] - before
                    )
                by_buckets.setdefault(buckets, []).append(answered)
    return Result(
        parameters={
            "max": limit,
            "attempts": attempts,
            "rounds": rounds,
            "filled_with": "UDP flows that no one answered",
        },
        series=tuple(
            Series("got in", "flows", {"buckets": buckets, "max": limit}, tuple(values))
            for buckets, values in by_buckets.items()
        ),
        findings={"early_drop_counted": {str(key): value for key, value in early.items()}},
    )


EARLY_DROP = Experiment(
    name="early-drop",
    question="When the table is full of unanswered flows, do new ones still get in?",
    limits=(
        "The number of hash buckets is one for the whole machine, so other users' entries share "
        "them while it runs; the kernel looks for a victim in a few buckets only, and how many "
        "is the kernel's choice and not set here."
    ),
    needs=(CONNTRACK_LIMIT, program("nft", "conntrack")),
    tools=("nft", "conntrack"),
    bound_s=(120.0, 120.0),
    body=_early_drop,
)
