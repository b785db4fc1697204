"""Every lesson has the same anatomy, agrees with its source, and links to what exists."""

import json
import re
import subprocess
import sys
from pathlib import Path

import pytest

from k8snet_lessons.course.anatomy import PARTS, course_map, expand, problems, title
from k8snet_lessons.course.curriculum import LESSONS, find, following, lesson, numbered
from k8snet_lessons.course.pictures import picture
from k8snet_lessons.course.questions import load, questions
from k8snet_lessons.errors import InputError

ROOT = Path(__file__).resolve().parents[2]
READY = [one for one in LESSONS if one.ready]
EACH = pytest.mark.parametrize("here", READY, ids=lambda one: one.slug)


def cells(here):
    return json.loads((ROOT / here.path).read_text(encoding="utf-8"))["cells"]


def text(cell):
    return "".join(cell["source"])


@EACH
def test_a_lesson_has_every_part_in_order(here):
    prose = "\n".join(text(cell) for cell in cells(here) if cell["cell_type"] == "markdown")
    headings = re.findall(r"^## (.+)$", prose, re.M)
    code = [
        sum(bool(line.strip()) for line in text(cell).splitlines())
        for cell in cells(here)
        if cell["cell_type"] == "code"
    ]
    assert problems(here, headings, code) == []


@EACH
def test_a_lesson_begins_with_its_place(here):
    assert text(cells(here)[0]).startswith(title(here))


@EACH
def test_cell_ids_are_readable_and_unique(here):
    ids = [cell["id"] for cell in cells(here)]
    assert len(set(ids)) == len(ids)
    assert all(re.fullmatch(r"[a-z0-9-]{1,64}", one) for one in ids)


@EACH
def test_every_code_cell_left_something_to_read(here):
    for cell in cells(here):
        if cell["cell_type"] == "code" and "silent" not in cell["metadata"].get("tags", []):
            shown = [out for out in cell["outputs"] if out["output_type"] != "error"]
            assert shown, f"{cell['id']} shows nothing where no kernel runs"


@EACH
def test_links_lead_to_files_that_exist(here):
    for cell in cells(here):
        if cell["cell_type"] != "markdown":
            continue
        for target in re.findall(r"\]\(([^)\s]+)\)", text(cell)):
            if not target.startswith(("http", "#")):
                assert (ROOT / "notebooks" / target.split("#")[0]).is_file(), target


@EACH
def test_nothing_is_fetched_to_show_a_lesson(here):
    for cell in cells(here):
        shown = text(cell) + json.dumps(cell.get("outputs", []))
        assert not re.search(r"(<script|<img|<link)[^>]+(src|href)=.{0,2}https?:", shown)


def test_notebooks_agree_with_their_sources():
    done = subprocess.run(
        [sys.executable, ROOT / "tools" / "build_notebooks.py", "--check"],
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stdout + done.stderr


def test_the_curriculum_is_in_order_and_whole():
    numbers = [one.number for one in LESSONS]
    assert numbers == sorted(set(numbers))
    for one in LESSONS:
        assert all(number < one.number for number in one.needs)
        assert (ROOT / "exercises" / one.file).is_file() == one.exercise
        assert (ROOT / one.path).is_file() == one.ready


def test_a_lessons_picture_is_the_one_that_the_code_draws():
    for here in READY:
        file = ROOT / "notebooks" / "img" / f"{here.slug}.svg"
        if file.is_file():
            drawn, words = picture(here.slug)
            assert file.read_text(encoding="utf-8") == drawn
            assert len(words) > 40


def test_the_map_links_only_what_is_there():
    shown = course_map()
    for one in LESSONS[1:]:
        assert one.title in shown
        assert (f"]({one.file})" in shown) == one.ready


@pytest.mark.parametrize(
    ("wanted", "number"),
    [("1", 1), ("01", 1), ("01-north-south-path", 1), ("north", 1), ("ndots", 4),
     ("notebooks/05-conntrack-exhaustion.ipynb", 5), ("90", 90)],
)  # fmt: skip
def test_a_lesson_is_found_by_number_slug_or_part(wanted, number):
    assert find(wanted).number == number


@pytest.mark.parametrize("wanted", ["", "99", "o", "nothing like it"])
def test_what_is_not_a_lesson_names_those_that_are(wanted):
    with pytest.raises(InputError, match="lesson"):
        find(wanted)


def test_the_order_of_lessons():
    assert following(lesson(0)) == lesson(1)
    assert following(LESSONS[-1]) is None
    assert len(numbered()) == 13


def test_a_lesson_that_lacks_a_part_is_told_which():
    parts = [part for part in PARTS if part != "Evidence"]
    assert "no part 'Evidence'" in problems(lesson(1), parts, [])
    assert any("more than 8" in one for one in problems(lesson(1), list(PARTS), [9]))
    shuffled = [*PARTS[1:], PARTS[0]]
    assert any("order" in one for one in problems(lesson(1), shuffled, []))


def test_an_unknown_directive_is_refused():
    with pytest.raises(InputError, match="directive"):
        expand("quizz", lesson(1))


GOOD = """
- id: 01-x
  kind: choice
  level: screen
  concepts: [tls]
  prompt: Who?
  source: [somewhere]
  choices:
    - {text: a, because: b, right: true}
    - {text: c, because: d, misconception: e}
    - {text: f, because: g, misconception: h}
"""


def test_a_question_is_read():
    (question,) = load(GOOD, "01-north-south-path")
    assert question.choices[0].right
    assert question.choices[1].misconception == "e"


@pytest.mark.parametrize(
    ("change", "field"),
    [
        (("id: 01-x", "id: 02-x"), "id"),
        (("kind: choice", "kind: poem"), "kind"),
        (("level: screen", "level: guru"), "level"),
        (("concepts: [tls]", "concepts: []"), "concepts"),
        (("prompt: Who?", "prompt: "), "prompt"),
        (("source: [somewhere]", "source: somewhere"), "source"),
        ((", right: true", ""), "misconception"),
        ((", misconception: e", ""), "misconception"),
        (("misconception: e", "right: true"), "choices"),
        (("prompt: Who?", "promt: Who?"), "field"),
    ],
)
def test_a_question_that_does_not_fit_names_its_field(change, field):
    with pytest.raises(InputError) as error:
        load(GOOD.replace(*change), "01-north-south-path")
    assert error.value.field == field
    assert "question 1" in error.value.where


@pytest.mark.parametrize("here", LESSONS, ids=lambda one: one.slug)
def test_each_lessons_questions_fit_the_shape(here):
    for question in questions(here.slug):
        assert question.lesson == here.slug
        assert all(choice.because for choice in question.choices)
