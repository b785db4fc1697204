"""The resolv.conf that the kubelet composes for a pod.

Follows kubernetes ``pkg/kubelet/network/dns/dns.go``; the limits stand in
``pkg/apis/core/validation``. The container runtime writes the file: search, nameservers,
options, in this order.
"""

import ipaddress
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from k8snet_lessons.errors import InputError

MAX_NAMESERVERS = 3
MAX_SEARCH_PATHS = 32
MAX_SEARCH_CHARS = 2048
MAX_SUFFIX_CHARS = 253

POLICIES = ("ClusterFirst", "ClusterFirstWithHostNet", "Default", "None")
DEFAULT_OPTIONS = ("ndots:5",)


@dataclass(frozen=True)
class PodResolvConf:
    """A pod's resolver settings, and the events that composing them raised.

    Attributes
    ----------
    nameservers, search, options : tuple of str
    warnings : tuple of str
        What the kubelet would report as ``DNSConfigForming`` or ``MissingClusterDNS``.
    """

    nameservers: tuple[str, ...]
    search: tuple[str, ...]
    options: tuple[str, ...]
    warnings: tuple[str, ...] = ()

    @property
    def text(self) -> str:
        """The file as the container sees it."""
        lines = ["search " + " ".join(self.search)] if self.search else []
        lines += [f"nameserver {address}" for address in self.nameservers]
        if self.options:
            lines.append("options " + " ".join(self.options))
        return "".join(line + "\n" for line in lines)


def pod_resolv_conf(
    dns_policy: str = "ClusterFirst",
    dns_config: Mapping[str, Any] | None = None,
    namespace: str = "default",
    cluster_domain: str = "cluster.local",
    node_resolv_conf: str = "",
    *,
    cluster_dns: Sequence[str] = ("10.96.0.10",),
    host_network: bool = False,
) -> PodResolvConf:
    r"""Compose a pod's resolv.conf as the kubelet does.

    Parameters
    ----------
    dns_policy : {"ClusterFirst", "ClusterFirstWithHostNet", "Default", "None"}
        ``spec.dnsPolicy``. ClusterFirst on a pod of the host's network counts as Default.
    dns_config : mapping, optional
        ``spec.dnsConfig``: ``nameservers``, ``searches`` and ``options``, the last a list of
        ``{"name": ..., "value": ...}``.
    namespace, cluster_domain : str
    node_resolv_conf : str
        The file that the kubelet's ``resolvConf`` names; a cloud's search domain stands there.
    cluster_dns : sequence of str
        The kubelet's ``clusterDNS``; empty falls back to Default, with a warning.
    host_network : bool
        ``spec.hostNetwork``.

    Returns
    -------
    PodResolvConf

    Raises
    ------
    InputError
        For what the API server would refuse.

    Examples
    --------
    >>> node = "nameserver 10.0.0.2\nsearch us-east-2.compute.internal\n"
    >>> print(pod_resolv_conf(namespace="shop", node_resolv_conf=node).text, end="")
    search shop.svc.cluster.local svc.cluster.local cluster.local us-east-2.compute.internal
    nameserver 10.96.0.10
    options ndots:5
    """
    if dns_policy not in POLICIES:
        raise InputError("dnsPolicy", dns_policy, f"one of {', '.join(POLICIES)}")
    _check_namespace(namespace)
    own_servers, own_search, own_options = _read_dns_config(dns_config, dns_policy)
    servers, search, options = _node_settings(node_resolv_conf)
    warnings: list[str] = []

    cluster = dns_policy.startswith("ClusterFirst")
    if dns_policy == "ClusterFirst" and host_network:
        cluster = False
    if cluster and not cluster_dns:
        warnings.append("the kubelet has no clusterDNS: falls back to the Default policy")
        cluster = False
    if dns_policy == "None":
        servers, search, options = [], [], []
    elif cluster:
        servers = list(cluster_dns)
        if cluster_domain:
            inside = [f"{namespace}.svc.{cluster_domain}", f"svc.{cluster_domain}", cluster_domain]
            search = _once(inside + search)
        options = list(DEFAULT_OPTIONS)
    elif not node_resolv_conf:
        servers, search = ["127.0.0.1"], ["."]

    servers = _once(servers + own_servers)
    search = _once(search + own_search)
    if dns_config is not None:
        options = _merged(options, own_options)
    if len(servers) > MAX_NAMESERVERS:
        warnings.append(f"only {MAX_NAMESERVERS} nameservers fit: left out {servers[3:]}")
        servers = servers[:MAX_NAMESERVERS]
    fitting = _fitting(search)
    if fitting != search:
        left_out = [suffix for suffix in search if suffix not in fitting]
        warnings.append(f"the search list exceeds its limits: left out {left_out}")
    return PodResolvConf(tuple(servers), tuple(fitting), tuple(options), tuple(warnings))


def _once(words: Iterable[str]) -> list[str]:
    return list(dict.fromkeys(words))


def _check_namespace(namespace: str) -> None:
    if not re.fullmatch(r"[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?", namespace):
        raise InputError("namespace", namespace, "a DNS label of at most 63 characters")


def _node_settings(text: str) -> tuple[list[str], list[str], list[str]]:
    servers: list[str] = []
    search: list[str] = []
    options: list[str] = []
    for line in text.split("\n"):
        words = line.split()
        if not words or words[0].startswith("#"):
            continue
        if words[0] == "nameserver":
            servers += words[1:2]
        elif words[0] == "search":
            search = [word.removesuffix(".") if word != "." else word for word in words[1:]]
        elif words[0] == "options":
            options = words[1:]
    return servers, search, options


def _read_dns_config(
    config: Mapping[str, Any] | None, policy: str
) -> tuple[list[str], list[str], dict[str, str]]:
    config = config or {}
    unknown = set(config) - {"nameservers", "searches", "options"}
    if unknown:
        raise InputError("dnsConfig", sorted(unknown)[0], "nameservers, searches, options")
    servers = list(config.get("nameservers") or ())
    search = list(config.get("searches") or ())
    if policy == "None" and not servers:
        raise InputError("dnsConfig.nameservers", servers, "at least one where dnsPolicy is None")
    if len(servers) > MAX_NAMESERVERS:
        raise InputError("dnsConfig.nameservers", servers, f"at most {MAX_NAMESERVERS}")
    for server in servers:
        try:
            ipaddress.ip_address(server)
        except ValueError:
            raise InputError("dnsConfig.nameservers", server, "an IP address") from None
    if len(search) > MAX_SEARCH_PATHS:
        raise InputError("dnsConfig.searches", len(search), f"at most {MAX_SEARCH_PATHS} of them")
    if len(" ".join(search)) > MAX_SEARCH_CHARS:
        raise InputError("dnsConfig.searches", search, f"at most {MAX_SEARCH_CHARS} characters")
    options: dict[str, str] = {}
    for option in config.get("options") or ():
        if not isinstance(option, Mapping) or not option.get("name"):
            raise InputError("dnsConfig.options", option, 'entries with a "name"')
        options[str(option["name"])] = str(option.get("value") or "")
    return servers, search, options


def _merged(options: list[str], own: dict[str, str]) -> list[str]:
    """The pod's options over the policy's. The kubelet's own order is that of a Go map."""
    merged = dict(option.partition(":")[::2] for option in options) | own
    return [f"{name}:{value}" if value else name for name, value in merged.items()]


def _fitting(search: list[str]) -> list[str]:
    kept = [s for s in search[:MAX_SEARCH_PATHS] if len(s) <= MAX_SUFFIX_CHARS]
    while len(" ".join(kept)) > MAX_SEARCH_CHARS:
        kept.pop()
    return kept
