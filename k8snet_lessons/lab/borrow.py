"""Change settings of the whole machine and give them back, whatever happens.

Some settings, the conntrack limit among them, exist once a machine. A warden process holds
their old values and a pipe to the lab: when the lab says so, or when the pipe breaks because the
lab was killed, the warden writes the old values back. A lock keeps two labs from borrowing at
once, for the second would take the first one's values for the old ones.
"""

import fcntl
import os
import signal
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from k8snet_lessons.lab.errors import CannotRun, LabError
from k8snet_lessons.lab.hosts import sysctl_path

_LOCK = Path("/run/k8snet-lab.lock")


@contextmanager
def borrowed(settings: Mapping[str, int]) -> Iterator[None]:
    """Set machine-wide sysctls such as ``net.netfilter.nf_conntrack_max`` for a while.

    Parameters
    ----------
    settings : mapping of str to int
        Values to start with; what is named here may be set again with `set_borrowed`, and all
        of it is as it was before once the block is left or this process has died.

    Raises
    ------
    CannotRun
        If another run of the lab is borrowing.
    """
    lock = os.open(_LOCK, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise CannotRun("another run of the lab has the machine's settings") from None
        before = {name: sysctl_path(name).read_text() for name in settings}
        order, pid = _warden(before)
        try:
            for name, value in settings.items():
                set_borrowed(name, value)
            yield
        finally:
            os.write(order, b".")
            os.close(order)
            os.waitpid(pid, 0)
        for name, old in before.items():
            if sysctl_path(name).read_text() != old:
                raise LabError(f"{name} could not be set back to {old.strip()}")
    finally:
        os.close(lock)


def set_borrowed(name: str, value: int) -> None:
    """Set a sysctl of the machine's own namespace, inside `borrowed`."""
    sysctl_path(name).write_text(str(value))


def _warden(before: Mapping[str, str]) -> tuple[int, int]:
    waiting, order = os.pipe()
    pid = os.fork()
    if pid:
        os.close(waiting)
        return order, pid
    try:
        os.setsid()
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGALRM):
            signal.signal(number, signal.SIG_IGN)
        os.close(order)
        os.read(waiting, 1)  # returns on the order, and empty when nobody is left to give one
        for name, value in before.items():
            sysctl_path(name).write_text(value)
    finally:
        os._exit(0)
