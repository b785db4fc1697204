"""Hosts: processes that each live in a network namespace of their own.

A host is a forked process that has unshared its network namespace. It carries out calls sent
over a pipe, one at a time. Nothing is given a name in the file system, so there is nothing to
remove afterwards: the kernel frees a namespace, its links and its rules with the last process
in it, and each host dies with the process that made it, whatever killed that one.
"""

import ctypes
import multiprocessing
import os
import resource
import signal
import subprocess
import time
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from multiprocessing.connection import Connection
from pathlib import Path
from types import TracebackType
from typing import Any, Self, cast

from k8snet_lessons.lab.aftermath import heard_again, scratch, undisturbed
from k8snet_lessons.lab.errors import LabError

_CLONE_NEWNET = 0x4000_0000
_PR_SET_PDEATHSIG = 1
_LIBC = ctypes.CDLL(None, use_errno=True)


def die_with_parent(parent: int) -> None:
    """Ask the kernel to kill this process when its parent ends, however that happens."""
    _LIBC.prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
    if os.getppid() != parent:  # it had ended before the kernel was asked
        os._exit(0)


class Host:
    """One network namespace and the process that lives in it.

    Parameters
    ----------
    name : str
        Used in error messages only.
    fresh_namespace : bool
        False keeps the caller's namespace: an ordinary helper process.
    """

    def __init__(self, name: str, fresh_namespace: bool = True) -> None:
        self.name = name
        fork = multiprocessing.get_context("fork")
        self._pipe, theirs = fork.Pipe()
        self._process = fork.Process(
            target=_serve,
            args=(theirs, self._pipe, fresh_namespace, os.getpid()),
            daemon=True,
            name=name,
        )
        with undisturbed():
            self._process.start()
        try:
            theirs.close()
            self._receive(timeout_s=45.0)
        except BaseException:
            self.stop()
            raise

    @property
    def pid(self) -> int:
        return cast(int, self._process.pid)

    def start(self, function: Callable[..., Any], *args: Any) -> None:
        """Begin ``function(*args)`` inside the host; fetch its value with `result`."""
        self._pipe.send((function, args))

    def answered(self) -> bool:
        """Whether the call begun by `start` has ended, so that `result` need not wait."""
        return self._pipe.poll()

    def result(self, timeout_s: float = 60.0) -> Any:
        """Wait for the call begun by `start`; raise what it raised as `LabError`."""
        return self._receive(timeout_s)

    def call(self, function: Callable[..., Any], *args: Any, timeout_s: float = 60.0) -> Any:
        """Run ``function(*args)`` inside the host and return its value."""
        self.start(function, *args)
        return self._receive(timeout_s)

    def background(self, function: Callable[..., Any], *args: Any) -> int:
        """Run ``function(*args)`` in a child of the host until the host ends; return its pid."""
        return cast(int, self.call(_fork_child, function, args))

    def launch(self, command: Sequence[str]) -> int:
        """Start a program that runs until the host ends, its output thrown away; its pid."""
        return self.background(_become, list(command))

    def run(self, command: Sequence[str], text: str = "", timeout_s: float = 60.0) -> str:
        """Run a program inside the host; return its output, or raise with its error text."""
        return cast(str, self.call(_run, list(command), text, timeout_s, timeout_s=timeout_s + 5))

    def set_sysctl(self, name: str, value: int | str) -> None:
        """Set a per-namespace kernel setting such as ``net.ipv4.ip_forward``."""
        self.call(_write_sysctl, name, str(value))

    def sysctl(self, name: str) -> str:
        return cast(str, self.call(_read_sysctl, name))

    def stop(self) -> None:
        self._pipe.close()
        self._process.join(timeout=2.0)
        if self._process.is_alive():
            self._process.kill()
            self._process.join()

    def _receive(self, timeout_s: float) -> Any:
        try:
            if not self._pipe.poll(timeout_s):
                raise LabError(f"host {self.name}: no answer within {timeout_s:g} s")
            good, value = self._pipe.recv()
        except EOFError:
            raise LabError(f"host {self.name} ended unexpectedly") from None
        if not good:
            raise LabError(f"host {self.name}: {value}")
        return value


class Topology:
    """The hosts and links of one experiment; leaving the ``with`` block ends them all."""

    def __init__(self) -> None:
        self._stack = ExitStack()

    def __enter__(self) -> Self:
        import pyroute2  # noqa: F401  (once here, rather than once in every forked host)

        self.directory = self._stack.enter_context(scratch())
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._stack.close()

    def host(self, name: str) -> Host:
        """A new host with an empty network namespace, its loopback up."""
        host = Host(name)
        self._stack.callback(host.stop)
        host.call(_prepare, str(self.directory / f"{name}.xtables.lock"))
        return host

    def process(self, name: str) -> Host:
        """A process that takes calls like a host but stays in the lab's own namespace."""
        host = Host(name, fresh_namespace=False)
        self._stack.callback(host.stop)
        return host

    def connect(
        self,
        left: Host,
        right: Host,
        left_address: str,
        right_address: str,
        names: tuple[str, str] = ("eth0", "eth0"),
        mtu_bytes: int = 1500,
    ) -> None:
        """Join two hosts by a veth pair with an address (``10.0.0.1/24``) at each end."""
        left.call(_add_veth, names, right.pid, mtu_bytes)
        left.call(_bring_up, names[0], left_address, mtu_bytes)
        right.call(_bring_up, names[1], right_address, mtu_bytes)


def until_there(path: Path, patience_s: float = 60.0) -> None:
    """Return once a file is there: how two processes of an experiment wait for one another."""
    deadline = time.monotonic() + patience_s
    while not path.exists():
        if time.monotonic() > deadline:
            raise LabError(f"the other side did not come so far within {patience_s:g} s")
        time.sleep(0.005)


def add_route(host: Host, destination: str, gateway: str, mtu_bytes: int | None = None) -> None:
    """Add a route (``"default"`` or a prefix) through ``gateway`` inside the host."""
    host.call(_add_route, destination, gateway, mtu_bytes)


def _serve(pipe: Connection, other_end: Connection, fresh_namespace: bool, parent: int) -> None:
    die_with_parent(parent)
    other_end.close()
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    signal.signal(signal.SIGHUP, signal.SIG_IGN)
    heard_again()
    if fresh_namespace and _LIBC.unshare(_CLONE_NEWNET) != 0:
        pipe.send((False, f"cannot make a network namespace: {os.strerror(ctypes.get_errno())}"))
        return
    try:
        pipe.send((True, None))
    except OSError:  # the lab was killed meanwhile
        os._exit(0)
    while True:
        try:
            function, args = pipe.recv()
        except (EOFError, OSError):
            break
        try:
            answer = (True, function(*args))
        except LabError as error:
            answer = (False, str(error))
        except Exception as error:
            answer = (False, f"{type(error).__name__}: {error}")
        try:
            pipe.send(answer)
        except OSError:
            break
    os._exit(0)


def _fork_child(function: Callable[..., Any], args: tuple[Any, ...]) -> int:
    parent = os.getpid()
    pid = os.fork()
    if pid:
        return pid
    die_with_parent(parent)
    try:
        function(*args)
    finally:
        os._exit(0)


def _become(command: list[str]) -> None:
    nowhere = os.open(os.devnull, os.O_RDWR)
    for descriptor in (0, 1, 2):
        os.dup2(nowhere, descriptor)
    os.execvp(command[0], command)


def _run(command: list[str], text: str, timeout_s: float) -> str:
    done = subprocess.run(
        command, input=text, capture_output=True, text=True, timeout=timeout_s, check=False
    )
    if done.returncode:
        reason = done.stderr.strip() or done.stdout.strip()
        raise RuntimeError(f"{' '.join(command)} ended with {done.returncode}: {reason[:500]}")
    return done.stdout


def _prepare(lock_file: str) -> None:
    # The xtables lock is a file, so namespaces would otherwise wait for one another.
    os.environ["XTABLES_LOCKFILE"] = lock_file
    # Thousands of connections at once are usual here; the default soft limit is 1,024 files.
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))
    with _netlink() as netlink:
        netlink.link("set", index=1, state="up")


def _add_veth(names: tuple[str, str], peer_pid: int, mtu_bytes: int) -> None:
    with _netlink() as netlink:
        netlink.link(
            "add",
            ifname=names[0],
            kind="veth",
            mtu=mtu_bytes,
            peer={"ifname": names[1], "net_ns_pid": peer_pid, "mtu": mtu_bytes},
        )


def _bring_up(name: str, address: str, mtu_bytes: int) -> None:
    ip, prefix = address.split("/")
    with _netlink() as netlink:
        index = netlink.link_lookup(ifname=name)[0]
        netlink.link("set", index=index, mtu=mtu_bytes)
        netlink.addr("add", index=index, address=ip, prefixlen=int(prefix))
        netlink.link("set", index=index, state="up")


def _add_route(destination: str, gateway: str, mtu_bytes: int | None) -> None:
    metrics = {"metrics": {"mtu": mtu_bytes}} if mtu_bytes else {}
    with _netlink() as netlink:
        netlink.route("add", dst=destination, gateway=gateway, **metrics)


def _netlink() -> Any:
    from pyroute2 import IPRoute

    return IPRoute()


def sysctl_path(name: str) -> Path:
    """Where a setting such as ``net.ipv4.ip_forward`` stands for the process that looks."""
    return Path("/proc/sys") / name.replace(".", "/")


def _write_sysctl(name: str, value: str) -> None:
    sysctl_path(name).write_text(value)


def _read_sysctl(name: str) -> str:
    return sysctl_path(name).read_text().strip()
