"""Names that kube-proxy gives to chains: hashes, so that they fit and never collide by prefix.

Sources: ``portProtoHash`` in ``pkg/proxy/iptables/proxier.go`` and ``hashAndTruncate`` in
``pkg/proxy/nftables/proxier.go``, Kubernetes v1.37.
"""

from base64 import b32encode
from hashlib import sha256

# nftables names are at most 256 bytes long; kube-proxy keeps 16 of them for its prefixes.
_NFT_BASE_LENGTH = 256 - 16


def service_port_name(namespace: str, service: str, port: str = "") -> str:
    """Write the name kube-proxy uses for a port of a Service.

    Examples
    --------
    >>> service_port_name("shop", "web", "http")
    'shop/web:http'
    >>> service_port_name("shop", "web")
    'shop/web'
    """
    return f"{namespace}/{service}:{port}" if port else f"{namespace}/{service}"


def iptables_hash(service_port: str, protocol: str, endpoint: str = "") -> str:
    """Hash a Service port, or one of its endpoints, to 16 characters.

    Parameters
    ----------
    service_port : str
        ``"namespace/name:port"``.
    protocol : str
        In lower case.
    endpoint : str, optional
        ``"ip:port"``, or ``"[ip]:port"`` for IPv6.

    Returns
    -------
    str
        The first 16 characters of the base32 form of the SHA-256.

    Examples
    --------
    >>> "KUBE-SVC-" + iptables_hash("ns1/svc1:p80", "tcp")
    'KUBE-SVC-XPGD46QRK7WJZT7O'
    """
    digest = sha256(f"{service_port}{protocol}{endpoint}".encode()).digest()
    # Ten bytes are exactly sixteen base32 characters.
    return b32encode(digest[:10]).decode()


def nft_name(name: str) -> str:
    """Put the hash of a name before it, and cut it to what nftables allows.

    Examples
    --------
    >>> "service-" + nft_name("ns1/svc1/tcp/p80")
    'service-ULMVA6XW-ns1/svc1/tcp/p80'
    """
    digest = sha256(name.encode()).digest()
    full = f"{b32encode(digest[:5]).decode()}-{name}"
    if len(full) > _NFT_BASE_LENGTH:
        full = full[: _NFT_BASE_LENGTH - 3] + "..."
    return full
