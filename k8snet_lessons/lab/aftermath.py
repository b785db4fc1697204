"""What has to be done when a run is over, however it ends.

A `finally` does not run in a process that was killed with SIGKILL. So a second process waits at
a pipe: it acts when it is told to, and also when the pipe breaks because nobody is left to tell.
"""

import os
import shutil
import signal
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

_ENOUGH_S = 5.0
_ENDINGS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGALRM)


@contextmanager
def undisturbed() -> Iterator[None]:
    """Put off what would end the lab while a process is forked, in the parent and in the child.

    The child says for itself what a signal is to do, and then calls `heard_again`.
    """
    before = signal.pthread_sigmask(signal.SIG_BLOCK, _ENDINGS)
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


def heard_again() -> None:
    """End what `undisturbed` began, in a child."""
    signal.pthread_sigmask(signal.SIG_UNBLOCK, _ENDINGS)


@contextmanager
def assured(action: Callable[[], None]) -> Iterator[None]:
    """Do ``action``, in a process of its own, once the block is left or this process has died."""
    waiting, order = os.pipe()
    with undisturbed():
        pid = os.fork()
        if pid == 0:
            _wait_and_act(waiting, order, action)
    os.close(waiting)
    try:
        yield
    finally:
        with suppress(BrokenPipeError):
            os.write(order, b".")
        os.close(order)
        os.waitpid(pid, 0)


def _wait_and_act(waiting: int, order: int, action: Callable[[], None]) -> None:
    try:
        os.setsid()
        for number in _ENDINGS:
            signal.signal(number, signal.SIG_IGN)
        heard_again()
        os.close(order)
        os.read(waiting, 1)  # returns on the order, and empty when nobody is left to give one
        action()
    finally:
        os._exit(0)


@contextmanager
def scratch() -> Iterator[Path]:
    """A temporary folder that is gone afterwards, even if this process was killed."""
    folder = Path(tempfile.mkdtemp(prefix="k8snet-lab-"))
    with assured(lambda: until_gone(folder, shutil.rmtree)):
        yield folder


def until_gone(path: Path, remove: Callable[[Path], None]) -> None:
    """Remove a folder; for a moment, whoever has just been ended may still hold or fill it."""
    deadline = time.monotonic() + _ENOUGH_S
    while path.exists() and time.monotonic() < deadline:
        with suppress(OSError):
            remove(path)
        time.sleep(0.005)
