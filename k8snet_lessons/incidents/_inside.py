"""What ``kubectl exec`` can run in a pod."""

import shlex
from collections.abc import Callable, Sequence

from k8snet_lessons.incidents._arguments import argument, parsed
from k8snet_lessons.incidents.case import Case, ToolError
from k8snet_lessons.incidents.tools import curl, pod, sockets
from k8snet_lessons.incidents.world import Pod


def inside(case: Case, target: Pod, words: Sequence[str]) -> tuple[str, int]:
    """Run a command in a pod; what it prints, and the minutes."""
    if target.app == "coredns":
        raise ToolError(
            "error: the coredns image holds the program and nothing else: no shell, no tools"
        )
    command = list(words)
    if len(command) == 3 and command[0] in ("sh", "bash", "/bin/sh") and command[1] == "-c":
        command = shlex.split(command[2])
    if not command or command[0] not in TOOLS:
        raise ToolError(
            f"exec: {command[0] if command else 'a command'!s}: in a pod there are "
            + ", ".join(TOOLS)
        )
    return TOOLS[command[0]](case, target, command[1:])


def _cat(case: Case, target: Pod, words: Sequence[str]) -> tuple[str, int]:
    if list(words) != ["/etc/resolv.conf"]:
        raise ToolError(
            f"cat: {' '.join(words)}: No such file or directory (only /etc/resolv.conf)"
        )
    return pod.resolv_conf(case, target), 1


def _nslookup(case: Case, target: Pod, words: Sequence[str]) -> tuple[str, int]:
    plain = [word for word in words if not word.startswith("-")]
    given = parsed("nslookup", plain, argument("name"), argument("server", nargs="?", default=""))
    return pod.nslookup(case, target, given.name, given.server), 2


def _dig(case: Case, target: Pod, words: Sequence[str]) -> tuple[str, int]:
    flags = {word for word in words if word.startswith("+")}
    servers = [word[1:] for word in words if word.startswith("@")]
    rest = [word for word in words if word[0] not in "+@-" and word.upper() != "IN"]
    types = [word.upper() for word in rest if word.upper() in ("A", "AAAA")]
    names = [word for word in rest if word.upper() not in ("A", "AAAA")]
    if len(names) != 1:
        raise ToolError("dig: one name, and of the types A and AAAA")
    asked = pod.Asked(names[0], (types or ["A"])[0], (servers or [""])[0], frozenset(flags))
    return pod.dig(case, target, asked), 2


def _curl(case: Case, target: Pod, words: Sequence[str]) -> tuple[str, int]:
    flags = [
        argument(flag, action="store_true")
        for flag in ("-v", "-s", "-S", "-k", "-L", "-i", "-I", "-sv", "-vk", "-sS", "-kv", "-sk")
    ]
    given = parsed(
        "curl", words, argument("url"), *flags,
        argument("-m", "--max-time", type=float, default=300.0),
        argument("--connect-timeout", type=float, default=300.0),
        argument("-o", "--output", default=""),
        argument("-w", "--write-out", default=""),
        argument("-H", "--header", action="append", default=[]),
    )  # fmt: skip
    return curl.curl(case, target, given.url, given.max_time, given.connect_timeout), 2


def _ss(case: Case, target: Pod, words: Sequence[str]) -> tuple[str, int]:
    return sockets.ss(case.world, target, words), 2


TOOLS: dict[str, Callable[[Case, Pod, Sequence[str]], tuple[str, int]]] = {
    "cat": _cat,
    "nslookup": _nslookup,
    "dig": _dig,
    "curl": _curl,
    "ss": _ss,
}
