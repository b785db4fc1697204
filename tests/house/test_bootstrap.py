"""Setting up says what is wrong in a sentence, and takes seconds the second time."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture
def bare_checkout(tmp_path):
    """The files that setting up reads, in a folder that has no environment."""
    for name in ("pyproject.toml", "requirements.lock", "README.md", "LICENSE", "Makefile"):
        shutil.copy(ROOT / name, tmp_path / name)
    shutil.copytree(ROOT / "tools", tmp_path / "tools")
    return tmp_path


def run(folder, *command, **env):
    return subprocess.run(
        command,
        cwd=folder,
        capture_output=True,
        text=True,
        env={**os.environ, **env},
        timeout=240,
    )


def test_without_a_network_the_reason_is_one_sentence(bare_checkout):
    done = run(
        bare_checkout,
        sys.executable,
        "tools/bootstrap.py",
        PIP_CONFIG_FILE=os.devnull,
        PIP_INDEX_URL="http://127.0.0.1:9/simple",
        PIP_EXTRA_INDEX_URL="",
        PIP_FIND_LINKS="",
        PIP_RETRIES="0",
        PIP_NO_CACHE_DIR="1",
    )
    assert done.returncode == 1
    assert "the package index was not reached" in done.stderr
    assert "Traceback" not in done.stderr


def test_an_unsupported_python_is_named(bare_checkout):
    script = (
        "import sys, runpy; sys.version_info = (3, 10, 0, 'final', 0); sys.argv = ['bootstrap.py'];"
        "runpy.run_path('tools/bootstrap.py', run_name='__main__')"
    )
    done = run(bare_checkout, sys.executable, "-c", script)
    assert done.returncode == 1
    assert "Python 3.10" in done.stderr
    assert "3.11, 3.12 and 3.13" in done.stderr


def test_a_missing_python_is_named(bare_checkout):
    if shutil.which("make") is None:
        pytest.skip("make is not installed")
    done = run(bare_checkout, "make", "PYTHON=python-that-is-not-there", "setup")
    assert done.returncode != 0
    assert "there is no 'python-that-is-not-there'" in done.stderr


def test_a_second_run_finds_its_stamp(bare_checkout):
    (bare_checkout / ".venv" / "bin").mkdir(parents=True)
    (bare_checkout / ".venv" / "bin" / "python").symlink_to(sys.executable)
    probe = "import runpy; print(runpy.run_path('tools/bootstrap.py')['wanted'](''))"
    key = run(bare_checkout, sys.executable, "-c", probe).stdout.strip()
    (bare_checkout / ".venv" / "k8snet-stamp").write_text(key + "\n")
    done = run(bare_checkout, sys.executable, "tools/bootstrap.py")
    assert done.returncode == 0
    assert "up to date" in done.stdout
