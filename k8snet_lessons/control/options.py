"""How kube-proxy (or what takes its place) is configured on a node."""

from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import Any, Literal

from k8snet_lessons.cluster import Cluster
from k8snet_lessons.cluster._syntax import parse_network
from k8snet_lessons.errors import InputError

SCHEDULERS = ("rr", "wrr", "lc", "wlc", "lblc", "lblcr", "sh", "dh", "sed", "nq", "mh")


@dataclass(frozen=True, slots=True)
class ProxyOptions:
    """Settings that change what is programmed; the defaults are kube-proxy's.

    Parameters
    ----------
    family : {4, 6}, optional
        kube-proxy programs each address family by itself; 0 is the cluster's first.
    cluster_cidr : str, optional
        What counts as a pod's address (``--cluster-cidr``); empty is ``cluster.pod_cidrs``.
    detect_local : bool, optional
        Whether pods are told from outsiders at all. If not, traffic to a cluster IP is not
        masqueraded, wherever it comes from.
    masquerade_all : bool, optional
        ``--masquerade-all``: masquerade all traffic to cluster IPs.
    masquerade_bit : int, optional
        ``--iptables-masquerade-bit``: which bit of the packet mark asks for it.
    localhost_nodeports : bool, optional
        ``--iptables-localhost-nodeports``; iptables and IPv4 only.
    nodeport_addresses : tuple of str, optional
        ``--nodeport-addresses``: blocks whose node addresses serve node ports, or
        ``"primary"``. Empty is kube-proxy's default of the mode: all local addresses for
        iptables and IPVS, the node's own address for nftables.
    nfacct : bool, optional
        Whether the node's kernel has the nfacct counters that kube-proxy then uses.
    scheduler : str, optional
        ``--ipvs-scheduler``.
    algorithm : {"random", "maglev"}, optional
        How the eBPF data path picks a backend (Cilium's ``loadBalancer.algorithm``).
    maglev_table_size : int, optional
        A prime; Cilium's default is 16381.
    """

    family: Literal[0, 4, 6] = 0
    cluster_cidr: str = ""
    detect_local: bool = True
    masquerade_all: bool = False
    masquerade_bit: int = 14
    localhost_nodeports: bool = True
    nodeport_addresses: tuple[str, ...] = ()
    nfacct: bool = False
    scheduler: str = "rr"
    algorithm: Literal["random", "maglev"] = "random"
    maglev_table_size: int = 16381

    @classmethod
    def checked(cls, cluster: Cluster, given: Mapping[str, Any]) -> "ProxyOptions":
        """Read options by name and fill in what depends on the cluster.

        Raises
        ------
        InputError
            If a name is unknown or a value is not allowed.
        """
        known = {item.name for item in fields(cls)}
        for name in given:
            if name not in known:
                raise InputError("option", name, f"one of: {', '.join(sorted(known))}")
        values = dict(given)
        addresses = values.get("nodeport_addresses", ())
        values["nodeport_addresses"] = (
            (addresses,) if isinstance(addresses, str) else tuple(addresses or ())
        )
        values["cluster_cidr"] = values.get("cluster_cidr") or ""
        values["family"] = values.get("family") or _first_family(cluster)
        options = cls(**values)
        options._check()
        if not options.cluster_cidr:
            own = [c for c in cluster.pod_cidrs if (":" in c) == (options.family == 6)]
            values["cluster_cidr"] = own[0] if own else ""
            options = cls(**values)
        return options

    def _check(self) -> None:
        if self.family not in (4, 6):
            raise InputError("family", self.family, "4 or 6")
        if not 0 <= self.masquerade_bit <= 31:
            raise InputError("masquerade_bit", self.masquerade_bit, "a bit from 0 to 31")
        if self.scheduler not in SCHEDULERS:
            raise InputError("scheduler", self.scheduler, f"one of: {', '.join(SCHEDULERS)}")
        if self.algorithm not in ("random", "maglev"):
            raise InputError("algorithm", self.algorithm, "'random' or 'maglev'")
        if self.cluster_cidr:
            network = parse_network(self.cluster_cidr)
            if network is None or network.version != self.family:
                raise InputError("cluster_cidr", self.cluster_cidr, f"an IPv{self.family} block")
        for text in self.nodeport_addresses:
            if text != "primary" and parse_network(text) is None:
                raise InputError("nodeport_addresses", text, "'primary' or a CIDR block")

    @property
    def mark(self) -> int:
        """The mark that asks for masquerading, such as 0x4000."""
        return 1 << self.masquerade_bit

    @property
    def local_cidr(self) -> str:
        """What counts as a pod's address; empty if pods are not told from outsiders."""
        return self.cluster_cidr if self.detect_local else ""


def _first_family(cluster: Cluster) -> int:
    return 6 if cluster.pod_cidrs and ":" in cluster.pod_cidrs[0] else 4
