"""How long programming takes, against the number of Services: ``python tests/bench/rules.py``.

Prints seconds, and the ratio to the size before: linear growth is a ratio of about two where
the size doubles.
"""

import argparse
import time

from k8snet_lessons.cluster import synthetic_cluster
from k8snet_lessons.control import program


def main() -> None:
    """Program, and write out, clusters of doubling size in each mode."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--services", type=int, default=10_000, help="the largest size")
    parser.add_argument("--endpoints", type=int, default=10, help="endpoints of each Service")
    arguments = parser.parse_args()
    sizes = [arguments.services // 2**step for step in range(3, -1, -1)]
    print(
        f"{'mode':<10}{'services':>9}{'lines':>9}{'make s':>8}{'program s':>11}"
        f"{'text s':>8}{'ratio':>7}"
    )
    for mode in ("iptables", "nftables", "ipvs", "ebpf"):
        before = 0.0
        for size in sizes:
            start = time.perf_counter()
            cluster = synthetic_cluster(size, arguments.endpoints)
            made = time.perf_counter()
            ruleset = program(cluster, mode=mode)
            programmed = time.perf_counter()
            lines = ruleset.to_text().count("\n")
            written = time.perf_counter()
            took = written - made
            ratio = f"{took / before:.2f}" if before else ""
            print(
                f"{mode:<10}{size:>9}{lines:>9}{made - start:>8.2f}{programmed - made:>11.2f}"
                f"{written - programmed:>8.2f}{ratio:>7}"
            )
            before = took


if __name__ == "__main__":
    main()
