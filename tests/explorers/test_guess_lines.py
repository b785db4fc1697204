"""A committed guess is drawn through its plot, whatever kind of axis the plot has."""

import pytest

from k8snet_lessons.explorers import Explorer
from k8snet_lessons.explorers.cni import what_the_wire_costs
from k8snet_lessons.explorers.conntrack import connection_table
from k8snet_lessons.explorers.isolation import blast_radius
from k8snet_lessons.explorers.names import name_ladder
from k8snet_lessons.explorers.patience import proxy_patience
from k8snet_lessons.explorers.pinning import connection_pinning
from k8snet_lessons.explorers.policy import who_reaches_whom
from k8snet_lessons.explorers.scale import kube_proxy_at_scale
from k8snet_lessons.explorers.zones import topology_aware_routing

ALL = [
    blast_radius,
    connection_pinning,
    what_the_wire_costs,
    connection_table,
    name_ladder,
    proxy_patience,
    who_reaches_whom,
    kube_proxy_at_scale,
    topology_aware_routing,
]


@pytest.mark.parametrize("factory", ALL, ids=lambda f: f.__name__)
def test_the_guess_adds_no_name_to_an_axis_of_names(factory):
    explorer: Explorer = factory()
    explorer.commit(3)
    panels = explorer._desk.frame(1_000)["panels"]
    guessed = [(p, t) for p in panels for t in p["data"] if t.get("name") == "your guess"]
    assert len(guessed) == 1
    panel, guess = guessed[0]
    for axis in ("x", "y"):
        names = {v for v in panel["data"][0].get(axis, ()) if isinstance(v, str)}
        if names:
            assert set(guess[axis]) <= names


@pytest.mark.parametrize("factory", ALL, ids=lambda f: f.__name__)
def test_the_axis_reaches_to_the_guess(factory):
    explorer: Explorer = factory()
    explorer.commit(95)
    for panel in explorer._desk.frame(1_000)["panels"]:
        for trace in panel["data"]:
            if trace.get("name") == "your guess":
                axis = explorer._desk.prediction.axis
                low, high = panel["layout"][f"{axis}axis"].get("range", (-1e9, 1e9))
                if panel["layout"][f"{axis}axis"].get("type") == "log":
                    low, high = 10**low, 10**high
                assert min(low, high) <= trace[axis][0] <= max(low, high)


def test_an_absurd_guess_does_not_hide_the_curve():
    explorer = blast_radius()
    explorer.commit("1e9")
    assert explorer._desk.frame(1_000)["panels"][0]["layout"]["yaxis"]["range"] == [0, 5]
    explorer.commit(10)
    assert explorer._desk.frame(1_000)["panels"][0]["layout"]["yaxis"]["range"] == pytest.approx(
        [0, 10.8]
    )
