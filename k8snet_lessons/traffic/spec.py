"""Who asks whom: clients and their connections, the pods behind a Service, and who chooses."""

import math
from dataclasses import dataclass
from typing import Any, Final

import numpy as np

from k8snet_lessons.errors import InputError

#: More requests than these in one run would not fit a laptop's memory.
MAX_REQUESTS: Final = 10_000_000
#: Openings of connections that a run may have to walk through, one after the other.
MAX_OPENINGS: Final = 2_000_000

#: The kernel chooses, when a connection is opened.
LAYER_4: Final = ("iptables", "ipvs_rr", "ipvs_lc", "maglev")
#: A proxy chooses, for each request.
LAYER_7: Final = ("round_robin", "least_request", "ring_hash")
#: The client's gRPC library chooses, over the addresses of a headless Service.
CLIENT_SIDE: Final = ("pick_first", "client_round_robin")
BALANCING: Final = LAYER_4 + LAYER_7 + CLIENT_SIDE
PROTOCOLS: Final = ("http2", "http1", "per_request")


@dataclass(frozen=True, kw_only=True)
class TrafficSpec:
    """Clients, pods, and the rule by which a request comes to its pod.

    Attributes
    ----------
    requests_per_s : float
        From all clients together; arrivals are a Poisson process.
    duration_s : float
        How long is looked at. Connections were opened before the start.
    clients : int
        Client pods, each on a node of its own, asking at the same rate.
    protocol : {"http2", "http1", "per_request"}
        ``http2``: many requests at once on one connection (gRPC channels too). ``http1``: a
        keep-alive pool, one request at a time on a connection. ``per_request``: a connection
        for every request.
    connections_per_client : int
        HTTP/2 connections (gRPC: channels), or the most idle connections that an HTTP/1.1
        pool keeps.
    balancing : str
        One of `BALANCING`.
    shared_proxies : int
        With a layer-7 rule: 0 puts a proxy beside each client (a sidecar), more put that many
        proxies between all clients and all pods.
    pods, scaled_to : int
        Pods before and after the change. Of more than are wanted, the last go.
    scale_at_s : float
        When pods are created or deleted.
    start_s : float
        From creation until a new pod listens.
    readiness_probe : bool
        With one, a pod becomes an endpoint once it listens; without, as soon as it runs.
    propagation_s : float
        From a change of the endpoints until nodes, proxies and DNS act on it.
    prestop_s : float
        Sleep between the deletion of a pod and its SIGTERM.
    drains : bool
        Whether a pod that gets SIGTERM lets its open requests finish (and says GOAWAY) or
        exits at once.
    termination_grace_s : float
        From deletion to SIGKILL.
    max_age_s : float
        Age at which a *server* retires a connection, spread by 10 % either way; infinite by
        default, as in gRPC (gRFC A9).
    age_grace_s : float
        How long requests on a retired connection may still take.
    min_resolution_s : float
        Least time between two DNS look-ups of a gRPC channel.
    retry_s : float
        Wait after a refused connection before a client opens another.
    service_us : float
        Mean time that a pod's worker needs for a request (exponential).
    pod_workers : int
        Requests that a pod works on at once; others wait in its queue.
    deadline_s : float
        After this the client gives up; the pod works on all the same.
    keys : int
        With ``ring_hash``: distinct keys (users, say), all asked for equally often.

    Raises
    ------
    InputError
        For a value outside what is said here, or a combination that cannot be.
    """

    requests_per_s: float = 800.0
    duration_s: float = 120.0
    clients: int = 5
    protocol: str = "http2"
    connections_per_client: int = 2
    balancing: str = "iptables"
    shared_proxies: int = 0
    pods: int = 2
    scaled_to: int = 20
    scale_at_s: float = 30.0
    start_s: float = 5.0
    readiness_probe: bool = True
    propagation_s: float = 1.0
    prestop_s: float = 5.0
    drains: bool = True
    termination_grace_s: float = 30.0
    max_age_s: float = math.inf
    age_grace_s: float = math.inf
    min_resolution_s: float = 30.0
    retry_s: float = 1.0
    service_us: float = 2_000.0
    pod_workers: int = 1
    deadline_s: float = 2.0
    keys: int = 1_000

    def __post_init__(self) -> None:
        _one_of("protocol", self.protocol, PROTOCOLS)
        _one_of("balancing", self.balancing, BALANCING)
        for name, most in (("clients", 10_000), ("connections_per_client", 10_000),
                           ("pods", 1_000), ("scaled_to", 1_000), ("pod_workers", 10_000),
                           ("keys", 1_000_000)):  # fmt: skip
            _whole(name, getattr(self, name), 1, most)
        _whole("shared_proxies", self.shared_proxies, 0, 1_000)
        for name in ("requests_per_s", "duration_s", "max_age_s", "deadline_s", "service_us",
                     "retry_s"):  # fmt: skip
            _number(name, getattr(self, name), above=True)
        for name in ("scale_at_s", "start_s", "propagation_s", "prestop_s", "age_grace_s",
                     "termination_grace_s", "min_resolution_s"):  # fmt: skip
            _number(name, getattr(self, name), above=False)
        for name in ("readiness_probe", "drains"):
            if not isinstance(getattr(self, name), bool | np.bool_):
                raise InputError(name, getattr(self, name), "True or False")
        for name in ("requests_per_s", "duration_s", "scale_at_s", "service_us", "retry_s"):
            if math.isinf(getattr(self, name)):
                raise InputError(name, getattr(self, name), "a finite number")
        if self.prestop_s > self.termination_grace_s:
            allowed = f"at most termination_grace_s, {self.termination_grace_s:g}"
            raise InputError("prestop_s", self.prestop_s, allowed)
        if self.balancing in CLIENT_SIDE and self.protocol != "http2":
            allowed = f"'http2' where balancing is '{self.balancing}': gRPC's own"
            raise InputError("protocol", self.protocol, allowed)
        if self.shared_proxies and self.balancing not in LAYER_7:
            allowed = f"0 where balancing is '{self.balancing}': no proxy chooses"
            raise InputError("shared_proxies", self.shared_proxies, allowed)
        expected = self.requests_per_s * self.duration_s
        if expected > MAX_REQUESTS:
            allowed = f"a rate and a duration that make at most {MAX_REQUESTS:,}"
            raise InputError("requests in the run", round(expected), allowed)
        lives = 2 + self.duration_s / min(self.max_age_s, max(self.duration_s, 1e-9))
        each = max(self.pods, self.scaled_to) if self.balancing == "client_round_robin" else 1
        if self.connections * each * lives > MAX_OPENINGS:
            allowed = f"connections and an age that make at most {MAX_OPENINGS:,}"
            raise InputError("openings in the run", round(self.connections * each * lives), allowed)

    @property
    def connections(self) -> int:
        """Connections (channels, idle places of pools) of all clients together."""
        return self.clients * self.connections_per_client

    @property
    def all_pods(self) -> int:
        """Pods that exist at any time."""
        return max(self.pods, self.scaled_to)


def _one_of(field: str, value: Any, allowed: tuple[str, ...]) -> None:
    if value not in allowed:
        raise InputError(field, value, "one of " + ", ".join(allowed))


def _whole(field: str, value: Any, least: int, most: int) -> None:
    good = isinstance(value, int | np.integer) and not isinstance(value, bool)
    if not good or not least <= value <= most:
        raise InputError(field, value, f"a whole number from {least} to {most:,}")


def _number(field: str, value: Any, *, above: bool) -> None:
    good = isinstance(value, int | float | np.number) and not isinstance(value, bool)
    if not good or math.isnan(value) or value < 0 or (above and value == 0):
        raise InputError(field, value, "a number above 0" if above else "a number, not negative")
