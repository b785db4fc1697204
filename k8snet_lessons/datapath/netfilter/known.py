"""What iptables has: tables and their hooks, the options of matches, the targets.

From the manual pages iptables-extensions(8) and Xtables-addons(8), and OpenWrt's own targets.
"""

# Built-in chains by table, in the order in which a packet may meet them.
HOOKS_OF: dict[str, tuple[str, ...]] = {
    "raw": ("PREROUTING", "OUTPUT"),
    "mangle": ("PREROUTING", "INPUT", "FORWARD", "OUTPUT", "POSTROUTING"),
    "nat": ("PREROUTING", "INPUT", "OUTPUT", "POSTROUTING"),
    "filter": ("INPUT", "FORWARD", "OUTPUT"),
    "security": ("INPUT", "FORWARD", "OUTPUT"),
}

_PORT_OPTIONS = frozenset(
    {"--sport", "--source-port", "--dport", "--destination-port"}
)  # fmt: skip

# Options by match, where an option may stand apart from its -m.
OPTIONS: dict[str, frozenset[str]] = {
    "comment": frozenset({"--comment"}),
    "tcp": _PORT_OPTIONS | {"--tcp-flags", "--syn", "--tcp-option"},
    "udp": _PORT_OPTIONS,
    "udplite": _PORT_OPTIONS,
    "sctp": _PORT_OPTIONS | {"--chunk-types"},
    "dccp": _PORT_OPTIONS | {"--dccp-types", "--dccp-option"},
    "icmp": frozenset({"--icmp-type"}),
    "icmp6": frozenset({"--icmpv6-type"}),
    "multiport": frozenset(
        {"--sports", "--source-ports", "--dports", "--destination-ports", "--ports"}
    ),
    "mark": frozenset({"--mark"}),
    "connmark": frozenset({"--mark"}),
    "state": frozenset({"--state"}),
    "conntrack": frozenset(
        {"--ctstate", "--ctproto", "--ctorigsrc", "--ctorigdst", "--ctreplsrc", "--ctrepldst",
         "--ctorigsrcport", "--ctorigdstport", "--ctreplsrcport", "--ctrepldstport",
         "--ctstatus", "--ctexpire", "--ctdir"}
    ),
    "addrtype": frozenset({"--src-type", "--dst-type", "--limit-iface-in", "--limit-iface-out"}),
    "statistic": frozenset({"--mode", "--probability", "--every", "--packet"}),
    "recent": frozenset(
        {"--set", "--rcheck", "--update", "--remove", "--name", "--seconds", "--hitcount",
         "--reap", "--rttl", "--mask", "--rsource", "--rdest"}
    ),
    "nfacct": frozenset({"--nfacct-name"}),
    "set": frozenset({"--match-set"}),
}  # fmt: skip

# Names that belong to a protocol's own match, so that `-p tcp --dport 80` is understood.
PROTOCOL_MODULES = {
    "tcp": "tcp",
    "udp": "udp",
    "udplite": "udplite",
    "sctp": "sctp",
    "dccp": "dccp",
    "icmp": "icmp",
    "icmpv6": "icmp6",
    "ipv6-icmp": "icmp6",
}

# Targets that end a table's walk or change the packet in ways that rules can see ...
TERMINATING_TARGETS = frozenset(
    {"ACCEPT", "DROP", "RETURN", "REJECT", "DNAT", "SNAT", "MASQUERADE", "REDIRECT", "NETMAP",
     "TPROXY", "QUEUE", "NFQUEUE", "SYNPROXY", "MIRROR", "TARPIT", "DELUDE", "CHAOS", "SAME",
     "FULLCONENAT"}
)  # fmt: skip
# ... and those after which the next rule is tried.
CONTINUING_TARGETS = frozenset(
    {"MARK", "CONNMARK", "CT", "NOTRACK", "LOG", "NFLOG", "ULOG", "SET", "TCPMSS", "CHECKSUM",
     "TRACE", "TOS", "DSCP", "TTL", "HL", "CLASSIFY", "AUDIT", "SECMARK", "CONNSECMARK", "TEE",
     "ECN", "HMARK", "IDLETIMER", "RATEEST", "LED", "TCPOPTSTRIP", "CLUSTERIP", "DNPT", "SNPT",
     "ACCOUNT", "ECHO", "IPMARK", "LOGMARK", "PROTO", "SYSRQ", "DHCPMAC", "RAWDNAT", "RAWSNAT",
     "DNETMAP", "FLOWOFFLOAD"}
)  # fmt: skip
TARGETS = TERMINATING_TARGETS | CONTINUING_TARGETS

# Matches without a class of their own in control.rules that a trace decides all the same.
EVALUATED = frozenset(
    {"tcp", "udp", "udplite", "sctp", "dccp", "conntrack", "iprange", "pkttype", "limit",
     "hashlimit", "policy", "physdev", "owner", "connbytes", "icmp", "icmp6", "addrtype"}
)  # fmt: skip
