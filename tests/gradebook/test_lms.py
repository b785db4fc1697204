"""Files that Canvas and Moodle import: their columns, their students, nothing a formula."""

import csv
import io
import json
from datetime import UTC, datetime, timedelta

import pytest
from gradebook_room import LESSON, graded, right_answers, solved, unreadable

from k8snet_lessons.assess.gradebook import Gradebook, Policy, lms, standings
from k8snet_lessons.errors import InputError

DUE = datetime(2026, 3, 1, 23, 59, tzinfo=UTC)
EXPORTED = (
    "\ufeffStudent,ID,SIS User ID,SIS Login ID,Section,Homework (7),"
    "Connection tables (4711),Final Score\n"
    ",,,,,Manual Posting,,\n"
    "    Points Possible,,,,,10,27,(read only)\n"
    '"Lovelace, Ada",101,u1,ada,A,9,,90\n'
    '"Hopper, Grace",102,u2,grace,A,8,3,80\n'
    '"Liskov, Barbara",103,u3,barbara,A,8,2,80\n'
    '"Student, Test",999,,x,A,,,\n'
)


@pytest.fixture
def scores(tmp_path):
    with Gradebook(tmp_path / "g.db") as book:
        book.record(graded("ada", right_answers()), DUE + timedelta(hours=3))
        book.record(graded("102", solved()))
        book.record(unreadable("=cmd|' /C calc'!A0", reason="<b>no</b> notebook"))
        rule = Policy(DUE, percent_a_day=10)
        return {LESSON: standings(book.attempts(LESSON), rule)}


def table(text):
    return list(csv.reader(io.StringIO(text)))


def test_canvas_without_a_roster(scores):
    made = lms.canvas(scores)
    head, possible, *rows = table(made.text)
    assert head == ["Student", "ID", "SIS User ID", "SIS Login ID", "Section", LESSON]
    assert possible == ["Points Possible", "", "", "", "", "13.5"]
    assert rows[0] == ["102", "", "", "102", "", "2.5"]
    assert rows[2] == ["ada", "", "", "ada", "", "12.15"]
    assert rows[1][0].startswith("'=cmd")
    assert "formula" in made.remarks[0]


def test_canvas_with_its_own_export(scores):
    made = lms.canvas_with(scores, EXPORTED, {LESSON: "Connection tables"})
    head, possible, *rows = table(made.text)
    assert head == [*lms.CANVAS_HEAD, "Connection tables (4711)"]
    assert possible[-1] == "27"
    assert [(row[0], row[1], row[-1]) for row in rows] == [
        ("Lovelace, Ada", "101", "24.3"),  # 12.15 of 13.5, scaled to 27
        ("Hopper, Grace", "102", "5"),
        ("Liskov, Barbara", "103", "2"),  # nothing handed in here: what Canvas has is kept
        ("Student, Test", "999", ""),
    ]
    assert any("scaled from 13.5 to the 27" in remark for remark in made.remarks)
    assert any("not in the roster" in remark and "=cmd" in remark for remark in made.remarks)


def test_canvas_gets_a_new_column_where_it_has_none(scores):
    made = lms.canvas_with(scores, EXPORTED, {})
    head, possible, ada, *_ = table(made.text)
    assert (head[-1], possible[-1], ada[-1]) == (LESSON, "13.5", "12.15")
    assert any("new assignment" in remark for remark in made.remarks)


@pytest.mark.parametrize("text", ["", "a,b\n1,2\n", "Student,ID\nx,1\n"])
def test_a_roster_that_is_not_from_canvas_is_refused(scores, text):
    with pytest.raises(InputError, match="Canvas"):
        lms.canvas_with(scores, text, {})


def test_moodle_gets_a_grade_and_feedback_that_runs_nothing(scores):
    head, first, bad, ada = table(lms.moodle(scores, "idnumber").text)
    assert head == ["idnumber", LESSON, f"{LESSON} feedback"]
    assert first[:2] == ["102", "2.5"]
    assert "size: 2.5 of 2.5." in first[2]
    assert "&lt;b&gt;no&lt;/b&gt;" in bad[2]
    assert "<b>" not in bad[2]
    assert "Late by 1 d: 1.35 points off." in ada[2]


def test_moodle_says_what_was_wrong_in_each_part():
    answers = {"size": {"limit": 98_304, "per_s": right_answers()["size"]["per_s"]}}
    with Gradebook(":memory:") as book:
        book.record(graded("ada", answers))
        (standing,) = standings(book.attempts(), Policy())
    said = lms.feedback_lines(standing)
    assert "limit: So much a core" in said
    assert "per_s" not in said


def test_json_says_everything_but_answers(scores):
    rows = lms.as_json(scores)
    ada = next(row for row in json.loads(json.dumps(rows)) if row["student"] == "ada")
    assert (ada["points"], ada["score"], ada["penalty"], ada["days_late"]) == (12.15, 13.5, 1.35, 1)
    assert [task["status"] for task in ada["tasks"]] == ["right"] * 4
    assert "answers" not in ada
