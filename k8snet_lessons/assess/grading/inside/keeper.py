"""The keeper: stands outside the student's process, watches it, and ends all of it.

The grader speaks to the keeper over a socket: ``i`` interrupts the cell, hanging up ends
the submission. The keeper's last line says how it ended.
"""

import contextlib
import ctypes
import json
import os
import resource
import select
import signal
import socket
from pathlib import Path
from typing import Final

TICK_S: Final = 0.05
_PAGE: Final = resource.getpagesize()
_PR_SET_CHILD_SUBREAPER: Final = 36


def adopt_orphans() -> None:
    """Become the parent of what the student's process leaves behind (without namespaces)."""
    ctypes.CDLL(None).prctl(_PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)


def watch(child: int, life: socket.socket, memory_mb: int, processes: int, apart: bool) -> None:
    """Watch `child` until it ends or must end; then kill all of it and say how it ended."""
    why = ""
    ended = os.pidfd_open(child)
    while not why:
        ready, _, _ = select.select([life.fileno(), ended], [], [], TICK_S)
        if life.fileno() in ready:
            order = life.recv(1)
            if order == b"i":
                with contextlib.suppress(ProcessLookupError):
                    os.kill(child, signal.SIGINT)
            else:
                why = "stopped"
        if ended in ready:
            why = "ended"
        if not ready:
            why = _excess(child, memory_mb, processes)
    status = _end(child, apart)
    with contextlib.suppress(OSError):
        life.sendall(json.dumps({"why": why, "status": status}).encode() + b"\n")


def _end(child: int, apart: bool) -> int:
    """Kill the child and all that came of it; return once nothing of it is left.

    In a process namespace the kernel kills everything with the first process, and the wait
    ends when all are gone.
    """
    with contextlib.suppress(ProcessLookupError):
        os.kill(child, signal.SIGKILL)
    if apart:
        _, status = os.waitpid(child, 0)
        return os.waitstatus_to_exitcode(status)
    first = -int(signal.SIGKILL)
    while True:
        for pid in _family(os.getpid())[1:]:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        try:
            pid, status = os.waitpid(-1, 0)
        except ChildProcessError:
            return first
        if pid == child:
            first = os.waitstatus_to_exitcode(status)


def _excess(child: int, memory_mb: int, processes: int) -> str:
    family = _family(child, processes)
    if len(family) > processes or _threads(family) > processes:
        return "processes"
    most = memory_mb << 20
    if sum(map(_resident, family)) > most and sum(map(_proportional, family)) > most:
        return "memory"
    return ""


def _family(first: int, most: int = 1 << 22) -> list[int]:
    """Return a process and its descendants; stop looking once there are more than `most`."""
    found = [first]
    for pid in found:
        if len(found) > most:
            break
        with contextlib.suppress(OSError):
            for thread in os.listdir(f"/proc/{pid}/task"):
                children = Path(f"/proc/{pid}/task/{thread}/children").read_text()
                found += map(int, children.split())
    return found


def _threads(family: list[int]) -> int:
    total = 0
    for pid in family:
        with contextlib.suppress(OSError):
            total += len(os.listdir(f"/proc/{pid}/task"))
    return total


def _resident(pid: int) -> int:
    with contextlib.suppress(OSError, IndexError):
        return int(Path(f"/proc/{pid}/statm").read_text().split()[1]) * _PAGE
    return 0


def _proportional(pid: int) -> int:
    """Return a process's memory with shared pages counted once for all who share them."""
    with contextlib.suppress(OSError):
        for line in Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines():
            if line.startswith("Pss:"):
                return int(line.split()[1]) * 1024
    return _resident(pid)  # a process may hide its own map, not its size
