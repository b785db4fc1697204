"""The main road under the hand: from four knobs to a latency plot."""

from collections.abc import Iterable, Mapping
from dataclasses import replace
from functools import cache
from typing import Any

from k8snet_lessons.explorers._knob import Knob
from k8snet_lessons.explorers._view import Number, Panel, Prediction, Row, View
from k8snet_lessons.explorers._widget import Explorer
from k8snet_lessons.figures import (
    conntrack_over_time,
    hop_shares,
    latency_percentiles,
    measured_hops,
    time_by_hop,
)
from k8snet_lessons.figures._spec import duration
from k8snet_lessons.scenario import Outcome, Scenario, knobs, simulate

#: The knobs shown first, and those folded behind "more".
MAIN = ("replicas", "ndots", "conntrack_max", "cni")
MORE = (
    "offered_load_per_s",
    "services",
    "proxy_mode",
    "node_local_dns",
    "topology",
    "ingress_mode",
)
SEED = 1
PREVIEW_REQUESTS = 10_000
REQUESTS = 100_000
_POWERS_OF_TWO = tuple(2**n for n in range(13, 21))
_CHOICE_LABELS = {
    "vxlan": "VXLAN",
    "geneve": "Geneve",
    "ipip": "IP-in-IP",
    "wireguard": "WireGuard",
    "bgp": "BGP (routed, no overlay)",
    "ebpf": "eBPF host routing",
    "ipvs": "IPVS",
    "endpoints": "pod IPs",
    "cluster_ip": "the ClusterIP",
    "cluster": "any zone",
    "prefer_same_zone": "prefer same zone",
}


def main_road(prediction: Prediction | None = None) -> Explorer:
    """The explorer of the main road: load balancer, ingress, names, Service, wire, pod.

    Parameters
    ----------
    prediction : Prediction, optional
        A guess to ask for before the plots show.

    Returns
    -------
    Explorer
        With one setting besides its knobs, ``situation``: the preset whose other fields
        (a burst, a search list, long-lived connections) stay in force while knobs turn.
    """
    presets = situations()
    situation = Knob(
        "situation",
        "Preset",
        "default",
        kind="choice",
        choices={name: name.replace("_", " ") for name in presets},
        group="hidden",
    )
    return Explorer(
        "The main road: load balancer to pod",
        [situation, *scenario_knobs(MAIN), *scenario_knobs(MORE, "more")],
        view,
        presets={name: {"situation": name, **_turned(s)} for name, s in presets.items()},
        prediction=prediction,
        still="main-road",
        lesson=0,
        preview_requests=PREVIEW_REQUESTS,
        requests=REQUESTS,
    )


def scenario_knobs(names: Iterable[str], group: str = "main") -> list[Knob]:
    """Knobs for fields of a `Scenario`, with the labels, bounds and help it declares."""
    return [_knob(name, group) for name in names]


def _knob(name: str, group: Any) -> Knob:
    field = knobs()[name]
    common: dict[str, Any] = {
        "name": name,
        "label": field.label if name == "ndots" else field.label[0].upper() + field.label[1:],
        "default": field.default,
        "unit": field.unit,
        "help": field.help,
        "group": group,
    }
    if field.kind == "choice":
        labels = {choice: _CHOICE_LABELS.get(choice, choice) for choice in field.choices}
        return Knob(**common, kind="choice", choices=labels)
    if field.kind == "switch":
        return Knob(**common, kind="toggle")
    bounds: dict[str, Any] = {"min": field.minimum, "max": field.maximum, "slider": field.slider}
    low, high = field.slider or (1, 1)
    if name == "conntrack_max":
        return Knob(**common, **bounds, kind="log", stops=_POWERS_OF_TWO)
    if low > 0 and high / low > 100:
        return Knob(**common, **bounds, kind="log")
    step = 1 if field.kind == "whole" else max(1.0, (high - low) / 78)
    return Knob(**common, **bounds, step=step)


def _turned(scenario: Scenario) -> dict[str, Any]:
    return {name: getattr(scenario, name) for name in (*MAIN, *MORE)}


@cache
def situations() -> Mapping[str, Scenario]:
    """The presets, made once: a move has no time to make them again."""
    return Scenario.presets()


def scenario_of(settings: Mapping[str, Any]) -> Scenario:
    """The scenario that the settings of the main road describe."""
    turned = {name: value for name, value in settings.items() if name != "situation"}
    return replace(situations()[settings["situation"]], **turned)


def view(settings: Mapping[str, Any], *, requests: int) -> View:
    """What the main road shows at a setting; the seed is fixed."""
    scenario = scenario_of(settings)
    outcome = simulate(scenario, seed=SEED, requests=requests)
    slow = hop_shares(outcome, 99.0)
    p50, p99, p999 = (outcome.percentile(q) for q in (50, 99, 99.9))
    failed = 100 * outcome.failure_share
    fill = 100 * float(outcome.conntrack.entries.max()) / outcome.conntrack.limit
    busiest = 100 * float(outcome.per_pod.busy_share.max())
    return View(
        headline=_headline(outcome, slow),
        panels=(
            Panel(
                "Latency: how slow are the slow ones?",
                latency_percentiles(outcome),
                f"Latency by percentile: p50 {duration(p50)}, p99 {duration(p99)}, "
                f"p99.9 {duration(p999)}.",
                "tall",
            ),
            Panel(
                "Where the time goes: typical and slow requests",
                time_by_hop(outcome),
                "Mean time by hop of requests near p99: "
                + ", ".join(f"{hop} {duration(us)}" for hop, us in slow.items() if us >= 1),
                evidence=measured_hops(scenario),
            ),
            Panel(
                "Conntrack table and failures over time",
                conntrack_over_time(outcome),
                f"The fullest conntrack table reaches {fill:.0f} % of its limit; "
                f"{failed:.2f} % of the requests fail.",
            ),
        ),
        numbers=(
            Number("p99 latency", p99 / 1e3, "ms", main=True),
            Number("p50 latency", p50 / 1e3, "ms"),
            Number("p99.9 latency", p999 / 1e3, "ms"),
            Number("failed", failed, "%"),
            Number("conntrack peak", fill, "% of limit"),
            Number("busiest pod", busiest, "% busy"),
            Number("DNS questions a request", outcome.dns_queries_per_request, ""),
        ),
        notes=_notes(settings["situation"], scenario, outcome),
        code=code_for(scenario),
        csv=lambda: _rows(outcome),
    )


def _headline(outcome: Outcome, slow: Mapping[str, float]) -> str:
    if outcome.failure_share == 1:
        return f"Every request failed: {next(iter(outcome.causes))}."
    where = max(slow, key=lambda hop: slow[hop])
    share = 100 * slow[where] / sum(slow.values())
    shown_s = float(outcome.conntrack.time_s[-1])
    scenario = outcome.scenario
    said = ""
    if scenario.burst_factor != 1 and shown_s < scenario.burst_start_s + scenario.burst_duration_s:
        said = f"In the first {shown_s:.0f} s: "
    said += (
        f"One request in a hundred takes longer than {duration(outcome.p99_us)}; "
        f"near there, {share:.0f} % of the time goes to the {where}."
    )
    if outcome.failure_share:
        cause, _ = next(iter(outcome.causes.items()))
        said += f" {100 * outcome.failure_share:.2g} % fail, most of them: {cause}."
    return said


def _notes(situation: str, scenario: Scenario, outcome: Outcome) -> tuple[str, ...]:
    notes = []
    if situation != "default":
        words = [
            f"{knobs()[name].label} {_said(value)} {knobs()[name].unit}".strip()
            for name, value in _changed(scenario).items()
            if name not in (*MAIN, *MORE)
        ]
        title = situation.replace("_", " ")
        notes.append(f"Preset “{title}” also sets: {'; '.join(words) or 'nothing else'}.")
    guessed = "; ".join(
        f"{one.what.rstrip('.')} ({one.value:g} {'µs' if one.unit == 'us' else one.unit})"
        for one in outcome.estimates
    )
    if guessed:
        notes.append(
            f"Simulated, not measured. These constants are estimates, not measurements: {guessed}."
        )
    notes.append(
        "Show measurements marks what this course measured of a hop, and says what the others rest "
        "on. A hop's mean holds queues and open connections too."
    )
    return tuple(notes)


def _changed(scenario: Scenario) -> dict[str, Any]:
    """Which fields differ from the default, and what they are."""
    plain = situations()["default"]
    return {
        name: getattr(scenario, name)
        for name in knobs()
        if getattr(scenario, name) != getattr(plain, name)
    }


def _said(value: object) -> str:
    if isinstance(value, tuple):
        return ", ".join(map(str, value))
    return f"{value:,g}" if isinstance(value, float) else str(value)


def code_for(scenario: Scenario) -> str:
    """Python that draws the three plots of a scenario again."""
    changed = _changed(scenario)
    fields = "".join(f"\n    {name}={value!r}," for name, value in changed.items())
    call = f"Scenario({fields}\n)" if fields else "Scenario()"
    return (
        "from k8snet_lessons import Scenario, simulate\n"
        "from k8snet_lessons import figures\n\n"
        f"scenario = {call}\n"
        f"outcome = simulate(scenario, seed={SEED}, requests={REQUESTS:_})\n"
        "print(outcome)\n"
        "for draw in (figures.latency_percentiles, figures.time_by_hop,\n"
        "             figures.conntrack_over_time):\n"
        "    figures.to_plotly(draw(outcome)).show()\n"
    )


def _rows(outcome: Outcome) -> Iterable[Row]:
    """One row a percentile: the latency there, and the mean time by hop around it."""
    for percentile in (*range(1, 100), 99.5, 99.9, 99.95):
        row: dict[str, object] = {
            "percentile": percentile,
            "latency_us": round(outcome.percentile(percentile), 1),
        }
        for hop, us in hop_shares(outcome, float(percentile)).items():
            row[hop.replace(" ", "_") + "_us"] = round(us, 1)
        yield row
