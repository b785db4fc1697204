"""Distributions of delay on a grid of time, and their sums."""

import math

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]


def workload_tail(per_us: float, service_us: float, batch: int) -> list[tuple[float, float]]:
    """Waiting time of a queue with Poisson batches and exponential service, as exponentials.

    Returns ``(c, theta)`` pairs with ``P(wait > t) = sum of c * exp(-theta * t)``. For
    batches of one this is M/M/1. For batches of two, the pair A and AAAA from one socket,
    it is M/E2/1 seen by the batch: the transform of the Pollaczek-Khinchine formula,
    ``(1 - rho) (s + mu)^2 / (s^2 + (2 mu - l) s + mu^2 - 2 l mu)``, in partial fractions.

    Parameters
    ----------
    per_us : float
        Batches a microsecond.
    service_us : float
        Mean work of one question.
    batch : int
        1 or 2.
    """
    mu = 1 / service_us
    rho = per_us * batch / mu
    if rho == 0:
        return []
    if batch == 1:
        return [(rho, mu - per_us)]
    half = (2 * mu - per_us) / 2
    root = math.sqrt(half * half - (mu * mu - 2 * per_us * mu))
    fast, slow = half + root, half - root
    # Residues of W*(s) at -slow and -fast, each over its theta: the tail's coefficients.
    slow_part = (1 - rho) * (mu - slow) ** 2 / (fast - slow) / slow
    fast_part = -((1 - rho) * (mu - fast) ** 2) / (fast - slow) / fast
    return [(slow_part, slow), (fast_part, fast)]


def grid(reach_us: float, cells: int) -> Floats:
    """Upper edges of cells around 0, step, 2 step, ...: what does not wait is exactly 0."""
    edges: Floats = np.arange(cells, dtype=np.float64)
    edges += 0.5
    edges *= reach_us / cells
    return edges


def mass(cdf_at_edges: Floats) -> Floats:
    """Probability in each cell of the grid, all that lies beyond in the last."""
    cells = np.diff(cdf_at_edges, prepend=0.0)
    cells[-1] += 1 - cdf_at_edges[-1]
    return cells


def erlang_cdf(at: Floats, mean_each: float, stages: int) -> Floats:
    """Sum of `stages` exponentials of the same mean."""
    x = at / mean_each
    term = np.ones_like(x)
    total = np.ones_like(x)
    for k in range(1, stages):
        term = term * x / k
        total = total + term
    cdf: Floats = 1 - np.exp(-x) * total
    return cdf


def run_sum(cdf_of_run: list[Floats], same: float) -> Floats:
    """Mass of a sum of waits, one a round, of which each repeats the last with chance `same`.

    Parameters
    ----------
    cdf_of_run : list of arrays
        For m = 1, 2, ...: cumulated probability at the grid's edges of m equal waits, that is
        of the wait at the edges over m. There are as many as rounds.
    same : float
        Chance that a round meets the same queue in the same state as the round before.
    """
    rounds = len(cdf_of_run)
    length = len(cdf_of_run[0])
    spectra = [np.fft.rfft(mass(cdf), 2 * length) for cdf in cdf_of_run]
    sums = [np.ones_like(spectra[0])]
    for upto in range(1, rounds + 1):
        total = np.zeros_like(spectra[0])
        for run in range(1, upto + 1):
            # The last run is as long as this; where it is not all there is, it began anew.
            began_anew = 1 - same if run < upto else 1.0
            total += same ** (run - 1) * began_anew * spectra[run - 1] * sums[upto - run]
        sums.append(total)
    summed = np.fft.irfft(sums[-1], 2 * length)[:length]
    np.maximum(summed, 0.0, out=summed)
    summed /= summed.sum()
    return summed


def convolved(parts: list[Floats]) -> Floats:
    """Mass of the sum of independent delays; the grid must be long enough for it."""
    length = len(parts[0])
    spectrum = np.ones(length + 1, dtype=np.complex128)
    seen: dict[int, npt.NDArray[np.complex128]] = {}
    for part in parts:
        if id(part) not in seen:  # the rounds of a lookup share most of their parts
            seen[id(part)] = np.fft.rfft(part, 2 * length)
        spectrum *= seen[id(part)]
    summed = np.fft.irfft(spectrum, 2 * length)[:length]
    np.maximum(summed, 0.0, out=summed)
    summed /= summed.sum()
    return summed
