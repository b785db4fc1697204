"""kube-proxy's jumps from the built-in chains, for text that has only its own chains."""

from dataclasses import replace

from k8snet_lessons.control import rules as r
from k8snet_lessons.datapath.netfilter.known import HOOKS_OF

_NEW = r.ConnState(("NEW",))

# From iptablesJumpChains and iptablesKubeletJumpChains in kube-proxy's proxier.go. Each is
# prepended when it is missing, so that the last of the list stands first.
_JUMPS: tuple[tuple[str, str, str, tuple[r.Match, ...]], ...] = (
    ("filter", "INPUT", "KUBE-EXTERNAL-SERVICES", (_NEW,)),
    ("filter", "FORWARD", "KUBE-EXTERNAL-SERVICES", (_NEW,)),
    ("filter", "INPUT", "KUBE-NODEPORTS", ()),
    ("filter", "FORWARD", "KUBE-SERVICES", (_NEW,)),
    ("filter", "OUTPUT", "KUBE-SERVICES", (_NEW,)),
    ("filter", "FORWARD", "KUBE-FORWARD", ()),
    ("filter", "INPUT", "KUBE-PROXY-FIREWALL", (_NEW,)),
    ("filter", "OUTPUT", "KUBE-PROXY-FIREWALL", (_NEW,)),
    ("filter", "FORWARD", "KUBE-PROXY-FIREWALL", (_NEW,)),
    ("nat", "OUTPUT", "KUBE-SERVICES", ()),
    ("nat", "PREROUTING", "KUBE-SERVICES", ()),
    ("nat", "POSTROUTING", "KUBE-POSTROUTING", ()),
    ("filter", "INPUT", "KUBE-FIREWALL", ()),
    ("filter", "OUTPUT", "KUBE-FIREWALL", ()),
)


def with_usual_hooks(ruleset: r.IptablesRuleset) -> tuple[r.IptablesRuleset, tuple[str, ...]]:
    """The rules with kube-proxy's jumps, if they have its chains and no built-in chain.

    What kube-proxy hands to ``iptables-restore`` is such text: the jumps are made apart
    from it.

    Returns
    -------
    ruleset : IptablesRuleset
        The same object where nothing had to be added.
    assumptions : tuple of str
        What was added, in words.
    """
    nat = ruleset.tables.get("nat")
    if nat is None or "KUBE-SERVICES" not in nat.chains:
        return ruleset, ()
    if any(chain.policy is not None for table in ruleset.tables.values() for chain in table):
        return ruleset, ()
    said = ("the dump has no built-in chains: kube-proxy's usual jumps to its own are assumed",)
    whole = ruleset.memo.get("hooked")
    if whole is None:
        whole = ruleset.memo["hooked"] = _hooked(ruleset)
    return whole, said


def _hooked(ruleset: r.IptablesRuleset) -> r.IptablesRuleset:
    tables = dict(ruleset.tables)
    for name in ("nat", "filter"):
        own = ruleset.tables.get(name)
        chains: dict[str, r.Chain] = {}
        for hook in HOOKS_OF[name]:
            jumps = [
                r.Rule(matches, r.Jump(chain))
                for table, at, chain, matches in _JUMPS
                if (table, at) == (name, hook) and own is not None and chain in own.chains
            ]
            chains[hook] = r.Chain(hook, tuple(reversed(jumps)), "ACCEPT")
        tables[name] = r.Table(name, {**chains, **(own.chains if own is not None else {})})
    return replace(ruleset, tables=tables)
