"""Settings for all tests, and the sandbox that several folders need."""

import os
import sys
from pathlib import Path
from shutil import which

import pytest
from hypothesis import HealthCheck, settings

from k8snet_lessons.assess.grading.cage import SandboxError, find_cage

# How long an example takes, or making it, says something about the machine and not about the
# code; and the same examples every time, or a green run promises nothing of the next. To search
# for new ones: pytest --hypothesis-profile search
calm = {"deadline": None, "suppress_health_check": [HealthCheck.too_slow]}
settings.register_profile("search", **calm)
settings.register_profile("course", derandomize=True, **calm)
settings.load_profile("course")


def pytest_collection_modifyitems(items):
    """Try once more what meets the machine itself; the summary names each that needed it."""
    for item in items:
        if item.get_closest_marker("browser") or item.get_closest_marker("kernel"):
            item.add_marker(pytest.mark.flaky(reruns=1))


@pytest.fixture(scope="session")
def vector_file():
    """Find a file of expected results that others recorded, or skip by name where it is absent."""
    places = [parent / "shared" / "vectors" for parent in Path(__file__).resolve().parents]
    if "K8SNET_VECTORS" in os.environ:
        places.insert(0, Path(os.environ["K8SNET_VECTORS"]))

    def find(name):
        for place in places:
            if (place / name).is_file():
                return place / name
        pytest.skip(f"{name} is not here (set K8SNET_VECTORS to its folder)")

    return find


@pytest.fixture(scope="session")
def without_sandbox():
    """Skip where a machine has no sandbox; fail where CI has all that one needs."""

    def say(problem):
        able = sys.platform.startswith("linux") and os.geteuid() == 0 and which("bwrap")
        if able and os.environ.get("CI", "").lower() in ("true", "1"):
            pytest.fail(f"CI is root and has bubblewrap, and yet there is no sandbox: {problem}")
        pytest.skip(f"no sandbox on this machine: {problem}")

    return say


@pytest.fixture(scope="session")
def cage(without_sandbox):
    try:
        return find_cage([Path(__file__).resolve().parents[1]])
    except SandboxError as error:
        without_sandbox(error)
