"""Closed forms: balls in bins, how long an old connection stays, what a missing preStop costs."""

import math

import numpy as np

from k8snet_lessons.errors import InputError


def expected_idle(pods: int, connections: int) -> float:
    """Return how many pods get none of the connections, on average, if each draws at random.

    A pod is missed by one draw with probability 1 - 1/n, by c draws with its c-th power.

    Examples
    --------
    >>> round(expected_idle(20, 10), 2)
    11.97
    """
    _counts(pods, connections)
    return pods * (1 - 1 / pods) ** connections


def chance_of_idle(pods: int, connections: int) -> np.ndarray:
    """Return the probability of exactly 0, 1, ... ``pods`` idle pods, an array (pods + 1,).

    One connection after the other: it goes to a pod that is still idle with probability idle/n.
    """
    _counts(pods, connections)
    chance = np.zeros(pods + 1)
    chance[pods] = 1.0
    idle = np.arange(pods + 1)
    for _ in range(connections):
        wakes = chance * idle / pods
        chance -= wakes
        chance[:-1] += wakes[1:]
    return chance


def expected_imbalance(pods: int, connections: int) -> float:
    """Return the expected maximum over mean of connections a pod, if each draws at random.

    Exact: the counts are independent Poisson variables given their sum, so the probability that
    none exceeds m is a coefficient of the n-th power of a truncated Poisson polynomial.
    """
    _counts(pods, connections)
    if connections == 0:
        return math.nan
    mean = connections / pods
    counts = np.arange(connections + 1)
    factorials = np.concatenate(([0.0], np.cumsum(np.log(counts[1:]))))
    poisson = np.exp(counts * math.log(mean) - mean - factorials)
    whole = math.exp(connections * math.log(connections) - connections - factorials[-1])
    expected = 0.0
    for most in range(connections):
        one = np.where(counts <= most, poisson, 0.0)
        power = _power(one, pods)
        expected += 1.0 - min(1.0, power[connections] / whole)
    return expected / mean


def _power(polynomial: np.ndarray, exponent: int) -> np.ndarray:
    """Return a power of a polynomial, cut off at the polynomial's own degree."""
    size = len(polynomial)
    result = np.zeros(size)
    result[0] = 1.0
    base = polynomial
    while exponent:
        if exponent & 1:
            result = np.convolve(result, base)[:size]
        base = np.convolve(base, base)[:size]
        exponent >>= 1
    return result


def still_old_share(after_s: float, max_age_s: float) -> float:
    """Return the share of connections that are still the ones of a while ago.

    Connections are in the middle of their lives at the start; each lives for `max_age_s`, 10 %
    more or less, evenly. Then what is left of a life has density P(life > t) / mean life.

    Parameters
    ----------
    after_s : float
        How long ago that was.
    max_age_s : float
        Infinite: they all are.
    """
    for name, value in (("after_s", after_s), ("max_age_s", max_age_s)):
        if math.isnan(value) or value < 0 or (name == "max_age_s" and value == 0):
            raise InputError(name, value, "a number, not negative; an age above 0")
    if math.isinf(max_age_s):
        return 1.0
    t = after_s / max_age_s
    if t <= 0.9:
        return 1.0 - t
    if t >= 1.1:
        return 0.0
    return (1.1 - t) ** 2 / 0.4


def refused_requests(
    rate_per_s: float, known: int, leaving: int, propagation_s: float, prestop_s: float
) -> float:
    """Return the requests sent to pods that no longer listen, when each is balanced by itself.

    Pods stop listening after preStop; others go on sending to them until the endpoint's end is
    known. Without retries the share that meets them is lost.
    """
    if not 1 <= leaving <= known:
        raise InputError("leaving", leaving, f"a whole number from 1 to known, {known}")
    return rate_per_s * leaving / known * max(0.0, propagation_s - prestop_s)


def _counts(pods: int, connections: int) -> None:
    if pods < 1:
        raise InputError("pods", pods, "a whole number from 1")
    if connections < 0:
        raise InputError("connections", connections, "a whole number, not negative")
