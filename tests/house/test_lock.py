"""One lock serves local work, CI and Binder."""

import re
import tomllib
from itertools import chain
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]


def pins() -> dict[str, str]:
    found = {}
    for line in (ROOT / "requirements.lock").read_text().splitlines():
        if line and not line.startswith("#"):
            requirement = line.split(";")[0].strip()
            name, separator, version = requirement.partition("==")
            assert separator, f"not pinned to one version: {line}"
            found.setdefault(re.sub(r"[-_.]+", "-", name).lower(), version)
    return found


@pytest.mark.parametrize(
    "requirement",
    [*PROJECT["dependencies"], *chain(*PROJECT["optional-dependencies"].values())],
)
def test_every_declared_dependency_is_locked(requirement):
    match = re.match(r"[A-Za-z0-9._-]+", requirement)
    assert match
    assert re.sub(r"[-_.]+", "-", match[0]).lower() in pins()


def test_binder_installs_from_the_same_lock():
    lines = (ROOT / "binder" / "requirements.txt").read_text().split("\n")
    assert "-c ../requirements.lock" in lines
    assert "." in lines


def test_the_lock_names_no_index():
    assert "://" not in (ROOT / "requirements.lock").read_text()
