"""The draws of a run: each is named by who needs it and for which time, so engines share them."""

from functools import cached_property

from k8snet_lessons.sim.arrays import Floats
from k8snet_lessons.sim.variates import UnitVariates, unit_variates
from k8snet_lessons.traffic.spec import TrafficSpec


class Luck:
    """Everything random in a run of a spec.

    Parameters
    ----------
    spec : TrafficSpec
    seed : int
    """

    def __init__(self, spec: TrafficSpec, seed: int) -> None:
        self._spec = spec
        # A power of two, so that turning the rate does not draw everything anew.
        expected = spec.requests_per_s * spec.duration_s
        many = int(expected + 8 * expected**0.5 + 32)
        self.unit: UnitVariates = unit_variates(seed, 1 << (many - 1).bit_length())
        self._places = spec.connections
        if spec.balancing == "client_round_robin":
            self._places *= spec.all_pods
        self._openings: list[list[float]] = []
        self._ages: list[list[float]] = []
        self._server_orders: dict[int, list[float]] = {}

    @cached_property
    def arrival_s(self) -> Floats:
        """When each request is sent, ascending."""
        unit = self.unit.arrival()
        count = int(unit.searchsorted(self._spec.requests_per_s * self._spec.duration_s))
        return unit[:count] / self._spec.requests_per_s

    @cached_property
    def phase(self) -> list[float]:
        """How much of its life a connection that is open at the start still has before it."""
        drawn: list[float] = self.unit.few_uniform("connection phase", self._places).tolist()
        return drawn

    def server_order(self, node: int) -> list[float]:
        """A number for each pod: a node's IPVS list holds them in ascending order."""
        if node not in self._server_orders:
            row = self.unit.few_uniform("server order", self._spec.all_pods, node)
            self._server_orders[node] = row.tolist()
        return self._server_orders[node]

    def opening(self, place: int, time: int) -> float:
        """The luck of a place (connection, channel) when it is opened for the n-th time."""
        while len(self._openings) <= time:
            row = self.unit.few_uniform("opening", self._places, len(self._openings))
            self._openings.append(row.tolist())
        return self._openings[time][place]

    def age_s(self, place: int, time: int) -> float:
        """How old the server lets that connection become: 10 % either way."""
        if self._spec.max_age_s == float("inf"):
            return self._spec.max_age_s
        while len(self._ages) <= time:
            row = self.unit.few_uniform("connection age", self._places, len(self._ages))
            self._ages.append(row.tolist())
        left = self.phase[place] if time == 0 else 1.0
        return self._spec.max_age_s * (0.9 + 0.2 * self._ages[time][place]) * left
