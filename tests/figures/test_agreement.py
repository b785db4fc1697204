"""Model against measurement: every pair is whole, drawable, and no farther apart than it says."""

import math

import pytest

from k8snet_lessons.data.measured import names
from k8snet_lessons.explorers.agreement import model_and_measurement
from k8snet_lessons.figures._spec import to_plotly
from k8snet_lessons.figures.agreement import (
    Agreement,
    agreement_table,
    agreements,
    gaps,
    side_by_side,
)

ALL = agreements()


@pytest.mark.parametrize("here", ALL, ids=lambda one: one.what)
def test_every_setting_has_a_model_and_a_measurement(here: Agreement):
    assert here.record in names()
    assert len(here.x) == len(here.model) == len(here.measured) >= 3
    assert all(math.isfinite(value) for value in (*here.model, *here.measured))
    for figure in (side_by_side(here), gaps(here)):
        assert to_plotly(figure).layout.xaxis.title.text == here.x_title


@pytest.mark.parametrize("here", ALL, ids=lambda one: one.what)
def test_the_model_is_no_farther_off_than_the_course_admits(here: Agreement):
    if here.trials:  # shares of trials: four standard errors of a binomial
        for said, seen in zip(here.model, here.measured, strict=True):
            error = math.sqrt(said * (100 - said) / here.trials)
            assert abs(said - seen) < 4 * error, (said, seen)
        return
    allowed = 25 if here.kind == "fitted" else 10
    assert abs(here.largest_gap_percent) < allowed


@pytest.mark.parametrize("what", ["frame on the wire, vxlan", "connections refused when SNAT runs"])
def test_what_can_be_counted_agrees_exactly(what):
    here = next(one for one in ALL if one.what.startswith(what))
    assert here.model == here.measured


def test_the_table_names_all_and_the_widest_gap_last():
    rows = agreement_table().rows
    assert {row[0] for row in rows} == {one.what for one in ALL}
    widest = max(ALL, key=lambda one: abs(one.largest_gap_percent))
    assert rows[-1][0] == widest.what


def test_a_gap_has_the_sign_of_the_model():
    here = Agreement("q", "x", "y", (1.0, 2.0), (90.0, 103.0), (100.0, 100.0), "nat", "fitted")
    assert here.gaps_percent == pytest.approx((-10, 3))
    assert here.largest_gap_percent == pytest.approx(-10)


def test_the_explorer_shows_each():
    explorer = model_and_measurement()
    for here in ALL:
        explorer.set(what=here.what)
        assert explorer.view.number("settings measured") == len(here.x)
        assert len(list(explorer.view.csv())) == len(here.x)
