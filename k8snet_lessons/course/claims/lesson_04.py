"""What lesson 4 claims: DNS and ndots."""

from k8snet_lessons.course.claims.claim import chosen, computed, documented, recorded

_RESOLVERS = "resolv.conf(5): timeout and attempts; musl, src/network/res_msend.c"
_CACHE = "https://github.com/kubernetes/kubernetes/tree/master/cluster/addons/dns"
_SCALING = "https://github.com/coredns/deployment/blob/master/kubernetes/Scaling_CoreDNS.md"
_CLASH = "Linux, net/netfilter/nf_conntrack_core.c: clash resolution; record dns-race"


CLAIMS = (
    chosen("At ndots 5 it walks the list too.", "the value that kubelet writes"),
    recorded("ndots 2 makes", "lookups"),
    recorded("ndots 1 breaks", "lookups"),
    documented("(30 s in the usual Corefile)", "Kubernetes' Corefile: cache 30", _CACHE),
    computed(
        "29.7 µs a query, from a published instance on two CPUs that was saturated at 33,669 "
        "queries a second",
        "1 s / 33,669; the rate: CoreDNS, Scaling_CoreDNS",
        lambda: 1e6 / 33_669,
        _SCALING,
    ),
    documented(
        "answers may be old by up to 30 s, denials of the cluster's own names by up to 5 s",
        "NodeLocal DNSCache's Corefile: success 9984 30, denial 9984 5 for the cluster's zone",
        f"{_CACHE}/nodelocaldns",
    ),
    documented("glibc then waited 5 s, its default time-out, and musl 2.5 s", _RESOLVERS),
    documented("Kernels since 2020 (5.6) resolve the clash", _CLASH),
    documented("If you still see lookups of 5 s", _RESOLVERS),
    documented("Lookups of 5.0 s (glibc, Go) or 2.5 s (musl)", _RESOLVERS),
    recorded("ndots 2, trailing dots", "lookups"),
    recorded('"Set ndots to 1."', "lookups"),
    computed("Queries = candidate names x 2.", "an A and an AAAA query for each name", lambda: 2.0),
    recorded("at ndots 5: eight; with a cloud's domain, ten", "lookups"),
)
