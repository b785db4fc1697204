"""The rules kube-proxy would write for N Services, as text for the real tools.

Each Service has one ClusterIP, TCP port 80 and one endpoint on port 8080. The chains follow
kube-proxy's for that case: KUBE-SERVICES, one KUBE-SVC and one KUBE-SEP chain a Service in the
nat table; the ``service-ips`` verdict map, one service and one endpoint chain in nftables. Chain
names are kube-proxy's own hash. What every node has besides (the filter table, NodePorts, health
checks) is left out, because the nat table is what a Service's first packet walks.
"""

import base64
import hashlib
from dataclasses import dataclass
from ipaddress import IPv4Address

SERVICE_PORT = 80
POD_PORT = 8080
POD_CIDR = "10.244.0.0/16"
_MARK = "0x4000"


@dataclass(frozen=True)
class Service:
    """The ``index``-th Service of the lab, counted from 0, in namespace ``lab``."""

    index: int
    pod_ip: str

    @property
    def name(self) -> str:
        return f"lab/svc-{self.index}:http"

    @property
    def cluster_ip(self) -> str:
        return str(IPv4Address("10.96.0.10") + self.index)

    @property
    def chain(self) -> str:
        """KUBE-SVC- and sixteen characters of base32 of SHA-256, as kube-proxy names it."""
        return f"KUBE-SVC-{_hash16(self.name + 'tcp')}"

    @property
    def endpoint_chain(self) -> str:
        endpoint = f"{self.pod_ip}:{POD_PORT}"
        return f"KUBE-SEP-{_hash16(self.name + 'tcp' + endpoint)}"

    @property
    def nft_chain(self) -> str:
        return f"service-{_hash8_and(f'lab/svc-{self.index}/tcp/http')}"

    @property
    def nft_endpoint_chain(self) -> str:
        name = f"lab/svc-{self.index}/tcp/http__{self.pod_ip}/{POD_PORT}"
        return f"endpoint-{_hash8_and(name)}"


def services(count: int, target_pod_ip: str, target: int | None = None) -> list[Service]:
    """``count`` Services; the target's endpoint is a real pod, the others' stand nowhere.

    Parameters
    ----------
    count : int
        How many.
    target_pod_ip : str
        Endpoint of the Service that will be connected to.
    target : int, optional
        Its index; the last one unless given.
    """
    aim = count - 1 if target is None else target
    elsewhere = IPv4Address("10.244.128.1")
    return [
        Service(i, target_pod_ip if i == aim else str(elsewhere + i % 30_000)) for i in range(count)
    ]


def iptables_restore_text(all_services: list[Service], comments: bool = True) -> str:
    """The nat table for ``iptables-restore``, in the order kube-proxy writes it.

    ``comments=False`` leaves out the comment that kube-proxy puts on every KUBE-SERVICES rule:
    it takes 288 of the rule's 488 bytes in the legacy back end's table.
    """
    heads = [":KUBE-SERVICES - [0:0]", ":KUBE-POSTROUTING - [0:0]", ":KUBE-MARK-MASQ - [0:0]"]
    chains: list[str] = []
    dispatch: list[str] = []
    for service in all_services:
        heads += [f":{service.chain} - [0:0]", f":{service.endpoint_chain} - [0:0]"]
        dispatch.append(dispatch_rule(service, comments))
        chains += service_rules(service)
    fixed = [
        "-A PREROUTING -j KUBE-SERVICES",
        "-A OUTPUT -j KUBE-SERVICES",
        "-A POSTROUTING -j KUBE-POSTROUTING",
        f"-A KUBE-POSTROUTING -m mark ! --mark {_MARK}/{_MARK} -j RETURN",
        f"-A KUBE-POSTROUTING -j MARK --xor-mark {_MARK}",
        "-A KUBE-POSTROUTING -j MASQUERADE --random-fully",
        f"-A KUBE-MARK-MASQ -j MARK --or-mark {_MARK}",
    ]
    return "\n".join(["*nat", *heads, *fixed, *chains, *dispatch, "COMMIT", ""])


def dispatch_rule(service: Service, comment: bool = True) -> str:
    """The Service's one rule in KUBE-SERVICES: what every other Service's packet must pass."""
    note = f'-m comment --comment "{service.name} cluster IP" ' if comment else ""
    return (
        f"-A KUBE-SERVICES {note}-m tcp -p tcp -d {service.cluster_ip} "
        f"--dport {SERVICE_PORT} -j {service.chain}"
    )


def service_rules(service: Service) -> list[str]:
    """The rules of the Service's own chain and of its endpoint's."""
    svc, sep = service.chain, service.endpoint_chain
    return [
        f"-A {svc} -m tcp -p tcp -d {service.cluster_ip} --dport {SERVICE_PORT} "
        f"! -s {POD_CIDR} -j KUBE-MARK-MASQ",
        f"-A {svc} -j {sep}",
        f"-A {sep} -s {service.pod_ip} -j KUBE-MARK-MASQ",
        f"-A {sep} -m tcp -p tcp -j DNAT --to-destination {service.pod_ip}:{POD_PORT}",
    ]


def iptables_add_text(new: list[Service], dispatch_of: list[Service] | None = None) -> str:
    """More Services, for ``iptables-restore --noflush``.

    With ``dispatch_of`` the whole of KUBE-SERVICES is flushed and written again for those
    Services, as kube-proxy's partial sync does; without it one rule a Service is appended.
    """
    heads = [f":{name} - [0:0]" for each in new for name in (each.chain, each.endpoint_chain)]
    if dispatch_of is not None:
        heads.append(":KUBE-SERVICES - [0:0]")
    rules = [rule for each in new for rule in service_rules(each)]
    dispatch = [dispatch_rule(each) for each in (new if dispatch_of is None else dispatch_of)]
    return "\n".join(["*nat", *heads, *rules, *dispatch, "COMMIT", ""])


def nft_text(all_services: list[Service], numgen: str = "target") -> str:
    """The ``kube-proxy`` table for ``nft -f``.

    Parameters
    ----------
    numgen : {"target", "all", "none"}
        Which service chains choose their endpoint by ``numgen random mod 1 vmap``, as kube-proxy
        wrote it before v1.36: only the last, all, or none, in which case a plain ``goto`` stands
        there. An anonymous map a Service makes loading quadratic; since v1.37 kube-proxy writes
        none for a single endpoint (kubernetes/kubernetes pull request 140723).
    """
    last = len(all_services) - 1
    lines = [
        "table ip kube-proxy {",
        "  map service-ips {",
        "    type ipv4_addr . inet_proto . inet_service : verdict",
        "  }",
        "  chain mark-for-masquerade { meta mark set meta mark or 0x4000; }",
        "  chain masquerading {",
        "    meta mark and 0x4000 == 0 return",
        "    meta mark set meta mark xor 0x4000",
        "    masquerade fully-random",
        "  }",
        "  chain services { ip daddr . meta l4proto . th dport vmap @service-ips; }",
        "  chain nat-prerouting {",
        "    type nat hook prerouting priority dstnat; policy accept",
        "    jump services",
        "  }",
        "  chain nat-output {",
        "    type nat hook output priority -100; policy accept",
        "    jump services",
        "  }",
        "  chain nat-postrouting {",
        "    type nat hook postrouting priority srcnat; policy accept",
        "    jump masquerading",
        "  }",
    ]
    for service in all_services:
        with_map = numgen == "all" or (numgen == "target" and service.index == last)
        lines += nft_chains(service, with_map)
    lines.append("}")
    if all_services:
        elements = ",\n".join(f"  {nft_element(each)}" for each in all_services)
        lines.append(f"add element ip kube-proxy service-ips {{\n{elements}\n}}")
    return "\n".join([*lines, ""])


def nft_chains(service: Service, with_map: bool) -> list[str]:
    endpoint = service.nft_endpoint_chain
    goto = f"goto {endpoint}"
    choose = f"numgen random mod 1 vmap {{ 0 : {goto} }}" if with_map else goto
    return [
        f"  chain {endpoint} {{",
        f"    ip saddr {service.pod_ip} jump mark-for-masquerade",
        f"    meta l4proto tcp dnat to {service.pod_ip}:{POD_PORT}",
        "  }",
        f"  chain {service.nft_chain} {{",
        f"    ip daddr {service.cluster_ip} tcp dport {SERVICE_PORT} ip saddr != {POD_CIDR} "
        "jump mark-for-masquerade",
        f"    {choose}",
        "  }",
    ]


def nft_element(service: Service) -> str:
    return f"{service.cluster_ip} . tcp . {SERVICE_PORT} : goto {service.nft_chain}"


def nft_add_text(new: list[Service], with_map: bool) -> str:
    """More Services, for ``nft -f``: their chains and one map element each."""
    elements = ", ".join(nft_element(each) for each in new)
    return "\n".join(
        [
            "table ip kube-proxy {",
            *(line for each in new for line in nft_chains(each, with_map)),
            "}",
            f"add element ip kube-proxy service-ips {{ {elements} }}",
            "",
        ]
    )


def _hash16(text: str) -> str:
    return base64.b32encode(hashlib.sha256(text.encode()).digest()).decode()[:16]


def _hash8_and(name: str) -> str:
    return f"{_hash16(name)[:8]}-{name}"
