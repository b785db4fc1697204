"""What other parts of a node write: Calico, Cilium, Docker, flannel, portmap."""

from pathlib import Path

import pytest

from k8snet_lessons.datapath import Packet, parse_iptables_save, trace

DUMPS = Path(__file__).parent / "dumps"
NODE = {"192.168.0.2"}


@pytest.fixture(scope="module")
def calico():
    return parse_iptables_save((DUMPS / "calico.txt").read_text())


@pytest.fixture(scope="module")
def mixed():
    return parse_iptables_save((DUMPS / "cilium-docker-portmap.txt").read_text())


def only(found):
    (outcome,) = found.outcomes
    return outcome


POD = Packet("10.1.0.5", "10.1.0.6", 6379, in_interface="cali1234567890a")
CALICO = {
    "local_addresses": NODE,
    "routes": {"10.1.0.6/32": "cali1234567890b", "0.0.0.0/0": "eth0"},
    "assume": {"-m rpfilter --validmark --invert": False},
}
POOLS = {"cali40masq-ipam-pools": ["10.1.0.0/16"], "cali40all-ipam-pools": ["10.1.0.0/16"]}
REDIS = "cali40s:fKoyC6Gk2mR3rwGqVvpU9Qy"


def test_calico_lets_in_whom_the_policys_set_names(calico):
    allowed = trace(calico, POD, **CALICO, sets={**POOLS, REDIS: ["10.1.0.5"]})
    assert only(allowed).verdict == "accept"
    assert not only(allowed).masqueraded
    refused = trace(calico, POD, **CALICO, sets={**POOLS, REDIS: ["10.1.0.7"]})
    assert only(refused).verdict == "drop"


def test_calico_without_the_sets_rests_on_them_and_says_so(calico):
    found = trace(calico, POD, **CALICO)
    assert only(found).verdict == "drop"
    assert f"-m set --match-set {REDIS} src" in [u.clause for u in found.unknowns]


def test_calico_masquerades_what_leaves_the_pools(calico):
    packet = Packet("10.1.0.5", "203.0.113.1", 443, in_interface="cali1234567890a")
    outcome = only(trace(calico, packet, **CALICO, sets=POOLS))
    assert (outcome.verdict, outcome.masqueraded, outcome.packet.src) == (
        "accept",
        True,
        "192.168.0.2",
    )


def test_calico_drops_tunnels_out_of_pods(calico):
    tunnel = Packet("10.1.0.5", "203.0.113.1", 4789, "udp", in_interface="cali1234567890a")
    assert only(trace(calico, tunnel, **CALICO, sets=POOLS)).verdict == "drop"
    inner = Packet("10.1.0.5", "203.0.113.1", protocol="4", in_interface="cali1234567890a")
    assert only(trace(calico, inner, **CALICO, sets=POOLS)).verdict == "drop"
    strange = Packet("10.1.0.5", "203.0.113.1", 443, in_interface="cali9")
    assert only(trace(calico, strange, **CALICO, sets=POOLS)).verdict == "drop"


MIXED = {
    "local_addresses": NODE,
    "routes": {"172.17.0.0/16": "docker0", "10.42.0.0/24": "cni0", "0.0.0.0/0": "eth0"},
    "assume": {"-m socket --transparent": False},
}


def test_docker_publishes_a_port(mixed):
    outside = Packet("203.0.113.9", "192.168.0.2", 5000, in_interface="eth0")
    outcome = only(trace(mixed, outside, "external", **MIXED))
    assert (outcome.verdict, outcome.packet.destination) == ("accept", "172.17.0.2:5000")
    assert not outcome.masqueraded
    loose = Packet("203.0.113.9", "172.17.0.3", 5000, in_interface="eth0")
    assert only(trace(mixed, loose, "external", **MIXED)).verdict == "drop"


def test_a_container_is_masqueraded_on_its_way_out(mixed):
    out = Packet("172.17.0.2", "203.0.113.9", 443, in_interface="docker0")
    outcome = only(trace(mixed, out, **MIXED))
    assert (outcome.verdict, outcome.masqueraded) == ("accept", True)


def test_host_ports_by_portmap(mixed):
    outside = Packet("203.0.113.9", "192.168.0.2", 8443, in_interface="eth0")
    outcome = only(trace(mixed, outside, "external", **MIXED))
    assert (outcome.packet.destination, outcome.masqueraded) == ("10.42.0.9:443", False)
    hairpin = Packet("10.42.0.9", "192.168.0.2", 8443, in_interface="cni0")
    outcome = only(trace(mixed, hairpin, **MIXED))
    assert (outcome.packet.destination, outcome.masqueraded) == ("10.42.0.9:443", True)
    assumed = trace(mixed, outside, "external", assume=MIXED["assume"], routes=MIXED["routes"])
    assert only(assumed).packet.destination == "10.42.0.9:443"
    assert "port 8443 is one of its node ports" in assumed.assumptions[0]


def test_martians_for_localhost_are_blocked_unless_translated(mixed):
    martian = Packet("203.0.113.9", "127.0.0.1", 22, in_interface="eth0")
    outcome = only(trace(mixed, martian, "external", **MIXED))
    assert (outcome.verdict, outcome.ended_at) == ("drop", "INPUT")


def test_cilium_takes_proxied_traffic_out_of_conntrack(mixed):
    proxied = Packet("10.0.1.9", "10.0.1.10", 80, in_interface="lxc1", mark=0x200)
    outcome = only(trace(mixed, proxied, **MIXED))
    assert outcome.entry is None
    assert "nat" not in outcome.rules_by_table


def test_cilium_rewrites_what_the_host_sends_to_pods(mixed):
    packet = Packet("192.168.0.2", "10.0.2.5", 80)
    routes = {**MIXED["routes"], "10.0.2.0/24": "cilium_host"}
    outcome = only(trace(mixed, packet, "host", **{**MIXED, "routes": routes}))
    assert outcome.packet.src == "10.0.1.7"


def test_both_dumps_are_known_in_full(calico, mixed):
    assert [note.partition(":")[0] for note in calico.notes] == ["match rpfilter"]
    assert [note.partition(":")[0] for note in mixed.notes] == ["match socket"]
