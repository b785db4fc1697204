"""What a wall of many peers costs: the model, its explorer, and the record beside them."""

import pytest

from k8snet_lessons.data.costs import cost
from k8snet_lessons.data.measured import load
from k8snet_lessons.datapath.policy import FORMS, wall_cost
from k8snet_lessons.errors import InputError
from k8snet_lessons.explorers.policy_cost import view, what_a_wall_costs
from k8snet_lessons.figures.policy_cost import NAMES


def test_a_set_stays_flat_and_a_list_grows():
    one, many = ({form: wall_cost([peers], form) for form in FORMS} for peers in (1, 10_000))
    assert one["set"].first_us == many["set"].first_us
    grown_us = many["rules"].first_us - one["rules"].first_us
    assert grown_us == pytest.approx(9_999 * cost("policy.rule_us"))
    assert many["rules"].later_us == many["set"].later_us == 0
    assert many["untracked"].first_us == 2 * many["untracked"].later_us > 0


def test_only_tracked_walls_are_spread_over_the_requests_of_a_connection():
    for form, kept in (("rules", 0.01), ("untracked", 0.5)):
        found = wall_cost([10_000], form)
        share = found.per_request_us(100) / found.per_request_us(1)
        assert share[0] == pytest.approx(kept, abs=0.01)


@pytest.mark.parametrize(("peers", "form"), [([0], "set"), ([float("nan")], "set"), ([1], "list")])
def test_what_is_no_wall_is_refused(peers, form):
    with pytest.raises(InputError, match=r"peers|form"):
        wall_cost(peers, form)


@pytest.mark.parametrize("form", ["rules", "set"])
def test_the_record_lies_near_the_curve(form):
    explorer = what_a_wall_costs()
    shown = view({**explorer.settings, "form": form}, requests=1)
    points = next(t for t in shown.panels[0].evidence if NAMES[form] in t["hovertemplate"])
    said = wall_cost(points["x"], form).first_us
    for measured_us, model_us in zip(points["y"], said, strict=True):
        assert measured_us == pytest.approx(model_us, rel=0.2, abs=1.0)


def test_later_packets_do_not_walk_tracked_rules():
    record = load("policy-rules")
    plain = record.one("second send", form="no policy").minimum
    for peers in (1, 10_000):
        later = record.one("second send", form="a rule for each peer", peers=peers).minimum
        assert later == pytest.approx(plain, rel=0.25)
    walked = record.one("second send", form="a rule for each peer, every packet", peers=10_000)
    assert walked.minimum > 5 * plain


def test_the_headline_says_what_a_request_pays():
    explorer = what_a_wall_costs()
    explorer.uncover()
    explorer.load("10,000 peers, one set")
    assert "each later packet nothing" in explorer.view.headline
    explorer.load("every packet asks")
    assert explorer.view.number("added to each later packet") > 1
