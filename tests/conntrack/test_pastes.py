"""What nodes print, in the forms of many years, and what is made of it."""

import pytest

from k8snet_lessons.datapath.nf_conntrack import (
    burst_left,
    early_drop_chance,
    kernel_buckets,
    read_node,
    sustainable_per_s,
    syn_ladder,
)
from k8snet_lessons.errors import InputError

PROC_STAT = """\
$ cat /proc/net/stat/nf_conntrack
entries  clashres found new invalid ignore delete chainlength insert insert_failed drop early_drop icmp_error  expect_new expect_create expect_delete search_restart
0000ea60  00000004 00000000 00000000 0000001f 000002b9 00000000 00000000 00000000 00000007 0000002a 00000003 00000000  00000000 00000000 00000000 00000000
0000ea60  00000001 00000000 00000000 0000001f 000002b9 00000000 00000000 00000000 00000001 00000008 00000000 00000000  00000000 00000000 00000000 00000000
"""  # noqa: E501
STATISTICS_1_4_2 = """\
cpu=0   \tsearched=5 found=0 new=1 invalid=7 ignore=0 delete=1 delete_list=1 insert=0 insert_failed=2 drop=4 early_drop=0 error=0 search_restart=0
cpu=63  \tsearched=5 insert_failed=2 drop=4\r
"""  # noqa: E501
STATISTICS_0_9 = (
    "entries             \t\t146\nsearched            \t\t9\ndrop                \t\t9\n"
)
PROMPTS = """\
root@ip-10-0-3-7:~# cat /proc/sys/net/netfilter/nf_conntrack_max
131072
/ # cat /proc/sys/net/netfilter/nf_conntrack_{count,buckets}
97000
32768
[admin@node1 ~]$ sudo conntrack -C
97500
"""
LISTED = """\
tcp      6 431999 ESTABLISHED src=10.0.0.1 dst=10.0.0.2 sport=41000 dport=443 src=10.0.0.2 dst=10.0.0.1 sport=443 dport=41000 [ASSURED] mark=0 use=1
ipv4     2 udp      17 29 src=10.244.0.9 dst=10.96.0.10 sport=33333 dport=53 [UNREPLIED] src=10.244.0.3 dst=10.244.0.9 sport=53 dport=33333 mark=0 zone=0 use=2
tcp      6 src=10.0.0.1 dst=10.0.0.2 sport=41000 dport=443 src=10.0.0.2 dst=10.0.0.1 sport=443 dport=41000 [OFFLOAD] mark=0 use=2
"""  # noqa: E501
LOGS = """\
[    9.6] nf_conntrack version 0.5.0 (16384 buckets, 65536 max)
Apr  3 10:00:00 node kernel: [4242.1] nf_conntrack: table full, dropping packet
Apr  3 10:00:00 node kernel: message repeated 9 times: [ [4242.2] nf_conntrack: table full, dropping packet]
Apr  3 10:00:01 node kernel: ip_conntrack: table full, dropping packet.
Apr  3 10:00:05 node kernel: net_ratelimit: 1297 callbacks suppressed
I0403 12:00:00.000000       1 conntrack.go:126] "Set sysctl" entry="net/netfilter/nf_conntrack_tcp_timeout_established" value=86400
"""  # noqa: E501
EXPORTED = """\
# TYPE node_nf_conntrack_entries gauge
node_nf_conntrack_entries 96000
node_nf_conntrack_entries_limit 1.31072e+05
node_nf_conntrack_stat_drop{instance="a:9100"} 12
"""


def test_counters_of_every_age_are_summed_over_cpus():
    stat = read_node(PROC_STAT)
    assert stat.counts == (60_000,)  # the table's, on every CPU's line
    assert {name: stat.counters[name] for name in ("drop", "insert_failed", "clash_resolve")} == {
        "drop": 50, "insert_failed": 8, "clash_resolve": 5,
    }  # fmt: skip
    assert read_node(STATISTICS_1_4_2).counters["drop"] == 8
    old = read_node(STATISTICS_0_9)
    assert (old.counts, old.counters["drop"], old.unread) == ((146,), 9, ())


def test_bare_numbers_are_what_the_command_above_them_asked_for():
    reading = read_node(PROMPTS)
    assert reading.settings["nf_conntrack_max"] == 131_072
    assert reading.settings["nf_conntrack_buckets"] == 32_768
    assert (reading.counts, reading.unread) == ((97_000, 97_500), ())
    assert read_node("$ sysctl net.nf_conntrack_max\nnet.nf_conntrack_max = 5\n7").counts == (7,)


def test_listed_entries_count_where_nothing_better_does():
    assert read_node(LISTED).counts == (3,)
    assert "cut short" in burst_left(LISTED + "nf_conntrack_max = 9").warnings[0]
    whole = LISTED + "conntrack v1.4.6 (conntrack-tools): 96000 flow entries have been shown.\n"
    assert read_node(whole).counts == (96_000,)


def test_logs_and_metrics():
    reading = read_node(LOGS)
    assert reading.full_lines == 11
    assert reading.settings == {
        "nf_conntrack_tcp_timeout_established": 86_400,
        "nf_conntrack_buckets": 16_384,
        "nf_conntrack_max": 65_536,
    }
    assert read_node(LOGS + "nf_conntrack_max = 262144").settings["nf_conntrack_max"] == 262_144
    exported = read_node(EXPORTED)
    assert (exported.settings["nf_conntrack_max"], exported.counts) == (131_072, (96_000,))
    assert exported.counters == {"drop": 12}
    assert read_node("net.ipv4.netfilter.ip_conntrack_max = 8").settings == {"nf_conntrack_max": 8}


def test_what_is_no_number_of_a_node_is_set_aside():
    paste = "\ufeffnf_conntrack_max: 7\n\x00\n=====\n-5\n1e9\ncpu=\nsysctl: permission denied"
    reading = read_node(paste)
    assert reading.settings == {"nf_conntrack_max": 7}
    assert reading.unread == ("\x00", "=====", "-5", "1e9", "sysctl: permission denied")


def test_a_drop_that_insert_failed_counts_too_is_not_the_limits():
    # As the record nat counted them on Linux 6.18: 30 connections without a port, 30 of each.
    head = "nf_conntrack_count = 5\nnf_conntrack_max = 9\n"
    ports = burst_left(head + "cpu=0 insert_failed=30 drop=30").warnings
    assert ports == (
        "insert_failed=30: entries clashed when they were confirmed: a race, or SNAT out of ports",
    )
    both = burst_left(head + "cpu=0 insert_failed=30 drop=42").warnings[0]
    assert both.startswith("drop=42, less the 30 of insert_failed")


def test_counts_that_do_not_grow_are_a_level():
    level = burst_left("nf_conntrack_max = 131072\n96000\n96000")
    assert level.seconds == pytest.approx(35_072 / 800)
    assert "grew by 0.0" in level.explanation
    assert burst_left("nf_conntrack_max = 131072\n146").explanation.count("1.2 flows a second") == 1


def test_edges_of_the_closed_forms():
    assert str(early_drop_chance(0, 65_536)) == "0.0"
    assert [kernel_buckets(gib) for gib in (0.01, 1, 1.01, 4, 4.01)] == [
        1_024, 8_192, 65_536, 65_536, 262_144,
    ]  # fmt: skip
    assert sustainable_per_s(0, 120) == float("inf")


@pytest.mark.parametrize(
    "call",
    [
        lambda: early_drop_chance(float("nan"), 8),
        lambda: kernel_buckets(float("inf")),
        lambda: sustainable_per_s(-1, 120),
        lambda: syn_ladder(syn_retries=2.5),
        lambda: burst_left("7\nnf_conntrack_max = 9", factor=1.0),
        lambda: burst_left("7\nnf_conntrack_max = 9", life_s=float("nan")),
    ],
)
def test_numbers_that_cannot_be_are_named(call):
    with pytest.raises(InputError):
        call()
