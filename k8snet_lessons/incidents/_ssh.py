"""What ``ssh NODE`` can run on a node."""

from collections.abc import Callable, Sequence

from k8snet_lessons.incidents._arguments import argument, parsed
from k8snet_lessons.incidents.case import Case, ToolError
from k8snet_lessons.incidents.tools import capture, node


def ssh(case: Case, words: Sequence[str]) -> tuple[str, int]:
    """Run a command on a node; what it prints, and the minutes."""
    if len(words) < 2:
        raise ToolError("ssh: a node and a command, such as: ssh node-1 conntrack -S")
    place = case.place(words[0])
    command = list(words[1:])
    if len(command) == 1 and " " in command[0]:  # ssh node-1 'conntrack -S'
        command = command[0].split()
    if command[0] == "sudo":
        command = command[1:]
    if not command or command[0] not in TOOLS:
        named = command[0] if command else "sudo"
        raise ToolError(f"{named}: command not found (on a node: " + ", ".join(TOOLS) + ")")
    return TOOLS[command[0]](case, place, command[1:])


def _iptables_save(case: Case, place: int, words: Sequence[str]) -> tuple[str, int]:
    given = parsed(
        "iptables-save", words, argument("-t", "--table", default=""),
        argument("-c", "--counters", action="store_true"),
    )  # fmt: skip
    return node.iptables_save(case, place, given.table), 2


def _conntrack(case: Case, place: int, words: Sequence[str]) -> tuple[str, int]:
    if len(words) == 1 and words[0] in ("-S", "--stats", "-C", "--count"):
        return node.conntrack(case, place, words[0]), 1
    raise ToolError("conntrack: known here are -S and -C")


def _sysctl(case: Case, place: int, words: Sequence[str]) -> tuple[str, int]:
    return node.sysctl(case, place, list(words) or ["-a"]), 1


def _cat(case: Case, place: int, words: Sequence[str]) -> tuple[str, int]:
    inside = "/proc/sys/"
    if len(words) != 1 or not words[0].startswith(inside):
        raise ToolError(f"cat: {' '.join(words)}: No such file or directory (only {inside}...)")
    line = node.sysctl(case, place, [words[0].removeprefix(inside)])
    return line.partition(" = ")[2], 1


def _dmesg(case: Case, place: int, words: Sequence[str]) -> tuple[str, int]:
    if set(words) - {"-T", "-k", "--ctime", "--no-pager", "-H"}:
        raise ToolError("dmesg: known here is -T")
    return node.dmesg(case, place, bool({"-T", "--ctime"} & set(words))), 1


def _ip(case: Case, place: int, words: Sequence[str]) -> tuple[str, int]:
    plain = [word for word in words if not word.startswith("-") and word not in ("show", "list")]
    if not plain or not ("link".startswith(plain[0]) or "address".startswith(plain[0])):
        raise ToolError('Object "' + " ".join(words) + '" is unknown here, try "ip link".')
    only = [word for word in plain[1:] if word != "dev"]
    return node.ip_link(case, place, only[0] if only else "", plain[0].startswith("a")), 1


def _ping(case: Case, place: int, words: Sequence[str]) -> tuple[str, int]:
    given = parsed(
        "ping",
        words,
        argument("target"),
        argument("-M", choices=("do", "dont", "want"), default="want"),
        argument("-s", type=int, default=56),
        argument("-c", type=int, default=3),
        argument("-W", type=float, default=1.0),
        argument("-i", type=float, default=1.0),
        argument("-n", action="store_true"),
    )
    if not 0 <= given.s <= 65_507 or not 1 <= given.c <= 10:
        raise ToolError("ping: -s from 0 to 65507, -c from 1 to 10")
    return node.ping(case, place, given.target, given.s, given.c, given.M != "do"), 1


def _tcpdump(case: Case, place: int, words: Sequence[str]) -> tuple[str, int]:
    interface, count, rest = "any", 40, []
    begun = list(words)
    while begun:
        word = begun.pop(0)
        if word.startswith("-") and "i" in word and not word.startswith("--"):
            interface = word.partition("i")[2] or (begun.pop(0) if begun else "")
        elif word.startswith("--interface"):
            interface = word.partition("=")[2] or (begun.pop(0) if begun else "")
        elif word == "-c" and begun and begun[0].isdecimal():
            count = int(begun.pop(0))
        elif word.startswith("-"):
            if set(word) - set("-nevqltA"):
                raise ToolError(f"tcpdump: {word}: known here are -n, -i and -c")
        else:
            rest.append(word)
    return capture.tcpdump(case, place, interface, " ".join(rest), count), 4


TOOLS: dict[str, Callable[[Case, int, Sequence[str]], tuple[str, int]]] = {
    "iptables-save": _iptables_save,
    "conntrack": _conntrack,
    "sysctl": _sysctl,
    "cat": _cat,
    "dmesg": _dmesg,
    "ip": _ip,
    "ping": _ping,
    "tcpdump": _tcpdump,
}
