"""One exercise for a class, or one for each student, with other numbers of the same kind."""

import csv
import json
import shutil
from pathlib import Path

import pytest
from click.testing import CliRunner

from k8snet_lessons.assess.collect import read_names
from k8snet_lessons.assess.notebooks import read_notebook, source_of
from k8snet_lessons.assess.release import read_class, variant_seed, with_parameters
from k8snet_lessons.cli import main
from k8snet_lessons.errors import InputError

ROOT = Path(__file__).resolve().parents[2]
NAME = "05-conntrack-exhaustion.ipynb"


@pytest.fixture
def course(tmp_path):
    (tmp_path / "solutions").mkdir()
    shutil.copy(ROOT / "solutions" / NAME, tmp_path / "solutions")
    shutil.copy(ROOT / "solutions" / "01-north-south-path.ipynb", tmp_path / "solutions")
    return tmp_path


def release(course, *arguments):
    return CliRunner().invoke(main, ["release", "--course", str(course), *map(str, arguments)])


def parameters(path):
    (cell,) = (c for c in read_notebook(path)["cells"] if c["metadata"].get("tags"))
    values = {}
    exec(source_of(cell), values)
    return values["student_id"], values["seed"]


def test_one_variant_for_all(course):
    done = release(course, "--variant", 7, "--to", course / "out")
    assert done.exit_code == 0, done.output
    made = sorted(path.name for path in (course / "out").iterdir())
    assert made == ["01-north-south-path.ipynb", NAME]
    assert parameters(course / "out" / NAME) == ("anonymous", 7)
    plain = read_notebook(ROOT / "exercises" / NAME)
    varied = read_notebook(course / "out" / NAME)
    differing = [
        cell["id"]
        for cell, other in zip(plain["cells"], varied["cells"], strict=True)
        if cell != other
    ]
    assert differing == ["parameters"]


def test_a_variant_for_each_student_and_a_roster(course):
    names = ["ada", "Bob O'Hara", "名前", "x-1@school.example"]
    (course / "class.txt").write_text("# the class\n\n" + "\n".join(names) + "\n", encoding="utf-8")
    options = ("--variant", 2026, "--students", course / "class.txt", "--to", course / "out")
    done = release(course, *options, "--exercise", "05", "--json")
    assert done.exit_code == 0, done.output
    said = json.loads(done.output)
    assert said["exercises"] == [NAME]
    for name in names:
        assert parameters(course / "out" / name / NAME) == (name, variant_seed(2026, name))
    assert len(set(said["seeds"].values())) == len(names)
    with (course / "out" / "roster.csv").open(encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    assert {row["student"]: int(row["seed"]) for row in rows} == said["seeds"]


@pytest.mark.parametrize(
    "options",
    [
        ["--variant", "7"],
        ["--to", "out"],
        ["--students", "class.txt"],
        ["--exercise", "05"],
        ["--variant", "7", "--to", "out", "--check"],
        ["--variant", "7", "--to", "out", "--exercise", "nonsense"],
        ["--variant", "7", "--to", "out", "--students", "none.txt"],
    ],
)
def test_options_that_do_not_go_together_are_refused(course, options):
    options = [str(course / one) if one in ("out", "none.txt") else one for one in options]
    assert release(course, *options).exit_code == 2
    assert not (course / "out").exists()


@pytest.mark.parametrize(
    ("text", "names"),
    [
        ("ada\nbob\n", ("ada", "bob")),
        ("\ufeffada\r\nbob\r\n", ("ada", "bob")),
        ("student\nada\n", ("ada",)),
        ("Name,Student,Section\nAda L,ada,A\nBob,bob,B\n", ("ada", "bob")),
        ("Student,ID,SIS User ID,SIS Login ID,Section\n\"L, A\",1,2,ada,A\n", ("ada",)),
        ("name,email\nA,a@x.org\n", ("a@x.org",)),
    ],
)  # fmt: skip
def test_a_class_list_is_lines_or_a_table(tmp_path, text, names):
    file = tmp_path / "class.csv"
    file.write_text(text, encoding="utf-8", newline="")
    assert read_class(file) == names


def test_the_export_of_canvas_is_a_class_list_by_login_as_collect_has_it(tmp_path):
    file = tmp_path / "exported.csv"
    file.write_text(
        "Student,ID,SIS User ID,SIS Login ID,Section,Tables (7)\n"
        "    Points Possible,,,,,20\n"
        '"Lovelace, Ada",1,S1,ada,A,\n"Babbage, Charles",2,S2,charles,A,\n'
    )
    assert read_class(file) == ("ada", "charles")
    assert set(read_names(file).values()) == {"ada", "charles"}


def test_the_column_may_be_named(tmp_path):
    file = tmp_path / "class.csv"
    file.write_text("Student,SIS Login ID\nAda,al1\n")
    assert read_class(file, "sis login id") == ("al1",)
    with pytest.raises(InputError, match="SIS Login ID"):
        read_class(file, "nickname")


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "one student a line"),
        ("ada\n../../etc\n", "line 2"),
        ("ada\n..\n", "line 2"),
        (".hidden\n", "line 1"),
        ("a/b\n", "line 1"),
        ("a\\b\n", "line 1"),
        ("x" * 101, "line 1"),
        ("ada\nAda\n", "every student once"),
        ("student,x\n,1\n", "line 2"),
        ("name,section\nada,A\n", "student"),
        ("ada\n\x00\n", "line 2"),
    ],
)
def test_a_class_list_that_cannot_be_used_is_refused_with_its_line(tmp_path, text, said):
    file = tmp_path / "class.csv"
    file.write_text(text, encoding="utf-8")
    with pytest.raises(InputError, match=said):
        read_class(file)


def test_a_class_list_that_is_no_text_is_refused(tmp_path):
    file = tmp_path / "class.csv"
    file.write_bytes(b"\xff\xfe\x00a")
    with pytest.raises(InputError, match="UTF-8"):
        read_class(file)


def test_without_a_parameters_cell_there_is_no_variant():
    with pytest.raises(InputError, match="parameters"):
        with_parameters({"cells": []}, {"seed": 1}, "x.ipynb")
