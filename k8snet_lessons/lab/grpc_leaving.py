"""What a missing preStop costs for real: pods stop while the rules still name them."""

import os
import signal
import time
from collections.abc import Callable, Sequence

from k8snet_lessons.data.measured import Series
from k8snet_lessons.lab.grpc_ends import ask_anew, serve_pods
from k8snet_lessons.lab.grpc_fronts import CLUSTER_IP, LEAVING_PORT, service_rules
from k8snet_lessons.lab.hosts import Host

PER_S, NEWS_S, BEFORE_S, AFTER_S = 100.0, 1.0, 0.5, 2.5
PRESTOPS_S = (0.0, 1.5)


def leaving(
    client: Host,
    node: Host,
    pods: Host,
    addresses: Sequence[str],
    until_it_accepts: Callable[[str, int], None],
) -> tuple[list[Series], dict[str, int], dict[str, int]]:
    """Delete the second half of the pods; the rules follow after `NEWS_S`.

    Each request has a connection of its own, so each is balanced by itself. The pods exit at
    once on SIGTERM. Returns the requests that each pod answered; then, by what the pods slept
    before, those that none answered and those sent while the rules named pods that had gone.
    """
    half = len(addresses) // 2
    pods.background(serve_pods, addresses[:half], LEAVING_PORT, ())
    series, lost, meanwhile = [], {}, {}
    for prestop_s in PRESTOPS_S:
        going = pods.background(serve_pods, addresses[half:], LEAVING_PORT, (), half)
        for address in (addresses[half - 1], addresses[-1]):
            pods.call(until_it_accepts, address, LEAVING_PORT)
        node.run(["iptables-restore"], service_rules(addresses))
        client.start(ask_anew, f"ipv4:{CLUSTER_IP}:{LEAVING_PORT}", PER_S, BEFORE_S + AFTER_S)
        time.sleep(BEFORE_S)
        deleted = time.monotonic()
        for at_s, act in sorted(((prestop_s, "stop"), (NEWS_S, "news")), key=lambda each: each[0]):
            time.sleep(max(0.0, deleted + at_s - time.monotonic()))
            if act == "stop":
                pods.call(os.kill, going, signal.SIGTERM)
                stopped = time.monotonic()
            else:
                told = time.monotonic()
                node.run(["iptables-restore"], service_rules(addresses[:half]))
        answered = client.result(120)
        counts = [0] * len(addresses)
        for _, pod in answered:
            if pod >= 0:
                counts[pod] += 1
        series.append(
            Series("answers", "requests", {"case": "leaving", "prestop_s": prestop_s},
                   tuple(counts))
        )  # fmt: skip
        name = f"preStop {prestop_s:g} s"
        lost[name] = sum(pod < 0 for _, pod in answered)
        meanwhile[name] = sum(stopped < at < told for at, _ in answered)
    return series, lost, meanwhile
