"""Feedback and report: every word from outside escaped, no script, no file out of place."""

import base64
import hashlib
import html
import math
import re
from html.parser import HTMLParser

import pytest
from gradebook_room import LESSON, graded, right_answers, solved, unreadable

from k8snet_lessons.assess import TODO, assignment
from k8snet_lessons.assess.gradebook import Gradebook, Policy, standings
from k8snet_lessons.assess.gradebook.feedback import feedback_page, file_names, write_pages
from k8snet_lessons.assess.gradebook.page import page
from k8snet_lessons.assess.gradebook.report import class_report
from k8snet_lessons.assess.gradebook.report_page import report_page

ATTACK = "</pre></title><script>alert(1)</script><img src=x onerror='alert(2)'>\"' {{x}} \u202e\x00"
KNOWN_TAGS = {
    "html", "head", "meta", "title", "style", "body", "main", "h1", "h2", "h3", "p", "section",
    "div", "table", "thead", "tbody", "tr", "th", "td", "details", "summary", "pre", "b", "svg",
    "rect", "span",
}  # fmt: skip
KNOWN_ATTRIBUTES = {
    "lang", "charset", "http-equiv", "content", "name", "class", "scope", "viewbox", "width",
    "height", "preserveaspectratio", "role", "aria-label", "fill", "x",
}  # fmt: skip


class Reader(HTMLParser):
    def __init__(self):
        super().__init__()
        self.tags, self.attributes, self.text = set(), set(), []

    def handle_starttag(self, tag, attrs):
        self.tags.add(tag)
        self.attributes |= {name for name, _ in attrs}

    def handle_data(self, data):
        self.text.append(data)


def read(text):
    reader = Reader()
    reader.feed(text)
    return reader


@pytest.fixture
def attacked(tmp_path):
    answers = {
        "size": {ATTACK: ATTACK, "limit": ATTACK},
        "moment": ATTACK,
        "client": {"new_s": math.nan, "old_s": TODO, "established": ATTACK},
        "cure": {"max_entries": ATTACK, "time_wait_s": 30, "keepalive_share": 1e308},
    }
    with Gradebook(tmp_path / "g.db") as book:
        book.record(graded(ATTACK, answers, reason=ATTACK))
        book.record(graded(ATTACK, answers, digest=ATTACK))
        book.record(unreadable("zoe" + ATTACK, reason=ATTACK))
        book.record(graded("old", lesson=LESSON))
        return standings(book.attempts(LESSON), Policy())


def test_nothing_that_a_student_wrote_becomes_markup(attacked):
    for one in attacked:
        seen = read(feedback_page(one.student, [one]))
        assert seen.tags <= KNOWN_TAGS
        assert seen.attributes <= KNOWN_ATTRIBUTES
        assert "\u202e" not in "".join(seen.text)
    written = {one.student: ATTACK for one in attacked}
    seen = read(report_page([class_report(LESSON, attacked, written)]))
    assert seen.tags <= KNOWN_TAGS
    assert seen.attributes <= KNOWN_ATTRIBUTES
    assert any("alert(1)" in text for text in seen.text)  # shown, as text


def test_the_policy_of_a_page_allows_its_own_style_and_nothing_else():
    text = page("t", "<p>x</p>")
    (policy,) = re.findall(r'Content-Security-Policy" content="([^"]+)"', text)
    (style,) = re.findall(r"<style>(.*?)</style>", text, re.S)
    digest = base64.b64encode(hashlib.sha256(style.encode()).digest()).decode()
    assert policy.startswith(f"default-src 'none'; style-src 'sha256-{digest}'")
    assert "unsafe" not in policy
    assert text.index("Content-Security-Policy") < text.index("<title>")


def test_a_page_says_points_reasons_and_the_answer(tmp_path):
    answers = right_answers() | {"size": {"limit": 98_304, "per_s": 1.0}}
    with Gradebook(tmp_path / "g.db") as book:
        book.record(graded("ada", answers))
        book.record(graded("ada", solved(), digest="d2"))
        (standing,) = standings(book.attempts(LESSON), Policy())
    text = "".join(read(feedback_page("ada", [standing])).text)
    assert "11 of 13.5" in text
    assert "So much a core, and yet kube-proxy never goes below a certain limit." in text
    assert "98304" in text
    assert "Attempt 1 of 2 counts" in text
    assert "All 2 attempts" in text
    given = assignment(LESSON).task("size").given(LESSON, 3)
    assert f"{given['standing']:,}" in text


def test_no_answer_that_would_be_right_is_on_a_page_of_wrong_ones(tmp_path):
    work = assignment(LESSON)
    answers = {task.name: task.wrong[0].answer(task.given(LESSON, 3)) for task in work.tasks}
    answers["size"] = {"limit": 1, "per_s": 2}
    with Gradebook(tmp_path / "g.db") as book:
        book.record(graded("ada", answers))
        text = html.unescape(feedback_page("ada", standings(book.attempts(), Policy())))
    for value in (right_answers()["size"]["per_s"], right_answers()["moment"]["seconds"]):
        assert f"{value:.4g}" not in text


def test_names_of_files_stay_in_the_folder_and_apart(tmp_path):
    students = [
        "ada", "Ada", "../../etc/passwd", "..", ".", "", "a/b", "a\\b", "x" * 5000, "-rf", "CON",
        "名前", "名札", "a b", "a_b", "a@school.example", "\x00", "\ud800", "~root",
    ]  # fmt: skip
    names = file_names(students)
    assert len({name.casefold() for name in names.values()}) == len(students)
    assert names["a@school.example"] == "feedback-a@school.example.html"
    for name in names.values():
        assert re.fullmatch(r"feedback-[A-Za-z0-9@._-]{1,80}\.html", name)
    with Gradebook(tmp_path / "g.db") as book:
        for student in students:
            if student != "\ud800":  # SQLite stores UTF-8
                book.record(graded(student))
        pages = {one.student: [one] for one in standings(book.attempts(), Policy())}
    files = write_pages(tmp_path / "out", pages)
    assert {path.parent for path in files.values()} == {tmp_path / "out"}
    assert len(list((tmp_path / "out").iterdir())) == len(files) == len(students) - 1


def test_an_exercise_that_the_course_no_longer_has_is_shown_all_the_same(tmp_path):
    for name in ("77-gone", "../../x", "05.conntrack"):
        with Gradebook(tmp_path / "g.db") as book:
            book.record(graded("ada", solved(), digest=name, assignment=name))
            page_ = feedback_page("ada", standings(book.attempts(name), Policy()))
        assert name in page_
        assert "All parts are right" in page_
