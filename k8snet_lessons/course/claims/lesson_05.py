"""What lesson 5 claims: when the connection table is full."""

from k8snet_lessons.course.claims.claim import chosen, computed, documented, modeled, recorded
from k8snet_lessons.course.claims.sources import (
    CONNTRACK_SYSCTL,
    IP_SYSCTL,
    KUBE_PROXY_CONFIG,
)
from k8snet_lessons.datapath.nf_conntrack import kube_proxy_max, memory

_SOURCE = "Linux, net/netfilter/nf_conntrack_core.c"
_LADDERS = "Linux, ip-sysctl: tcp_syn_retries, tcp_syn_linear_timeouts; record syn-retries"
_STATUSES = "proxy_statuses.json"

CLAIMS = (
    chosen("800 new connections a second do not sound like much"),
    documented("131,072 entries sound like a lot", "kube-proxy: conntrack.min", KUBE_PROXY_CONFIG),
    computed(
        "800 connections a second times 120.2 s: 96,160 entries",
        "800/s x (0.2 s + 120 s)",
        lambda: 800 * 120.2,
    ),
    computed("73 % of the limit", "96,160 / 131,072", lambda: 100 * 96_160 / 131_072),
    computed("2,400 a second begin and 800 a second still expire", "3 x 800/s", lambda: 3 * 800),
    computed(
        "the room of 34,912 entries lasts for 34,912 / 1,600 = 21.8 s",
        "(131,072 - 96,160) / (2,400/s - 800/s)",
        lambda: (131_072 - 96_160) / (2_400 - 800),
    ),
    computed("131,072 / 2,400, about 55 s", "131,072 / (2,400/s)", lambda: 131_072 / 2_400),
    chosen("A connection of 200 ms"),
    documented(
        "an entry for 120 s more, in TIME_WAIT",
        "Linux: nf_conntrack_tcp_timeout_time_wait",
        CONNTRACK_SYSCTL,
    ),
    documented("(60 s, not adjustable)", "Linux, include/net/tcp.h: TCP_TIMEWAIT_LEN"),
    documented(
        "30 s, and 120 s for a flow that was answered",
        "Linux: nf_conntrack_udp_timeout, nf_conntrack_udp_timeout_stream",
        CONNTRACK_SYSCTL,
    ),
    documented("until the table is 95 % full", f"{_SOURCE}: gc_worker"),
    documented('"1, 3, 7 seconds" is the ladder of kernels before 6.5.', _LADDERS, IP_SYSCTL),
    documented("Since 6.5 the first four retries follow at one second each", _LADDERS, IP_SYSCTL),
    chosen("within a 5 s connect time-out", "the time-out of the example's Ingress"),
    computed("so 15 s may pass before the 504", "3 tries x 5 s", lambda: 3 * 5),
    recorded("And 504 is not the only sign", _STATUSES),
    recorded("Envoy and HAProxy say 503", _STATUSES),
    recorded("A 502 at once speaks against a full table", _STATUSES),
    documented(
        "1 - exp(-16 U / B)",
        f"{_SOURCE}: early_drop looks into 8 buckets, an entry is hashed twice; compared with "
        "record early-drop in the lesson",
    ),
    documented("Some connections take 1, 2, 3 s (or 1, 3, 7 s) longer", _LADDERS, IP_SYSCTL),
    documented("DNS fails first, for 5 s at a time", "resolv.conf(5): timeout"),
    documented("the resolver waits 5 s", "resolv.conf(5): timeout"),
    recorded("504 from one node only", _STATUSES),
    modeled(
        "448 bytes an entry (320, and 128 for its extensions",
        "datapath.nf_conntrack.memory; sizes of the kernel's slabs, they depend on its build",
        lambda: memory(1, 1).entries_bytes,
    ),
    modeled(
        "1,048,576 entries take some 450 MiB",
        "datapath.nf_conntrack.memory, buckets a quarter of the limit",
        lambda: memory(1_048_576, 262_144).total_bytes / 2**20,
    ),
    computed("From 120 s to 30 s is a factor of four", "120 s / 30 s", lambda: 30 * 4),
    modeled(
        "32,768 a core, at least 131,072",
        "datapath.nf_conntrack.kube_proxy_max, as kube-proxy's configuration says",
        lambda: float(kube_proxy_max(1) or 0),
    ),
    documented(
        "the lifetime is TIME_WAIT, 120 s",
        "Linux: nf_conntrack_tcp_timeout_time_wait",
        CONNTRACK_SYSCTL,
    ),
    recorded("then the proxy's 504 or 503", _STATUSES),
)
