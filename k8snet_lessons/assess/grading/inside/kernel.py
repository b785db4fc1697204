"""Runs a notebook's cells in the sandboxed process, one order at a time.

A plain IPython shell: magics and shell escapes work, what is printed or displayed goes
nowhere. Cells of the course are told from a student's only to hold
their surroundings steady; the grader decides what runs.
"""

import builtins
import io
import json
import os
import signal
import socket
import sys
import threading
from importlib import import_module
from types import ModuleType
from typing import Any, Final

from k8snet_lessons.assess.grading.inside.recorder import Recorder

# What the exercises are about, and what their cells import; the packages come with them.
WARM: Final = (
    "k8snet_lessons.assess",
    "k8snet_lessons.cluster",
    "k8snet_lessons.control",
    "k8snet_lessons.control.scale",
    "k8snet_lessons.control.topology",
    "k8snet_lessons.datapath",
    "k8snet_lessons.datapath.nf_conntrack",
    "k8snet_lessons.datapath.path",
    "k8snet_lessons.dns",
    "k8snet_lessons.interview",
    "k8snet_lessons.scenario",
)
_shell: Any = None


def warm() -> None:
    """Import what cells are likely to need, and run one empty cell."""
    global _shell
    for name in WARM:
        import_module(name)
    from IPython.core.interactiveshell import InteractiveShell
    from traitlets.config import Config

    config = Config()
    config.HistoryManager.enabled = False
    config.InteractiveShell.colors = "nocolor"
    _shell = InteractiveShell(config=config)  # type: ignore[no-untyped-call,unused-ignore]
    _shell.run_cell("0", store_history=False, silent=True)


class _Nowhere(io.TextIOBase):
    """Takes what a cell prints and keeps none of it."""

    encoding = "utf-8"

    def writable(self) -> bool:
        return True

    def write(self, text: str) -> int:
        return len(text)


class Kernel:
    """The student's process: cells come in as orders, answers and remarks go out."""

    def __init__(self) -> None:
        self._builtins = dict(vars(builtins))
        self._work = os.getcwd()
        self._pid = os.getpid()
        self._shell = _shell
        self._shell.showtraceback = self._shell.showsyntaxerror = lambda *a, **k: None
        signal.signal(signal.SIGINT, signal.SIG_IGN)
        signal.signal(signal.SIGCHLD, signal.SIG_DFL)
        os.environ.update(HOME=self._work, TMPDIR=self._work, USER="student", LOGNAME="student")

    def run(self, talk: socket.socket) -> None:
        """Take orders until the grader hangs up."""
        self._talk = talk
        orders = talk.makefile("rb")
        self._begin(json.loads(orders.readline()))
        for line in orders:
            order = json.loads(line)
            self._send({"done": order["number"], "error": self._cell(order)})

    def _begin(self, start: dict[str, Any]) -> None:
        self._recorder = Recorder(start, self._send)
        assess = import_module("k8snet_lessons.assess")
        for module in (assess, import_module("k8snet_lessons.assess.exercise")):
            self._give_recorder(module)
        sys.stdin = open(os.devnull)  # noqa: SIM115 (it stays open as long as the process)

    def _give_recorder(self, module: ModuleType) -> None:
        recorder = self._recorder
        setattr(module, "Exercise", lambda *a, **k: recorder)  # noqa: B010 (its type is another)

    def _send(self, message: dict[str, Any]) -> None:
        self._talk.sendall(json.dumps(message).encode() + b"\n")

    def _cell(self, order: dict[str, Any]) -> list[str] | None:
        """Run one cell; return the name and text of its error, if any."""
        if order["ours"]:
            self._steady()
        sys.stdout = sys.stderr = _Nowhere()
        signal.signal(signal.SIGINT, signal.default_int_handler)
        try:
            result = self._shell.run_cell(order["source"], store_history=False)
            error = result.error_before_exec or result.error_in_exec
        except BaseException as problem:
            error = problem
        finally:
            signal.signal(signal.SIGINT, signal.SIG_IGN)
            if os.getpid() != self._pid:  # a cell has forked, and this is the copy
                os._exit(0)
        return None if error is None else [_name(error), _text(error)]

    def _steady(self) -> None:
        """Before a cell of the course: mend what an earlier cell may have bent by accident."""
        vars(builtins).update(self._builtins)
        sys.settrace(None)
        sys.setprofile(None)
        threading.settrace(None)
        sys.setrecursionlimit(3000)
        os.chdir(self._work)
        names = self._shell.user_ns
        if "exercise" in names:
            names["exercise"] = self._recorder


def _name(error: BaseException) -> str:
    return str(type.__dict__["__name__"].__get__(type(error)))[:60]


def _text(error: BaseException) -> str:
    try:
        return str(error)[:200]
    except BaseException:
        return ""
