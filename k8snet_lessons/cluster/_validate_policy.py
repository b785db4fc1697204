"""NetworkPolicy, as the API server checks it."""

from typing import Any

from k8snet_lessons.cluster import _syntax as syntax
from k8snet_lessons.cluster._syntax import Report
from k8snet_lessons.cluster.problems import Path, Words


def network_policy(obj: Any, report: Report) -> None:
    """Check one NetworkPolicy."""
    spec = obj.spec
    syntax.check_selector(report, ("spec", "podSelector"), spec.podSelector)
    if len(spec.policyTypes or []) > 2:
        report(("spec", "policyTypes"), spec.policyTypes, "at most two")
    for index, kind in enumerate(spec.policyTypes or []):
        syntax.check_one_of(report, ("spec", "policyTypes", index), kind, ("Ingress", "Egress"))
    for index, rule in enumerate(spec.ingress or []):
        here: Path = ("spec", "ingress", index)
        _ports(rule.ports, report, (*here, "ports"))
        _peers(rule.from_, report, (*here, "from"))
    for index, rule in enumerate(spec.egress or []):
        here = ("spec", "egress", index)
        _ports(rule.ports, report, (*here, "ports"))
        _peers(rule.to, report, (*here, "to"))


def _ports(ports: Any, report: Report, path: Path) -> None:
    for index, port in enumerate(ports or []):
        here = (*path, index)
        syntax.check_one_of(report, (*here, "protocol"), port.protocol, syntax.PROTOCOLS)
        syntax.check_port_or_name(report, (*here, "port"), port.port)
        if port.endPort is None:
            continue
        syntax.check_port(report, (*here, "endPort"), port.endPort)
        if not isinstance(port.port, int):
            report((*here, "endPort"), port.endPort, "nothing unless port is a number")
        elif port.endPort < port.port:
            report((*here, "endPort"), port.endPort, f"{port.port} (port) or more")


def _peers(peers: Any, report: Report, path: Path) -> None:
    for index, peer in enumerate(peers or []):
        here = (*path, index)
        selectors = peer.podSelector is not None or peer.namespaceSelector is not None
        if peer.ipBlock is None and not selectors:
            report(here, Words("empty"), "a podSelector, a namespaceSelector or an ipBlock")
        if peer.ipBlock is not None and selectors:
            report(here, Words("ipBlock and a selector"), "ipBlock alone, or selectors without it")
        syntax.check_selector(report, (*here, "podSelector"), peer.podSelector)
        syntax.check_selector(report, (*here, "namespaceSelector"), peer.namespaceSelector)
        if peer.ipBlock is not None:
            _ip_block(peer.ipBlock, report, (*here, "ipBlock"))


def _ip_block(block: Any, report: Report, path: Path) -> None:
    outer = syntax.parse_network(block.cidr)
    syntax.check_network(report, (*path, "cidr"), block.cidr)
    for index, text in enumerate(block.except_ or []):
        here = (*path, "except", index)
        if not syntax.check_network(report, here, text) or outer is None:
            continue
        inner = syntax.parse_network(text)
        if (
            inner is None
            or inner.version != outer.version
            or inner.prefixlen <= outer.prefixlen
            or inner.network_address not in outer
        ):
            report(here, text, f"a part of {block.cidr}, and not all of it")
