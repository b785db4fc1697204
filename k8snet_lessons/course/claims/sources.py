"""Addresses that several claims point to."""

from typing import Final

_KEPS: Final = "https://github.com/kubernetes/enhancements/tree/master/keps/sig-network"
KEP_MINIMIZED_RESTORE: Final = f"{_KEPS}/3453-minimize-iptables-restore"
KEP_NFTABLES: Final = f"{_KEPS}/3866-nftables-proxy"
KEP_IPVS: Final = f"{_KEPS}/5495-deprecate-ipvs-mode-in-kube-proxy"
IP_SYSCTL: Final = "https://docs.kernel.org/networking/ip-sysctl.html"
CONNTRACK_SYSCTL: Final = "https://docs.kernel.org/networking/nf_conntrack-sysctl.html"
KUBE_PROXY_CONFIG: Final = (
    "https://kubernetes.io/docs/reference/config-api/kube-proxy-config.v1alpha1/"
)
VIRTUAL_IPS: Final = "https://kubernetes.io/docs/reference/networking/virtual-ips/"
NFTABLES_BLOG: Final = "https://kubernetes.io/blog/2025/02/28/nftables-kube-proxy/"
CNI_2024: Final = "https://github.com/InfraBuilder/benchmark-k8s-cni-2024-01"
CNI_2020: Final = "https://github.com/InfraBuilder/benchmark-k8s-cni-2020-08"
TOPOLOGY: Final = "https://kubernetes.io/docs/concepts/services-networking/topology-aware-routing/"
KEP_DISTRIBUTION: Final = f"{_KEPS}/4444-service-traffic-distribution"
KEP_SAME_NODE: Final = f"{_KEPS}/3015-prefer-same-node"
GRPC_CONNECTIONS: Final = "https://github.com/grpc/proposal/blob/master/A9-server-side-conn-mgt.md"
