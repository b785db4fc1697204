"""When the grader itself fails on one file, that file says so and the next is graded."""

from pathlib import Path

import pytest

from k8snet_lessons.assess.grading.cage import SandboxError
from k8snet_lessons.assess.grading.grader import Grader, Submitted

ROOT = Path(__file__).resolve().parents[2]
SOLUTION = ROOT / "solutions" / "05-conntrack-exhaustion.ipynb"


@pytest.mark.parametrize("fault", [SandboxError("gone"), RuntimeError("odd"), OSError(28, "full")])
def test_a_fault_on_one_file_is_that_files_alone(originals, cage, monkeypatch, fault):
    with Grader(originals, cage) as grader:
        whole = grader._run

        def run(submitted, steps):
            if submitted.student == "mallory" and any(step.kind == "student" for step in steps):
                raise fault
            return whole(submitted, steps)

        monkeypatch.setattr(grader, "_run", run)
        data = SOLUTION.read_bytes()
        failed = grader.grade(Submitted("mallory", SOLUTION.stem, data, 0))
        assert (failed.status, failed.score, failed.digest) == ("not gradable", 0, "")
        assert "The grader itself failed" in failed.reason
        good = grader.grade(Submitted("ada", SOLUTION.stem, data, 0))
        assert good.score == good.max_score


def test_a_misnamed_file_is_told_its_name(grader):
    for name in ("05-conntrack-exhaustion (1)", "05-Conntrack-Exhaustion", "05-conntrack"):
        said = grader.grade(Submitted("ada", name, b"{}", 0)).reason
        assert said.endswith("Rename it to 05-conntrack-exhaustion.ipynb if it is that one.")
    said = grader.grade(Submitted("ada", "x", b"{}", 0)).reason
    assert said == "There is no assignment named 'x'."


def test_a_fork_server_that_dies_is_replaced(originals, cage):
    with Grader(originals, cage) as grader:
        data = SOLUTION.read_bytes()
        first = grader.grade(Submitted("ada", SOLUTION.stem, data, 0))
        grader._warm._process.kill()
        grader._warm._process.wait()
        second = grader.grade(Submitted("bob", SOLUTION.stem, data, 0))
        assert first.score == second.score == second.max_score
