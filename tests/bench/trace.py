"""Print how long a dump takes to read and a packet to walk, over the size of the node.

    python tests/bench/trace.py [SERVICES ...]

Ratios travel between machines, seconds do not. A last column of about 1 says linear.
"""

import sys
import time

from k8snet_lessons.datapath import Packet, parse_iptables_save, trace

ENDPOINTS = 10


def dump(services):
    """The nat table of a node with so many Services of ten endpoints each."""
    chains, rules = [], []
    for s in range(services):
        vip = f"172.{16 + s // 65536}.{s // 256 % 256}.{s % 256}"
        name = f"ns{s}/svc{s}:p80"
        chains.append(f":KUBE-SVC-{s:016d} - [0:0]")
        rules.append(
            f'-A KUBE-SERVICES -d {vip}/32 -p tcp -m comment --comment "{name} cluster IP" '
            f"-m tcp --dport 80 -j KUBE-SVC-{s:016d}"
        )
        for e in range(ENDPOINTS):
            k = s * ENDPOINTS + e
            pod = f"10.{k // 65536}.{k // 256 % 256}.{k % 256}"
            dice = round(2**31 / (ENDPOINTS - e)) / 2**31
            toss = f" -m statistic --mode random --probability {dice:.11f}" if dice < 1 else ""
            chains.append(f":KUBE-SEP-{k:016d} - [0:0]")
            rules.append(
                f'-A KUBE-SVC-{s:016d} -m comment --comment "{name} -> {pod}:80"{toss} '
                f"-j KUBE-SEP-{k:016d}"
            )
            rules.append(
                f'-A KUBE-SEP-{k:016d} -s {pod}/32 -m comment --comment "{name}" -j KUBE-MARK-MASQ'
            )
            rules.append(
                f'-A KUBE-SEP-{k:016d} -p tcp -m comment --comment "{name}" -m tcp '
                f"-j DNAT --to-destination {pod}:80"
            )
    head = ["*nat", ":PREROUTING ACCEPT [0:0]", ":POSTROUTING ACCEPT [0:0]",
            ":KUBE-SERVICES - [0:0]", ":KUBE-MARK-MASQ - [0:0]"]  # fmt: skip
    first = [
        "-A PREROUTING -j KUBE-SERVICES",
        "-A KUBE-MARK-MASQ -j MARK --set-xmark 0x4000/0x4000",
    ]
    return "\n".join([*head, *chains, *first, *rules, "COMMIT"]) + "\n", vip


def main(sizes):
    """One row a size."""
    print("services    lines   read s  us/line  of first   trace 1 ms  trace 2 ms  rules tried")
    base = 0.0
    for services in sizes:
        text, last = dump(services)
        lines = text.count("\n")
        start = time.perf_counter()
        ruleset = parse_iptables_save(text)
        read = time.perf_counter() - start
        packet = Packet("10.244.0.9", last, 80)
        took = []
        for _ in range(2):
            start = time.perf_counter()
            found = trace(ruleset, packet, local_addresses=["192.168.0.2"])
            took.append((time.perf_counter() - start) * 1e3)
        each = read / lines * 1e6
        base = base or each
        print(
            f"{services:8d} {lines:8d} {read:8.2f} {each:8.2f} {each / base:9.2f} "
            f"{took[0]:12.1f} {took[1]:11.1f} {found.outcomes[-1].rules_evaluated:12d}"
        )


if __name__ == "__main__":
    main([int(word) for word in sys.argv[1:]] or [100, 1000, 5000, 10000])
