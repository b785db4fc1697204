"""The model against lookups recorded from the real resolvers."""

import json
from itertools import groupby
from pathlib import Path

import pytest

from k8snet_lessons.dns import queries

HERE = Path(__file__).resolve()
SHARE = HERE.parents[1] / "data" / "dns-recordings.jsonl"


def read(path):
    with path.open() as lines:
        return [json.loads(line) for line in lines]


def without_go_race(asked):
    """Go's two questions for one name race each other: sort inside a run of one name."""
    return [q for _, run in groupby(asked, key=lambda q: q[0]) for q in sorted(run)]


def differs(row):
    answers = {tuple(key.rsplit(" ", 1)): said for key, said in row["answers"].items()}
    modelled = queries(row["name"], row["resolv_conf"], row["resolver"], answers)
    recorded = [tuple(query) for query in row["queries"]]
    if row["resolver"] == "go":
        modelled, recorded = without_go_race(modelled), without_go_race(recorded)
    return modelled != recorded


@pytest.mark.parametrize("resolver", ["glibc", "musl", "go"])
def test_every_recording_of_our_share_is_reproduced(resolver):
    rows = [row for row in read(SHARE) if row["resolver"] == resolver]
    assert len(rows) > 100
    assert [row["name"] for row in rows if differs(row)] == []


def test_every_recording_of_the_full_set_is_reproduced(vector_file):
    rows = read(vector_file("dns-sequences.jsonl"))
    assert len(rows) == 1558
    assert [row for row in rows if differs(row)] == []
