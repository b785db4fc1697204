"""The 120 packet flows of kube-proxy's own masquerading test, against what is programmed."""

from collections.abc import Callable
from typing import Any

import pytest

from k8snet_lessons.cluster import Cluster
from k8snet_lessons.control import program
from k8snet_lessons.datapath import Packet, trace

NODE, OUTSIDE = "192.168.0.2", "203.0.113.2"
VARIANTS = {
    "base": {},
    "no LocalTrafficDetector": {"detect_local": False},
    "masqueradeAll": {"masquerade_all": True},
    "masqueradeAll, no LocalTrafficDetector": {"masquerade_all": True, "detect_local": False},
}


def seen(cluster: Cluster, flow: dict[str, Any], mode: str = "iptables") -> tuple[str, bool]:
    """Where a flow may end, in the words of kube-proxy's test, and whether it is masqueraded."""
    names = {"NODE": NODE, "EXT": OUTSIDE}
    source = names.get(flow["sourceIP"], flow["sourceIP"])
    target = names.get(flow["destIP"], flow["destIP"])
    ruleset = program(cluster, "this-node", mode, **VARIANTS[flow["variant"]])
    origin = "host" if source in (NODE, "127.0.0.1") else "pod"
    if source == OUTSIDE:
        origin = "external"
    result = trace(ruleset, Packet(source, target, flow["destPort"]), origin=origin)
    ends = []
    masqueraded = set()
    for outcome in result.outcomes:
        if outcome.verdict == "accept":
            ends.append(f"{outcome.packet.dst}:{outcome.packet.dport}")
            masqueraded.add(outcome.masqueraded)
        else:
            ends.append(outcome.verdict.upper())
    assert len(masqueraded) <= 1
    return ", ".join(sorted(set(ends))), masqueraded == {True}


@pytest.mark.parametrize("variant", list(VARIANTS))
def test_internal_external_masquerade(
    vectors: Callable[[str], Any], masquerade_world: Cluster, variant: str
) -> None:
    flows = vectors("packetflow-internal-external-masquerade")["flows"]
    chosen = [flow for flow in flows if flow["variant"] == variant]
    assert len(chosen) == 30
    wrong = {
        flow["name"]: (found, flow["output"], flow["masq"])
        for flow in chosen
        if (found := seen(masquerade_world, flow)) != (flow["output"], flow["masq"])
    }
    assert not wrong
