"""The explorer of lesson 3: Services by the thousand, under four ways to program them."""

from collections.abc import Iterable, Mapping
from typing import Any

from k8snet_lessons.control.scale import MODES, Mode, ScaleCost, ServiceLoad, nat_rules, scale_cost
from k8snet_lessons.explorers._knob import Knob
from k8snet_lessons.explorers._view import Number, Panel, Prediction, Row, View
from k8snet_lessons.explorers._widget import Explorer
from k8snet_lessons.figures import scale as figures
from k8snet_lessons.figures._spec import duration

_FIELDS = (
    "services",
    "endpoints_per_service",
    "new_connections_per_s",
    "requests_per_connection",
    "changes_per_s",
)


def kube_proxy_at_scale() -> Explorer:
    """Return the explorer: Services, endpoints, churn and proxy mode against cost."""
    knobs = [
        Knob("services", "Services", 1_000, kind="log", min=1, max=50_000, slider=(10, 20_000),
             stops=(10, 30, 100, 300, 1_000, 2_000, 5_000, 10_000, 20_000)),
        Knob("mode", "Proxy mode", "iptables", kind="choice",
             choices={mode: figures.NAMES[mode] for mode in MODES},
             help="iptables means its nft back end, the default of today's distributions"),
        Knob("endpoints_per_service", "Endpoints of each Service", 3, min=1, max=1_000,
             slider=(1, 50), step=1),
        Knob("changes_per_s", "Endpoint changes in the cluster", 0.1, kind="log", min=0.001,
             max=10_000, slider=(0.01, 100), unit="per s"),
        Knob("new_connections_per_s", "New connections from this node", 1_000.0, kind="log",
             min=1, max=1_000_000, slider=(10, 100_000), unit="per s", group="more"),
        Knob("requests_per_connection", "Requests per connection", 1.0, kind="log", min=1,
             max=1_000_000, slider=(1, 10_000), group="more"),
    ]  # fmt: skip
    guess = Prediction(
        "With iptables and 10,000 Services, how much does calling the last Service add to the "
        "first packet of a connection, over calling the pod directly? (µs)",
        "µs",
        lambda view: view.number("first packet, last Service"),
        settings={"services": 10_000, "endpoints_per_service": 1},
        minimum=None,  # zero is a fair guess
        close_factor=1.5,
    )
    return Explorer(
        "Services by the thousand",
        knobs,
        view,
        presets={
            "small cluster": {"services": 100},
            "10,000 Services, iptables": {"services": 10_000},
            "10,000 Services, nftables": {"services": 10_000, "mode": "nftables"},
            "10,000 Services, eBPF": {"services": 10_000, "mode": "ebpf"},
            "keep-alive": {"services": 10_000, "requests_per_connection": 100.0},
        },
        prediction=guess,
        still="kube-proxy-at-scale",
        lesson=3,
    )


def view(settings: Mapping[str, Any], *, requests: int) -> View:
    """What the explorer shows at a setting. Closed forms: nothing is drawn at random."""
    mode: Mode = settings["mode"]
    load = ServiceLoad(**{name: settings[name] for name in _FIELDS})
    costs = [scale_cost(each, load) for each in MODES]
    here = next(each for each in costs if each.mode == mode)
    rules = nat_rules(load.services, load.endpoints_per_service)
    return View(
        headline=_headline(here, load),
        panels=(
            Panel(
                "First packet to the last Service",
                figures.first_packet(load, mode),
                f"{figures.NAMES[mode]}: {duration(here.first_packet_us)} at "
                f"{load.services:,} Services.",
                evidence=figures.first_packet_evidence(),
            ),
            Panel(
                f"Writing rules on every node, {figures.NAMES[mode]}",
                figures.sync_time(load, mode),
                _sync_words(here),
                evidence=figures.sync_evidence(mode),
            ),
            Panel(
                "CPU of one node, by mode",
                figures.cpu_by_mode(costs),
                "; ".join(
                    f"{figures.NAMES[each.mode]} {each.translation_cores:.3g} CPU for first packets"
                    for each in costs
                ),
                "wide",
            ),
        ),
        numbers=(
            Number("first packet, last Service", here.first_packet_us, "µs", main=True),
            Number("mean cost per request", here.per_request_us, "µs"),
            Number("write one change", here.change_s, "s"),
            Number("write everything", here.full_sync_s, "s"),
            Number("nat rules in iptables mode", rules, "", digits=6, lower_is_better=None),
            Number("CPU for first packets", here.translation_cores, "CPU"),
        ),
        notes=_notes(mode, load),
        code=_code(mode, load),
        csv=lambda: _rows(load),
    )


def _headline(here: ScaleCost, load: ServiceLoad) -> str:
    said = (
        f"{figures.NAMES[here.mode]}: the first packet to the last of {load.services:,} Services "
        f"pays {duration(here.first_packet_us)}; shared by the requests of a connection, and over "
        f"all Services, a request pays {duration(here.per_request_us)}."
    )
    if here.sync_cores >= 0.99:
        said += " Changes come faster than they can be written: one sync follows the other."
    return said


def _sync_words(here: ScaleCost) -> str:
    if here.change_s != here.change_s:
        return "IPVS was not measured: the kernel of the course's lab does not have it."
    return (
        f"One change takes {duration(here.change_s * 1e6)}, "
        f"everything {duration(here.full_sync_s * 1e6)}."
    )


def _notes(mode: Mode, load: ServiceLoad) -> tuple[str, ...]:
    gap = figures.iptables_fit_residual_share()
    notes = [
        "Fitted to this course's record of a real kernel (first-packet, loading): costs above "
        f"a connection straight to the pod. The fitted line misses the measured minima by at most "
        f"{100 * gap:.0f} %.",
    ]
    if mode == "ipvs":
        notes.append("IPVS: the first-packet cost is an estimate; loading was not measured.")
    if mode == "nftables":
        notes.append(
            "nftables: loading everything grows with the square of the number of Services under "
            "nft 1.0.6, which was measured with one small map in each Service's chain (since "
            "v1.37 a Service with one endpoint has none). kube-proxy needs it at a start, not at "
            "a change."
        )
    if load.services > 20_000:
        notes.append("The measurements end at 20,000 Services; beyond, the curves are continued.")
    return tuple(notes)


def _code(mode: Mode, load: ServiceLoad) -> str:
    fields = ", ".join(f"{name}={getattr(load, name)!r}" for name in _FIELDS)
    return (
        "from k8snet_lessons.control.scale import ServiceLoad, scale_cost\n\n"
        f"scale_cost({mode!r}, ServiceLoad({fields}))"
    )


def _rows(load: ServiceLoad) -> Iterable[Row]:
    for mode in MODES:
        cost = scale_cost(mode, load)
        yield {**{name: getattr(load, name) for name in _FIELDS}, **vars(cost)}
