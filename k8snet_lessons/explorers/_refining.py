"""Work beside the messages, given up as soon as something newer comes."""

import ctypes
import sys
import threading
from collections.abc import Callable
from typing import Any

#: How long the thread of given-up work may take to notice: one long array operation.
_NOTICE_S = 0.2
#: A message passes three threads of the kernel, and each waits for the interpreter so long
#: where another one computes; usually that is 5 ms.
_SWITCH_S = 0.0005
_USUAL_SWITCH_S = sys.getswitchinterval()


class _Overtaken(BaseException):
    """Raised inside the work that nobody waits for any more."""


class Refining:
    """At most one piece of work at a time, in a thread of its own.

    The picture of 100,000 requests can take a second where a full table is walked event by
    event. Worked out between two messages it would hold up the next press for as long; here
    the next press ends it, wherever it stands: the exception is raised in its thread as
    Ctrl-C raises one in the main thread. A model is pure, so nothing is left half done.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._thread: threading.Thread | None = None  # while it may be stopped
        self._started: threading.Thread | None = None

    def start(self, work: Callable[[], Any], done: Callable[[Exception | None], None]) -> None:
        """Do `work`, then call `done` with what it raised, unless overtaken before."""
        self.stop()
        thread = threading.Thread(target=self._run, args=(work, done), daemon=True)
        self._thread = self._started = thread
        thread.start()

    def stop(self) -> None:
        """Give up what is being worked out; returns when the machine is free again."""
        with self._lock:
            thread, self._thread = self._thread, None
            if thread is None:
                return
            ctypes.pythonapi.PyThreadState_SetAsyncExc(
                ctypes.c_ulong(thread.ident or 0), ctypes.py_object(_Overtaken)
            )
        thread.join(_NOTICE_S)

    def wait(self) -> None:
        """Wait until what was started is done or given up."""
        if self._started is not None:
            self._started.join()

    def _run(self, work: Callable[[], Any], done: Callable[[Exception | None], None]) -> None:
        try:
            failed: Exception | None = None
            sys.setswitchinterval(_SWITCH_S)
            try:
                work()
            except Exception as error:  # `done` tells the browser, or it waits forever
                failed = error
            with self._lock:
                if self._thread is not threading.current_thread():
                    return
                self._thread = None  # from here on nobody can stop it
        except _Overtaken:
            return
        finally:
            sys.setswitchinterval(_USUAL_SWITCH_S)
        done(failed)
