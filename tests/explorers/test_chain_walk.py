"""The explorer of lesson 2: a call, a walk, a pasted dump, a guess."""

from fractions import Fraction

import pytest

from k8snet_lessons.datapath.service_call import CALLERS, Call
from k8snet_lessons.errors import InputError
from k8snet_lessons.explorers.chains import ChainWalk, headline
from k8snet_lessons.figures.chains import road, steps_html, tree_svg


@pytest.mark.parametrize("endpoints", [1, 2, 5, 10])
def test_every_pod_gets_its_share(endpoints):
    ends = Call(endpoints=endpoints).trace().backends()
    assert len(ends) == endpoints
    assert set(ends.values()) == {Fraction(1, endpoints)}


def test_without_endpoints_the_caller_is_refused():
    assert Call(endpoints=0).trace().backends() == {"reject": 1}
    assert "arrives nowhere: reject" in headline(Call(endpoints=0).trace())


def test_only_the_pod_that_reached_itself_is_masqueraded():
    outcomes = Call(caller="itself").trace().outcomes
    assert [one.masqueraded for one in outcomes] == [
        one.packet.dst == Call(caller="itself").packet().src for one in outcomes
    ]
    assert sum(one.masqueraded for one in outcomes) == 1


def test_local_keeps_the_client_and_leaves_out_other_nodes():
    cluster = Call(caller="node_port").trace()
    local = Call(caller="node_port", policy="Local").trace()
    assert all(one.masqueraded for one in cluster.outcomes)
    assert not any(one.masqueraded for one in local.outcomes)
    assert set(local.backends()) < set(cluster.backends())


@pytest.mark.parametrize("caller", CALLERS)
def test_the_picture_shows_every_end_and_says_it(caller):
    trace = Call(caller=caller).trace()
    svg = tree_svg(trace)
    for outcome in trace.outcomes:
        assert outcome.backend in svg
        assert road(outcome)[0] in ("PREROUTING", "OUTPUT")
    assert "rule: 1/2" in svg
    assert "KUBE-SEP-" in steps_html(trace)


def test_a_pasted_dump_is_walked():
    walk = ChainWalk(ask=False)
    walk.walk(Call(endpoints=2).dump(), "10.244.1.5:1->10.96.0.45:8080/tcp")
    assert set(walk.trace.backends().values()) == {Fraction(1, 2)}
    walk.set(endpoints=4)
    assert set(walk.trace.backends().values()) == {Fraction(1, 4)}


def test_a_broken_dump_names_its_line_and_keeps_the_last_picture():
    walk = ChainWalk(ask=False)
    sent = []
    walk.send = sent.append
    before = walk.frame
    for dump, packet in (
        ("*nat\n-A NOWHERE -j X\n", "10.0.0.1->10.0.0.2:80/tcp"),
        (Call().dump(), "not a packet"),
        (Call().dump(), "10.0.0.1->10.0.0.2:70000/tcp"),
    ):
        walk._take(None, {"kind": "walk", "dump": dump, "packet": packet, "origin": "pod"}, None)
        assert walk.frame == before
    assert "line 2" in sent[0]["text"]
    assert "70000" in sent[2]["text"]


def test_bad_settings_are_named_and_change_nothing():
    walk = ChainWalk(ask=False)
    for changes in ({"endpoints": 11}, {"endpoints": True}, {"caller": "nobody"}, {"x": 1}):
        with pytest.raises(InputError):
            walk.set(**changes)
    assert walk.call == Call()


def test_the_guess_comes_first():
    walk = ChainWalk()
    assert walk.frame["covered"]
    assert "svg" not in walk.frame
    walk.commit("1/3")
    assert not walk.frame["covered"]
    assert "You said 1/3" in walk.frame["verdict"]
    with pytest.raises(InputError, match="guess"):
        walk.commit("2/3")
