"""What iptables-save really prints, read back: the same rule that was put in."""

import shutil
import subprocess

import pytest
from node_network import NodeNetwork, why_not

from k8snet_lessons.datapath import parse_iptables_save

REASON = why_not()
pytestmark = [pytest.mark.kernel, pytest.mark.skipif(bool(REASON), reason=REASON)]

RULES = """
-s 10.0.0.1/32 -d 10.0.0.0/8 -j ACCEPT
! -s 10.0.0.0/255.255.240.0 ! -d 10.0.0.1 -j DROP
! -i eth0 -o cali+ -j RETURN
-p tcp -m tcp --dport 80:90 ! --sport 1024: -j ACCEPT
-p udp --dport 53 -j Y
-p sctp -m sctp --dport 5060 -j ACCEPT
-p icmp -m icmp --icmp-type 8 -j ACCEPT
-p gre -j ACCEPT
! -p tcp -j ACCEPT
-p tcp -m multiport ! --dports 80,443,8000:8080 -j ACCEPT
-p tcp -m multiport --ports 53 -j ACCEPT
-p tcp -m tcp ! --tcp-flags FIN,SYN,RST,ACK SYN -j DROP
-m comment --comment "a \\"quoted\\" word" -j ACCEPT
-m comment --comment "-j DROP" -j ACCEPT
-m comment --comment plain -j ACCEPT
-m mark ! --mark 0x4000/0x4000 -j RETURN
-m connmark --mark 0x1/0xff -j ACCEPT
-m conntrack --ctstate RELATED,ESTABLISHED -j ACCEPT
-m conntrack ! --ctstate INVALID,NEW,DNAT -j ACCEPT
-m conntrack --ctproto 6 --ctorigdst 10.0.0.1 --ctorigdstport 80 -j ACCEPT
-m state --state NEW -j ACCEPT
-m addrtype --dst-type LOCAL -j ACCEPT
-m addrtype ! --src-type LOCAL --dst-type UNICAST -j ACCEPT
-m statistic --mode random --probability 0.3333333333 -j Y
-m statistic --mode random ! --probability 0.0001 -j Y
-m statistic --mode nth --every 3 --packet 1 -j Y
-m recent --name L --rcheck --seconds 10800 --reap -j Y
-m recent --name L --set --rdest -j Y
-m recent ! --name M --update --seconds 9 --hitcount 3 --mask 255.255.255.0 -j Y
-m limit --limit 5/min --limit-burst 7 -j ACCEPT
-m iprange --src-range 10.0.0.1-10.0.0.9 -j ACCEPT
-m pkttype --pkt-type broadcast -j DROP
-m length --length 100:200 -j ACCEPT
-m tos --tos 0x10/0x3f -j ACCEPT
-m physdev --physdev-is-bridged -j ACCEPT
-m u32 --u32 "0x0>>0x16&0x3c@0xc>>0x1a&0x3c@0x0&0xff=0x0" -j ACCEPT
-m owner --uid-owner 0 -j ACCEPT
-m rpfilter --validmark --invert -j DROP
-m socket --transparent -j ACCEPT
-g Y
-j MARK --or-mark 0x4000
-j MARK --xor-mark 0x4000
-j MARK --and-mark 0xff
-j MARK --set-mark 0x1/0x3
-j CONNMARK --save-mark --nfmask 0xff --ctmask 0xf
-j CONNMARK --set-xmark 0x1/0xff
-j REJECT
-j REJECT --reject-with icmp-host-prohibited
-p tcp -j REJECT --reject-with tcp-reset
-p tcp -j DNAT --to-destination 10.0.0.1:80
-p tcp -j DNAT --to-destination 10.0.0.1-10.0.0.3:80-90 --random --persistent
-j SNAT --to-source 10.0.0.1 --random-fully
-p tcp -j SNAT --to-source 10.0.0.1:1024-2048
-j MASQUERADE --random-fully
-p tcp -j MASQUERADE --to-ports 1024-2048
-p tcp -j REDIRECT --to-ports 15001
-j NETMAP --to 10.9.0.0/24
-j CT --notrack
-j NOTRACK
-p tcp -j TPROXY --on-port 15001 --on-ip 127.0.0.1 --tproxy-mark 0x1/0x1
-j LOG --log-prefix "a b "
-j NFLOG --nflog-group 5
-p tcp -m tcp --tcp-flags SYN,RST SYN -j TCPMSS --clamp-mss-to-pmtu
-j CHECKSUM --checksum-fill
""".strip().splitlines()

# Where each target may stand; every rule is tried in all of them, and must fit in one.
HOMES = [("filter", "FORWARD"), ("filter", "OUTPUT"), ("nat", "PREROUTING"),
         ("nat", "POSTROUTING"), ("mangle", "PREROUTING"), ("raw", "PREROUTING"),
         ("filter", "INPUT")]  # fmt: skip


@pytest.fixture(scope="module")
def node():
    with NodeNetwork([]) as made:
        yield made


def essence(ruleset, table, chain):
    """Matches and target of the chain's rules; words of what is kept as words, in any order."""
    return [
        (frozenset(map(repr, rule.matches)), rule.target)
        for rule in ruleset.tables[table].chains[chain].rules
    ]


def saved(node, tool, table, chain, line):
    """What the tool prints for a rule, and what went in; None where it does not take it."""
    text = f"*{table}\n:{chain} ACCEPT [0:0]\n:Y - [0:0]\n-A {chain} {line}\nCOMMIT\n"
    with node.inside("node"):
        put = subprocess.run([f"{tool}-restore"], input=text, capture_output=True, text=True)
        if put.returncode:
            return None
        out = subprocess.run([f"{tool}-save", "-t", table], capture_output=True, text=True)
    return text, out.stdout


@pytest.mark.parametrize("tool", ["iptables-nft", "iptables-legacy"])
def test_the_tools_own_print_is_read_as_what_was_put_in(node, tool):
    if shutil.which(f"{tool}-save") is None:
        pytest.skip(f"{tool} is not installed")
    refused, different = [], []
    for line in RULES:
        for table, chain in HOMES:
            printed = saved(node, tool, table, chain, line)
            if printed is not None:
                text, output = printed
                given = essence(parse_iptables_save(text), table, chain)
                read = essence(parse_iptables_save(output), table, chain)
                if read != given:
                    different.append((line, given, read))
                break
        else:
            refused.append(line)
    node.forget()
    assert not different
    # Kernels differ in what they are built with; most must be there, or nothing is tested.
    assert len(refused) < len(RULES) // 4, refused
