"""The cluster's edge under the hand: what each way to build it costs in latency."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any, Final

from k8snet_lessons.explorers._knob import Knob
from k8snet_lessons.explorers._main_road import code_for, scenario_knobs
from k8snet_lessons.explorers._view import Number, Panel, Prediction, View
from k8snet_lessons.explorers._widget import Explorer
from k8snet_lessons.figures import hop_shares, latency_percentiles, time_by_hop
from k8snet_lessons.scenario import Outcome, Scenario, simulate

MAIN: Final = ("load_balancer", "target", "external_traffic_policy", "ingress_mode")
MORE: Final = ("replicas", "offered_load_per_s", "ingress_replicas", "zones")
SEED: Final = 1
# With the ClusterIP the kernel picks a pod for a connection, not for a request: so many stay
# open, eight for each of the eight workers of two ingress pods.
OPEN_CONNECTIONS: Final = 64
# A fast, even application that looks up no names, so that the road shows and not the work.
QUIET: Final = Scenario(
    offered_load_per_s=5000.0,
    replicas=4,
    service_time_us=2000.0,
    service_time_distribution="deterministic",
    lookup_share=0.0,
)
_LABELS: Final = {
    "load_balancer": {"l4": "layer 4", "l7": "layer 7"},
    "target": {"node_port": "node ports", "pod_ip": "pod addresses"},
}


def edge_road() -> Explorer:
    """Return the explorer of lesson 1's second half: the edge's settings against latency."""
    known = {"external_traffic_policy": "Cluster"}
    before_ms = simulate(QUIET, seed=SEED, requests=60_000).percentile(50) / 1000
    guess = Prediction(
        f"With policy Cluster the median (p50) is {before_ms:.1f} ms. What is it with Local?",
        "ms",
        lambda view: view.number("p50 latency"),
        settings=known | {"external_traffic_policy": "Local"},
    )
    return Explorer(
        "The edge of the cluster: what each choice costs",
        [*map(_knob, scenario_knobs(MAIN)), *map(_knob, scenario_knobs(MORE, "more"))],
        view,
        prediction=guess,
        still="edge-road",
        lesson=1,
        preview_requests=20_000,
        requests=100_000,
    )


def _knob(knob: Knob) -> Knob:
    """Start from the quiet application, and name choices in words."""
    knob = replace(knob, default=getattr(QUIET, knob.name))
    if knob.name == "external_traffic_policy":
        return replace(knob, label="externalTrafficPolicy")
    return replace(knob, choices=_LABELS[knob.name]) if knob.name in _LABELS else knob


def scenario_of(settings: Mapping[str, Any]) -> Scenario:
    """The scenario at a setting; behind the ClusterIP open connections keep their pod."""
    scenario = replace(QUIET, **settings)
    if scenario.ingress_mode == "endpoints":
        return scenario
    return replace(scenario, balancing="connection", connections=OPEN_CONNECTIONS)


def view(settings: Mapping[str, Any], *, requests: int) -> View:
    """What the edge shows at a setting; the seed is fixed."""
    scenario = scenario_of(settings)
    outcome = simulate(scenario, seed=SEED, requests=requests)
    p50, p99 = outcome.percentile(50) / 1e3, outcome.percentile(99) / 1e3
    shares = hop_shares(outcome, 99.0)
    return View(
        headline=f"Half of the requests take up to {p50:.2f} ms, one in a hundred more than "
        f"{p99:.2f} ms.",
        panels=(
            Panel(
                "Latency by percentile",
                latency_percentiles(outcome),
                f"p50 {p50:.2f} ms, p99 {p99:.2f} ms.",
            ),
            Panel(
                "Where the time goes",
                time_by_hop(outcome),
                "Near p99: "
                + ", ".join(f"{hop} {us / 1e3:.2f} ms" for hop, us in shares.items() if us >= 10),
            ),
        ),
        numbers=(
            Number("p99 latency", p99, "ms", main=True),
            Number("p50 latency", p50, "ms"),
            Number("busiest pod", 100 * float(outcome.per_pod.busy_share.max()), "% busy"),
        ),
        notes=(
            "An application with 2 ms of even work that looks up no names, so that the road "
            "shows. Simulated; " + _estimates(outcome),
            "Through endpoints each request picks its pod. Through the ClusterIP each of "
            f"{OPEN_CONNECTIONS} open connections keeps the pod that it was opened to; their "
            "number is a choice of this model.",
        ),
        code=code_for(scenario),
    )


def _estimates(outcome: Outcome) -> str:
    guessed = [one.what.rstrip(".") for one in outcome.estimates]
    if not guessed:
        return "every constant is measured or cited."
    return "estimates, not measurements: " + "; ".join(guessed) + "."
