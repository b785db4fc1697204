"""How many lookups a second each engine answers, on the same cluster.

python tests/bench/dns.py
"""

import time

from k8snet_lessons.dns.servers import DnsSpec, serve
from k8snet_lessons.dns.servers_process import serve_by_process


def best_of(run, rounds):
    best = float("inf")
    for _ in range(rounds):
        start = time.perf_counter()
        run()
        best = min(best, time.perf_counter() - start)
    return best


def main():
    spec = DnsSpec(lookups_per_s=8_000.0)
    whole = best_of(lambda: serve(spec, lookups=1_000_000), 5)
    preview = best_of(lambda: serve(spec, lookups=50_000), 5)
    warm_up_s, measured = 0.2, 4_000
    slow = best_of(lambda: serve_by_process(spec, lookups=measured, warm_up_s=warm_up_s), 1)
    walked = measured + warm_up_s * spec.lookups_per_s
    ratio = (1_000_000 / whole) / (walked / slow)
    print(f"1,000,000 lookups in {whole * 1e3:.0f} ms, 50,000 in {preview * 1e3:.0f} ms;"
          f" {ratio:,.0f} times SimPy's {walked / slow:,.0f} a second")  # fmt: skip


if __name__ == "__main__":
    main()
