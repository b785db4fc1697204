"""How fast a blast radius and a storm are worked out, against drawing every request."""

import statistics
import time
from collections.abc import Callable

from k8snet_lessons.isolation import (
    EXAMPLE,
    Fault,
    StormSpec,
    blast,
    storm,
    storm_by_process,
    walk,
)

ROUNDS = 7


def seconds(work: Callable[[], object], rounds: int = ROUNDS) -> float:
    taken = []
    for _ in range(rounds):
        start = time.perf_counter()
        work()
        taken.append(time.perf_counter() - start)
    return statistics.median(taken)


def main() -> None:
    fault = Fault(kind="zone-cut")
    mean_s = seconds(lambda: blast(EXAMPLE, fault))
    walk_s = seconds(lambda: walk(EXAMPLE, fault, seed=1, seconds=15), 1)
    per_second = walk_s / (65 + 15)  # it warms its caches for 65 s
    print(f"a blast of 480 s: {1000 * mean_s:.1f} ms")
    print(f"  against every request walked: {480 * per_second / mean_s:,.0f} times as fast")
    spec = StormSpec(requests_per_s=300, capacity_per_s=500, queue_limit=1500, horizon_s=60)
    fluid_s = seconds(lambda: storm(spec))
    process_s = seconds(lambda: storm_by_process(spec, seed=1), 1)
    print(f"a storm of 60 s: {1000 * fluid_s:.1f} ms")
    print(f"  against the SimPy process: {process_s / fluid_s:,.0f} times as fast")


if __name__ == "__main__":
    main()
