"""What the other side of a refused packet sees: silence, retries, and then a status code.

A full table drops the packet without a word, so a client cannot tell it from a lost one.
"""

from dataclasses import dataclass

from k8snet_lessons.errors import InputError

INITIAL_RTO_S = 1.0  # RFC 6298; TCP_TIMEOUT_INIT
DEFAULT_SYN_RETRIES = 6  # net.ipv4.tcp_syn_retries
DEFAULT_LINEAR = 4  # net.ipv4.tcp_syn_linear_timeouts, since Linux 6.5
MAX_RTO_S = 120.0  # TCP_RTO_MAX
FIRST_LINEAR_KERNEL = (6, 5)


@dataclass(frozen=True)
class SynLadder:
    """When a client's kernel sends a SYN, counted from connect().

    Attributes
    ----------
    sent_s : tuple of float
        The first SYN and every retransmission.
    gives_up_s : float
        When connect() fails with ETIMEDOUT.
    """

    sent_s: tuple[float, ...]
    gives_up_s: float

    def within(self, connect_timeout_s: float) -> tuple[float, ...]:
        """The SYNs sent before the application gives up by itself."""
        return tuple(at for at in self.sent_s if at < connect_timeout_s)


def syn_ladder(
    *, linear: int = DEFAULT_LINEAR, syn_retries: int = DEFAULT_SYN_RETRIES
) -> SynLadder:
    """The SYN retransmissions of a kernel.

    Since 6.5 the first `linear` retransmissions follow one another at the initial time-out,
    and come on top of ``tcp_syn_retries``; before, every one doubles the last.

    Parameters
    ----------
    linear : int
        ``net.ipv4.tcp_syn_linear_timeouts``; 0 for the classic ladder.
    syn_retries : int
        ``net.ipv4.tcp_syn_retries``, 1 to 127.

    Examples
    --------
    >>> syn_ladder().sent_s[:8]
    (0.0, 1.0, 2.0, 3.0, 4.0, 5.0, 7.0, 11.0)
    >>> syn_ladder(linear=0).sent_s, syn_ladder(linear=0).gives_up_s
    ((0.0, 1.0, 3.0, 7.0, 15.0, 31.0, 63.0), 127.0)
    """
    for name, value, least in (
        ("tcp_syn_retries", syn_retries, 1), ("tcp_syn_linear_timeouts", linear, 0),
    ):  # fmt: skip
        if value not in range(least, 128):
            raise InputError(name, value, f"a whole number from {least} to 127")
    linear, syn_retries = int(linear), int(syn_retries)
    sent, now_s = [0.0], 0.0
    for retransmission in range(1, linear + syn_retries + 1):
        now_s += min(INITIAL_RTO_S * 2.0 ** max(0, retransmission - 1 - linear), MAX_RTO_S)
        sent.append(now_s)
    last = min(INITIAL_RTO_S * 2.0**syn_retries, MAX_RTO_S)
    return SynLadder(tuple(sent), now_s + last)


def ladder_of_kernel(major: int, minor: int) -> SynLadder:
    """The default ladder of a Linux release."""
    return syn_ladder(linear=DEFAULT_LINEAR if (major, minor) >= FIRST_LINEAR_KERNEL else 0)


@dataclass(frozen=True)
class Proxy:
    """What a proxy makes of a connection that does not come about.

    Attributes
    ----------
    name : str
    connect_timeout_s : float
        Its default, or that of its usual configuration.
    on_silence, on_refusal : int
        Status for the client after a connect time-out, and after a RST.
    source : str
    """

    name: str
    connect_timeout_s: float
    on_silence: int
    on_refusal: int
    source: str


PROXIES: tuple[Proxy, ...] = (
    Proxy(
        "ingress-nginx", 5.0, 504, 502,
        "ingress-nginx ConfigMap: proxy-connect-timeout 5; nginx ngx_http_upstream_module",
    ),
    Proxy("nginx", 60.0, 504, 502, "nginx ngx_http_proxy_module: proxy_connect_timeout 60s"),
    Proxy(
        "Envoy", 5.0, 503, 503,
        "Envoy Cluster.connect_timeout, default 5 s; response flag UF, connection failure",
    ),
    Proxy("HAProxy", 5.0, 503, 503, "HAProxy: timeout connect (5s in its usual configuration)"),
    Proxy(
        "AWS ALB", 10.0, 504, 502,
        "ALB troubleshooting: HTTP 504, no connection within 10 seconds; HTTP 502, RST",
    ),
    Proxy("Traefik", 30.0, 504, 502, "Traefik forwardingTimeouts.dialTimeout, default 30s"),
)  # fmt: skip


@dataclass(frozen=True)
class Seen:
    """What one request met: when a SYN got through, or the status it got instead."""

    connected_s: float | None
    status: int | None
    after_s: float


def through_proxy(refused_for_s: float, proxy: Proxy, ladder: SynLadder | None = None) -> Seen:
    """A proxy connects while the table refuses newcomers for a while from its first SYN on.

    Parameters
    ----------
    refused_for_s : float
        How long SYNs go unanswered.
    proxy : Proxy
    ladder : SynLadder, optional
        The proxy's kernel; by default today's.
    """
    if not refused_for_s >= 0:
        raise InputError("refused_for_s", refused_for_s, "seconds, not negative")
    ladder = ladder or syn_ladder()
    for at in ladder.within(proxy.connect_timeout_s):
        if at >= refused_for_s:
            return Seen(at, None, at)
    return Seen(None, proxy.on_silence, min(proxy.connect_timeout_s, ladder.gives_up_s))
