"""Every number in the lessons' prose has a source, and what can be computed anew still holds."""

from pathlib import Path

import pytest

from k8snet_lessons.course.claims import KINDS, claims, ledger, unaccounted, unsaid
from k8snet_lessons.course.claims.claim import chosen, computed
from k8snet_lessons.course.curriculum import LESSONS
from k8snet_lessons.data.measured import names

ROOT = Path(__file__).resolve().parents[2]
WRITTEN = [one for one in LESSONS if one.ready and (one.kind == "lesson" or one.number == 0)]
CLAIMS = [(lesson, claim) for lesson in WRITTEN for claim in claims(lesson)]


def text(lesson) -> str:
    return (ROOT / "lessons" / f"{lesson.slug}.md").read_text(encoding="utf-8")


@pytest.mark.parametrize("lesson", WRITTEN, ids=lambda one: one.slug)
def test_every_number_of_a_lesson_has_a_source(lesson):
    found = unaccounted(text(lesson), claims(lesson))
    assert found == [], f"add claims to course/claims/lesson_{lesson.number:02d}.py"


@pytest.mark.parametrize("lesson", WRITTEN, ids=lambda one: one.slug)
def test_every_claim_still_stands_in_its_lesson(lesson):
    assert unsaid(text(lesson), claims(lesson)) == []


@pytest.mark.parametrize(("lesson", "claim"), CLAIMS, ids=lambda one: getattr(one, "says", "")[:40])
def test_a_claim_names_its_source_and_holds(lesson, claim):
    assert claim.kind in KINDS
    assert claim.source.strip()
    assert claim.numbers(), "words without a number claim none"
    assert claim.holds(), f"computed {claim.computed()}"
    if claim.source.startswith("record "):
        assert claim.source.removeprefix("record ") in names()
    if claim.source.startswith("data file "):
        assert (ROOT / "k8snet_lessons/data" / claim.source.removeprefix("data file ")).is_file()


def test_a_number_without_a_claim_is_found():
    lesson = "# One\n\n## Why\n\nA rule costs 12.8 ns. Chains have `28` characters.\n"
    assert unaccounted(lesson, ()) == [
        "… # One ## Why A rule costs 12.8 ns. Chains have `…` characters. …"
    ]
    assert unaccounted(lesson, (chosen("A rule costs 12.8 ns"),)) == []


def test_words_that_changed_are_found():
    assert unsaid("A rule costs 13 ns.", (chosen("costs 12.8 ns"),)) == ["costs 12.8 ns"]


@pytest.mark.parametrize(
    ("says", "value", "holds"),
    [("21.8 s", 21.82, True), ("21.8 s", 21.9, False), ("some 450 MiB", 452, True),
     ("some 450 MiB", 460, False), ("96,160 entries", 96_160, True),
     ("1,048,576", 1_048_577, False)],
)  # fmt: skip
def test_a_value_is_compared_as_the_lesson_rounds(says, value, holds):
    assert computed(says, "", lambda: value).holds() is holds


def test_the_ledger_shows_every_lesson_that_has_claims():
    assert list(ledger()) == [one for one in WRITTEN if claims(one)]
