"""The walk as a widget: knobs, steps, the guess, and its form without a kernel."""

import pytest

from k8snet_lessons.errors import InputError
from k8snet_lessons.explorers.path import north_south_path


@pytest.fixture
def walked():
    return north_south_path(ask=False)


def test_nothing_is_given_away_before_the_guess():
    walked = north_south_path()
    assert walked.frame["covered"]
    assert "svg" not in walked.frame
    walked.commit("203.0.113.7")
    assert "Find the hop" in walked.frame["verdict"]
    assert "you expect 203.0.113.7" in walked.frame["svg"]


def test_a_right_guess_is_said_to_be_right():
    walked = north_south_path()
    walked.commit("10.0.1.11")
    assert "right" in walked.frame["verdict"]


def test_a_guess_that_is_no_answer_is_refused():
    with pytest.raises(InputError, match="guess"):
        north_south_path().commit("1.2.3.4")


def test_steps_stay_on_the_road(walked):
    walked.go(-5)
    assert walked.step == 0
    walked.go(99)
    assert walked.step == walked.frame["count"] - 1


def test_a_knob_keeps_the_lit_hop_where_it_can(walked):
    walked.go([hop.key for hop in walked.path.hops].index("ingress"))
    walked.set(external_traffic_policy="Local")
    assert walked.path.hops[walked.step].key == "ingress"
    assert "203.0.113.7" in walked.frame["summary"]


@pytest.mark.parametrize("change", [{"target": "moon"}, {"speed": 9}, {"__class__": 1}])
def test_a_wrong_knob_is_named_and_the_road_stays(walked, change):
    before = walked.frame
    with pytest.raises(InputError):
        walked.set(**change)
    assert walked.frame == before


@pytest.mark.parametrize(
    "message",
    [{}, {"kind": "go"}, {"kind": "go", "step": "x"}, {"kind": "set"}, {"kind": "set", "name": 3},
     {"kind": "set", "name": "target", "value": {"a": 1}}, {"kind": "commit", "guess": [1]}],
)  # fmt: skip
def test_whatever_the_page_sends_nothing_breaks(walked, message):
    walked._take(None, message, None)
    assert walked.frame["count"] > 5


def test_reset_goes_back_to_the_beginning(walked):
    walked.set(load_balancer="l7")
    walked._take(None, {"kind": "reset"}, None)
    assert walked.frame["edge"]["load_balancer"] == "l4"


def test_without_a_kernel_the_road_is_a_table(walked):
    bundle = walked._repr_mimebundle_()
    data = bundle[0] if isinstance(bundle, tuple) else bundle
    assert "203.0.113.7:51512" in data["text/html"]
    assert data["text/plain"].startswith("<PathWalk load_balancer='l4'")
    covered = north_south_path()._repr_mimebundle_()
    shown = covered[0] if isinstance(covered, tuple) else covered
    assert "10.0.1.11" in shown["text/html"]
    assert "masquerade" not in shown["text/html"]
    assert " at 0x" not in data["text/plain"]
