from collections import Counter
from dataclasses import replace
from fractions import Fraction
from itertools import pairwise

import pytest

from k8snet_lessons.datapath import Conntrack, Packet, RecentLists, parse_iptables_save, trace
from k8snet_lessons.datapath.netfilter.walk import Budget
from k8snet_lessons.datapath.steps import Routed
from k8snet_lessons.errors import InputError

NODE = {"192.168.0.2"}
VIP = Packet("10.244.0.9", "172.30.0.41", 80, sport=40000)
THREE = {
    "10.244.0.5:8080": Fraction(1, 3),
    "10.244.1.6:8080": Fraction(1, 3),
    "10.244.2.7:8080": Fraction(1, 3),
}


def ruleset(*lines, table="nat", chains=()):
    """Rules in one table, its built-in chains and the named ones declared."""
    builtin = {
        "nat": "PREROUTING INPUT OUTPUT POSTROUTING",
        "filter": "INPUT FORWARD OUTPUT",
        "mangle": "PREROUTING INPUT FORWARD OUTPUT POSTROUTING",
        "raw": "PREROUTING OUTPUT",
    }[table].split()
    head = [f":{c} ACCEPT [0:0]" for c in builtin] + [f":{c} - [0:0]" for c in chains]
    return parse_iptables_save("\n".join([f"*{table}", *head, *lines, "COMMIT"]))


def only(found):
    (outcome,) = found.outcomes
    return outcome


def test_a_pod_reaches_each_backend_with_probability_one_third(one_service):
    found = trace(one_service, VIP, "pod", local_addresses=NODE)
    assert found.backends() == THREE
    assert {o.verdict for o in found.outcomes} == {"accept"}
    assert not any(o.masqueraded for o in found.outcomes)
    assert found.certain
    assert found.assumptions == ()


def test_rules_are_counted_as_the_kernel_tries_them(one_service):
    first, second, third = trace(one_service, VIP, "pod", local_addresses=NODE).outcomes
    # PREROUTING 1, KUBE-SERVICES 1, mark rule and dice, mark rule and DNAT of the
    # backend; POSTROUTING 1, KUBE-POSTROUTING 1. Each further backend is one dice more.
    assert [o.rules_by_table["nat"] for o in (first, second, third)] == [8, 9, 10]
    # FORWARD 2, KUBE-FORWARD 3, KUBE-SERVICES 1.
    assert [o.rules_by_table["filter"] for o in (first, second, third)] == [6, 6, 6]
    assert first.rules_evaluated == 14


def test_hairpin_is_masqueraded_and_others_are_not(one_service):
    found = trace(one_service, Packet("10.244.1.6", "172.30.0.41", 80), local_addresses=NODE)
    assert {o.packet.dst: o.masqueraded for o in found.outcomes} == {
        "10.244.0.5": False,
        "10.244.1.6": True,
        "10.244.2.7": False,
    }
    assert {o.packet.src for o in found.outcomes} == {"10.244.1.6", "192.168.0.2"}


def test_the_host_meets_output_and_is_masqueraded(one_service):
    packet = Packet("192.168.0.2", "172.30.0.41", 80)
    found = trace(one_service, packet, "host")
    assert found.backends() == THREE
    assert all(o.masqueraded for o in found.outcomes)
    hooks = [step.hook for step in found.outcomes[0].steps]
    assert list(dict.fromkeys(hooks)) == ["OUTPUT", "POSTROUTING"]


def test_from_outside_to_a_node_port(one_service):
    packet = Packet("203.0.113.9", "192.168.0.2", 30080)
    found = trace(one_service, packet, "external", local_addresses=NODE)
    assert found.backends() == THREE
    assert all(o.masqueraded and o.packet.src == "192.168.0.2" for o in found.outcomes)
    hooks = [step.hook for step in found.outcomes[0].steps]
    assert list(dict.fromkeys(hooks)) == ["PREROUTING", "FORWARD", "POSTROUTING"]


def test_an_address_not_known_to_be_the_nodes_is_said_to_be_assumed(one_service):
    packet = Packet("203.0.113.9", "192.168.0.2", 30080)
    found = trace(one_service, packet, "external")
    assert found.backends() == THREE
    assert found.assumptions == (
        "192.168.0.2 is taken as an address of this node, as port 30080 is one of its node "
        "ports; give local_addresses to say otherwise",
    )
    elsewhere = trace(one_service, packet, "external", local_addresses={"192.168.0.3"})
    assert elsewhere.backends() == {"192.168.0.2:30080": 1}
    unknown = trace(one_service, Packet("203.0.113.9", "192.168.0.2", 22), "external")
    assert unknown.backends() == {"192.168.0.2:22": 1}
    assert "not taken as an address of this node" in unknown.assumptions[0]


def test_localhost_goes_out_and_comes_in_again_over_lo(one_service):
    packet = Packet("127.0.0.1", "127.0.0.1", 22)
    outcome = only(trace(one_service, packet, "host"))
    hooks = list(dict.fromkeys(step.hook for step in outcome.steps))
    assert hooks == ["OUTPUT", "POSTROUTING", "INPUT"]
    assert outcome.ended_at == "INPUT"
    nat = trace(one_service, Packet("127.0.0.1", "127.0.0.1", 30080), "host")
    assert nat.backends() == THREE


def test_no_endpoints_is_a_reject(one_service):
    packet = Packet("10.244.0.9", "172.30.0.99", 80)
    for origin, src in (("pod", "10.244.0.9"), ("host", "192.168.0.2")):
        outcome = only(trace(one_service, replace(packet, src=src), origin, local_addresses=NODE))
        assert (outcome.verdict, outcome.reject_with) == ("reject", "")
        assert outcome.entry is None
        assert outcome.backend == "reject"


def test_a_service_without_endpoints_is_no_address_of_the_node(one_service):
    assert trace(one_service, Packet("10.244.0.9", "172.30.0.99", 80)).assumptions == ()


def test_invalid_packets_are_dropped_and_not_translated(one_service):
    outcome = only(trace(one_service, VIP, local_addresses=NODE, state="INVALID"))
    assert outcome.verdict == "drop"
    assert outcome.ended_at == "FORWARD"
    assert "nat" not in outcome.rules_by_table


def test_later_packets_follow_the_entry_and_meet_no_nat_rule(one_service):
    first = trace(one_service, VIP, local_addresses=NODE).outcomes[1]
    table = Conntrack().with_entry(first.entry)
    again = only(trace(one_service, VIP, local_addresses=NODE, conntrack=table))
    assert again.probability == 1
    assert again.packet == first.packet
    assert "nat" not in again.rules_by_table
    assert again.rules_by_table["filter"] == 6


def test_the_reply_is_reversed(one_service):
    packet = Packet("203.0.113.9", "192.168.0.2", 30080, sport=5555)
    first = trace(one_service, packet, "external", local_addresses=NODE).outcomes[0]
    assert str(first.entry) == (
        "tcp src=203.0.113.9 dst=192.168.0.2 sport=5555 dport=30080 [UNREPLIED] "
        "src=10.244.0.5 dst=192.168.0.2 sport=8080 dport=5555"
    )
    table = Conntrack().with_entry(first.entry)
    answer = only(
        trace(one_service, first.entry.reply_packet(), "pod", local_addresses=NODE, conntrack=table)
    )
    assert str(answer.packet) == "192.168.0.2:30080->203.0.113.9:5555/tcp"
    assert not answer.masqueraded
    assert "nat" not in answer.rules_by_table
    # Two rules in FORWARD's first chain let it pass as established; the third does.
    assert answer.rules_by_table == {"filter": 4}
    table = table.with_entry(answer.entry)
    later = only(trace(one_service, packet, "external", local_addresses=NODE, conntrack=table))
    assert later.rules_by_table == {"filter": 4}
    assert len(table) == 1


def test_without_its_entry_the_connection_is_balanced_anew(one_service):
    first = trace(one_service, VIP, local_addresses=NODE).outcomes[1]
    table = Conntrack().with_entry(first.entry).without(first.entry)
    found = trace(one_service, VIP, local_addresses=NODE, conntrack=table)
    assert found.backends() == THREE


def test_a_reply_needs_a_source_port_to_go_to(one_service):
    entry = trace(one_service, replace(VIP, sport=None)).outcomes[0].entry
    with pytest.raises(InputError, match="sport"):
        entry.reply_packet()


def test_sampling_follows_one_path_and_keeps_its_probability(one_service):
    seen = Counter()
    for seed in range(300):
        outcome = only(trace(one_service, VIP, local_addresses=NODE, sample=seed))
        assert outcome.probability == Fraction(1, 3)
        seen[outcome.backend] += 1
    # Chi-square with 2 degrees of freedom, seeds fixed: 13.8 is passed once in a thousand.
    assert sum((n - 100) ** 2 / 100 for n in seen.values()) < 13.8
    again = only(trace(one_service, VIP, local_addresses=NODE, sample=7))
    assert again.backend == only(trace(one_service, VIP, local_addresses=NODE, sample=7)).backend


AFFINITY = (
    "-A PREROUTING -j SVC",
    "-A SVC -m recent --rcheck --seconds 10 --reap --name A --rsource -j A",
    "-A SVC -m recent --rcheck --seconds 10 --reap --name B --rsource -j B",
    "-A SVC -m statistic --mode random --probability 0.5 -j A",
    "-A SVC -j B",
    "-A A -p tcp -m recent --set --name A --rsource -m tcp -j DNAT --to-destination 10.1.0.1:80",
    "-A B -p tcp -m recent --set --name B --rsource -m tcp -j DNAT --to-destination 10.1.0.2:80",
)


def test_affinity_is_kept_by_recent_and_forgotten_in_time():
    rules = ruleset(*AFFINITY, chains=("SVC", "A", "B"))
    first, second = trace(rules, VIP).outcomes
    assert (first.probability, second.probability) == (Fraction(1, 2), Fraction(1, 2))
    other = replace(VIP, sport=40001)
    for chosen in (first, second):
        kept = only(trace(rules, other, recent=chosen.recent, now_s=10))
        assert kept.backend == chosen.backend
        assert kept.probability == 1
        assert len(trace(rules, other, recent=chosen.recent, now_s=11).outcomes) == 2
        stranger = replace(VIP, src="10.244.0.10")
        assert len(trace(rules, stranger, recent=chosen.recent, now_s=5).outcomes) == 2
    refreshed = only(trace(rules, other, recent=first.recent, now_s=9)).recent
    assert only(trace(rules, other, recent=refreshed, now_s=18)).backend == first.backend


def test_recent_lists_know_update_remove_hits_and_masks():
    rules = ruleset(
        "-A FORWARD -m recent --update --seconds 5 --hitcount 2 --name L -j DROP",
        "-A FORWARD -m recent --set --name L --mask 255.255.0.0 -j ACCEPT",
        table="filter",
    )
    lists, verdicts = RecentLists(), []
    for now in range(3):
        outcome = only(trace(rules, VIP, recent=lists, now_s=now))
        lists, _ = outcome.recent, verdicts.append(outcome.verdict)
    # The masked address is what is kept, the whole one is what is looked up.
    assert verdicts == ["accept"] * 3
    assert lists.times("L", "10.244.0.0") == (0, 1, 2)
    remove = ruleset("-A FORWARD -m recent --remove --name L -j DROP", table="filter")
    assert only(trace(remove, VIP, recent=lists)).verdict == "accept"
    assert only(trace(remove, replace(VIP, src="10.244.0.0"), recent=lists)).verdict == "drop"


@pytest.mark.parametrize(
    ("clause", "held"),
    [
        ("-s 10.244.0.0/16", True),
        ("! -s 10.244.0.0/16", False),
        ("-s 10.244.0.9/32 -d 172.30.0.0/24", True),
        ("-p udp", False),
        ("-p 6", True),
        ("! -p udp", True),
        ("-p tcp -m tcp --dport 79:81", True),
        ("-p tcp -m tcp ! --dport 80", False),
        ("-p tcp -m tcp --sport 40000", True),
        ("-p tcp -m multiport --dports 22,80", True),
        ("-p tcp -m multiport --ports 22,40000", True),
        ("-p tcp -m multiport ! --sports 1:1024", True),
        ("-p udp -m udp --dport 80", False),
        ("-m mark --mark 0x0/0x4000", True),
        ("-m mark --mark 0x1", False),
        ("-m connmark --mark 0x0", True),
        ("-m conntrack --ctstate NEW,ESTABLISHED", True),
        ("-m conntrack ! --ctstate NEW", False),
        ("-m conntrack --ctstate DNAT", False),
        ("-m conntrack --ctorigdst 172.30.0.41/32 --ctorigdstport 80 --ctdir ORIGINAL", True),
        ("-m conntrack --ctorigdst 172.30.0.42/32", False),
        ("-m conntrack ! --ctproto 17", True),
        ("-m addrtype --dst-type LOCAL", False),
        ("-m addrtype ! --dst-type LOCAL", True),
        ("-m addrtype --dst-type UNICAST", True),
        ("-m addrtype --dst-type MULTICAST,BROADCAST", False),
        ("-m addrtype --src-type LOCAL", False),
        ("-m iprange --src-range 10.244.0.1-10.244.0.9", True),
        ("-m iprange ! --dst-range 172.30.0.1-172.30.0.40", True),
        ("-p tcp -m tcp --tcp-flags FIN,SYN,RST,ACK SYN", True),
        ("-p tcp -m tcp ! --tcp-flags FIN,SYN,RST,ACK SYN", False),
        ("-p tcp -m tcp --tcp-flags ALL NONE", False),
        ("-m pkttype --pkt-type broadcast", False),
        ("-m limit --limit 5/min", True),
        ("-m hashlimit --hashlimit-above 5/sec --hashlimit-name x", False),
        ("-m owner --uid-owner 0", False),
        ("-m policy --dir in --pol none", True),
        ("-p icmp -m icmp --icmp-type 8", False),
        ("-i cni0", True),
        ("-i cni+", True),
        ("! -i eth0", True),
        ("-o eth0", True),
        ("-m statistic --mode random --probability 0", False),
        ("-m statistic --mode random --probability 1", True),
        ("-m nfacct --nfacct-name n", True),
        ("-m set --match-set pods src", True),
        ("-m set ! --match-set pods dst", True),
        ("-m set --match-set vips dst,dst", True),
        ("-m set --match-set vips dst,src", False),
        ("-m comment --comment x", True),
    ],
)
def test_clauses(clause, held):
    rules = ruleset(f"-A FORWARD {clause} -j DROP", table="filter")
    found = trace(
        rules,
        replace(VIP, in_interface="cni0"),
        local_addresses=NODE,
        routes={"0.0.0.0/0": "eth0", "10.0.0.0/8": "cni0"},
        sets={"pods": ["10.244.0.0/16"], "vips": ["172.30.0.41,tcp:80", "172.30.0.42,udp:80"]},
    )
    assert found.certain
    assert only(found).verdict == ("drop" if held else "accept")


@pytest.mark.parametrize(
    "clause",
    [
        "-i cni0",
        "-o cni0",
        "-p tcp -m tcp --sport 1:1024",
        "-m set --match-set pods src",
        "-m frobnicate --hard",
        "-m u32 --u32 0x0=0x0",
        "-m rpfilter --invert",
        "-m socket --transparent",
        "-m physdev --physdev-in veth0",
        "-m bpf --object-pinned /sys/fs/bpf/x",
        "-m conntrack --ctexpire 5",
        "-m iprange --src-range what-ever",
    ],
)
def test_what_cannot_be_told_is_reported_and_can_be_told(clause):
    rules = ruleset(f"-A FORWARD {clause} -j DROP", table="filter")
    packet = replace(VIP, sport=None)
    found = trace(rules, packet, local_addresses=NODE)
    assert only(found).verdict == "accept"
    assert not found.certain
    (unknown,) = found.unknowns
    assert not unknown.taken
    assert unknown.where == "filter FORWARD line 5"
    assert unknown.clause in str(found)
    told = trace(rules, packet, local_addresses=NODE, assume={unknown.clause: True})
    assert only(told).verdict == "drop"
    assert told.unknowns[0].taken


@pytest.mark.parametrize(
    ("clause", "held"), [("-i lo", False), ("! -i lo", True), ("-o lo", False)]
)
def test_what_comes_from_elsewhere_never_crossed_loopback(clause, held):
    rules = ruleset(f"-A FORWARD {clause} -j DROP", table="filter")
    found = trace(rules, VIP, local_addresses=NODE)
    assert found.certain
    assert only(found).verdict == ("drop" if held else "accept")


def test_a_rule_that_fails_anyway_raises_no_doubt():
    rules = ruleset(
        "-A FORWARD -m frob --x -d 10.9.9.9/32 -m mark --mark 0x1 -j DROP", table="filter"
    )
    assert trace(rules, VIP, local_addresses=NODE).certain


def test_an_unknown_target_is_reported_and_passed_over():
    rules = ruleset("-A FORWARD -j SHUNT --far", "-A FORWARD -j DROP", table="filter")
    found = trace(rules, VIP)
    assert only(found).verdict == "drop"
    assert found.unknowns[0].clause == "-j SHUNT --far"


def test_the_order_of_tables():
    lines = []
    for table, hooks in (
        ("raw", ("PREROUTING", "OUTPUT")),
        ("mangle", ("PREROUTING", "INPUT", "FORWARD", "OUTPUT", "POSTROUTING")),
        ("nat", ("PREROUTING", "INPUT", "OUTPUT", "POSTROUTING")),
        ("filter", ("INPUT", "FORWARD", "OUTPUT")),
        ("security", ("INPUT", "FORWARD", "OUTPUT")),
    ):
        lines.append(f"*{table}")
        lines += [f":{hook} ACCEPT [0:0]" for hook in hooks]
        lines += [f"-A {hook} -m comment --comment here" for hook in hooks]
        lines.append("COMMIT")
    rules = parse_iptables_save("\n".join(lines))

    def met(packet, origin):
        outcome = only(trace(rules, packet, origin, local_addresses=NODE))
        return " ".join(
            f"{s.hook}/{s.table}" for s in outcome.steps if s.rule is not None
        )  # fmt: skip

    assert met(VIP, "pod") == (
        "PREROUTING/raw PREROUTING/mangle PREROUTING/nat FORWARD/mangle FORWARD/filter "
        "FORWARD/security POSTROUTING/mangle POSTROUTING/nat"
    )
    assert met(Packet("203.0.113.9", "192.168.0.2", 22), "external") == (
        "PREROUTING/raw PREROUTING/mangle PREROUTING/nat INPUT/mangle INPUT/filter "
        "INPUT/security INPUT/nat"
    )
    assert met(Packet("192.168.0.2", "10.0.0.1", 22), "host") == (
        "OUTPUT/raw OUTPUT/mangle OUTPUT/nat OUTPUT/filter OUTPUT/security "
        "POSTROUTING/mangle POSTROUTING/nat"
    )
    assert met(Packet("192.168.0.2", "192.168.0.2", 22), "host") == (
        "OUTPUT/raw OUTPUT/mangle OUTPUT/nat OUTPUT/filter OUTPUT/security "
        "POSTROUTING/mangle POSTROUTING/nat PREROUTING/raw PREROUTING/mangle "
        "INPUT/mangle INPUT/filter INPUT/security"
    )


def test_goto_does_not_come_back():
    rules = ruleset(
        "-A FORWARD -j A",
        "-A FORWARD -j DROP",
        "-A A -g B",
        "-A A -j ACCEPT",
        "-A B -p udp -j ACCEPT",
        table="filter",
        chains=("A", "B"),
    )
    outcome = only(trace(rules, VIP))
    assert outcome.verdict == "drop"
    # FORWARD, A, B, then back in FORWARD.
    assert outcome.rules_evaluated == 4


@pytest.mark.parametrize("clause", ["", "-m statistic --mode random --probability 0.5"])
def test_paths_without_end_are_refused(clause, monkeypatch):
    monkeypatch.setattr(Budget, "RULES", 20_000)
    chains = [f"C{i}" for i in range(60)]
    lines = [f"-A {a} {clause} -j {b}" for a, b in pairwise(chains) for _ in range(2)]
    rules = ruleset("-A FORWARD -j C0", *lines, table="filter", chains=chains)
    with pytest.raises(InputError, match="paths multiply"):
        trace(rules, VIP)


def test_a_service_with_thousands_of_backends():
    n = 3000
    chains = ["SVC", *(f"SEP{i}" for i in range(n))]
    dice = [
        f"-A SVC -m statistic --mode random --probability {1 / (n - i):.10f} -j SEP{i}"
        for i in range(n - 1)
    ]
    ends = [
        f"-A SEP{i} -p tcp -j DNAT --to-destination 10.{i // 250}.{i % 250}.1:80" for i in range(n)
    ]
    last = f"-A SVC -j SEP{n - 1}"
    rules = ruleset("-A PREROUTING -j SVC", *dice, last, *ends, chains=chains)
    found = trace(rules, VIP)
    assert set(found.backends().values()) == {Fraction(1, n)}
    assert len(found.outcomes[-1].steps) > n


def test_return_at_the_top_is_the_policy():
    text = "*filter\n:FORWARD DROP [0:0]\n-A FORWARD -j RETURN\n-A FORWARD -j ACCEPT\nCOMMIT"
    assert only(trace(parse_iptables_save(text), VIP)).verdict == "drop"


def test_notrack_leaves_translation_out():
    text = """*raw
:PREROUTING ACCEPT [0:0]
-A PREROUTING -j CT --notrack
COMMIT
*nat
:PREROUTING ACCEPT [0:0]
-A PREROUTING -j DNAT --to-destination 10.1.0.1
COMMIT
*filter
:FORWARD DROP [0:0]
-A FORWARD -m conntrack --ctstate UNTRACKED -j ACCEPT
COMMIT
"""
    outcome = only(trace(parse_iptables_save(text), VIP))
    assert outcome.packet == VIP
    assert outcome.verdict == "accept"
    assert outcome.entry is None


@pytest.mark.parametrize(
    ("target", "hook", "origin", "dst", "dport", "src"),
    [
        ("DNAT --to-destination 10.1.0.1", "PREROUTING", "pod", "10.1.0.1", 80, VIP.src),
        ("DNAT --to-destination :81", "PREROUTING", "pod", VIP.dst, 81, VIP.src),
        ("DNAT --to-destination 10.1.0.1:70-90", "PREROUTING", "pod", "10.1.0.1", 80, VIP.src),
        ("DNAT --to-destination 10.1.0.1:90-99", "PREROUTING", "pod", "10.1.0.1", 90, VIP.src),
        ("REDIRECT --to-ports 15001", "PREROUTING", "pod", "192.168.0.2", 15001, VIP.src),
        ("REDIRECT --to-ports 15001", "OUTPUT", "host", "127.0.0.1", 15001, VIP.src),
        ("NETMAP --to 10.9.0.0/16", "PREROUTING", "pod", "10.9.0.41", 80, VIP.src),
        ("NETMAP --to 10.9.0.0/16", "POSTROUTING", "pod", VIP.dst, 80, "10.9.0.9"),
        ("SNAT --to-source 192.0.2.1", "POSTROUTING", "pod", VIP.dst, 80, "192.0.2.1"),
        ("MASQUERADE", "POSTROUTING", "pod", VIP.dst, 80, "192.168.0.2"),
        ("MASQUERADE --random", "POSTROUTING", "pod", VIP.dst, 80, "192.168.0.2"),
    ],
)
def test_translations(target, hook, origin, dst, dport, src):
    rules = ruleset(f"-A {hook} -j {target}")
    outcome = only(trace(rules, VIP, origin, local_addresses=NODE))
    assert (outcome.packet.dst, outcome.packet.dport, outcome.packet.src) == (dst, dport, src)
    assert outcome.masqueraded == (src != VIP.src)


def test_redirect_stays_on_the_node_whose_address_is_not_known():
    rules = ruleset(
        "-A PREROUTING -p tcp -m tcp --dport 80 -j REDIRECT --to-ports 15006",
        "-A PREROUTING -m addrtype --dst-type LOCAL -j MARK --set-mark 0x1",
    )
    found = trace(rules, Packet("10.0.0.2", "192.0.2.9", 80), "external")
    assert only(found).packet.dport == 15006
    assert [step.to for step in only(found).steps if isinstance(step, Routed)] == ["this node"]
    assert only(found).ended_at == "INPUT"


def test_a_range_of_destinations_is_each_of_them():
    rules = ruleset("-A PREROUTING -j DNAT --to-destination 10.1.0.1-10.1.0.4:80")
    found = trace(rules, VIP)
    assert found.backends() == {f"10.1.0.{i}:80": Fraction(1, 4) for i in range(1, 5)}
    sampled = trace(rules, VIP, sample=3)
    assert len(sampled.outcomes) == 1


def test_marks_of_packet_and_connection():
    rules = ruleset(
        "-A PREROUTING -j MARK --set-xmark 0x5/0xff",
        "-A PREROUTING -j CONNMARK --save-mark --nfmask 0xf --ctmask 0xf",
        "-A PREROUTING -j MARK --set-xmark 0x0/0xffffffff",
        "-A FORWARD -j CONNMARK --restore-mark",
        "-A POSTROUTING -m mark --mark 0x5 -m connmark --mark 0x5 -j DROP",
        table="mangle",
    )
    assert only(trace(rules, replace(VIP, mark=0x100))).verdict == "drop"


def test_nth_packet_is_a_share_in_the_long_run():
    rules = ruleset(
        "-A PREROUTING -m statistic --mode nth --every 3 -j DNAT --to-destination 10.1.0.1",
        "-A PREROUTING -m statistic --mode random ! --probability 0.25 -j B",
        "-A B -j DNAT --to-destination 10.1.0.2",
        chains=("B",),
    )
    assert trace(rules, VIP).backends() == {
        "10.1.0.1:80": Fraction(1, 3),
        "10.1.0.2:80": Fraction(1, 2),
        "172.30.0.41:80": Fraction(1, 6),
    }


def test_the_index_changes_no_answer_and_no_count():
    """A chain long enough to be indexed, and the same rules in chains too short for it."""
    kinds = (
        "-d 10.9.0.{n}/32 -j RETURN",
        "-p tcp -m tcp --dport {n} -j RETURN",
        "-d 172.30.0.41/32 -p udp -m udp --dport {n} -j DROP",
        "-p tcp -m tcp --sport {n} -j DROP",
        "-p tcp -m tcp --dport 80 -m mark --mark {n} -j DROP",
    )
    lines = [kinds[n % 5].format(n=n + 1) for n in range(60)]
    lines[45] = "-d 172.30.0.41/32 -p tcp -m tcp --dport 80 -j ACCEPT"
    long = ruleset(*(f"-A FORWARD {line}" for line in lines), table="filter")
    chains = [f"C{i}" for i in range(6)]
    short = ruleset(
        *(f"-A FORWARD -j {c}" for c in chains),
        *(f"-A C{i // 10} {line}" for i, line in enumerate(lines)),
        table="filter",
        chains=chains,
    )
    assert only(trace(long, VIP)).verdict == only(trace(short, VIP)).verdict == "accept"
    assert only(trace(long, VIP)).rules_evaluated == 46
    assert only(trace(short, VIP)).rules_evaluated == 46 + 5


def test_restore_input_without_built_in_chains_gets_the_usual_jumps(one_service_text):
    lines = one_service_text.split("\n")
    built_in = ("PREROUTING", "INPUT", "FORWARD", "OUTPUT", "POSTROUTING")
    text = "\n".join(
        line
        for line in lines
        if not line.startswith(tuple(f":{b} " for b in built_in))
        and not line.startswith(tuple(f"-A {b} " for b in built_in))
    )
    found = trace(parse_iptables_save(text), VIP, local_addresses=NODE)
    assert found.backends() == THREE
    assert "no built-in chains" in found.assumptions[0]


@pytest.mark.parametrize(
    ("kwargs", "field"),
    [
        ({"origin": "node"}, "origin"),
        ({"state": "OLD"}, "state"),
        ({"local_addresses": ["eth0"]}, "local_addresses"),
        ({"routes": {"here": "eth0"}}, "routes"),
        ({"packet": "10.0.0.1"}, "packet"),
        ({"packet": Packet("fd00::1", "fd00::2", 80)}, "packet"),
        ({"ruleset": "*nat"}, "ruleset"),
        ({"origin": "host", "packet": replace(VIP, in_interface="eth0")}, "in_interface"),
    ],
)
def test_bad_input_is_named(one_service, kwargs, field):
    with pytest.raises(InputError) as caught:
        trace(**{"ruleset": one_service, "packet": VIP, **kwargs})
    assert caught.value.field == field


def test_text_and_html(one_service):
    found = trace(one_service, Packet("10.244.0.9", "172.30.0.99", 80), local_addresses=NODE)
    assert str(found) == (
        "10.244.0.9->172.30.0.99:80/tcp, from a pod, through iptables: 1 outcome\n"
        "\n"
        "1  reject at FORWARD; 9 rules tried (nat 3, filter 6)\n"
        "  PREROUTING   a new connection\n"
        "  PREROUTING   nat PREROUTING line 31: jumps to KUBE-SERVICES\n"
        '                 -m comment --comment "kubernetes service portals" -j KUBE-SERVICES\n'
        "  PREROUTING   nat PREROUTING line 18: policy ACCEPT\n"
        "  PREROUTING   routed to 172.30.0.99: it is no address of this node\n"
        "  FORWARD      filter FORWARD line 8: jumps to KUBE-FORWARD\n"
        '                 -m comment --comment "kubernetes forwarding rules" -j KUBE-FORWARD\n'
        "  FORWARD      filter FORWARD line 9: jumps to KUBE-SERVICES\n"
        "                 -m conntrack --ctstate NEW -m comment --comment "
        '"kubernetes service portals" -j KUBE-SERVICES\n'
        "  FORWARD      filter KUBE-SERVICES line 14: REJECT\n"
        "                 -d 172.30.0.99/32 -p tcp -m comment --comment "
        '"shop/empty:http has no endpoints" -m tcp --dport 80 -j REJECT'
    )
    html = found._repr_html_()
    assert html.startswith('<div class="k8snet-trace"><p><b>10.244.0.9-&gt;172.30.0.99:80/tcp')
    assert "<td>filter</td><td>KUBE-SERVICES</td><td>14</td>" in html
    assert (
        "<script"
        not in trace(
            ruleset('-A PREROUTING -m comment --comment "<script>" -j ACCEPT'), VIP
        )._repr_html_()
    )
