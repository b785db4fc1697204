"""Service and EndpointSlice, as the API server checks them."""

from typing import Any

from k8snet_lessons.cluster import _syntax as syntax
from k8snet_lessons.cluster._syntax import Report
from k8snet_lessons.cluster.problems import Path, Words

_TYPES = ("ClusterIP", "NodePort", "LoadBalancer", "ExternalName")
_POLICIES = ("Cluster", "Local")
_FAMILIES = ("IPv4", "IPv6")
_FAMILY_POLICIES = ("SingleStack", "PreferDualStack", "RequireDualStack")
_DISTRIBUTIONS = ("PreferClose", "PreferSameZone", "PreferSameNode")
_DAY_S = 86_400


def service(obj: Any, report: Report) -> None:
    """Check one Service by itself."""
    spec = obj.spec
    syntax.check_one_of(report, ("spec", "type"), spec.type, _TYPES)
    syntax.check_labels(report, ("spec", "selector"), spec.selector)
    kind = spec.type or "ClusterIP"
    if kind == "ExternalName":
        _external_name(spec, report)
    elif not spec.ports and spec.clusterIP != "None":
        report(("spec", "ports"), spec.ports or [], "at least one port")
    _ports(spec, kind, report)
    _cluster_ips(spec, kind, report)
    _policies(spec, kind, report)
    _external_addresses(obj, kind, report)


def _external_name(spec: Any, report: Report) -> None:
    name = (spec.externalName or "").rstrip(".")
    if not syntax.is_subdomain(name):
        report(("spec", "externalName"), spec.externalName, f"a DNS name: {syntax.SUBDOMAIN_WORDS}")
    if spec.clusterIP and spec.clusterIP != "None":
        report(("spec", "clusterIP"), spec.clusterIP, "nothing: an ExternalName is only a DNS name")


def _ports(spec: Any, kind: str, report: Report) -> None:
    names: set[str] = set()
    numbers: set[tuple[str, int]] = set()
    ports = spec.ports or []
    for index, port in enumerate(ports):
        here: Path = ("spec", "ports", index)
        syntax.check_port(report, (*here, "port"), port.port)
        syntax.check_one_of(report, (*here, "protocol"), port.protocol, syntax.PROTOCOLS)
        syntax.check_port_or_name(report, (*here, "targetPort"), port.targetPort)
        _node_port(port, kind, report, here)
        key = (port.protocol or "TCP", port.port)
        if key in numbers:
            report((*here, "port"), port.port, f"one entry for each number and protocol ({key[0]})")
        numbers.add(key)
        if not port.name:
            if len(ports) > 1:
                report((*here, "name"), port.name, "a name: needed where there are several ports")
            continue
        if not syntax.is_label(port.name):
            report((*here, "name"), port.name, syntax.LABEL_WORDS)
        elif port.name in names:
            report((*here, "name"), port.name, "a name no other port of the Service has")
        names.add(port.name)


def _node_port(port: Any, kind: str, report: Report, here: Path) -> None:
    if not port.nodePort:
        return
    syntax.check_port(report, (*here, "nodePort"), port.nodePort)
    if kind not in ("NodePort", "LoadBalancer"):
        report((*here, "nodePort"), port.nodePort, f"nothing: the Service has type {kind}")


def _cluster_ips(spec: Any, kind: str, report: Report) -> None:
    families = spec.ipFamilies or []
    for index, family in enumerate(families):
        syntax.check_one_of(report, ("spec", "ipFamilies", index), family, _FAMILIES)
    if len(families) != len(set(families)):
        report(("spec", "ipFamilies"), families, "each family once")
    syntax.check_one_of(report, ("spec", "ipFamilyPolicy"), spec.ipFamilyPolicy, _FAMILY_POLICIES)
    if spec.clusterIP == "None" and kind in ("NodePort", "LoadBalancer"):
        report(("spec", "clusterIP"), "None", f"an address: type {kind} needs one")
    given: list[tuple[Path, str]] = []
    if spec.clusterIP:
        given.append((("spec", "clusterIP"), spec.clusterIP))
    given += [
        (("spec", "clusterIPs", index), address)
        for index, address in enumerate(spec.clusterIPs or [])
    ]
    for path, address in given:
        if address != "None":
            syntax.check_address(report, path, address)
    if spec.clusterIPs and spec.clusterIP and spec.clusterIPs[0] != spec.clusterIP:
        report(("spec", "clusterIPs", 0), spec.clusterIPs[0], f"spec.clusterIP, {spec.clusterIP}")
    for index, (address, family) in enumerate(zip(spec.clusterIPs or [], families, strict=False)):
        parsed = syntax.parse_address(address)
        if parsed is not None and f"IPv{parsed.version}" != family:
            report(("spec", "clusterIPs", index), address, f"an {family} address, as in ipFamilies")


def _policies(spec: Any, kind: str, report: Report) -> None:
    syntax.check_one_of(report, ("spec", "sessionAffinity"), spec.sessionAffinity, _AFFINITIES)
    config = spec.sessionAffinityConfig
    timeout = config.clientIP.timeoutSeconds if config and config.clientIP else None
    if timeout is not None and not 1 <= timeout <= _DAY_S:
        path: Path = ("spec", "sessionAffinityConfig", "clientIP", "timeoutSeconds")
        report(path, timeout, f"a whole number from 1 to {_DAY_S}")
    for field in ("externalTrafficPolicy", "internalTrafficPolicy"):
        syntax.check_one_of(report, ("spec", field), getattr(spec, field), _POLICIES)
    outside = kind in ("NodePort", "LoadBalancer") or spec.externalIPs
    if spec.externalTrafficPolicy and not outside:
        report(
            ("spec", "externalTrafficPolicy"),
            spec.externalTrafficPolicy,
            f"nothing: a {kind} Service has no external traffic",
        )
    syntax.check_one_of(
        report,
        ("spec", "trafficDistribution"),
        getattr(spec, "trafficDistribution", None),
        _DISTRIBUTIONS,
    )


_AFFINITIES = ("None", "ClientIP")


def _external_addresses(obj: Any, kind: str, report: Report) -> None:
    spec = obj.spec
    for index, address in enumerate(spec.externalIPs or []):
        path: Path = ("spec", "externalIPs", index)
        if syntax.check_address(report, path, address):
            parsed = syntax.parse_address(address)
            if parsed and (parsed.is_loopback or parsed.is_unspecified or parsed.is_link_local):
                report(path, address, "an address that is not loopback, link-local or 0.0.0.0")
    ranges = spec.loadBalancerSourceRanges or []
    if ranges and kind != "LoadBalancer":
        report(("spec", "loadBalancerSourceRanges"), ranges, "nothing unless type is LoadBalancer")
    for index, cidr in enumerate(ranges):
        syntax.check_network(report, ("spec", "loadBalancerSourceRanges", index), cidr.strip())
    if spec.healthCheckNodePort:
        syntax.check_port(report, ("spec", "healthCheckNodePort"), spec.healthCheckNodePort)
    balancer = obj.status.loadBalancer if obj.status else None
    for index, entry in enumerate((balancer.ingress if balancer else None) or []):
        here: Path = ("status", "loadBalancer", "ingress", index)
        if entry.ip:
            syntax.check_address(report, (*here, "ip"), entry.ip)
        syntax.check_one_of(
            report, (*here, "ipMode"), getattr(entry, "ipMode", None), ("VIP", "Proxy")
        )


def endpoint_slice(obj: Any, report: Report) -> None:
    """Check one EndpointSlice."""
    kinds = ("IPv4", "IPv6", "FQDN")
    syntax.check_one_of(report, ("addressType",), obj.addressType, kinds)
    endpoints_given = obj.endpoints or []
    if len(endpoints_given) > 1000:
        report(
            ("endpoints",),
            Words(f"{len(endpoints_given)} endpoints long"),
            "at most 1000 in one slice",
        )
    for index, endpoint in enumerate(endpoints_given):
        here: Path = ("endpoints", index, "addresses")
        if not endpoint.addresses:
            report(here, [], "at least one address")
        for at, address in enumerate(endpoint.addresses or []):
            if obj.addressType == "FQDN":
                continue
            parsed = syntax.parse_address(address)
            if parsed is None or f"IPv{parsed.version}" != obj.addressType:
                report((*here, at), address, f"an {obj.addressType} address")
    names: set[str] = set()
    for index, port in enumerate(obj.ports or []):
        where: Path = ("ports", index)
        syntax.check_port(report, (*where, "port"), port.port)
        syntax.check_one_of(report, (*where, "protocol"), port.protocol, syntax.PROTOCOLS)
        name = port.name or ""
        if name in names:
            report((*where, "name"), name, "a name no other port of the slice has")
        names.add(name)


def endpoints(obj: Any, report: Report) -> None:
    """Check one Endpoints object, the older form of EndpointSlice."""
    for index, subset in enumerate(obj.subsets or []):
        for at, port in enumerate(subset.ports or []):
            syntax.check_port(report, ("subsets", index, "ports", at, "port"), port.port)
        for field in ("addresses", "notReadyAddresses"):
            for at, entry in enumerate(getattr(subset, field) or []):
                syntax.check_address(report, ("subsets", index, field, at, "ip"), entry.ip)
