"""What a check says: points, a reason for each part, and a form a program can read."""

import html
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final, Literal

VERDICT_MIME: Final = "application/vnd.k8snet.verdict+json"
SCORE_MIME: Final = "application/vnd.k8snet.score+json"
FORMAT: Final = 1

Status = Literal["unattempted", "wrong", "partial", "right"]
_SIGN: dict[str, str] = {"right": "✓", "partial": "◐", "wrong": "✗", "unattempted": "○"}
_COLOR: dict[str, str] = {  # Okabe and Ito's palette; the sign and the word carry the meaning
    "right": "#009E73",
    "partial": "#E69F00",
    "wrong": "#D55E00",
    "unattempted": "#8a8f98",
}


@dataclass(frozen=True)
class Part:
    """One part of a task as judged: its points and the reason for them.

    Parameters
    ----------
    name : str
        The part, as the prompt names it.
    points, max_points : float
        Points given, and points to be had.
    reason : str
        Why: what is wrong, never what would be right.
    misconception : str
        Identifier of the known misunderstanding behind the answer, or ``""``.
    attempted : bool
        False when the part still holds `TODO`.
    """

    name: str
    points: float
    max_points: float
    reason: str
    misconception: str = ""
    attempted: bool = True

    def __post_init__(self) -> None:
        if not 0 <= self.points <= self.max_points:
            raise ValueError(f"part {self.name}: {self.points} of {self.max_points} points")


@dataclass(frozen=True)
class Verdict:
    """The judgement on one task.

    Parameters
    ----------
    task : str
        Identifier of the task.
    parts : tuple of Part
        What was judged, in the order of the prompt; never empty.
    message : str
        One sentence for the whole, shown first.
    debrief : str
        Why the right answer is right; set only when all points are given.
    """

    task: str
    parts: tuple[Part, ...]
    message: str
    debrief: str = ""
    hints: tuple[str, ...] = field(default=())

    @property
    def points(self) -> float:
        """Points given, rounded to a hundredth."""
        return round(sum(part.points for part in self.parts), 2)

    @property
    def max_points(self) -> float:
        """Points to be had, rounded to a hundredth."""
        return round(sum(part.max_points for part in self.parts), 2)

    @property
    def status(self) -> Status:
        """One of ``unattempted``, ``wrong``, ``partial``, ``right``."""
        if not any(part.attempted for part in self.parts):
            return "unattempted"
        if self.points >= self.max_points:
            return "right"
        return "partial" if self.points > 0 else "wrong"

    @property
    def misconception(self) -> str:
        """The first known misunderstanding among the parts, or ``""``."""
        return next((part.misconception for part in self.parts if part.misconception), "")

    def to_json(self) -> dict[str, Any]:
        """Return the verdict as plain data, the payload of `VERDICT_MIME`."""
        return {
            "format": FORMAT,
            "task": self.task,
            "status": self.status,
            "points": self.points,
            "max_points": self.max_points,
            "message": self.message,
            "misconception": self.misconception,
            "parts": [
                {
                    "name": part.name,
                    "points": round(part.points, 2),
                    "max_points": round(part.max_points, 2),
                    "reason": part.reason,
                    "misconception": part.misconception,
                    "attempted": part.attempted,
                }
                for part in self.parts
            ],
        }

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> "Verdict":
        """Return the verdict that `to_json` wrote; a debrief is taken from ``debrief``."""
        parts = tuple(
            Part(
                str(part["name"]),
                float(part["points"]),
                float(part["max_points"]),
                str(part["reason"]),
                str(part["misconception"]),
                bool(part["attempted"]),
            )
            for part in data["parts"]
        )
        return cls(str(data["task"]), parts, str(data["message"]), str(data.get("debrief", "")))

    def to_text(self) -> str:
        """Return the verdict as lines of text."""
        head = (
            f"{_SIGN[self.status]} {self.task}: {self.status}, "
            f"{self.points:g} of {self.max_points:g} points. {self.message}"
        )
        lines = [head.rstrip()]
        if len(self.parts) > 1 and self.status != "unattempted":
            lines += [
                f"  {part.name}: {part.points:g} of {part.max_points:g}. {part.reason}"
                for part in self.parts
            ]
        lines += [f"  Hint: {hint}" for hint in self.hints]
        if self.debrief:
            lines.append(f"  Why: {self.debrief}")
        return "\n".join(lines)

    def to_html(self) -> str:
        """Return the verdict as HTML; every word from outside is escaped."""
        color = _COLOR[self.status]
        rows = ""
        if len(self.parts) > 1 and self.status != "unattempted":
            rows = "".join(
                f"<li><b>{html.escape(part.name)}</b>: {part.points:g} of {part.max_points:g}. "
                f"{html.escape(part.reason)}</li>"
                for part in self.parts
            )
            rows = f"<ul style='margin:.3em 0 0 1.2em;padding:0'>{rows}</ul>"
        notes = "".join(
            f"<div style='margin-top:.3em'><b>Hint.</b> {html.escape(hint)}</div>"
            for hint in self.hints
        )
        if self.debrief:
            notes += f"<div style='margin-top:.3em'><b>Why.</b> {html.escape(self.debrief)}</div>"
        return (
            f"<div role='status' style='border-left:5px solid {color};padding:.4em .8em;"
            f"max-width:56em'><b>{_SIGN[self.status]} {self.status.capitalize()}, "
            f"{self.points:g} of {self.max_points:g} points.</b> "
            f"{html.escape(self.message)}{rows}{notes}</div>"
        )

    def _repr_mimebundle_(self, include: Any = None, exclude: Any = None) -> dict[str, Any]:
        return {
            "text/plain": self.to_text(),
            "text/html": self.to_html(),
            VERDICT_MIME: self.to_json(),
        }


@dataclass(frozen=True)
class Score:
    """Where an exercise stands: one row a task, readable by a person and by a program."""

    exercise: str
    student: str
    seed: int
    verdicts: tuple[Verdict, ...]

    @property
    def points(self) -> float:
        """Points over all tasks."""
        return round(sum(verdict.points for verdict in self.verdicts), 2)

    @property
    def max_points(self) -> float:
        """Points to be had over all tasks."""
        return round(sum(verdict.max_points for verdict in self.verdicts), 2)

    def to_json(self) -> dict[str, Any]:
        """Return the score as plain data, the payload of `SCORE_MIME`."""
        return {
            "format": FORMAT,
            "exercise": self.exercise,
            "student": self.student,
            "seed": self.seed,
            "score": self.points,
            "max_score": self.max_points,
            "tasks": [verdict.to_json() for verdict in self.verdicts],
        }

    def to_text(self) -> str:
        """Return the score as a small table of text."""
        width = max((len(verdict.task) for verdict in self.verdicts), default=4)
        lines = [
            f"{_SIGN[verdict.status]} {verdict.task:<{width}}  {verdict.points:>4g} of "
            f"{verdict.max_points:g}  {verdict.status}"
            for verdict in self.verdicts
        ]
        lines.append(f"{self.exercise}: {self.points:g} of {self.max_points:g} points")
        return "\n".join(lines)

    def _repr_mimebundle_(self, include: Any = None, exclude: Any = None) -> dict[str, Any]:
        return {"text/plain": self.to_text(), SCORE_MIME: self.to_json()}
