"""The explorer of lesson 10: who chooses a pod, how often, and which pods stay idle."""

import math
from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np

from k8snet_lessons.explorers._knob import Knob
from k8snet_lessons.explorers._view import Number, Panel, Prediction, Row, View
from k8snet_lessons.explorers._widget import Explorer
from k8snet_lessons.figures import pinning as figures
from k8snet_lessons.traffic import (
    CLIENT_SIDE,
    LAYER_4,
    LAYER_7,
    TrafficRun,
    TrafficSpec,
    expected_idle,
    serve,
)

_DURATION_S, _SCALE_AT_S, _LAST_S = 150.0, 30.0, 30.0
CHOOSERS = {
    "iptables": "Service, at random",
    "ipvs_rr": "Service, IPVS rr",
    "ipvs_lc": "Service, IPVS lc",
    "maglev": "Service, Maglev",
    "round_robin": "proxy, in turn",
    "least_request": "proxy, fewer of two",
    "ring_hash": "proxy, hash of a key",
    "pick_first": "gRPC, pick_first",
    "client_round_robin": "gRPC, round_robin",
}
_PROTOCOLS = {"http2": "HTTP/2, gRPC", "http1": "HTTP/1.1 pool", "per_request": "one for each"}
_AGES = {0: "never", 10: "10 s", 30: "30 s", 60: "1 min", 300: "5 min"}
_FLOATS = (
    "requests_per_s", "service_us", "start_s", "propagation_s", "prestop_s", "min_resolution_s",
    "deadline_s",
)  # fmt: skip
_AS_THEY_ARE = (
    "balancing", "protocol", "clients", "connections_per_client", "shared_proxies", "pods",
    "scaled_to", "readiness_probe", "drains",
)  # fmt: skip


def connection_pinning() -> Explorer:
    """Return the explorer: rule, protocol, connections and their age against idle pods."""
    knobs = [
        Knob("balancing", "Who chooses the pod", "iptables", kind="choice", choices=CHOOSERS,
             help="Service: the kernel, for each connection. Proxy: at layer 7, for each request. "
             "gRPC: the client's library, over a headless Service"),
        Knob("protocol", "Connections", "http2", kind="choice", choices=_PROTOCOLS,
             help="HTTP/2: many requests at once on one. HTTP/1.1: one at a time on one. Proxies "
             "and gRPC choose for themselves, whatever this says"),
        Knob("connections_per_client", "Kept by a client", 2, min=1, max=2_000,
             slider=(1, 40), help="HTTP/2: connections. gRPC: channels. HTTP/1.1: the most idle "
             "ones that a pool keeps"),
        Knob("max_age_s", "Server retires it after", 0, kind="choice",
             choices=_AGES, help="gRPC's MAX_CONNECTION_AGE, spread by 10 % either way"),
        Knob("scaled_to", "Pods afterwards", 20, min=1, max=200, slider=(1, 40)),
        Knob("pods", "Pods before", 2, min=1, max=200, slider=(1, 40), group="more"),
        Knob("clients", "Client pods", 5, min=1, max=1_000, slider=(1, 40), group="more"),
        Knob("requests_per_s", "Requests, all clients", 400.0, kind="log", min=1, max=4_000,
             slider=(100, 2_000), unit="per s", group="more"),
        Knob("service_us", "Work in the pod", 4_000.0, kind="log", min=10, max=1_000_000,
             slider=(500, 20_000), unit="µs", group="more", help="Mean; one worker a pod"),
        Knob("shared_proxies", "Proxies", 0, kind="choice", group="more",
             choices={0: "sidecars", 1: "1 shared", 2: "2 shared", 4: "4 shared"},
             help="Matters where a layer-7 proxy chooses"),
        Knob("propagation_s", "A change is known after", 1.0, min=0, max=60,
             slider=(0, 10), step=0.5, unit="s", group="more"),
        Knob("prestop_s", "preStop sleep", 5.0, min=0, max=30, slider=(0, 15), step=0.5,
             unit="s", group="more"),
        Knob("drains", "Pods drain on SIGTERM", True, kind="toggle",
             group="more"),
        Knob("start_s", "A new pod listens after", 5.0, min=0, max=60, slider=(0, 30), step=1,
             unit="s", group="more"),
        Knob("readiness_probe", "Readiness probe", True, kind="toggle", group="more"),
        Knob("min_resolution_s", "gRPC asks DNS at most every", 30.0, min=0, max=300,
             slider=(0, 60), step=1, unit="s", group="more"),
        Knob("deadline_s", "Clients give up after", 2.0, min=0.001, max=60, slider=(0.1, 5),
             step=0.1, unit="s", group="more"),
    ]  # fmt: skip
    guess = Prediction(
        "Ten gRPC channels lead to a Service. Its Deployment goes from 2 pods to 20, and the "
        "servers now retire every connection after 30 s, so that each channel connects anew. Two "
        "minutes later: how many of the 20 pods take no request at a time?",
        "pods",
        lambda view: view.number("idle pods"),
        settings={"balancing": "iptables", "protocol": "http2", "connections_per_client": 2,
                  "clients": 5, "max_age_s": 30, "pods": 2, "scaled_to": 20},
        minimum=None,  # zero is a fair guess
    )  # fmt: skip
    return Explorer(
        "2 pods become 20",
        knobs,
        view,
        presets={
            "a Service, connections kept": {},
            "connections retired after 30 s": {"max_age_s": 30},
            "sidecar, each request": {"balancing": "least_request"},
            "headless, round_robin": {"balancing": "client_round_robin"},
            "headless, round_robin, retired after 30 s": {
                "balancing": "client_round_robin", "max_age_s": 30},
            "twenty become ten, no preStop": {
                "balancing": "round_robin", "pods": 20, "scaled_to": 10, "prestop_s": 0.0},
        },
        prediction=guess,
        still="connection-pinning",
        lesson=10,
    )  # fmt: skip


def specification(settings: Mapping[str, Any]) -> TrafficSpec:
    """The traffic at a setting of the knobs; knobs that mean nothing there are passed over."""
    fields = {name: settings[name] for name in _AS_THEY_ARE}
    fields |= {name: float(settings[name]) for name in _FLOATS}
    if fields["balancing"] in CLIENT_SIDE:
        fields["protocol"] = "http2"
    if fields["balancing"] not in LAYER_7:
        fields["shared_proxies"] = 0
    age_s = float(settings["max_age_s"]) or math.inf
    return TrafficSpec(**fields, max_age_s=age_s, duration_s=_DURATION_S, scale_at_s=_SCALE_AT_S)


def view(settings: Mapping[str, Any], *, requests: int) -> View:
    """What the explorer shows at a setting.

    The rate and the time are the learner's, so there are as many requests as they say: at most
    600,000. Rules that look at the queues take a tenth of a second for the default's 60,000.
    """
    spec = specification(settings)
    run = serve(spec)
    from_s = _DURATION_S - _LAST_S
    idle = float(np.mean(figures.idle_by_second(run)[int(from_s) :]))
    counts = run.counts(from_s)[: spec.scaled_to]
    lost = run.lost()
    without = sum(lost.values())
    p99_us = run.percentile_us(99, from_s)
    return View(
        headline=_headline(spec, idle, p99_us, without),
        panels=(
            Panel("Idle pods, and how long requests take", figures.over_time(run),
                  f"At the end {idle:.3g} of {spec.scaled_to} pods take nothing at a time; the "
                  f"p99 is {p99_us / 1000:.3g} ms.", "tall"),
            Panel("Requests by pod, last 30 s", figures.by_pod(counts.tolist()),
                  f"The busiest pod takes {_busiest(counts):.3g} times a fair share.",
                  evidence=_evidence(spec)),
            Panel("What was lost", figures.lost(lost),
                  "; ".join(f"{name}: {count:,}" for name, count in lost.items())),
            Panel("Load of each pod", figures.load_by_pod(run),
                  f"{int((counts > 0).sum())} of {len(counts)} pods took requests in the last "
                  f"30 s.", "wide"),
        ),
        numbers=(
            Number("idle pods", idle, "pods", main=True),
            Number("idle pods if every connection chose anew", _anew(spec), "pods",
                   lower_is_better=None),
            Number("busiest pod over a fair share", _busiest(counts), "times"),
            Number("p99, last 30 s", p99_us / 1000, "ms"),
            Number("p99 before the change", run.percentile_us(99, 0, _SCALE_AT_S) / 1000, "ms"),
            Number("requests without an answer", float(without), "", digits=6),
            Number("work for nobody", run.wasted_work_s, "s"),
            Number("connections opened anew", run.opened / _DURATION_S, "per s"),
        ),
        notes=_notes(spec),
        code=_code(spec),
        csv=lambda: _rows(run),
    )  # fmt: skip


def _busiest(counts: np.ndarray) -> float:
    return float(counts.max() / counts.mean()) if counts.any() else math.nan


def _pinned(spec: TrafficSpec) -> bool:
    """Whether a connection keeps the pod that it was given."""
    return spec.protocol == "http2" and spec.balancing in (*LAYER_4, "pick_first")


def _anew(spec: TrafficSpec) -> float:
    """Balls in bins: only where each connection draws its pod at random."""
    if not _pinned(spec) or spec.balancing in ("ipvs_rr", "ipvs_lc"):
        return math.nan
    return expected_idle(spec.scaled_to, spec.connections)


def _evidence(spec: TrafficSpec) -> tuple[dict[str, Any], ...]:
    """Measured shares, where the setting is the one that was measured."""
    alike = (spec.pods, spec.scaled_to, spec.connections, spec.protocol) == (2, 20, 10, "http2")
    return figures.by_pod_evidence(spec.balancing) if alike and math.isinf(spec.max_age_s) else ()


def _headline(spec: TrafficSpec, idle: float, p99_us: float, without: int) -> str:
    if spec.scaled_to > 1 and idle >= 0.5:
        said = f"{idle:.3g} of {spec.scaled_to} pods are idle at a time"
        if _pinned(spec) and math.isinf(spec.max_age_s) and spec.scaled_to > spec.pods:
            said += f": the {spec.connections} connections are older than the new pods"
        elif spec.balancing in ("ipvs_rr", "ipvs_lc") and _pinned(spec):
            said += ": each node has a scheduler of its own, and none knows of another"
        elif _pinned(spec):
            said += f": each of {spec.connections} connections draws a pod, some the same"
        elif spec.balancing == "client_round_robin" and spec.scaled_to > spec.pods:
            said += ": no channel has asked DNS again"
    else:
        said = f"All {spec.scaled_to} pods work"
    said += f"; the p99 is {p99_us / 1000:.3g} ms"
    return said + (f", and {without:,} requests get no answer." if without else ".")


def _notes(spec: TrafficSpec) -> tuple[str, ...]:
    notes = [
        "An idle pod is one that listens and takes no request for a second; the number is the "
        "mean over the last 30 s.",
        "Work in a pod is exponential, one worker a pod. A round trip is an estimate (150 µs), a "
        "proxy's work is measured (record proxy); proxies do not queue here.",
        "Nobody retries a request: each refusal counts. gRPC and proxies can retry what was "
        "refused before it was processed.",
    ]
    if _evidence(spec):
        notes.append("Measured: real gRPC, a record of this course. Which of the old pods a "
                     "connection had drawn is luck, there and here.")  # fmt: skip
    if spec.balancing in LAYER_4 and spec.protocol != "http2":
        notes.append("Each client is on a node of its own, with a scheduler of its own.")
    if spec.balancing in ("ipvs_rr", "ipvs_lc"):
        notes.append("IPVS counts on each node by itself, and each node's list has an order of "
                     "its own.")  # fmt: skip
    if spec.balancing in LAYER_7 and math.isfinite(spec.max_age_s):
        notes.append("A proxy opens a new connection before an old one is missed: its age "
                     "changes nothing here.")  # fmt: skip
    if spec.balancing in CLIENT_SIDE:
        notes.append("A channel asks DNS again only when a connection ends or fails, at the "
                     "earliest after the least time.")  # fmt: skip
    return tuple(notes)


def _code(spec: TrafficSpec) -> str:
    default = TrafficSpec()
    changed = ", ".join(
        f"{name}={value!r}" if value != math.inf else f"{name}=float('inf')"
        for name, value in vars(spec).items()
        if value != getattr(default, name)
    )
    return (
        "from k8snet_lessons.traffic import TrafficSpec, serve\n\n"
        f"run = serve(TrafficSpec({changed}), seed=1)\n"
        f"run.counts({_DURATION_S - _LAST_S:g}), run.imbalance(120.0), run.lost()"
    )


def _rows(run: TrafficRun) -> Iterable[Row]:
    at, rate = run.load_per_s(1.0)
    for second, time_s in enumerate(at[:-1]):
        yield {"time_s": float(time_s)} | {
            f"pod_{pod + 1}_per_s": float(rate[pod, second]) for pod in range(len(rate))
        }
