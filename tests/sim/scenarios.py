"""Scenarios that nobody thought of."""

from typing import Any

from hypothesis import strategies as st

from k8snet_lessons.scenario import Scenario, knobs

NAMES = (
    "api.stripe.com",
    "api.stripe.com.",
    "pay",
    "pay.production",
    "pay.production.svc",
    "pay.other.svc",
    "pay.production.svc.cluster.local",
    "a.b.c.d.e.f",
    "10.0.0.1",
)
SEARCH_LISTS = ((), ("example.com",), ("svc.cluster.local",) * 3, Scenario().search_domains)


@st.composite
def any_scenario(draw: st.DrawFn, *, tables: bool = False) -> Scenario:
    """A scenario inside the sliders' ranges, choices included.

    With `tables`, names and search lists vary too, and the connection tracking table may be
    as small as one entry.
    """
    values: dict[str, Any] = {}
    for name, knob in knobs().items():
        if knob.kind in ("text", "names") or draw(st.booleans()):
            continue
        if knob.kind == "choice":
            values[name] = draw(st.sampled_from(knob.choices))
        elif knob.kind == "switch":
            values[name] = draw(st.booleans())
        elif knob.slider:
            low, high = knob.slider
            whole = knob.kind == "whole"
            values[name] = draw(st.integers(int(low), int(high)) if whole else st.floats(low, high))
    if tables:
        values["downstream_name"] = draw(st.sampled_from(NAMES))
        values["search_domains"] = draw(st.sampled_from(SEARCH_LISTS))
        values["conntrack_max"] = draw(st.integers(1, 60_000) | st.integers(1, 20))
    return Scenario(**values)
