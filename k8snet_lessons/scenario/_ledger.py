"""Which constants a run used."""

from k8snet_lessons.data.costs import Cost, costs
from k8snet_lessons.scenario._scenario import Scenario, knobs


class Ledger:
    """Reads constants and remembers which."""

    def __init__(self, scenario: Scenario) -> None:
        self._scenario = scenario
        self._used: dict[str, Cost] = {}

    def use(self, identifier: str) -> float:
        """Return the constant's value and note that it was used."""
        record = costs()[identifier]
        self._used[identifier] = record
        return record.value

    def use_knob(self, name: str) -> float:
        """Return a field's value; where it is the constant it defaults to, note that."""
        value: float = getattr(self._scenario, name)
        identifier = knobs()[name].cost
        if identifier and costs()[identifier].value == value:
            self.use(identifier)
        return value

    def used(self) -> tuple[Cost, ...]:
        """Return the constants used so far, by id."""
        return tuple(self._used[identifier] for identifier in sorted(self._used))
