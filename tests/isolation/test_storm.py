"""A storm in the mean, drawn by chance, by hand, and as it was measured: one answer."""

import math
from dataclasses import replace

import numpy as np
import pytest

from k8snet_lessons.data import measured
from k8snet_lessons.errors import InputError
from k8snet_lessons.isolation import (
    StormSpec,
    attempts_at_the_bottom,
    can_outlive_trigger,
    drain_s,
    safe_ratio,
    storm,
    storm_by_process,
    storm_load_per_s,
    useful_queue,
)

SMALL = StormSpec(
    requests_per_s=60.0, capacity_per_s=100.0, queue_limit=300, budget_min_per_s=1.0,
    trigger_from_s=10.0, trigger_for_s=10.0, horizon_s=60.0,
)  # fmt: skip
KINDS = {
    "as is": SMALL,
    "budget": replace(SMALL, budget_ratio=0.2),
    "short queue": replace(SMALL, queue_limit=50),
    "limit on what is under way": replace(SMALL, max_in_flight=60),
    "no retries": replace(SMALL, retries=0),
    "no jitter, long pauses": replace(SMALL, jitter=False, backoff_s=1.0, longest_backoff_s=4.0),
    "room to spare": replace(SMALL, requests_per_s=8.0),
}


@pytest.mark.parametrize("name", KINDS)
def test_the_mean_and_the_process_agree(name):
    spec = KINDS[name]
    mean = storm(spec)
    runs = [storm_by_process(spec, seed) for seed in (1, 2, 3)]
    for begin, end in ((0, 10), (12, 20), (45, 60)):
        for what in ("attempts_per_s", "useful_per_s", "failed_per_s"):
            drawn = np.mean([getattr(run, what)[begin:end].mean() for run in runs])
            expected = getattr(mean, what)[begin:end].mean()
            # Poisson counts of some hundreds to thousands, and 5 % for what a fluid leaves out.
            allowed = 4 * math.sqrt(max(expected, 1) / (3 * (end - begin))) + 0.05 * expected
            assert drawn == pytest.approx(expected, abs=allowed), (what, begin)


@pytest.mark.parametrize("name", KINDS)
def test_who_says_that_a_storm_stays_is_right(name):
    spec = KINDS[name]
    stayed = math.isinf(storm(spec).recovered_s(spec))
    assert stayed == can_outlive_trigger(spec)


@pytest.mark.parametrize("name", KINDS)
def test_no_request_is_lost_or_made(name):
    spec = replace(KINDS[name], horizon_s=200.0, trigger_for_s=5.0, budget_min_per_s=1.0)
    run = storm(spec)
    ended = run.useful_per_s.sum() + run.failed_per_s.sum()
    longest_s = (spec.retries + 1) * spec.timeout_s + spec.retries * spec.longest_backoff_s
    begun = spec.requests_per_s * spec.horizon_s
    assert begun - spec.requests_per_s * (longest_s + 1) <= ended <= begun * (1 + 1e-9)


@pytest.mark.parametrize("ratio", [0.1, 0.2, 0.4])
def test_the_queue_drains_as_fast_as_the_closed_form_says(ratio):
    spec = replace(SMALL, budget_ratio=ratio, budget_min_per_s=0.0, horizon_s=120.0)
    run = storm(spec)
    end = round(spec.trigger_from_s + spec.trigger_for_s)
    expected = drain_s(spec, float(run.backlog[end - 1]))
    # Once answers are in time again, the last requests of the storm still end: one chain more.
    assert expected - 1 <= run.recovered_s(spec) <= expected + 6


def test_the_storm_load_is_what_the_storm_sends():
    run = storm(SMALL)
    assert run.attempts_per_s[-10:] == pytest.approx(storm_load_per_s(SMALL), rel=1e-6)


def test_pauses_put_a_storm_off_and_do_not_end_it():
    calm = replace(SMALL, backoff_s=2.0, longest_backoff_s=10.0, horizon_s=150.0)
    assert math.isinf(storm(calm).recovered_s(calm))
    assert storm(calm).attempts_per_s[-10:].mean() == pytest.approx(240, rel=0.02)


def test_a_budget_larger_than_the_spare_capacity_does_not_help():
    assert safe_ratio(SMALL) == pytest.approx(2 / 3)
    greedy = replace(SMALL, budget_ratio=0.8, horizon_s=120.0)
    assert can_outlive_trigger(greedy)
    assert math.isinf(storm(greedy).recovered_s(greedy))


def test_known_numbers():
    assert useful_queue(SMALL) == 100
    assert attempts_at_the_bottom(4, 2) == 81
    assert drain_s(SMALL, 300) == math.inf
    assert drain_s(SMALL, 90) == 0


@pytest.mark.parametrize(
    ("field", "value"),
    [("requests_per_s", 0), ("retries", 11), ("retries", 1.5), ("queue_limit", 0),
     ("trigger_capacity", 1.2), ("timeout_s", float("nan")), ("max_in_flight", 0),
     ("budget_ratio", -1)],
)  # fmt: skip
def test_what_cannot_be_meant_is_refused_by_name(field, value):
    with pytest.raises(InputError) as error:
        replace(SMALL, **{field: value})
    assert error.value.field == field


RECORD = measured.load("retry-storm")


@pytest.mark.parametrize("setting", RECORD.parameters["spec"])
def test_the_mean_says_what_was_measured(setting):
    spec = StormSpec(**RECORD.parameters["spec"][setting])
    run = storm(spec)
    rounds = RECORD.parameters["rounds"]

    def seen(name, begin, end):
        samples = [each.samples for each in RECORD.find(name, setting=setting)]
        return np.array(samples)[:, begin:end].mean()

    def near(value, seconds):  # Poisson counts, four standard errors and 5 %
        error = 4 * math.sqrt(max(value, 1) / (rounds * seconds)) + 0.05 * value
        return pytest.approx(value, abs=error)

    assert seen("answered in time", 0, 5) == near(run.useful_per_s[:5].mean(), 5)
    assert seen("attempts", 6, 10) == near(run.attempts_per_s[6:10].mean(), 4)
    assert seen("answered in time", 24, 30) == near(run.useful_per_s[24:].mean(), 6)
    assert seen("attempts", 24, 30) == near(run.attempts_per_s[24:].mean(), 6)
