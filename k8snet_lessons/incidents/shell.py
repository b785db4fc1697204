"""The on-call's command line: reads a line, runs a tool, says what it costs."""

import argparse
import shlex
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, NoReturn

from k8snet_lessons.errors import InputError
from k8snet_lessons.incidents.case import Case, ToolError
from k8snet_lessons.incidents.tools import capture, logs, metrics, node, pod
from k8snet_lessons.incidents.tools.describe import describe
from k8snet_lessons.incidents.tools.get import KIND_WORDS, get
from k8snet_lessons.incidents.tools.pipe import piped

USAGE = """\
metrics [overview|pods|nodes|zones|names]    the team's dashboard

kubectl get KIND [NAME] [-n NS | -A] [-o wide|yaml]
        pods svc endpointslices netpol nodes ingress events
kubectl describe KIND [NAME] [-n NS]
kubectl logs POD [-n NS] [--tail N]          edge-proxy, checkout, ledger, coredns
kubectl top pods [-n NS]
kubectl exec POD [-n NS] -- COMMAND
        cat /etc/resolv.conf   nslookup NAME   dig [+search] NAME
        curl -v [-m SECONDS] URL   ss -tn[i]

ssh NODE COMMAND
        iptables-save [-t TABLE]   conntrack -S   conntrack -C   sysctl NAME   dmesg
        ip link   ping [-M do] [-s BYTES] NODE
        tcpdump [-i any|eth0|vxlan0] [-c N] [host ADDRESS] [port N]

... | grep [-i] [-v] [-c] PATTERN   | head -N   | tail -N   | wc -l

The namespace is shop unless you say -n edge or -n kube-system. POD may be deploy/NAME.
"""


@dataclass(frozen=True)
class Printed:
    """What a line printed.

    Attributes
    ----------
    line : str
        As it was typed.
    text : str
    minutes : int
        Simulated minutes that it took.
    ok : bool
        Whether the tool did what it was told.
    """

    line: str
    text: str
    minutes: int
    ok: bool = True


class _Parser(argparse.ArgumentParser):
    """argparse that raises instead of leaving the program."""

    def error(self, message: str) -> NoReturn:
        raise ToolError(f"{self.prog}: {message}")


def run(case: Case, line: str) -> Printed:
    """Run one line.

    Parameters
    ----------
    case : Case
    line : str
        As typed; quotes as in a shell, and pipes to grep, head, tail and wc.

    Returns
    -------
    Printed
        A line that nobody understands costs nothing.
    """
    try:
        words = shlex.split(line)
    except ValueError as error:
        return Printed(line, f"{error}\n", 0, ok=False)
    if not words:
        return Printed(line, "", 0)
    if words == ["help"]:
        return Printed(line, USAGE, 0)
    if sign := next((word for word in words if word in (">", ";", "&&", "||")), ""):
        said = f"{sign}: one command at a time here, and pipes to grep, head, tail, wc\n"
        return Printed(line, said, 0, ok=False)
    first, *stages = _stages(words)
    if not first or first[0] not in _COMMANDS:
        name = first[0] if first else "|"
        return Printed(line, f"{name}: command not found (help lists what there is)\n", 0, ok=False)
    try:
        text, minutes = _COMMANDS[first[0]](case, first[1:])
        for stage in stages:
            text = piped(text, stage)
    except (ToolError, InputError) as error:
        return Printed(line, f"{error}\n", 0, ok=False)
    return Printed(line, text, minutes)


def _stages(words: list[str]) -> list[list[str]]:
    """Cut a line at its pipes."""
    stages: list[list[str]] = [[]]
    for word in words:
        if word == "|":
            stages.append([])
        else:
            stages[-1].append(word)
    return stages


def _parsed(
    prog: str, words: Sequence[str], *arguments: tuple[tuple[str, ...], dict[str, Any]]
) -> Any:
    parser = _Parser(prog=prog, add_help=False, allow_abbrev=False)
    for names, options in arguments:
        parser.add_argument(*names, **options)
    return parser.parse_args(list(words))


def _a(*names: str, **options: Any) -> tuple[tuple[str, ...], dict[str, Any]]:
    return names, options


_NAMESPACE = _a("-n", "--namespace", default="shop", choices=("shop", "edge", "kube-system"))


def _metrics(case: Case, words: Sequence[str]) -> tuple[str, int]:
    given = _parsed("metrics", words, _a("board", nargs="?", default="overview"))
    return metrics.metrics(case, given.board), 1


def _kubectl(case: Case, words: Sequence[str]) -> tuple[str, int]:
    verbs = {
        "get": _get,
        "describe": _describe,
        "logs": _logs,
        "top": _top,
        "exec": _exec,
    }
    if not words or words[0] not in verbs:
        raise ToolError(
            f"kubectl: {words[0] if words else 'a verb'}: known here are " + ", ".join(verbs)
        )
    return verbs[words[0]](case, words[1:])


def _get(case: Case, words: Sequence[str]) -> tuple[str, int]:
    given = _parsed(
        "kubectl get",
        words,
        _a("kind"),
        _a("names", nargs="*"),
        _NAMESPACE,
        _a("-o", "--output", default=""),
        _a("-A", "--all-namespaces", action="store_true"),
    )
    kind, names = _slashed(given.kind, given.names)
    return get(case, kind, names, given.namespace, given.output, given.all_namespaces), 1


def _describe(case: Case, words: Sequence[str]) -> tuple[str, int]:
    given = _parsed("kubectl describe", words, _a("kind"), _a("names", nargs="*"), _NAMESPACE)
    kind, names = _slashed(given.kind, given.names)
    return describe(case, kind, names, given.namespace), 1


def _slashed(kind: str, names: list[str]) -> tuple[str, list[str]]:
    """``svc/checkout`` is ``svc checkout``."""
    first, slash, name = kind.partition("/")
    return (first, [name, *names]) if slash else (kind, names)


def _logs(case: Case, words: Sequence[str]) -> tuple[str, int]:
    given = _parsed(
        "kubectl logs", words, _a("pod"), _NAMESPACE, _a("--tail", type=int, default=20)
    )
    return logs.logs(case, case.pod(given.pod, given.namespace), given.tail), 2


def _top(case: Case, words: Sequence[str]) -> tuple[str, int]:
    given = _parsed("kubectl top", words, _a("kind", choices=("pods", "pod", "po")), _NAMESPACE)
    return metrics.top(case, given.namespace), 1


def _exec(case: Case, words: Sequence[str]) -> tuple[str, int]:
    if "--" not in words:
        raise ToolError("error: you must specify at least one command for the container, behind --")
    cut = list(words).index("--")
    given = _parsed(
        "kubectl exec", words[:cut], _a("pod"), _NAMESPACE, _a("-it", action="store_true")
    )
    command = list(words[cut + 1 :])
    target = case.pod(given.pod, given.namespace)
    if target.app == "coredns":
        raise ToolError(
            "error: the coredns image holds the program and nothing else: no shell, no tools"
        )
    known = {"cat": _cat, "nslookup": _nslookup, "dig": _dig, "curl": _curl, "ss": _ss}
    if not command or command[0] not in known:
        raise ToolError(
            f"exec: {command[0] if command else 'a command'!s}: in a pod there are "
            + ", ".join(known)
        )
    return known[command[0]](case, target, command[1:])


def _cat(case: Case, target: Any, words: Sequence[str]) -> tuple[str, int]:
    if list(words) != ["/etc/resolv.conf"]:
        raise ToolError(
            f"cat: {' '.join(words)}: No such file or directory (only /etc/resolv.conf)"
        )
    return pod.resolv_conf(case, target), 1


def _nslookup(case: Case, target: Any, words: Sequence[str]) -> tuple[str, int]:
    return pod.nslookup(case, target, _parsed("nslookup", words, _a("name")).name), 2


def _dig(case: Case, target: Any, words: Sequence[str]) -> tuple[str, int]:
    plain = [word for word in words if not word.startswith("+")]
    given = _parsed("dig", plain, _a("name"))
    return pod.dig(case, target, given.name, "+search" in words), 2


def _curl(case: Case, target: Any, words: Sequence[str]) -> tuple[str, int]:
    flags = [_a(flag, action="store_true") for flag in ("-v", "-s", "-k")]
    patience = _a("-m", "--max-time", type=float, default=30.0)
    given = _parsed("curl", words, _a("url"), *flags, patience)
    return pod.curl(case, target, given.url, given.max_time), 2


def _ss(case: Case, target: Any, words: Sequence[str]) -> tuple[str, int]:
    flags = "".join(words)
    if not flags.startswith("-") or set(flags) - set("-tnaip"):
        raise ToolError("ss: known here are -t -n -i")
    return pod.ss(case, target, flags), 2


def _ssh(case: Case, words: Sequence[str]) -> tuple[str, int]:
    if len(words) < 2:
        raise ToolError("ssh: a node and a command, such as: ssh node-1 conntrack -S")
    place = case.place(words[0])
    known: dict[str, Callable[[Case, int, Sequence[str]], tuple[str, int]]] = {
        "iptables-save": _iptables_save,
        "conntrack": _conntrack,
        "sysctl": lambda c, k, w: (node.sysctl(c, k, list(w) or ["-a"]), 1),
        "dmesg": lambda c, k, w: (node.dmesg(c, k), 1),
        "ip": _ip,
        "ping": _ping,
        "tcpdump": _tcpdump,
    }
    if words[1] not in known:
        raise ToolError(f"{words[1]}: command not found (on a node: " + ", ".join(known) + ")")
    return known[words[1]](case, place, words[2:])


def _iptables_save(case: Case, place: int, words: Sequence[str]) -> tuple[str, int]:
    given = _parsed("iptables-save", words, _a("-t", "--table", default=""))
    return node.iptables_save(case, place, given.table), 2


def _conntrack(case: Case, place: int, words: Sequence[str]) -> tuple[str, int]:
    if len(words) != 1 or words[0] not in ("-S", "--stats", "-C", "--count"):
        raise ToolError("conntrack: known here are -S and -C")
    return node.conntrack(case, place, words[0]), 1


def _ip(case: Case, place: int, words: Sequence[str]) -> tuple[str, int]:
    if not words or words[0] not in ("link", "l"):
        raise ToolError('Object "' + " ".join(words) + '" is unknown here, try "ip link".')
    return node.ip_link(case, place), 1


def _ping(case: Case, place: int, words: Sequence[str]) -> tuple[str, int]:
    given = _parsed(
        "ping",
        words,
        _a("target"),
        _a("-M", choices=("do", "dont", "want"), default="want"),
        _a("-s", type=int, default=56),
        _a("-c", type=int, default=3),
    )
    if not 0 <= given.s <= 65_507 or not 1 <= given.c <= 10:
        raise ToolError("ping: -s from 0 to 65507, -c from 1 to 10")
    return node.ping(case, place, given.target, given.s, given.c, given.M != "do"), 1


def _tcpdump(case: Case, place: int, words: Sequence[str]) -> tuple[str, int]:
    rest = [word for word in words if word not in ("-n", "-nn")]
    given = _parsed(
        "tcpdump",
        [word.replace("-nni", "-i").replace("-ni", "-i") for word in rest],
        _a("-i", "--interface", default="any"),
        _a("-c", type=int, default=40),
        _a("filter", nargs="*"),
    )
    return capture.tcpdump(case, place, given.interface, given.filter, given.c), 4


_COMMANDS: dict[str, Callable[[Case, Sequence[str]], tuple[str, int]]] = {
    "metrics": _metrics,
    "kubectl": _kubectl,
    "ssh": _ssh,
}


def completions(case: Case, line: str) -> list[str]:
    """Words that may stand where the line ends, sorted.

    Parameters
    ----------
    line : str
        What is typed so far; the last word may be begun.
    """
    words = line.split(" ")
    begun, before = words[-1], [word for word in words[:-1] if word]
    return sorted({word for word in _candidates(case, before) if word.startswith(begun)})


def _candidates(case: Case, before: list[str]) -> Sequence[str]:
    world = case.world
    pods = [pod.name for pod in world.pods]
    deployments = [f"deploy/{app}" for app in ("edge-proxy", "checkout", "ledger", "coredns")]
    if not before:
        return ("metrics", "kubectl", "ssh", "help")
    if before[-1] in ("-n", "--namespace"):
        return ("shop", "edge", "kube-system")
    if before[0] == "metrics":
        return tuple(metrics.BOARDS) if len(before) == 1 else ()
    if before[0] == "ssh":
        if len(before) == 1:
            return world.nodes
        if len(before) == 2:
            return ("iptables-save", "conntrack", "sysctl", "dmesg", "ip", "ping", "tcpdump")
        return {
            "conntrack": ("-S", "-C"),
            "iptables-save": ("-t", "nat", "filter"),
            "ip": ("link",),
            "ping": ("-M", "do", "-s", "-c", *world.nodes),
            "tcpdump": ("-i", "any", "eth0", "vxlan0", "-c", "host", "port", "tcp", "udp"),
            "sysctl": ("net.netfilter", "net.ipv4", "-a"),
        }.get(before[2], ())
    if before[0] != "kubectl":
        return ()
    if len(before) == 1:
        return ("get", "describe", "logs", "top", "exec")
    if "--" in before:
        return ("cat", "/etc/resolv.conf", "nslookup", "dig", "curl", "ss", "-v", "-tn", "-tni",
                "api.bank.example", "+search")  # fmt: skip
    options = ("-n", "-o", "wide", "yaml", "-A", "--tail", "--")
    if before[1] in ("get", "describe"):
        named = (*(service.metadata.name for service in world.cluster.services.values()), *pods)
        return tuple(KIND_WORDS) if len(before) == 2 else (*named, *world.nodes, *options)
    if before[1] == "top":
        return ("pods", *options)
    return (*pods, *deployments, *options)
