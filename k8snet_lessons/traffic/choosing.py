"""Layer 4: which pod the kernel gives to a new connection.

A node's rules know nothing of other nodes, so round robin and least connection count on each
node by itself, from the beginning of its own list (Linux ``net/netfilter/ipvs/ip_vs_rr.c``,
``ip_vs_lc.c``). kube-proxy adds the servers of a list in no order, so every node begins elsewhere;
it used to sort them, and all nodes began with the same pods
(https://github.com/kubernetes/kubernetes/pull/121744).
"""

from collections import deque
from collections.abc import Callable, Sequence
from functools import cache

import numpy as np
import numpy.typing as npt

from k8snet_lessons.control.maglev import TABLE_SIZE, lookup_table
from k8snet_lessons.sim.arrays import AnyInts, Ints
from k8snet_lessons.sim.variates import Singles


def evenly(uniform: Singles, count: int | AnyInts) -> Ints:
    """Return whole numbers from 0 to ``count - 1``, evenly likely: what the chain of
    ``statistic`` rules, or ``numgen random``, comes to.
    """
    picked: Ints = (uniform * count).astype(np.int64)
    # A single-precision uniform next to 1 can round up to `count`.
    return np.minimum(picked, count - 1)


@cache
def maglev_table(pods: tuple[int, ...]) -> npt.NDArray[np.int32]:
    """Return the pod of each slot of the table that these pods share (read-only)."""
    names = [f"10.244.{pod // 250}.{pod % 250 + 1}:8080/TCP" for pod in pods]
    table = np.asarray(pods, dtype=np.int32)[lookup_table(names)]
    table.setflags(write=False)
    return table


#: How long IPVS remembers a connection that was closed (``TIME_WAIT``, ip_vs_proto_tcp.c).
IPVS_TIME_WAIT_S = 120.0
# An active connection weighs as much as this many closed ones (ip_vs.h,
# ip_vs_dest_conn_overhead).
_ACTIVE = 256


class Kernel:
    """The rules of every node, and what their schedulers remember.

    Parameters
    ----------
    rule : {"iptables", "ipvs_rr", "ipvs_lc", "maglev", "pick_first"}
        The last is no rule of a kernel's; it is only counted.
    nodes, pods : int
    server_order : callable
        From a node to a number for each pod: an IPVS list holds its servers in ascending order.
    """

    def __init__(
        self, rule: str, nodes: int, pods: int, server_order: Callable[[int], Sequence[float]]
    ) -> None:
        self._rule = rule
        self._server_order = server_order
        self._listed: dict[int, tuple[tuple[int, ...], list[int]]] = {}
        self._turn = [0] * nodes
        self._weight = [[0] * pods for _ in range(nodes)]
        self._remembered: list[deque[tuple[float, int]]] = [deque() for _ in range(nodes)]

    def choose(self, node: int, known: Sequence[int], uniform: float, now_s: float) -> int:
        """Return the pod for a new connection from a node; -1 when there is none.

        ``uniform`` is the luck of this connection: the draw of the rules, or where its source
        port happens to hash to.
        """
        if not known:
            return -1
        if self._rule == "ipvs_rr":
            pod = self.listed(node, known)[self._turn[node] % len(known)]
            self._turn[node] += 1
        elif self._rule == "ipvs_lc":
            weight, remembered = self._weight[node], self._remembered[node]
            while remembered and remembered[0][0] <= now_s:
                weight[remembered.popleft()[1]] -= 1
            pod = min(self.listed(node, known), key=weight.__getitem__)
        elif self._rule == "maglev":
            slot = min(int(uniform * TABLE_SIZE), TABLE_SIZE - 1)
            pod = int(maglev_table(tuple(known))[slot])
        else:
            pod = known[min(int(uniform * len(known)), len(known) - 1)]
        return pod

    def listed(self, node: int, known: Sequence[int]) -> list[int]:
        """Return the known pods in the order of this node's IPVS list."""
        pods = tuple(known)
        before, order = self._listed.get(node, ((), []))
        if before != pods:
            order = sorted(pods, key=self._server_order(node).__getitem__)
            self._listed[node] = pods, order
        return order

    def opened(self, node: int, pod: int) -> None:
        """A connection is established."""
        self._weight[node][pod] += _ACTIVE

    def closed(self, node: int, pod: int, now_s: float) -> None:
        """It has ended, and is remembered for a while."""
        self._weight[node][pod] += 1 - _ACTIVE
        self._remembered[node].append((now_s + IPVS_TIME_WAIT_S, pod))
