"""What a gRPC channel knows of a headless Service, and when it asks again.

A channel looks the name up when it is made. After that it asks again only when a connection
ends or fails, and not sooner than 30 s after the last time; a request that comes sooner is
kept and carried out then (gRPC core ``src/core/resolver/polling_resolver.cc``; the least time is
``GRPC_ARG_DNS_MIN_TIME_BETWEEN_RESOLUTIONS_MS``).
"""

import math


class Resolver:
    """One channel's look-ups.

    Parameters
    ----------
    least_s : float
        Least time between two.
    """

    def __init__(self, least_s: float) -> None:
        self._least_s = least_s
        self.resolved_s = 0.0
        self.due_s = math.inf

    def advance(self, now_s: float) -> bool:
        """Carry out a look-up that has become due; whether there was one."""
        if self.due_s > now_s:
            return False
        self.resolved_s, self.due_s = self.due_s, math.inf
        return True

    def ask(self, now_s: float) -> bool:
        """A connection has ended: ask now, or as soon as it is allowed. Whether it was now."""
        if now_s - self.resolved_s < self._least_s:
            self.due_s = min(self.due_s, self.resolved_s + self._least_s)
            return False
        self.resolved_s, self.due_s = now_s, math.inf
        return True
