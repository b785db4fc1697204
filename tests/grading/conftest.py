"""One warm grader for the whole folder."""

from pathlib import Path

import pytest

from k8snet_lessons.assess.grading.grader import Grader, load_originals
from k8snet_lessons.assess.grading.limits import Limits

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture(scope="session")
def originals():
    return load_originals(ROOT / "exercises")


@pytest.fixture(scope="session")
def grader(originals, cage):
    with Grader(originals, cage, Limits(cell_s=30, submission_s=240)) as one:
        yield one
