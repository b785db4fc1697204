"""One question to all four modes, and the same answer."""

from fractions import Fraction

import pytest
from flow_worlds import NODE, OUTSIDE, POD, endpoints, service, world
from hypothesis import given, settings
from hypothesis import strategies as st

from k8snet_lessons.control import program
from k8snet_lessons.datapath import Conntrack, Packet, RecentLists, reachable, trace
from k8snet_lessons.errors import InputError

MODES = ("iptables", "nftables", "ipvs", "ebpf")
VIP, LB = "172.30.0.41", "198.51.100.7"


@st.composite
def worlds(draw):
    """One Service with policies Cluster, its endpoints in any state, and packets to try."""
    kind = draw(st.sampled_from(["ClusterIP", "NodePort", "LoadBalancer"]))
    where = draw(
        st.lists(st.sampled_from(["here", "there", "here~", "there~", "there!"]), max_size=6)
    )
    pods = [f"10.180.0.{n + 1}@{place}" for n, place in enumerate(where)]
    parts = [service(kind=kind, lb=f"{{ip: {LB}}}" if kind == "LoadBalancer" else "")]
    if pods:
        parts.append(endpoints(*pods))
    targets = [(VIP, 80)]
    targets += [(NODE, 3001)] if kind != "ClusterIP" else []
    targets += [(LB, 80)] if kind == "LoadBalancer" else []
    sources = [(POD, "pod"), (NODE, "host"), (OUTSIDE, "external")]
    if pods and where[0].startswith("here"):
        # A pod that reaches itself; one that is elsewhere does not send from here.
        sources.append(("10.180.0.1", "pod"))
    return world(*parts), [
        (Packet(source, target, port), origin)
        for target, port in targets
        for source, origin in sources
    ]


@settings(max_examples=40, deadline=None)
@given(worlds())
def test_all_modes_agree(made):
    cluster, packets = made
    rulesets = {mode: program(cluster, "here", mode) for mode in MODES}
    for packet, origin in packets:
        answers = {mode: reachable(rulesets[mode], packet, origin) for mode in MODES}
        rules = answers["iptables"]
        for mode, answer in answers.items():
            assert answer.backends == rules.backends, (mode, packet, origin)
            assert sum((*answer.backends.values(), *answer.refused.values(), answer.untouched)) == 1
        assert answers["nftables"].masqueraded == rules.masqueraded, (packet, origin)
        # eBPF translates at connect(), before there is a packet to masquerade, and hides
        # the client's address from remote backends of outsiders only; IPVS leaves the
        # source to the kernel's routing where the node itself asks.
        if origin == "external":
            assert answers["ipvs"].masqueraded == rules.masqueraded, packet
            assert answers["ebpf"].masqueraded <= rules.masqueraded, packet


def test_ipvs_alone_parts_with_the_others_under_local_policies():
    """It has one list of servers for whoever asks; an empty one refuses, it does not drop."""
    outside = service(kind="NodePort", spec="  externalTrafficPolicy: Local\n")
    inside = service(spec="  internalTrafficPolicy: Local\n")
    away = endpoints("10.180.1.1@there")
    both = endpoints("10.180.0.1@here", "10.180.1.1@there")
    for mode in MODES:
        of_pods = reachable(program(world(outside, both), "here", mode), Packet(POD, NODE, 3001))
        assert len(of_pods.backends) == (1 if mode == "ipvs" else 2), mode
        without = reachable(program(world(outside, away), "here", mode), Packet(POD, NODE, 3001))
        assert list(without.backends) == ["10.180.1.1:80"], mode
        (nobody,) = trace(program(world(inside, away), "here", mode), Packet(POD, VIP, 80)).outcomes
        assert nobody.verdict == ("drop" if mode in ("iptables", "nftables") else "reject"), mode


@pytest.fixture(scope="module")
def three():
    made = world(
        service(kind="NodePort", spec="  sessionAffinity: ClientIP\n"),
        endpoints("10.180.0.1@here", "10.180.0.2@here", "10.180.1.1@there"),
    )
    return {mode: program(made, "here", mode) for mode in MODES}


CLIENT = Packet(POD, VIP, 80, sport=40000)


@pytest.mark.parametrize("mode", MODES)
def test_outcomes_are_alike_in_form(three, mode):
    found = trace(three[mode], CLIENT)
    assert found.mode == mode
    assert {o.backend: o.probability for o in found.outcomes} == {
        "10.180.0.1:80": Fraction(1, 3),
        "10.180.0.2:80": Fraction(1, 3),
        "10.180.1.1:80": Fraction(1, 3),
    }
    for outcome in found.outcomes:
        assert outcome.rules_evaluated > 0
        assert outcome.steps
        assert outcome.entry is not None
    assert f"through {mode}: 3 outcomes" in str(found)
    assert "<table>" in found._repr_html_()


@pytest.mark.parametrize("mode", MODES)
def test_affinity_and_sampling(three, mode):
    kept = reachable(three[mode], CLIENT, affinity="10.180.0.2:80")
    assert kept.backends == {"10.180.0.2:80": 1}
    seen = {trace(three[mode], CLIENT, sample=seed).outcomes[0].backend for seed in range(40)}
    assert len(seen) == 3
    once = trace(three[mode], CLIENT, sample=5).outcomes
    assert once == trace(three[mode], CLIENT, sample=5).outcomes
    assert once[0].probability == Fraction(1, 3)


@pytest.mark.parametrize("mode", MODES)
def test_later_packets_and_answers(three, mode):
    packet = Packet(OUTSIDE, NODE, 3001, sport=5555)
    first = trace(three[mode], packet, "external").outcomes[-1]
    table = Conntrack().with_entry(first.entry)
    (later,) = trace(three[mode], packet, "external", conntrack=table).outcomes
    assert (later.packet, later.probability) == (first.packet, 1)
    assert later.masqueraded == first.masqueraded
    (answer,) = trace(three[mode], first.entry.reply_packet(), conntrack=table).outcomes
    assert str(answer.packet) == f"{NODE}:3001->{OUTSIDE}:5555/tcp"


@pytest.mark.parametrize("mode", MODES)
def test_what_no_service_wants_goes_on_as_it_is(three, mode):
    for packet in (Packet(POD, "10.180.0.9", 80), Packet(POD, "10.180.0.9", protocol="icmp")):
        (outcome,) = trace(three[mode], packet).outcomes
        assert (outcome.verdict, outcome.packet) == ("accept", packet)


@pytest.mark.parametrize("mode", MODES[1:])
@pytest.mark.parametrize(
    "options",
    [{"recent": RecentLists()}, {"routes": {}}, {"state": "INVALID"}, {"assume": {}}],
)
def test_what_only_iptables_rules_ask_is_refused(three, mode, options):
    with pytest.raises(InputError, match="iptables rules ask it"):
        trace(three[mode], CLIENT, **options)
