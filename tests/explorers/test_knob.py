"""Knobs: what they accept, what they refuse, where the slider stops."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from k8snet_lessons.errors import InputError
from k8snet_lessons.explorers import Knob, Number
from k8snet_lessons.explorers._view import change, significant

TABLE = Knob("entries", "Entries", 262_144, kind="log", min=1, max=100_000_000,
             slider=(8192, 1_048_576), stops=(16_384, 65_536, 262_144))  # fmt: skip


def test_a_slider_may_be_narrower_than_what_can_be_typed() -> None:
    assert TABLE.slider_stops() == (8192, 16_384, 65_536, 262_144, 1_048_576)
    assert TABLE.check("5") == 5
    with pytest.raises(InputError, match="a whole number from 1 to 100000000"):
        TABLE.check(0)


def test_a_linear_slider_reaches_both_ends() -> None:
    assert Knob("x", "X", 1, min=1, max=10, step=4).slider_stops() == (1, 5, 9, 10)
    assert len(Knob("x", "X", 0.5, min=0.0, max=1.0).slider_stops()) == 101


@given(st.floats(1e-3, 1e3), st.floats(1.5, 1e6), st.booleans())
def test_every_stop_of_a_log_slider_is_accepted(low: float, span: float, whole: bool) -> None:
    high = low * span
    default: float = low
    if whole:
        low, high = max(1, round(low)), max(2, round(high))
        default = int(low)
    if low >= high:
        return
    knob = Knob("x", "X", default, kind="log", min=low, max=high)
    stops = knob.slider_stops()
    assert stops == tuple(sorted(set(stops)))
    assert (stops[0], stops[-1]) == (low, high)
    for stop in stops:
        assert knob.check(stop) == stop


@pytest.mark.parametrize("kind", ["range", "log"])
def test_a_slider_needs_its_ends(kind: str) -> None:
    with pytest.raises(InputError, match="min and max"):
        Knob("x", "X", 1, kind=kind)  # type: ignore[arg-type]


def test_a_default_outside_the_bounds_is_a_mistake_of_the_author() -> None:
    with pytest.raises(InputError, match="x is 11"):
        Knob("x", "X", 11, min=1, max=10)


def test_choices_may_have_labels() -> None:
    knob = Knob(
        "cni", "CNI", "bgp", kind="choice", choices={"bgp": "BGP, direct", "vxlan": "VXLAN"}
    )
    assert knob.options == (("bgp", "BGP, direct"), ("vxlan", "VXLAN"))
    with pytest.raises(InputError, match="one of bgp, vxlan"):
        knob.check("BGP, direct")


@pytest.mark.parametrize(
    ("value", "text"),
    [(0, "0"), (58.34, "58.3"), (0.001234, "0.00123"), (1234.5, "1,230"), (262_144, "262,144"),
     (math.nan, "none"), (math.inf, "infinite"), (99.99, "100"), (2.0000000001, "2"),
     (-3.456, "-3.46")],
)  # fmt: skip
def test_significant_digits(value: float, text: str) -> None:
    assert significant(value) == text


@pytest.mark.parametrize(
    ("before", "after", "words"),
    [(10, 5, "50 % lower"), (10, 13.4, "34 % higher"), (10, 32, "3.2 times as high"),
     (10, 10.01, "unchanged (within 0.5 %)"), (10, 10, "unchanged"), (0, 3, "higher"),
     (100, 5, "20 times lower"), (math.nan, 1, "cannot be compared")],
)  # fmt: skip
def test_change_in_words(before: float, after: float, words: str) -> None:
    assert change(before, after) == words


def test_number_text() -> None:
    assert Number("p99", 58.34, "ms").text == "58.3 ms"
