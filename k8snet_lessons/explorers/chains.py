"""The explorer of lesson 2: one packet, every rule, and the reader's own dump."""

import base64
import html
from dataclasses import replace
from fractions import Fraction
from typing import Any

import anywidget
import traitlets

from k8snet_lessons.datapath import Packet, Trace, parse_iptables_save, trace
from k8snet_lessons.datapath.service_call import CALLERS, MOST_ENDPOINTS, Call
from k8snet_lessons.errors import InputError
from k8snet_lessons.explorers._code import code, style
from k8snet_lessons.explorers._learner import Learner
from k8snet_lessons.figures.chains import steps_html, tree_svg

_QUESTION = (
    "Three pods stand behind the Service, and each shall get a third of the connections. The "
    "kernel tries their rules from top to bottom. With which probability must the SECOND rule "
    "match, once it is tried?"
)


class ChainWalk(anywidget.AnyWidget):
    """A packet walked through a node's rules; every end with its exact probability.

    Parameters
    ----------
    call : Call, optional
        The call to begin with.
    ask : bool
        Whether a guess is asked for first.

    Examples
    --------
    >>> walked = ChainWalk(ask=False)
    >>> walked.trace.backends()["10.244.1.12:8080"]
    Fraction(1, 3)
    """

    _esm = code("chains")
    _css = style("chains")
    spec = traitlets.Dict().tag(sync=True)
    frame = traitlets.Dict().tag(sync=True)

    def __init__(self, call: Call | None = None, ask: bool = True) -> None:
        self._start = self._call = call or Call()
        self._own: Trace | None = None
        self._learner = Learner("The ClusterIP illusion", 2)
        known = self._learner.guess(_QUESTION) if ask else None
        self._guess = str(known) if known in self._answers() else ""
        self._covered = ask and not self._guess
        self._chosen = 0
        self._trace = self._call.trace()
        super().__init__(spec=self._spec(), frame=self._frame())
        self.on_msg(self._take)

    @property
    def call(self) -> Call:
        """The call as it is set."""
        return self._call

    @property
    def trace(self) -> Trace:
        """What is shown: the call's trace, or that of the reader's own dump."""
        return self._own or self._trace

    @property
    def guess(self) -> str:
        """The committed guess, or ``""``."""
        return self._guess

    def set(self, **changes: Any) -> None:
        """Change the call; a wrong value raises `InputError` and changes nothing."""
        unknown = set(changes) - {"endpoints", "caller", "policy"}
        if unknown:
            raise InputError("knob", sorted(unknown)[0], "one of endpoints, caller, policy")
        call = replace(self._call, **changes)
        self._trace = call.trace()
        self._call, self._own, self._chosen = call, None, 0
        self.frame = self._frame()

    def walk(self, dump: str, packet: str, origin: str = "pod") -> None:
        """Walk a packet, written ``source->address:port/tcp``, through a pasted dump."""
        rules = parse_iptables_save(dump)
        self._own = trace(rules, Packet.parse(packet), origin)  # type: ignore[arg-type]
        self._chosen = 0
        self.frame = self._frame()

    def choose(self, outcome: int) -> None:
        """Show the road of one outcome."""
        self._chosen = max(0, min(int(outcome), len(self.trace.outcomes) - 1))
        self.frame = self._frame()

    def commit(self, guess: str) -> None:
        """Commit a guess for the middle rule's probability; ``""`` uncovers without one."""
        if guess and guess not in self._answers():
            raise InputError("guess", guess, "one of " + ", ".join(self._answers()))
        self._guess, self._covered = guess, False
        if guess:
            self._learner.guessed(_QUESTION, guess, "1/2")
        self.frame = self._frame()

    def _answers(self) -> list[str]:
        return ["1/4", "1/3", "1/2", "1"]

    def _spec(self) -> dict[str, Any]:
        return {
            "callers": [[name, words] for name, words in CALLERS.items()],
            "most": MOST_ENDPOINTS,
            "question": _QUESTION,
            "answers": self._answers(),
            "example": {"packet": str(Call().packet()), "dump": Call().dump()},
        }

    def _frame(self) -> dict[str, Any]:
        call = {"endpoints": self._call.endpoints, "caller": self._call.caller,
                "policy": self._call.policy}  # fmt: skip
        if self._covered:
            return {"covered": True, "call": call}
        shown = self.trace
        return {
            "covered": False,
            "call": call,
            "own": self._own is not None,
            "chosen": self._chosen,
            "outcomes": [f"{one.probability}: {one.backend}" for one in shown.outcomes],
            "svg": tree_svg(shown, self._chosen),
            "steps": steps_html(shown, self._chosen),
            "headline": headline(shown),
            "verdict": self._verdict(),
            "notes": [*shown.assumptions, *(f"Cannot be decided: {u}" for u in shown.unknowns)],
        }

    def _verdict(self) -> str:
        if not self._guess:
            return ""
        if Fraction(self._guess) == Fraction(1, 2):
            return (
                "You said 1/2: right. A third has gone to the first rule; half of the rest is due."
            )
        return (
            f"You said {self._guess}. The second rule is tried only when the first has passed "
            "the packet by. What share is left then, and how much of it is due?"
        )

    def _take(self, _: Any, content: dict[str, Any], __: Any) -> None:
        """Obey the page; what it may send is checked like any other input."""
        kind = content.get("kind")
        self._learner.touched()
        try:
            if kind == "set":
                self.set(**{str(content.get("name")): content.get("value")})
            elif kind == "choose":
                self.choose(int(content.get("outcome", 0)))
            elif kind == "commit":
                self.commit(str(content.get("guess", "")))
            elif kind == "walk":
                texts = [str(content.get(name, "")) for name in ("dump", "packet", "origin")]
                self.walk(*texts)
            elif kind == "reset":
                self.set(**{name: getattr(self._start, name) for name in self.frame["call"]})
        except (InputError, TypeError, ValueError) as error:
            self.send({"kind": "error", "text": str(error)})

    def __repr__(self) -> str:
        call = self._call
        return f"<ChainWalk {call.endpoints} endpoints, {CALLERS[call.caller]}, {call.policy}>"

    def _repr_mimebundle_(self, **kwargs: Any) -> Any:
        """Show the widget; where there is no kernel, the tree and one road."""
        bundle = super()._repr_mimebundle_(**kwargs)
        data = dict((bundle[0] if isinstance(bundle, tuple) else bundle) or {})
        data["text/plain"] = repr(self) + "\n" + headline(self.trace)
        picture = base64.b64encode(tree_svg(self.trace).encode()).decode()
        # As an image: pages that show a stored notebook strip drawings from its HTML.
        data["text/html"] = (
            f"<img alt='{html.escape(headline(self.trace), quote=True)}' "
            f"src='data:image/svg+xml;base64,{picture}'>{steps_html(self.trace)}"
        )
        return (data, bundle[1]) if isinstance(bundle, tuple) else data


def headline(shown: Trace) -> str:
    """Say in a sentence where a packet may end and whose address arrives."""
    ends = shown.backends()
    arrived = [one for one in shown.outcomes if one.verdict == "accept"]
    if not arrived:
        return f"{shown.packet} arrives nowhere: {', '.join(sorted(ends))}."
    masked = sum((one.probability for one in arrived if one.masqueraded), Fraction(0))
    source = (
        "The receiver sees the caller's own address."
        if masked == 0
        else "The receiver sees an address of this node."
        if masked == sum((one.probability for one in arrived), Fraction(0))
        else f"In {masked} of the cases the receiver sees an address of this node."
    )
    shares = {share for end, share in ends.items() if end not in ("drop", "reject")}
    even = f", {min(shares)} each" if len(shares) == 1 and len(ends) > 1 else ""
    tried = [one.rules_by_table.get("nat", 0) for one in arrived]
    span = f"{min(tried)}" if min(tried) == max(tried) else f"{min(tried)} to {max(tried)}"
    return (
        f"{shown.packet} may end at {len(ends)} place{'' if len(ends) == 1 else 's'}{even}. "
        f"{source} {span} nat rules are tried."
    )


def clusterip_illusion(ask: bool = True) -> ChainWalk:
    """Return the explorer of lesson 2."""
    return ChainWalk(ask=ask)
