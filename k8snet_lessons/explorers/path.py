"""The walk from the load balancer to the pod: a picture that lights up hop by hop."""

import html
from dataclasses import asdict, replace
from typing import Any, Final

import anywidget
import traitlets

from k8snet_lessons.datapath.path import Addresses, Edge, Path, walk
from k8snet_lessons.errors import InputError
from k8snet_lessons.explorers._code import code, style
from k8snet_lessons.explorers._learner import Learner
from k8snet_lessons.figures.path import describe, hops_html, path_svg

_KNOBS: Final = (
    ("load_balancer", "Load balancer", (("l4", "layer 4"), ("l7", "layer 7"))),
    ("target", "It sends to", (("node_port", "node ports"), ("pod_ip", "pod addresses"))),
    (
        "external_traffic_policy",
        "externalTrafficPolicy",
        (("Cluster", "Cluster"), ("Local", "Local")),
    ),
    (
        "ingress_mode",
        "Ingress sends to",
        (("endpoints", "endpoints"), ("cluster_ip", "the ClusterIP")),
    ),
    (
        "tls_terminates_at",
        "Encrypted as far as",
        (("ingress", "the ingress"), ("load_balancer", "the balancer")),
    ),
    (
        "keeps_client_address",
        "Layer-4 balancer",
        ((True, "keeps the client's address"), (False, "uses its own address")),
    ),
)
_QUESTION: Final = "Whose address will the ingress pod's socket see as the caller?"


class PathWalk(anywidget.AnyWidget):
    """The road of a request, a hop at a time, for every way to build the cluster's edge.

    Parameters
    ----------
    edge : Edge, optional
        The edge to begin with.
    ask : bool
        Whether a guess is asked for before the picture shows.

    Examples
    --------
    >>> walked = PathWalk(ask=False)
    >>> walked.set(external_traffic_policy="Local")
    >>> walked.path.ingress_sees
    '203.0.113.7'
    """

    _esm = code("path")
    _css = style("path")
    spec = traitlets.Dict().tag(sync=True)
    frame = traitlets.Dict().tag(sync=True)

    def __init__(self, edge: Edge | None = None, ask: bool = True) -> None:
        self._start = edge or Edge()
        self._edge = self._start
        self._addresses = Addresses()
        self._step = 0
        self._guess = ""
        self._learner = Learner("From the load balancer to the pod", 1)
        if ask and (known := self._learner.guess(_QUESTION)) in dict(self._answers()):
            self._guess = str(known)
        self._covered = ask and not self._guess
        super().__init__(spec=self._spec(), frame=self._frame())
        self.on_msg(self._take)

    @property
    def path(self) -> Path:
        """The road as it stands."""
        return walk(self._edge, self._addresses)

    @property
    def step(self) -> int:
        """Index of the hop that is lit."""
        return self._step

    @property
    def guess(self) -> str:
        """The address that was committed, or ``""``."""
        return self._guess

    def set(self, **changes: Any) -> None:
        """Change how the edge is built; a wrong value raises `InputError`."""
        unknown = set(changes) - set(asdict(self._edge))
        if unknown:
            known = ", ".join(asdict(self._edge))
            raise InputError("knob", sorted(unknown)[0], f"one of {known}")
        lit = self.path.hops[self._step].key
        self._edge = replace(self._edge, **changes)
        keys = [hop.key for hop in self.path.hops]
        self._step = keys.index(lit) if lit in keys else min(self._step, len(keys) - 1)
        self.frame = self._frame()

    def go(self, step: int) -> None:
        """Light the hop with this index; past either end it stays there."""
        self._step = max(0, min(int(step), len(self.path.hops) - 1))
        self.frame = self._frame()

    def commit(self, guess: str) -> None:
        """Commit a guess and uncover the picture; ``""`` uncovers without one."""
        if guess and guess not in dict(self._answers()):
            allowed = ", ".join(address for address, _ in self._answers())
            raise InputError("guess", guess, f"one of {allowed}")
        self._guess, self._covered = guess, False
        if guess:
            seen = walk(self._start, self._addresses).ingress_sees
            self._learner.guessed(_QUESTION, guess, seen)
        self.frame = self._frame()

    def _question_html(self) -> str:
        spec = self._spec()
        answers = "".join(f"<li>{who}, <code>{one}</code></li>" for one, who in self._answers())
        return (
            f"<p>{html.escape(spec['setting'])} <b>{html.escape(_QUESTION)}</b></p>"
            f"<ul>{answers}</ul>"
        )

    def _answers(self) -> tuple[tuple[str, str], ...]:
        at = self._addresses
        return (
            (at.client, "the client"),
            (at.balancer_inside, "the load balancer"),
            (at.node_a, "node A, where the packet came in"),
            (at.node_b, "node B, where the ingress pod runs"),
        )

    def _spec(self) -> dict[str, Any]:
        return {
            "title": "From the load balancer to the pod",
            "knobs": [
                {"name": name, "label": label, "options": [list(option) for option in options]}
                for name, label, options in _KNOBS
            ],
            "question": _QUESTION,
            "setting": "Layer-4 balancer that keeps the client's address, node ports, "
            "externalTrafficPolicy: Cluster.",
            "answers": [list(answer) for answer in self._answers()],
        }

    def _frame(self) -> dict[str, Any]:
        if self._covered:
            return {"covered": True, "edge": asdict(self._edge)}
        path = self.path
        hop = path.hops[self._step]
        return {
            "covered": False,
            "edge": asdict(self._edge),
            "step": self._step,
            "count": len(path.hops),
            "svg": path_svg(path, self._step, self._guess),
            "title": hop.title,
            "text": hop.text,
            "spoken": describe(path, self._step),
            "summary": f"The ingress sees {path.ingress_sees}, the application "
            f"{path.app_sees}. {path.connections} TCP connections, {path.rewrites} "
            f"rewrite{'' if path.rewrites == 1 else 's'} by a node's kernel.",
            "verdict": self._verdict(),
            "notes": list(path.notes),
            "table": hops_html(path),
        }

    def _verdict(self) -> str:
        if not self._guess:
            return ""
        seen = walk(self._start, self._addresses).ingress_sees
        words = dict(self._answers())
        if self._guess == seen:
            return f"You expected {seen}, {words[seen]}: right. The walk shows why."
        return (
            f"You expected {self._guess}, {words[self._guess]}. On the road as it stood, the "
            f"ingress sees {seen}, {words[seen]}. Find the hop where it changes."
        )

    def _take(self, _: Any, content: dict[str, Any], __: Any) -> None:
        """Obey the page; what it may send is checked like any other input."""
        self._learner.touched()
        try:
            if content.get("kind") == "set":
                self.set(**{str(content.get("name")): content.get("value")})
            elif content.get("kind") == "go":
                self.go(int(content.get("step", 0)))
            elif content.get("kind") == "commit":
                self.commit(str(content.get("guess", "")))
            elif content.get("kind") == "reset":
                self._edge, self._step = self._start, 0
                self.frame = self._frame()
        except (InputError, TypeError, ValueError) as error:
            self.send({"kind": "error", "text": str(error)})

    def __repr__(self) -> str:
        settings = ", ".join(f"{name}={value!r}" for name, value in asdict(self._edge).items())
        return f"<PathWalk {settings}>"

    def _repr_mimebundle_(self, **kwargs: Any) -> Any:
        """Show the widget; where there is no kernel, the question, or the hops as a table."""
        bundle = super()._repr_mimebundle_(**kwargs)
        data = dict((bundle[0] if isinstance(bundle, tuple) else bundle) or {})
        path = self.path
        data["text/plain"] = repr(self)
        data["text/html"] = self._question_html() if self._covered else hops_html(path)
        return (data, bundle[1]) if isinstance(bundle, tuple) else data


def north_south_path(ask: bool = True) -> PathWalk:
    """Return the explorer of lesson 1: the road, hop by hop."""
    return PathWalk(ask=ask)
