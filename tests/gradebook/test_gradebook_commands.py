"""k8snet gradebook: each command by its example, its JSON and its exit status."""

import json
from dataclasses import replace

import pytest
from click.testing import CliRunner
from gradebook_room import LESSON, graded, right_answers, solved, unreadable

from k8snet_lessons.assess.gradebook import Gradebook
from k8snet_lessons.cli import main
from k8snet_lessons.cli.gradebook import command

NAMES = command.list_commands(None)


@pytest.fixture
def folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with Gradebook(tmp_path / "gradebook.db") as book:
        book.record(graded("ada", right_answers()))
        book.record(graded("bob", solved()))
        book.record(unreadable("<b>zoe</b>"))
        book.record(graded("eve", lesson="08-ingress-and-gateway"))
        book.record(graded("eve", lesson="03-kube-proxy-at-scale"))
    return tmp_path


def run(*arguments):
    return CliRunner().invoke(main, ["gradebook", *map(str, arguments)])


@pytest.mark.parametrize("name", NAMES)
def test_help_has_an_example(name):
    done = run(name, "--help")
    assert done.exit_code == 0
    assert f"k8snet gradebook {name}" in done.output


@pytest.mark.parametrize(
    "arguments",
    [
        ["export"], ["feedback", "out"], ["report"], ["regrade", "size"], ["policy"],
    ],
)  # fmt: skip
def test_a_missing_and_a_damaged_gradebook_are_named_in_a_sentence(
    tmp_path, monkeypatch, arguments
):
    monkeypatch.chdir(tmp_path)
    done = run(*arguments)
    assert done.exit_code == 2
    assert "there is no gradebook gradebook.db" in done.output
    (tmp_path / "gradebook.db").write_text("no database" * 100)
    done = run(*arguments)
    assert done.exit_code == 2
    assert "damaged or is no gradebook" in done.output
    assert "Traceback" not in done.output


def test_export(folder):
    done = run("export")
    assert done.exit_code == 0
    assert len(json.loads(done.output)) == 5
    done = run("export", "--format", "canvas", "--assignment", "05", "-o", "import.csv")
    assert done.exit_code == 0
    assert (folder / "import.csv").read_text().startswith("Student,ID,SIS User ID")
    (folder / "c.csv").write_text("Student,ID,SIS Login ID,Section,T (1)\nA,7,ada,S,\n")
    done = run("export", "--format", "canvas", "--assignment", "5", "--roster", "c.csv",
               "--title", "5=T")  # fmt: skip
    assert done.exit_code == 1
    assert "A,7,ada,S,13.5" in done.output
    assert "remark: not in the roster, left out: bob" in done.output
    assert run("export", "--format", "moodle").exit_code == 0
    for wrong in (["--roster", "c.csv"], ["--assignment", "99"], ["--format", "xls"],
                  ["--format", "canvas", "--roster", "c.csv", "--title", "T"]):  # fmt: skip
        assert run("export", *wrong).exit_code == 2


def test_feedback(folder):
    done = run("feedback", "out", "--json")
    assert done.exit_code == 0
    files = json.loads(done.output)
    assert set(files) == {"ada", "bob", "eve", "<b>zoe</b>"}
    assert "Exercise 5" in (folder / files["ada"]).read_text()
    assert run("feedback", "one", "--student", "ada", "--assignment", "conntrack").exit_code == 0
    assert [path.name for path in (folder / "one").iterdir()] == ["feedback-ada.html"]
    done = run("feedback", "one", "--student", "nobody")
    assert (done.exit_code, "not in the gradebook: nobody" in done.output) == (2, True)


def test_report(folder):
    done = run("report", "-o", "report.html")
    assert done.exit_code == 0
    assert "median" in done.output
    assert "Class report" in (folder / "report.html").read_text()
    (folder / "S" / "ada").mkdir(parents=True)
    done = run("report", "--json", "--assignment", "05", "--submissions", "S")
    assert json.loads(done.output)["reports"][0]["students"] == 3


def test_regrade(folder):
    done = run("regrade", "size", "--dry-run")
    assert done.exit_code == 0
    assert "0 would change, 2 stay" in done.output
    assert run("regrade", "rules", "--json").exit_code == 2  # lessons 3 and 8 both have it
    assert run("regrade", "rules", "--assignment", "08").exit_code == 0
    assert run("regrade", "nonsense").exit_code == 2


def test_policy_before_and_after_grading(folder):
    done = run("policy", "05", "--due", "2026-03-01T23:59+01:00", "--percent-a-day", "10",
               "--grace", "15", "--counts", "last", "--json")  # fmt: skip
    assert done.exit_code == 0
    (rule,) = json.loads(done.output).values()
    assert (rule["percent_a_day"], rule["grace_minutes"], rule["counts"]) == (10, 15, "last")
    assert "due 2026-03-01T22:59:00+00:00" in run("policy").output
    assert run("policy", "09", "--due", "2026-03-01").exit_code == 0
    assert "due none" in run("policy", "05", "--due", "none").output
    for wrong in (["05", "--due", "soon"], ["05", "--percent-a-day", "-3"], ["--due", "none"],
                  ["99", "--due", "none"]):  # fmt: skip
        assert run("policy", *wrong).exit_code == 2
    new = run("policy", "05", "--due", "2026-03-01", "--gradebook", "new.db")
    assert new.exit_code == 0, new.output


def test_times_make_late_what_was_late(folder):
    run("policy", "05", "--due", "2026-03-01T12:00+00:00", "--percent-a-day", "10")
    (folder / "t.csv").write_text(
        "student,assignment,submitted_at\nada,05,2026-03-02T11:00+00:00\nnobody,05,2026-03-02\n"
    )
    done = run("times", "t.csv")
    assert (done.exit_code, "1 times set" in done.output) == (1, True)
    (ada,) = (row for row in json.loads(run("export").output) if row["student"] == "ada")
    assert (ada["points"], ada["days_late"]) == (12.15, 1)
    (folder / "t.csv").write_text("student,assignment,submitted_at\nada,05,soon\n")
    done = run("times", "t.csv")
    assert (done.exit_code, "line 2" in done.output) == (2, True)
    (folder / "t.csv").write_text("a,b\n")
    assert run("times", "t.csv").exit_code == 2


def test_the_lesson_is_found_by_number_or_part_of_its_name(folder):
    assert LESSON in run("policy", "conntrack").output
    assert run("policy", "e").exit_code == 2


def test_one_misnamed_file_is_in_nobodys_way(folder):
    with Gradebook(folder / "gradebook.db") as book:
        for lesson in ("05-conntrack", f"{LESSON}-1", "05-Conntrack-Exhaustion"):
            book.record(replace(unreadable("mallory"), assignment=lesson))
    (folder / "S").mkdir()
    done = run("report", "--submissions", "S")
    assert done.exit_code == 0, done.output
    assert "05-conntrack: 1 students, 1 attempts, 1 not gradable" in done.output
    done = run("regrade", "size", "--assignment", "05", "--dry-run")
    assert (done.exit_code, "2 stay" in done.output) == (0, True)
    assert run("regrade", "size", "--dry-run").exit_code == 0
    done = run("export", "--format", "canvas")
    assert (done.exit_code, "05-conntrack," in done.output) == (1, False)
    assert "remark: 05-conntrack: no exercise of the course, left out" in done.output
    one = json.loads(run("report", "--json", "--assignment", "05-conntrack").output)
    assert one["reports"][0]["assignment"] == "05-conntrack"
