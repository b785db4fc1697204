"""Outlier detection with Envoy's rules: who may be ejected, how soon, and when it is ignored.

Envoy's circuit breaker is another thing: a limit on what is under way (see `storm_spec`). What
takes an endpoint out for its errors is outlier detection.
"""

from k8snet_lessons.isolation._checks import number, whole

# envoy api/envoy/config/cluster/v3/outlier_detection.proto
CONSECUTIVE_5XX = 5
BASE_EJECTION_S = 30.0
LONGEST_EJECTION_S = 300.0
MAX_EJECTION_PERCENT = 10
# envoy docs, load balancing, panic threshold
PANIC_PERCENT = 50


def may_eject(endpoints: int, max_ejection_percent: int = MAX_EJECTION_PERCENT) -> int:
    """Endpoints that may be out at the same time.

    The percentage is a ceiling (``DetectorImpl::ejectHost``): with fewer than ten endpoints the
    default of 10 % allows none, unless ``always_eject_one_host`` is set (Envoy 1.31 on; the
    documentation of older ones promised one in any case).

    Examples
    --------
    >>> [may_eject(n) for n in (3, 9, 10, 20)], may_eject(3, 34)
    ([0, 0, 1, 2], 1)
    """
    whole("endpoints", endpoints, 1, 10**6)
    whole("max_ejection_percent", max_ejection_percent, 0, 100)
    return endpoints * max_ejection_percent // 100


def panics(endpoints: int, ejected: int, threshold_percent: int = PANIC_PERCENT) -> bool:
    """Whether so few are left that the proxy uses all of them again, ejected or not.

    Examples
    --------
    >>> panics(4, 2), panics(4, 3)
    (False, True)
    """
    whole("endpoints", endpoints, 1, 10**6)
    whole("ejected", ejected, 0, endpoints)
    return 100 * (endpoints - ejected) < threshold_percent * endpoints


def ejected_spans(
    attempts_per_s: float, timeout_s: float, until_s: float
) -> tuple[tuple[float, float], ...]:
    """When one caller leaves a dead endpoint out, in the mean.

    It takes five failures, each of which takes a time-out; then it is out for 30 s, is tried
    again, and is out for 60 s, and so on.

    Parameters
    ----------
    attempts_per_s : float
        Connections that this caller opens to this endpoint; above 0.
    timeout_s : float
        Until a failure counts.
    until_s : float
        When the endpoint goes, or comes back to life.
    """
    number("attempts_per_s", attempts_per_s, 1e-9, 1e9)
    notice_s = CONSECUTIVE_5XX / attempts_per_s + timeout_s
    spans, begin, times = [], notice_s, 1
    while begin < until_s:
        end = begin + min(BASE_EJECTION_S * times, LONGEST_EJECTION_S)
        spans.append((begin, min(end, until_s)))
        begin, times = end + notice_s, times + 1
    return tuple(spans)
