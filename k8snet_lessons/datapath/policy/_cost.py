"""What a wall of many peers costs a packet, by the way it is written.

Measured for this course's own nftables rules (record ``policy-rules``): the rules of a pod are
asked for the first packet of a connection, one after the other or by one look into a set, and
every later packet passes by connection tracking. Without tracking, every packet is asked.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, TypeAlias

import numpy as np
import numpy.typing as npt

from k8snet_lessons.data.costs import cost
from k8snet_lessons.errors import InputError

Form: TypeAlias = Literal["rules", "set", "untracked"]
FORMS: tuple[Form, ...] = ("rules", "set", "untracked")


@dataclass(frozen=True, slots=True)
class WallCost:
    """What packets pay on a node whose policy admits many peers. All arrays have shape (N,).

    Attributes
    ----------
    peers : ndarray
    first_us : ndarray
        What the policy adds to connect(); the client is the last of the peers.
    later_us : ndarray
        What the policy adds to each later packet.
    """

    peers: npt.NDArray[np.float64]
    first_us: npt.NDArray[np.float64]
    later_us: npt.NDArray[np.float64]

    def per_request_us(self, requests: float, packets: float = 2.0) -> npt.NDArray[np.float64]:
        """Spread the cost of one connection over its requests, each of so many packets."""
        return np.asarray(self.first_us / requests + packets * self.later_us)


def wall_cost(peers: Sequence[float] | npt.NDArray[np.float64], form: Form) -> WallCost:
    """Work out what a policy with so many peers adds to a packet.

    Parameters
    ----------
    peers : sequence of float
        How many addresses the policy admits, one or more.
    form : {"rules", "set", "untracked"}
        A rule for each peer; one set of all; or a rule for each, asked for every packet
        because nothing tracks connections.

    Returns
    -------
    WallCost

    Raises
    ------
    InputError
        If `form` is none of the three, or a count is below one.
    """
    if form not in FORMS:
        raise InputError("form", form, ", ".join(FORMS))
    count = np.asarray(peers, dtype=float).reshape(-1)
    if not (count >= 1).all():
        raise InputError("peers", list(peers), "one or more")
    nothing = np.zeros_like(count)
    if form == "set":
        return WallCost(count, nothing + cost("policy.set_us"), nothing)
    if form == "rules":
        return WallCost(count, cost("policy.set_us") + cost("policy.rule_us") * count, nothing)
    walk = cost("policy.untracked_rule_us") * count
    # The client sends two packets to connect, and both walk the rules.
    return WallCost(count, 2 * walk, walk)
