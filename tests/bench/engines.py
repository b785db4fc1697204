"""How fast the engines are, as ratios: python tests/bench/engines.py [--quick].

Runs are interleaved and the best of several is taken, so that a busy machine blurs the
ratios less. Absolute times are printed for orientation only; they do not travel.
"""

import argparse
import time
from collections.abc import Callable

import ciw
import numpy as np

from k8snet_lessons.scenario import Scenario, simulate
from k8snet_lessons.sim.fifo import single_server_wait

# What Ciw can express too: ingress workers, then pods with several workers each; no
# lookups, no tables, nothing on the wire.
TANDEM = Scenario(
    client_new_connection_share=0.0,
    ingress_new_connection_share=0.0,
    lookup_share=0.0,
    load_balancer="l4",
    target="pod_ip",
)


def best_us_per_request(run: Callable[[], object], requests: int, repeats: int) -> float:
    """Return the shortest time of several runs, in microseconds per request."""
    shortest = float("inf")
    for _ in range(repeats):
        started = time.perf_counter()
        run()
        shortest = min(shortest, time.perf_counter() - started)
    return shortest * 1e6 / requests


def ciw_tandem(scenario: Scenario, requests: int) -> None:
    """Walk the same tandem in Ciw: workers as nodes of one server, pods as nodes of four."""
    workers = scenario.ingress_replicas * scenario.ingress_workers
    pods = scenario.replicas
    rate = scenario.offered_load_per_s / 1e6
    nodes = workers + pods
    to_pods = [[0.0] * workers + [1 / pods] * pods for _ in range(workers)]
    network = ciw.create_network(
        arrival_distributions=[ciw.dists.Exponential(rate / workers)] * workers + [None] * pods,
        service_distributions=[ciw.dists.Deterministic(scenario.ingress_service_us)] * workers
        + [ciw.dists.Exponential(1 / scenario.service_time_us)] * pods,
        number_of_servers=[1] * workers + [scenario.pod_concurrency] * pods,
        routing=to_pods + [[0.0] * nodes for _ in range(pods)],
    )
    ciw.seed(1)
    ciw.Simulation(network).simulate_until_max_customers(requests, method="Finish")


def lindley(requests: int) -> Callable[[], object]:
    """Return the least that a queue can cost: one server, one running maximum."""
    draw = np.random.default_rng(1)
    arrival = np.cumsum(draw.exponential(2.0, requests))
    work = draw.exponential(1.0, requests)
    return lambda: single_server_wait(arrival, work)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true", help="fewer requests and repeats")
    quick = parser.parse_args().quick
    repeats = 3 if quick else 9
    slow = 1_000 if quick else 5_000

    bare = best_us_per_request(lindley(100_000), 100_000, repeats)
    print(f"bare Lindley recursion, one queue: {bare * 1e3:.1f} ns a customer\n")
    print(f"{'':26}{'vector, 100k':>14}{'vector, 20k':>13}{'SimPy':>10}{'ratios':>26}")
    for name, scenario in {**Scenario.presets(), "tandem": TANDEM}.items():

        def run(
            requests: int, engine: str = "vector", scenario: Scenario = scenario
        ) -> Callable[[], object]:
            return lambda: simulate(scenario, requests=requests, engine=engine)  # type: ignore[arg-type]

        run(100_000)(), run(20_000)()  # draw the variates, which a slider keeps
        vector = best_us_per_request(run(100_000), 100_000, repeats)
        preview = best_us_per_request(run(20_000), 20_000, repeats)
        events = best_us_per_request(run(slow, "simpy"), slow, 2)
        print(
            f"{name:26}{vector * 100:11.1f} ms{preview * 20:10.1f} ms{events:7.0f} us"
            f"{events / vector:10.0f} x SimPy, {vector / bare:3.0f} Lindley"
        )
        if name == "tandem":
            theirs = best_us_per_request(lambda s=scenario: ciw_tandem(s, slow), slow, 2)  # type: ignore[misc]
            print(f"{'  the same in Ciw':26}{theirs:41.0f} us{theirs / vector:10.0f} x Ciw")


if __name__ == "__main__":
    main()
