"""What Binder would build: an environment from binder/ alone, and the start notebook in it."""

import shutil
import subprocess
import sys
import time
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
pytestmark = pytest.mark.binder


@pytest.fixture(scope="module")
def checkout(tmp_path_factory):
    """The tracked files in an empty folder, as repo2docker copies them."""
    if not (ROOT / ".git").exists():
        pytest.skip("not a git checkout, so the tracked files are not known")
    folder = tmp_path_factory.mktemp("binder") / "repo"
    listed = subprocess.run(
        ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    )
    for name in filter(None, listed.stdout.split("\0")):
        source = ROOT / name
        if source.is_file():
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(source, folder / name)
    return folder


def test_the_start_notebook_runs_in_an_environment_made_from_binder_alone(checkout, capsys):
    wanted = (checkout / "binder" / "runtime.txt").read_text().strip().replace("-", "")
    python = sys.executable
    if shutil.which(wanted):
        probe = subprocess.run([wanted, "-c", "import venv, ensurepip"], capture_output=True)
        python = wanted if probe.returncode == 0 else sys.executable
    venv = checkout.parent / "environment"
    start = time.monotonic()
    subprocess.run([python, "-m", "venv", str(venv)], check=True)
    subprocess.run(
        [venv / "bin" / "pip", "install", "--quiet", "-r", "binder/requirements.txt"],
        cwd=checkout,
        check=True,
    )
    seconds = time.monotonic() - start
    size_mb = (
        sum(f.stat().st_size for f in venv.rglob("*") if f.is_file() and not f.is_symlink()) / 1e6
    )
    executed = checkout.parent / "executed.ipynb"
    subprocess.run(
        [venv / "bin" / "papermill", "--no-progress-bar", "-k", "python3",
         "00-start-here.ipynb", executed],
        cwd=checkout / "notebooks",
        check=True,
    )  # fmt: skip
    with capsys.disabled():
        print(f"\nbinder: {size_mb:.0f} MB installed in {seconds:.0f} s with {python}")
    assert executed.stat().st_size > 0
    # The course must come out of the installed package, not out of the checkout.
    where = subprocess.run(
        [venv / "bin" / "python", "-c", "import k8snet_lessons; print(k8snet_lessons.__file__)"],
        cwd=checkout.parent,
        capture_output=True,
        text=True,
        check=True,
    )
    assert str(venv) in where.stdout


def test_repo2docker_writes_a_dockerfile_that_installs_the_course(checkout):
    done = subprocess.run(
        [sys.executable, "-m", "repo2docker", "--no-build", "--debug", str(checkout)],
        capture_output=True,
        text=True,
        timeout=120,
    )
    said = done.stdout + done.stderr
    assert done.returncode == 0, said[-2000:]
    assert 'pip install --no-cache-dir -r "binder/requirements.txt"' in said
    # repo2docker escapes "-" and "." in the names of the files that it copies.
    version = (checkout / "binder" / "runtime.txt").read_text().strip().split("-")[1]
    assert f"environment.py-{version}".replace("-", "-2d").replace(".", "-2e") in said
