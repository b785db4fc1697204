"""iptables rules as text: what kube-proxy feeds the tool, and what the tool prints back."""

from collections.abc import Callable, Iterator
from fractions import Fraction
from functools import lru_cache
from typing import Any, Literal, TypeAlias

from k8snet_lessons.control import rules as r
from k8snet_lessons.errors import InputError

Form: TypeAlias = Literal["restore", "save", "proxy"]
Writer: TypeAlias = Callable[[Any], str]

_STATISTIC_STEPS = 2**31
# iptables-save quotes a word unless all its characters are among these.
_PLAIN = frozenset("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_-")
_TRANSPORT = ("tcp", "udp", "sctp")
_ALL_BITS = 0xFFFFFFFF


def render(ruleset: r.IptablesRuleset, form: Form) -> str:
    """Write a ruleset as text; see `IptablesRuleset.to_text`."""
    if form not in ("restore", "save", "proxy"):
        raise InputError("form", form, "'restore', 'save' or 'proxy'")
    lines: list[str] = []
    write = _save_rule if form == "save" else _restore_rule
    for table in ruleset.tables.values():
        if form == "proxy" and table.name not in ("filter", "nat"):
            continue
        lines.append(f"*{table.name}")
        chains = list(_chains(table, form))
        lines += [f":{c.name} {c.policy or '-'} [{c.counters[0]}:{c.counters[1]}]" for c in chains]
        for chain in chains:
            start = f"-A {chain.name}"
            lines += [f"{start}{write(rule, ruleset.family)}" for rule in chain.rules]
        lines.append("COMMIT")
    lines.append("")
    return "\n".join(lines)


def _chains(table: r.Table, form: Form) -> Iterator[r.Chain]:
    """Chains in the order of the form: the tool prints its own first, then by name."""
    if form == "proxy":
        yield from (c for c in table if c.policy is None and c.name != "KUBE-PROXY-CANARY")
    elif form == "restore":
        yield from table
    else:
        yield from (c for c in table if c.policy is not None)
        own = (c for c in table if c.policy is None)
        yield from sorted(own, key=lambda c: c.name)


def rule_text(rule: r.Rule, form: Form = "restore", family: int = 4) -> str:
    """Write one rule without its chain."""
    write = _save_rule if form == "save" else _restore_rule
    return write(rule, family).lstrip()


def _restore_rule(rule: r.Rule, _family: int) -> str:
    text = "".join([_RESTORE[type(match)](match) for match in rule.matches])
    target = rule.target
    return text if target is None else text + _TARGETS[type(target)](target)


def _not(negated: bool) -> str:
    return " !" if negated else ""


def _address(match: r.Address) -> str:
    return f"{_not(match.negated)} -{'s' if match.side == 'src' else 'd'} {match.cidr}"


def _protocol(match: r.Protocol) -> str:
    module = f" -m {match.name}" if match.name in _TRANSPORT and not match.negated else ""
    return f"{module}{_not(match.negated)} -p {match.name}"


def _interface(match: r.Interface) -> str:
    return f"{_not(match.negated)} -{'i' if match.side == 'in' else 'o'} {match.name}"


def _range(low: int, high: int) -> str:
    return str(low) if low == high else f"{low}:{high}"


def _ports(match: r.Ports) -> str:
    side = "sport" if match.side == "src" else "dport"
    return f"{_not(match.negated)} --{side} {_range(match.low, match.high)}"


def _multi_port(match: r.MultiPort) -> str:
    option = {"src": "sports", "dst": "dports", "either": "ports"}[match.side]
    ranges = ",".join(_range(low, high) for low, high in match.ranges)
    return f" -m multiport{_not(match.negated)} --{option} {ranges}"


def _comment(match: r.Comment) -> str:
    text = match.text
    if " " in text or '"' in text or not text:
        text = '"' + text.replace("\\", "\\\\").replace('"', '\\"') + '"'
    return f" -m comment --comment {text}"


def _quoted(text: str) -> str:
    if text and not _PLAIN.issuperset(text):
        escaped = text.replace("\\", "\\\\").replace('"', '\\"').replace("'", "\\'")
        return f'"{escaped}"'
    return text


@lru_cache(maxsize=65536)
def _save_comment(match: r.Comment) -> str:
    return f" -m comment --comment {_quoted(match.text)}"


def _mark(match: r.Mark) -> str:
    module = "connmark" if match.connection else "mark"
    mask = "" if match.mask == _ALL_BITS else f"/0x{match.mask:x}"
    return f" -m {module}{_not(match.negated)} --mark 0x{match.value:x}{mask}"


def _state(match: r.ConnState) -> str:
    option = "ctstate" if match.module == "conntrack" else "state"
    return f" -m {match.module}{_not(match.negated)} --{option} {','.join(match.states)}"


def _addr_type(match: r.AddrType) -> str:
    limit = f" --limit-iface-{match.limit_interface}" if match.limit_interface else ""
    return f" -m addrtype{_not(match.negated)} --{match.side}-type {match.kind}{limit}"


def _statistic(match: r.Statistic) -> str:
    if match.probability is None:
        every = f"--every {match.every} --packet {match.packet}"
        return f" -m statistic --mode nth{_not(match.negated)} {every}"
    return _random(match.probability, match.negated)


@lru_cache(maxsize=65536)
def _random(probability: Fraction, negated: bool) -> str:
    text = f"{float(probability):.10f}"
    return f" -m statistic --mode random{_not(negated)} --probability {text}"


@lru_cache(maxsize=65536)
def _save_statistic(match: r.Statistic) -> str:
    if match.probability is None:
        return _statistic(match)
    # What goes into the kernel is the ten decimals, in whole steps of 2**-31.
    steps = round(Fraction(f"{float(match.probability):.10f}") * _STATISTIC_STEPS)
    text = f"{steps / _STATISTIC_STEPS:.11f}"
    return f" -m statistic --mode random{_not(match.negated)} --probability {text}"


def _recent(match: r.Recent) -> str:
    # kube-proxy gives the name first.
    extra = f" --seconds {match.seconds}" if match.seconds else ""
    extra += " --reap" if match.reap else ""
    extra += f" --hitcount {match.hitcount}" if match.hitcount else ""
    extra += f" --mask {match.mask}" if match.mask else ""
    extra += " --rdest" if match.side == "dst" else ""
    return f" -m recent --name {match.name}{_not(match.negated)} --{match.action}{extra}"


def _save_recent(match: r.Recent, family: int) -> str:
    text = f" -m recent{_not(match.negated)} --{match.action}"
    text += f" --seconds {match.seconds}" if match.seconds else ""
    text += " --reap" if match.reap else ""
    text += f" --hitcount {match.hitcount}" if match.hitcount else ""
    full = "255.255.255.255" if family == 4 else ":".join(["ffff"] * 8)
    side = "rsource" if match.side == "src" else "rdest"
    return f"{text} --name {match.name} --mask {match.mask or full} --{side}"


def _accounting(match: r.Accounting) -> str:
    return f" -m nfacct --nfacct-name {match.name}"


def _set(match: r.SetMatch) -> str:
    return f" -m set{_not(match.negated)} --match-set {match.name} {','.join(match.flags)}"


def _other_match(match: r.OtherMatch) -> str:
    words = " ".join(_word(word) for word in match.words)
    return f" -m {match.module} {words}".rstrip() if match.module else f" {words}"


def _word(text: str) -> str:
    if not text or any(character.isspace() or character in "\"'" for character in text):
        escaped = text.replace("\\", "\\\\").replace('"', '\\"')
        return f'"{escaped}"'
    return text


def _jump(target: r.Jump) -> str:
    return f" -{'g' if target.goto else 'j'} {target.chain}"


def _reject(target: r.Reject) -> str:
    return f" -j REJECT --reject-with {target.kind}" if target.kind else " -j REJECT"


def _nat(name: str, option: str) -> Callable[[Any], str]:
    def write(target: r.Dnat | r.Snat) -> str:
        flags = "".join(f" --{flag}" for flag in target.flags)
        return f" -j {name} --{option} {target.to}{flags}"

    return write


def _masquerade(target: r.Masquerade) -> str:
    ports = f" --to-ports {target.to_ports}" if target.to_ports else ""
    return f" -j MASQUERADE{ports}{' --random-fully' if target.random_fully else ''}"


def _set_mark(target: r.SetMark) -> str:
    name = "CONNMARK" if target.connection else "MARK"
    if target.connection or target.mask not in (0, target.value):
        return f" -j {name} --set-xmark 0x{target.value:x}/0x{target.mask:x}"
    return f" -j {name} --{'or' if target.mask else 'xor'}-mark 0x{target.value:x}"


def _other_target(target: r.OtherTarget) -> str:
    return "".join(f" {_word(word)}" for word in ("-j", target.name, *target.words))


_TARGETS: dict[type, Writer] = {
    r.Jump: _jump,
    r.Verdict: lambda target: f" -j {target.name}",
    r.Reject: _reject,
    r.Dnat: _nat("DNAT", "to-destination"),
    r.Snat: _nat("SNAT", "to-source"),
    r.Masquerade: _masquerade,
    r.SetMark: _set_mark,
    r.OtherTarget: _other_target,
}
_RESTORE: dict[type, Writer] = {
    r.Address: _address,
    r.Protocol: _protocol,
    r.Interface: _interface,
    r.Ports: _ports,
    r.MultiPort: _multi_port,
    r.Comment: _comment,
    r.Mark: _mark,
    r.ConnState: _state,
    r.AddrType: _addr_type,
    r.Statistic: _statistic,
    r.Recent: _recent,
    r.Accounting: _accounting,
    r.SetMatch: _set,
    r.OtherMatch: _other_match,
}


def _save_rule(rule: r.Rule, family: int) -> str:
    # What belongs to no extension stands first: -s, -d, -i, -o, -p.
    base = ["", "", "", "", ""]
    extensions = []
    for match in rule.matches:
        if isinstance(match, r.Address):
            base[0 if match.side == "src" else 1] = _save_address(match, family)
        elif isinstance(match, r.Interface):
            base[2 if match.side == "in" else 3] = _interface(match)
        elif isinstance(match, r.Protocol):
            base[4] = f"{_not(match.negated)} -p {match.name}"
            if match.name in _TRANSPORT and not match.negated:
                options = [_ports(other) for other in rule.matches if isinstance(other, r.Ports)]
                extensions.append(f" -m {match.name}{''.join(options)}")
        elif isinstance(match, r.Comment):
            extensions.append(_save_comment(match))
        elif isinstance(match, r.Statistic):
            extensions.append(_save_statistic(match))
        elif isinstance(match, r.Recent):
            extensions.append(_save_recent(match, family))
        elif not isinstance(match, r.Ports):
            extensions.append(_RESTORE[type(match)](match))
    return "".join(base) + "".join(extensions) + _save_target(rule.target, family)


def _save_address(match: r.Address, family: int) -> str:
    length = "" if "/" in match.cidr else "/32" if family == 4 else "/128"
    return f"{_not(match.negated)} -{'s' if match.side == 'src' else 'd'} {match.cidr}{length}"


def _save_target(target: r.Target | None, family: int) -> str:
    if target is None:
        return ""
    if isinstance(target, r.Reject) and not target.kind:
        return f" -j REJECT --reject-with icmp{'' if family == 4 else '6'}-port-unreachable"
    if isinstance(target, r.SetMark):
        name = "CONNMARK" if target.connection else "MARK"
        return f" -j {name} --set-xmark 0x{target.value:x}/0x{target.mask:x}"
    return _TARGETS[type(target)](target)
