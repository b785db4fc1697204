"""Numeric questions: numbers drawn from a seed, the answer computed by a model.

The bank names a model of `MODELS`; its parameters are the numbers that the question draws.
Wrong answers that a misunderstanding leads to are models as well.

>>> from k8snet_lessons.course.questions import question
>>> posed = pose(question("05-seconds-of-room"), seed=3)
>>> posed.judge(posed.answer).right
True
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from random import Random
from typing import TYPE_CHECKING, Any, Final

from k8snet_lessons.course.entry import Entry
from k8snet_lessons.errors import InputError

if TYPE_CHECKING:
    from k8snet_lessons.course.questions import Question

Drawn = Mapping[str, Any]

# --- the models that questions name ----------------------------------------------------------


def _conntrack_seconds(usual_per_s: int, burst_per_s: int, limit: int) -> float | None:
    from k8snet_lessons.datapath.nf_conntrack import ConntrackSpec, seconds_to_full

    spec = ConntrackSpec(
        max_entries=limit,
        requests_per_s=float(usual_per_s),
        keepalive_share=0.0,
        burst_factor=burst_per_s / usual_per_s,
        hold_s=0.0,
    )
    return seconds_to_full(spec)


def _kube_proxy_limit(cores: int) -> int | None:
    from k8snet_lessons.datapath.nf_conntrack import kube_proxy_max

    return kube_proxy_max(cores)


def _nat_rules(services: int, endpoints: int) -> int:
    from k8snet_lessons.control.scale import nat_rules

    return nat_rules(services, endpoints)


def _dns_queries(name: str, ndots: int, resolver: str) -> int:
    from k8snet_lessons.dns import pod_resolv_conf, queries

    conf = pod_resolv_conf(
        namespace="shop",
        dns_config={"options": [{"name": "ndots", "value": str(ndots)}]},
        node_resolv_conf="search ec2.internal\nnameserver 10.0.0.2\n",
    )
    address = {(name, "A"): ["203.0.113.7"], (name, "AAAA"): ["2001:db8::7"]}
    return len(queries(name, conf.text, resolver, answers=address))


def _pod_mtu(tunnel: str, network_mtu: int) -> int:
    from k8snet_lessons.datapath.cni import pod_mtu_bytes

    return pod_mtu_bytes(tunnel, network_mtu)


def _nth_probability(endpoints: int, nth: int) -> float:
    """The chance on the nth rule of a service chain, given that it is reached."""
    return 1 / (endpoints - nth + 1)


#: What a question's ``answer`` and its slips may name.
MODELS: Final[Mapping[str, Callable[..., float | None]]] = {
    "conntrack seconds to full": _conntrack_seconds,
    "conntrack seconds, nothing expires": lambda usual_per_s, burst_per_s, limit: (
        (limit - 120 * usual_per_s) / burst_per_s
    ),
    "conntrack seconds, empty table": lambda usual_per_s, burst_per_s, limit: limit / burst_per_s,
    "kube-proxy limit": _kube_proxy_limit,
    "kube-proxy limit, no minimum": lambda cores: 32_768 * cores,
    "nat rules": _nat_rules,
    "nat rules, one an endpoint": lambda services, endpoints: services * (1 + endpoints),
    "nat rules, services only": lambda services, endpoints: services,
    "dns queries": _dns_queries,
    "dns queries, A only": lambda name, ndots, resolver: _dns_queries(name, ndots, resolver) / 2,
    "dns queries, three suffixes": lambda name, ndots, resolver: 2 * (3 + 1),
    "pod mtu": _pod_mtu,
    "pod mtu, nothing subtracted": lambda tunnel, network_mtu: network_mtu,
    "pod mtu, inner Ethernet forgotten": lambda tunnel, network_mtu: (
        _pod_mtu(tunnel, network_mtu) + 14
    ),
    "chain probability": _nth_probability,
    "chain probability, even": lambda endpoints, nth: 1 / endpoints,
}


@dataclass(frozen=True)
class NumericSlip:
    """A wrong number with a reason: the model that a misunderstanding computes."""

    answer: str
    misconception: str
    because: str


@dataclass(frozen=True)
class Numeric:
    """What a numeric question draws, and which models answer it.

    Parameters
    ----------
    draw : dict
        Parameter to the values it may take.
    answer : str
        Name of a model in `MODELS`; its parameters are the drawn ones.
    unit : str
        Unit of the answer, in words: ``"s"``, ``"queries"``.
    tolerance : float
        Relative tolerance.
    because : str
        Why, with the drawn numbers and ``{answer}`` in braces.
    slips : tuple of NumericSlip
    """

    draw: Mapping[str, tuple[Any, ...]]
    answer: str
    unit: str
    tolerance: float
    because: str
    slips: tuple[NumericSlip, ...]


@dataclass(frozen=True)
class Judged:
    """Whether a number is right, and what to say about it."""

    right: bool
    because: str
    misconception: str = ""


@dataclass(frozen=True)
class Posed:
    """A numeric question with its numbers drawn.

    Parameters
    ----------
    prompt : str
        Markdown.
    drawn : dict
        The numbers.
    answer : float
        What the model says.
    unit, tolerance, because
        See `Numeric`; ``because`` is filled in.
    slips : tuple of (float, NumericSlip)
        Wrong numbers that are recognized.
    """

    prompt: str
    drawn: Mapping[str, Any]
    answer: float
    unit: str
    tolerance: float
    because: str
    slips: tuple[tuple[float, NumericSlip], ...]

    def judge(self, value: float) -> Judged:
        """Say whether a number is right within the tolerance, and why not if not."""
        if _near(value, self.answer, self.tolerance):
            return Judged(True, self.because)
        for wrong, slip in self.slips:
            if _near(value, wrong, self.tolerance):
                return Judged(False, slip.because, slip.misconception)
        return Judged(False, self.because)


def pose(question: "Question", seed: int = 0) -> Posed:
    """Draw the numbers of a numeric question and compute its answer.

    Raises
    ------
    InputError
        When the question is of another kind.
    """
    numeric = question.numeric
    if numeric is None:
        raise InputError("kind", question.kind, "numeric", question.id)
    rng = Random(f"{question.id}/{seed}")
    drawn = {name: rng.choice(values) for name, values in numeric.draw.items()}
    answer = compute(numeric.answer, drawn)
    shown = {name: _shown(value) for name, value in drawn.items()}
    return Posed(
        prompt=question.prompt.format(**shown),
        drawn=drawn,
        answer=answer,
        unit=numeric.unit,
        tolerance=numeric.tolerance,
        because=numeric.because.format(answer=_shown(answer), **shown),
        slips=tuple((compute(slip.answer, drawn), slip) for slip in numeric.slips),
    )


def compute(model: str, drawn: Drawn) -> float:
    """Return what a model of `MODELS` says about drawn numbers.

    Raises
    ------
    InputError
        When it has no answer for them: a table that never fills, a name nobody asks for.
    """
    found = MODELS[model](**drawn)
    if found is None:
        raise InputError("draw", dict(drawn), f"numbers for which {model!r} has an answer")
    return float(found)


def read_numeric(entry: Entry) -> Numeric:
    """Read the fields of a numeric question."""
    draw = {}
    for name, values in entry.mapping("draw").items():
        if not isinstance(values, list) or not values:
            raise InputError(f"draw {name}", values, "a list of values, not empty", entry.where)
        draw[str(name)] = tuple(values)
    slips = []
    for place, value in enumerate(entry.items("slips"), 1):
        slip = Entry(value, f"{entry.where}, slip {place}", {"answer", "misconception", "because"})
        name = slip.word("answer", MODELS)
        slips.append(NumericSlip(name, slip.text("misconception"), slip.text("because")))
    return Numeric(
        draw=draw,
        answer=entry.word("answer", MODELS),
        unit=entry.text("unit"),
        tolerance=entry.number("tolerance", 0.01),
        because=entry.text("because"),
        slips=tuple(slips),
    )


def _near(value: float, wanted: float, tolerance: float) -> bool:
    return abs(value - wanted) <= tolerance * abs(wanted)


def _shown(value: Any) -> str:
    if isinstance(value, int | float) and not isinstance(value, bool):
        return f"{value:,.0f}" if float(value).is_integer() else f"{value:,.4g}"
    return str(value)
