"""Lists of recent sources (``-m recent``): how kube-proxy's iptables mode keeps affinity."""

from collections.abc import Mapping
from ipaddress import ip_address

from k8snet_lessons.control.rules import Recent


class RecentLists:
    """Addresses with the times at which they were seen, by list; never changed in place.

    Parameters
    ----------
    lists : mapping of str to mapping of str to tuple of float
        List name, then address, then times in seconds, oldest first.
    """

    __slots__ = ("_lists",)

    # xt_recent's default for ip_pkt_list_tot: how many times are kept for one address.
    TIMES_KEPT = 20

    def __init__(self, lists: Mapping[str, Mapping[str, tuple[float, ...]]] | None = None) -> None:
        self._lists = {name: dict(seen) for name, seen in (lists or {}).items()}

    def __eq__(self, other: object) -> bool:
        return isinstance(other, RecentLists) and self._lists == other._lists

    def __hash__(self) -> int:
        return hash(tuple(sorted(self._lists)))

    def times(self, name: str, address: str) -> tuple[float, ...]:
        """When an address was seen, oldest first; empty if it is not on the list."""
        return self._lists.get(name, {}).get(address, ())

    def apply(self, match: Recent, address: str, now_s: float) -> tuple[bool, "RecentLists"]:
        """Ask the match about an address.

        Returns
        -------
        holds : bool
        after : RecentLists
            The lists with the address added, refreshed or removed.
        """
        address = _masked(address, match.mask)
        times = self.times(match.name, address)
        after = self
        if match.action == "set":
            holds = True
            after = self._with(match.name, address, (*times, now_s))
        elif match.action == "remove":
            holds = bool(times)
            after = self._with(match.name, address, ())
        else:
            recent = [t for t in times if not match.seconds or now_s - t <= match.seconds]
            holds = len(recent) >= max(match.hitcount, 1)
            if holds and match.action == "update":
                after = self._with(match.name, address, (*times, now_s))
        return holds != match.negated, after

    def _with(self, name: str, address: str, times: tuple[float, ...]) -> "RecentLists":
        seen = {**self._lists.get(name, {})}
        seen.pop(address, None)
        if times:
            seen[address] = times[-self.TIMES_KEPT :]
        return RecentLists({**self._lists, name: seen})


def _masked(address: str, mask: str) -> str:
    if not mask:
        return address
    made = ip_address(address)
    return str(type(made)(int(made) & int(ip_address(mask))))
