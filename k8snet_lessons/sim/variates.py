"""Unit random variates, drawn once for a seed and a number of requests.

Knobs only rescale them. So two settings with the same seed differ by the knob's effect
and not by luck (common random numbers). Every stream has a generator of its own: a model
that draws one more stream leaves the others as they were, and the first 20,000 requests
of a run of 100,000 are the run of 20,000.
"""

from collections.abc import Callable
from functools import lru_cache

import numpy as np
import numpy.typing as npt

from k8snet_lessons.sim.arrays import Floats

Singles = npt.NDArray[np.float32]

# A number for each stream; a new stream gets a new number, and none is ever reused.
_STREAMS = {
    "gap": 1,
    "client connection": 2,
    "entry node": 3,
    "worker": 4,
    "upstream connection": 5,
    "pod": 6,
    "service": 7,
    "lookup": 8,
    "held connection": 9,
    "asker": 10,
    "choice": 11,
    "second choice": 12,
    "connection phase": 13,
    "coredns": 100,
    "upstream dns": 200,
    "node cache": 300,
    "loss": 400,
    "coredns work": 500,
    # One part for each time that connections are opened anew.
    "opening": 1_000_000,
    "connection age": 2_000_000,
    # One part for each node.
    "server order": 3_000_000,
}


class UnitVariates:
    """The streams of one seed, each drawn when it is first asked for."""

    def __init__(self, seed: int, n: int) -> None:
        self.seed = seed
        self.n = n
        self._single: dict[tuple[str, int], Singles] = {}
        self._double: dict[str, Floats] = {}

    def _generator(self, stream: str, part: int = 0) -> np.random.Generator:
        return np.random.Generator(np.random.PCG64([self.seed, _STREAMS[stream] + part]))

    def uniform(self, stream: str, part: int = 0) -> Singles:
        """Return n uniforms on [0, 1), single precision."""
        if (stream, part) not in self._single:
            drawn = self._generator(stream, part).random(self.n, dtype=np.float32)
            drawn.setflags(write=False)
            self._single[stream, part] = drawn
        return self._single[stream, part]

    def few_uniform(self, stream: str, count: int, part: int = 0) -> Singles:
        """Return `count` uniforms that do not depend on n."""
        return self._generator(stream, part).random(count, dtype=np.float32)

    def exponential(self, stream: str, part: int = 0) -> Floats:
        """Return n exponentials of mean 1."""
        return self._kept(
            f"{stream} {part}",
            lambda: self._generator(stream, part).standard_exponential(self.n),
        )

    def normal(self, stream: str) -> Floats:
        """Return n standard normals."""
        return self._kept(
            stream + " (normal)", lambda: self._generator(stream).standard_normal(self.n)
        )

    def arrival(self) -> Floats:
        """Return the arrival times of a Poisson process of rate 1."""
        return self._kept("arrival", lambda: np.cumsum(self.exponential("gap")))

    def _kept(self, key: str, draw: Callable[[], Floats]) -> Floats:
        if key not in self._double:
            drawn = draw()
            drawn.setflags(write=False)
            self._double[key] = drawn
        return self._double[key]


@lru_cache(maxsize=4)
def unit_variates(seed: int, n: int) -> UnitVariates:
    """Return the streams of `seed` for `n` requests; the last four pairs are kept."""
    return UnitVariates(seed, n)
