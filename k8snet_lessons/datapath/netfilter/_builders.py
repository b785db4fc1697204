"""From the options of one match, or of a target, to the object that control.rules has for it."""

import re
from collections.abc import Callable

from k8snet_lessons.control import rules as r
from k8snet_lessons.datapath.netfilter._fields import Fields
from k8snet_lessons.datapath.netfilter._groups import Group, Option

_FULL_MASKS = frozenset({"255.255.255.255", "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff"})
_DEFAULT_REJECTS = frozenset(
    {"icmp-port-unreachable", "port-unreach", "icmp6-port-unreachable"}
)  # fmt: skip
_CT_STATES = frozenset(
    {"INVALID", "NEW", "ESTABLISHED", "RELATED", "UNTRACKED", "SNAT", "DNAT"}
)  # fmt: skip
_ADDRESS_TYPES = frozenset(
    {"UNSPEC", "UNICAST", "LOCAL", "BROADCAST", "ANYCAST", "MULTICAST", "BLACKHOLE",
     "UNREACHABLE", "PROHIBIT", "THROW", "NAT", "XRESOLVE"}
)  # fmt: skip
_SET_FLAG = re.compile(r"(src|dst)(,(src|dst)){0,5}")


def _value(option: Option, fields: Fields) -> str:
    if len(option.words) != 1:
        raise fields.fail("option", " ".join((option.name, *option.words)), "one value after it")
    return option.words[0]


def _flag(option: Option, fields: Fields) -> None:
    if option.words:
        raise fields.fail("option", " ".join((option.name, *option.words)), "no value after it")


def _comment(group: Group, fields: Fields) -> list[r.Match]:
    if len(group.options) != 1 or not group.options[0].words:
        raise fields.fail("match", "comment", "--comment and its text")
    # kube-proxy's test dumps leave the quotes away.
    return [r.Comment(" ".join(group.options[0].words))]


def _ports(group: Group, fields: Fields) -> list[r.Match]:
    made: list[r.Match] = []
    rest = Group(group.module)
    for option in group.options:
        name = option.name
        if name in ("--dport", "--destination-port"):
            low, high = fields.ports("--dport", _value(option, fields))
            made.append(r.Ports("dst", low, high, group.module, option.negated))
        elif name in ("--sport", "--source-port"):
            low, high = fields.ports("--sport", _value(option, fields))
            made.append(r.Ports("src", low, high, group.module, option.negated))
        else:
            rest.options.append(option)
    if rest.options:
        made.append(r.OtherMatch(group.module, rest.words()))
    return made


def _multiport(group: Group, fields: Fields) -> list[r.Match]:
    if len(group.options) != 1:
        raise fields.fail("match", "multiport", "one of --sports, --dports and --ports")
    option = group.options[0]
    side = {"s": "src", "d": "dst", "p": "either"}[option.name[2]]
    ranges = tuple(fields.ports(option.name, part) for part in _value(option, fields).split(","))
    return [r.MultiPort(side, ranges, option.negated)]  # type: ignore[arg-type]


def _mark(group: Group, fields: Fields) -> list[r.Match]:
    if len(group.options) != 1:
        raise fields.fail("match", group.module, "--mark VALUE[/MASK]")
    option = group.options[0]
    value, mask = fields.masked("--mark", _value(option, fields))
    return [r.Mark(value, mask, option.negated, group.module == "connmark")]


def _conntrack(group: Group, fields: Fields) -> list[r.Match]:
    made: list[r.Match] = []
    rest = Group(group.module)
    for option in group.options:
        if option.name in ("--ctstate", "--state"):
            states = tuple(_value(option, fields).split(","))
            for state in states:
                if state not in _CT_STATES:
                    raise fields.fail(option.name, state, ", ".join(sorted(_CT_STATES)))
            made.append(r.ConnState(states, option.negated, group.module))
        else:
            rest.options.append(option)
    if rest.options:
        made.append(r.OtherMatch(group.module, rest.words()))
    if not made:
        raise fields.fail("match", group.module, "--ctstate or another of its options")
    return made


def _addrtype(group: Group, fields: Fields) -> list[r.Match]:
    limit = ""
    for option in group.options:
        if option.name.startswith("--limit-iface-"):
            _flag(option, fields)
            limit = option.name.rpartition("-")[2]
    made: list[r.Match] = []
    for option in group.options:
        if option.name in ("--src-type", "--dst-type"):
            kind = _value(option, fields)
            for one in kind.split(","):
                if one not in _ADDRESS_TYPES:
                    raise fields.fail(option.name, one, ", ".join(sorted(_ADDRESS_TYPES)))
            side = "src" if option.name == "--src-type" else "dst"
            made.append(r.AddrType(side, kind, option.negated, limit))  # type: ignore[arg-type]
    if not made:
        raise fields.fail("match", "addrtype", "--src-type or --dst-type")
    return made


def _statistic(group: Group, fields: Fields) -> list[r.Match]:
    values = {option.name: _value(option, fields) for option in group.options}
    negated = any(option.negated for option in group.options)
    mode = values.get("--mode")
    if mode == "random" and values.keys() == {"--mode", "--probability"}:
        try:
            probability = r.exact_probability(values["--probability"])
        except ValueError:
            raise fields.fail(
                "--probability", values["--probability"], "a decimal number from 0 to 1"
            ) from None
        return [r.Statistic(probability, negated=negated)]
    if mode == "nth" and "--every" in values and "--probability" not in values:
        every = fields.number("--every", values["--every"], 1, 2**32 - 1)
        packet = fields.number("--packet", values.get("--packet", "0"), 0, every - 1)
        return [r.Statistic(None, every, packet, negated)]
    raise fields.fail(
        "match", "statistic " + " ".join(group.words()),
        "--mode random --probability P, or --mode nth --every N --packet P",
    )  # fmt: skip


def _recent(group: Group, fields: Fields) -> list[r.Match]:
    action, name, seconds, hits, reap, side, mask, negated = (
        "",
        "DEFAULT",
        0,
        0,
        False,
        "src",
        "",
        False,
    )
    for option in group.options:
        what = option.name[2:]
        if what in ("set", "rcheck", "update", "remove"):
            _flag(option, fields)
            if action:
                raise fields.fail("match", "recent", "one of --set, --rcheck, --update, --remove")
            action, negated = what, option.negated
        elif what == "name":
            name = _value(option, fields)
        elif what == "seconds":
            seconds = fields.number(option.name, _value(option, fields), 1, 2**32 - 1)
        elif what == "hitcount":
            hits = fields.number(option.name, _value(option, fields), 1, 2**32 - 1)
        elif what == "reap":
            _flag(option, fields)
            reap = True
        elif what == "mask":
            mask = fields.address(option.name, _value(option, fields))
            mask = "" if mask in _FULL_MASKS else mask
        elif what in ("rsource", "rdest"):
            _flag(option, fields)
            side = "src" if what == "rsource" else "dst"
        else:
            return [r.OtherMatch("recent", group.words())]
    if not action:
        raise fields.fail("match", "recent", "one of --set, --rcheck, --update, --remove")
    return [r.Recent(action, name, seconds, hits, reap, side, mask, negated)]  # type: ignore[arg-type]


def _nfacct(group: Group, fields: Fields) -> list[r.Match]:
    if len(group.options) != 1:
        raise fields.fail("match", "nfacct", "--nfacct-name NAME")
    return [r.Accounting(_value(group.options[0], fields))]


def _set(group: Group, fields: Fields) -> list[r.Match]:
    option = group.options[0] if group.options else Option("", (), False)
    if (
        len(group.options) != 1
        or len(option.words) != 2
        or not _SET_FLAG.fullmatch(option.words[1])
    ):
        raise fields.fail("match", "set " + " ".join(group.words()), "--match-set NAME src|dst,...")
    return [r.SetMatch(option.words[0], tuple(option.words[1].split(",")), option.negated)]


MATCHES: dict[str, Callable[[Group, Fields], list[r.Match]]] = {
    "comment": _comment,
    "tcp": _ports,
    "udp": _ports,
    "udplite": _ports,
    "sctp": _ports,
    "dccp": _ports,
    "multiport": _multiport,
    "mark": _mark,
    "connmark": _mark,
    "conntrack": _conntrack,
    "state": _conntrack,
    "addrtype": _addrtype,
    "statistic": _statistic,
    "recent": _recent,
    "nfacct": _nfacct,
    "set": _set,
}


def _verdict(group: Group, fields: Fields) -> r.Target:
    if group.options:
        raise fields.fail("option", group.options[0].name, f"nothing after -j {group.module}")
    return _VERDICTS[group.module]


_VERDICTS = {
    "ACCEPT": r.Verdict("ACCEPT"),
    "DROP": r.Verdict("DROP"),
    "RETURN": r.Verdict("RETURN"),
}


def _reject(group: Group, fields: Fields) -> r.Target:
    kind = ""
    for option in group.options:
        if option.name != "--reject-with":
            raise fields.fail("option", option.name, "--reject-with after -j REJECT")
        kind = _value(option, fields)
    return r.Reject("" if kind in _DEFAULT_REJECTS else kind)


def _nat(group: Group, fields: Fields) -> r.Target:
    wanted = "--to-destination" if group.module == "DNAT" else "--to-source"
    to, flags = "", []
    for option in group.options:
        if option.name == wanted:
            to = fields.translation(wanted, _value(option, fields))
        elif option.name in ("--random", "--random-fully", "--persistent"):
            _flag(option, fields)
            flags.append(option.name[2:])
        else:
            raise fields.fail(
                "option", option.name, f"{wanted}, --random, --random-fully or --persistent"
            )
    if not to:
        raise fields.fail("target", group.module, f"{wanted} and where to")
    return (r.Dnat if group.module == "DNAT" else r.Snat)(to, tuple(flags))


def _masquerade(group: Group, fields: Fields) -> r.Target:
    fully, ports = False, ""
    for option in group.options:
        if option.name == "--random-fully":
            _flag(option, fields)
            fully = True
        elif option.name == "--to-ports":
            ports = _value(option, fields)
            fields.port_range("--to-ports", ports)
        elif option.name == "--random":
            return r.OtherTarget("MASQUERADE", group.words())
        else:
            raise fields.fail("option", option.name, "--random-fully or --to-ports")
    return r.Masquerade(fully, ports)


def _redirect(group: Group, fields: Fields) -> r.Target:
    for option in group.options:
        if option.name == "--to-ports":
            fields.port_range("--to-ports", _value(option, fields))
    return r.OtherTarget("REDIRECT", group.words())


def _set_mark(group: Group, fields: Fields) -> r.Target:
    connection = group.module == "CONNMARK"
    if len(group.options) != 1 or group.options[0].name not in _MARKING:
        if connection and group.options:
            return r.OtherTarget("CONNMARK", group.words())
        raise fields.fail(
            "target", group.module + " " + " ".join(group.words()), "one of " + ", ".join(_MARKING)
        )
    option = group.options[0]
    value, mask = fields.masked(option.name, _value(option, fields))
    if option.name == "--set-xmark":
        return r.SetMark(value, mask, connection)
    if option.name == "--set-mark":
        return r.SetMark(value, mask | value, connection)
    if option.name == "--or-mark":
        return r.SetMark(value, value, connection)
    if option.name == "--xor-mark":
        return r.SetMark(value, 0, connection)
    return r.SetMark(0, ~value & 0xFFFFFFFF, connection)


_MARKING = ("--set-xmark", "--set-mark", "--or-mark", "--and-mark", "--xor-mark")

TARGET_BUILDERS: dict[str, Callable[[Group, Fields], r.Target]] = {
    "ACCEPT": _verdict,
    "DROP": _verdict,
    "RETURN": _verdict,
    "REJECT": _reject,
    "DNAT": _nat,
    "SNAT": _nat,
    "MASQUERADE": _masquerade,
    "REDIRECT": _redirect,
    "MARK": _set_mark,
    "CONNMARK": _set_mark,
}
