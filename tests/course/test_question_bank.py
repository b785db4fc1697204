"""The bank's four kinds: what fits the shape, what does not, and numbers that models answer."""

import re

import pytest

from k8snet_lessons.course.curriculum import LESSONS
from k8snet_lessons.course.numbers import pose
from k8snet_lessons.course.questions import bank, load, question, quiz_questions
from k8snet_lessons.errors import InputError

LESSON = "05-conntrack-exhaustion"
NUMERIC = """
- id: 05-n
  kind: numeric
  level: senior
  concepts: [conntrack]
  prompt: "{cores} cores: which limit?"
  source: [somewhere]
  draw: {cores: [2, 3]}
  answer: kube-proxy limit
  unit: entries
  because: "{answer} for {cores}."
  slips:
    - {answer: "kube-proxy limit, no minimum", misconception: no-minimum, because: "There is one."}
"""
READ = """
- id: 05-r
  kind: read
  level: senior
  concepts: [conntrack]
  prompt: What is it?
  source: [somewhere]
  output: |
    cpu=0  drop=1
      indented
  choices:
    - {text: a, because: b, right: true}
    - {text: c, because: d, misconception: e}
    - {text: f, because: g, misconception: h}
"""
OPEN = """
- id: 05-o
  kind: open
  level: staff
  concepts: [conntrack]
  prompt: Tell me.
  source: [somewhere]
  minutes: 3
  model_answer: All of it.
  points:
    - &point
      id: one
      claim: It is so.
      dimension: mechanism
      concept: conntrack
      source: somewhere
      follow_up: And then?
      read: "05-conntrack-exhaustion#Why"
      says: ["table + full"]
      wrong:
        - {misconception: m, claim: It is not so., says: ["table + empty"]}
    - {<<: *point, id: two}
    - {<<: *point, id: three}
"""


def test_output_keeps_its_lines():
    (found,) = load(READ, LESSON)
    assert found.output == "cpu=0  drop=1\n  indented"
    assert not found.quiz


def test_a_number_is_drawn_and_a_model_answers():
    (found,) = load(NUMERIC, LESSON)
    posed = pose(found, seed=1)
    assert posed.answer == 131_072
    assert re.match(r"[23] cores", posed.prompt)
    assert posed == pose(found, seed=1)
    assert posed.judge(131_072 * 1.009).right
    wrong = posed.judge(32_768 * posed.drawn["cores"])
    assert (wrong.right, wrong.misconception) == (False, "no-minimum")
    assert posed.judge(float("nan")).right is False


def test_a_rubric_is_read():
    (found,) = load(OPEN, LESSON)
    assert [point.id for point in found.rubric.points] == ["one", "two", "three"]
    assert found.rubric.points[0].wrong[0].misconception == "m"
    assert found.rubric.minutes == 3


@pytest.mark.parametrize(
    ("text", "change", "field"),
    [
        (NUMERIC, ("answer: kube-proxy limit\n", "answer: magic\n"), "answer"),
        (NUMERIC, ("draw: {cores: [2, 3]}", "draw: {cores: 2}"), "draw cores"),
        (NUMERIC, ("  unit: entries\n", ""), "unit"),
        (NUMERIC, ("unit: entries", "unit: entries\n  tolerance: yes"), "tolerance"),
        (NUMERIC, ("unit: entries", "unit: entries\n  choices: []"), "field"),
        (READ, ("  output: |\n    cpu=0  drop=1\n      indented\n", ""), "output"),
        (READ, ("concepts: [conntrack]", "concepts: [conntrack]\n  quiz: maybe"), "quiz"),
        (OPEN, ("id: two", "id: one"), "point id"),
        (OPEN, ("dimension: mechanism", "dimension: charm"), "dimension"),
        (OPEN, ("exhaustion#Why", "exhaustion"), "read"),
        (OPEN, ('says: ["table + full"]', "says: []"), "says"),
        (OPEN, ("minutes: 3", "minutes: -3"), "minutes"),
        (OPEN, ("- id: 05-o", "- {"), "questions"),
    ],
)
def test_what_does_not_fit_names_its_field(text, change, field):
    assert change[0] in text
    with pytest.raises(InputError) as error:
        load(text.replace(*change), LESSON)
    assert error.value.field == field
    assert error.value.where.startswith(f"{LESSON}.yaml")


def test_an_unknown_question_is_refused_with_its_neighbors():
    with pytest.raises(InputError, match="05-who-is-refused"):
        question("05-what")


NUMERICS = [one for one in bank() if one.kind == "numeric"]


@pytest.mark.parametrize("asked", NUMERICS, ids=lambda one: one.id)
def test_every_draw_has_an_answer_apart_from_its_slips(asked):
    for seed in range(20):
        posed = pose(asked, seed)
        assert "{" not in posed.prompt + posed.because
        assert posed.judge(posed.answer).right
        for wrong, slip in posed.slips:
            assert posed.judge(wrong).misconception == slip.misconception, (posed.drawn, slip)


def test_ids_are_unique_over_the_course():
    ids = [one.id for one in bank()]
    assert len(ids) == len(set(ids))


@pytest.mark.parametrize("here", [one for one in LESSONS if one.ready], ids=lambda one: one.slug)
def test_what_stands_in_a_lesson_belongs_to_it(here):
    assert {one.lesson for one in quiz_questions(here.slug)} <= {here.slug}
