"""A rule, or one clause of it, as iptables-save writes it."""

from k8snet_lessons.control import rules as r


def clause_text(match: r.Match) -> str:
    """One match in the words of a dump."""
    text = _plain(match)
    if getattr(match, "negated", False):
        return text.replace(" --", " ! --", 1) if text.startswith("-m") else f"! {text}"
    return text


def _plain(match: r.Match) -> str:
    if isinstance(match, r.Address):
        return f"-{match.side[0]} {_cidr(match.cidr)}"
    if isinstance(match, r.Protocol):
        return f"-p {match.name}"
    if isinstance(match, r.Interface):
        return f"-{match.side[0]} {match.name}"
    if isinstance(match, r.Ports):
        return f"-m {match.module} --{match.side[0]}port {_span(match.low, match.high)}"
    if isinstance(match, r.MultiPort):
        option = {"src": "sports", "dst": "dports", "either": "ports"}[match.side]
        return f"-m multiport --{option} " + ",".join(_span(*span) for span in match.ranges)
    if isinstance(match, r.Comment):
        return "-m comment --comment " + _quoted(match.text)
    if isinstance(match, r.Mark):
        name = "connmark" if match.connection else "mark"
        return f"-m {name} --mark {_masked(match.value, match.mask)}"
    if isinstance(match, r.ConnState):
        option = "state" if match.module == "state" else "ctstate"
        return f"-m {match.module} --{option} {','.join(match.states)}"
    if isinstance(match, r.AddrType):
        limit = f" --limit-iface-{match.limit_interface}" if match.limit_interface else ""
        return f"-m addrtype --{match.side}-type {match.kind}{limit}"
    if isinstance(match, r.Statistic):
        if match.probability is not None:
            # As the kernel keeps it, in steps of 2**-31.
            kept = round(match.probability * 2**31) / 2**31
            return f"-m statistic --mode random --probability {kept:.11f}"
        return f"-m statistic --mode nth --every {match.every} --packet {match.packet}"
    if isinstance(match, r.Recent):
        return _recent(match)
    if isinstance(match, r.Accounting):
        return f"-m nfacct --nfacct-name {match.name}"
    if isinstance(match, r.SetMatch):
        return f"-m set --match-set {match.name} {','.join(match.flags)}"
    if match.module == "fragment":
        return " ".join(match.words)
    return " ".join((f"-m {match.module}", *map(_quoted, match.words)))


def _recent(match: r.Recent) -> str:
    words = f"-m recent --{match.action}"
    if match.seconds:
        words += f" --seconds {match.seconds}"
    if match.reap:
        words += " --reap"
    if match.hitcount:
        words += f" --hitcount {match.hitcount}"
    return f"{words} --name {match.name} --r{'source' if match.side == 'src' else 'dest'}"


def target_text(target: r.Target) -> str:
    """A target in the words of a dump."""
    if isinstance(target, r.Jump):
        return f"-{'g' if target.goto else 'j'} {target.chain}"
    if isinstance(target, r.Verdict):
        return f"-j {target.name}"
    if isinstance(target, r.Reject):
        return f"-j REJECT --reject-with {target.kind}" if target.kind else "-j REJECT"
    if isinstance(target, r.Dnat | r.Snat):
        name, option = (
            ("DNAT", "--to-destination") if isinstance(target, r.Dnat) else ("SNAT", "--to-source")
        )
        return " ".join((f"-j {name} {option} {target.to}", *(f"--{f}" for f in target.flags)))
    if isinstance(target, r.Masquerade):
        ports = f" --to-ports {target.to_ports}" if target.to_ports else ""
        return "-j MASQUERADE" + ports + (" --random-fully" if target.random_fully else "")
    if isinstance(target, r.SetMark):
        name = "CONNMARK" if target.connection else "MARK"
        return f"-j {name} --set-xmark {target.value:#x}/{target.mask:#x}"
    return " ".join((f"-j {target.name}", *map(_quoted, target.words)))


def rule_text(rule: r.Rule) -> str:
    """A rule without its chain."""
    parts = [clause_text(match) for match in rule.matches]
    if rule.target is not None:
        parts.append(target_text(rule.target))
    return " ".join(parts)


def _cidr(cidr: str) -> str:
    if "/" in cidr:
        return cidr
    return f"{cidr}/128" if ":" in cidr else f"{cidr}/32"


def _span(low: int, high: int) -> str:
    return str(low) if low == high else f"{low}:{high}"


def _masked(value: int, mask: int) -> str:
    return f"{value:#x}" if mask == 0xFFFFFFFF else f"{value:#x}/{mask:#x}"


def _quoted(word: str) -> str:
    if word and not any(c in word for c in " \t\"'\\"):
        return word
    return '"' + word.replace("\\", "\\\\").replace('"', '\\"') + '"'
