"""What one runs on a node: iptables-save, conntrack, sysctl, dmesg, ip, ping."""

from collections.abc import Mapping

from k8snet_lessons.datapath.nf_conntrack import kernel_buckets, statistics_text
from k8snet_lessons.incidents.case import Case, ToolError
from k8snet_lessons.incidents.layout import APART, BEGAN_S, CPUS, UNDERLAY_MTU, VXLAN_PORT
from k8snet_lessons.incidents.reach import rules
from k8snet_lessons.incidents.tables import NodeTable, node_tables
from k8snet_lessons.incidents.traffic import round_trip_us
from k8snet_lessons.incidents.world import World

_FIRST_PORT = 32_768
_ALL_PORTS = 64_512


def iptables_save(case: Case, place: int, table: str = "") -> str:
    """Print the node's rules: those of kube-proxy, of the CNI, and of whoever wrote more."""
    world = case.world
    text = rules(world, place).to_text("save")
    text = _add(text, "nat", "POSTROUTING", _masquerade(world))
    if world.tunnel_closed and place == APART:
        text = _add(text, "filter", "INPUT", _closed_port())
    blocks = [block for block in text.split("*") if block.strip()]
    if table:
        blocks = [block for block in blocks if block.startswith(f"{table}\n")]
        if not blocks:
            raise ToolError(f"iptables-save: Cannot initialize: table {table!r} does not exist")
    return "".join(f"*{block}" for block in blocks)


def _masquerade(world: World) -> str:
    leaving = "-A POSTROUTING -s 10.244.0.0/16 ! -d 10.244.0.0/16 -o eth0"
    rules = f"{leaving} -j MASQUERADE"
    if world.snat_ports < _ALL_PORTS:
        ports = f"{_FIRST_PORT}-{_FIRST_PORT + world.snat_ports - 1}"
        # A range of ports needs a protocol that has ports.
        rules = f"{leaving} -p tcp -j MASQUERADE --to-ports {ports}\n{rules}"
    return rules


def _closed_port() -> str:
    return (
        f"-A INPUT -i eth0 -p udp -m udp --dport {VXLAN_PORT} "
        '-m comment --comment "hardening baseline 7.3" -j DROP'
    )


def _add(text: str, table: str, chain: str, rule: str) -> str:
    """Put a rule behind the last one of its chain."""
    before, mark, rest = text.partition(f"*{table}\n")
    body, end, after = rest.partition("COMMIT")
    lines = body.splitlines()
    last = max(n for n, line in enumerate(lines) if line.startswith((f"-A {chain} ", ":")))
    lines.insert(last + 1, rule)
    return before + mark + "\n".join(lines) + "\n" + end + after


def conntrack(case: Case, place: int, flag: str) -> str:
    """``conntrack -C`` and ``conntrack -S``."""
    table = node_tables(case.world)[place]
    if flag in ("-C", "--count"):
        return f"{table.count}\n"
    since = BEGAN_S
    counters = {
        "insert_failed": round(table.port_failures_per_s * since),
        "drop": round(table.refused_per_s * since),
        "early_drop": round(table.evicted_per_s * since),
        # On any busy node: lookups that began anew, and twins that were resolved.
        "search_restart": 180 + 37 * place,
        "clash_resolve": 24 + 7 * place,
        "invalid": 60 + 11 * place,
    }
    lines = []
    for cpu in range(CPUS):
        share = {name: _part(total, cpu) for name, total in counters.items()}
        lines.append(statistics_text(share, cpu=cpu))
    return "".join(lines)


def _part(total: int, cpu: int) -> int:
    return total // CPUS + (1 if cpu < total % CPUS else 0)


def sysctls(world: World, table: NodeTable) -> Mapping[str, str]:
    """The settings that the course speaks of, as this node has them."""
    return {
        "net.ipv4.ip_local_port_range": "32768\t60999",
        "net.ipv4.tcp_mtu_probing": "1" if world.mtu_probing else "0",
        "net.ipv4.tcp_syn_linear_timeouts": "4",
        "net.ipv4.tcp_syn_retries": "6",
        "net.netfilter.nf_conntrack_buckets": str(kernel_buckets(32)),
        "net.netfilter.nf_conntrack_count": str(table.count),
        "net.netfilter.nf_conntrack_max": str(table.limit),
        "net.netfilter.nf_conntrack_tcp_timeout_established": "86400",
        "net.netfilter.nf_conntrack_tcp_timeout_time_wait": "120",
        "net.netfilter.nf_conntrack_udp_timeout": "30",
        "net.netfilter.nf_conntrack_udp_timeout_stream": "120",
    }


def sysctl(case: Case, place: int, names: list[str]) -> str:
    """Print settings; ``-a`` prints all that the course speaks of."""
    known = sysctls(case.world, node_tables(case.world)[place])
    if "-a" in names:
        names = list(known)
    lines = []
    for name in (name for name in names if not name.startswith("-")):
        key = name.replace("/", ".")
        found = [each for each in known if each == key or each.startswith(f"{key}.")]
        if not found:
            path = key.replace(".", "/")
            raise ToolError(f"sysctl: cannot stat /proc/sys/{path}: No such file or directory")
        lines += [f"{each} = {known[each]}\n" for each in found]
    return "".join(lines)


def dmesg(case: Case, place: int) -> str:
    """The end of the kernel's log."""
    table = node_tables(case.world)[place]
    uptime_s = 96 * 86_400.0 + 911
    lines = [(uptime_s - 8_300.4, "eth0: renamed from veth1c0e2d1f")]
    if table.refused_per_s >= 1:
        message = "nf_conntrack: nf_conntrack: table full, dropping packet"
        hidden = max(1, round(table.refused_per_s * 5) - 10)
        for step in range(3):
            at = uptime_s - 15 + 5 * step
            lines.append((at, f"net_ratelimit: {hidden} callbacks suppressed"))
            lines += [(at + 0.0001 * k, message) for k in range(4)]
    return "".join(f"[{at:14.6f}] {text}\n" for at, text in sorted(lines))


def ip_link(case: Case, place: int) -> str:
    """The node's interfaces. The switch's own setting does not show here."""
    mac = f"52:54:00:00:00:{0x10 + place:02x}"
    mtu, pod = UNDERLAY_MTU, case.world.pod_mtu
    return (
        "1: lo: <LOOPBACK,UP,LOWER_UP> mtu 65536 qdisc noqueue state UNKNOWN mode DEFAULT "
        "group default qlen 1000\n"
        "    link/loopback 00:00:00:00:00:00 brd 00:00:00:00:00:00\n"
        f"2: eth0: <BROADCAST,MULTICAST,UP,LOWER_UP> mtu {mtu} qdisc mq state UP mode DEFAULT "
        f"group default qlen 1000\n    link/ether {mac} brd ff:ff:ff:ff:ff:ff\n"
        f"3: vxlan0: <BROADCAST,MULTICAST,UP,LOWER_UP> mtu {pod} qdisc noqueue state UNKNOWN mode "
        f"DEFAULT group default\n    link/ether 0a:58:0a:f4:{place:02x}:00 brd ff:ff:ff:ff:ff:ff\n"
    )


def ping(case: Case, place: int, target: str, size: int, count: int, fragment: bool) -> str:
    """Ping another node, with the Don't Fragment bit if asked."""
    world = case.world
    addresses = {world.node_address(k): k for k in range(len(world.nodes))}
    addresses |= {name: k for k, name in enumerate(world.nodes)}
    if target not in addresses:
        raise ToolError(f"ping: {target}: this tool pings nodes, by name or address")
    other = addresses[target]
    address = world.node_address(other)
    text = f"PING {target} ({address}) {size}({size + 28}) bytes of data.\n"
    if size + 28 > UNDERLAY_MTU and not fragment:
        text += f"ping: local error: message too long, mtu={UNDERLAY_MTU}\n" * count
        return text + _ping_summary(address, count, 0)
    # A sender fragments by its own interface; what fits that leaves whole.
    small = world.uplink_mtu if APART in (place, other) and place != other else UNDERLAY_MTU
    arrives = min(size + 28, UNDERLAY_MTU) <= small
    if arrives:
        rtt = round_trip_us(place, other) / 1e3
        for number in range(1, count + 1):
            text += f"{size + 8} bytes from {address}: icmp_seq={number} ttl=64 time={rtt:.3g} ms\n"
    return text + _ping_summary(address, count, count if arrives else 0)


def _ping_summary(address: str, sent: int, got: int) -> str:
    lost = 0 if got else 100
    return (
        f"\n--- {address} ping statistics ---\n{sent} packets transmitted, {got} received, "
        f"{lost}% packet loss, time {(sent - 1) * 1000}ms\n"
    )
