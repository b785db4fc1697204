"""What a sandbox shows: the bubblewrap command line, and whether it works on this machine."""

import os
import site
import subprocess
import sys
import sysconfig
from collections.abc import Iterable
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from shutil import which
from typing import Final

import k8snet_lessons

SERVER: Final = "k8snet_lessons.assess.grading.inside.server"
PACKAGE: Final = Path(k8snet_lessons.__file__).resolve().parent
# What knows answers is not there in the sandbox. The open questions and their scorer are:
# exercise 13 is about them, and its students call them.
MASKED: Final = ("assess/tasks",)
_SYSTEM: Final = ("/usr", "/lib", "/lib32", "/lib64", "/bin", "/sbin")
_CONFIGURATION: Final = ("/etc/ld.so.cache", "/etc/alternatives", "/etc/localtime")
# What Python needs of an environment: whoever makes one in the course's own folder has
# solutions and a gradebook beside these.
_OF_PYTHON: Final = ("bin", "lib", "lib32", "lib64", "pyvenv.cfg")
_ENVIRONMENT: Final = {
    "PATH": "/usr/local/bin:/usr/bin:/bin",
    "LANG": "C.UTF-8",
    "HOME": "/tmp",
    "PYTHONDONTWRITEBYTECODE": "1",
    "PYTHONHASHSEED": "0",
    "PYTHONUTF8": "1",
    "OPENBLAS_NUM_THREADS": "1",
    "OMP_NUM_THREADS": "1",
    "K8SNET_PROGRESS": "off",
    "MPLBACKEND": "agg",
    "IPYTHONDIR": "/tmp/.ipython",
}


class SandboxError(RuntimeError):
    """A sandbox could not be made, or broke; the message says why."""


@dataclass(frozen=True)
class Cage:
    """How submissions are kept apart.

    Parameters
    ----------
    mode : str
        ``"root"``: namespaces made by root, every submission a user of its own.
        ``"user"``: namespaces made by an ordinary user. ``"none"``: limits only.
    hidden : tuple of Path
        Folders that must not be seen even where they lie inside something that is.
    """

    mode: str
    hidden: tuple[Path, ...] = ()

    @property
    def apart(self) -> bool:
        """Whether namespaces keep the student's code from the machine."""
        return self.mode != "none"

    def command(self, program: Iterable[str]) -> list[str]:
        """Return the command that runs a Python program inside, with the course in view."""
        python = [sys.executable, "-P", "-s", *program]
        if not self.apart:
            return python
        view = [
            *_bind(_SYSTEM),
            *_bind(_CONFIGURATION),
        ]
        covered = [str(folder) for folder in self.hidden if _within(folder.parent, _SYSTEM)]
        for folder in covered:
            view += ["--tmpfs", folder]
        view += _bind(one for one in _shown() if not _within(one, _SYSTEM) or _within(one, covered))
        view += _bind([PACKAGE])
        known = (copy / name for copy in _copies() for name in MASKED)
        masked = [str(path) for path in known if path.is_dir()]
        for name in masked:
            view += ["--tmpfs", name]
        options = [
            *("--unshare-net", "--unshare-ipc", "--unshare-uts", "--hostname", "grading"),
            *("--die-with-parent", "--new-session", "--clearenv"),
            *(["--unshare-user", "--uid", "1000", "--gid", "1000"] if self.mode == "user" else []),
            # For the fork server, which makes the inner namespaces; students have none of them.
            *("--cap-add", "CAP_SYS_ADMIN", "--cap-add", "CAP_SETPCAP", "--cap-add", "CAP_KILL"),
            *("--cap-add", "CAP_SETUID", "--cap-add", "CAP_SETGID", "--cap-add", "CAP_CHOWN"),
            *("--cap-add", "CAP_SYS_PTRACE", "--cap-add", "CAP_DAC_OVERRIDE"),
        ]
        for name, value in (_ENVIRONMENT | same_course()).items():
            options += ["--setenv", name, value]
        fresh = ["--dev", "/dev", "--bind", "/proc", "/proc", "--tmpfs", "/tmp"]
        # What bubblewrap has made of memory outlives a submission: nobody may write there.
        for place in (*masked, *covered, "/dev", "/"):
            view += ["--remount-ro", place]
        return [str(which("bwrap")), *options, *fresh, *view, "--chdir", "/tmp", "--", *python]

    def in_tmp(self) -> list[str]:
        """Return the folders in view that lie in ``/tmp``, where each submission has its own."""
        if not self.apart:
            return []
        shown = {*_shown(), PACKAGE}
        inside = sorted(str(one) for one in shown if one.is_relative_to("/tmp") and one.is_dir())
        return [one for one in inside if not any(one.startswith(f"{up}/") for up in inside)]

    def environment(self) -> dict[str, str]:
        """Return the environment of the fork server."""
        if self.apart:
            return {"PATH": os.environ.get("PATH", os.defpath)}
        return _ENVIRONMENT | same_course() | {"PATH": os.environ.get("PATH", os.defpath)}


def same_course() -> dict[str, str]:
    """Return the environment in which another Python imports this very copy of the course.

    It may run from a clone while another copy is installed.
    """
    home = PACKAGE.parent
    installed = any(home == one.resolve() for one in _site_folders())
    return {} if installed else {"PYTHONPATH": str(home)}


def find_cage(hidden: Iterable[Path] = ()) -> Cage:
    """Return the strongest cage that works here.

    Raises
    ------
    SandboxError
        If there is none: no bubblewrap, or a system that forbids namespaces.
    """
    places = tuple(Path(one).resolve() for one in hidden)
    if not sys.platform.startswith("linux"):
        raise SandboxError("namespaces need Linux")
    if which("bwrap") is None:
        raise SandboxError("the program 'bwrap' is not there (Debian's package: bubblewrap)")
    problem = ""
    for mode in (["root"] if os.geteuid() == 0 else []) + ["user"]:
        problem = _problem(mode)
        if not problem:
            return Cage(mode, places)
    raise SandboxError(problem)


_PROBE: Final = """
from k8snet_lessons.assess.grading.inside import confine
import os, sys
if sys.argv[1] == "root":
    confine.own_user(os.getpid())
confine.unshare()
child = os.fork()
if child == 0:
    try:
        confine.mount_private(8)
        os._exit(0)
    except OSError as error:
        print(error, file=sys.stderr, flush=True)
    os._exit(1)
sys.exit(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]))
"""


@lru_cache
def _problem(mode: str) -> str:
    """Try the namespaces once; return what stands in the way, or ""."""
    cage = Cage(mode)
    try:
        done = subprocess.run(
            cage.command(["-c", _PROBE, mode]),
            capture_output=True,
            text=True,
            timeout=60,
            env=cage.environment(),
            check=False,
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        return f"bubblewrap did not start: {error}"
    if done.returncode == 0:
        return ""
    said = done.stderr.strip().splitlines() or [f"exit status {done.returncode}"]
    return f"this system does not allow the namespaces: {said[-1]}"


def _site_folders() -> list[Path]:
    """Return where packages and the standard library are."""
    folders = {*site.getsitepackages(), sysconfig.get_path("purelib"), sysconfig.get_path("stdlib")}
    return [Path(one) for one in sorted(folders)]


def _shown() -> list[Path]:
    """Return the parts of this Python and of its environment, and where packages are."""
    prefixes = dict.fromkeys((Path(sys.base_prefix), Path(sys.prefix)))
    parts = [prefix / name for prefix in prefixes for name in _OF_PYTHON]
    return parts + [
        one for one in _site_folders() if not any(one.is_relative_to(part) for part in parts)
    ]


def _copies() -> set[Path]:
    """Return every copy of the course in view; one may be installed beside the one that runs."""
    roots = {Path("/usr"), Path("/usr/local"), Path(sys.base_prefix), Path(sys.prefix)}
    folders = [one for root in roots for one in root.glob("lib*/python3*/*-packages")]
    copies = ((one / PACKAGE.name).resolve() for one in (*folders, *_site_folders()))
    return {PACKAGE, *copies}


def _within(path: Path, folders: Iterable[str]) -> bool:
    return any(path.is_relative_to(folder) for folder in folders)


def _bind(paths: Iterable[str | Path]) -> list[str]:
    """Return options that show paths read-only; links stay links."""
    options: list[str] = []
    for one in paths:
        path = Path(one)
        if not path.exists():
            continue
        link = os.readlink(path) if path.is_symlink() else ""
        if link and (path.parent == Path("/") or "/" not in link):
            options += ["--symlink", link, str(path)]
        else:
            for parent in reversed(path.parents[:-1]):  # made by bubblewrap for its owner alone
                options += ["--perms", "0755", "--dir", str(parent)]
            options += ["--ro-bind", str(path.resolve()), str(path)]
    return options
