"""A packet through the hooks of a node: which tables it meets, and in which order.

The order is the kernel's (``enum nf_ip_hook_priorities``): raw -300, conntrack -200,
mangle -150, translation of destinations -100, filter 0, security 50, translation of
sources 100.
"""

from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import dataclass, field, replace
from fractions import Fraction

from k8snet_lessons.control.rules import IptablesRuleset
from k8snet_lessons.datapath.conntrack import Conntrack, Entry, Tuple, seen_reply
from k8snet_lessons.datapath.netfilter.matching import View, inside
from k8snet_lessons.datapath.netfilter.node import Node
from k8snet_lessons.datapath.netfilter.translate import translations
from k8snet_lessons.datapath.netfilter.walk import Budget, End, Path, TableWalk, Toss
from k8snet_lessons.datapath.outcome import Outcome
from k8snet_lessons.datapath.packet import Origin
from k8snet_lessons.datapath.steps import Routed, Steps, Tracked, Translated

_DESTINATION_HOOKS = ("PREROUTING", "OUTPUT")


@dataclass(frozen=True, slots=True)
class Journey:
    """One packet's way through one node.

    Parameters
    ----------
    ruleset : IptablesRuleset
    node : Node
    origin : {"pod", "host", "external"}
    conntrack : Conntrack
        Connections known before.
    routes : mapping of str to str
        Network to outgoing interface; the longest prefix wins.
    sets, assume, now_s, toss
        See `trace`.
    """

    ruleset: IptablesRuleset
    node: Node
    origin: Origin
    conntrack: Conntrack
    routes: Mapping[str, str]
    sets: Mapping[str, Collection[str]]
    assume: Mapping[str, bool]
    now_s: float
    toss: Toss | None
    budget: Budget = field(default_factory=Budget)
    ends: list[Outcome] = field(default_factory=list)

    def run(self, start: Path) -> tuple[Outcome, ...]:
        """Follow the packet to all its ends, in the order of the rules."""
        if self.origin == "host":
            self._output(start)
        else:
            self._prerouting(start)
        return tuple(self.ends)

    def _prerouting(self, path: Path) -> None:
        for now in self._tables(path, "PREROUTING", ("raw", "conntrack", "mangle", "nat")):
            routed, local = self._route(now, "PREROUTING")
            if local:
                self._input(routed, ("mangle", "filter", "security", "nat"))
            else:
                for passed in self._tables(routed, "FORWARD", ("mangle", "filter", "security")):
                    self._postrouting(passed)

    def _input(self, path: Path, tables: tuple[str, ...]) -> None:
        for now in self._tables(path, "INPUT", tables):
            self._end(now, "INPUT", End("accept"))

    def _output(self, path: Path) -> None:
        order = ("raw", "conntrack", "mangle", "nat", "filter", "security")
        for now in self._tables(path, "OUTPUT", order):
            routed, local = self._route(now, "OUTPUT")
            for sent in self._tables(routed, "POSTROUTING", ("mangle", "nat")):
                if local:
                    self._loop(sent)
                else:
                    self._end(sent, "POSTROUTING", End("accept"))

    def _loop(self, path: Path) -> None:
        """From the node to itself: out and in again over lo, its translations made."""
        looped = path._replace(came_in="lo", state=path.state)
        for now in self._tables(looped, "PREROUTING", ("raw", "mangle")):
            self._input(now, ("mangle", "filter", "security"))

    def _postrouting(self, path: Path) -> None:
        for now in self._tables(path, "POSTROUTING", ("mangle", "nat")):
            self._end(now, "POSTROUTING", End("accept"))

    def _end(self, path: Path, hook: str, end: End) -> None:
        verdict = end.verdict
        assert verdict in ("accept", "drop", "reject")
        arrived = verdict == "accept"
        self.ends.append(
            Outcome(
                probability=path.probability,
                verdict=verdict,  # type: ignore[arg-type]
                packet=path.packet,
                masqueraded=path.masqueraded,
                steps=Steps(path.trail),
                rules_by_table=dict(path.evaluated),
                ended_at=hook,
                reject_with=end.reject_with,
                unknowns=path.unknowns,
                entry=path.entry if arrived else None,
                recent=path.recent,
            )
        )

    def _tables(self, path: Path, hook: str, order: Iterable[str]) -> list[Path]:
        """Run tables in order; what is dropped or rejected on the way ends there."""
        paths = [path]
        for table in order:
            onward: list[Path] = []
            for now in paths:
                if table == "conntrack":
                    onward.append(self._track(now, hook))
                elif table == "nat":
                    onward += self._nat(now, hook)
                else:
                    onward += self._filtered(now, hook, table)
            paths = onward
        return paths

    def _walk(self, hook: str, table: str) -> TableWalk:
        view = self._viewer(hook)
        return TableWalk(self.ruleset, table, hook, view, self.assume, self.budget, self.toss)

    def _filtered(self, path: Path, hook: str, table: str) -> list[Path]:
        onward = []
        for now, end in self._walk(hook, table).run(path):
            if end.verdict == "accept":
                onward.append(now)
            else:
                self._end(now, hook, end)
        return onward

    def _track(self, path: Path, hook: str) -> Path:
        if not path.tracked:
            step = Tracked(hook, found="not tracked: no entry, no translation")
            return path._replace(state="UNTRACKED").then(step)
        if path.state != "NEW":
            return path.then(Tracked(hook, found=f"conntrack state given: {path.state}"))
        found = self.conntrack.find(path.packet)
        if found is None:
            mine = Tuple.of(path.packet)
            entry = Entry(mine, mine.inverse(), mark=path.connection_mark)
            return path._replace(entry=entry).then(Tracked(hook, found="a new connection"))
        entry, direction = found
        if direction == "reply":
            entry = seen_reply(entry)
        way = "the way back of" if direction == "reply" else "belongs to"
        return path._replace(
            entry=entry,
            direction=direction,
            state="ESTABLISHED" if entry.replied else "NEW",
            connection_mark=entry.mark,
            masqueraded=entry.source_translated and direction == "original",
        ).then(Tracked(hook, found=f"{way} a known connection: {entry}"))

    def _nat(self, path: Path, hook: str) -> list[Path]:
        """The nat table for the first packet; the entry's translations for all others."""
        entry = path.entry
        if not path.tracked or entry is None:
            return [path]
        if self.conntrack.find_entry(entry.original) is not None:
            return [self._as_before(path, entry, hook)]
        if path.state != "NEW":
            return [path]
        onward: list[Path] = []
        for now, end in self._walk(hook, "nat").run(path):
            if end.target is not None:
                onward += self._translated(now, end, hook)
            elif end.verdict == "accept":
                onward.append(now)
            else:
                self._end(now, hook, end)
        return onward

    def _as_before(self, path: Path, entry: Entry, hook: str) -> Path:
        """Rewrite as the first packet was rewritten, or back for an answer."""
        packet = path.packet
        there = path.direction == "original"
        if hook in _DESTINATION_HOOKS:
            address, port = (
                (entry.reply.src, entry.reply.sport)
                if there
                else (entry.original.src, entry.original.sport)
            )
            after = replace(packet, dst=address, dport=port)
        else:
            address, port = (
                (entry.reply.dst, entry.reply.dport)
                if there
                else (entry.original.dst, entry.original.dport)
            )
            after = replace(packet, src=address, sport=port)
        if after == packet:
            return path
        step = Translated(hook, kind="conntrack", before=packet, after=after)
        return path._replace(packet=after).then(step)

    def _translated(self, path: Path, end: End, hook: str) -> list[Path]:
        assert end.target is not None
        assert end.step is not None
        assert path.entry is not None
        made = translations(end.target, path.packet, self.node, hook)
        if self.toss is not None and len(made) > 1:
            made = _picked(made, self.toss)
        out: list[Path] = []
        for way in made:
            at = end.step
            step = Translated(
                hook, at.table, at.chain, at.line, at.rule,
                kind=way.kind, before=path.packet, after=way.packet, note=way.note,
            )  # fmt: skip
            after = way.packet
            reply = path.entry.reply
            if way.source:
                reply = reply._replace(dst=after.src, dport=after.sport)
            else:
                reply = reply._replace(src=after.dst, sport=after.dport)
            out.append(
                path._replace(
                    packet=after,
                    probability=path.probability * way.share,
                    entry=replace(path.entry, reply=reply, mark=path.connection_mark),
                    masqueraded=path.masqueraded or way.source,
                    redirected=path.redirected or way.kind == "REDIRECT",
                ).then(step)
            )
        return out

    def _route(self, path: Path, hook: str) -> tuple[Path, bool]:
        packet = path.packet
        local = path.redirected or self.node.is_local(packet.dst, "dst")
        if local:
            why = "REDIRECT" if path.redirected else f"{packet.dst} is one of its addresses"
            step = Routed(hook, to="this node", why=why)
        else:
            name = self._interface_to(packet.dst)
            over = f" over {name}" if name else ""
            step = Routed(hook, to=f"{packet.dst}{over}", why="it is no address of this node")
        return path.then(step), local

    def _interface_to(self, address: str) -> str | None:
        found = [net for net in self.routes if inside(address, net)]
        if not found:
            return None
        return self.routes[max(found, key=lambda net: int(net.partition("/")[2] or 128))]

    def _viewer(self, hook: str) -> Callable[[Path], View]:
        def view(path: Path) -> View:
            states = {path.state}
            if path.entry is not None and path.entry.destination_translated:
                states.add("DNAT")
            if path.entry is not None and path.entry.source_translated:
                states.add("SNAT")
            if path.direction == "reply":
                states.add("REPLY")
            goes_out: str | None = ""
            if hook in ("FORWARD", "OUTPUT", "POSTROUTING"):
                local = hook != "FORWARD" and self.origin == "host" and self._stays(path)
                goes_out = "lo" if local else self._interface_to(path.packet.dst)
            return View(
                packet=path.packet,
                node=self.node,
                states=frozenset(states),
                entry=path.entry,
                connection_mark=path.connection_mark,
                hook=hook,
                came_in=path.came_in,
                goes_out=goes_out,
                recent=path.recent,
                now_s=self.now_s,
                sets=self.sets,
            )

        return view

    def _stays(self, path: Path) -> bool:
        return path.redirected or self.node.is_local(path.packet.dst, "dst")


def _picked(made: list, toss: Toss) -> list:  # type: ignore[type-arg]
    """One of several equally likely translations."""
    for left in range(len(made), 1, -1):
        if toss(Fraction(1, left)):
            return [made[-left]._replace(share=Fraction(1))]
    return [made[-1]._replace(share=Fraction(1))]
