"""Which pods gRPC requests come to when two pods become twenty: each cure, for real."""

import json
import math
import socket
import time
from dataclasses import dataclass, replace
from importlib.metadata import version
from itertools import pairwise
from pathlib import Path
from typing import Any

from k8snet_lessons.data.measured import Series
from k8snet_lessons.lab.experiment import Experiment, Result, Run
from k8snet_lessons.lab.grpc_ends import ask, open_again, serve_pods
from k8snet_lessons.lab.grpc_fronts import (
    AGED_PORT,
    CLUSTER_IP,
    DNS_PORT,
    ENVOY_PORT,
    HAPROXY_PORT,
    NODE_IP,
    PORT,
    enable_in_haproxy,
    envoy_config,
    envoy_program,
    haproxy_config,
    name_server,
    service_rules,
    write_envoy_endpoints,
)
from k8snet_lessons.lab.grpc_leaving import NEWS_S, leaving
from k8snet_lessons.lab.grpc_leaving import PER_S as LEAVING_PER_S
from k8snet_lessons.lab.hosts import Topology, add_route, until_there
from k8snet_lessons.lab.machine import tool_version
from k8snet_lessons.lab.needs import GRPC, NAMESPACES, program
from k8snet_lessons.lab.traffic import PATIENCE_S, serve_datagrams, until_it_listens

BEFORE, AFTER, CHANNELS = 2, 20, 10
MAX_AGE_S = 1.0
PODS = tuple(f"10.244.2.{2 + number}" for number in range(AFTER))
_AGED = (("grpc.max_connection_age_ms", int(MAX_AGE_S * 1000)),
         ("grpc.max_connection_age_grace_ms", 5_000))  # fmt: skip
_TURNS = (("grpc.lb_policy_name", "round_robin"),)
_ASK_SOON = (("grpc.dns_min_time_between_resolutions_ms", 1_000),)


@dataclass(frozen=True)
class Case:
    """One way for requests to come to pods.

    Attributes
    ----------
    name : str
    target : str
        What the client's channels are opened to.
    options : tuple
        Of the client's channels.
    seconds : float
        How long to go on after the change from 2 pods to 20.
    at_least : int
        Go on until so many pods have answered.
    """

    name: str
    target: str
    options: tuple[tuple[str, Any], ...] = ()
    seconds: float = 4.0
    at_least: int = 0


def _headless(port: int) -> str:
    return f"dns://{NODE_IP}:{DNS_PORT}/pay.lab.svc.cluster.local:{port}"


def cases(quick: bool) -> list[Case]:
    """What is tried, in order."""
    tried = [
        Case("a Service", f"ipv4:{CLUSTER_IP}:{PORT}"),
        Case("a Service, age 1 s", f"ipv4:{CLUSTER_IP}:{AGED_PORT}", (), 30.0),
        Case("HAProxy", f"ipv4:{NODE_IP}:{HAPROXY_PORT}"),
        Case("Envoy", f"ipv4:{NODE_IP}:{ENVOY_PORT}"),
        Case("headless, pick_first", _headless(PORT)),
        Case("headless, round_robin", _headless(PORT), _TURNS),
        Case("headless, round_robin, age 1 s, asks each second", _headless(AGED_PORT),
             (*_TURNS, *_ASK_SOON), at_least=AFTER),
        Case("headless, round_robin, age 1 s", _headless(AGED_PORT), _TURNS, 36.0),
    ]  # fmt: skip
    if envoy_program() is None:
        tried = [each for each in tried if each.name != "Envoy"]
    if quick:  # all but the one that waits for half a minute, and shorter
        return [replace(each, seconds=min(each.seconds, 1.6)) for each in tried[:-1]]
    return tried


class _World:
    """Client, node and pods, and what has to be told when there are more pods."""

    def __init__(self, topology: Topology, seed: int) -> None:
        self.folder: Path = topology.directory
        self.client, self.node, self.pods = (
            topology.host(name) for name in ("client", "node", "pods")
        )
        topology.connect(self.client, self.node, "10.244.1.2/24", f"{NODE_IP}/24",
                         ("eth0", "veth1"))  # fmt: skip
        topology.connect(self.node, self.pods, "10.244.2.1/24", f"{PODS[0]}/24",
                         ("veth2", "eth0"))  # fmt: skip
        add_route(self.client, "default", NODE_IP)
        add_route(self.pods, "default", "10.244.2.1")
        self.node.set_sysctl("net.ipv4.ip_forward", 1)
        self.pods.call(_more_addresses, PODS[1:])
        self.pods.background(serve_pods, PODS, PORT, ())
        self.pods.background(serve_pods, PODS, AGED_PORT, _AGED)
        self.endpoints = self.folder / "pods.json"
        self.questions = self.folder / "questions"
        self.envoy_endpoints = self.folder / "endpoints.json"
        self.control = self.folder / "haproxy.sock"
        self._start(seed)

    def _start(self, seed: int) -> None:
        self.questions.write_text("")
        self.endpoints.write_text(json.dumps(PODS[:BEFORE]))
        serve_datagrams(self.node, name_server, NODE_IP, DNS_PORT, str(self.endpoints),
                        str(self.questions), seed)  # fmt: skip
        config = self.folder / "haproxy.cfg"
        config.write_text(haproxy_config(PODS, BEFORE, self.control))
        self.node.launch(["haproxy", "-db", "-f", str(config)])
        until_it_listens(self.node, HAPROXY_PORT)
        envoy = envoy_program()
        if envoy is not None:
            write_envoy_endpoints(self.envoy_endpoints, PODS[:BEFORE])
            bootstrap = self.folder / "envoy.json"
            bootstrap.write_text(envoy_config(self.envoy_endpoints))
            self.node.launch([envoy, "-c", str(bootstrap), "--concurrency", "1",
                              "--disable-hot-restart"])  # fmt: skip
            until_it_listens(self.node, ENVOY_PORT)
        for port in (PORT, AGED_PORT):
            self.pods.call(_until_it_accepts, PODS[-1], port)

    def become(self, known: int, case: Case) -> None:
        """Let there be that many pods, for whoever matters in this case."""
        if case.name == "HAProxy":
            if known > BEFORE:
                self.node.call(enable_in_haproxy, str(self.control), range(BEFORE, known))
        elif case.name == "Envoy":
            write_envoy_endpoints(self.envoy_endpoints, PODS[:known])
        elif case.name.startswith("headless"):
            self.endpoints.write_text(json.dumps(PODS[:known]))
        else:
            self.node.run(["iptables-restore"], service_rules(PODS[:known]))

    def asked_after_s(self, since: float) -> list[float]:
        """When DNS was asked, counted from an instant."""
        at = [float(line) for line in self.questions.read_text().split()]
        return [round(each - since, 2) for each in at if each >= since - 0.5]


def _body(run: Run) -> Result:
    per_s, before_s = 400.0, 0.6 if run.quick else 2.0
    trials = 30 if run.quick else 400
    series: list[Series] = []
    unanswered: dict[str, int] = {}
    asked: dict[str, list[float]] = {}
    tried, envoy = cases(run.quick), envoy_program()
    with Topology() as topology:
        world = _World(topology, run.seed)
        for done, case in enumerate(tried):
            run.progress(0.9 * done / len(tried), case.name)
            world.become(BEFORE, case)
            begin = time.monotonic()
            seconds = before_s + case.seconds
            ready = world.folder / f"asked-{done}"
            world.client.start(ask, case.target, case.options, CHANNELS, per_s, seconds,
                               str(ready), case.at_least)  # fmt: skip
            until_there(ready)
            time.sleep(before_s)
            world.become(AFTER, case)
            changed = time.monotonic()
            answered = world.client.result(seconds + 90)
            series += _series(case, answered, changed)
            if case.name == "a Service, age 1 s":
                series.append(
                    Series("between two pods", "s", {"case": case.name}, _lives(answered))
                )
            unanswered[case.name] = sum(pod < 0 for _, pod in answered)
            if case.name.startswith("headless"):
                asked[case.name] = world.asked_after_s(begin)
        run.progress(0.9, "ten channels opened anew, again and again")
        fresh = world.client.call(
            open_again, f"ipv4:{CLUSTER_IP}:{PORT}", CHANNELS, trials, timeout_s=120
        )
        series.append(Series("idle pods", "pods", {"case": "channels opened on 20 pods"},
                             tuple(AFTER - len(set(trial) - {-1}) for trial in fresh)))  # fmt: skip
        run.progress(0.95, "pods that leave, with and without preStop")
        gone, lost, meanwhile = leaving(
            world.client, world.node, world.pods, PODS, _until_it_accepts
        )
        series += gone
    return Result(
        parameters={
            "pods_before": BEFORE, "pods_after": AFTER, "channels": CHANNELS,
            "requests_per_s": per_s, "seconds_before": before_s, "trials": trials,
            "max_connection_age_s": MAX_AGE_S,
            "leaving": {"pods": AFTER, "of_which_leave": AFTER // 2,
                        "requests_per_s": LEAVING_PER_S, "rules_follow_after_s": NEWS_S},
            "grpcio": version("grpcio"),
            "envoy": tool_version(envoy) if envoy else "not installed",
            "rules": "kube-proxy's, as the course programs them, by iptables-restore",
        },
        series=tuple(series),
        findings={"unanswered": unanswered, "dns_asked_at_s": asked, "unanswered_leaving": lost,
                  "asked_while_the_rules_named_the_gone": meanwhile},
    )  # fmt: skip


def _series(case: Case, answered: list[tuple[float, int]], changed: float) -> list[Series]:
    """Requests by pod before and after the change, and idle pods in each second after it."""
    seconds = [
        _counts(answered, changed + second, changed + second + 1)
        for second in range(int(case.seconds))
    ]
    before, after = _counts(answered, 0.0, changed), _counts(answered, changed, math.inf)
    return [
        Series("requests", "requests", {"case": case.name, "pods": BEFORE}, before),
        Series("requests", "requests", {"case": case.name, "pods": AFTER}, after),
        Series("idle pods", "pods", {"case": case.name}, tuple(each.count(0) for each in seconds)),
    ]


def _counts(answered: list[tuple[float, int]], begin: float, end: float) -> tuple[int, ...]:
    """Answers of each pod to what was asked within a span of time."""
    counts = [0] * AFTER
    for at, pod in answered:
        if pod >= 0 and begin <= at < end:
            counts[pod] += 1
    return tuple(counts)


def _lives(answered: list[tuple[float, int]]) -> tuple[float, ...]:
    """How long each channel went on with one pod, from a change of pod to the next.

    A connection that is opened to the same pod again does not show: that gives twice a life.
    """
    lives = []
    for channel in range(CHANNELS):
        mine = answered[channel::CHANNELS]
        changes = [at for (_, before), (at, pod) in pairwise(mine) if pod != before]
        lives += [round(end - begin, 3) for begin, end in pairwise(changes)]
    return tuple(lives)


def _until_it_accepts(address: str, port: int) -> None:
    """Wait for the last server to be started."""
    deadline = time.monotonic() + PATIENCE_S
    while True:
        try:
            socket.create_connection((address, port), timeout=5).close()
            return
        except OSError:
            if time.monotonic() > deadline:
                raise
            time.sleep(0.05)


def _more_addresses(addresses: tuple[str, ...]) -> None:
    from pyroute2 import IPRoute

    with IPRoute() as netlink:
        index = netlink.link_lookup(ifname="eth0")[0]
        for address in addresses:
            netlink.addr("add", index=index, address=address, prefixlen=24)


GRPC_PINNING = Experiment(
    name="grpc-pinning",
    question="Which pods do gRPC requests come to when two pods become twenty?",
    limits=(
        "Twenty gRPC servers share one process and one address each, so it counts who is asked "
        "and says nothing of latency; the maximum age is 1 s, where production uses minutes."
    ),
    needs=(NAMESPACES, GRPC, program("iptables-restore", "haproxy")),
    tools=("iptables-restore", "haproxy"),
    bound_s=(300.0, 120.0),
    body=_body,
)
