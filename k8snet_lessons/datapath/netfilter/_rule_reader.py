"""One rule of a dump: its words, put together into matches and a target."""

import re
from collections import Counter
from collections.abc import Iterator
from typing import Any, Literal

from k8snet_lessons.control import rules as r
from k8snet_lessons.datapath.netfilter._builders import MATCHES, TARGET_BUILDERS
from k8snet_lessons.datapath.netfilter._fields import DumpError, Fields
from k8snet_lessons.datapath.netfilter._groups import Group, Option, split_words
from k8snet_lessons.datapath.netfilter.known import EVALUATED, OPTIONS, PROTOCOL_MODULES, TARGETS
from k8snet_lessons.datapath.packet import PROTOCOL_NUMBERS

_SHORT = {
    "-s": "src", "--source": "src", "--src": "src",
    "-d": "dst", "--destination": "dst", "--dst": "dst",
    "-i": "in", "--in-interface": "in",
    "-o": "out", "--out-interface": "out",
    "-p": "protocol", "--protocol": "protocol",
    "-m": "match", "--match": "match",
    "-j": "jump", "--jump": "jump",
    "-g": "goto", "--goto": "goto",
    "-f": "fragment", "--fragment": "fragment",
    "-c": "counters", "--set-counters": "counters",
}  # fmt: skip
_NO_PORTS = frozenset({"tcp", "udp", "sctp", "dccp", "udplite", "icmp", "icmp6"})


# The shape of nearly all rules of a node: addresses, protocol, comment, then words without
# quotes, then -j. What stands between comment and target repeats and is read once.
_USUAL = re.compile(
    r"-A (\S+)(?: (! )?-s ([0-9a-f.:/]+))?(?: (! )?-d ([0-9a-f.:/]+))?(?: -p (tcp|udp|sctp))?"
    r'(?: -m comment --comment (?:"([^"\\]*)"|([A-Za-z0-9][^\s"]*)(?= -)))?'
    r'((?: [^\s"]+)*?) -j ([A-Za-z0-9][^\s"]*)(?: --to-destination ([^\s"]+))?'
)
# The same in the order in which kube-proxy hands rules to iptables-restore.
_RESTORE = re.compile(
    r'-A (\S+) -m comment --comment (?:"([^"\\]*)"|([A-Za-z0-9][^\s"]*)(?= -))'
    r"(?: -m (tcp|udp|sctp) -p \4)?(?: (! )?-d ([0-9a-f.:/]+))?(?: --dport ([0-9]+))?"
    r"(?: (! )?-s ([0-9a-f.:/]+))?"
    r'((?: [^\s"]+)*?) -j ([A-Za-z0-9][^\s"]*)(?: --to-destination ([^\s"]+))?'
)
_MIDDLES_KEPT = 65536


class RuleReader:
    """Reads rules one by one, remembers the address family and what it did not know."""

    def __init__(self) -> None:
        self.fields = Fields()
        self._unknown: Counter[str] = Counter()
        self._first_line: dict[str, int] = {}
        self._jumps: dict[tuple[str, bool], r.Jump] = {}
        self._comments: dict[str, r.Comment] = {}
        self._protocols = {name: r.Protocol(name) for name in ("tcp", "udp", "sctp")}
        self._middles: dict[tuple[str | None, str], tuple[r.Match, ...]] = {}

    @property
    def family(self) -> Literal[4, 6]:
        """6 if the dump was ip6tables-save's, by its header or by its addresses."""
        return self.fields.family or 4

    def saw_family(self, family: Literal[4, 6], line: str, number: int) -> None:
        """Take the family from a comment of the tool."""
        self.fields.saw_family(family, line, f"line {number}")

    def notes(self) -> Iterator[str]:
        """One sentence for each unknown match or target."""
        for what, count in self._unknown.items():
            rules = "1 rule" if count == 1 else f"{count} rules"
            first = self._first_line[what]
            yield f"{what}: not known here, carried through ({rules}, first on line {first})"

    def read(self, line: str, number: int, counters: tuple[int, int] | None) -> tuple[str, r.Rule]:
        """Read ``-A CHAIN ...``.

        Returns
        -------
        chain : str
        rule : Rule
            A jump to what may be a chain or a target is left a ``Jump``.
        """
        self.fields.where = f"line {number}"
        made = None
        if (found := _RESTORE.fullmatch(line)) is not None:
            made = self._restore(found, number, counters)
        elif (found := _USUAL.fullmatch(line)) is not None:
            made = self._usual(found, number, counters)
        return made or self._any(line, number, counters)

    def _usual(
        self, found: re.Match[str], number: int, counters: tuple[int, int] | None
    ) -> tuple[str, r.Rule] | None:
        """Read a rule of the usual shape; None if it asks for more care."""
        chain, not_src, src, not_dst, dst, protocol, quoted, bare, middle, name, to = found.groups()
        target = self._plain_target(name, to)
        if target is None:
            return None
        matches: list[r.Match] = []
        if src is not None and not self._address(matches, "src", src, not_src):
            return None
        if dst is not None and not self._address(matches, "dst", dst, not_dst):
            return None
        if protocol is not None:
            matches.append(self._protocols[protocol])
        text = bare if quoted is None else quoted
        if text is not None:
            matches.append(self._comment(text))
        if middle:
            matches += self._middle(middle, protocol, number)
        return chain, r.Rule(tuple(matches), target, number, counters)

    def _restore(
        self, found: re.Match[str], number: int, counters: tuple[int, int] | None
    ) -> tuple[str, r.Rule] | None:
        chain, quoted, bare, protocol, not_dst, dst, dport, not_src, src, middle, name, to = (
            found.groups()
        )
        target = self._plain_target(name, to)
        if target is None or (dport is not None and protocol is None):
            return None
        matches: list[r.Match] = [self._comment(bare if quoted is None else quoted)]
        if protocol is not None:
            matches.append(self._protocols[protocol])
        if dst is not None and not self._address(matches, "dst", dst, not_dst):
            return None
        if dport is not None:
            low, high = self.fields.ports("--dport", dport)
            matches.append(r.Ports("dst", low, high, protocol))
        if src is not None and not self._address(matches, "src", src, not_src):
            return None
        if middle:
            matches += self._middle(middle, protocol, number)
        return chain, r.Rule(tuple(matches), target, number, counters)

    def _address(
        self, matches: list[r.Match], side: Literal["src", "dst"], text: str, bang: str | None
    ) -> bool:
        cidr = self.fields.network(text)
        if cidr is None:
            return False
        matches.append(r.Address(side, cidr, bang is not None))
        return True

    def _comment(self, text: str) -> r.Comment:
        comment = self._comments.get(text)
        if comment is None:
            comment = self._comments[text] = r.Comment(text)
        return comment

    def _middle(self, text: str, protocol: str | None, number: int) -> tuple[r.Match, ...]:
        known = self._middles.get((protocol, text))
        if known is None:
            noted = self._unknown.total()
            implied = f" -p {protocol}" if protocol else ""
            known = self._any(f"-A X{implied}{text}", number, None)[1].matches
            known = known[1:] if protocol else known
            if self._unknown.total() == noted and len(self._middles) < _MIDDLES_KEPT:
                self._middles[(protocol, text)] = known
        return known

    def _plain_target(self, name: str, to: str | None) -> r.Target | None:
        if name == "DNAT" and to is not None:
            return r.Dnat(self.fields.translation("--to-destination", to))
        if to is not None or name in TARGETS:
            return None
        return self._jump(name, False)

    def _any(self, line: str, number: int, counters: tuple[int, int] | None) -> tuple[str, r.Rule]:
        where = f"line {number}"
        words = split_words(line, where)
        if len(words) < 2:
            raise DumpError("rule", line, "-A CHAIN ...", where)
        fields = self.fields
        fields.where = where
        parts: list[r.Match | Group] = []
        groups: list[Group] = []
        target: Group | None = None
        goto = False
        negated = False
        last = len(words)
        at = 2
        while at < last:
            word = words[at]
            at += 1
            if word == "!":
                if negated:
                    raise DumpError("rule", line, "one ! before an option", where)
                negated = True
                continue
            short = _SHORT.get(word)
            if short is None:
                if word[0] != "-" or len(word) < 3:
                    raise DumpError("word", word, "an option, such as -m or --dport", where)
                start = at
                if at < last and words[at] == "!" and at + 1 < last and words[at + 1][0] != "-":
                    # `--dport ! 80`, as iptables printed it before 1.4.3.
                    negated = True
                    start = at = at + 1
                while at < last and words[at] != "!" and words[at][0] != "-":
                    at += 1
                option = Option(
                    word,
                    tuple([w[1:] if w[0] == '"' else w for w in words[start:at]]),
                    negated,
                )
                if target is not None:
                    target.options.append(option)
                else:
                    group = _owner(word, parts, groups, where)
                    if not group.options and parts[-1] is not group:
                        # `-m tcp -p tcp -d IP --dport 80`: the port counts where it is written.
                        parts.remove(group)
                        parts.append(group)
                    group.options.append(option)
            elif short == "fragment":
                parts.append(r.OtherMatch("fragment", ("!", "-f") if negated else ("-f",)))
                self._note("match fragment", number)
            else:
                if at < last and words[at] == "!" and short not in ("match", "jump", "goto"):
                    negated = True
                    at += 1
                if at >= last or words[at][0] == "-":
                    raise DumpError("option", word, "a value after it", where)
                value = words[at]
                at += 1
                if value[0] == '"':
                    value = value[1:]
                if short == "match":
                    self._refuse_negation(negated, word, where)
                    group = Group(value)
                    groups.append(group)
                    parts.append(group)
                elif short == "jump" or short == "goto":
                    self._refuse_negation(negated, word, where)
                    if target is not None:
                        raise DumpError("target", value, "one -j or -g a rule", where)
                    target = Group(value)
                    goto = short == "goto"
                elif short == "protocol":
                    if value not in ("all", "0"):
                        parts.append(r.Protocol(self._protocol(value, number), negated))
                elif short == "counters":
                    packets = fields.number("counter", value, 0, 2**64 - 1)
                    size = fields.number("counter", words[at] if at < last else "", 0, 2**64 - 1)
                    counters = (packets, size)
                    at += 1
                elif short == "src" or short == "dst":
                    side: r.Side = "src" if short == "src" else "dst"
                    cidr = fields.network(value)
                    if cidr is None:
                        if negated:
                            parts.append(r.Address(side, fields.everything, True))
                    else:
                        parts.append(r.Address(side, cidr, negated))
                else:
                    parts.append(r.Interface(short, value, negated))  # type: ignore[arg-type]
            negated = False
        if negated:
            raise DumpError("rule", line, "an option after !", where)
        matches: list[r.Match] = []
        for part in parts:
            if type(part) is Group:
                matches += self._matches(part, number)
            else:
                matches.append(part)  # type: ignore[arg-type]
        made = None if target is None else self._target(target, goto, number)
        return words[1], r.Rule(tuple(matches), made, number, counters)

    def _matches(self, group: Group, number: int) -> list[r.Match]:
        build = MATCHES.get(group.module)
        known = OPTIONS.get(group.module)
        if build is not None and known is not None:
            if not group.options and group.module in _NO_PORTS:
                return []
            if all(option.name in known for option in group.options):
                return build(group, self.fields)
        if group.module not in EVALUATED:
            self._note(f"match {group.module}", number)
        return [r.OtherMatch(group.module, group.words())]

    def _target(self, group: Group, goto: bool, number: int) -> r.Target:
        name = group.module
        if goto and group.options:
            raise DumpError(
                "option", group.options[0].name, "nothing after -g CHAIN", self.fields.where
            )
        build = None if goto else TARGET_BUILDERS.get(name)
        if build is not None:
            return build(group, self.fields)
        if group.options:
            if name not in TARGETS:
                self._note(f"target {name}", number)
            return r.OtherTarget(name, group.words())
        return self._jump(name, goto)

    def _jump(self, name: str, goto: bool) -> r.Jump:
        jump = self._jumps.get((name, goto))
        if jump is None:
            jump = self._jumps[(name, goto)] = r.Jump(name, goto)
        return jump

    def _protocol(self, value: str, number: int) -> str:
        name = value.lower()
        if name.isascii() and name.isdecimal():
            self.fields.number("protocol", value, 1, 255)
        elif name not in PROTOCOL_NUMBERS:
            self._note(f"protocol {value}", number)
        return name

    def _note(self, what: str, number: int) -> None:
        self._unknown[what] += 1
        self._first_line.setdefault(what, number)

    @staticmethod
    def _refuse_negation(negated: bool, word: str, where: str) -> None:
        if negated:
            raise DumpError("option", f"! {word}", f"{word} without !", where)


def _owner(name: str, parts: list[Any], groups: list[Group], where: str) -> Group:
    """The match that an option belongs to: the last one that has it, else the protocol's."""
    if groups:
        last = groups[-1]
        known = OPTIONS.get(last.module)
        if known is None or name in known:
            return last
        for group in reversed(groups[:-1]):
            if name in OPTIONS.get(group.module, ()):
                return group
    for part in parts:
        if type(part) is r.Protocol:
            module = PROTOCOL_MODULES.get(part.name)
            if module is not None and name in OPTIONS[module]:
                group = Group(module)
                groups.append(group)
                parts.append(group)
                return group
    if groups:
        return groups[-1]
    raise DumpError("option", name, "an option of a match (-m) that stands before it", where)
