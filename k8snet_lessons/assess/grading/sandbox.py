"""The grader's side of the sandbox: a warm fork server, and runs that it starts."""

import contextlib
import json
import select
import shutil
import socket
import subprocess
import tempfile
import time
from collections import deque
from typing import Any, Final

from k8snet_lessons.assess.grading.cage import SERVER, Cage, SandboxError
from k8snet_lessons.assess.grading.limits import Limits

START_S: Final = 90.0
MOST_LINE: Final = 2_500_000
MOST_SAID: Final = 20_000_000


class LostError(Exception):
    """The student's process is gone or must go; ``why`` says what happened."""

    def __init__(self, why: str) -> None:
        super().__init__(why)
        self.why = why


class Warm:
    """A fork server with the course imported; one for each job.

    Parameters
    ----------
    cage : Cage
        How its runs are kept apart.
    place : int
        Number of the job; runs stay on one processor.
    """

    def __init__(self, cage: Cage, place: int = 0) -> None:
        self.cage = cage
        self.place = place
        self._process: subprocess.Popen[bytes] | None = None
        self._control: socket.socket | None = None
        self._ready = False
        self._retired = False
        self._latest: Run | None = None

    def launch(self) -> None:
        """Begin to start the server, if it does not run, and do not wait for it.

        The thread that calls this must live as long as the server: bubblewrap ends with it.
        """
        if self._process is not None and self._process.poll() is None:
            return
        self.close()
        if self._retired:
            raise SandboxError("grading has been stopped")
        ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        self._process = subprocess.Popen(
            self.cage.command(["-m", SERVER, str(theirs.fileno())]),
            pass_fds=[theirs.fileno()],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            env=self.cage.environment(),
        )
        theirs.close()
        self._control = ours
        self._ready = False

    def start(self) -> None:
        """Start the server if it does not run, and wait until it does.

        Raises
        ------
        SandboxError
            If it does not come up.
        """
        self.launch()
        if self._ready:
            return
        assert self._control is not None
        assert self._process is not None
        self._control.settimeout(START_S)
        try:
            self._ready = self._control.recv(16) == b"ready"
        except OSError:
            self._ready = False
        if not self._ready:
            ended = None
            with contextlib.suppress(subprocess.TimeoutExpired):
                ended = self._process.wait(1.0)
            self._process.kill()
            _, said = self._process.communicate()
            self.close()
            last = said.decode("utf-8", "replace").strip().splitlines()[-1:] or [
                f"no word in {START_S:g} s" if ended is None else f"it ended with status {ended}"
            ]
            raise SandboxError(f"the sandbox did not start: {last[0]}")

    def open(self, limits: Limits) -> "Run":
        """Give a submission a fresh process."""
        self.start()
        assert self._control is not None
        talk, their_talk = socket.socketpair()
        life, their_life = socket.socketpair()
        folder = "" if self.cage.apart else tempfile.mkdtemp(prefix="k8snet-grade-")
        order = {
            "apart": self.cage.apart,
            "kept": self.cage.in_tmp(),
            "own_user": self.cage.mode == "root",
            "memory_mb": limits.memory_mb,
            "processes": limits.processes,
            "disk_mb": limits.disk_mb,
            "cpu_s": int(limits.submission_s) + 5,
            "cpu": self.place,
            "work": folder or "/tmp/work",
        }
        try:
            socket.send_fds(
                self._control,
                [json.dumps(order).encode()],
                [their_talk.fileno(), their_life.fileno()],
            )
        except OSError as error:
            raise SandboxError(f"the sandbox is gone: {error}") from None
        finally:
            their_talk.close()
            their_life.close()
        self._latest = Run(talk, life, folder)
        return self._latest

    def retire(self) -> None:
        """End the server and the run that it has started last, and start none again."""
        self._retired = True
        if self._latest is not None:
            self._latest.hang_up()
        self.close()

    def close(self) -> None:
        """End the server; whatever it started ends with it."""
        if self._control is not None:
            self._control.close()
            self._control = None
        if self._process is not None:
            if self._process.stderr is not None:
                self._process.stderr.close()
            self._process.kill()
            self._process.wait()
            self._process = None


class Run:
    """One student's process: orders in, messages out, and an end that leaves nothing."""

    def __init__(self, talk: socket.socket, life: socket.socket, folder: str) -> None:
        self._talk = talk
        self._life = life
        self._folder = folder
        self._lines: deque[bytes] = deque()
        self._rest = b""
        self._seen = 0
        talk.setblocking(False)

    def send(self, message: dict[str, Any], until: float) -> None:
        """Send one order before the monotonic time `until`.

        Raises
        ------
        LostError
            If the process does not take it.
        """
        data = json.dumps(message).encode() + b"\n"
        while data:
            _, ready, _ = select.select([], [self._talk], [], max(0.0, until - time.monotonic()))
            if not ready:
                raise LostError("it does not listen")
            try:
                data = data[self._talk.send(data) :]
            except BlockingIOError:
                continue
            except OSError:
                raise LostError("it has ended") from None

    def receive(self, until: float) -> dict[str, Any] | None:
        """Return the next message, or None at the monotonic time `until`.

        Raises
        ------
        LostError
            If the process has ended, or says what no kernel of ours says.
        """
        while not self._lines:
            if len(self._rest) > MOST_LINE or self._seen > MOST_SAID:
                raise LostError("it sent more than an exercise can have to say")
            ready, _, _ = select.select([self._talk], [], [], max(0.0, until - time.monotonic()))
            if not ready:
                return None
            try:
                data = self._talk.recv(1 << 16)
            except BlockingIOError:
                continue
            except OSError:
                data = b""
            if not data:
                raise LostError("it has ended")
            self._seen += len(data)
            *lines, self._rest = (self._rest + data).split(b"\n")
            self._lines.extend(lines)
        try:
            message = json.loads(self._lines.popleft())
        except (ValueError, RecursionError):
            raise LostError("it sent what is no message") from None
        if type(message) is not dict:
            raise LostError("it sent what is no message")
        if "broken" in message:
            raise LostError(f"the sandbox failed: {str(message['broken'])[:200]}")
        return message

    def interrupt(self) -> None:
        """Interrupt the running cell, as the stop button does."""
        with contextlib.suppress(OSError):
            self._life.send(b"i")

    def hang_up(self) -> None:
        """Have the keeper end the process; any thread may call this."""
        with contextlib.suppress(OSError):
            self._life.shutdown(socket.SHUT_WR)

    def close(self, wait_s: float = 20.0) -> str:
        """End the process and all that came of it; return how it ended.

        ``"memory"`` or ``"processes"`` when it used more than its share, else ``""``.
        """
        self._talk.close()
        self.hang_up()
        self._life.settimeout(wait_s)
        said = b""
        with contextlib.suppress(OSError):
            while not said.endswith(b"\n"):
                piece = self._life.recv(4096)
                if not piece:
                    break
                said += piece
        self._life.close()
        if self._folder:
            shutil.rmtree(self._folder, ignore_errors=True)
        try:
            why = json.loads(said)["why"]
        except (ValueError, KeyError, TypeError):
            return said.decode("utf-8", "replace").strip()[:200]
        return why if why in ("memory", "processes") else ""
