"""The fork server: imports the course once, then gives every submission a process of its own.

``python -m k8snet_lessons.assess.grading.inside.server FD`` waits on the socket `FD` for
orders. An order carries two sockets and no data of any student: `talk` goes to the process
that runs the code, `life` to the keeper that watches it. The server reads nothing that a
student wrote.
"""

import json
import os
import signal
import socket
import sys
from typing import Any

from k8snet_lessons.assess.grading.inside import confine, keeper


def serve(control: socket.socket, prepare: Any) -> None:
    """Fork a keeper for each order until the grader hangs up."""
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)  # keepers are reaped by the kernel
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    control.sendall(b"ready")
    while True:
        data, descriptors, _, _ = socket.recv_fds(control, 4096, 2)
        if not data:
            return
        order = json.loads(data)
        talk, life = (socket.socket(fileno=number) for number in descriptors)
        if os.fork() == 0:
            control.close()
            _keep(order, talk, life, prepare)
        talk.close()
        life.close()


def _keep(order: dict[str, Any], talk: socket.socket, life: socket.socket, prepare: Any) -> None:
    """In the keeper: start the student's process and watch it. Never returns."""
    status = 1
    try:
        signal.signal(signal.SIGCHLD, signal.SIG_DFL)
        # It outlives the server: only the grader's hanging up ends it, and all that it keeps.
        for number in (signal.SIGHUP, signal.SIGTERM):
            signal.signal(number, signal.SIG_IGN)
        apart = order["apart"]
        uid = confine.own_user(os.getpid()) if order["own_user"] else None
        if apart:
            confine.unshare()
        else:
            keeper.adopt_orphans()
        child = os.fork()
        if child == 0:
            life.close()
            _become_student(order, talk, uid, prepare)
        talk.close()
        keeper.watch(child, life, order["memory_mb"], order["processes"], apart)
        status = 0
    except BaseException as error:
        _say(life, f"the sandbox failed: {type(error).__name__}: {error}")
    finally:
        os._exit(status)


def _become_student(
    order: dict[str, Any], talk: socket.socket, uid: int | None, prepare: Any
) -> None:
    """In the student's process: lock the door from inside, then run cells. Never returns."""
    try:
        for number in (signal.SIGHUP, signal.SIGTERM):
            signal.signal(number, signal.SIG_DFL)
        confine.die_with_parent()
        os.setsid()
        confine.go_first_when_memory_is_short()
        if order["apart"]:
            confine.mount_private(order["disk_mb"], order["kept"])
        _keep_only(talk.fileno())
        work = order["work"]
        os.makedirs(work, mode=0o777, exist_ok=True)
        os.chdir(work)
        if uid is not None:
            os.chown(work, uid, uid)
        confine.bound(
            order["memory_mb"],
            order["processes"],
            order["disk_mb"],
            order["cpu_s"],
            order["cpu"],
        )
        confine.give_up_rights(uid)
        confine.filter_calls()
        for name in ("k8snet_lessons", "IPython"):  # not found would look like not answered
            os.listdir(os.path.dirname(str(sys.modules[name].__file__)))
    except BaseException as error:
        _say(talk, json.dumps({"broken": f"{type(error).__name__}: {error}"}))
        os._exit(1)
    try:
        prepare().run(talk)
    finally:
        os._exit(0)


def _keep_only(kept: int) -> None:
    """Close every descriptor but one; standard streams lead nowhere."""
    nowhere = os.open(os.devnull, os.O_RDWR)
    for number in (0, 1, 2):
        os.dup2(nowhere, number)
    os.closerange(3, kept)
    os.closerange(kept + 1, 65_536)


def _say(place: socket.socket, text: str) -> None:
    try:
        place.sendall(text.encode("utf-8", "replace") + b"\n")
    except OSError:
        return  # nobody listens any more


def main() -> None:
    """Warm up, then serve."""
    control = socket.socket(fileno=int(sys.argv[1]))
    from k8snet_lessons.assess.grading.inside.kernel import Kernel, warm

    warm()
    serve(control, Kernel)


if __name__ == "__main__":
    main()
