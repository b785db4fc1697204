"""The counter above the table, and entries that clash."""

import numpy as np
import pytest

from k8snet_lessons.datapath.nf_conntrack import (
    counter,
    race_loss_share,
    saw_tooth,
    snat_refusals,
)
from k8snet_lessons.errors import InputError


@pytest.mark.parametrize("buckets", [256, 1_024, 4_096, 262_144])
def test_the_counter_by_walking_entries_and_buckets(buckets):
    new_per_s, life_s, gc_s = 200.0, 10.0, 5.0
    rng = np.random.default_rng(4)
    at = np.cumsum(rng.exponential(1 / new_per_s, 20_000))
    homes = rng.integers(buckets, size=(len(at), 2))
    collections = np.arange(0, at[-1] + life_s, gc_s)
    # Each newcomer looks into its two buckets.
    looked = {}
    for when, pair in zip(at, homes, strict=True):
        for bucket in pair:
            looked.setdefault(bucket, []).append(when)
    waits = []
    for end, pair in zip(at + life_s, homes, strict=True):
        if end > at[-1] - 2 * gc_s:
            break
        gone = collections[np.searchsorted(collections, end)]
        for bucket in pair:
            seen = looked[bucket]
            place = np.searchsorted(seen, end)
            if place < len(seen):
                gone = min(gone, seen[place])
        waits.append(gone - end)
    expected = counter(new_per_s, life_s, buckets, gc_interval_s=gc_s)
    assert new_per_s * np.mean(waits) == pytest.approx(expected.dead, rel=0.06, abs=2)
    assert expected.live == 2_000


def test_the_collector_alone_draws_a_saw_tooth():
    live = np.full(11, 100)
    shown = saw_tooth(live, np.full(10, 7), 5)
    assert shown.tolist() == [100, 107, 114, 121, 128, 100, 107, 114, 121, 128, 100]


def test_snat_runs_out_of_ports():
    assert snat_refusals(80, ports=50) == 30
    assert snat_refusals(80, ports=50, source_addresses=2) == 0
    with pytest.raises(InputError, match="ports"):
        snat_refusals(80, ports=-1)


def test_the_race_is_history_by_stages():
    shares = [race_loss_share(10, 20, kernel=release) for release in ((4, 14), (5, 4), (5, 6))]
    assert shares[0] == 2 * shares[1] > shares[2] == 0
    assert race_loss_share(10, 20, cores=1, kernel=(4, 14)) == 0
    assert race_loss_share(10, 20, replicas=1, kernel=(5, 4)) == 0
