"""The class report's numbers, and pairs that are worth a look."""

import json
import random

import pytest
from gradebook_room import LESSON, graded, right_answers, solved, unreadable

from k8snet_lessons.assess import assignment
from k8snet_lessons.assess.gradebook import Gradebook, Policy, standings
from k8snet_lessons.assess.gradebook.report import class_report, written_code
from k8snet_lessons.assess.gradebook.similarity import alike, given_lines, own_code
from k8snet_lessons.assess.grading.submission import read_cells

COPIED = """
total = 0
for step in range(given["cores"]):
    total += step * 17 + 4
factor = sorted([total, 31, 7])[1]
while factor > 3:
    factor = factor // 2 + 1 if factor % 2 else factor // 2
answer = {"limit": total * factor, "per_s": factor / 120}
"""


@pytest.fixture
def report(tmp_path):
    slip = assignment(LESSON).task("cure").wrong[0]
    with Gradebook(tmp_path / "g.db") as book:
        book.record(graded("ada", right_answers(), seconds=1.0))
        book.record(graded("bob", solved() | {"cure": slip.answer({})}, seconds=2.0))
        book.record(graded("eve", {"cure": slip.answer({})}, seconds=3.0))
        book.record(graded("fay", seconds=9.0))
        book.record(unreadable(reason="empty file"))
        book.record(unreadable("zoe", reason="empty file"))
        return class_report(LESSON, standings(book.attempts(LESSON), Policy()))


def test_the_numbers_of_a_class(report):
    assert (report.students, report.attempts) == (5, 6)  # bob's good file counts
    assert report.points == (0.0, 0.0, 2.5, 13.5)
    assert report.median == 1.25
    assert sum(report.histogram) == 4
    assert (report.histogram[0], report.histogram[1], report.histogram[9]) == (2, 1, 1)
    assert report.not_gradable == (("zoe", "empty file"),)
    size = next(task for task in report.tasks if task.task == "size")
    assert (size.right, size.unattempted, size.mean_share) == (2, 2, 0.5)
    assert report.tasks[0].mean_share == min(task.mean_share for task in report.tasks)
    assert report.misconceptions[0].name == "one-sysctl-is-enough"
    assert report.misconceptions[0].students == 2
    json.dumps(report.to_json())


def test_an_empty_class_has_a_report():
    empty = class_report(LESSON, ())
    assert (empty.median, empty.seconds) == (0.0, (0.0, 0.0, 0.0))


def different(seed):
    """A program of its own, of the length that answers have."""
    dice = random.Random(seed)
    lines = [
        f"v{dice.randint(0, 5)} = {dice.randint(1, 999)} {dice.choice('+-*/%')} "
        f"{dice.choice(['max', 'min', 'sum', 'abs'])}({dice.randint(1, 999)}, {dice.random():.3f})"
        for _ in range(12)
    ]
    return "\n".join(lines)


def test_a_copy_with_other_names_is_pointed_at_and_nobody_else():
    written = {f"s{number}": different(number) for number in range(40)}
    written["ada"] = COPIED
    written["bob"] = "# my own idea\n" + COPIED.replace("total", "summe").replace("factor", "f")
    (pair,) = alike(written)
    assert pair.students == ("ada", "bob")
    assert pair.ratio > 0.95
    assert "my own idea" in pair.code[1]


def test_what_everybody_writes_points_at_nobody():
    assert alike({f"s{number}": COPIED for number in range(60)}) == ()


def test_short_answers_point_at_nobody():
    assert alike({"a": "x = {'limit': 131072}", "b": "x = {'limit': 131072}"}) == ()


def test_two_halves_of_another_program_are_less_alike():
    mixed = COPIED[: len(COPIED) // 2] + different(1)
    (pair,) = alike({"a": COPIED, "b": mixed}, least_ratio=0.1)
    assert 0.2 < pair.ratio < 0.9


def test_the_pairs_that_share_most_are_compared_first(monkeypatch):
    other = different(7)
    half = other[: len(other) // 2] + different(8)
    written = {"a": other, "b": half, "c": COPIED, "d": COPIED + "last = 1"}
    assert {pair.students for pair in alike(written, 0.1)} == {("a", "b"), ("c", "d")}
    monkeypatch.setattr("k8snet_lessons.assess.gradebook.similarity.MOST_COMPARED", 1)
    (pair,) = alike(written, 0.1)
    assert pair.students == ("c", "d")


def test_code_that_is_no_python_is_compared_by_its_words():
    words = " ".join(f"%word{number} (" for number in range(80))
    assert len(alike({"a": words, "b": words})) == 1


def notebook(*sources):
    cells = [
        {"cell_type": "code", "id": f"c{number}", "source": source}
        for number, source in enumerate(sources)
    ]
    return {"cells": cells, "nbformat": 4}


def test_given_code_and_parameters_are_left_out():
    exercise = notebook("import k8snet_lessons\nx = TODO", "check(x)")
    submitted = notebook("import k8snet_lessons\nx = TODO\nx = 5", "  check(x)", "y = 6")
    submitted["cells"].append({"cell_type": "code", "id": "parameters", "source": "seed = 9"})
    submitted["cells"].append({"cell_type": "markdown", "source": "words"})
    submitted["cells"].append(None)
    cells = read_cells(json.dumps(submitted).encode())
    assert own_code(cells, given_lines(exercise)) == "x = 5\ny = 6"


def test_what_the_grader_reads_is_compared(tmp_path):
    odd = notebook("z = 1")
    odd["cells"][0]["source"] = ["z = 1", 2, None, ["x"]]
    for student, data in {
        "ada": json.dumps(odd).encode(),
        "bob": json.dumps(odd).encode("utf-16"),
        "a\nb": json.dumps(odd).encode("utf-8-sig"),
    }.items():
        (tmp_path / student).mkdir()
        (tmp_path / student / f"{LESSON}.ipynb").write_bytes(data)
    students = ["ada", "bob", r"a\nb"]
    written = written_code(tmp_path, LESSON, notebook(""), students)
    assert written == dict.fromkeys(sorted(students), "z = 1")


def test_code_without_end_and_code_of_half_characters_is_compared_in_good_time():
    endless = "".join(f"a{n % 7} = a{n % 5} + {n % 3}\n" for n in range(50_000))
    (pair,) = alike({"ada": endless, "bob": endless, "eve": f"x = '\ud800'\n{different(3)}"})
    assert pair.students == ("ada", "bob")


def test_what_cannot_be_read_is_not_compared(tmp_path):
    for student, text in {"ada": json.dumps(notebook("z = 1")), "bob": "{", "eve": "[]"}.items():
        (tmp_path / student).mkdir()
        (tmp_path / student / f"submission-{LESSON}.ipynb").write_text(text)
    (tmp_path / "link").mkdir()
    secret = tmp_path / "secret.ipynb"
    secret.write_text(json.dumps(notebook("secret = 1")))
    (tmp_path / "link" / f"{LESSON}.ipynb").symlink_to(secret)
    students = ["ada", "bob", "eve", "link", "nobody", "../x", "/etc"]
    assert written_code(tmp_path, LESSON, notebook(""), students) == {"ada": "z = 1"}
