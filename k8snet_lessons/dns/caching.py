"""Closed forms for a cache that forgets after a fixed time, under Poisson questions."""

import math

from k8snet_lessons.errors import InputError

PLUGIN_MIN_TTL_S = 5.0  # coredns plugin/cache: MINTTL, of answers and of denials


def clamped_s(said_s: float, cap_s: float) -> float:
    """How long CoreDNS's cache keeps an answer of this TTL: at least 5 s, at most the cap.

    Source: ``computeTTL`` in coredns ``plugin/cache/cache.go``. A cap below 5 s wins.

    Examples
    --------
    >>> clamped_s(1.0, 30.0), clamped_s(900.0, 30.0), clamped_s(60.0, 0.0)
    (5.0, 30.0, 0.0)
    """
    return min(max(said_s, PLUGIN_MIN_TTL_S), cap_s)


def hit_ratio(per_s: float, keep_s: float) -> float:
    """Share of questions that find an answer kept for `keep_s` since it was fetched.

    Every miss is followed by rate * keep_s hits in the mean, so a share of
    ``1 - 1 / (1 + rate * keep_s)`` hits.

    Examples
    --------
    >>> hit_ratio(1.0, 30.0)
    0.967741935483871
    """
    if not (per_s >= 0 and keep_s >= 0):
        raise InputError("rate or time", (per_s, keep_s), "numbers, not negative")
    return 1 - 1 / (1 + per_s * keep_s)


def kept_s(
    per_s: float, ttl_s: float, *, prefetch: bool = False, serve_stale_s: float = 0.0,
    last_share: float = 0.10,
) -> float:  # fmt: skip
    """Mean time from a miss until the answer is gone, with CoreDNS's two extensions.

    Prefetch: an answer asked for in the last tenth of its life is fetched anew before it
    ends, so that it ends only after a tenth without a question. Serve-stale: it is given
    out for a while after its end, and fetched anew behind the client's back.

    Parameters
    ----------
    per_s : float
        Questions a second for this answer.
    ttl_s : float
    prefetch : bool
    serve_stale_s : float
    last_share : float
        ``prefetch``'s percentage, as a share.
    """
    if per_s == 0 or not (prefetch or serve_stale_s):
        return ttl_s + serve_stale_s
    # A question in the window renews the answer from that moment on; without one it ends
    # with the window.
    opens_s = ttl_s if serve_stale_s else ttl_s * (1 - last_share)
    window_s = serve_stale_s if serve_stale_s else ttl_s * last_share
    if window_s == 0:
        return opens_s
    quiet = math.exp(-min(per_s * window_s, 700.0))
    renewed_s = opens_s + 1 / per_s - window_s * quiet / (1 - quiet)
    return min(opens_s + window_s + renewed_s * (1 - quiet) / quiet, 1e12)
