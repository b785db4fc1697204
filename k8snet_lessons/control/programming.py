"""The front door: a cluster, a node and a mode in, what is programmed out."""

from collections.abc import Callable, Mapping
from typing import Any, Literal, TypeAlias, overload

from k8snet_lessons.cluster import Cluster
from k8snet_lessons.cluster.collector import collector_paused
from k8snet_lessons.control.ebpf import EbpfRuleset, program_ebpf
from k8snet_lessons.control.iptables import program_iptables
from k8snet_lessons.control.ipvs import IpvsRuleset, program_ipvs
from k8snet_lessons.control.nftables import NftablesRuleset, program_nftables
from k8snet_lessons.control.rules import IptablesRuleset
from k8snet_lessons.control.services import NodeView, node_view
from k8snet_lessons.errors import InputError

Ruleset: TypeAlias = IptablesRuleset | NftablesRuleset | IpvsRuleset | EbpfRuleset


@overload
def program(
    cluster: Cluster, node: str | None = None, mode: Literal["iptables"] = ..., **options: Any
) -> IptablesRuleset: ...
@overload
def program(
    cluster: Cluster, node: str | None = None, *, mode: Literal["nftables"], **options: Any
) -> NftablesRuleset: ...
@overload
def program(
    cluster: Cluster, node: str | None = None, *, mode: Literal["ipvs"], **options: Any
) -> IpvsRuleset: ...
@overload
def program(
    cluster: Cluster, node: str | None = None, *, mode: Literal["ebpf"], **options: Any
) -> EbpfRuleset: ...
@overload
def program(
    cluster: Cluster, node: str | None = None, mode: str = ..., **options: Any
) -> Ruleset: ...


def program(
    cluster: Cluster, node: str | None = None, mode: str = "iptables", **options: Any
) -> Ruleset:
    """Program one node for the Services of a cluster.

    Parameters
    ----------
    cluster : Cluster
    node : str, optional
        The node's name; by default the first one.
    mode : {"iptables", "nftables", "ipvs", "ebpf"}, optional
    **options
        Fields of `k8snet_lessons.control.options.ProxyOptions`, such as ``masquerade_all``.

    Returns
    -------
    Ruleset
        With ``to_text()`` in the real tool's syntax.

    Raises
    ------
    InputError
        If the node, the mode or an option is unknown.

    Examples
    --------
    >>> from k8snet_lessons.cluster import synthetic_cluster
    >>> program(synthetic_cluster(services=1, endpoints=2)).tables["nat"].rule_count
    16
    """
    if mode not in _PROGRAMS:
        raise InputError("mode", mode, f"one of: {', '.join(_PROGRAMS)}")
    with collector_paused():
        return _PROGRAMS[mode](node_view(cluster, node, options))


_PROGRAMS: Mapping[str, Callable[[NodeView], Ruleset]] = {
    "iptables": program_iptables,
    "nftables": program_nftables,
    "ipvs": program_ipvs,
    "ebpf": program_ebpf,
}
