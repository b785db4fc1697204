"""Names and files that no sane folder holds are read safely, or refused with a reason."""

import contextlib
import json
import os

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from k8snet_lessons.assess.answers import TODO, AnswerError, plain
from k8snet_lessons.assess.grading.result import legible
from k8snet_lessons.assess.grading.submission import (
    NotGradableError,
    find_submissions,
    passed_by,
    read_bytes,
    read_cells,
)
from k8snet_lessons.assess.grading.wire import NOT_FINITE, pack, unpack

NAMES = [
    b"ada",
    b"%2e%2e%2f",
    b"<script>",
    b"a\nb",
    rb"a\nb",
    b"\xff\xfe",
    "名前".encode(),
    b"-rf",
    b"x" * 200,
]


def test_names_are_taken_as_they_are_and_made_storable(tmp_path):
    for name in NAMES:
        folder = os.path.join(os.fsencode(tmp_path), name)
        os.mkdir(folder)
        with open(os.path.join(folder, b"05-\xe9.ipynb"), "wb") as file:
            file.write(name)
    found = list(find_submissions(tmp_path))
    assert len({one.student for one in found}) == len(NAMES)
    for one in found:
        one.student.encode()
        one.assignment.encode()
        assert one.student.isprintable()
    assert {read_bytes(one) for one in found} == set(NAMES)


def test_what_editors_and_the_exercise_itself_leave_behind(tmp_path):
    ada = tmp_path / "ada"
    for name in (".ipynb_checkpoints", ".git"):
        (ada / name).mkdir(parents=True)
        (ada / name / "05-x.ipynb").write_text("{}")
    (tmp_path / ".DS_Store").mkdir()
    (tmp_path / "notes.txt").write_text("x")
    (ada / "notes.txt").write_text("x")
    (ada / "._05-x.ipynb").write_text("x")
    (ada / "submission-05-x.ipynb").write_text("x")
    (found,) = find_submissions(tmp_path)
    assert (found.student, found.assignment) == ("ada", "05-x")


def test_what_nobody_looks_at_is_named(tmp_path):
    for place in ("ada/05-x.IPYNB", "bob/deep/05-x.ipynb", "eve/05.zip", "zoe.ipynb", "notes.txt"):
        (tmp_path / place).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / place).write_text("{}")
    (found,) = find_submissions(tmp_path)
    assert (found.student, found.assignment) == ("ada", "05-x")
    assert [one.partition(":")[0] for one in passed_by(tmp_path)] == ["bob", "eve", "zoe.ipynb"]


def test_what_is_said_of_a_file_can_be_stored_and_shown():
    said = legible("a\n b\t\ud800 \x1b[2J\x00\u202e <é>")
    assert said == r"a b \ud800 \x1b[2J\x00\u202e <é>"
    assert legible(said) == said


def test_a_file_that_may_not_be_read_is_refused(tmp_path):
    (tmp_path / "ada").mkdir()
    (tmp_path / "ada" / "05-x.ipynb").write_text("{}")
    (found,) = find_submissions(tmp_path)
    found.path.unlink()
    with pytest.raises(NotGradableError, match="cannot be read"):
        read_bytes(found)


@given(st.binary(max_size=300))
def test_no_bytes_break_the_reader(data):
    with contextlib.suppress(NotGradableError):
        assert all(cell.source is not None for cell in read_cells(data))


json_like = st.recursive(
    st.none() | st.booleans() | st.floats() | st.integers() | st.text(max_size=10),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=9), inner),
    max_leaves=12,
)


@given(json_like, json_like)
def test_no_notebook_breaks_the_reader(cells, metadata):
    notebook = {"nbformat": 4, "cells": cells, "metadata": metadata}
    odd = {"cell_type": "code", "id": cells, "metadata": metadata, "source": cells}
    for made in (notebook, notebook | {"cells": [odd, cells]}):
        with contextlib.suppress(NotGradableError):
            read = read_cells(json.dumps(made).encode())
            assert all(type(cell.source) is str and type(cell.name) is str for cell in read)


@given(json_like)
@settings(suppress_health_check=[HealthCheck.too_slow])
def test_an_answer_comes_out_as_it_went_in_or_is_refused(value):
    try:
        line = pack(value)
    except AnswerError:
        return
    try:
        read = unpack(line)
    except AnswerError:  # a mark is one level deeper than what it stands for
        return
    assert "nan" not in repr(read).lower() or "nan" in repr(value).lower()
    assert type(read) is type(plain(value)) or read == NOT_FINITE or value == {"$": "todo"}


@pytest.mark.parametrize(
    "line",
    [
        "NaN",
        "[1, Infinity]",
        "-Infinity",
        "{",
        "",
        "[" * 100_000,
        '"' + "x" * 2_000_000 + '"',
        "1 2",
    ],
)
def test_what_no_kernel_of_ours_sends_is_refused(line):
    with pytest.raises(AnswerError):
        unpack(line)


def test_marks_and_numbers_out_of_range():
    assert unpack(pack({"a": TODO, "b": [TODO]})) == {"a": TODO, "b": [TODO]}
    assert unpack(pack(float("nan"))) == unpack("1e999") == unpack("[-1e999]")[0] == NOT_FINITE
    assert unpack('{"$": "todo", "x": 1}') == {"$": "todo", "x": 1}
