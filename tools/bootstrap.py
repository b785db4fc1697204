"""Set up the course's own environment in .venv, from the lock, and say what is done.

Runs with any Python 3.11 to 3.13 and its standard library alone, because it runs
before anything is installed. ``make lab`` and ``make test`` call it; a second run
finds its stamp and returns at once.
"""

from __future__ import annotations

import argparse
import hashlib
import os
import shutil
import subprocess
import sys
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
VENV = ROOT / ".venv"
STAMP = VENV / "k8snet-stamp"
LOCK = ROOT / "requirements.lock"
OLDEST, NEWEST = (3, 11), (3, 13)


class SetupError(Exception):
    """A reason, in one sentence, why the environment cannot be made."""


def say(text: str) -> None:
    print(f"k8snet: {text}", flush=True)


def wanted(extras: str) -> str:
    """Digest of everything that decides what is installed."""
    digest = hashlib.sha256()
    version = ".".join(map(str, sys.version_info[:2]))
    digest.update(f"{version} {extras} {ROOT}".encode())
    for path in (LOCK, ROOT / "pyproject.toml"):
        digest.update(path.read_bytes())
    return digest.hexdigest()


def installed() -> list[str]:
    """Digests of the sets of extras that this environment already holds."""
    return STAMP.read_text().split() if STAMP.exists() else []


def check_python() -> None:
    version = sys.version_info[:2]
    if not OLDEST <= version <= NEWEST:
        raise SetupError(
            f"Python {version[0]}.{version[1]} ({sys.executable}) is not supported; the course "
            "runs on 3.11, 3.12 and 3.13. Name another one: make PYTHON=python3.12 lab"
        )


def make_venv() -> None:
    python = VENV / "bin" / "python"
    if python.exists():
        probe = subprocess.run(
            [python, "-c", "import sys, pip; print(*sys.version_info[:2])"],
            capture_output=True,
            text=True,
        )
        if probe.stdout.split() == [str(part) for part in sys.version_info[:2]]:
            return
        say("the environment in .venv belongs to another Python; making it anew")
    shutil.rmtree(VENV, ignore_errors=True)
    say(f"making .venv with Python {sys.version.split()[0]}")
    made = subprocess.run([sys.executable, "-m", "venv", str(VENV)], capture_output=True, text=True)
    if made.returncode:
        shutil.rmtree(VENV, ignore_errors=True)
        said = (made.stderr or made.stdout).strip()[-400:]
        raise SetupError(
            "Python could not make a virtual environment. On Debian and Ubuntu the missing "
            f"piece is 'apt install python3-venv'. It said: {said}"
        )


def install(extras: str) -> None:
    target = f"{ROOT}[{extras}]" if extras else str(ROOT)
    command = [
        str(VENV / "bin" / "python"), "-m", "pip", "install", "--quiet",
        "--disable-pip-version-check", "--no-input", "--retries", "2",
        "--constraint", str(LOCK), "--editable", target,
    ]  # fmt: skip
    say("installing the locked packages (a minute or two the first time)")
    done = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    if done.returncode == 0:
        return
    tail = "\n".join(done.stdout.strip().splitlines()[-15:])
    offline = ("Temporary failure in name", "Failed to establish", "Network is unreachable",
               "Max retries exceeded", "NewConnectionError", "Connection refused",
               "No matching distribution found")  # fmt: skip
    if "No space left" in done.stdout:
        reason = "the disk is full; about 600 MB are needed"
    elif any(sign in done.stdout for sign in offline):
        reason = (
            "the package index was not reached; check the network or the proxy "
            "and run the same command again"
        )
    else:
        reason = "pip could not install the locked packages"
    raise SetupError(f"{reason}. pip's last lines:\n{tail}")


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--extras", default="", help="comma-separated extras, e.g. 'test'")
    extras = parser.parse_args().extras
    try:
        check_python()
        key = wanted(extras)
        if key in installed() and (VENV / "bin" / "python").exists():
            say("the environment in .venv is up to date")
            return 0
        start = time.monotonic()
        make_venv()
        install(extras)
        # A lock that changed makes earlier stamps stale; extras only ever add.
        known = [line for line in installed() if line == wanted("") or line == wanted("test")]
        STAMP.write_text("\n".join({*known, key, wanted("")}) + "\n")
        size = sum(f.stat().st_size for f in VENV.rglob("*") if f.is_file() and not f.is_symlink())
        say(f"ready in {time.monotonic() - start:.0f} s; .venv takes {size / 1e6:.0f} MB")
    except SetupError as error:
        print(f"k8snet: cannot set up: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("k8snet: stopped; run the same command again to go on", file=sys.stderr)
        return 130
    return 0


if __name__ == "__main__":
    os.chdir(ROOT)
    sys.exit(main())
