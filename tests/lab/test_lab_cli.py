"""The lab's commands without a kernel to measure: help, mistakes, comparison."""

import json
import os
import signal
from contextlib import suppress
from dataclasses import replace

import pytest
from click.testing import CliRunner

from k8snet_lessons.cli import main
from k8snet_lessons.data import measured
from k8snet_lessons.data.measured import Series
from k8snet_lessons.lab.comparison import compare
from k8snet_lessons.lab.errors import LabError, Stopped
from k8snet_lessons.lab.experiment import Experiment, Result, Run, measure
from k8snet_lessons.lab.experiments import EXPERIMENTS


def k8snet(*arguments):
    return CliRunner().invoke(main, list(arguments))


@pytest.mark.parametrize("command", ["lab-check", "measure"])
def test_help_has_an_example(command):
    done = k8snet(command, "--help")
    assert done.exit_code == 0
    assert f"k8snet {command}" in done.output.partition("Examples:")[2]


def test_an_unknown_experiment_is_told_the_known_ones():
    done = k8snet("measure", "first-pocket")
    assert done.exit_code == 2
    assert "first-packet" in done.output


def test_naming_nothing_is_told_what_to_name():
    done = k8snet("measure")
    assert done.exit_code == 2
    assert "overlay" in done.output


def test_comparing_an_empty_folder_says_so(tmp_path):
    done = k8snet("measure", "--compare", "--into", str(tmp_path))
    assert done.exit_code == 2
    assert "no record" in done.output


def test_a_record_compared_with_itself_is_one_to_one(tmp_path):
    record = measured.load("overlay")
    record.write(tmp_path)
    done = k8snet("measure", "--compare", "--json", "--into", str(tmp_path))
    assert done.exit_code == 0
    rows = json.loads(done.stdout)["series"]
    assert len(rows) == len(record.series)
    assert {row["ratio"] for row in rows} == {1.0}


def test_only_the_same_setting_is_compared():
    shipped = measured.load("overlay")
    elsewhere = replace(
        shipped,
        series=(
            Series("frame", "bytes", {"carried": "routed", "payload_bytes": 56}, (196.0,)),
            Series("frame", "bytes", {"carried": "routed", "payload_bytes": 57}, (99.0,)),
        ),
    )
    (row,) = compare(elsewhere, shipped)
    assert row.ratio == 2.0


def test_every_experiment_ships_a_record_and_says_what_it_cannot_do():
    assert set(EXPERIMENTS) == set(measured.names())
    for name, experiment in EXPERIMENTS.items():
        assert measured.load(name).question == experiment.question
        assert experiment.limits.endswith(".")
        assert 0 < experiment.bound_s[1] <= 120 <= experiment.bound_s[0]


def test_what_is_missing_is_named(monkeypatch):
    monkeypatch.setenv("PATH", "/nowhere")
    done = k8snet("lab-check", "--json")
    told = {each["name"]: each for each in json.loads(done.stdout)["experiments"]}
    assert any("nft" in reason for reason in told["first-packet"]["missing"])


def test_where_nothing_can_be_written_is_found_out_before_measuring(tmp_path):
    (tmp_path / "file").write_text("in the way")
    done = k8snet("measure", "retry-storm", "--quick", "--into", str(tmp_path / "file" / "records"))
    assert done.exit_code == 2
    assert "cannot write records into" in done.output
    assert "--into" in done.output


def test_a_broken_record_is_named_when_it_is_compared(tmp_path):
    (tmp_path / "overlay.json").write_text('{"schema": ')
    done = k8snet("measure", "--compare", "--into", str(tmp_path))
    assert done.exit_code == 2
    assert "overlay.json" in done.output
    assert "Traceback" not in done.output


def experiment(body):
    return Experiment("x", "Why?", "None.", (), (), (60.0, 60.0), body)


def test_an_end_that_python_swallows_is_still_the_end():
    def body(run):
        with suppress(BaseException):  # as around a fork, or in a destructor
            os.kill(os.getpid(), signal.SIGTERM)
        run.progress(0.5, "gone on")
        raise AssertionError("it went on")

    with pytest.raises(Stopped, match="stopped by SIGTERM"):
        measure(experiment(body), Run(), "")


def test_what_goes_wrong_in_a_program_is_one_sentence():
    def body(run):
        raise OSError(28, "No space left\non device")

    with pytest.raises(LabError, match="No space left on device"):
        measure(experiment(body), Run(), "")


def test_what_was_ignored_stays_ignored():
    before = signal.signal(signal.SIGHUP, signal.SIG_IGN)
    try:

        def body(run):
            os.kill(os.getpid(), signal.SIGHUP)
            return Result({}, (Series("a", "s", {}, (1.0,)),))

        assert measure(experiment(body), Run(), "").experiment == "x"
    finally:
        signal.signal(signal.SIGHUP, before)
