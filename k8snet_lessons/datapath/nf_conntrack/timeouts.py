"""How long an entry lives in each state, by the kernel's defaults and by kube-proxy's."""

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

from k8snet_lessons.errors import InputError

_KERNEL = "Linux Documentation/networking/nf_conntrack-sysctl.rst"
_KUBE_PROXY = "kubernetes pkg/proxy/apis/config/v1alpha1/defaults.go"


@dataclass(frozen=True)
class Timeout:
    """The lifetime of entries in one state.

    Attributes
    ----------
    sysctl : str
        Name under ``/proc/sys/net/netfilter``.
    protocol, state : str
    kernel_s : int
        The kernel's default.
    kube_proxy_s : int or None
        What kube-proxy sets by default; None where it leaves the kernel's.
    source : str
    """

    sysctl: str
    protocol: str
    state: str
    kernel_s: int
    kube_proxy_s: int | None = None
    source: str = _KERNEL

    @property
    def node_s(self) -> int:
        """What a node with kube-proxy uses."""
        return self.kernel_s if self.kube_proxy_s is None else self.kube_proxy_s


def _tcp(state: str, kernel_s: int, kube_proxy_s: int | None = None) -> Timeout:
    source = f"{_KERNEL}; {_KUBE_PROXY}" if kube_proxy_s is not None else _KERNEL
    sysctl = f"nf_conntrack_tcp_timeout_{state.lower()}"
    return Timeout(sysctl, "tcp", state, kernel_s, kube_proxy_s, source)


TIMEOUTS: tuple[Timeout, ...] = (
    _tcp("SYN_SENT", 120),
    _tcp("SYN_RECV", 60),
    _tcp("ESTABLISHED", 432_000, 86_400),
    _tcp("FIN_WAIT", 120),
    _tcp("CLOSE_WAIT", 60, 3_600),
    _tcp("LAST_ACK", 30),
    _tcp("TIME_WAIT", 120),
    _tcp("CLOSE", 10),
    Timeout("nf_conntrack_tcp_timeout_max_retrans", "tcp", "three retransmissions", 300),
    Timeout("nf_conntrack_tcp_timeout_unacknowledged", "tcp", "data without ACK", 300),
    Timeout("nf_conntrack_udp_timeout", "udp", "UNREPLIED or younger than 2 s", 30),
    Timeout("nf_conntrack_udp_timeout_stream", "udp", "ASSURED", 120),
    Timeout("nf_conntrack_icmp_timeout", "icmp", "", 30),
    Timeout("nf_conntrack_generic_timeout", "other", "", 600),
)

BY_SYSCTL: Mapping[str, Timeout] = MappingProxyType({each.sysctl: each for each in TIMEOUTS})

# A UDP flow counts as a stream once it is answered and still talks after this time
# (net/netfilter/nf_conntrack_proto_udp.c). One DNS exchange does not get there.
UDP_STREAM_AFTER_S = 2


def lifetime_s(sysctl: str, settings: Mapping[str, int] | None = None) -> int:
    """The lifetime that a node uses: `settings` over kube-proxy's default over the kernel's.

    Parameters
    ----------
    sysctl : str
        ``"nf_conntrack_udp_timeout"``.
    settings : mapping, optional
        What an administrator has set, by sysctl name.
    """
    if sysctl not in BY_SYSCTL:
        raise InputError("sysctl", sysctl, f"one of {', '.join(BY_SYSCTL)}")
    if settings and sysctl in settings:
        value = settings[sysctl]
        if value < 0:
            raise InputError(sysctl, value, "a whole number of seconds, not negative")
        return value
    return BY_SYSCTL[sysctl].node_s
