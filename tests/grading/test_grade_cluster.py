"""On a Dask cluster the same work gives the same results, whoever dies on the way."""

import contextlib
import os
import signal
from pathlib import Path

import pytest
from distributed import LocalCluster

from k8snet_lessons.assess.grading.cage import SandboxError
from k8snet_lessons.assess.grading.cluster import grade_on_cluster
from k8snet_lessons.assess.grading.grader import Submitted
from k8snet_lessons.assess.grading.limits import Limits

ROOT = Path(__file__).resolve().parents[2]
SOLUTION = ROOT / "solutions" / "05-conntrack-exhaustion.ipynb"


@pytest.fixture
def cluster(cage):
    with LocalCluster(
        n_workers=2, threads_per_worker=1, dashboard_address=None, silence_logs=50
    ) as one:
        yield one


def test_a_worker_that_dies_in_mid_run_loses_nothing_and_doubles_nothing(cluster, originals):
    data = SOLUTION.read_bytes()
    queue = [Submitted(f"student-{n}", SOLUTION.stem, data, n) for n in range(12)]
    victims = [worker.pid for worker in cluster.workers.values()]
    scores = {}
    for graded in grade_on_cluster(queue, originals, True, Limits(), cluster.scheduler_address):
        assert graded.student not in scores
        scores[graded.student] = (graded.score, graded.max_score, graded.seed)
        if len(scores) in (2, 5) and victims:
            with contextlib.suppress(ProcessLookupError):
                os.kill(victims.pop(), signal.SIGKILL)
    assert victims == []
    assert scores == {f"student-{n}": (13.5, 13.5, n) for n in range(12)}


def test_a_scheduler_that_is_not_there_is_named(originals):
    with pytest.raises(SandboxError, match=r"tcp://127\.0\.0\.1:1"):
        list(grade_on_cluster([], originals, True, Limits(), "tcp://127.0.0.1:1", patience_s=0.3))
