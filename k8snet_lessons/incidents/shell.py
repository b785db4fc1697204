"""The on-call's command line: reads a line, runs a tool, says what it costs."""

import shlex
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from k8snet_lessons.errors import InputError
from k8snet_lessons.incidents._arguments import argument, parsed
from k8snet_lessons.incidents._kubectl import kubectl
from k8snet_lessons.incidents._ssh import ssh
from k8snet_lessons.incidents.case import Case, ToolError
from k8snet_lessons.incidents.tools import metrics
from k8snet_lessons.incidents.tools.pipe import piped

USAGE = """\
metrics [overview|pods|nodes|zones|names]    the team's dashboard

kubectl get KIND [NAME] [-n NS | -A] [-l LABEL=VALUE] [-o wide|yaml|json]
        pods svc deploy endpointslices netpol nodes ingress events
kubectl describe KIND [NAME] [-n NS]
kubectl logs POD [-n NS] [--tail N]          edge-proxy, checkout, ledger, coredns
kubectl top pods|nodes [-n NS]
kubectl rollout status|history deploy/NAME
kubectl exec POD [-n NS] -- COMMAND
        cat /etc/resolv.conf   nslookup NAME   dig [+search] NAME [TYPE]
        curl -v [-m SECONDS] URL   ss -tn[i] [state STATE]

ssh NODE COMMAND
        iptables-save [-t TABLE]   conntrack -S   conntrack -C   sysctl NAME   dmesg
        ip link   ping [-M do] [-s BYTES] NODE
        tcpdump [-i any|eth0|vxlan0] [-c N] [host ADDRESS and port N]

... | grep [-i] [-v] [-c] [-E] [-A N] PATTERN   | head -N   | tail -N   | wc -l
    | sort [-n] [-r]   | uniq [-c]   | awk '{print $N}'

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
        said = f"{sign}: one command at a time here, and pipes\n"
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


def _metrics(case: Case, words: Sequence[str]) -> tuple[str, int]:
    given = parsed("metrics", words, argument("board", nargs="?", default="overview"))
    return metrics.metrics(case, given.board), 1


_COMMANDS: dict[str, Callable[[Case, Sequence[str]], tuple[str, int]]] = {
    "metrics": _metrics,
    "kubectl": kubectl,
    "k": kubectl,
    "ssh": ssh,
}
