"""Downloads of Canvas and Moodle, laid out for the grader; nothing leaves the folder."""

import json
import os
import zipfile

import pytest
from click.testing import CliRunner

from k8snet_lessons.assess.collect import collect, read_names
from k8snet_lessons.assess.grading.submission import find_submissions, handed_in
from k8snet_lessons.cli import main
from k8snet_lessons.errors import InputError

SLUG = "05-conntrack-exhaustion"
FILE = f"submission-{SLUG}.ipynb"
BODY = '{"cells": [{"source": ["exercise = Exercise(\\"05-conntrack-exhaustion\\", seed=1)"]}]}'
CANVAS = {
    f"lovelaceada_101_9001_{FILE}": "ada's",
    f"hoppergrace_LATE_102_9002_{SLUG}-1.ipynb": "grace's",
    "liskovbarbara_103_9003_my homework.ipynb": BODY,
    f"liskovbarbara_103_9004_{FILE}": "barbara's second",
    "turingalan_104_9005_essay.pdf": "words",
    "turingalan_104_9006_other.ipynb": "{}",
    "readme.txt": "hello",
}
MOODLE = {
    f"Ada Lovelace_42_assignsubmission_file_/{FILE}": "ada's",
    f"Grace Hopper_43_assignsubmission_file/{SLUG} (2).ipynb": "grace's",
    "Alan Turing_44_assignsubmission_onlinetext_/onlinetext.html": "words",
}


def zipped(path, files):
    with zipfile.ZipFile(path, "w") as archive:
        for name, text in files.items():
            archive.writestr(name, text)
    return path


def laid_out(folder):
    return {one.student: one.path.read_text() for one in find_submissions(folder)}


def test_canvas(tmp_path):
    found = collect(zipped(tmp_path / "c.zip", CANVAS), tmp_path / "s")
    assert laid_out(tmp_path / "s") == {
        "101": "ada's",
        "102": "grace's",
        "103": "barbara's second",
    }
    assert {one.assignment for one in find_submissions(tmp_path / "s")} == {SLUG}
    assert found.late == ["102"]
    assert len(found.left) == 4
    assert handed_in(found.taken["101", SLUG]) is None  # in time, Canvas does not say when
    assert handed_in(found.taken["102", SLUG]) is not None


def test_canvas_with_a_roster(tmp_path):
    roster = tmp_path / "r.csv"
    roster.write_text("Student,ID,SIS Login ID,Section\nA,101,ada,S\nG,102,grace,S\n")
    found = collect(zipped(tmp_path / "c.zip", CANVAS), tmp_path / "s", read_names(roster))
    assert set(laid_out(tmp_path / "s")) == {"ada", "grace"}
    assert any("roster" in reason for _, reason in found.left)


def test_moodle(tmp_path):
    collect(zipped(tmp_path / "m.zip", MOODLE), tmp_path / "s")
    assert set(laid_out(tmp_path / "s")) == {"Ada Lovelace_42", "Grace Hopper_43"}
    worksheet = tmp_path / "w.csv"
    worksheet.write_text(
        "Identifier,Full name,Email address,Grade\nParticipant 42,Ada,a@x.org,-\n"
        "Participant 43,Grace,g@x.org,-\n"
    )
    collect(tmp_path / "m.zip", tmp_path / "named", read_names(worksheet))
    assert set(laid_out(tmp_path / "named")) == {"a@x.org", "g@x.org"}


def test_an_unpacked_folder_is_the_same(tmp_path):
    with zipfile.ZipFile(zipped(tmp_path / "m.zip", MOODLE)) as archive:
        archive.extractall(tmp_path / "m")
    collect(tmp_path / "m", tmp_path / "s")
    assert set(laid_out(tmp_path / "s")) == {"Ada Lovelace_42", "Grace Hopper_43"}


def test_nothing_is_written_outside(tmp_path):
    evil = {
        f"../../x_1_2_{FILE}": "1",
        f"/etc/x_1_3_{FILE}": "2",
        f"../evil_7_assignsubmission_file_/../../{FILE}": "3",
        f".._9_assignsubmission_file_/{FILE}": "4",
        f"a\\..\\b_5_6_{FILE}": "5",
    }
    (tmp_path / "deep" / "s").mkdir(parents=True)
    collect(zipped(tmp_path / "e.zip", evil), tmp_path / "deep" / "s")
    outside = [path for path in tmp_path.rglob("*.ipynb") if "s" not in path.parts]
    assert outside == []
    for student in laid_out(tmp_path / "deep" / "s"):
        assert "/" not in student
        assert not student.startswith(".")


def test_links_pipes_and_bombs_are_left(tmp_path):
    source = tmp_path / "in"
    source.mkdir()
    (source / f"a_1_2_{FILE}").symlink_to("/etc/passwd")
    os.mkfifo(source / f"b_1_2_{FILE}")
    assert not collect(source, tmp_path / "s").taken
    with zipfile.ZipFile(tmp_path / "bomb.zip", "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr(f"a_1_2_{FILE}", b"0" * (33 << 20))
    found = collect(tmp_path / "bomb.zip", tmp_path / "s")
    assert (found.taken, len(found.left)) == ({}, 1)


@pytest.mark.parametrize("method", [zipfile.ZIP_DEFLATED, zipfile.ZIP_LZMA, zipfile.ZIP_BZIP2])
def test_one_damaged_file_is_left_and_the_others_are_taken(tmp_path, method):
    bodies = {f"a_1_2_{FILE}": os.urandom(500).hex(), f"b_2_3_{FILE}": "bob's"}
    with zipfile.ZipFile(tmp_path / "d.zip", "w", method) as archive:
        for name, text in bodies.items():
            archive.writestr(name, text)
    data = bytearray((tmp_path / "d.zip").read_bytes())
    start = data.index(FILE.encode()) + len(FILE)
    data[start + 30 : start + 90] = bytes(60)
    (tmp_path / "d.zip").write_bytes(data)
    found = collect(tmp_path / "d.zip", tmp_path / "s")
    assert laid_out(tmp_path / "s") == {"2": "bob's"}
    ((name, reason),) = found.left
    assert (name, reason.partition(":")[0]) == (f"a_1_2_{FILE}", "cannot be read")


def test_the_later_upload_counts_and_a_shadow_never(tmp_path):
    uploads = {
        f"Zoe_106_1000_{FILE}": "new",
        f"Zoe_106_999_{FILE}": "old",
        f"__MACOSX/._Zoe_106_1000_{FILE}": "shadow",
        f"eve_107_1_{SLUG}.IPYNB": "eve's",
    }
    collect(zipped(tmp_path / "c.zip", uploads), tmp_path / "s")
    assert laid_out(tmp_path / "s") == {"106": "new", "107": "eve's"}


@pytest.mark.parametrize("text", ["", "a,b\n1,2\n", "ID,Name\n1,x\n"])
def test_a_roster_without_the_columns_is_refused(tmp_path, text):
    (tmp_path / "r.csv").write_text(text)
    with pytest.raises(InputError, match="roster"):
        read_names(tmp_path / "r.csv")


def test_the_command_says_what_it_left(tmp_path):
    source = str(zipped(tmp_path / "c.zip", CANVAS))
    done = CliRunner().invoke(main, ["collect", source, "--to", str(tmp_path / "s")])
    assert done.exit_code == 1
    assert "3 notebooks of 3 students" in done.output
    assert "left: readme.txt" in done.output
    assert "late, says Canvas" in done.output
    done = CliRunner().invoke(main, ["collect", source, "--to", str(tmp_path / "s"), "--json"])
    assert len(json.loads(done.output)["taken"]) == 3
    (tmp_path / "no.zip").write_text("no")
    done = CliRunner().invoke(main, ["collect", str(tmp_path / "no.zip"), "--to", str(tmp_path)])
    assert (done.exit_code, "ZIP" in done.output) == (2, True)
