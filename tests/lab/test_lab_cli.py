"""The lab's commands without a kernel to measure: help, mistakes, comparison."""

import json
from dataclasses import replace

import pytest
from click.testing import CliRunner

from k8snet_lessons.cli import main
from k8snet_lessons.data import measured
from k8snet_lessons.data.measured import Series
from k8snet_lessons.lab.comparison import compare
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
