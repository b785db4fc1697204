"""Every committed notebook is run again, and its stored outputs are compared (nbval)."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
NOTEBOOKS = sorted([*(ROOT / "notebooks").glob("*.ipynb"), *(ROOT / "solutions").glob("*.ipynb")])


def nbval(path, folder):
    """Run nbval on one notebook, away from this suite's own configuration."""
    settings = folder / "nbval.ini"
    settings.write_text("[pytest]\n")
    return subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-c", settings, "--rootdir", path.parent,
         "-p", "no:cacheprovider", "--nbval", "--nbval-current-env", path],
        capture_output=True, text=True, cwd=path.parent,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
    )  # fmt: skip


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: f"{path.parent.name}/{path.stem}")
def test_stored_outputs_are_what_the_code_gives(path, tmp_path):
    done = nbval(path, tmp_path)
    assert done.returncode == 0, done.stdout[-4000:]


def test_a_stored_output_that_is_wrong_is_found(tmp_path):
    notebook = json.loads((ROOT / "solutions" / "01-north-south-path.ipynb").read_text())
    kept = [c for c in notebook["cells"] if c["id"] in ("parameters", "setup", "score")]
    score = kept[-1]
    score["outputs"] = [
        {"output_type": "display_data", "metadata": {}, "data": {"text/plain": "all is well"}}
    ]
    path = tmp_path / "tampered.ipynb"
    path.write_text(json.dumps({**notebook, "cells": kept}))
    done = nbval(path, tmp_path)
    assert done.returncode == 1
    assert "1 failed, 2 passed" in done.stdout
