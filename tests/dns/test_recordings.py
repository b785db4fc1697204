"""The model against lookups recorded from the real resolvers."""

import json
from itertools import groupby
from pathlib import Path

import pytest

from k8snet_lessons.dns import lookup, queries

HERE = Path(__file__).resolve()
SHARE = HERE.parents[1] / "data" / "dns-recordings.jsonl"
ODD = HERE.parents[1] / "data" / "dns-recordings-odd.jsonl"


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
    if row["resolver"].startswith("go"):
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


def comes_to_something_else(row):
    """Whether the program gets another address or another message than was recorded."""
    answers = {tuple(key.rsplit(" ", 1)): said for key, said in row["answers"].items()}
    found = lookup(row["name"], row["resolv_conf"], row["resolver"], answers)
    addresses = {address.partition("%")[0] for address in found.addresses}
    if addresses != set(row["addresses"]) or bool(found.error) != bool(row["error"]):
        return True
    worded = found.error != "SIGFPE" and not row["resolver"].startswith("go")
    return worded and found.error_in_words != row["error"]


@pytest.mark.parametrize(
    "resolver", ["glibc-2.36", "musl-1.2.3", "musl-1.2.5", "go-1.19", "go-1.27"]
)
def test_odd_files_and_odd_names_are_read_as_the_resolver_reads_them(resolver):
    rows = [row for row in read(ODD) if row["resolver"] == resolver]
    assert len(rows) >= 20
    assert [row for row in rows if differs(row) or comes_to_something_else(row)] == []
