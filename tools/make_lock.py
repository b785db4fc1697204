"""Resolve every dependency to one exact version for Python 3.11 to 3.13.

The resolver (uv) is installed into a throw-away environment, so that it is no
dependency of the course.
"""

import subprocess
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent

HEADER = """\
# Exact versions for local work, CI and Binder alike, Python 3.11 to 3.13.
# Made by `make lock` from pyproject.toml; not edited by hand.
"""


def main() -> None:
    with tempfile.TemporaryDirectory() as folder:
        subprocess.run([sys.executable, "-m", "venv", folder], check=True)
        subprocess.run([f"{folder}/bin/pip", "install", "--quiet", "uv"], check=True)
        resolved = subprocess.run(
            [
                f"{folder}/bin/uv", "pip", "compile", "pyproject.toml", "--all-extras",
                "--universal", "--python-version", "3.11", "--no-annotate", "--no-header",
                "--no-emit-index-url", "--no-emit-find-links", "--quiet",
            ],
            cwd=ROOT, check=True, capture_output=True, text=True,
        ).stdout  # fmt: skip
    (ROOT / "requirements.lock").write_text(HEADER + resolved)


if __name__ == "__main__":
    main()
