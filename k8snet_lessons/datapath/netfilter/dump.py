"""Read what ``iptables-save`` and ``ip6tables-save`` print, all tables, into rules.

Whatever the tools print is taken: counters, quoting, negation, several ``-m``, the older
order of ``!``. What kube-proxy hands to ``iptables-restore`` is taken as well. A match or
target that this course has no meaning for is kept as ``OtherMatch`` or ``OtherTarget``
and named in the ruleset's notes.
"""

import gc
import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

from k8snet_lessons.control.rules import Chain, IptablesRuleset, Jump, OtherTarget, Rule, Table
from k8snet_lessons.datapath.netfilter._fields import DumpError
from k8snet_lessons.datapath.netfilter._rule_reader import RuleReader
from k8snet_lessons.datapath.netfilter.known import HOOKS_OF, TARGETS

_CHAIN = re.compile(r":(\S{1,64})\s+(\S+)(?:\s+\[(\d{1,20}):(\d{1,20})\])?")
_COUNTERS = re.compile(r"\[(\d{1,20}):(\d{1,20})\]\s*")
# A chain name may hold nearly anything, but never start like an option.
_LIKE_AN_OPTION = ("-", "!")


@dataclass(slots=True)
class _Draft:
    """A table while its lines are read."""

    name: str
    line: int
    policies: dict[str, tuple[str | None, int, tuple[int, int]]] = field(default_factory=dict)
    rules: dict[str, list[Rule]] = field(default_factory=dict)


def parse_iptables_save(text: str) -> IptablesRuleset:
    """Read an ``iptables-save`` dump.

    Parameters
    ----------
    text : str
        All of the dump: one or more tables, each from ``*name`` to ``COMMIT``.

    Returns
    -------
    IptablesRuleset
        ``family`` is 6 where the dump holds IPv6 addresses. ``local_addresses`` is
        empty: a dump does not say which addresses the node has.

    Raises
    ------
    DumpError
        If the text is cut off, a line cannot be read, a number is out of range, a rule
        jumps to a chain that is not there, or chains jump in a circle. The error names
        the line.

    Examples
    --------
    >>> rules = parse_iptables_save("*filter\\n:INPUT DROP [0:0]\\nCOMMIT\\n")
    >>> rules.tables["filter"].chains["INPUT"].policy
    'DROP'
    """
    if not isinstance(text, str):
        raise DumpError("dump", text, "the text that iptables-save prints", "")
    with _collector_paused():
        return _read(text)


@contextmanager
def _collector_paused() -> Iterator[None]:
    """Keep the garbage collector from searching a heap that only grows.

    Half a million rules hold no circle it could free, and looking for one again and again
    is a third of the time.
    """
    was_on = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_on:
            gc.enable()


def _read(text: str) -> IptablesRuleset:
    reader = RuleReader()
    tables: dict[str, Table] = {}
    draft: _Draft | None = None
    number = 0
    for number, raw in enumerate(text.removeprefix("\ufeff").split("\n"), 1):
        line = raw.strip()
        if not line or line[0] == "#":
            if "ip6tables-save" in line:
                reader.saw_family(6, line, number)
            continue
        first = line[0]
        if first == "*":
            draft = _open_table(line, number, draft, tables)
        elif draft is None:
            raise DumpError("line", line, _outside(line), f"line {number}")
        elif line[:3] == "-X ":
            _remove_chain(line, number, draft)
        elif first == "-" or first == "[":
            _add_rule(line, number, draft, reader)
        elif first == ":":
            _add_chain(line, number, draft)
        elif line == "COMMIT":
            tables[draft.name] = _finish(draft)
            draft = None
        else:
            raise DumpError(
                "line", line, "a chain (:NAME), a rule (-A NAME), COMMIT or a comment (#)",
                f"line {number}",
            )  # fmt: skip
    if draft is not None:
        raise DumpError(
            f"table {draft.name}, opened on line {draft.line}", "the end of the text",
            "COMMIT: the dump is cut off", f"line {number}",
        )  # fmt: skip
    if not tables:
        raise DumpError("dump", text, "at least one table, from *nat or *filter to COMMIT", "")
    return IptablesRuleset(tables=tables, family=reader.family, notes=tuple(reader.notes()))


def _open_table(line: str, number: int, draft: _Draft | None, tables: dict[str, Table]) -> _Draft:
    where = f"line {number}"
    name = line[1:].strip()
    if draft is not None:
        raise DumpError(
            f"table {draft.name}, opened on line {draft.line}", line, "COMMIT before it", where
        )
    if name not in HOOKS_OF:
        raise DumpError("table", name, "one of " + ", ".join(HOOKS_OF), where)
    if name in tables:
        raise DumpError(
            "table", name, "each table once: one dump of one tool and one address family", where
        )
    return _Draft(name, number)


def _outside(line: str) -> str:
    looks_like = ""
    if line.startswith(("-P ", "-N ", "-A ")):
        looks_like = "iptables -S"
    elif line.startswith("Chain ") and "(" in line:
        looks_like = "iptables -L"
    elif line.startswith(("table ip", "table inet ", "add table ")):
        looks_like = "nft list ruleset"
    if looks_like:
        return f"a *table line first; this looks like `{looks_like}`, use `iptables-save`"
    return "a *table line, such as *nat, before anything else"


def _add_chain(line: str, number: int, draft: _Draft) -> None:
    found = _CHAIN.fullmatch(line)
    if found is None or found[1].startswith(_LIKE_AN_OPTION):
        raise DumpError("chain", line, ":NAME POLICY [packets:bytes]", f"line {number}")
    name, policy = found[1], found[2]
    if name in HOOKS_OF[draft.name]:
        # kube-proxy's own test dumps leave the policy out; the kernel's default is ACCEPT.
        policy = "ACCEPT" if policy == "-" else policy
        if policy not in ("ACCEPT", "DROP"):
            raise DumpError(f"policy of {name}", policy, "ACCEPT or DROP", f"line {number}")
    elif policy != "-":
        raise DumpError(
            f"policy of {name}", policy, "-, as only a built-in chain has one", f"line {number}"
        )
    if name in draft.policies:
        raise DumpError("chain", name, "each chain declared once", f"line {number}")
    counters = (int(found[3]), int(found[4])) if found[3] else (0, 0)
    draft.policies[name] = (policy if policy != "-" else None, number, counters)
    draft.rules[name] = []


def _remove_chain(line: str, number: int, draft: _Draft) -> None:
    """Take ``-X CHAIN``, with which kube-proxy's restore input removes a chain it emptied."""
    name = line[3:].strip()
    if name not in draft.rules or draft.rules[name] or name in HOOKS_OF[draft.name]:
        allowed = "an empty user chain declared before"
        raise DumpError("removed chain", name, allowed, f"line {number}")
    del draft.rules[name], draft.policies[name]


def _add_rule(line: str, number: int, draft: _Draft, reader: RuleReader) -> None:
    counters = None
    if line[0] == "[":
        found = _COUNTERS.match(line)
        if found is None:
            raise DumpError("counters", line, "[packets:bytes] before -A", f"line {number}")
        counters = (int(found[1]), int(found[2]))
        line = line[found.end() :]
    if line[:3] != "-A ":
        raise DumpError("rule", line, "-A CHAIN ..., as iptables-save prints it", f"line {number}")
    name, rule = reader.read(line, number, counters)
    rules = draft.rules.get(name)
    if rules is None:
        raise DumpError(
            "chain", name, f"a chain declared in table {draft.name} before", f"line {number}"
        )
    rules.append(rule)


def _finish(draft: _Draft) -> Table:
    chains = {}
    for name, rules in draft.rules.items():
        policy, line, counters = draft.policies[name]
        if any(rule.target is not None for rule in rules):
            rules = [_settle(rule, draft) for rule in rules]
        chains[name] = Chain(name, tuple(rules), policy, line, counters)
    _refuse_circles(chains, draft.name)
    return Table(draft.name, chains)


def _settle(rule: Rule, draft: _Draft) -> Rule:
    """Tell a jump from a target, now that all chains of the table are known."""
    target = rule.target
    if type(target) is Jump:
        if target.chain in draft.rules:
            if target.chain in HOOKS_OF[draft.name]:
                raise DumpError(
                    "jump", target.chain, "a user chain; only the kernel enters a built-in one",
                    f"line {rule.line}",
                )  # fmt: skip
            return rule
        if target.goto or target.chain not in TARGETS:
            raise DumpError(
                "jump", target.chain,
                f"a chain declared in table {draft.name}, or a target that iptables has",
                f"line {rule.line}",
            )  # fmt: skip
        return rule._replace(target=OtherTarget(target.chain))
    return rule


def _refuse_circles(chains: dict[str, Chain], table: str) -> None:
    """Depth-first over the jumps; a chain met again while still open closes a circle."""
    done: set[str] = set()
    for root in chains:
        if root in done:
            continue
        path = [root]
        open_now = {root}
        jumps = [_jumps(chains[root])]
        while path:
            step = next(jumps[-1], None)
            if step is None:
                jumps.pop()
                done.add(path[-1])
                open_now.discard(path.pop())
            elif step[0] in open_now:
                circle = [*path[path.index(step[0]) :], step[0]]
                raise DumpError(
                    f"table {table}", " -> ".join(circle), "chains that do not jump in a circle",
                    f"line {step[1]}",
                )  # fmt: skip
            elif step[0] not in done:
                path.append(step[0])
                open_now.add(step[0])
                jumps.append(_jumps(chains[step[0]]))


def _jumps(chain: Chain) -> Iterator[tuple[str, int]]:
    for rule in chain.rules:
        if type(rule.target) is Jump:
            yield rule.target.chain, rule.line
