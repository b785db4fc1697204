"""Bars of a pinned setting stand beside the present ones, not under them in the stack."""

from k8snet_lessons.explorers.scale import kube_proxy_at_scale


def test_pinned_bars_are_a_stack_of_their_own():
    explorer = kube_proxy_at_scale()
    explorer.uncover()
    explorer.pin()
    explorer.set(mode="nftables")
    panels = explorer._desk.frame(1_000)["panels"]
    bars = [trace for panel in panels for trace in panel["data"] if trace["type"] == "bar"]
    groups = {trace["name"].startswith("pinned"): trace["offsetgroup"] for trace in bars}
    assert groups == {True: "pinned", False: "now"}
