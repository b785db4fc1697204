"""A fix that fits ends the incident, any other leaves it."""

import pytest

from k8snet_lessons.incidents import FAULTS, FIXES, drawn, replay

SEED = 5
ENDS, LEAVES = 2 / 3, 0.5


@pytest.mark.parametrize("name", FAULTS)
def test_the_cures_cure_and_no_other_fix_takes_away_half_of_the_harm(name):
    fault, world, healthy = drawn(SEED, name)
    assert fault.cures <= FIXES.keys()
    assert fault.eases <= FIXES.keys() - fault.cures
    gone = {fix: replay(healthy, world, each).recovered for fix, each in FIXES.items()}
    ended = {fix for fix, share in gone.items() if share >= ENDS}
    assert fault.cures <= ended <= fault.cures | fault.eases
    helping = {fix for fix, share in gone.items() if share > LEAVES} - fault.cures
    assert helping <= fault.eases, {fix: gone[fix] for fix in helping}


@pytest.mark.parametrize("seed", [417])
@pytest.mark.parametrize("name", FAULTS)
def test_the_harm_is_plain_and_the_named_cures_cure_it_for_other_draws_too(name, seed):
    fault, world, healthy = drawn(seed, name)
    for fix in fault.cures:
        again = replay(healthy, world, FIXES[fix])
        assert again.harm(again.healthy) == 0
        assert again.harm(again.before) > 0.015
        assert again.recovered >= ENDS, fix


def test_the_same_draw_gives_the_same_world_and_the_same_traffic():
    from k8snet_lessons.incidents import traffic

    first, second = drawn(77), drawn(77)
    assert first[1] == second[1]
    assert drawn(78)[1] != first[1]
    one = traffic.send(first[1])
    traffic.send.cache_clear()
    other = traffic.send(second[1])
    assert (one.status == other.status).all()
    assert (one.hop_us == other.hop_us).all()


def test_seeds_draw_every_fault():
    assert {drawn(seed)[0].name for seed in range(120)} == FAULTS.keys()
