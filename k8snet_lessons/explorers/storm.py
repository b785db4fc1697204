"""The second explorer of lesson 11: retries that outlive what set them off."""

from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np

from k8snet_lessons.data.measured import load
from k8snet_lessons.explorers._knob import Knob
from k8snet_lessons.explorers._view import Number, Panel, Row, View, significant
from k8snet_lessons.explorers._widget import Explorer
from k8snet_lessons.figures import Figure
from k8snet_lessons.figures import isolation as figures
from k8snet_lessons.isolation import (
    StormRun,
    StormSpec,
    can_outlive_trigger,
    storm,
    storm_load_per_s,
)

_CAPACITY_PER_S = 1_000.0
_BEFORE_S, _AFTER_S = 5.0, 25.0
#: The lab's settings, by what the knobs say.
_MEASURED = {
    (3, False, 2.0): "three retries",
    (3, True, 2.0): "three retries, budget of 20 %",
    (3, False, 0.4): "three retries, short queue",
    (0, False, 2.0): "no retries",
}
_AS_MEASURED = {
    "load": 60.0, "timeout_s": 0.5, "trigger_for_s": 5.0, "left": 20.0, "budget": 20.0,
    "backoff_ms": 25.0, "jitter": True, "limit": False,
}  # fmt: skip


def retry_storm() -> Explorer:
    """Return the explorer: load, retries, time-out and queue against what ends the storm."""
    knobs = [
        Knob("load", "New requests", 60.0, min=1, max=99, slider=(10, 95), step=5,
             unit="% of capacity"),
        Knob("retries", "Retries", 3, min=0, max=10, slider=(0, 5)),
        Knob("queue_s", "The queue holds", 2.0, min=0.05, max=60, slider=(0.1, 4), step=0.1,
             unit="s of work"),
        Knob("budgeted", "Retry budget", False, kind="toggle",
             help="Finagle's and Linkerd's: a share of the requests, and 10 a second"),
        Knob("trigger_for_s", "The server is slow for", 5.0, min=0, max=20, step=1, unit="s"),
        Knob("timeout_s", "The clients' time-out", 0.5, min=0.05, max=10, slider=(0.1, 2),
             step=0.1, unit="s", group="more"),
        Knob("budget", "Budget", 20.0, min=0, max=300, slider=(0, 100), step=5,
             unit="% of the requests", group="more"),
        Knob("limit", "Limit on attempts under way", False, kind="toggle", group="more",
             help="Envoy's circuit breaker max_requests, set to half of capacity x time-out"),
        Knob("backoff_ms", "First pause", 25.0, kind="log", min=1, max=10_000,
             slider=(10, 5_000), unit="ms", group="more",
             help="Doubled with each retry, up to ten times the first"),
        Knob("jitter", "Pauses drawn at random", True, kind="toggle", group="more"),
        Knob("left", "Capacity meanwhile", 20.0, min=0, max=100, step=5, unit="%", group="more"),
    ]  # fmt: skip
    return Explorer(
        "A storm of retries",
        knobs,
        view,
        presets={
            "no defense": {},
            "a retry budget": {"budgeted": True},
            "a short queue": {"queue_s": 0.4},
            "no retries": {"retries": 0},
            "long pauses": {"backoff_ms": 2_000.0},
            "a quiet day": {"load": 20.0},
            "a greedy budget": {"budgeted": True, "budget": 80.0},
        },
        still="retry-storm",
        lesson=11,
    )


def specification(settings: Mapping[str, Any]) -> StormSpec:
    """The storm at a setting of the knobs."""
    useful = _CAPACITY_PER_S * settings["timeout_s"]
    pause_s = settings["backoff_ms"] / 1000
    return StormSpec(
        requests_per_s=_CAPACITY_PER_S * settings["load"] / 100,
        capacity_per_s=_CAPACITY_PER_S,
        queue_limit=max(1, round(_CAPACITY_PER_S * settings["queue_s"])),
        timeout_s=settings["timeout_s"],
        retries=int(settings["retries"]),
        backoff_s=pause_s,
        longest_backoff_s=10 * pause_s,
        jitter=settings["jitter"],
        budget_ratio=settings["budget"] / 100 if settings["budgeted"] else None,
        max_in_flight=max(1, round(useful / 2)) if settings["limit"] else None,
        trigger_from_s=_BEFORE_S,
        trigger_for_s=settings["trigger_for_s"],
        trigger_capacity=settings["left"] / 100,
        horizon_s=_BEFORE_S + _AFTER_S,
    )


def view(settings: Mapping[str, Any], *, requests: int) -> View:
    """What the explorer shows at a setting. Means: nothing is drawn at random."""
    spec = specification(settings)
    run = storm(spec)
    time_s = run.time_s - spec.trigger_from_s
    percent = 100 / spec.capacity_per_s
    rates = {
        "attempts sent": run.attempts_per_s * percent,
        "answered in time": run.useful_per_s * percent,
        "new requests": np.full_like(time_s, spec.requests_per_s * percent),
    }
    loads = [_load_with(settings, retries) * percent for retries in range(6)]
    recovered_s = run.recovered_s(spec)
    wait_s = run.backlog / spec.capacity_per_s
    late = float(run.error_share[time_s > settings["trigger_for_s"]].mean())
    return View(
        headline=_headline(spec, recovered_s),
        panels=(
            Panel("What is sent, and what is answered in time",
                  figures.storm_rates(time_s, rates, spec.trigger_for_s),
                  _headline(spec, recovered_s), "tall", _evidence(settings)),
            Panel("The queue, as seconds of work",
                  figures.waiting_room(time_s, wait_s, spec.timeout_s, settings["queue_s"]),
                  f"At most {wait_s.max():.2g} s of work wait; clients wait {spec.timeout_s:g} s."),
            Panel("Attempts when everything fails",
                  figures.storm_loads(range(6), loads, spec.retries),
                  f"{storm_load_per_s(spec) * percent:.0f} % of the capacity at this setting."),
        ),
        numbers=(
            Number("failed after the trigger's end", 100 * late, "%", main=True),
            Number("until at most 1 % fail again", recovered_s, "s"),
            Number("attempts a second when everything fails", storm_load_per_s(spec), "",
                   digits=6),
            Number("capacity", spec.capacity_per_s, "a second", digits=6, lower_is_better=False),
            Number("longest wait in the queue", float(wait_s.max()), "s"),
        ),
        notes=(
            "Means; a second program draws every request and agrees, except near the edge "
            "between holding and collapse, where chance decides.",
            "An open load: users keep coming at the same rate. The server does not learn that a "
            "client has given up.",
            "Measured points: k8snet measure retry-storm, on loopback at 50 requests a second, "
            "for the first four presets.",
        ),
        code="from k8snet_lessons.isolation import StormSpec, storm, storm_by_process\n\n"
             f"storm({spec!r})",
        csv=lambda: _rows(run, spec),
    )  # fmt: skip


def _load_with(settings: Mapping[str, Any], retries: int) -> float:
    return storm_load_per_s(specification({**settings, "retries": retries}))


def _headline(spec: StormSpec, recovered_s: float) -> str:
    load = storm_load_per_s(spec)
    sends = (
        f"when everything fails, clients send {significant(load)} attempts a second, and the "
        f"server can do {significant(spec.capacity_per_s)}"
    )
    if not np.isfinite(recovered_s):
        if can_outlive_trigger(spec):
            return f"The storm outlives its trigger: {sends}."
        return f"Still not over at the right edge, though it will end: {sends}."
    if recovered_s == 0:
        return f"It is over when the trigger is: {sends}."
    return f"It is over {recovered_s:.0f} s after the trigger: {sends}."


def _evidence(settings: Mapping[str, Any]) -> list[Figure]:
    """The measured points that belong to this setting, if there are any."""
    which = (settings["retries"], settings["budgeted"], settings["queue_s"])
    fixed = {k: v for k, v in _AS_MEASURED.items() if k != "budget" or settings["budgeted"]}
    if which not in _MEASURED or any(settings[name] != value for name, value in fixed.items()):
        return []
    record, setting = load("retry-storm"), _MEASURED[which]
    spec = record.parameters["spec"][setting]

    def mean(name: str) -> list[float]:
        rounds = [series.samples for series in record.find(name, setting=setting)]
        return [100 * sum(second) / len(rounds) / spec["capacity_per_s"]
                for second in zip(*rounds, strict=True)]  # fmt: skip

    attempts, useful = mean("attempts"), mean("answered in time")
    time_s = [second + 0.5 - spec["trigger_from_s"] for second in range(len(attempts))]
    return figures.measured_rates(time_s, attempts, useful)


def _rows(run: StormRun, spec: StormSpec) -> Iterable[Row]:
    for k, time_s in enumerate(run.time_s):
        yield {
            "time_s": float(time_s - spec.trigger_from_s),
            "attempts_per_s": float(run.attempts_per_s[k]),
            "answered_in_time_per_s": float(run.useful_per_s[k]),
            "given_up_per_s": float(run.failed_per_s[k]),
            "backlog": float(run.backlog[k]),
        }
