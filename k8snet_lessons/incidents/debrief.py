"""What a conclusion was worth, and how it could have been reached."""

from dataclasses import dataclass

from k8snet_lessons.incidents.case import Case
from k8snet_lessons.incidents.evidence import Look
from k8snet_lessons.incidents.faults import Fault, causes
from k8snet_lessons.incidents.fixes import Fix
from k8snet_lessons.incidents.replay import Replay, replay
from k8snet_lessons.incidents.shell import Printed, run
from k8snet_lessons.incidents.tools.metrics import route_row
from k8snet_lessons.incidents.world import World

#: Points for the cause, the fix, the evidence, the time.
CAUSE, FIX, EVIDENCE, TIME = 40, 25, 20, 15
#: Time is worth its points up to this many times the shortest path, and nothing at the last.
FREE, LATE = 2.0, 6.0
#: A fix that takes away so much of the harm has ended the incident.
CURED = 2 / 3


@dataclass(frozen=True)
class Step:
    """One look of the shortest path.

    Attributes
    ----------
    look : Look
    minutes : int
    taken : bool
        Whether the learner saw it, by this command or by another of its kind.
    """

    look: Look
    minutes: int
    taken: bool


@dataclass(frozen=True, eq=False)
class Debrief:
    """The end of an incident.

    Attributes
    ----------
    fault : Fault
    named : str
        What the learner took it for, by title.
    right : bool
    fix : Fix
    replay : Replay
    path : tuple of Step
    minutes, shortest : int
        What was spent, and what the shortest path costs.
    points : dict of str to float
        For cause, fix, evidence and time.
    """

    fault: Fault
    named: str
    right: bool
    fix: Fix
    replay: Replay
    path: tuple[Step, ...]
    minutes: int
    shortest: int
    points: dict[str, float]

    @property
    def total(self) -> float:
        """Points of 100."""
        return round(sum(self.points.values()), 1)

    @property
    def fix_says(self) -> str:
        """What the fix did, in words."""
        gone = self.replay.recovered
        after = route_row(self.replay.after, False)
        if gone >= CURED:
            return f"The fix ends it: {after}."
        if gone >= 0.1:
            return f"The fix helps a little: {100 * gone:.0f} % of the harm is gone. Now {after}."
        if gone > -0.05:
            return f"The fix changes nothing for your users: {after}."
        return f"The fix makes it worse: {after}."

    def to_text(self) -> str:
        """The debrief as plain text."""
        said = "Right" if self.right else f"No: you named “{self.named}”"
        lines = [
            f"{said}. {self.fault.title}.", self.fault.story, "",
            f"{self.fix.title}. {self.fix_says}", "",
            f"Score {self.total:g} of 100: "
            + ", ".join(f"{name} {points:g}" for name, points in self.points.items()),
            f"You took {self.minutes} simulated minutes; the shortest path takes {self.shortest}:",
        ]  # fmt: skip
        for step in self.path:
            mark = "✓" if step.taken else "·"
            lines.append(f"  {mark} {step.look.command}  [{step.minutes} min]")
            lines.append(f"      {step.look.because}")
        lines.append(f"Lesson {self.fault.lesson} explains it.")
        return "\n".join(lines)


def debrief(
    fault: Fault, world: World, healthy: World, log: tuple[Printed, ...], cause: str, fix: Fix
) -> Debrief:
    """Judge a conclusion.

    Parameters
    ----------
    fault : Fault
        The one that was drawn.
    world, healthy : World
        With and without it.
    log : tuple of Printed
        What was looked at.
    cause : str
        What the learner named.
    fix : Fix
        What they applied.
    """
    case = Case(world, healthy)
    good = [each for each in log if each.ok]
    path = tuple(
        Step(
            look,
            run(case, look.command).minutes,
            any(look.seen_in(each.line, each.text) for each in good),
        )
        for look in fault.path(world)
    )
    minutes = sum(each.minutes for each in log)
    shortest = sum(step.minutes for step in path)
    again = replay(healthy, world, fix)
    right = cause == fault.name
    decided = any(step.taken and step.look.decides for step in path)
    seen = any(step.taken for step in path)
    points = {
        "cause": float(CAUSE if right else 0),
        "fix": round(FIX * _worth(again.recovered), 1),
        "evidence": float(EVIDENCE if decided else EVIDENCE / 2 if seen else 0),
        "time": round(TIME * _haste(minutes, shortest), 1) if right and decided else 0.0,
    }
    return Debrief(fault, causes()[cause], right, fix, again, path, minutes, shortest, points)


def _worth(recovered: float) -> float:
    return 1.0 if recovered >= CURED else max(0.0, recovered)


def _haste(minutes: int, shortest: int) -> float:
    """1 up to `FREE` times the shortest path, then less, 0 from `LATE` times on."""
    times = minutes / shortest
    return min(1.0, max(0.0, (LATE - times) / (LATE - FREE)))
