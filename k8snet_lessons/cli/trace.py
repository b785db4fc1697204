"""``k8snet trace``: an iptables-save file and a packet, walked."""

import json
import sys
from typing import IO, TYPE_CHECKING, Any

import click

if TYPE_CHECKING:
    from k8snet_lessons.datapath import Outcome, Trace

EXAMPLE = """A PACKET is written SOURCE[:PORT]->DESTINATION[:PORT][/PROTOCOL]; tcp is the default
protocol, and an IPv6 address with a port stands in brackets. Quote it: > is the shell's.

\b
Examples:
  iptables-save | k8snet trace - '10.244.0.9->172.30.0.41:80'
  k8snet trace node.txt '203.0.113.9->192.168.0.2:30080/tcp' --origin external --local 192.168.0.2
  k8snet trace node6.txt 'fd00::9->[fd00:172::41]:53/udp' --json

\b
Exit status:
  0  every packet arrives, whatever the dice say
  1  some packet is dropped or rejected, or may be
  2  the dump or a packet cannot be read
  3  the answer rests on something that the dump does not tell (see --in, --route, --set)
"""


@click.command(epilog=EXAMPLE)
@click.argument("dump", type=click.File("r", encoding="utf-8", errors="replace"))
@click.argument("packets", metavar="PACKET...", nargs=-1, required=True)
@click.option(
    "--origin",
    type=click.Choice(["pod", "host", "external"]),
    default="pod",
    show_default=True,
    help="Who sends it: a pod on the node, a process of the node itself, or somebody outside.",
)
@click.option("--local", multiple=True, metavar="ADDRESS", help="An address of the node itself.")
@click.option("--in", "came_in", metavar="INTERFACE", help="Interface the packet came in by.")
@click.option(
    "--route", "routes", multiple=True, metavar="NETWORK=INTERFACE", help="Where packets leave."
)
@click.option(
    "--set", "sets", multiple=True, metavar="NAME=MEMBER[ MEMBER...]", help="Members of an ipset."
)
@click.option("--sample", type=int, metavar="SEED", help="Throw the dice once, with this seed.")
@click.option("--json", "as_json", is_flag=True, help="One JSON object a packet, a line each.")
def command(
    dump: IO[str],
    packets: tuple[str, ...],
    origin: str,
    local: tuple[str, ...],
    came_in: str | None,
    routes: tuple[str, ...],
    sets: tuple[str, ...],
    sample: int | None,
    as_json: bool,
) -> None:
    """Walk each PACKET through the rules in DUMP, the output of iptables-save (- for stdin).

    Shows every end that the first packet of a connection may come to, with its exact
    probability, the rules on the way, and how many the kernel tries.
    """
    from dataclasses import replace

    from k8snet_lessons.datapath import Packet, parse_iptables_save, trace
    from k8snet_lessons.errors import InputError

    options: dict[str, Any] = {
        "origin": origin,
        "local_addresses": local or None,
        "routes": dict(_pair("--route", text) for text in routes),
        "sets": {name: members.split() for name, members in (_pair("--set", s) for s in sets)},
        "sample": sample,
    }
    traces: list[Trace] = []
    try:
        ruleset = parse_iptables_save(dump.read())
        for text in packets:
            packet = replace(Packet.parse(text), in_interface=came_in)
            traces.append(trace(ruleset, packet, **options))
    except InputError as error:
        raise click.UsageError(str(error)) from None
    if not as_json:
        for note in ruleset.notes:
            click.echo(f"note: {note}", err=True)
    for index, found in enumerate(traces):
        if as_json:
            click.echo(json.dumps(_record(found)))
        else:
            click.echo(("\n" if index else "") + str(found))
    sys.exit(_status(traces))


def _pair(option: str, text: str) -> tuple[str, str]:
    name, equals, value = text.partition("=")
    if not (name and equals and value):
        raise click.UsageError(f"{option} {text!r}: a name, =, and a value are needed")
    return name, value


def _status(traces: "list[Trace]") -> int:
    if not all(found.certain for found in traces):
        return 3
    return int(any(o.verdict != "accept" for found in traces for o in found.outcomes))


def _record(found: "Trace") -> dict[str, Any]:
    return {
        "packet": str(found.packet),
        "origin": found.origin,
        "assumptions": list(found.assumptions),
        "outcomes": [_outcome(outcome) for outcome in found.outcomes],
    }


def _outcome(outcome: "Outcome") -> dict[str, Any]:
    from k8snet_lessons.datapath.netfilter.wording import rule_text

    return {
        "probability": str(outcome.probability),
        "verdict": outcome.verdict,
        "packet": str(outcome.packet),
        "destination": outcome.packet.destination,
        "masqueraded": outcome.masqueraded,
        "reject_with": outcome.reject_with,
        "ended_at": outcome.ended_at,
        "rules_evaluated": outcome.rules_evaluated,
        "rules_by_table": dict(outcome.rules_by_table),
        "unknowns": [str(unknown) for unknown in outcome.unknowns],
        "steps": [
            {
                "hook": step.hook,
                "table": step.table,
                "chain": step.chain,
                "line": step.line,
                "rule": "" if step.rule is None else rule_text(step.rule),
                "what": step.what,
            }
            for step in outcome.steps
        ],
    }
