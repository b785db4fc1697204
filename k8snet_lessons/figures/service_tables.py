"""The tables of lesson 2: one Service of three pods, seen from every side.

All of them are computed: rules are programmed from a manifest, packets are traced.
"""

from k8snet_lessons.cluster import load_manifests
from k8snet_lessons.control import program
from k8snet_lessons.datapath import Conntrack, Packet, trace
from k8snet_lessons.datapath.packet import Origin
from k8snet_lessons.datapath.service_call import CALLERS, NODE, Call, Caller
from k8snet_lessons.figures.tables import Table

_MODES = ("iptables", "nftables", "ipvs", "ebpf")
_OWN_CHAINS = ("-A KUBE-SVC-", "-A KUBE-SEP-", "-A KUBE-EXT-", "-A KUBE-SERVICES", "-A KUBE-NODEP")


class Rules(str):
    """Lines of iptables-save, shown as they are."""

    __slots__ = ()

    def __repr__(self) -> str:
        return str(self)


def nat_rules_of(endpoints: int = 3) -> Rules:
    """Return the nat rules of a LoadBalancer Service's own, as kube-proxy writes them."""
    nat = Call(endpoints=endpoints).dump().split("*nat")[1].split("COMMIT")[0]
    return Rules("\n".join(line for line in nat.splitlines() if line.startswith(_OWN_CHAINS)))


def hooks_table() -> Table:
    """Where a packet meets the rules, by where it comes from."""
    callers: tuple[Caller, ...] = ("pod", "host", "node_port")
    rows = []
    for caller in callers:
        outcome = Call(caller=caller).trace().outcomes[0]
        hooks = list(dict.fromkeys(step.hook for step in outcome.steps))
        rows.append((CALLERS[caller], " → ".join(hooks)))
    return Table(("caller", "hooks its first packet passes on the node"), tuple(rows))


def connection_table() -> Table:
    """What the first packet, a later one and the answer meet."""
    call = Call()
    rules = program(load_manifests(call.manifest()), node="node-a")
    packet = call.packet()
    first = trace(rules, packet).outcomes[0]
    assert first.entry is not None
    known = Conntrack().with_entry(first.entry)
    later = trace(rules, packet, conntrack=known).outcomes[0]
    answer = first.entry.reply_packet()
    back = trace(rules, answer, conntrack=known).outcomes[0]

    def row(name: str, sent: Packet, arrives: Packet, nat: int) -> tuple[str, ...]:
        return (name, str(sent), str(arrives), str(nat))

    return Table(
        ("packet", "sent as", "arrives as", "nat rules tried"),
        (
            row("the first", packet, first.packet, first.rules_by_table.get("nat", 0)),
            row("a later one", packet, later.packet, later.rules_by_table.get("nat", 0)),
            row("the answer", answer, back.packet, back.rules_by_table.get("nat", 0)),
        ),
        f"conntrack entry: {first.entry}",
    )


def source_table() -> Table:
    """Whose address the pod sees, by caller and policy."""
    rows = []
    for caller in CALLERS:
        cells = [CALLERS[caller]]
        for policy in ("Cluster", "Local"):
            call = Call(caller=caller, policy=policy)
            arrived = [one for one in call.trace().outcomes if one.verdict == "accept"]
            masked = sum(one.masqueraded for one in arrived)
            if masked == 0:
                cells.append(f"{call.packet().src}, the caller's own")
            elif masked == len(arrived):
                what = "already" if call.packet().src == NODE else "replaced by"
                cells.append(f"{what} the node's address")
            else:
                cells.append(f"its own; the node's in {masked} case of {len(arrived)}")
        rows.append(tuple(cells))
    return Table(
        ("caller", "externalTrafficPolicy: Cluster", "Local"),
        tuple(rows),
        f"Source address that the chosen pod sees; three pods, two of them on this node ({NODE})",
    )


def modes_table(endpoints: int = 3) -> Table:
    """The same packet through each way to program the node."""
    call = Call(endpoints=endpoints)
    cluster = load_manifests(call.manifest())
    origin: Origin = "pod"
    rows = []
    for mode in _MODES:
        ends = trace(program(cluster, node="node-a", mode=mode), call.packet(), origin).backends()
        rows.append((mode, *(str(share) for _, share in sorted(ends.items()))))
    names = sorted(trace(program(cluster, node="node-a"), call.packet(), origin).backends())
    return Table(("mode", *names), tuple(rows), f"Shares of new connections, {call.packet()}")
