"""What lesson 3 claims: kube-proxy at scale."""

from k8snet_lessons.course.claims.claim import (
    Claim,
    documented,
    published,
    recorded,
)
from k8snet_lessons.course.claims.sources import (
    KEP_IPVS,
    KEP_MINIMIZED_RESTORE,
    KEP_NFTABLES,
    NFTABLES_BLOG,
)

_TIGERA = "https://www.tigera.io/blog/comparing-kube-proxy-modes-iptables-or-ipvs"
_SYNC = "https://github.com/kubernetes/kubernetes/issues/139513"

CLAIMS = (
    Claim(
        "a round trip inside one zone is some 100 to 500 of them",
        "estimate",
        "placement and instance type move it; see network.same_zone_rtt_us",
    ),
    documented("By default up to 1.26", "KEP-3453: MinimizeIPTablesRestore", KEP_MINIMIZED_RESTORE),
    documented(
        "behind a feature gate in 1.26, stable in 1.28",
        "KEP-3453: MinimizeIPTablesRestore",
        KEP_MINIMIZED_RESTORE,
    ),
    documented(
        "alpha in 1.29, beta in 1.31, stable since 1.33",
        "KEP-3866: NFTablesProxyMode",
        KEP_NFTABLES,
    ),
    recorded("Up to about 2,500 Services a rule costs little", "first-packet"),
    published(
        "full sync of 44,125 Services (v1.36.1) took more than 16 minutes",
        "kubernetes/kubernetes issue 139513",
        _SYNC,
    ),
    recorded("took longer than loading everything anew, at 20,000 Services", "loading"),
    published(
        "kubernetes.io, February 2025: iptables 49, 61 and 274 µs at 5,000, 10,000 and 30,000 "
        "Services, nftables 14 µs throughout",
        "kubernetes.io, NFTables mode for kube-proxy; read off a chart",
        NFTABLES_BLOG,
    ),
    documented(
        "In Kubernetes 1.37 iptables is still kube-proxy's default",
        "KEP-3866 and KEP-5343",
        KEP_NFTABLES,
    ),
    documented("it needs a kernel of 5.13 or later", "KEP-3866", NFTABLES_BLOG),
    documented(
        "the default is to become nftables, planned for 1.40",
        "KEP-5343; kubernetes/kubernetes pull request 139957, which warns since 1.37",
        "https://github.com/kubernetes/kubernetes/pull/139957",
    ),
    documented(
        "1.37 can, by an alpha feature",
        "KEP-6032: LocalhostNodePortUserspaceProxy",
        "https://github.com/kubernetes/enhancements/issues/6032",
    ),
    documented(
        "deprecated since 1.35, and since 1.37 it stands behind a feature gate that is planned "
        "to be off by default in 1.40",
        "KEP-5495",
        KEP_IPVS,
    ),
    documented("By default it did up to 1.26.", "KEP-3453", KEP_MINIMIZED_RESTORE),
    Claim(
        '"eBPF cuts CPU by 80 %."',
        "published",
        "quoted to be refuted: a figure that circulates without a workload",
    ),
    published(
        "35 % of a core against 8 % (iptables against IPVS, not eBPF) for 1,000 new connections a "
        "second over 10,000 Services, without keep-alive; with keep-alive iptables added about 2 %",
        "Tigera, Comparing kube-proxy modes",
        _TIGERA,
    ),
    documented(
        "Since 1.27 a change no longer rewrites everything", "KEP-3453", KEP_MINIMIZED_RESTORE
    ),
)
