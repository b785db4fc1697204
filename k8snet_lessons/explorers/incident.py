"""The incident room: a page, a command line, a conclusion, a replay."""

import html
import logging
from collections.abc import Mapping
from typing import Any, Final

import anywidget
import traitlets

from k8snet_lessons.course.curriculum import lesson
from k8snet_lessons.course.progress import concluded
from k8snet_lessons.errors import InputError
from k8snet_lessons.explorers._code import code, style
from k8snet_lessons.explorers._learner import Learner
from k8snet_lessons.figures.incident import Curve, before_and_after
from k8snet_lessons.incidents import Debrief, Incident, Printed, causes, remedies

_LOG = logging.getLogger(__name__)
#: The looks that a button runs: what most on-calls begin with.
LOOKS: Final = (
    "metrics",
    "metrics pods",
    "metrics nodes",
    "metrics names",
    "kubectl get events",
    "kubectl get pods -o wide",
    "kubectl logs deploy/edge-proxy -n edge",
    "kubectl logs deploy/checkout",
    "help",
)


class IncidentRoom(anywidget.AnyWidget):
    """An incident to solve, in the notebook or from Python.

    Parameters
    ----------
    seed : int
        Which incident.
    fault : str, optional
        A certain fault instead of the seed's own.

    Examples
    --------
    >>> room = IncidentRoom(4)
    >>> room.run("ssh node-1 conntrack -C").strip().isdecimal()
    True
    >>> room.minutes
    1
    """

    _esm = code("incident")
    _css = style("incident")
    spec = traitlets.Dict().tag(sync=True)

    def __init__(self, seed: int = 0, fault: str = "") -> None:
        self.incident = Incident(seed, fault)
        self.debrief: Debrief | None = None
        self._suspected: str | None = None
        self._learner = Learner("The incident room", 12)
        super().__init__(
            spec={
                "title": "The incident room",
                "looks": list(LOOKS),
                "causes": [[name, title] for name, title in causes().items()],
                "remedies": [[name, title] for name, title in remedies().items()],
            }
        )
        self.on_msg(self._answer)

    @property
    def minutes(self) -> int:
        """Simulated minutes since the page."""
        return self.incident.minutes

    def suspect(self, cause: str = "") -> None:
        """Commit a first suspicion, from the page alone; ``""`` goes on without one."""
        if cause and cause not in causes():
            raise InputError("suspicion", cause, "one of " + ", ".join(causes()))
        self._suspected = cause
        if cause:
            question = f"Incident {self.incident.name}: what is it, from the page alone?"
            found = causes()[self.incident.fault]
            self._learner.guessed(question, causes()[cause], found)
        self._push()

    def run(self, line: str) -> str:
        """Run a line, as the command line in the browser does, and return what it prints."""
        if self._suspected is None:
            self._suspected = ""
        self._learner.touched()
        self.incident = self.incident.look(line)
        printed = self.incident.log[-1]
        self.send({"kind": "printed", "entry": _entry(printed), "minutes": self.minutes})
        return printed.text

    def conclude(self, cause: str, remedy: str) -> Debrief:
        """Name cause and fix; see `Incident.conclude`."""
        ended = self.debrief = self.incident.conclude(cause, remedy)
        self._learner.kept(
            concluded(
                self.incident.name,
                suspicion=causes().get(self._suspected or "", ""),
                named=ended.named,
                cause=ended.fault.title,
                points=ended.total,
                minutes=ended.minutes,
                shortest=ended.shortest,
            )
        )
        self._push()
        return ended

    def new(self, seed: int) -> None:
        """Begin another incident."""
        self.incident, self.debrief, self._suspected = Incident(seed), None, None
        self._push()

    def _answer(self, _: Any, message: Mapping[str, Any], __: Any) -> None:
        """Obey the page; whatever happens, it gets an answer."""
        try:
            self._act(message)
        except InputError as error:
            self.send({"kind": "error", "text": str(error)})
        except Exception as error:
            _LOG.exception("incident %r failed on %r", self.incident.seed, message.get("kind"))
            self.send({"kind": "error", "text": f"{type(error).__name__}: {error}"})

    def _act(self, message: Mapping[str, Any]) -> None:
        kind = message.get("kind")
        if kind == "hello":
            self._push()
        elif kind == "suspect":
            self.suspect(str(message.get("cause", "")))
        elif kind == "run":
            self.run(str(message.get("line", ""))[:400])
        elif kind == "complete":
            line = str(message.get("line", ""))[:400]
            self.send({"kind": "words", "line": line, "words": self.incident.complete(line)})
        elif kind == "conclude":
            self.conclude(str(message.get("cause")), str(message.get("remedy")))
        elif kind == "new":
            self.new(_seed(message.get("seed")))
        else:
            raise InputError("message", kind, "a kind that this version of the course knows")

    def _push(self) -> None:
        """Send all there is to show."""
        ended = self.debrief
        self.send(
            {
                "kind": "state",
                "seed": self.incident.seed,
                "page": self.incident.page,
                "asking": self._suspected is None and not self.incident.log,
                "minutes": self.minutes,
                "log": [_entry(printed) for printed in self.incident.log],
                "debrief": None if ended is None else self._told(ended),
            }
        )

    def _told(self, ended: Debrief) -> dict[str, Any]:
        replay = ended.replay
        curves = [
            Curve("a healthy day", "usual", *_carts(replay.healthy)),
            Curve("before the fix", "before", *_carts(replay.before)),
            Curve("after the fix", "after", *_carts(replay.after)),
        ]
        taught = lesson(ended.fault.lesson)
        return {
            "right": ended.right,
            "title": ended.fault.title,
            "named": ended.named,
            "story": ended.fault.story,
            "suspicion": self._suspicion(ended),
            "fix": ended.fix.title,
            "fix_says": ended.fix_says,
            "total": f"{ended.total:g}",
            "points": [[name, f"{points:g}"] for name, points in ended.points.items()],
            "minutes": ended.minutes,
            "shortest": ended.shortest,
            "path": [
                [step.look.command, step.look.because, step.minutes, step.taken]
                for step in ended.path
            ],
            "picture": before_and_after(curves),
            "kept": self._learner.said,
            "lesson": [
                f"Lesson {taught.number}: {taught.title}",
                taught.file if taught.ready else "",
            ],
        }

    def _suspicion(self, ended: Debrief) -> str:
        if not self._suspected:
            return ""
        said = causes()[self._suspected]
        if self._suspected == ended.fault.name:
            return f"Your first suspicion, from the page alone, was right: {said}."
        return f"Your first suspicion, from the page alone, was: {said}."

    def __repr__(self) -> str:
        return f"<IncidentRoom {self.incident.seed}: {len(self.incident.log)} looks>"

    def _repr_mimebundle_(self, **kwargs: Any) -> Any:
        """Show the widget; where there is no kernel, the page and what can be typed."""
        bundle = super()._repr_mimebundle_(**kwargs)
        data = dict((bundle[0] if isinstance(bundle, tuple) else bundle) or {})
        data["text/plain"] = repr(self)
        data["text/html"] = (
            f"<pre>{html.escape(self.incident.page)}</pre><p>With a kernel, a command line stands "
            "here, with the tools of an on-call.</p>"
        )
        return (data, bundle[1]) if isinstance(bundle, tuple) else data


def _entry(printed: Printed) -> dict[str, Any]:
    return {
        "line": printed.line,
        "text": printed.text,
        "minutes": printed.minutes,
        "ok": printed.ok,
    }


def _carts(traffic: Any) -> tuple[Any, Any]:
    return traffic.latency_us[~traffic.report], traffic.failed[~traffic.report]


def _seed(given: object) -> int:
    try:
        return int(str(given).strip())
    except ValueError:
        raise InputError("incident", given, "a whole number from 0 to 999,999") from None


def incident_room(seed: int = 0) -> IncidentRoom:
    """Return the room of lesson 12."""
    return IncidentRoom(seed)
