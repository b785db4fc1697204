"""What a change costs, mode by mode, and that kube-proxy's minimised restore is enough."""

import shutil
import subprocess
from dataclasses import replace

import pytest
from kube_worlds import service_text, slice_text, world

from k8snet_lessons.cluster import Cluster, synthetic_cluster
from k8snet_lessons.control import node_view, program, update_cost
from k8snet_lessons.control.updates import partial_restore
from k8snet_lessons.errors import InputError

MODES = ("iptables", "nftables", "ipvs", "ebpf")


def without_last_endpoint(cluster: Cluster) -> Cluster:
    """Take one endpoint from the last Service."""
    *others, last = cluster.endpoint_slices
    shorter = type(last)(
        addressType="IPv4", endpoints=last.endpoints[:-1], metadata=last.metadata, ports=last.ports
    )
    return replace(cluster, endpoint_slices=(*others, shorter))


@pytest.mark.parametrize("mode", MODES)
def test_nothing_changed(mode: str) -> None:
    cluster = synthetic_cluster(20, 3, service_type="NodePort")
    parts = update_cost(cluster, cluster, mode).parts
    fixed = {"filter table", "top-level chains", "iptables lines"}
    assert {name: count for name, count in parts.items() if name not in fixed and count} == {}


@pytest.mark.parametrize("mode", MODES)
def test_a_full_write_grows_with_services_and_endpoints(mode: str) -> None:
    sizes = [
        update_cost(c := synthetic_cluster(services, endpoints, nodes=1), c, mode, "full").total
        for services, endpoints in ((10, 2), (20, 2), (40, 2), (10, 4))
    ]
    # Linear: the same step for the same number of Services more.
    assert sizes[2] - sizes[1] == 2 * (sizes[1] - sizes[0]) > 0
    assert sizes[3] > sizes[0]


def test_one_service_more_costs_five_nat_rules(vectors) -> None:  # type: ignore[no-untyped-def]
    assert "exactly 5" in vectors("iptables-rule-counts")["incremental"]
    rules = [program(synthetic_cluster(n, 1)).tables["nat"].rule_count for n in (4, 5)]
    assert rules[1] - rules[0] == 5


@pytest.mark.parametrize(
    ("mode", "grows"), [("iptables", True), ("nftables", False), ("ipvs", False), ("ebpf", False)]
)
def test_only_iptables_pays_for_services_that_did_not_change(mode: str, grows: bool) -> None:
    costs = []
    for services in (50, 100):
        before = synthetic_cluster(services, 3)
        costs.append(update_cost(before, without_last_endpoint(before), mode).total)
    # KUBE-SERVICES is written whole: one line for each Service.
    assert costs[1] - costs[0] == (50 if grows else 0)


def test_counts_of_one_endpoint_less() -> None:
    before = synthetic_cluster(50, 3)
    after = without_last_endpoint(before)
    iptables = update_cost(before, after).parts
    # KUBE-SVC: chain line, masquerade rule, 2 endpoints; 2 KUBE-SEP of 3 lines each.
    assert iptables["service chains"] == 4 + 6
    assert iptables["removed chains"] == 2
    nftables = update_cost(before, after, "nftables").parts
    # One chain is added, flushed and filled with its only rule, whatever its endpoints.
    assert (nftables["chains"], nftables["rules"], nftables["removed chains"]) == (2, 1, 0)
    ipvs = update_cost(before, after, "ipvs").parts
    assert (ipvs["virtual servers"], ipvs["real servers"]) == (0, 1)
    ebpf = update_cost(before, after, "ebpf").parts
    # Slot 0 and two slots written, the third removed; one backend removed.
    assert ebpf == {"service slots": 4, "backends": 1, "reverse NAT": 0}


@pytest.mark.parametrize("mode", MODES)
def test_what_is_held_does_not_depend_on_how_it_came(mode: str) -> None:
    before, after = synthetic_cluster(20, 2), synthetic_cluster(21, 2)
    small = update_cost(before, after, mode)
    full = update_cost(before, after, mode, "full")
    assert small.held == full.held > update_cost(before, before, mode).held
    assert small.total < full.total


def test_large_clusters_remove_chains_later() -> None:
    before = synthetic_cluster(101, 10)
    after = without_last_endpoint(before)
    assert update_cost(before, after).parts["removed chains"] == 0
    assert "-X " not in partial_restore(node_view(before), node_view(after))


def test_lines_counted_are_lines_written() -> None:
    before, after = synthetic_cluster(8, 3), synthetic_cluster(9, 2)
    text = partial_restore(node_view(before), node_view(after))
    assert update_cost(before, after).total == text.count("\n")
    full = program(after).to_text("proxy")
    assert update_cost(before, after, strategy="full").total == full.count("\n")


@pytest.mark.parametrize(
    ("arguments", "words"), [({"mode": "xdp"}, "iptables"), ({"strategy": "partial"}, "full")]
)
def test_input(arguments: dict[str, str], words: str) -> None:
    cluster = synthetic_cluster(1, 1)
    with pytest.raises(InputError, match=words):
        update_cost(cluster, cluster, **arguments)  # type: ignore[arg-type]


@pytest.mark.kernel
@pytest.mark.parametrize("backend", ["nft", "legacy"])
def test_the_minimised_restore_is_enough(backend: str) -> None:
    """Load the rules before, pipe in the partial restore, and find the rules after."""
    tool = shutil.which(f"iptables-{backend}-restore")
    if tool is None:
        pytest.skip(f"iptables-{backend}-restore is not installed")
    if subprocess.run(["unshare", "-n", "true"], capture_output=True, check=False).returncode:
        pytest.skip("network namespaces are not allowed here: run as root")
    one = "[{addresses: [10.180.0.1], nodeName: this-node}]"
    two = "[{addresses: [10.180.0.1], nodeName: this-node}, {addresses: [10.180.0.2]}]"
    keep = service_text("ns/keep", "172.30.0.1") + slice_text("ns/keep", two)
    before = world(
        keep,
        service_text("ns/shrink", "172.30.0.2") + slice_text("ns/shrink", two),
        service_text("ns/go", "172.30.0.3") + slice_text("ns/go", one),
    )
    after = world(
        keep,
        service_text("ns/shrink", "172.30.0.2") + slice_text("ns/shrink", one),
        service_text("ns/come", "172.30.0.4") + slice_text("ns/come", two),
    )
    script = "\n".join(
        [
            f"{tool} <<'END'\n{program(before, 'this-node').to_text()}END",
            f"{tool} --noflush <<'END'",
            partial_restore(node_view(before, "this-node"), node_view(after, "this-node")) + "END",
            tool.replace("-restore", "-save"),
        ]
    )
    done = subprocess.run(
        ["unshare", "-n", "sh", "-ec", script], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    expected = program(after, "this-node").to_text("save")
    assert _rules(done.stdout) == _rules(expected)


def _rules(text: str) -> set[str]:
    return {line for line in text.splitlines() if line.startswith(("-A", ":KUBE"))}
