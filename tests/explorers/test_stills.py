"""Still pictures: there is one for each explorer that names one, and none is stale."""

import base64
import math

import pytest

from k8snet_lessons.explorers._catalog import CATALOG, build
from k8snet_lessons.explorers._still import still_numbers, still_png

REMEDY = "run `make stills`"


@pytest.mark.parametrize("name", CATALOG)
def test_a_still_is_not_stale(name: str) -> None:
    explorer = build(name)
    recorded = still_numbers(name)
    assert explorer.still == name
    assert recorded is not None, f"there is no still {name}; {REMEDY}"
    assert recorded["title"] == explorer.title, REMEDY
    assert recorded["settings"] == explorer.settings, REMEDY
    shown = {number.label: number.value for number in explorer.view.numbers}
    assert recorded["numbers"].keys() == shown.keys(), REMEDY
    for label, value in recorded["numbers"].items():
        close = math.isclose(value, shown[label], rel_tol=0.02, abs_tol=1e-3)
        assert close or (math.isnan(value) and math.isnan(shown[label])), f"{label}: {REMEDY}"


@pytest.mark.parametrize("name", CATALOG)
def test_a_still_does_not_give_the_answer_away(name: str) -> None:
    desk = build(name)._desk
    if desk.prediction is None:
        return  # nothing is asked
    asked = desk.defaults | desk.checked(desk.prediction.settings)
    right = desk.prediction.answer(desk.view_of(asked, desk.fine))
    shown = desk.prediction.answer(desk.view_of(desk.settings, desk.fine))
    assert not math.isclose(shown, right, rel_tol=0.02)


@pytest.mark.parametrize("name", CATALOG)
def test_a_still_is_a_small_png(name: str) -> None:
    text = still_png(name)
    assert text is not None
    picture = base64.b64decode(text)
    assert picture.startswith(b"\x89PNG")
    assert len(picture) < 300_000


def test_a_name_without_a_still_is_none() -> None:
    assert still_png("no-such-picture") is None
    assert still_numbers("no-such-picture") is None
