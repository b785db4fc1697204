"""A record says what it is; a broken one is refused with the field named."""

import json
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from k8snet_lessons.data import measured
from k8snet_lessons.data.measured import Machine, Record, RecordError, Series, Sketch
from k8snet_lessons.data.measured._record import QUANTILES, from_text

MACHINE = Machine("6.1", "x86_64", "a CPU", 2, 2048, True, "a Linux", {"nft": "nft 1.0"})
RECORD = Record(
    experiment="some-experiment",
    question="What?",
    limits="Nothing else.",
    machine=MACHINE,
    taken_at="2026-11-23T19:00:00+00:00",
    command="k8snet measure some-experiment",
    duration_s=1.5,
    load_average=(0.1, 0.2),
    parameters={"seed": 1},
    series=(
        Series("connect", "us", {"mode": "direct", "services": 0}, (9.0, 8.5)),
        Series("connect", "us", {"mode": "nft", "services": 5}, (), Sketch.of([3.0, 1.0, 2.0])),
    ),
    findings={"refused": 3},
)


def test_a_record_survives_the_file(tmp_path):
    path = RECORD.write(tmp_path)
    assert path.name == "some-experiment.json"
    assert measured.read(path) == RECORD


def test_series_are_found_by_their_setting():
    assert RECORD.one("connect", mode="direct").minimum == 8.5
    assert RECORD.one("connect", mode="nft").median == 2.0
    with pytest.raises(RecordError, match="exactly one"):
        RECORD.one("connect")


@pytest.mark.parametrize(
    ("change", "named"),
    [
        ({"schema": "k8snet-record/0"}, "schema"),
        ({"taken_at": "yesterday"}, "taken_at"),
        ({"taken_at": "2026-11-23T19:00:00"}, "taken_at"),
        ({"load_average": [1]}, "load_average"),
        ({"duration_s": "long"}, "duration_s"),
        ({"question": None}, "question"),
        ({"machine": {"kernel": "6.1"}}, "architecture"),
        ({"series": [{"name": "a", "unit": "us", "where": {}, "samples": []}]}, "samples"),
        ({"series": [{"name": "a", "unit": "us", "where": {}, "samples": ["1"]}]}, "samples"),
        (
            {
                "series": [
                    {
                        "name": "a",
                        "unit": "us",
                        "where": {},
                        "samples": [],
                        "sketch": {"count": 1, "mean": 1.0, "values": [2.0] * 10 + [1.0]},
                    }
                ]
            },
            "sketch.values",
        ),
    ],
)
def test_a_broken_record_is_refused_by_field(change, named):
    plain = json.loads(RECORD.to_text()) | change
    with pytest.raises(RecordError) as error:
        from_text(json.dumps(plain), "that file")
    assert error.value.field == named
    assert "that file" in str(error.value)


def test_text_that_is_not_json_is_refused_by_line():
    with pytest.raises(RecordError, match="line 2"):
        from_text('{"schema":\n nonsense}', "that file")


def test_a_record_that_could_not_be_read_back_is_not_written(tmp_path):
    with pytest.raises(RecordError):
        replace(RECORD, taken_at="now").write(tmp_path)
    assert not list(tmp_path.iterdir())


@settings(deadline=None)
@given(st.lists(st.floats(0, 1e6), min_size=1, max_size=200))
def test_a_sketch_agrees_with_numpy(samples):
    sketch = Sketch.of(samples, digits=9)
    assert sketch.count == len(samples)
    np.testing.assert_allclose(sketch.values, np.quantile(samples, QUANTILES), atol=2e-9)


def test_unknown_record_names_are_told_the_known_ones():
    with pytest.raises(RecordError, match="first-packet"):
        measured.load("no-such-record")


@pytest.mark.parametrize("name", measured.names())
def test_every_shipped_record_is_sound_and_small(name):
    record = measured.load(name)
    path = measured.folder() / f"{name}.json"
    assert record.experiment == name
    assert path.stat().st_size < 300_000
    assert record.command.startswith(f"k8snet measure {name}")
    assert record.series or record.findings
    assert record.limits.endswith(".")
    assert not record.parameters["quick"], "a quick run is not evidence"
