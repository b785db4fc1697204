"""A million requests over 20 replicas with whole arrays, against the same model in SimPy.

python tests/bench/traffic.py
"""

import time
from dataclasses import replace

from k8snet_lessons.traffic import TrafficSpec, serve, serve_by_process

MANY, FEW = 1_000_000, 20_000
WAYS = (
    ("connections, iptables", {}),
    ("connections, age 10 s", {"max_age_s": 10.0}),
    ("proxies in turn", {"balancing": "round_robin"}),
    ("channels in turn", {"balancing": "client_round_robin", "max_age_s": 30.0}),
    ("ring hash", {"balancing": "ring_hash"}),
    ("four workers a pod", {"balancing": "round_robin", "pod_workers": 4, "service_us": 800.0}),
    ("two choices", {"balancing": "least_request"}),
    ("HTTP/1.1 pools", {"protocol": "http1"}),
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
    base = TrafficSpec(requests_per_s=MANY / 120, service_us=200.0)
    for name, change in WAYS:
        spec = replace(base, **change)
        fast = seconds(serve, spec, 3)
        small = replace(
            spec,
            requests_per_s=FEW / 120,
            service_us=spec.service_us * MANY / FEW,
            deadline_s=spec.deadline_s * MANY / FEW,
        )
        slow = seconds(serve_by_process, small, 1)
        ratio = (MANY / fast) / (FEW / slow)
        print(f"{name:22} {MANY:,} requests in {fast * 1e3:5.0f} ms;"
              f" {ratio:4.0f} times SimPy's {FEW / slow:,.0f} a second")  # fmt: skip


if __name__ == "__main__":
    main()
