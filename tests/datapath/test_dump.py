from fractions import Fraction
from itertools import pairwise

import pytest

from k8snet_lessons.control import rules as r
from k8snet_lessons.datapath import DumpError, parse_iptables_save


def rules_of(*lines, table="nat", chains=("X", "Y")):
    """The rules of chain X, with a table around them."""
    head = [f"*{table}", *(f":{name} - [0:0]" for name in chains)]
    text = "\n".join([*head, *(f"-A X {line}" for line in lines), "COMMIT"])
    return parse_iptables_save(text).tables[table].chains["X"].rules


def only(line, **more):
    (rule,) = rules_of(line, **more)
    return rule


@pytest.mark.parametrize(
    ("line", "matches"),
    [
        ("-s 10.0.0.1/32", [r.Address("src", "10.0.0.1")]),
        ("! -d 10.0.0.0/8", [r.Address("dst", "10.0.0.0/8", True)]),
        ("-s ! 10.0.0.0/8", [r.Address("src", "10.0.0.0/8", True)]),
        ("-s 10.0.0.0/255.255.0.0", [r.Address("src", "10.0.0.0/16")]),
        ("-s 0.0.0.0/0", []),
        ("-i cni0 ! -o eth+", [r.Interface("in", "cni0"), r.Interface("out", "eth+", True)]),
        ("-p 17", [r.Protocol("17")]),
        ("-p all", []),
        ("-p tcp -m tcp --dport 80:90", [r.Protocol("tcp"), r.Ports("dst", 80, 90)]),
        ("-p tcp -m tcp ! --sport :90", [r.Protocol("tcp"), r.Ports("src", 0, 90, "tcp", True)]),
        ("-p tcp -m tcp --sport ! 90", [r.Protocol("tcp"), r.Ports("src", 90, 90, "tcp", True)]),
        ("-p udp --dport 53", [r.Protocol("udp"), r.Ports("dst", 53, 53, "udp")]),
        ("-m tcp -p tcp", [r.Protocol("tcp")]),
        (
            "-p tcp -m multiport --dports 80,443,8000:8080",
            [r.Protocol("tcp"), r.MultiPort("dst", ((80, 80), (443, 443), (8000, 8080)))],
        ),
        ("-m multiport ! --ports 53", [r.MultiPort("either", ((53, 53),), True)]),
        ('-m comment --comment "a \\"b\\" -j c"', [r.Comment('a "b" -j c')]),
        ("-m comment --comment plain", [r.Comment("plain")]),
        ("-m comment --comment no quotes here", [r.Comment("no quotes here")]),
        ("-m mark ! --mark 0x4000/0x4000", [r.Mark(0x4000, 0x4000, True)]),
        ("-m connmark --mark 0x1", [r.Mark(1, connection=True)]),
        (
            "-m conntrack ! --ctstate RELATED,DNAT",
            [r.ConnState(("RELATED", "DNAT"), True)],
        ),
        ("-m state --state NEW", [r.ConnState(("NEW",), module="state")]),
        (
            "-m addrtype --src-type LOCAL --dst-type LOCAL --limit-iface-in",
            [r.AddrType("src", "LOCAL", False, "in"), r.AddrType("dst", "LOCAL", False, "in")],
        ),
        (
            "-m statistic --mode random --probability 0.33333333349",
            [r.Statistic(Fraction(1, 3))],
        ),
        ("-m statistic --mode nth --every 3 --packet 1", [r.Statistic(None, 3, 1)]),
        (
            "-m recent --rcheck --seconds 10800 --reap --name K --mask 255.255.255.255 --rsource",
            [r.Recent("rcheck", "K", 10800, 0, True)],
        ),
        (
            "-m recent ! --rcheck --name K --rdest",
            [r.Recent("rcheck", "K", side="dst", negated=True)],
        ),
        ("-m nfacct --nfacct-name n", [r.Accounting("n")]),
        ("-m set ! --match-set pool src,dst", [r.SetMatch("pool", ("src", "dst"), True)]),
        (
            "-p tcp -m tcp --dport 80 --tcp-flags FIN,SYN SYN",
            [
                r.Protocol("tcp"),
                r.Ports("dst", 80, 80),
                r.OtherMatch("tcp", ("--tcp-flags", "FIN,SYN", "SYN")),
            ],
        ),
        ("-m rpfilter --invert", [r.OtherMatch("rpfilter", ("--invert",))]),
        ('-m u32 --u32 "0x0>>22 = 1"', [r.OtherMatch("u32", ("--u32", "0x0>>22 = 1"))]),
        (
            "-m socket --transparent -m owner ! --uid-owner 0",
            [
                r.OtherMatch("socket", ("--transparent",)),
                r.OtherMatch("owner", ("!", "--uid-owner", "0")),
            ],
        ),
        ("-f", [r.OtherMatch("fragment", ("-f",))]),
    ],
)  # fmt: skip
def test_matches(line, matches):
    for target in ("", " -j Y", " -j ACCEPT"):
        assert list(only(line + target).matches) == matches


@pytest.mark.parametrize(
    ("line", "target"),
    [
        ("", None),
        ("-j Y", r.Jump("Y")),
        ("-g Y", r.Jump("Y", goto=True)),
        ("-j RETURN", r.Verdict("RETURN")),
        ("-j REJECT --reject-with icmp-port-unreachable", r.Reject()),
        ("-j REJECT --reject-with tcp-reset", r.Reject("tcp-reset")),
        ("-j DNAT --to-destination 10.0.0.1:80", r.Dnat("10.0.0.1:80")),
        ("-j DNAT --to-destination :80-90 --random", r.Dnat(":80-90", ("random",))),
        ("-j DNAT --to-destination 10.0.0.1-10.0.0.3 --persistent",
         r.Dnat("10.0.0.1-10.0.0.3", ("persistent",))),
        ("-j SNAT --to-source 10.0.0.1:1-9", r.Snat("10.0.0.1:1-9")),
        ("-j MASQUERADE", r.Masquerade()),
        ("-j MASQUERADE --to-ports 1024-65535 --random-fully", r.Masquerade(True, "1024-65535")),
        ("-j MARK --set-xmark 0x4000/0x0", r.SetMark(0x4000, 0)),
        ("-j MARK --or-mark 0x4000", r.SetMark(0x4000, 0x4000)),
        ("-j MARK --xor-mark 0x4000", r.SetMark(0x4000, 0)),
        ("-j MARK --and-mark 0x1", r.SetMark(0, 0xFFFFFFFE)),
        ("-j MARK --set-mark 0x3/0x1", r.SetMark(3, 3)),
        ("-j CONNMARK --set-xmark 0x1/0xff", r.SetMark(1, 0xFF, True)),
        ("-j CONNMARK --save-mark", r.OtherTarget("CONNMARK", ("--save-mark",))),
        ("-j NOTRACK", r.OtherTarget("NOTRACK")),
        ("-j CT --notrack", r.OtherTarget("CT", ("--notrack",))),
        ('-j LOG --log-prefix "-x y"', r.OtherTarget("LOG", ("--log-prefix", "-x y"))),
        ("-j TCPMSS --clamp-mss-to-pmtu", r.OtherTarget("TCPMSS", ("--clamp-mss-to-pmtu",))),
        ("-j REDIRECT --to-ports 15001", r.OtherTarget("REDIRECT", ("--to-ports", "15001"))),
        ("-j TPROXY --on-port 1 --tproxy-mark 0x200/0xffffffff",
         r.OtherTarget("TPROXY", ("--on-port", "1", "--tproxy-mark", "0x200/0xffffffff"))),
        ("-j FROBNICATE --level 3", r.OtherTarget("FROBNICATE", ("--level", "3"))),
    ],
)  # fmt: skip
def test_targets(line, target):
    assert only(line).target == target


def test_a_rule_reads_the_same_in_either_order_of_its_words():
    saved = only('-d 1.2.3.4/32 -p tcp -m comment --comment "a b" -m tcp --dport 80 -j Y')
    fed = only('-m comment --comment "a b" -m tcp -p tcp -d 1.2.3.4 --dport 80 -j Y')
    assert set(saved.matches) == set(fed.matches)
    assert [type(m) for m in fed.matches] == [r.Comment, r.Protocol, r.Address, r.Ports]


def test_quick_reading_and_careful_reading_agree(one_service_text):
    """A tab between two words takes a rule off the usual shape; nothing else changes."""
    quick = parse_iptables_save(one_service_text)
    careful = parse_iptables_save(one_service_text.replace("-A ", "-A  "))
    assert quick == careful


def test_counters_lines_and_policies():
    text = """# Generated by iptables-save -c
*filter
:INPUT DROP [7:70]
:X - [0:0]
[3:300] -A INPUT -j X
-A X -c 1 2 -j ACCEPT
COMMIT
"""
    table = parse_iptables_save(text).tables["filter"]
    assert table.chains["INPUT"].policy == "DROP"
    assert table.chains["INPUT"].counters == (7, 70)
    assert table.chains["INPUT"].rules[0].counters == (3, 300)
    assert table.chains["INPUT"].rules[0].line == 5
    assert table.chains["X"].rules[0].counters == (1, 2)


def test_ip6tables_save():
    text = """*nat
:X - [0:0]
-A X -s FD00:0:0::/64 -d fd00::1/128 -p tcp -j DNAT --to-destination [fd00::9]:80
-A X -m recent --rcheck --name K --mask ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff --rsource
COMMIT
"""
    ruleset = parse_iptables_save(text)
    assert ruleset.family == 6
    first, second = ruleset.tables["nat"].chains["X"].rules
    assert first.matches[:2] == (r.Address("src", "fd00::/64"), r.Address("dst", "fd00::1"))
    assert second.matches[0].mask == ""
    header = "# Generated by ip6tables-save v1.8.9\n*raw\n:OUTPUT ACCEPT [0:0]\nCOMMIT\n"
    assert parse_iptables_save(header).family == 6


def test_what_is_not_known_is_noted():
    lines = "-m frob --a b -j Y", "-m frob ! --c -j ACCEPT", "-p frobp -j SHUNT --far"
    text = "\n".join(["*nat", ":X - [0:0]", ":Y - [0:0]", *(f"-A X {x}" for x in lines), "COMMIT"])
    assert parse_iptables_save(text).notes == (
        "match frob: not known here, carried through (2 rules, first on line 4)",
        "protocol frobp: not known here, carried through (1 rule, first on line 6)",
        "target SHUNT: not known here, carried through (1 rule, first on line 6)",
    )


HEAD = "*nat\n:PREROUTING ACCEPT [0:0]\n:X - [0:0]\n:Y - [0:0]\n"


@pytest.mark.parametrize(
    ("text", "line", "says"),
    [
        ("", "", "at least one table"),
        ("# nothing\n\n", "", "at least one table"),
        ("*nat\n:X - [0:0]\n", "line 3", "cut off"),
        ("*nat\n*filter\nCOMMIT", "line 2", "COMMIT before"),
        ("*nat\nCOMMIT\n*nat\nCOMMIT", "line 3", "each table once"),
        ("*gnat\nCOMMIT", "line 1", "raw, mangle, nat"),
        ("COMMIT", "line 1", "a *table line"),
        ("-A X -j Y", "line 1", "iptables -S"),
        ("Chain INPUT (policy ACCEPT)\ntarget", "line 1", "iptables -L"),
        ("table ip kube-proxy {\n}", "line 1", "nft list ruleset"),
        (HEAD + "-A X -j Y\n-X X\nCOMMIT", "line 6", "an empty user chain"),
        (HEAD + "-A X -j Y\n-X Y\nCOMMIT", "line 5", "declared in table nat"),
        (HEAD + "-X INPUT\nCOMMIT", "line 5", "an empty user chain"),
        (HEAD + ":X - [0:0]\nCOMMIT", "line 5", "declared once"),
        (HEAD + ":Z ACCEPT [0:0]\nCOMMIT", "line 5", "only a built-in"),
        (HEAD + ":INPUT MAYBE [0:0]\nCOMMIT", "line 5", "ACCEPT or DROP"),
        (HEAD + ":Z\nCOMMIT", "line 5", ":NAME POLICY"),
        (HEAD + "-A Z -j X\nCOMMIT", "line 5", "declared in table nat"),
        (HEAD + "-A X -j Z\nCOMMIT", "line 5", "declared in table nat"),
        (HEAD + "-A X -g ACCEPT\nCOMMIT", "line 5", "declared in table nat"),
        (HEAD + "-A X -j PREROUTING\nCOMMIT", "line 5", "a user chain"),
        (HEAD + "-A X -j X\nCOMMIT", "line 5", "circle"),
        (HEAD + "-A X -j Y\n-A Y -g X\nCOMMIT", "line 6", "circle"),
        (HEAD + "-I X -j Y\nCOMMIT", "line 5", "-A CHAIN"),
        (HEAD + "[1:] -A X -j Y\nCOMMIT", "line 5", "[packets:bytes]"),
        (HEAD + "-A X -p tcp -m tcp --dport 70000 -j Y\nCOMMIT", "line 5", "0 to 65535"),
        (HEAD + "-A X -p tcp -m tcp --dport 90:80\nCOMMIT", "line 5", "backwards"),
        (HEAD + "-A X -p tcp -m tcp --dport\nCOMMIT", "line 5", "one value"),
        (HEAD + "-A X -p 300\nCOMMIT", "line 5", "1 to 255"),
        (HEAD + "-A X -s 10.0.0.300\nCOMMIT", "line 5", "IP address"),
        (HEAD + "-A X -s 10.0.0.0/33\nCOMMIT", "line 5", "IP address"),
        (HEAD + "-A X -s 10.0.0.1 -d fd00::1\nCOMMIT", "line 5", "IPv4"),
        (HEAD + "-A X -m mark --mark 0x1ffffffff\nCOMMIT", "line 5", "4294967295"),
        (HEAD + "-A X -m statistic --mode random --probability 1.5\nCOMMIT", "line 5", "0 to 1"),
        (HEAD + "-A X -m statistic --mode random --probability x\nCOMMIT", "line 5", "0 to 1"),
        (HEAD + "-A X -m statistic --mode nth --every 0\nCOMMIT", "line 5", "from 1"),
        (HEAD + "-A X -m conntrack --ctstate OLD\nCOMMIT", "line 5", "ESTABLISHED"),
        (HEAD + "-A X -m addrtype --dst-type HERE\nCOMMIT", "line 5", "LOCAL"),
        (HEAD + "-A X -j DNAT\nCOMMIT", "line 5", "--to-destination"),
        (HEAD + "-A X -j DNAT --to-destination 10.0.0.1:99999\nCOMMIT", "line 5", "65535"),
        (HEAD + "-A X -j DNAT --to-destination 10.0.0.x\nCOMMIT", "line 5", "IP address"),
        (HEAD + "-A X -p tcp -j REDIRECT --to-ports 99999\nCOMMIT", "line 5", "65535"),
        (HEAD + "-A X -p tcp -j REDIRECT --to-ports blue\nCOMMIT", "line 5", "whole number"),
        (HEAD + "-A X -j MARK --set-mark blue\nCOMMIT", "line 5", "whole number"),
        (HEAD + "-A X -j ACCEPT --now\nCOMMIT", "line 5", "nothing after"),
        (HEAD + "-A X -j ACCEPT -j DROP\nCOMMIT", "line 5", "one -j"),
        (HEAD + '-A X -m comment --comment "open\nCOMMIT', "line 5", "quote"),
        (HEAD + "-A X !\nCOMMIT", "line 5", "after !"),
        (HEAD + "-A X ! ! -s 1.2.3.4\nCOMMIT", "line 5", "one !"),
        (HEAD + "-A X stray\nCOMMIT", "line 5", "an option"),
        (HEAD + "-A X --dport 80\nCOMMIT", "line 5", "of a match"),
        (HEAD + "-A X -m\nCOMMIT", "line 5", "a value"),
        (HEAD + "what is this\nCOMMIT", "line 5", "a chain"),
        (None, "", "the text"),
        (b"*nat", "", "the text"),
    ],
)
def test_what_cannot_be_read_is_named_with_its_line(text, line, says):
    with pytest.raises(DumpError) as caught:
        parse_iptables_save(text)
    assert caught.value.where == line
    assert says in str(caught.value)


def test_chains_that_a_restore_removes_are_gone():
    ruleset = parse_iptables_save("\ufeff" + HEAD + "-A X -j ACCEPT\n-X Y\nCOMMIT\n")
    assert list(ruleset.tables["nat"].chains) == ["PREROUTING", "X"]


def test_a_circle_is_shown():
    with pytest.raises(DumpError, match=r"X -> Y -> X"):
        parse_iptables_save(HEAD + "-A PREROUTING -j X\n-A X -j Y\n-A Y -j X\nCOMMIT")


def test_a_long_line_of_chains_is_no_circle_and_no_trouble():
    names = [f"C{i}" for i in range(5000)]
    chains = [f":{name} - [0:0]" for name in names]
    jumps = [f"-A {a} -j {b}" for a, b in pairwise(names)]
    ruleset = parse_iptables_save("\n".join(["*nat", *chains, *jumps, "COMMIT"]))
    assert ruleset.rule_count == 4999


def test_an_indented_dump_is_the_same_dump(one_service_text):
    indented = "\r\n".join("\t\t" + line for line in one_service_text.split("\n"))
    assert parse_iptables_save(indented) == parse_iptables_save(one_service_text)
