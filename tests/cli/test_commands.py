"""The commands: help with an example, statuses that mean something, nothing heavy loaded."""

import json
import os
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from pathlib import Path

import click
import pytest
from click.testing import CliRunner

from k8snet_lessons import __version__
from k8snet_lessons.cli import main

ROOT = Path(__file__).resolve().parents[2]
COMMANDS = main.list_commands(click.Context(main))


def run(*arguments):
    return CliRunner().invoke(main, [str(argument) for argument in arguments])


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_has_help_with_an_example(command):
    done = run(command, "--help")
    assert done.exit_code == 0
    assert "Example" in done.output


def test_version():
    assert __version__ in run("--version").output


def test_an_unknown_command_is_a_usage_error():
    assert run("fly").exit_code == 2


def test_help_loads_nothing_heavy():
    code = (
        "import sys\nfrom k8snet_lessons.cli import main\n"
        "main(['--help'], standalone_mode=False)\nprint('loaded', *sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    loaded = set(done.stdout.split("loaded", 1)[1].split())
    heavy = {"numpy", "plotly", "simpy", "ipywidgets", "IPython", "jupyterlab", "papermill",
             "nbformat", "yaml"}  # fmt: skip
    assert loaded.isdisjoint(heavy)


@pytest.fixture
def course(tmp_path):
    (tmp_path / "solutions").mkdir()
    source = (ROOT / "solutions" / "01-north-south-path.ipynb").read_text(encoding="utf-8")
    (tmp_path / "solutions" / "01-north-south-path.ipynb").write_text(source, encoding="utf-8")
    return tmp_path


def test_release_writes_checks_and_removes(course):
    assert run("release", "--course", course, "--check").exit_code == 1
    assert run("release", "--course", course).exit_code == 0
    assert run("release", "--course", course, "--check").exit_code == 0
    stale = course / "exercises" / "77-gone.ipynb"
    stale.write_text("{}")
    file = course / "exercises" / "01-north-south-path.ipynb"
    file.write_text(file.read_text().replace("TODO", "42", 1))
    report = run("release", "--course", course, "--check", "--json")
    assert report.exit_code == 1
    assert json.loads(report.output)["files"] == {
        "01-north-south-path.ipynb": "differs",
        "77-gone.ipynb": "without a solution",
    }
    assert run("release", "--course", course).exit_code == 0
    assert not stale.exists()
    assert run("release", "--course", course, "--check").exit_code == 0


@pytest.mark.parametrize("options", [["--check"], ["--check", "--json"]])
def test_release_cannot_check_a_course_without_solutions(tmp_path, options):
    done = run("release", "--course", tmp_path, *options)
    assert done.exit_code == 2
    assert f"no notebook in {tmp_path / 'solutions'}" in done.output


def test_release_says_which_cell_is_wrong(course):
    file = course / "solutions" / "01-north-south-path.ipynb"
    file.write_text(file.read_text().replace("### END SOLUTION", "### END", 1))
    done = run("release", "--course", course)
    assert done.exit_code == 2
    assert "01-north-south-path.ipynb, cell" in done.output


def test_score_reads_the_solution_and_reports_what_holds_none(tmp_path):
    solved = ROOT / "solutions" / "01-north-south-path.ipynb"
    done = run("score", "--json", solved)
    assert done.exit_code == 0
    score = json.loads(done.output)
    assert score["score"] == score["max_score"]
    assert "points" in run("score", solved).output
    blank = ROOT / "exercises" / "01-north-south-path.ipynb"
    done = run("score", "--json", blank, tmp_path / "none.ipynb")
    assert done.exit_code == 1
    assert all("error" in json.loads(line) for line in done.output.splitlines())


def test_open_refuses_a_taken_port_in_a_sentence():
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        done = run("open", "--port", taken.getsockname()[1])
    assert done.exit_code == 2
    assert "is taken" in done.output


@pytest.mark.parametrize("wanted", ["99", "nonsense", ""])
def test_open_names_the_lessons_when_there_is_no_such_one(wanted):
    done = run("open", wanted)
    assert done.exit_code == 2
    assert "01-north-south-path" in done.output


def test_open_outside_a_course_says_where_to_run_it(tmp_path, monkeypatch):
    import k8snet_lessons

    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(k8snet_lessons, "__file__", str(tmp_path / "lib" / "p" / "__init__.py"))
    done = run("open")
    assert done.exit_code == 2
    assert "no course here" in done.output


def test_open_serves_the_lesson_and_stops_when_told():
    if not (ROOT / "notebooks" / "00-start-here.ipynb").is_file():
        pytest.skip("the start notebook is not there yet")
    server = subprocess.Popen(
        [sys.executable, "-m", "k8snet_lessons", "open", "--json", "--reading"],
        stdout=subprocess.PIPE,
        cwd=ROOT,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
    )
    try:
        said = json.loads(server.stdout.readline())
        with urllib.request.urlopen(said["url"], timeout=30) as page:
            assert page.status == 200
            assert "00-start-here.ipynb" in page.url
            assert page.url.endswith("&k8snet-reading=on")
    finally:
        server.send_signal(signal.SIGTERM)
        server.wait(30)
    for _ in range(100):
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", said["port"])) != 0:
                return
        time.sleep(0.1)
    pytest.fail("the server is still there after k8snet open was stopped")
