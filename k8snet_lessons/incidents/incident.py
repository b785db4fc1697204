"""An incident: a page, a log of looks, a conclusion, and what it was worth."""

from dataclasses import dataclass, replace
from functools import cached_property

from k8snet_lessons.errors import InputError
from k8snet_lessons.incidents._completions import completions
from k8snet_lessons.incidents.case import PAGED_AT, Case, stamp
from k8snet_lessons.incidents.debrief import Debrief, debrief
from k8snet_lessons.incidents.faults import Fault, causes, drawn, fault
from k8snet_lessons.incidents.fixes import fix
from k8snet_lessons.incidents.layout import BEGAN_S
from k8snet_lessons.incidents.shell import Printed, run
from k8snet_lessons.incidents.tools.metrics import route_row


@dataclass(frozen=True)
class Incident:
    """An incident and how far its investigation has come; each look gives a new one.

    Parameters
    ----------
    seed : int
        Draws the fault, its degree, all names, and the traffic. From 0 to 999,999.
    chosen : str
        A certain fault, for who wants to see one again; empty for the seed's own.
    log : tuple of Printed
        What was looked at.

    Examples
    --------
    >>> incident = Incident(7).look("kubectl get nodes")
    >>> incident.minutes, incident.text.split()[:3]
    (1, ['NAME', 'STATUS', 'ROLES'])
    """

    seed: int
    chosen: str = ""
    log: tuple[Printed, ...] = ()

    def __post_init__(self) -> None:
        if isinstance(self.seed, bool) or not isinstance(self.seed, int):
            raise InputError("seed", self.seed, "a whole number from 0 to 999,999")
        if not 0 <= self.seed <= 999_999:
            raise InputError("seed", self.seed, "a whole number from 0 to 999,999")
        if self.chosen:
            fault(self.chosen)

    @cached_property
    def _drawn(self) -> tuple[Fault, Case, Case]:
        found, world, healthy = drawn(self.seed, self.chosen)
        usual = replace(healthy, **(found.before or {}))
        return found, Case(world, usual), Case(healthy, usual)

    @property
    def case(self) -> Case:
        """What the tools look at."""
        return self._drawn[1]

    @property
    def name(self) -> str:
        """What it is called in a record: its number, and the fault where that was chosen."""
        return f"{self.seed} {self.chosen}".strip()

    @property
    def fault(self) -> str:
        """Name of the cause, which the room tells only at the end."""
        return self._drawn[0].name

    @property
    def text(self) -> str:
        """What the last command printed."""
        return self.log[-1].text if self.log else ""

    @property
    def minutes(self) -> int:
        """Simulated minutes since the page."""
        return sum(each.minutes for each in self.log)

    @cached_property
    def page(self) -> str:
        """The page that woke the on-call: symptoms, no causes."""
        case = self.case
        began = stamp(BEGAN_S).strftime("%H:%M")
        rows = [
            f"{path:<8} {route_row(case.traffic, report)}; "
            f"the day before {route_row(case.usual_traffic, report)}"
            for path, report in (("/cart", False), ("/report", True))
        ]
        return (
            f"{PAGED_AT:%H:%M} PAGE shop.example.com is out of its objectives since {began}\n"
            + "\n".join(rows)
            + "\n"
        )

    def look(self, line: str) -> "Incident":
        """Run one line, and note it."""
        return replace(self, log=(*self.log, run(self.case, line)))

    def complete(self, line: str) -> list[str]:
        """Words that may stand where the line ends."""
        return completions(self.case, line)

    def conclude(self, cause: str, remedy: str) -> Debrief:
        """Name the cause, apply a fix, and see what it does.

        Parameters
        ----------
        cause : str
            One of `causes`.
        remedy : str
            One of `remedies`.

        Returns
        -------
        Debrief

        Raises
        ------
        InputError
            If a name is on neither list.
        """
        if cause not in causes():
            raise InputError("cause", cause, "one of " + ", ".join(causes()))
        found, case, healthy = self._drawn
        return debrief(found, case.world, healthy.world, self.log, cause, fix(remedy))
