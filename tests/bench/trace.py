"""Print how long a node takes to program, its dump to read, and a packet to walk.

    python tests/bench/trace.py [SERVICES ...]

Ratios travel between machines, seconds do not. The column of growth is time a line over
that of the first row: about 1 says linear.
"""

import gc
import sys
import time

from k8snet_lessons.cluster import synthetic_cluster
from k8snet_lessons.control import program
from k8snet_lessons.datapath import Packet, parse_iptables_save, trace

ENDPOINTS = 10


def timed(call, *arguments, **more):
    """What a call returns, and its seconds."""
    start = time.perf_counter()
    made = call(*arguments, **more)
    return made, time.perf_counter() - start


def main(sizes):
    """One row a size."""
    print("services    lines  program s  write s   read s  us/line  growth  "
          "trace 1st ms  trace 2nd ms  rules tried")  # fmt: skip
    base = 0.0
    for services in sizes:
        cluster = synthetic_cluster(services, ENDPOINTS)
        programmed, programming = timed(program, cluster)
        text, writing = timed(programmed.to_text, "save")
        ruleset, reading = timed(parse_iptables_save, text)
        # Reading pauses the collector; its first look at the new heap belongs to the price.
        reading += timed(gc.collect)[1]
        lines = text.count("\n")
        each = reading / lines * 1e6
        base = base or each
        last = ruleset.tables["nat"].chains["KUBE-SERVICES"].rules[-2]
        address = next(m.cidr for m in last.matches if hasattr(m, "cidr"))
        packet = Packet("10.128.0.9", address, 80)
        found, first = timed(trace, ruleset, packet, local_addresses=["192.168.1.11"])
        _, second = timed(trace, ruleset, packet, local_addresses=["192.168.1.11"])
        assert len(found.outcomes) == ENDPOINTS
        print(
            f"{services:8d} {lines:8d} {programming:10.2f} {writing:8.2f} {reading:8.2f} "
            f"{each:8.2f} {each / base:7.2f} {first * 1e3:13.1f} {second * 1e3:13.1f} "
            f"{found.outcomes[-1].rules_evaluated:12d}"
        )


if __name__ == "__main__":
    main([int(word) for word in sys.argv[1:]] or [100, 1000, 5000, 10000])
