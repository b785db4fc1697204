"""Which backends a packet may reach: the short answer, alike for all four modes."""

from dataclasses import dataclass
from fractions import Fraction
from typing import TYPE_CHECKING, Any

from k8snet_lessons.datapath.packet import Origin, Packet
from k8snet_lessons.datapath.tracing import trace

if TYPE_CHECKING:
    from k8snet_lessons.datapath.tracing import Ruleset


@dataclass(frozen=True, slots=True)
class Reach:
    """Where a connection may end.

    Attributes
    ----------
    backends : dict of str to Fraction
        ``"address:port"`` and how likely.
    masqueraded : frozenset of str
        The backends that do not see the client's address.
    refused : dict of str to Fraction
        ``"drop"`` and ``"reject"`` with how likely each is; empty where nothing is refused.
    untouched : Fraction
        How likely the packet goes on to where it was sent: no Service wants it.
    """

    backends: dict[str, Fraction]
    masqueraded: frozenset[str]
    refused: dict[str, Fraction]
    untouched: Fraction


def reachable(ruleset: "Ruleset", packet: Packet, origin: Origin = "pod", **options: Any) -> Reach:
    """Ask a ruleset of any mode which backends a packet may reach.

    Parameters
    ----------
    ruleset, packet, origin, **options
        As for `trace`.

    Returns
    -------
    Reach
        Equal for rulesets that treat the packet alike, whatever they are made of.

    See Also
    --------
    trace : the same with every step.
    """
    ends = trace(ruleset, packet, origin, **options)
    backends: dict[str, Fraction] = {}
    refused: dict[str, Fraction] = {}
    untouched = Fraction(0)
    for outcome in ends.outcomes:
        if outcome.backend == packet.destination:
            untouched += outcome.probability
            continue
        found = backends if outcome.verdict == "accept" else refused
        found[outcome.backend] = found.get(outcome.backend, Fraction(0)) + outcome.probability
    masqueraded = frozenset(o.backend for o in ends.outcomes if o.masqueraded)
    return Reach(backends, masqueraded & backends.keys(), refused, untouched)
