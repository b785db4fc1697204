"""States, time-outs, sizes, clients, and the tools' own words."""

import json
from pathlib import Path

import pytest

from k8snet_lessons.datapath.nf_conntrack import (
    PROXIES,
    TCP,
    TIMEOUTS,
    ConntrackSpec,
    burst_left,
    chain_length,
    cilium_tcp_max,
    diagram,
    kernel_buckets,
    kernel_log_text,
    kube_proxy_buckets,
    kube_proxy_max,
    ladder_of_kernel,
    lifetime_s,
    memory,
    node_text,
    occupancy,
    read_node,
    statistics_text,
    syn_ladder,
    through_proxy,
    walk_states,
)
from k8snet_lessons.errors import InputError

CLOSE = [
    ("original", "SYN"), ("reply", "SYN+ACK"), ("original", "ACK"), ("original", "FIN"),
    ("reply", "ACK"), ("reply", "FIN"), ("original", "ACK"),
]  # fmt: skip


def test_a_connection_from_syn_to_time_wait():
    assert walk_states("tcp", CLOSE) == [
        "SYN_SENT", "SYN_RECV", "ESTABLISHED", "FIN_WAIT", "CLOSE_WAIT", "LAST_ACK", "TIME_WAIT",
    ]  # fmt: skip


def test_a_refused_connection_leaves_no_entry_and_a_reset_leaves_ten_seconds():
    assert walk_states("tcp", [("original", "SYN"), ("reply", "RST")])[-1] == "deleted"
    reset = [*CLOSE[:3], ("reply", "RST")]
    assert walk_states("tcp", reset)[-1] == "CLOSE"
    assert lifetime_s("nf_conntrack_tcp_timeout_close") == 10


def test_udp_is_a_stream_only_when_it_still_talks_after_two_seconds():
    exchange = [("original", "datagram"), ("reply", "datagram")]
    assert walk_states("udp", exchange) == ["UNREPLIED", "REPLIED"]
    assert walk_states("udp", [*exchange, ("original", "after_2_s")])[-1] == "ASSURED"


def test_the_table_is_deterministic_and_every_state_can_be_left():
    keys = [(row.state, row.direction, row.flags) for row in TCP]
    assert len(keys) == len(set(keys))
    states = {row.state for row in TCP}
    assert {row.to for row in TCP} - states == {"deleted"}
    assert diagram("tcp").startswith("stateDiagram-v2\n    [*] --> SYN_SENT: original SYN\n")


def test_time_outs_are_the_kernels_unless_kube_proxy_sets_them():
    changed = {each.state: each.kube_proxy_s for each in TIMEOUTS if each.kube_proxy_s}
    assert changed == {"ESTABLISHED": 86_400, "CLOSE_WAIT": 3_600}
    assert lifetime_s("nf_conntrack_udp_timeout", {"nf_conntrack_udp_timeout": 10}) == 10
    proc = Path("/proc/sys/net/netfilter")
    for each in TIMEOUTS:
        if (proc / each.sysctl).exists():  # a kernel that has not been tuned says the same
            assert int((proc / each.sysctl).read_text()) in (each.kernel_s, each.node_s)


def test_sizes_as_the_projects_publish_them(vector_file):
    table = json.loads(vector_file("conntrack-sizing.json").read_text())["table"]
    for row in table:
        assert kube_proxy_max(row["vcpu"]) == row["kube_proxy"]
        assert cilium_tcp_max(row["mem_gib"]) == row["cilium_dynamic_0_0025"]
    assert cilium_tcp_max(45) == 426_840
    assert cilium_tcp_max(30, ratio=0.005) == 569_120


def test_kube_proxy_leaves_a_zero_per_core_alone_and_never_lowers_buckets():
    assert kube_proxy_max(8, per_core=0) is None
    assert kube_proxy_max(3, minimum=0) == 98_304
    assert kube_proxy_buckets(1_048_576, 65_536) == 262_144
    assert kube_proxy_buckets(131_072, 262_144) == 262_144
    assert (kernel_buckets(8), kernel_buckets(2), kernel_buckets(0.125)) == (262_144, 65_536, 1_024)


def test_raising_the_maximum_costs_memory_and_chain_length():
    assert memory(1_048_576, 262_144).total_bytes == 1_048_576 * 448 + 262_144 * 8
    assert chain_length(262_144, 262_144) == 2


def test_the_two_ladders():
    assert syn_ladder(linear=0).sent_s == (0, 1, 3, 7, 15, 31, 63)
    assert syn_ladder(linear=0).gives_up_s == 127
    assert syn_ladder().sent_s == (0, 1, 2, 3, 4, 5, 7, 11, 19, 35, 67)
    assert syn_ladder().gives_up_s == 131
    assert ladder_of_kernel(6, 4) == syn_ladder(linear=0)
    assert ladder_of_kernel(6, 18) == syn_ladder()


def test_a_proxy_turns_silence_into_its_own_status():
    nginx, envoy = PROXIES[0], next(each for each in PROXIES if each.name == "Envoy")
    assert through_proxy(2.5, nginx).connected_s == 3
    assert through_proxy(2.5, nginx, ladder_of_kernel(5, 15)).connected_s == 3
    assert through_proxy(3.5, nginx).connected_s == 4
    assert through_proxy(3.5, nginx, ladder_of_kernel(5, 15)).status == 504
    assert (through_proxy(60, nginx).status, through_proxy(60, envoy).status) == (504, 503)


SYSCTL = """\
net.netfilter.nf_conntrack_buckets = 65536
net.netfilter.nf_conntrack_count = 100000
net.netfilter.nf_conntrack_max = 131072
net.netfilter.nf_conntrack_tcp_timeout_time_wait = 120
net.nf_conntrack_max = 131072
cpu=0   \tfound=3 invalid=0 insert=0 insert_failed=7 drop=20 early_drop=2 error=0 search_restart=0 clash_resolve=4 chaintoolong=0
cpu=1   \tfound=1 invalid=0 insert=0 insert_failed=0 drop=22 early_drop=0 error=0 search_restart=0 clash_resolve=0 chaintoolong=0
[ 4242.424242] nf_conntrack: nf_conntrack: table full, dropping packet
[ 4243.424242] nf_conntrack: nf_conntrack: table full in netns 4026532008, dropping packet
something else
"""  # noqa: E501


def test_a_real_paste_is_read():
    reading = read_node(SYSCTL)
    assert reading.counts == (100_000,)
    assert reading.counters["drop"] == 42
    assert reading.full_lines == 2
    assert reading.unread == ("something else",)


def test_seconds_of_burst_left_and_why():
    left = burst_left(SYSCTL)
    # 100,000 / 120 s is the usual rate; twice that adds as much again.
    assert left.seconds == pytest.approx(31_072 / (100_000 / 120))
    assert "level off at 200,000" in left.explanation
    assert any(warning.startswith("drop=42") for warning in left.warnings)
    assert burst_left(SYSCTL, factor=1.2).seconds is None
    growing = "grep . ...\n" + "\n".join(f"nf_conntrack_count:{n}" for n in (1_000, 1_500, 2_000))
    assert burst_left(growing + "\nnf_conntrack_max:4000").seconds == 4.0
    assert burst_left("5\n6\n7\nnf_conntrack_max = 7").seconds == 0.0


@pytest.mark.parametrize("paste", ["", "nf_conntrack_max = 5", "nf_conntrack_count = 5"])
def test_a_paste_without_the_numbers_says_which(paste):
    with pytest.raises(InputError, match="nf_conntrack_"):
        burst_left(paste)


def test_what_the_model_prints_the_reader_reads():
    spec = ConntrackSpec(requests_per_s=2_000, burst_factor=3, early_drop=False)
    table = occupancy(spec)
    reading = read_node(node_text(spec, table, 120) + kernel_log_text(table))
    assert reading.settings["nf_conntrack_max"] == 131_072
    assert reading.counts == (int(table.live[120]),)
    assert reading.counters["drop"] == table.refused[:120].sum()
    assert reading.full_lines > 10
    assert statistics_text({"drop": 1}).startswith("cpu=0   \tfound=0 invalid=0 insert=0 ")
