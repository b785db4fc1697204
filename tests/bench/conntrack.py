"""How many connections a second each engine walks, on the same table.

python tests/bench/conntrack.py
"""

import time
from dataclasses import replace

from k8snet_lessons.datapath.nf_conntrack import (
    ConntrackSpec,
    occupancy,
    occupancy_by_process,
)


def seconds(run, spec, rounds):
    run(spec)
    best = float("inf")
    for _ in range(rounds):
        start = time.perf_counter()
        run(spec)
        best = min(best, time.perf_counter() - start)
    return best


def main():
    calm = ConntrackSpec(requests_per_s=3_300, max_entries=1_048_576)
    tight = replace(calm, max_entries=262_144, burst_factor=2, requests_per_s=1_500, udp_per_s=300)
    for name, spec in (("never full", calm), ("full in a burst", tight)):
        many = sum(len(at) for at in spec.arrivals(1))
        small = spec.scaled(0.02)
        few = sum(len(at) for at in small.arrivals(1))
        fast = seconds(lambda one: occupancy(one, seed=1), spec, 5)
        preview = seconds(lambda one: occupancy(one, seed=1), spec.scaled(50_000 / many), 5)
        slow = seconds(lambda one: occupancy_by_process(one, seed=1), small, 1)
        ratio = (many / fast) / (few / slow)
        print(f"{name:16} {many:,} flows in {fast * 1e3:.0f} ms, 50,000 in {preview * 1e3:.0f} ms;"
              f" {ratio:,.0f} times SimPy's {few / slow:,.0f} a second")  # fmt: skip


if __name__ == "__main__":
    main()
