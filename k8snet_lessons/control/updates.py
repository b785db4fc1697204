"""What one change costs to program: lines, commands, calls or map entries that are written.

Counts, not seconds: they follow from what each mode sends to the kernel.

- iptables, ``full``: everything kube-proxy owns, in one ``iptables-restore``.
- iptables, ``incremental``: kube-proxy's minimised restore since 1.27 (KEP-3453). The filter
  table and ``KUBE-SERVICES`` are still written whole, so it grows with the number of Services;
  the chains of Services that did not change are left out.
- nftables, ``incremental``: one transaction with the elements that differ, and the chains of
  Services that changed. It grows with the change only.
- IPVS, ``incremental``: netlink calls for the servers and set entries that differ, and an
  ``iptables-restore`` of a fixed size.
- eBPF, ``incremental``: map entries of the frontends that changed. All slots of a frontend are
  written again, as Cilium does.

``full`` is what happens at a restart, and once an hour for kube-proxy.
"""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Literal, TypeAlias

from k8snet_lessons.cluster import Cluster
from k8snet_lessons.control.ebpf import Backend, EbpfRuleset, Frontend, ServiceEntry, program_ebpf
from k8snet_lessons.control.iptables import LARGE_CLUSTER_ENDPOINTS, program_iptables
from k8snet_lessons.control.iptables_text import render
from k8snet_lessons.control.ipvs import IpvsRuleset, program_ipvs
from k8snet_lessons.control.names import iptables_hash
from k8snet_lessons.control.nftables import NftablesRuleset, program_nftables
from k8snet_lessons.control.rules import Chain, IptablesRuleset, Table
from k8snet_lessons.control.service_port import ServicePort
from k8snet_lessons.control.services import NodeView, node_view
from k8snet_lessons.errors import InputError

Strategy: TypeAlias = Literal["full", "incremental"]

_SERVICE_CHAINS = ("KUBE-SVC-", "KUBE-SVL-", "KUBE-EXT-", "KUBE-FW-", "KUBE-SEP-")


@dataclass(frozen=True, slots=True)
class UpdateCost:
    """What is sent to the kernel for one change.

    Attributes
    ----------
    mode, strategy : str
    unit : str
        What is counted: ``"lines"`` of iptables-restore, ``"commands"`` of an nft transaction,
        ``"calls"`` of netlink, map ``"entries"``.
    parts : mapping of str to int
        The count, by what it is for.
    held : int
        What the kernel holds afterwards: rules (iptables), rules and elements (nftables),
        servers and set entries (IPVS), map entries (eBPF). The legacy back end of iptables
        copies a whole table for every restore, however short it is.
    """

    mode: str
    strategy: Strategy
    unit: str
    parts: Mapping[str, int]
    held: int

    @property
    def total(self) -> int:
        """The sum of the parts."""
        return sum(self.parts.values())


def update_cost(
    before: Cluster,
    after: Cluster,
    mode: str = "iptables",
    strategy: Strategy = "incremental",
    *,
    node: str | None = None,
    **options: Any,
) -> UpdateCost:
    """Count what one node writes when a cluster changes.

    Parameters
    ----------
    before, after : Cluster
    mode : {"iptables", "nftables", "ipvs", "ebpf"}, optional
    strategy : {"incremental", "full"}, optional
    node : str, optional
        By default the first of ``after``.
    **options
        As for `k8snet_lessons.control.program`.

    Returns
    -------
    UpdateCost

    Raises
    ------
    InputError
        If the mode, strategy, node or an option is unknown.

    Examples
    --------
    >>> from k8snet_lessons.cluster import synthetic_cluster
    >>> one, two = synthetic_cluster(100, 2), synthetic_cluster(101, 2)
    >>> update_cost(one, two, "ebpf").total
    6
    """
    if mode not in _COSTS:
        raise InputError("mode", mode, f"one of: {', '.join(_COSTS)}")
    if strategy not in ("full", "incremental"):
        raise InputError("strategy", strategy, "'full' or 'incremental'")
    new = node_view(after, node, options)
    old = node_view(before, node if node is not None else new.name, options)
    full, incremental, unit, held = _COSTS[mode]
    parts = full(new) if strategy == "full" else incremental(old, new)
    return UpdateCost(mode, strategy, unit, parts, held(new))


def partial_restore(before: NodeView, after: NodeView) -> str:
    """Write what kube-proxy pipes into ``iptables-restore --noflush`` after a change.

    Parameters
    ----------
    before, after : NodeView

    Returns
    -------
    str
        A chain line without rules empties a chain; ``-X`` then removes it. In a cluster of
        more than 1,000 endpoints kube-proxy removes chains later, and they are not here.
    """
    written, stale = _partial(before, after)
    lines = render(written, "proxy").split("\n")
    end = len(lines) - 2  # the COMMIT of the nat table, which stands last
    lines[end:end] = [f"-X {name}" for name in stale]
    start = lines.index("*nat") + 1
    lines[start:start] = [f":{name} - [0:0]" for name in stale]
    return "\n".join(lines)


def changed_services(before: NodeView, after: NodeView) -> set[str]:
    """Name the Services, ``"namespace/name"``, whose ports or endpoints differ."""
    old, new = _by_service(before.services), _by_service(after.services)
    return {name for name in old.keys() | new.keys() if old.get(name) != new.get(name)}


def _by_service(ports: Iterable[ServicePort]) -> dict[str, list[ServicePort]]:
    grouped: dict[str, list[ServicePort]] = {}
    for port in ports:
        grouped.setdefault(f"{port.namespace}/{port.service}", []).append(port)
    return grouped


def _partial(before: NodeView, after: NodeView) -> tuple[IptablesRuleset, list[str]]:
    """The chains of a minimised restore, and the chains it removes."""
    ruleset = program_iptables(after)
    changed = changed_services(before, after)
    keep: set[str] = set()
    for port in after.services:
        if f"{port.namespace}/{port.service}" in changed:
            keep |= set(_chains_of(port))
    nat: dict[str, Chain] = {
        name: chain
        for name, chain in ruleset.tables["nat"].chains.items()
        if name in keep or not name.startswith(_SERVICE_CHAINS)
    }
    tables = {"filter": ruleset.tables["filter"], "nat": Table("nat", nat)}
    written = IptablesRuleset(tables, ruleset.family, ruleset.local_addresses, ruleset.pod_cidrs)
    stale: list[str] = []
    if after.endpoint_count <= LARGE_CLUSTER_ENDPOINTS:
        existing = program_iptables(before).tables["nat"].chains
        stale = [
            name
            for name in existing
            if name.startswith(_SERVICE_CHAINS) and name not in ruleset.tables["nat"].chains
        ]
    return written, stale


def _chains_of(port: ServicePort) -> Iterable[str]:
    hashed = iptables_hash(port.name, port.protocol)
    yield from (f"{prefix}{hashed}" for prefix in _SERVICE_CHAINS[:-1])
    for endpoint in port.reachable:
        yield "KUBE-SEP-" + iptables_hash(port.name, port.protocol, endpoint.address)


def _iptables_parts(ruleset: IptablesRuleset, stale: Iterable[str] = ()) -> dict[str, int]:
    filtering, nat = ruleset.tables["filter"], ruleset.tables["nat"]
    own = [c for c in nat if c.name.startswith(_SERVICE_CHAINS)]
    top = [c for c in nat if c not in own and _is_written(c)]
    return {
        # Each table has its "*table" and "COMMIT" too.
        "filter table": 2 + sum(1 + len(c.rules) for c in filtering if _is_written(c)),
        "top-level chains": 2 + sum(1 + len(c.rules) for c in top),
        "service chains": sum(1 + len(c.rules) for c in own),
        "removed chains": 2 * len(list(stale)),
    }


def _is_written(chain: Chain) -> bool:
    return chain.policy is None and chain.name != "KUBE-PROXY-CANARY"


def _iptables_full(view: NodeView) -> dict[str, int]:
    return _iptables_parts(program_iptables(view))


def _iptables_incremental(before: NodeView, after: NodeView) -> dict[str, int]:
    return _iptables_parts(*_partial(before, after))


def _nft_full(view: NodeView) -> dict[str, int]:
    ruleset = program_nftables(view)
    return {
        "table": 1,
        # Every chain is added and then flushed.
        "chains": 2 * len(ruleset.chains),
        "sets and maps": len(ruleset.sets),
        "rules": ruleset.rule_count,
        "elements": ruleset.element_count,
    }


def _nft_incremental(before: NodeView, after: NodeView) -> dict[str, int]:
    old, new = program_nftables(before), program_nftables(after)
    return {
        "elements": _differing_elements(old, new),
        **_changed_chains(old, new, before, after),
        "affinity sets": len(_affinity_sets(old) ^ _affinity_sets(new)),
    }


def _differing_elements(old: NftablesRuleset, new: NftablesRuleset) -> int:
    """Elements added or removed; one whose verdict changed is removed and added again."""
    count = 0
    for name, item in new.sets.items():
        was = old.sets[name].elements if name in old.sets else {}
        now = item.elements
        count += len(was.keys() ^ now.keys())
        count += 2 * sum(was[key] != now[key] for key in was.keys() & now.keys())
    return count


def _changed_chains(
    old: NftablesRuleset, new: NftablesRuleset, before: NodeView, after: NodeView
) -> dict[str, int]:
    prefixes = tuple(f"-{name}/" for name in changed_services(before, after))
    # A chain name is prefix, hash, and then the Service: service-ULMVA6XW-ns1/svc1/tcp/p80.
    touched = [
        chain
        for name, chain in new.chains.items()
        if "/" in name and any(prefix in name for prefix in prefixes)
    ]
    stale = [name for name in old.chains if "/" in name and name not in new.chains]
    return {
        "chains": 2 * len(touched),
        "rules": sum(len(chain.rules) for chain in touched),
        # Flushed now, deleted by a later transaction.
        "removed chains": 2 * len(stale),
    }


def _affinity_sets(ruleset: NftablesRuleset) -> set[str]:
    return {name for name in ruleset.sets if name.startswith("affinity-")}


def _ipvs_full(view: NodeView) -> dict[str, int]:
    ruleset = program_ipvs(view)
    return {
        "virtual servers": len(ruleset.servers),
        "real servers": sum(len(s.real_servers) for s in ruleset.servers.values()),
        "set entries": sum(len(entries) for entries in ruleset.sets.values()),
        "bound addresses": len(ruleset.bound),
        "iptables lines": _restore_lines(ruleset),
    }


def _ipvs_incremental(before: NodeView, after: NodeView) -> dict[str, int]:
    old, new = program_ipvs(before), program_ipvs(after)
    gone, come = old.servers.keys() - new.servers.keys(), new.servers.keys() - old.servers.keys()
    edited = real = 0
    for key, server in new.servers.items():
        was = old.servers.get(key)
        had = {item.address for item in was.real_servers} if was else set()
        # Deleting a virtual server takes its real servers with it: no calls for those.
        real += len(had ^ {item.address for item in server.real_servers})
        edited += was is not None and was.persistent_s != server.persistent_s
    entries = sum(len(set(old.sets[name]) ^ set(new.sets[name])) for name in new.sets)
    return {
        "virtual servers": len(gone) + len(come) + edited,
        "real servers": real,
        "set entries": entries,
        "bound addresses": len(set(old.bound) ^ set(new.bound)),
        "iptables lines": _restore_lines(new),
    }


def _restore_lines(ruleset: IpvsRuleset) -> int:
    return render(ruleset.rules, "proxy").count("\n")


def _ebpf_full(view: NodeView) -> dict[str, int]:
    ruleset = program_ebpf(view)
    return {
        "service slots": sum(1 + len(e.backend_ids) for e in ruleset.services.values()),
        "backends": len(ruleset.backends),
        "reverse NAT": len(ruleset.services),
    }


def _ebpf_incremental(before: NodeView, after: NodeView) -> dict[str, int]:
    old, new = program_ebpf(before), program_ebpf(after)
    slots = 0
    for frontend in old.services.keys() | new.services.keys():
        was, now = _slots(old, frontend), _slots(new, frontend)
        if was == now:
            continue
        written = 0 if now is None else 1 + len(now[1])
        had = 0 if was is None else 1 + len(was[1])
        slots += written + max(0, had - written)
    was_behind, now_behind = set(old.backends.values()), set(new.backends.values())
    return {
        "service slots": slots,
        "backends": len(was_behind ^ now_behind),
        "reverse NAT": len(old.services.keys() ^ new.services.keys()),
    }


def _slots(
    ruleset: EbpfRuleset, frontend: Frontend
) -> tuple[tuple[Any, ...], tuple[Backend, ...]] | None:
    """A frontend's entry with addresses for ids, which are not the same in two programs."""
    entry: ServiceEntry | None = ruleset.services.get(frontend)
    if entry is None:
        return None
    settings = (entry.kind, entry.affinity_s, entry.flags, entry.source_ranges)
    return settings, tuple(ruleset.backends[identity] for identity in entry.backend_ids)


def _iptables_held(view: NodeView) -> int:
    return program_iptables(view).rule_count


def _nft_held(view: NodeView) -> int:
    ruleset = program_nftables(view)
    return ruleset.rule_count + ruleset.element_count


def _ipvs_held(view: NodeView) -> int:
    parts = _ipvs_full(view)
    return parts["virtual servers"] + parts["real servers"] + parts["set entries"]


def _ebpf_held(view: NodeView) -> int:
    return program_ebpf(view).entry_count


_COSTS: Mapping[
    str,
    tuple[
        Callable[[NodeView], dict[str, int]],
        Callable[[NodeView, NodeView], dict[str, int]],
        str,
        Callable[[NodeView], int],
    ],
] = {
    "iptables": (_iptables_full, _iptables_incremental, "lines", _iptables_held),
    "nftables": (_nft_full, _nft_incremental, "commands", _nft_held),
    "ipvs": (_ipvs_full, _ipvs_incremental, "calls", _ipvs_held),
    "ebpf": (_ebpf_full, _ebpf_incremental, "entries", _ebpf_held),
}
